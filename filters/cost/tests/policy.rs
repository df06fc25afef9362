//! Exchanges → outcomes, played natively.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

use std::rc::Rc;

use cost::Cost;
use serde_json::{Value, json};
use weir_policy::{MemoryStore, Policy};
use weir_testkit::script::{BreaksOff, Message, Outcome, Play, all_cuts};

const CHAT: &str = "/v1/chat/completions";
const MESSAGES: &str = "/v1/messages";

/// A filter and the store it works on.
struct Bench {
    filter: Rc<Cost>,
    play: Play,
}

impl Bench {
    fn new(config: &Value) -> Self {
        let bench = Self {
            filter: Rc::new(Cost::configure(config.to_string().as_bytes()).unwrap()),
            play: Play {
                store: Rc::new(MemoryStore::default()),
                ..Play::default()
            },
        };
        bench.told("response/code_details", "via_upstream")
    }

    /// With this attribute.
    fn told(mut self, path: &str, value: &str) -> Self {
        let attributes = &mut self.play.attributes;
        attributes.insert(path.to_owned(), value.to_owned());
        self
    }

    fn run(&self, request: &Message, answer: &Message) -> Outcome {
        self.play.run(&self.filter, request, |_| answer.clone())
    }
}

/// A chat of 8 tokens.
fn chat(fields: &Value) -> Message {
    let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
    for (key, value) in fields.as_object().unwrap() {
        body[key] = value.clone();
    }
    Message::post(CHAT, body.to_string()).with("x-team", "a")
}

fn json_answer(body: &Value) -> Message {
    Message::answer("application/json", body.to_string())
}

fn used(prompt: u64, completion: u64) -> Message {
    json_answer(&json!({"choices": [], "usage": {"prompt_tokens": prompt,
        "completion_tokens": completion, "total_tokens": prompt + completion}}))
}

/// A dollar for a million tokens of the prompt, four for the answer: 1 and 4 micro-dollars each.
fn priced(fields: &Value) -> Value {
    let models = json!([{"match": "m*", "name": "other", "count_as": "gpt-4o"}]);
    let mut config = json!({"identity": [{"header": "x-team"}], "models": models, "prices": [
        {"match": "m*", "input_usd_per_mtok": 1, "output_usd_per_mtok": "4.0"}]});
    for (key, value) in fields.as_object().unwrap() {
        config[key] = value.clone();
    }
    config
}

fn costs(outcome: &Outcome) -> [&str; 3] {
    ["cost_picousd", "cost_usd", "priced"].map(|name| outcome.fact(name))
}

#[test]
fn an_exchange_costs_what_its_usage_says() {
    // Per million: gpt-4o 2.50, cached 1.25, 10. claude-sonnet-4-5: 3, write 3.75, 1h 6, read 0.30,
    // 15. gemini-2.5-flash 0.30, 2.50. text-embedding-3-small 0.02. gpt-5 in flex 0.625.
    let openai = |prompt: u64, completion: u64| json!({"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion});
    let mut cached = openai(1000, 100);
    cached["prompt_tokens_details"] = json!({"cached_tokens": 400});
    let anthropic = json!({"input_tokens": 10, "cache_creation_input_tokens": 100, "output_tokens": 20,
        "cache_creation": {"ephemeral_1h_input_tokens": 40}, "cache_read_input_tokens": 1000});
    let gemini = json!({"promptTokenCount": 1000, "candidatesTokenCount": 10,
        "thoughtsTokenCount": 90, "totalTokenCount": 1100});
    let generate = "/v1beta/models/gemini-2.5-flash:generateContent";
    let table = [
        (
            CHAT,
            "gpt-4o",
            json!({"usage": cached}),
            "0.003",
            3_000_000_000,
        ),
        (
            CHAT,
            "GPT-4o-2024-08-06",
            json!({"usage": openai(3, 1)}),
            "0.0000175",
            17_500_000,
        ),
        (
            MESSAGES,
            "claude-sonnet-4-5-20250929",
            json!({"usage": anthropic}),
            "0.001095",
            1_095_000_000,
        ),
        (
            generate,
            "",
            json!({"usageMetadata": gemini}),
            "0.00055",
            550_000_000,
        ),
        (
            "/v1/embeddings",
            "text-embedding-3-small",
            json!({"usage": openai(5, 0)}),
            "0.0000001",
            100_000,
        ),
        // The tier that was served is the one that is paid.
        (
            CHAT,
            "gpt-5",
            json!({"service_tier": "flex", "usage": openai(1000, 0)}),
            "0.000625",
            625_000_000,
        ),
    ];
    let bench = Bench::new(&json!({}));
    for (path, model, answer, usd, picos) in table {
        let body = json!({"model": model, "messages": [], "input": "x", "contents": [], "service_tier": "priority"});
        let request = Message::post(path, body.to_string());
        let outcome = bench.run(&request, &json_answer(&answer));
        assert_eq!(
            costs(&outcome),
            [&picos.to_string(), usd, "true"],
            "{answer}"
        );
        let counter = "weir_cost_picousd_total;model=other;provider=other;identity=other";
        assert_eq!(outcome.counters[counter], picos, "{answer}");
    }
}

#[test]
fn prices_of_the_configuration_come_first() {
    let config = json!({"prices": [
        {"match": "my-llama*", "input_usd_per_mtok": 0, "output_usd_per_mtok": 0},
        {"match": "deployment", "provider": "azure*", "same_as": "azure/gpt-4o"},
        {"match": "special", "input_usd_per_mtok": "1", "output_usd_per_mtok": 2.5,
         "cache_read_usd_per_mtok": 0.1, "reasoning_usd_per_mtok": 10},
    ]});
    let usage = json!({"usage": {
        "prompt_tokens": 1_000_000, "completion_tokens": 1_000_000, "total_tokens": 2_000_000,
        "prompt_tokens_details": {"cached_tokens": 500_000},
        "completion_tokens_details": {"reasoning_tokens": 100_000}}});
    for (model, provider, expected) in [
        ("my-llama-3", "", ["0", "0", "true"]),
        (
            "deployment",
            "azure-eu",
            ["11875000000000", "11.875", "true"],
        ),
        ("deployment", "openai", ["0", "0", "false"]),
        ("special", "", ["3800000000000", "3.8", "true"]),
        ("nobody-knows", "", ["0", "0", "false"]),
    ] {
        let bench = Bench::new(&config).told("filter_state/wasm.weir.provider", provider);
        let outcome = bench.run(&chat(&json!({"model": model})), &json_answer(&usage));
        assert_eq!(costs(&outcome), expected, "{model} {provider}");
        let mut counters = outcome.counters.keys();
        let unpriced = counters.any(|name| name.starts_with("weir_unpriced_requests_total"));
        assert_eq!(unpriced, expected[2] == "false", "{model}");
    }
    // An alias of the router's is priced by what is sent.
    let bench = Bench::new(&json!({})).told("filter_state/wasm.weir.upstream_model", "gpt-4o");
    let outcome = bench.run(&chat(&json!({"model": "fast"})), &used(1000, 0));
    assert_eq!(outcome.fact("cost_usd"), "0.0025");
}

#[test]
fn a_model_without_a_price() {
    let mut config = priced(&json!({"on_unpriced": "deny"}));
    let denied = Bench::new(&config).run(&chat(&json!({"model": "x"})), &used(1, 1));
    let decided = [denied.status(), denied.fact("verdict"), denied.fact("rule")];
    assert_eq!(decided, ["403", "denied", "on_unpriced"]);
    assert_eq!(denied.got.header("details"), "weir_unpriced");
    let known = Bench::new(&config).run(&chat(&json!({})), &used(1, 1));
    assert_eq!(known.status(), "200");
    config["on_unpriced"] = json!("allow");
    config["budgets"] = json!([{"name": "b", "usd": "0.000001", "window": "day"}]);
    let bench = Bench::new(&config);
    for _ in 0..3 {
        let allowed = bench.run(&chat(&json!({"model": "x"})), &used(1000, 1000));
        assert_eq!(
            (allowed.status(), costs(&allowed)),
            ("200", ["0", "0", "false"])
        );
    }
}

#[test]
fn a_budget_is_reserved_and_settled() {
    let team = json!({"name": "team", "usd": "0.001", "window": "day", "warn_at": 0.5});
    let mut bench = Bench::new(&priced(&json!({"budgets": [team]})));
    let ask = |cap: u64| chat(&json!({"max_tokens": cap}));
    // 8 + 4 * 48 micro-dollars at most, of a thousand.
    let first = bench.run(&ask(48), &used(8, 23));
    assert_eq!(
        (first.status(), costs(&first)),
        ("200", ["100000000", "0.0001", "true"])
    );
    assert_eq!(first.got.header("x-ai-budget-warning"), "");
    // 900 are left; 8 + 4 * 224 would be 904.
    let refused = bench.run(&ask(224), &used(0, 0));
    assert_eq!(refused.status(), "403");
    let body: Value = serde_json::from_slice(&refused.got.body).unwrap();
    assert_eq!(
        body,
        json!({"error": {
            "message": "You exceeded your current budget of 0.001 USD per day: 0.0009 USD are \
                        left, and this request may cost up to 0.000904 USD. It begins anew in \
                        1h46m40s.",
            "type": "insufficient_quota", "param": null, "code": "insufficient_quota",
        }})
    );
    for (name, value) in [
        ("x-should-retry", "false"),
        ("retry-after", "6400"),
        ("details", "weir_budget_exceeded"),
    ] {
        assert_eq!(refused.got.header(name), value, "{name}");
    }
    let facts = ["verdict", "rule", "cost_usd"].map(|name| refused.fact(name));
    assert_eq!(facts, ["limited", "team", "0"]);
    let line = "budget `team` has 0.0009 of 0.001 USD, 0.000904 may be needed";
    assert!(refused.log[0].contains(line), "{:?}", refused.log);
    // 223 fit, and leave nothing while the request is under way: a warning.
    let second = bench.run(&ask(223), &used(8, 223));
    assert_eq!(second.status(), "200");
    assert_eq!(second.got.header("x-ai-budget-warning"), "team");
    assert_eq!(second.got.header("x-ai-budget-remaining-usd"), "0");
    let warned = "weir_rule_matches_total;filter=cost;rule=team;verdict=warned";
    assert_eq!(second.counters[warned], 1);
    assert_eq!(bench.run(&ask(0), &used(8, 0)).status(), "403");
    // The next day all of it is there.
    bench.play.at_ms += 6_400_000;
    assert_eq!(bench.run(&ask(224), &used(0, 0)).status(), "200");
}

#[test]
fn what_can_be_dear_is_reserved_dear() {
    let config = json!({"budgets": [
        {"name": "b", "usd": 1000, "window": "forever", "per": [], "warn_at": 0}]});
    let reserved = |path: &str, body: Value| {
        // Everything warns, and so tells what is left.
        let request = Message::post(path, body.to_string());
        let outcome = Bench::new(&config).run(&request, &used(0, 0));
        let left = outcome.got.header("x-ai-budget-remaining-usd");
        1000.0 - left.parse::<f64>().unwrap()
    };
    let message = json!([{"role": "user", "content": "x"}]);
    // claude-sonnet-4-5: the answer at 15 dollars a million.
    let claude = |messages: &Value, cap: u64| {
        let body =
            json!({"model": "claude-sonnet-4-5-20250929", "max_tokens": cap, "messages": messages});
        reserved(MESSAGES, body)
    };
    let plain = claude(&message, 1000);
    assert!((0.015..0.0152).contains(&plain), "{plain}");
    // Written to a cache the prompt costs a quarter more, for an hour twice as much.
    let long = "word ".repeat(1000);
    let cached = |control: Value| {
        let block = json!([{"type": "text", "text": long, "cache_control": control}]);
        claude(&json!([{"role": "user", "content": block}]), 0)
    };
    let minutes = cached(json!({"type": "ephemeral"}));
    let hour = cached(json!({"type": "ephemeral", "ttl": "1h"}));
    let text = claude(
        &json!([{"role": "user", "content": [{"type": "text", "text": long}]}]),
        0,
    );
    assert!(text < minutes && minutes < hour, "{text} {minutes} {hour}");
    // Priority is dearer, when it is asked for; three answers cost three times one.
    let openai = |model: &str, tier: &str, n: u64| {
        let body = json!({"model": model, "max_completion_tokens": 1000, "service_tier": tier,
                          "n": n, "messages": message});
        reserved(CHAT, body)
    };
    assert!(openai("gpt-5", "priority", 1) > openai("gpt-5", "default", 1));
    assert!(openai("gpt-4o", "auto", 3) > 2.9 * openai("gpt-4o", "auto", 1));
}

#[test]
fn the_cost_is_told_where_it_is_asked_for() {
    // In headers, which are held.
    let held = Bench::new(&priced(&json!({"hold": true})));
    let outcome = held.run(&chat(&json!({})), &used(8, 23));
    for (name, value) in [
        ("x-ai-cost-usd", "0.0001"),
        ("x-ai-input-tokens", "8"),
        ("x-ai-output-tokens", "23"),
        ("x-ai-total-tokens", "31"),
    ] {
        assert_eq!(outcome.got.header(name), value, "{name}");
    }
    assert_eq!(outcome.got.body, used(8, 23).body);
    let unpriced = held.run(&chat(&json!({"model": "x"})), &used(8, 23));
    assert_eq!(unpriced.got.header("x-ai-cost-usd"), "");
    assert_eq!(unpriced.got.header("x-ai-total-tokens"), "31");
    // In the usage, of every API.
    let bench = Bench::new(&priced(&json!({"cost_in_usage": true})));
    let openai = r#""usage":{"prompt_tokens":8,"completion_tokens":23,"total_tokens":31"#;
    let gemini =
        r#""usageMetadata":{"promptTokenCount":8,"candidatesTokenCount":23,"totalTokenCount":31"#;
    for (path, usage, noted) in [
        (CHAT, openai, true),
        (
            "/v1/responses",
            r#""usage":{"input_tokens":8,"output_tokens":23,"total_tokens":31 "#,
            true,
        ),
        (
            MESSAGES,
            r#""usage":{"input_tokens":8,"output_tokens":23"#,
            true,
        ),
        ("/v1beta/models/m:generateContent", gemini, true),
        (
            "/model/m/converse",
            r#""usage":{"inputTokens":8,"outputTokens":23,"totalTokens":31"#,
            true,
        ),
        // What makes no sense is not priced.
        (
            CHAT,
            r#""usage":{"prompt_tokens":-8,"completion_tokens":23,"total_tokens":31"#,
            false,
        ),
    ] {
        let body = json!({"model": "m", "messages": [], "input": "", "contents": []});
        let request = Message::post(path, body.to_string());
        let (before, after) = (format!(r#"{{"id":"x",{usage}"#), r#"},"z":[1, 2.0]}"#);
        let answer = Message::answer("application/json", format!("{before}{after}"));
        let outcome = bench.run(&request, &answer);
        let note = if noted { r#","cost":0.0001"# } else { "" };
        let got = String::from_utf8_lossy(&outcome.got.body).into_owned();
        assert_eq!(got, format!("{before}{note}{after}"), "{path}");
    }
}

/// Streams: the cost beside the usage that the caller sees, none where it did not ask, and in
/// trailers.
#[test]
fn streams_tell_their_cost_at_the_end() {
    let text = r#"data: {"choices":[{"delta":{"content":"a"}}]}"#;
    let usage = r#"{"prompt_tokens":8,"completion_tokens":23,"total_tokens":31"#;
    let chat_stream = |note: &str| {
        format!("{text}\n\ndata: {{\"choices\":[],\"usage\":{usage}{note}}}}}\n\ndata: [DONE]\n\n")
    };
    let start = r#"data: {"type":"message_start","message":{"model":"m","usage":{"input_tokens":8,"output_tokens":1}}}"#;
    let delta = r#"data: {"type":"message_delta","usage":{"output_tokens":23"#;
    let anthropic = |note: &str| {
        format!("event: message_start\n{start}\n\nevent: message_delta\n{delta}{note}}}}}\n\n")
    };
    let bench = Bench::new(&priced(&json!({"cost_in_usage": true, "trailers": true})));
    let asked = chat(&json!({"stream": true, "stream_options": {"include_usage": true}}));
    let body = json!({"model": "m", "stream": true, "messages": []});
    let messages = Message::post(MESSAGES, body.to_string());
    let note = ",\"cost\":0.0001";
    for (request, stream, expected) in [
        (&asked, chat_stream(""), chat_stream(note)),
        (
            &chat(&json!({"stream": true})),
            chat_stream(""),
            format!("{text}\n\ndata: [DONE]\n\n"),
        ),
        (&messages, anthropic(""), anthropic(note)),
    ] {
        for cuts in all_cuts(stream.len()).into_iter().step_by(5) {
            let mut play = bench.play.clone();
            play.response_cuts = cuts.clone();
            let answer = Message::answer("text/event-stream", stream.as_str());
            let outcome = play.run(&bench.filter, request, |_| answer.clone());
            assert_eq!(
                String::from_utf8_lossy(&outcome.got.body),
                expected,
                "{cuts:?}"
            );
            assert_eq!(outcome.trailers["x-ai-cost-usd"], "0.0001");
            assert_eq!(outcome.trailers["x-ai-total-tokens"], "31");
            assert_eq!(outcome.fact("cost_usd"), "0.0001");
        }
    }
}

#[test]
fn broken_usage_never_makes_money() {
    let budget = json!([{"name": "b", "usd": 1, "window": "forever", "warn_at": 0}]);
    let bench = Bench::new(&priced(&json!({"budgets": budget})));
    let text = json!([{"message": {"content": "one two"}}]);
    let mut spent = 0;
    for (usage, micros) in [
        (
            json!({"prompt_tokens": -1_000_000, "completion_tokens": -5}),
            16,
        ),
        (json!({"prompt_tokens": "8", "completion_tokens": null}), 16),
        (json!({"prompt_tokens": 8, "completion_tokens": 1e300}), 16),
        // More cached than there is: no discount.
        (
            json!({"prompt_tokens": 8, "completion_tokens": 2, "total_tokens": 10,
                "prompt_tokens_details": {"cached_tokens": 900}}),
            16,
        ),
        // Less in all than in its parts: no more than was reserved.
        (
            json!({"prompt_tokens": 8, "completion_tokens": 999_999, "total_tokens": 3}),
            8 + 4 * 50,
        ),
        (Value::Null, 16),
    ] {
        let answer = json_answer(&json!({"choices": text, "usage": usage}));
        let outcome = bench.run(&chat(&json!({"max_tokens": 50})), &answer);
        assert_eq!(
            outcome.fact("cost_picousd"),
            (micros * 1_000_000).to_string(),
            "{usage}"
        );
        let mut counters = outcome.counters.keys();
        let faults = "weir_usage_faults_total;filter=cost";
        assert!(counters.any(|name| name.starts_with(faults)), "{usage}");
        spent += micros;
    }
    let last = bench.run(&chat(&json!({"max_tokens": 0})), &used(8, 0));
    let left = last.got.header("x-ai-budget-remaining-usd").to_owned();
    assert_eq!(left, format!("0.{:06}", 1_000_000 - spent - 8));
}

#[test]
fn what_breaks_off_costs_what_was_sent() {
    let event = "data: {\"choices\":[{\"delta\":{\"content\":\"one two\"}}]}\n\n";
    let answer = Message::answer("text/event-stream", event);
    for (breaks_off, details, micros) in [
        (BreaksOff::BeforeAnswer, "downstream_remote_disconnect", 8),
        (BreaksOff::BeforeAnswer, "upstream_response_timeout", 0),
        (
            BreaksOff::Behind(usize::MAX),
            "downstream_remote_disconnect",
            16,
        ),
    ] {
        let mut bench = Bench::new(&priced(&json!({})));
        let at_end = &mut bench.play.attributes_at_end;
        at_end.insert("response/code_details".to_owned(), details.to_owned());
        bench.play.breaks_off = Some(breaks_off);
        let outcome = bench.run(&chat(&json!({"stream": true})), &answer);
        assert_eq!(
            outcome.fact("cost_picousd"),
            (micros * 1_000_000).to_string(),
            "{details}"
        );
    }
}

/// What token-limit has counted is not counted again.
#[test]
fn the_count_of_an_earlier_filter_is_taken() {
    for (tokens, source, micros) in [("1000", "counted", 1000), ("0", "counted", 8)] {
        let mut bench = Bench::new(&priced(&json!({})))
            .told("filter_state/wasm.weir.total_tokens", "0")
            .told("filter_state/wasm.weir.input_tokens", tokens)
            .told("filter_state/wasm.weir.tokens_source", source);
        bench.play.breaks_off = Some(BreaksOff::BeforeAnswer);
        let outcome = bench.run(&chat(&json!({})), &used(0, 0));
        let cost = outcome.fact("cost_picousd");
        assert_eq!(cost, (micros * 1_000_000).to_string(), "{tokens}");
    }
}

#[test]
fn identities_and_budgets_in_shadow() {
    let config = priced(&json!({
        "identity_labels": ["a"],
        "models": [{"match": "m", "name": "mine", "count_as": "gpt-4o"}],
        "budgets": [{"name": "tried", "usd": "0.00001", "window": "week", "shadow": true}],
    }));
    let bench = Bench::new(&config);
    for (team, label) in [("a", "a"), ("b;identity=a", "other")] {
        let mut request = chat(&json!({"max_tokens": 40}));
        request.headers.retain(|(name, _)| name != "x-team");
        let outcome = bench.run(&request.with("x-team", team), &used(8, 1));
        let decided = [
            outcome.status(),
            outcome.fact("verdict"),
            outcome.fact("rule"),
        ];
        assert_eq!(decided, ["200", "shadow_limited", "tried"]);
        let name = format!("weir_cost_picousd_total;model=mine;provider=other;identity={label}");
        assert_eq!(outcome.counters[&name], 12_000_000, "{team}");
    }
}

#[test]
fn bad_configurations_name_their_place() {
    let price = |fields: &str| format!(r#"{{"prices":[{{"match":"a"{fields}}}]}}"#);
    let budget = |fields: &str| format!(r#"{{"budgets":[{{"name":"a",{fields}}}]}}"#);
    for (config, expected) in [
        (r#"{"budget":[]}"#.to_owned(), "at `budget`: unknown field"),
        (
            r#"{"headers":true}"#.to_owned(),
            "at `headers`: headers that depend on the body",
        ),
        (price(""), "at `prices[0]`: either `same_as` alone"),
        (
            price(r#","input_usd_per_mtok":1"#),
            "at `prices[0]`: either",
        ),
        (
            price(r#","same_as":"gpt-4o","input_usd_per_mtok":1,"output_usd_per_mtok":1"#),
            "at `prices[0]`: either",
        ),
        (
            price(r#","same_as":"gpt-4o","cache_read_usd_per_mtok":1"#),
            "at `prices[0]`: either",
        ),
        (
            price(r#","same_as":"no-such""#),
            "at `prices[0].same_as`: the price table has none for `no-such`",
        ),
        (
            price(r#","input_usd_per_mtok":-1,"output_usd_per_mtok":1"#),
            "at `prices[0].input_usd_per_mtok`",
        ),
        (
            price(r#","input_usd_per_mtok":0.0000001,"output_usd_per_mtok":1"#),
            "at `prices[0].input_usd_per_mtok`: is no whole number of pico-dollars a token",
        ),
        (
            budget(r#""usd":0,"window":"day""#),
            "at `budgets[0].usd`: must be more than 0",
        ),
        (
            budget(r#""usd":10000001,"window":"day""#),
            "at `budgets[0].usd`",
        ),
        (
            budget(r#""usd":"1e3","window":"day""#),
            "at `budgets[0].usd`: an amount is written in digits",
        ),
        (
            budget(r#""usd":1,"window":"minute""#),
            "at `budgets[0].window`: must be `day`, `week`, `month` or `forever`",
        ),
        (
            budget(r#""usd":1,"window":"day","warn_at":80"#),
            "at `budgets[0].warn_at`: must be between 0 and 1",
        ),
        (
            budget(r#""usd":1,"window":"day"},{"name":"a","usd":1,"window":"day""#),
            "at `budgets[1].name`: `a` is the name of an earlier budget",
        ),
        (
            budget(r#""usd":1,"window":"day","utc_offset":"x""#),
            "at `budgets[0].utc_offset`",
        ),
        (
            r#"{"identity_labels":[""]}"#.to_owned(),
            "at `identity_labels[0]`",
        ),
        (r#"{"slots":0}"#.to_owned(), "at `slots`"),
    ] {
        let error = Cost::configure(config.as_bytes()).unwrap_err().to_string();
        assert!(
            error.starts_with(expected),
            "{config}\n got {error}\nwant {expected}"
        );
    }
}

#[test]
fn a_budget_that_cannot_be_checked() {
    let budgets = json!([{"name": "b", "usd": 1, "window": "day"}]);
    for (setting, status) in [("reject", "500"), ("pass", "200")] {
        let config = priced(&json!({"budgets": budgets, "on_store_failure": setting}));
        let bench = Bench::new(&config);
        bench.play.store.set_rival(|_, _| Some(vec![0]));
        let outcome = bench.run(&chat(&json!({})), &used(8, 1));
        assert_eq!(outcome.status(), status, "{setting}");
        let failures = "weir_store_failures_total;filter=cost;call=reserve";
        assert_eq!(outcome.counters[failures], 1, "{setting}");
        // What passes is priced all the same.
        let costs = if status == "200" { "12000000" } else { "0" };
        assert_eq!(outcome.fact("cost_picousd"), costs, "{setting}");
    }
    for (setting, statuses) in [
        ("reject", ["401", "401"]),
        ("shared", ["200", "403"]),
        ("skip", ["200", "200"]),
    ] {
        let budgets = json!([{"name": "b", "usd": "0.0001", "window": "day"}]);
        let config = priced(&json!({"budgets": budgets, "on_missing_identity": setting}));
        let bench = Bench::new(&config);
        let mut nobody = chat(&json!({"max_tokens": 20}));
        nobody.headers.retain(|(name, _)| name != "x-team");
        let found = [0, 1].map(|_| bench.run(&nobody, &used(8, 20)).status().to_owned());
        assert_eq!(found, statuses, "{setting}");
    }
}

/// A request that can't be read and passes costs what its answer tells; an answer that can't be
/// read costs the prompt and what the request allows.
#[test]
fn what_cannot_be_read() {
    let bad = Message::post(CHAT, "{").with("x-team", "a");
    assert_eq!(
        Bench::new(&priced(&json!({})))
            .run(&bad, &used(1, 1))
            .status(),
        "400"
    );
    let mut config = priced(&json!({"on_unreadable": "pass"}));
    config["prices"][0]["match"] = json!("*");
    let passed = Bench::new(&config).run(&bad, &used(21, 4));
    assert_eq!(
        (passed.status(), passed.fact("cost_picousd")),
        ("200", "37000000")
    );

    let bench = Bench::new(&priced(&json!({"max_body_bytes": 1000})));
    let long = "x".repeat(2000);
    for answer in [
        used(8, 23).with("content-encoding", "gzip"),
        Message::answer("text/plain", "8 and 23"),
        json_answer(&json!({"choices": [], "text": long, "usage": {"prompt_tokens": 8}})),
    ] {
        let outcome = bench.run(&chat(&json!({"max_tokens": 50})), &answer);
        let found = ["cost_picousd", "tokens_source"].map(|name| outcome.fact(name));
        assert_eq!(found, ["208000000", "estimated"], "{answer:?}");
    }
}

/// By the provider that is known, that the configuration names, or that the API is its own.
#[test]
fn whose_price_it_is() {
    for (path, model, told, configured, usd) in [
        (CHAT, "gpt-4o", "", "", Some("0.0025")),
        (CHAT, "openai/gpt-4o", "", "", Some("0.0025")),
        (CHAT, "gpt-4o-2099-01-01", "openai", "", Some("0.0025")),
        // Azure asks more for it within the USA than OpenAI does.
        (CHAT, "us/gpt-4o-2024-08-06", "azure", "", Some("0.00275")),
        (CHAT, "us/gpt-4o-2024-08-06", "", "azure", Some("0.00275")),
        (CHAT, "us/gpt-4o-2024-08-06", "openai", "azure", None),
        // Names of the operator's own say nothing.
        (CHAT, "gpt-4o", "eu-pool", "", Some("0.0025")),
        (MESSAGES, "claude-sonnet-4-5", "", "", Some("0.003")),
        (MESSAGES, "claude-sonnet-4-5", "openai", "", None),
        (CHAT, "gpt-4o-turbo-super", "", "", None),
    ] {
        let mut config = json!({});
        if !configured.is_empty() {
            config["provider"] = configured.into();
        }
        let bench = Bench::new(&config).told("filter_state/wasm.weir.provider", told);
        let body = json!({"model": model, "messages": []});
        let usage = match path {
            MESSAGES => json!({"input_tokens": 1000, "output_tokens": 0}),
            _ => json!({"prompt_tokens": 1000, "completion_tokens": 0, "total_tokens": 1000}),
        };
        let outcome = bench.run(
            &Message::post(path, body.to_string()),
            &json_answer(&json!({"usage": usage})),
        );
        let found = (outcome.fact("priced"), outcome.fact("cost_usd"));
        let expected = usd.map_or(("false", "0"), |usd| ("true", usd));
        assert_eq!(found, expected, "{model} {told} {configured}");
    }
}
