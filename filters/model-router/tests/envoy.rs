//! The promises of README.md, in real Envoy with two workers.

use serde_json::{Value, json};
use weir_testkit::client::Request;
use weir_testkit::rig::{Rig, model_router};

fn chat(model: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": "hi"}]})
}

fn config() -> Value {
    json!({
        "identity": [{"header": "x-team"}],
        "on_missing_identity": "skip",
        "models": {
            "gpt-4.1": {"provider": "openai"},
            "gpt-4.1-mini": {"provider": "openai", "aliases": ["fast"], "upstream_model": "gpt-4.1-mini-2025-04-14"},
            "claude-sonnet-4": {"provider": "anthropic"},
            "gemini-2.5-flash": {"provider": "gemini"},
        },
        "restore_model": true,
    })
}

#[tokio::test]
async fn routes_by_model() {
    let rig = Rig::start(&["openai", "anthropic", "gemini"], |b| b.wasm(model_router(config()))).await;
    for client in [rig.h1(), rig.h2()] {
        for (path, model, upstream, sent) in [
            ("/v1/chat/completions", "gpt-4.1", "openai", "gpt-4.1"),
            ("/v1/chat/completions", "fast", "openai", "gpt-4.1-mini-2025-04-14"),
            ("/v1/messages", "claude-sonnet-4", "anthropic", "claude-sonnet-4"),
        ] {
            let answer = client.send(Request::post(path).json(&chat(model))).await.ok();
            assert_eq!(answer.header("x-mock-name"), Some(upstream), "{path} {model} {answer:?}");
            assert_eq!(answer.json()["model"], model, "{path} {model}");
            let seen = rig.upstream(upstream).requests().pop().unwrap();
            let body: Value = serde_json::from_slice(&seen.body).unwrap();
            assert_eq!(body["model"], sent);
            assert_eq!(seen.headers["x-ai-provider"], upstream);
        }
    }
    rig.envoy.assert_no_crash();
}
