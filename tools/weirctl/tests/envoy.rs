//! What `weirctl explain` says is what Envoy does: the shipped chain, natively and in real Envoy,
//! with the same requests.

#![allow(clippy::indexing_slicing, clippy::unwrap_used)]

use std::path::Path;

use serde_json::{Value, json};
use weir_testkit::bootstrap::Wasm;
use weir_testkit::client::Request;
use weir_testkit::envoy::module;
use weir_testkit::rig::{Rig, cost, model_router, pii_redact, token_limit};
use weirctl::check::Source;
use weirctl::explain::explain;

const SHIPPED: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../envoy/quickstart/envoy.yaml"
);

/// The configuration of a filter in the shipped file.
fn settings(yaml: &Value, name: &str) -> Value {
    match yaml {
        Value::Object(map) if map.get("root_id").is_some_and(|id| id == name) => {
            serde_json::from_str(map["configuration"]["value"].as_str().unwrap()).unwrap()
        }
        Value::Object(map) => find(map.values(), name),
        Value::Array(list) => find(list.iter(), name),
        _ => Value::Null,
    }
}

fn find<'a>(mut values: impl Iterator<Item = &'a Value>, name: &str) -> Value {
    let found = values.find_map(|value| Some(settings(value, name)).filter(|s| !s.is_null()));
    found.unwrap_or_default()
}

/// What stands behind a name, in the section of a filter or in all of them.
fn said<'a>(shown: &'a str, name: &str) -> Vec<&'a str> {
    let name = format!("  {name} ");
    let lines = shown.lines().filter_map(|line| line.strip_prefix(&name));
    lines.map(str::trim).collect()
}

fn requests() -> Vec<(&'static str, &'static str, Value)> {
    let chat = "/v1/chat/completions";
    let user = |text: &str| json!([{"role": "user", "content": text}]);
    vec![
        (
            chat,
            "authorization",
            json!({"model": "fast", "messages": user("hi"), "max_tokens": 20}),
        ),
        (
            chat,
            "authorization",
            json!({"model": "auto", "messages": user("to jane.roe@example.org"), "stream": true}),
        ),
        (
            "/v1/messages",
            "x-api-key",
            json!({"model": "claude-sonnet-4", "max_tokens": 30, "messages": user("card 4111 1111 1111 1111")}),
        ),
        (
            "/v1/messages",
            "x-api-key",
            json!({"model": "claude-sonnet-4", "max_tokens": 9, "messages": user("password: Tr0ub4dor&3")}),
        ),
        (
            chat,
            "authorization",
            json!({"model": "gpt-7", "messages": user("hi")}),
        ),
        (
            chat,
            "authorization",
            json!({"model": "fast", "messages": user("hi"), "max_tokens": 300_000}),
        ),
        (chat, "authorization", json!({"messages": user("hi")})),
        (
            "/v1/embeddings",
            "authorization",
            json!({"model": "text-embedding-3-small", "input": "hi"}),
        ),
    ]
}

#[tokio::test]
async fn what_is_explained_is_what_envoy_does() {
    let text = std::fs::read_to_string(SHIPPED).unwrap();
    let yaml: Value = serde_yaml_ng::from_str(&text).unwrap();
    // The bundle is compiled once, four modules four times.
    let bundled = |wasm: Wasm| Wasm {
        module: module("weir"),
        ..wasm
    };
    let rig = Rig::start(&["openai", "anthropic", "gemini"], |b| {
        b.wasm(bundled(model_router(settings(&yaml, "model-router"))))
            .wasm(bundled(pii_redact(settings(&yaml, "pii-redact"))))
            .wasm(bundled(token_limit(settings(&yaml, "token-limit"))))
            .wasm(bundled(cost(settings(&yaml, "cost"))))
    })
    .await;
    let config = Source::read(Path::new(SHIPPED)).unwrap();
    let (mut sent, mut refused) = (0, 0);
    for (at, (path, credential, body)) in requests().into_iter().enumerate() {
        // A caller of its own for each: nobody has used anything before.
        let key = format!("Bearer caller-{at}");
        let request = json!({"path": path, "headers": {credential: key}, "body": body.to_string()});
        let source = Source {
            name: "request.json".to_owned(),
            text: request.to_string(),
        };
        let shown = explain(&config, None, &source, None).unwrap();
        let answer = rig
            .h1()
            .send(
                Request::post(path)
                    .header(credential, key)
                    .header("content-type", "application/json")
                    .body(body.to_string()),
            )
            .await
            .ok();
        let last = rig.envoy.access_log(at + 1).await.pop().unwrap();
        let fact = |name: &str| last[name].as_str().unwrap_or_default().to_owned();
        let of = |name: &str| {
            said(&shown, name)
                .last()
                .copied()
                .unwrap_or_default()
                .to_owned()
        };
        for name in ["identity", "rule", "redacted"] {
            let facts = fact(name);
            // `-` is how Envoy writes what is not there.
            assert_eq!(of(name), facts.trim_start_matches('-'), "{name} in {shown}");
        }
        if shown.contains("The request does not leave.") {
            refused += 1;
            assert_eq!(of("verdict"), fact("verdict"), "{shown}");
            let (status, _) = of("answers")
                .split_once(' ')
                .map(|(s, d)| (s.to_owned(), d.to_owned()))
                .unwrap();
            assert_eq!(status, answer.status.to_string(), "{shown}");
            assert!(shown.contains(answer.text()), "{}\n{shown}", answer.text());
            continue;
        }
        sent += 1;
        assert_eq!(answer.status, 200, "{answer:?}\n{shown}");
        assert_eq!(fact("verdict"), "allowed", "{shown}");
        let provider = of("provider");
        let seen = rig.upstream(&provider).requests().pop().unwrap();
        assert!(
            shown.contains(std::str::from_utf8(&seen.body).unwrap()),
            "{:?}\n{shown}",
            seen.body
        );
        for name in ["x-ai-model", "x-ai-api", "x-ai-provider", "x-ai-route"] {
            let value = seen.headers.get(name).map(|value| value.to_str().unwrap());
            let leaving = shown.split("request as it leaves").nth(1).unwrap();
            let line = leaving
                .lines()
                .find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(": "));
            assert_eq!(line, value, "{name}\n{shown}");
        }
        // What is left of the shipped 200000 a minute, when the answer begins.
        let left = answer
            .header("x-ratelimit-remaining-tokens")
            .or_else(|| answer.header("anthropic-ratelimit-tokens-remaining"));
        let reserved = of("reserves");
        let shares = said(&shown, "reserves");
        let minute = shares
            .iter()
            .find_map(|line| line.strip_suffix(" of `caller-minute`"));
        let reserved: u64 = minute
            .unwrap_or_else(|| panic!("{reserved}\n{shown}"))
            .parse()
            .unwrap();
        assert_eq!(
            left,
            Some((200_000 - reserved).to_string().as_str()),
            "{shown}"
        );
    }
    assert!(sent >= 4 && refused >= 4, "{sent} {refused}");
    rig.envoy.assert_no_crash();
}
