//! Exchanges → outcomes, played natively.

#![allow(clippy::indexing_slicing, clippy::unwrap_used)]

#[path = "policy/random.rs"]
mod random;

use std::rc::Rc;

use model_router::ModelRouter;
use serde_json::{Value, json};
use weir_policy::Policy;
use weir_testkit::script::{Message, Outcome, Play, all_cuts};

fn router(config: &Value) -> Rc<ModelRouter> {
    Rc::new(ModelRouter::configure(config.to_string().as_bytes()).unwrap())
}

const CHAT: &str = "/v1/chat/completions";

fn chat(model: &str) -> Message {
    Message::post(CHAT, json!({"model": model, "messages": []}).to_string())
}

fn ok(_: &Message) -> Message {
    Message::answer("application/json", r#"{"id":"x","model":"upstream-name"}"#)
}

fn play(config: &Value, request: &Message) -> Outcome {
    Play::default().run(&router(config), request, ok)
}

fn catalogue() -> Value {
    json!({
        "gpt-4.1": {"provider": "openai", "context_window": 1_000_000,
                    "price": {"input_usd_per_mtok": 2, "output_usd_per_mtok": 8}},
        "gpt-4.1-mini": {"provider": "openai", "upstream_model": "gpt-4.1-mini-2025-04-14",
                         "aliases": ["fast", "mini-*"], "context_window": 10_000,
                         "price": {"input_usd_per_mtok": 0.4, "output_usd_per_mtok": 1.6}},
        "nano": {"provider": "local", "context_window": 1000, "abilities": ["stream"],
                 "price": {"input_usd_per_mtok": 0.1, "output_usd_per_mtok": 0.4}},
        "claude-sonnet-4": {"provider": "anthropic"},
    })
}

#[test]
fn models_and_aliases() {
    let config = json!({"models": catalogue()});
    for (asked, sent, header, provider) in [
        ("gpt-4.1", "gpt-4.1", "gpt-4.1", "openai"),
        ("fast", "gpt-4.1-mini-2025-04-14", "gpt-4.1-mini", "openai"),
        (
            "mini-2025",
            "gpt-4.1-mini-2025-04-14",
            "gpt-4.1-mini",
            "openai",
        ),
        (
            "claude-sonnet-4",
            "claude-sonnet-4",
            "claude-sonnet-4",
            "anthropic",
        ),
    ] {
        let outcome = play(&config, &chat(asked));
        let body: Value = serde_json::from_str(&outcome.sent_body()).unwrap();
        assert_eq!(body["model"], sent, "{asked}");
        assert_eq!(outcome.sent_header("x-ai-model"), header, "{asked}");
        assert_eq!(outcome.sent_header("x-ai-provider"), provider, "{asked}");
        assert_eq!(outcome.sent_header("x-ai-api"), "openai_chat");
        assert_eq!(outcome.fact("model"), asked);
        assert_eq!(outcome.fact("upstream_model"), sent);
        assert_eq!(outcome.fact("response_model"), "upstream-name");
        assert_eq!(outcome.fact("verdict"), "allowed");
        let counter = format!(
            "weir_requests_total;filter=model-router;api=openai_chat;model={header};provider={provider};verdict=allowed"
        );
        assert_eq!(
            outcome.counters.get(&counter),
            Some(&1),
            "{:?}",
            outcome.counters
        );
    }
}

#[test]
fn an_unknown_model_is_404_unless_told_otherwise() {
    let message = "The model `gpt-9` does not exist or you do not have access to it.";
    let outcome = play(&json!({"models": catalogue()}), &chat("gpt-9"));
    assert_eq!(outcome.status(), "404");
    let error: Value = serde_json::from_slice(&outcome.got.body).unwrap();
    assert_eq!(error["error"]["code"], "model_not_found");
    assert_eq!(error["error"]["message"], message);
    assert_eq!(outcome.got.header("details"), "weir_model_not_found");
    assert_eq!(
        (outcome.fact("verdict"), outcome.fact("rule")),
        ("denied", "unknown_models")
    );
    assert!(outcome.sent.is_none());

    for config in [
        json!({}),
        json!({"models": catalogue(), "unknown_models": "pass"}),
        json!({"models": catalogue(), "rules": [{"name": "r", "match": {"model": "gpt-*"}, "to": {"provider": "p"}}]}),
    ] {
        let outcome = play(&config, &chat("gpt-9"));
        assert_eq!(outcome.sent_header("x-ai-model"), "gpt-9", "{config}");
    }
    // A rule that does not name the model does not make it known.
    let config = json!({"models": catalogue(), "rules": [{"name": "r", "to": {"provider": "p"}}]});
    assert_eq!(play(&config, &chat("gpt-9")).status(), "404");
}

#[test]
fn the_first_rule_that_matches_decides() {
    let config = json!({
        "identity": [{"header": "x-team"}],
        "on_missing_identity": "skip",
        "models": catalogue(),
        "rules": [
            {"name": "shadowed", "match": {"identity": "intern"}, "deny": {}, "shadow": true},
            {"name": "no-tools", "match": {"identity": "batch*", "tools": true}, "deny": {"message": "No tools for you."}},
            {"name": "gold", "match": {"headers": {"X-Tier": "gold*"}}, "to": {"provider": "reserved", "route": "gold"}},
            {"name": "images", "match": {"images": true}, "to": {"model": "gpt-4.1"}},
            {"name": "long", "match": {"prompt_tokens": {"min": 1000, "max": 2000}}, "to": {"route": "long"}},
            {"name": "anthropic", "match": {"api": ["anthropic_messages"], "stream": true}, "to": {"route": "claude-stream"}},
            {"name": "by-model", "match": {"model": ["claude-*", "gpt-4.1-mini"]}, "to": {"route": "named"}},
        ],
    });
    let with = |extra: Value| {
        let mut body = json!({"model": "gpt-4.1", "messages": [{"role": "user", "content": "hi"}]});
        body.as_object_mut()
            .unwrap()
            .extend(extra.as_object().unwrap().clone());
        Message::post(CHAT, body.to_string())
    };
    let image = json!({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x/y"}}]}]});
    let tools = json!({"tools": [{"type": "function", "function": {"name": "f"}}]});
    let words = json!({"messages": [{"role": "user", "content": "word ".repeat(1000)}]});
    let anthropic = Message::post(
        "/v1/messages",
        r#"{"model":"gpt-4.1","max_tokens":1,"stream":true,"messages":[]}"#,
    );
    for (request, rule, route, provider) in [
        (with(json!({})), "", "", "openai"),
        (
            with(json!({})).with("x-team", "intern"),
            "shadowed",
            "",
            "openai",
        ),
        (with(tools.clone()).with("x-team", "web"), "", "", "openai"),
        (
            with(json!({})).with("x-tier", "gold-1"),
            "gold",
            "gold",
            "reserved",
        ),
        (with(image), "images", "", "openai"),
        (with(words), "long", "long", "openai"),
        (anthropic, "anthropic", "claude-stream", "openai"),
        (chat("claude-sonnet-4"), "by-model", "named", "anthropic"),
        (chat("fast"), "by-model", "named", "openai"),
    ] {
        let outcome = play(&config, &request);
        let shown = String::from_utf8_lossy(&request.body);
        assert_eq!(outcome.fact("rule"), rule, "{shown}");
        assert_eq!(outcome.sent_header("x-ai-route"), route, "{shown}");
        assert_eq!(outcome.sent_header("x-ai-provider"), provider, "{shown}");
    }
    let shadowed = play(&config, &with(json!({})).with("x-team", "intern"));
    assert_eq!(shadowed.fact("verdict"), "shadow_denied");
    let denied = play(&config, &with(tools).with("x-team", "batch-7"));
    assert_eq!(denied.status(), "403");
    assert!(String::from_utf8_lossy(&denied.got.body).contains("No tools for you."));
    assert_eq!(
        denied.log,
        ["model-router: rule `no-tools` denies this request (weir_rule_denied)"]
    );
}

#[test]
fn a_split_is_sticky_and_fair() {
    let config = json!({
        "identity": [{"header": "x-user"}],
        "models": catalogue(),
        "rules": [{"name": "ab", "sticky": "identity", "to": [
            {"weight": 3, "route": "a"}, {"weight": 1, "model": "gpt-4.1-mini", "route": "b"},
        ]}],
    });
    let router = router(&config);
    let route = |user: usize, random: u64| {
        let request = chat("gpt-4.1").with("x-user", user.to_string());
        let play = Play {
            random,
            ..Play::default()
        };
        play.run(&router, &request, ok)
            .sent_header("x-ai-route")
            .to_owned()
    };
    let mut to_b = 0;
    for user in 0..1000 {
        let first = route(user, 1);
        assert_eq!(first, route(user, 7), "user {user}");
        to_b += usize::from(first == "b");
    }
    // Binomial, n = 1000, p = 1/4: five standard deviations are 68.
    assert!((182..=318).contains(&to_b), "{to_b}");
}

#[test]
fn a_split_without_anything_to_stick_to_is_left_to_chance() {
    let config = json!({"models": catalogue(), "rules": [{"name": "ab", "to": [
        {"weight": 3, "route": "a"}, {"weight": 1, "route": "b"},
    ]}]});
    for (random, route) in [(0, "a"), (2, "a"), (3, "b"), (4, "a"), (7, "b")] {
        let play = Play {
            random,
            ..Play::default()
        };
        let outcome = play.run(&router(&config), &chat("gpt-4.1"), ok);
        assert_eq!(outcome.sent_header("x-ai-route"), route, "{random}");
    }
}

#[test]
fn the_cheapest_that_fits() {
    let config = json!({
        "models": catalogue(),
        "rules": [{"name": "auto", "match": {"model": "auto"},
                   "to": {"cheapest_of": ["gpt-4.1", "gpt-4.1-mini", "nano"]}}],
    });
    let body = |words: usize, extra: Value| {
        let mut body = json!({"model": "auto", "messages": [{"role": "user", "content": "word".repeat(words)}]});
        body.as_object_mut()
            .unwrap()
            .extend(extra.as_object().unwrap().clone());
        Message::post(CHAT, body.to_string())
    };
    for (request, model) in [
        (body(10, json!({})), "nano"),
        (body(10, json!({"max_tokens": 2000})), "gpt-4.1-mini"),
        (body(2000, json!({})), "gpt-4.1-mini"),
        (body(20_000, json!({})), "gpt-4.1"),
        (
            body(10, json!({"tools": [{"type": "function"}]})),
            "gpt-4.1-mini",
        ),
        (body(10, json!({"stream": true})), "nano"),
    ] {
        let outcome = play(&config, &request);
        assert_eq!(
            outcome.sent_header("x-ai-model"),
            model,
            "{}",
            request.body.len()
        );
    }
    let outcome = play(&config, &body(10, json!({"max_tokens": 2_000_000})));
    assert_eq!(outcome.status(), "400");
    let error: Value = serde_json::from_slice(&outcome.got.body).unwrap();
    assert_eq!(error["error"]["code"], "context_length_exceeded");
    // The exact count of an earlier filter beats the estimate.
    let mut counted = Play::default();
    let fact = "filter_state/wasm.weir.input_tokens".to_owned();
    counted.attributes.insert(fact, "9999".to_owned());
    let outcome = counted.run(&router(&config), &body(10, json!({})), ok);
    assert_eq!(outcome.sent_header("x-ai-model"), "gpt-4.1-mini");
}

/// Without a `price`, the built-in table has one: by the name and provider of the upstream, with
/// its thresholds.
#[test]
fn the_cheapest_by_listed_prices() {
    let config = json!({
        "models": {
            "gemini": {"provider": "gemini", "upstream_model": "gemini-2.5-pro"},
            "gpt": {"provider": "eu-openai", "upstream_model": "gpt-4.1-2025-04-14"},
            "gpt-dear": {"provider": "openai", "upstream_model": "gpt-4.1-nano",
                         "price": {"input_usd_per_mtok": 100, "output_usd_per_mtok": 100}},
            "home": {"provider": "local", "price": {"input_usd_per_mtok": 0, "output_usd_per_mtok": 0}},
        },
        "rules": [
            {"name": "free", "match": {"model": "free"}, "to": {"cheapest_of": ["gpt", "home"]}},
            {"name": "auto", "match": {"model": "auto"},
             "to": {"cheapest_of": ["gpt-dear", "gpt", "gemini"]}},
        ],
    });
    for (asked, prompt_tokens, model) in [
        // Listed: gemini 1.25 and 10 dollars for a million, gpt 2 and 8.
        ("auto", 10_000, "gemini"),
        // Above 200,000 tokens gemini asks 2.50 and 15.
        ("auto", 250_000, "gpt"),
        ("free", 10_000, "home"),
    ] {
        let mut counted = Play::default();
        let fact = "filter_state/wasm.weir.input_tokens".to_owned();
        counted.attributes.insert(fact, prompt_tokens.to_string());
        let outcome = counted.run(&router(&config), &chat(asked), ok);
        let sent = outcome.sent_header("x-ai-model");
        assert_eq!(sent, model, "{asked} with {prompt_tokens}");
    }
}

#[test]
fn access_is_by_identity() {
    let config = json!({
        "identity": [{"header": "x-team"}],
        "models": catalogue(),
        "access": [
            {"identity": "ops"},
            {"identity": "web", "allow": ["gpt-*"], "deny": ["gpt-4.1"]},
        ],
    });
    for (team, model, status, details) in [
        (Some("ops"), "claude-sonnet-4", "200", ""),
        (Some("web"), "fast", "200", ""),
        (Some("web"), "gpt-4.1", "403", "weir_model_denied"),
        (Some("web"), "claude-sonnet-4", "403", "weir_model_denied"),
        (Some("other"), "fast", "403", "weir_model_denied"),
        (None, "fast", "401", "weir_missing_identity"),
    ] {
        let mut request = chat(model);
        if let Some(team) = team {
            request = request.with("x-team", team);
        }
        let outcome = play(&config, &request);
        assert_eq!(outcome.status(), status, "{team:?} {model}");
        assert_eq!(outcome.got.header("details"), details, "{team:?} {model}");
    }
}

#[test]
fn callers_see_their_own_models() {
    let config = json!({
        "identity": [{"header": "x-team"}],
        "models": catalogue(),
        "access": [{"identity": "web", "allow": ["fast", "claude-*"]}, {"identity": "ops"}],
    });
    let get = |path: &str| Message::new(&[(":method", "GET"), (":path", path)], "");
    let names = |request: Message, list: &str, id: &str| {
        let outcome = play(&config, &request);
        let body: Value = serde_json::from_slice(&outcome.got.body).unwrap();
        let list = body[list].as_array().unwrap_or_else(|| panic!("{body}"));
        list.iter()
            .map(|m| m[id].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let web = |path: &str| get(path).with("x-team", "web");
    assert_eq!(
        names(web("/v1/models"), "data", "id"),
        ["claude-sonnet-4", "fast"]
    );
    assert_eq!(
        names(get("/v1/models").with("x-team", "ops"), "data", "id"),
        ["claude-sonnet-4", "fast", "gpt-4.1", "gpt-4.1-mini", "nano"]
    );
    assert_eq!(
        names(
            web("/v1/models").with("anthropic-version", "2023-06-01"),
            "data",
            "display_name"
        ),
        ["claude-sonnet-4", "fast"]
    );
    assert_eq!(
        names(web("/v1beta/models"), "models", "name"),
        ["models/claude-sonnet-4", "models/fast"]
    );
    assert_eq!(play(&config, &web("/v1/models/fast")).status(), "200");
    assert_eq!(play(&config, &web("/v1/models/gpt-4.1")).status(), "404");
    assert_eq!(play(&config, &get("/v1/models")).status(), "401");
    // A name that only a rule knows can be asked for, so it is listed.
    let rule =
        json!([{"name": "auto", "match": {"model": ["auto", "x-*"]}, "to": {"model": "nano"}}]);
    let config = json!({"models": {"nano": {}}, "rules": rule});
    let listed = play(&config, &get("/V1/Models/"));
    let body: Value = serde_json::from_slice(&listed.got.body).unwrap();
    assert_eq!(
        (
            &body["data"][0]["id"],
            &body["data"][1]["id"],
            &body["data"][2]
        ),
        (&json!("auto"), &json!("nano"), &Value::Null)
    );
    for (path, status) in [
        ("/v1/models/auto", "200"),
        ("/models", "200"),
        ("/v1/models/org/name", "404"),
    ] {
        assert_eq!(play(&config, &get(path)).status(), status, "{path}");
    }
    // Without a catalogue the question is the upstream's.
    let outcome = play(&json!({}), &get("/v1/models"));
    assert_eq!(outcome.status(), "200");
    assert!(outcome.sent.is_some());
}

#[test]
fn models_in_paths() {
    let config = json!({"models": {
        "gemini-2.5-flash": {"provider": "gemini", "aliases": ["flash"]},
        "dep": {"provider": "azure", "upstream_model": "dep-eu"},
        "nova": {"provider": "bedrock", "upstream_model": "arn:aws:bedrock:eu-west-1:1:inference-profile/eu.amazon.nova"},
    }});
    for (path, body, sent, provider, stream) in [
        (
            "/v1beta/models/flash:streamGenerateContent?alt=sse&key=k",
            r#"{"contents":[]}"#,
            "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse&key=k",
            "gemini",
            "true",
        ),
        (
            "/openai/deployments/dep/chat/completions?api-version=2024-10-21",
            r#"{"messages":[]}"#,
            "/openai/deployments/dep-eu/chat/completions?api-version=2024-10-21",
            "azure",
            "false",
        ),
        (
            "/model/nova/converse",
            r#"{"messages":[]}"#,
            "/model/arn%3Aaws%3Abedrock%3Aeu-west-1%3A1%3Ainference-profile%2Feu.amazon.nova/converse",
            "bedrock",
            "false",
        ),
    ] {
        let outcome = play(&config, &Message::post(path, body));
        assert_eq!(outcome.sent_header(":path"), sent);
        assert_eq!(outcome.sent_header("x-ai-provider"), provider);
        assert_eq!(outcome.sent_body(), body);
        assert_eq!(outcome.fact("stream"), stream);
    }
}

#[test]
fn routing_headers_of_clients_never_survive() {
    let config = json!({"headers": {"route": "x-lane"}, "models": catalogue()});
    let forged = |message: Message| {
        [
            "x-ai-model",
            "x-ai-provider",
            "x-ai-route",
            "x-ai-whatever",
            "x-lane",
        ]
        .iter()
        .fold(message, |m, name| {
            m.with(name, "forged").with(name, "twice")
        })
    };
    let foreign = Message::new(&[(":method", "GET"), (":path", "/static/a.css")], "");
    for request in [forged(chat("fast")), forged(foreign)] {
        let outcome = play(&config, &request);
        for (name, value) in &outcome.sent.unwrap().headers {
            assert!(!value.starts_with(b"forged") && value != b"twice", "{name}");
        }
    }
}

#[test]
fn unreadable_bodies() {
    for (request, status, text) in [
        (
            Message::post(CHAT, ""),
            "400",
            "The body is empty; a JSON object was expected.",
        ),
        (
            Message::post(CHAT, "[]"),
            "400",
            "The body is not a JSON object.",
        ),
        (
            Message::post(CHAT, "{\"model\":"),
            "400",
            "The body is not valid JSON at byte 9.",
        ),
        (
            Message::post(CHAT, b"{\"a\":\"\xff\"}"),
            "400",
            "The body is not UTF-8 at byte 6.",
        ),
        (
            Message::post(CHAT, r#"{"model":"a","model":"b"}"#),
            "400",
            "The key 'model' is given more than once.",
        ),
        (
            Message::post(CHAT, r#"{"model":7}"#),
            "400",
            "Invalid type for 'model': expected a string.",
        ),
        (
            Message::post(
                CHAT,
                format!("{{\"a\":{}1{}}}", "[".repeat(64), "]".repeat(64)),
            ),
            "400",
            "The body is nested deeper than 64 levels at byte 68.",
        ),
        (
            Message::post(CHAT, vec![b' '; 101]),
            "413",
            "The request body is larger than 100 bytes.",
        ),
        (
            chat("a").with("content-encoding", "gzip"),
            "400",
            "The request body must not be compressed: its content-encoding cannot be read here.",
        ),
        (
            Message::new(
                &[
                    (":method", "POST"),
                    (":path", CHAT),
                    ("content-type", "text/plain"),
                ],
                "{}",
            ),
            "415",
            "The content type of this request must be application/json in UTF-8.",
        ),
    ] {
        let mut config =
            json!({"max_body_bytes": if request.body.len() == 101 {100} else {10_000}});
        let outcome = play(&config, &request);
        let shown = String::from_utf8_lossy(&request.body).into_owned();
        assert_eq!(outcome.status(), status, "{shown}");
        let error: Value = serde_json::from_slice(&outcome.got.body).unwrap();
        assert_eq!(error["error"]["message"], text, "{shown}");
        assert_eq!(error["error"]["type"], "invalid_request_error");
        assert_eq!(outcome.fact("verdict"), "blocked");
        let unread =
            "weir_unreadable_bodies_total;filter=model-router;api=openai_chat;direction=request";
        assert_eq!(outcome.counters.get(unread), Some(&1), "{shown}");

        config["on_unreadable"] = "pass".into();
        let outcome = play(&config, &request);
        assert_eq!(outcome.status(), "200", "{shown}");
        assert_eq!(outcome.sent.unwrap().body, request.body);
        assert_eq!(outcome.counters.get(unread), Some(&1), "{shown}");
    }
}

#[test]
fn unusable_models() {
    for (body, text) in [
        (json!({}), "You must provide a model parameter."),
        (
            json!({"model": ""}),
            "The model name must be 1 to 256 bytes long.",
        ),
        (
            json!({"model": "x".repeat(257)}),
            "The model name must be 1 to 256 bytes long.",
        ),
        (
            json!({"model": "a\r\nx-ai-provider: b"}),
            "The model name holds characters that no model name has.",
        ),
        (
            json!({"model": "a\u{0}"}),
            "The model name holds characters that no model name has.",
        ),
    ] {
        let outcome = play(&json!({}), &Message::post(CHAT, body.to_string()));
        let error: Value = serde_json::from_slice(&outcome.got.body).unwrap();
        assert_eq!(
            (outcome.status(), error["error"]["message"].as_str()),
            ("400", Some(text)),
            "{body}"
        );
        assert_eq!(error["error"]["param"], "model");
    }
    let config = json!({"models": catalogue(), "default_model": "nano"});
    for (body, sent) in [
        ("{}", r#"{"model":"nano"}"#),
        (r#"{ "n": 1}"#, r#"{"model":"nano", "n": 1}"#),
    ] {
        assert_eq!(play(&config, &Message::post(CHAT, body)).sent_body(), sent);
    }
}

#[test]
fn credentials_must_be_one() {
    for name in [
        "authorization",
        "x-api-key",
        "api-key",
        "x-goog-api-key",
        "x-team",
    ] {
        let config = json!({"identity": [{"header": "x-team"}], "on_missing_identity": "skip"});
        let outcome = play(&config, &chat("m").with(name, "a").with(name, "b"));
        assert_eq!(outcome.status(), "400", "{name}");
        assert_eq!(outcome.got.header("details"), "weir_ambiguous_credentials");
    }
}

#[test]
fn foreign_requests_are_left_alone() {
    for (method, path) in [
        ("GET", CHAT),
        ("OPTIONS", CHAT),
        ("HEAD", "/v1/models"),
        ("POST", "/v1/files"),
        ("POST", "/pkg.Service/Method"),
        ("CONNECT", "/v1/chat/completions"),
    ] {
        let request = Message::new(
            &[
                (":method", method),
                (":path", path),
                ("content-type", "x/y"),
            ],
            "\u{1}",
        );
        let outcome = play(&json!({"models": catalogue()}), &request);
        assert_eq!(outcome.sent, Some(request), "{method} {path}");
        assert_eq!(
            (outcome.facts.len(), outcome.counters.len()),
            (0, 0),
            "{method} {path}"
        );
    }
}

#[test]
fn paths_of_the_operator() {
    let config =
        json!({"apis": [{"path": "/llm/*/ask", "api": "openai_chat"}], "models": catalogue()});
    for (path, provider) in [
        ("/llm/a/ask?x=1", "openai"),
        ("/llm//b/./%61sk/", "openai"),
        ("/other", ""),
    ] {
        let outcome = play(&config, &Message::post(path, r#"{"model":"fast"}"#));
        assert_eq!(outcome.sent_header("x-ai-provider"), provider, "{path}");
    }
}

#[test]
fn requests_may_come_in_any_pieces() {
    let config = json!({"models": catalogue()});
    let request = chat("fast");
    let expected = play(&config, &request);
    for request_cuts in all_cuts(request.body.len()) {
        for request_trailers in [false, true] {
            let mut play = Play {
                request_trailers,
                ..Play::default()
            };
            play.request_cuts.clone_from(&request_cuts);
            assert_eq!(
                play.run(&router(&config), &request, ok),
                expected,
                "{request_cuts:?}"
            );
        }
    }
}

const STREAM: &str = "event: a\ndata: {\"model\":\"up\",\"choices\":[{\"delta\":{\"content\":\"é \\\"model\\\": 1\"}}]}\n\n\
: ping\n\ndata: {\"id\":1,\ndata: \"model\":\"up\"}\n\ndata: {\"model\":\"up\",\"usage\":null}\n\ndata: [DONE]\n\n";

#[test]
fn the_model_is_put_back_in_every_event_however_it_is_cut() {
    let config = json!({"models": catalogue(), "restore_model": true});
    let router = router(&config);
    for end in ["\n", "\r\n"] {
        let stream = STREAM.replace('\n', end);
        let expected = stream.replace("\"model\":\"up\"", "\"model\":\"fast\"");
        for response_cuts in all_cuts(stream.len()) {
            for response_trailers in [false, true] {
                let play = Play {
                    response_cuts: response_cuts.clone(),
                    response_trailers,
                    ..Play::default()
                };
                let outcome = play.run(&router, &chat("fast"), |_| {
                    Message::answer("text/event-stream", stream.as_str())
                });
                assert_eq!(
                    String::from_utf8(outcome.got.body.clone()).unwrap(),
                    expected,
                    "{response_cuts:?}"
                );
                assert_eq!(outcome.fact("response_model"), "up");
                assert_ne!(outcome.fact("ttft_ms"), "");
            }
        }
    }
}

#[test]
fn the_model_is_put_back_in_json() {
    let config = json!({"models": catalogue(), "restore_model": true});
    let answer =
        r#"{"id":"x", "model" : "up\u002d1", "usage":{"prompt_tokens":1,"completion_tokens":1}}"#;
    let router = router(&config);
    for response_cuts in all_cuts(answer.len()) {
        let play = Play {
            response_cuts: response_cuts.clone(),
            ..Play::default()
        };
        let outcome = play.run(&router, &chat("fast"), |_| {
            Message::answer("application/json", answer)
        });
        let expected = answer.replace("up\\u002d1", "fast");
        assert_eq!(
            String::from_utf8(outcome.got.body.clone()).unwrap(),
            expected,
            "{response_cuts:?}"
        );
        assert_eq!(outcome.fact("response_model"), "up-1");
    }
    // What cannot be read passes as it came.
    for answer in ["not json", "{\"model\":", "[1]", "", "{\"model\":7}"] {
        let outcome = Play::default().run(&router, &chat("fast"), |_| {
            Message::answer("application/json", answer)
        });
        assert_eq!(outcome.got.body, answer.as_bytes());
    }
}

#[test]
fn without_restore_an_answer_is_only_watched() {
    let router = router(&json!({"models": catalogue()}));
    for (media, answer) in [
        ("text/event-stream", STREAM),
        ("application/json", r#"{"model":"up","x":1}"#),
    ] {
        for response_cuts in all_cuts(answer.len()) {
            let play = Play {
                response_cuts,
                ..Play::default()
            };
            let outcome = play.run(&router, &chat("fast"), |_| Message::answer(media, answer));
            assert_eq!(outcome.got.body, answer.as_bytes());
            assert_eq!(
                outcome.got.header("content-length"),
                answer.len().to_string()
            );
            assert_eq!(outcome.fact("response_model"), "up");
        }
    }
}

#[test]
fn bad_configurations_name_their_place() {
    for (config, expected) in [
        (
            json!({"modles": {}}),
            "at `modles`: unknown field `modles`, expected one of",
        ),
        (
            json!({"hold": false}),
            "at `hold`: this filter sets headers that depend on the body",
        ),
        (
            json!({"max_body_bytes": 0}),
            "at `max_body_bytes`: must be between 1 and",
        ),
        (
            json!({"models": {"a": {"window": 1}}}),
            "at `models.a.window`: unknown field `window`",
        ),
        (
            json!({"models": {"a": {"context_window": "1k"}}}),
            "at `models.a.context_window`: invalid type: string \"1k\"",
        ),
        (
            json!({"models": {"a": {"aliases": ["b"]}, "b": {}}}),
            "at `models.a.aliases[0]`: `b` is the name of a model",
        ),
        (
            json!({"models": {"a": {"aliases": ["x*"]}, "b": {"aliases": ["x*"]}}}),
            "at `models.b.aliases[0]`: `x*` is an alias of `a` already",
        ),
        (
            json!({"models": {"a": {"price": {"input_usd_per_mtok": -1, "output_usd_per_mtok": 1}}}}),
            "at `models.a.price.input_usd_per_mtok`: a price is between 0 and 1000000",
        ),
        (
            json!({"models": {"a\n": {}}}),
            "at `models.a\n`: must be 1 to 256 bytes",
        ),
        (
            json!({"default_model": "a"}),
            "at `default_model`: `a` is not in `models`",
        ),
        (
            json!({"rules": [{"name": "r"}]}),
            "at `rules[0]`: exactly one of `to` and `deny` is needed",
        ),
        (
            json!({"rules": [{"to": {}}]}),
            "at `rules[0]`: missing field `name`",
        ),
        (
            json!({"rules": [{"name": "r", "to": {}}, {"name": "r", "to": {}}]}),
            "at `rules[1].name`: `r` is the name of an earlier rule",
        ),
        (
            json!({"rules": [{"name": "r", "to": {"modle": "x"}}]}),
            "at `rules[0].to.modle`: unknown field `modle`",
        ),
        (
            json!({"rules": [{"name": "r", "to": [{"weight": 1}, {"weight": 1, "model": "x"}]}]}),
            "at `rules[0].to[1].model`: `x` is not in `models`",
        ),
        (
            json!({"rules": [{"name": "r", "to": [{}]}]}),
            "at `rules[0].to[0]`: a target in a list needs a `weight`",
        ),
        (
            json!({"rules": [{"name": "r", "to": [{"weight": 0}]}]}),
            "at `rules[0].to[0].weight`: a target of weight 0 is never taken",
        ),
        (
            json!({"rules": [{"name": "r", "to": []}]}),
            "at `rules[0].to`: there is no target",
        ),
        (
            json!({"models": {"a": {}}, "rules": [{"name": "r", "to": {"cheapest_of": ["a"]}}]}),
            "at `rules[0].to.cheapest_of[0]`: `a` has no `price`, and the price table has none for `a`",
        ),
        (
            json!({"models": {"a": {"upstream_model": "gpt-4o", "provider": "groq"}},
                   "rules": [{"name": "r", "to": {"cheapest_of": ["a"]}}]}),
            "at `rules[0].to.cheapest_of[0]`: `a` has no `price`, and the price table has none for `gpt-4o` of `groq`",
        ),
        (
            json!({"rules": [{"name": "r", "match": {"model": "a b"}, "to": {}}]}),
            "at `rules[0].match.model`: bad glob `a b`: holds white space",
        ),
        (
            json!({"rules": [{"name": "r", "match": {"identity": "a"}, "to": {}}]}),
            "at `rules[0].match.identity`: there are no `identity` sources",
        ),
        (
            json!({"rules": [{"name": "r", "match": {"prompt_tokens": {"min": 2, "max": 1}}, "to": {}}]}),
            "at `rules[0].match.prompt_tokens`: `min` 2 is more than `max` 1",
        ),
        (
            json!({"identity": [{"header": "x-a"}], "access": [{}, {"identity": "a"}]}),
            "at `access[1]`: never reached: `access[0]` is for everybody",
        ),
        (
            json!({"access": [{"identity": "a"}, {}]}),
            "at `access[0].identity`: there are no `identity` sources",
        ),
        (
            json!({"rules": [{"name": "all", "to": {}}, {"name": "r", "deny": {}}]}),
            "at `rules[1]`: never reached: `rules[0]` is for every request",
        ),
        (
            json!({"rules": [{"name": "r", "match": {"headers": {"X-AI-Route": "vip"}}, "to": {}}]}),
            "at `rules`: `x-ai-route` is removed from every request",
        ),
        (
            json!({"identity": [{"header": "x-ai-user"}]}),
            "at `identity[0].header`: `x-ai-user` is removed from every request",
        ),
        (
            json!({"headers": {"model": "Content-Length"}}),
            "at `headers.model`: `content-length` has a meaning of its own",
        ),
        (
            json!({"apis": [{"path": "llm/x", "api": "openai_chat"}]}),
            "at `apis[0].path`: a path begins with `/` or `*`",
        ),
        (
            json!({"identity": [{"jwt_claim": ""}]}),
            "at `identity[0]`: `jwt_claim` wants the name of a claim",
        ),
        (
            json!({"headers": {"model": "x-a", "api": "X-A"}}),
            "at `headers`: two of the names are the same",
        ),
        (
            json!({"apis": [{"path": "/x", "api": "gemini_generate"}]}),
            "at `apis[0].api`: `gemini_generate` names its model in the path",
        ),
        (
            json!({"on_missing_identity": "shared"}),
            "at `on_missing_identity`: there are no `identity` sources",
        ),
    ] {
        let error = ModelRouter::configure(config.to_string().as_bytes())
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with(expected),
            "{config}\n got {error}\nwant {expected}"
        );
    }
}

/// A path model and a body model that differ are read as one by no two servers.
#[test]
fn the_body_says_what_the_path_says() {
    let config = json!({"models": {"mini": {}, "big": {}}, "access": [{"allow": "mini"}]});
    for path in [
        "/openai/deployments/mini/chat/completions",
        "/engines/mini/chat/completions",
    ] {
        let outcome = play(&config, &Message::post(path, r#"{"model":"big","n":1}"#));
        assert_eq!(outcome.sent_body(), r#"{"model":"mini","n":1}"#, "{path}");
        let denied = Message::post(&path.replace("mini", "big"), r#"{"model":"mini"}"#);
        assert_eq!(play(&config, &denied).status(), "403", "{path}");
    }
}

/// A name that only fits a pattern is the caller's invention: it permits nothing. The provider's
/// own name of a model forbids as much as the model's.
#[test]
fn names_a_caller_invents_permit_nothing() {
    let models = json!({
        "claude-sonnet-4": {"aliases": ["claude-sonnet-4-*", "sonnet"]},
        "gpt-4.1-mini": {"upstream_model": "gpt-4.1-mini-2025"},
    });
    for (access, unknown, asked, status) in [
        (
            json!({"allow": "*-mini"}),
            "reject",
            "claude-sonnet-4-mini",
            "403",
        ),
        (
            json!({"allow": "claude-*"}),
            "reject",
            "claude-sonnet-4-mini",
            "200",
        ),
        (json!({"allow": "sonnet"}), "reject", "sonnet", "200"),
        (
            json!({"deny": "*-4-mini"}),
            "reject",
            "claude-sonnet-4-mini",
            "403",
        ),
        (
            json!({"deny": "gpt-4.1-mini"}),
            "pass",
            "gpt-4.1-mini-2025",
            "403",
        ),
        (
            json!({"deny": "gpt-4.1-mini-2025"}),
            "pass",
            "gpt-4.1-mini",
            "403",
        ),
        (json!({"deny": "gpt-4.1-mini"}), "pass", "gpt-5", "200"),
    ] {
        let config = json!({"models": models, "unknown_models": unknown, "access": [access]});
        assert_eq!(
            play(&config, &chat(asked)).status(),
            status,
            "{config} {asked}"
        );
        // The same holds for rules, which permit or deny.
        let condition = |key: &str| json!({"model": access[key]});
        let (rule, denied) = if access["deny"].is_null() {
            (
                json!({"name": "r", "match": condition("allow"), "to": {"route": "yes"}}),
                "200",
            )
        } else {
            (
                json!({"name": "r", "match": condition("deny"), "deny": {}}),
                status,
            )
        };
        let config = json!({"models": models, "unknown_models": unknown, "rules": [rule]});
        let outcome = play(&config, &chat(asked));
        assert_eq!(outcome.status(), denied, "{config} {asked}");
        if access["deny"].is_null() {
            let route = if status == "200" { "yes" } else { "" };
            assert_eq!(outcome.sent_header("x-ai-route"), route, "{config} {asked}");
        }
    }
}

/// What a lax decoder takes for true must not count as false here.
#[test]
fn stream_is_a_boolean() {
    for (value, status) in [
        ("true", "403"),
        ("false", "200"),
        ("null", "200"),
        ("1", "400"),
        (r#""true""#, "400"),
    ] {
        let config = json!({"rules": [{"name": "r", "match": {"stream": true}, "deny": {}}]});
        for path in [CHAT, "/v1/completions", "/v1/responses", "/v1/messages"] {
            let body = format!(r#"{{"model":"m","stream":{value}}}"#);
            assert_eq!(
                play(&config, &Message::post(path, body)).status(),
                status,
                "{path} {value}"
            );
        }
    }
}

/// With `on_unreadable: pass` a model in the path is judged all the same.
#[test]
fn an_unreadable_body_does_not_hide_the_path() {
    let config = json!({
        "on_unreadable": "pass", "models": {"mini": {"provider": "g"}, "big": {}}, "access": [{"allow": "mini"}],
    });
    for body in ["[]", ""] {
        for (model, status) in [("mini", "200"), ("big", "403")] {
            let request = Message::post(&format!("/v1beta/models/{model}:generateContent"), body);
            let outcome = play(&config, &request);
            assert_eq!(outcome.status(), status, "{model} {body:?}");
            if status == "200" {
                assert_eq!(outcome.sent_header("x-ai-provider"), "g");
                assert_eq!(
                    (outcome.sent_body().as_str(), outcome.fact("rule")),
                    (body, "on_unreadable")
                );
            }
        }
    }
}

/// Gemini's stream without `alt=sse` is one JSON array; it is not held for a model in it.
#[test]
fn a_stream_that_is_an_array_is_not_held() {
    let config = json!({"models": {"g": {}}, "restore_model": true});
    let answer = r#"[{"modelVersion":"up"},
{"modelVersion":"up"}]"#;
    let request = Message::post("/v1beta/models/g:streamGenerateContent", "{}");
    let outcome = Play::default().run(&router(&config), &request, |_| {
        Message::answer("application/json", answer)
    });
    assert_eq!(outcome.got.body, answer.as_bytes());
    assert_eq!(
        outcome.got.header("content-length"),
        answer.len().to_string()
    );
}

#[test]
fn what_shadow_would_have_done_is_counted_and_logged() {
    let config = json!({
        "models": catalogue(),
        "access": [{"deny": "fast", "shadow": true}],
        "rules": [{"name": "r", "deny": {}, "shadow": true}],
    });
    let outcome = play(&config, &chat("fast"));
    assert_eq!(
        (
            outcome.status(),
            outcome.fact("verdict"),
            outcome.fact("rule")
        ),
        ("200", "shadow_denied", "access[0]")
    );
    for rule in ["access[0]", "r"] {
        let counter = format!(
            "weir_rule_matches_total;filter=model-router;rule={rule};verdict=shadow_denied"
        );
        assert_eq!(
            outcome.counters.get(&counter),
            Some(&1),
            "{:?}",
            outcome.counters
        );
        let line = format!("model-router: `{rule}` in shadow: shadow_denied");
        assert!(outcome.log.contains(&line), "{:?}", outcome.log);
    }
}

/// What was decided must be what is sent: else nothing is.
#[test]
fn a_host_that_refuses_a_header_gets_no_request() {
    let play = Play {
        refuse_header_changes: true,
        ..Play::default()
    };
    for request in [chat("fast"), chat("fast").with("x-ai-model", "forged")] {
        let outcome = play.run(&router(&json!({"models": catalogue()})), &request, ok);
        assert_eq!((outcome.status(), outcome.sent.is_none()), ("500", true));
        assert_eq!(outcome.got.header("details"), "weir_host_failure");
    }
}
