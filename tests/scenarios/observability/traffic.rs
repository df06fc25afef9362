//! The configuration of the compose file, and traffic with some of everything.

use serde_json::{Value, json};
use weir_testkit::client::Request;
use weir_testkit::envoy::module;

use crate::harness::{Running, Scenario};

pub(super) fn connection_manager(config: &mut Value) -> &mut Value {
    &mut config["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
}

/// The configuration of the compose file, with a filter that traps when it is told to.
pub(super) async fn start() -> Running {
    let probe = json!({
        "name": "weir.probe",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
            "config": {
                "name": "weir.probe",
                "root_id": "probe",
                "failure_policy": "FAIL_RELOAD",
                "reload_config": {"backoff": {"base_interval": "0.1s", "max_interval": "1s"}},
                "vm_config": {
                    "vm_id": "probe",
                    "runtime": "envoy.wasm.runtime.v8",
                    "code": {"local": {"filename": module("probe")}},
                },
            },
        },
    });
    Scenario::new("compose")
        .mock("mock-llm:18080", "openai")
        .mock("mock-llm:18081", "anthropic")
        .mock("mock-llm:18082", "gemini")
        .edit(|config| {
            let filters = connection_manager(config)["http_filters"].as_array_mut();
            filters.unwrap().insert(0, probe);
        })
        .start()
        .await
}

fn chat(team: &str, model: &str, fields: Value, text: &str) -> Request {
    let messages = json!([{"role": "user", "content": text}]);
    let mut body = json!({"model": model, "messages": messages});
    for (key, value) in fields.as_object().unwrap() {
        body[key] = value.clone();
    }
    let request = Request::post("/v1/chat/completions").json(&body);
    request.header("x-team", team)
}

/// Some of everything: let through, streamed, limited, out of budget, redacted, blocked, without a
/// price, in the shadow, unreadable, without usage. Returns the requests and the status of each.
pub(super) fn round() -> Vec<(Request, u16)> {
    let none = || json!({});
    let claude = json!({"model": "claude-sonnet-4", "max_tokens": 64, "stream": true,
                        "messages": [{"role": "user", "content": "Hello"}]});
    let gemini = json!({"contents": [{"parts": [{"text": "Hello"}]}],
                        "generationConfig": {"maxOutputTokens": 4000}});
    let generate = "/v1beta/models/gemini-2.5-flash:generateContent";
    vec![
        (chat("search", "fast", none(), "Hello"), 200),
        (
            chat("search", "fast", json!({"stream": true}), "Hello"),
            200,
        ),
        (
            chat("search", "gpt-4.1", none(), "mail jane.roe@example.org"),
            200,
        ),
        (
            chat("platform", "fast", none(), "mail jane.roe@example.org"),
            200,
        ),
        (
            chat("platform", "fast", json!({"max_tokens": 3000}), "Hello"),
            200,
        ),
        (chat("search", "fast", none(), "password: Tr0ub4dor&3"), 400),
        (chat("search", "house-llama", none(), "Hello"), 200),
        (chat("search", "no-such-model", none(), "Hello"), 404),
        (
            chat("support", "gpt-4.1", json!({"max_tokens": 100}), "Hello"),
            200,
        ),
        (
            chat("support", "gpt-4.1", json!({"max_tokens": 9000}), "Hello"),
            403,
        ),
        (
            chat("search", "fast", none(), "Hello").header("x-mock-usage", "none"),
            200,
        ),
        (
            Request::post("/v1/messages")
                .header("x-team", "support")
                .json(&claude),
            200,
        ),
        (
            Request::post(generate)
                .header("x-team", "search")
                .json(&gemini),
            429,
        ),
        (
            Request::post("/v1/chat/completions")
                .body("{")
                .header("content-type", "application/json"),
            400,
        ),
    ]
}
