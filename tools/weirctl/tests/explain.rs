//! `weirctl explain`: what is said of requests, and what never is.

#![allow(clippy::indexing_slicing, clippy::string_slice, clippy::unwrap_used)]

use serde_json::{Value, json};
use weir_pii::{Scanner, Settings, detectors};
use weirctl::check::Source;
use weirctl::explain::explain;
use weirctl::filter::Filter;

fn source(name: &str, text: impl ToString) -> Source {
    Source {
        name: name.to_owned(),
        text: text.to_string(),
    }
}

fn explained(config: &Source, filter: Option<Filter>, request: &Value) -> String {
    explain(config, filter, &source("request.json", request), None).unwrap()
}

fn alone(filter: Filter, config: &Value, request: &Value) -> String {
    explained(&source("config.json", config), Some(filter), request)
}

fn shipped(path: &str) -> Source {
    let path = format!("{}/../../envoy/{path}", env!("CARGO_MANIFEST_DIR"));
    Source::read(std::path::Path::new(&path)).unwrap()
}

fn chat(content: &str) -> Value {
    json!({
        "path": "/v1/chat/completions",
        "headers": {"x-team": "a"},
        "body": {"model": "gpt-4.1-mini", "max_tokens": 100,
                 "messages": [{"role": "user", "content": content}]},
    })
}

fn has(shown: &str, lines: &[&str]) {
    for line in lines {
        let found = shown.lines().any(|shown| shown.trim() == line.trim());
        assert!(found, "{line}\nis not in\n{shown}");
    }
}

#[test]
fn what_is_decided() {
    let router = json!({
        "identity": [{"jwt_claim": "team"}],
        "models": {"gpt-4.1-mini": {"provider": "openai"}, "gpt-4.1": {"provider": "openai"}},
        "access": [{"identity": "a", "allow": "gpt-4.1-mini"}],
        "rules": [{"name": "long", "match": {"prompt_tokens": {"min": 50}}, "deny": {"message": "Too long."}}],
    });
    let of = |team: &str, request: &Value| {
        let mut request = request.clone();
        request["jwt"] = json!({"team": team});
        alone(Filter::ModelRouter, &router, &request)
    };
    has(
        &of("a", &chat("hi")),
        &[
            "identity  a",
            "verdict   allowed",
            "headers   x-ai-model: gpt-4.1-mini",
            "x-ai-provider: openai",
        ],
    );
    has(
        &of("a", &chat(&"word ".repeat(100))),
        &[
            "verdict   denied",
            "rule      long",
            "answers   403 (weir_rule_denied)",
        ],
    );
    has(
        &of("b", &chat("hi")),
        &[
            "rule      access",
            "answers   403 (weir_model_denied)",
            "The request does not leave.",
        ],
    );
    has(
        &alone(Filter::ModelRouter, &router, &chat("hi")),
        &["verdict   denied", "rule      on_missing_identity"],
    );
    let limits = json!({
        "identity": [{"header": "x-team"}],
        "limits": [
            {"name": "all", "per": [], "tokens": 1000, "window": "minute", "weights": {"output": 2}},
            {"name": "calls", "requests": 3, "window": "day"},
            {"name": "other", "match": {"identity": "b"}, "tokens": 1, "window": "minute"},
            {"name": "tried-out", "tokens": 1, "window": "minute", "shadow": true},
        ],
    });
    has(
        &alone(Filter::TokenLimit, &limits, &chat("hi")),
        &[
            "verdict   shadow_limited",
            "rule      tried-out",
            "prompt    8 tokens, counted",
            "reserves  208 of `all`",
            "1 of `calls`",
        ],
    );
    let mut request = chat("hi");
    request["body"]["max_tokens"] = json!(500);
    has(
        &alone(Filter::TokenLimit, &limits, &request),
        &[
            "verdict   limited",
            "rule      all",
            "answers   429 (weir_rate_limited)",
        ],
    );
    let cost = json!({
        "identity": [{"header": "x-team"}],
        "prices": [{"match": "gpt-4.1-mini", "input_usd_per_mtok": 1, "output_usd_per_mtok": 10}],
        "budgets": [{"name": "month", "usd": 0.002, "window": "month"}],
    });
    has(
        &alone(Filter::Cost, &cost, &chat("hi")),
        &[
            "price     0.000008 USD for the prompt, at most 0.001008 USD with the answer",
            "reserves  0.001008 USD of `month`",
        ],
    );
    has(
        &alone(Filter::Cost, &cost, &request),
        &["verdict   limited", "rule      month"],
    );
}

#[test]
fn what_is_none_of_ours_and_what_has_no_body() {
    let shown = explained(
        &shipped("quickstart/envoy.yaml"),
        None,
        &json!({"method": "GET", "path": "/healthz"}),
    );
    assert_eq!(shown.matches("passes it untouched").count(), 4, "{shown}");
    has(&shown, &["request as it leaves", ":path: /healthz"]);
    let shown = explained(
        &shipped("quickstart/envoy.yaml"),
        None,
        &json!({"method": "GET", "path": "/v1/models", "source_ip": "192.0.2.7"}),
    );
    has(&shown, &["The request does not leave."]);
    assert!(shown.contains("gpt-4.1-mini"), "{shown}");
}

/// All four filters of the shipped file, with an answer that streams.
#[test]
fn a_stream_is_settled() {
    let mut request = chat("hi");
    request["body"]["stream"] = json!(true);
    request["source_ip"] = json!("192.0.2.7");
    let answer = json!({"events": [
        {"choices": [{"index": 0, "delta": {"role": "assistant", "content": "Hello"}}]},
        {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10}},
        "[DONE]",
    ]});
    let answer = source("answer.json", answer);
    let config = shipped("quickstart/envoy.yaml");
    let request = source("request.json", request);
    let shown = explain(&config, None, &request, Some(&answer)).unwrap();
    has(
        &shown,
        &[
            "identity  192.0.2.7",
            "body      `stream_options`: {\"include_usage\":true} added",
            "uses 9 tokens and 1 for the answer, usage",
            "charges `caller-minute` with 10 of 108 reserved",
            "costs 0.0000052 USD",
        ],
    );
}

#[test]
fn manifests_are_explained_too() {
    let request = json!({
        "path": "/v1/chat/completions", "headers": {"authorization": "Bearer x"},
        "body": {"model": "gpt-4.1-mini", "messages": [{"role": "user", "content": "hi"}]},
    });
    for (path, filter) in [
        ("istio/model-router.yaml", "model-router"),
        ("istio/token-limit.yaml", "token-limit"),
        ("istio/cost.yaml", "cost"),
        ("istio/pii-redact.yaml", "pii-redact"),
    ] {
        let shown = explained(&shipped(path), None, &request);
        assert!(shown.contains(&format!("{filter}\n")), "{path}: {shown}");
        has(&shown, &["request as it leaves"]);
    }
}

#[test]
fn what_is_not_as_documented_is_said() {
    let empty = json!({});
    let limits = source("limits.json", &empty);
    let error = |config: &Source, filter, request: &str| {
        let request = source("request.json", request);
        explain(config, filter, &request, None)
            .unwrap_err()
            .to_string()
    };
    let of = |request: &str| error(&limits, Some(Filter::TokenLimit), request);
    assert_eq!(of("{"), "request.json:1: a text in quotes is missing");
    assert_eq!(of("{}"), "request.json:1: says no `path`");
    assert_eq!(of("[]"), "request.json:1: is no object");
    assert!(of("{\n\"pth\": 1}").starts_with("request.json:2: unknown field `pth`"));
    let no_filter = error(&limits, None, "{}");
    assert!(
        no_filter.starts_with("limits.json: holds no filter"),
        "{no_filter}"
    );
    let bad = source("bad.json", json!({"limit": []}));
    let refused = error(&bad, Some(Filter::TokenLimit), "{\"path\": \"/\"}");
    assert!(refused.starts_with("bad.json:1: the configuration of token-limit is refused"));
}

/// One value of every kind there is, under every treatment there is: none is ever shown.
#[test]
fn no_value_that_is_found_is_shown() {
    let all = Settings {
        kinds: detectors().map(weir_pii::Detector::kind).collect(),
        ..Settings::default()
    };
    let scanner = Scanner::new(&all).unwrap();
    let configs = [
        (
            Filter::TokenLimit,
            json!({"identity": [{"header": "authorization"}]}),
        ),
        (Filter::PiiRedact, json!({"types": {"all": "off"}})),
        (Filter::PiiRedact, json!({"types": {"all": "report"}})),
        (Filter::PiiRedact, json!({"types": {"all": "mask"}})),
        (
            Filter::PiiRedact,
            json!({"types": {"all": "mask"}, "shadow": true}),
        ),
        (Filter::PiiRedact, json!({"types": {"all": "block"}})),
        (Filter::ModelRouter, json!({})),
    ];
    let examples: Vec<String> = detectors().map(weir_pii::Detector::example).collect();
    let mut values = Vec::new();
    let mut messages = Vec::new();
    let mut headers = serde_json::Map::new();
    for (at, text) in examples.iter().enumerate() {
        let mut found = Vec::new();
        scanner.scan(text, None, &mut found);
        assert!(!found.is_empty(), "{text}");
        values.extend(found.iter().map(|f| text[f.span.clone()].to_owned()));
        let line = text.replace(['\n', '\r'], " ");
        headers.insert(format!("x-note-{at}"), json!(line));
        let arguments = json!({"note": text}).to_string();
        messages.push(json!({"role": "user", "content": text}));
        messages.push(json!({"role": "assistant", "content": null, "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "f", "arguments": arguments}}]}));
    }
    assert!(values.len() > 80, "{values:?}");
    headers.insert("authorization".to_owned(), json!("Bearer hunter2secret"));
    values.push("hunter2secret".to_owned());
    let request = json!({
        "path": "/v1/chat/completions?key=hunter2secret",
        "headers": headers,
        "body": {"model": "gpt-4o", "messages": messages},
    });
    for (filter, config) in &configs {
        let shown = alone(*filter, config, &request);
        let blocks = config["types"]["all"] == "block";
        assert_eq!(shown.contains("does not leave"), blocks, "{config}");
        for value in &values {
            // In JSON it would stand escaped.
            let quoted = serde_json::to_string(value).unwrap();
            for value in [value, &quoted[1..quoted.len() - 1]] {
                assert!(!shown.contains(value), "{value}: {config}: {shown}");
            }
        }
    }
}

/// The operator's own words are as private as what everybody knows to be.
#[test]
fn what_an_operator_looks_for_is_not_shown() {
    let config = json!({
        "terms": [{"type": "PROJECT", "terms": ["Blue Heron"]}],
        "custom": [{"type": "EMPLOYEE", "pattern": "E-\\d{6}", "context": ["badge"]}],
        "types": {"all": "report"},
    });
    let shown = alone(
        Filter::PiiRedact,
        &config,
        &chat("Blue Heron is run by E-123456"),
    );
    assert!(
        !shown.contains("Heron") && !shown.contains("123456"),
        "{shown}"
    );
    assert!(shown.contains("‹PROJECT› is run by ‹EMPLOYEE›"), "{shown}");
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(40))]

    /// Whatever stands in a request or an answer is explained, or refused with its place.
    #[test]
    fn any_request(
        at in proptest::prelude::any::<proptest::sample::Index>(),
        new in "[\\PC\n]{0,6}",
        take in 0..4_usize,
        of_answer in proptest::prelude::any::<bool>(),
    ) {
        let answer = json!({"status": 200, "events": [
            {"choices": [{"index": 0, "delta": {"content": "Hello"}}]}, "[DONE]"]});
        let mut texts = [chat("to jane.roe@example.org").to_string(), answer.to_string()];
        let text = &mut texts[usize::from(of_answer)];
        let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        let from = at.index(places.len());
        let to = (from + take).min(places.len() - 1);
        text.replace_range(places[from]..places[to], &new);
        let [request, answer] = texts;
        let config = source("config.json", json!({}));
        for filter in [Filter::PiiRedact, Filter::Cost] {
            let (request, answer) = (source("request.json", &request), source("answer.json", &answer));
            if let Err(error) = explain(&config, Some(filter), &request, Some(&answer)) {
                assert!(error.to_string().contains(".json:"), "{error}");
            }
        }
    }
}
