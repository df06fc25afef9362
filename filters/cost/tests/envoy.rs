//! The promises of README.md, in real Envoy with two and four workers.

#![allow(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

#[path = "envoy/budgets.rs"]
mod budgets;
#[path = "envoy/chain.rs"]
mod chain;
#[path = "envoy/told.rs"]
mod told;

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;
use weir_prices::PicoUsd;
use weir_testkit::client::{Request, Response};
use weir_testkit::rig::{Rig, cost};

const CHAT: &str = "/v1/chat/completions";
const MESSAGES: &str = "/v1/messages";
/// A micro-dollar, in pico-dollars. In these tests a token of the prompt of `gpt-4o` costs one, a
/// token of the answer four.
const MICRO: u128 = 1_000_000;

/// The filter by team and with these prices.
fn priced(fields: Value) -> Value {
    let mut config = json!({"identity": [{"header": "x-team"}], "prices": [
        {"match": "gpt-4o", "input_usd_per_mtok": 1, "output_usd_per_mtok": 4}]});
    for (key, value) in fields.as_object().unwrap() {
        config[key] = value.clone();
    }
    config
}

/// A budget that tells in every answer what is left.
fn budget(usd: &str) -> Value {
    priced(json!({"budgets": [{"name": "b", "usd": usd, "window": "forever", "warn_at": 0}]}))
}

async fn rig(config: Value) -> Rig {
    Rig::start(&["openai"], |b| b.wasm(cost(config))).await
}

fn ask(path: &str, body: &Value) -> Request {
    Request::post(path).header("x-team", "a").json(body)
}

/// A chat of 8 tokens with so many in its answer.
fn chat(tokens: u64, fields: Value) -> Request {
    let messages = json!([{"role": "user", "content": "hi"}]);
    let mut body = json!({"model": "gpt-4o", "messages": messages});
    for (key, value) in fields.as_object().unwrap() {
        body[key] = value.clone();
    }
    ask(CHAT, &body).header("x-mock-tokens", tokens.to_string())
}

fn picos(usd: &str) -> u128 {
    usd.parse::<PicoUsd>()
        .unwrap_or_else(|e| panic!("{usd}: {e:?}"))
        .0
}

/// Tokens as an answer tells them in its headers.
fn tokens(answer: &Response, of: &str) -> Option<u128> {
    let told = answer.header(&format!("x-ai-{of}-tokens"))?;
    Some(told.parse().unwrap())
}

/// A number of the access log.
fn number(line: &Value, name: &str) -> u128 {
    let text = line[name]
        .as_str()
        .unwrap_or_else(|| panic!("{name} in {line}"));
    text.parse().unwrap()
}

/// What is left of the team's budget of so many pico-dollars, by a request that costs nothing.
async fn left(rig: &Rig, budget: u128) -> u128 {
    let probe = ask(
        "/v1/messages/count_tokens",
        &json!({"model": "gpt-4o", "messages": []}),
    );
    let answer = rig.h1().send(probe).await.ok();
    assert_eq!(answer.status, 200, "{answer:?}");
    // Of a budget that nobody has touched there is nothing to be told.
    answer
        .header("x-ai-budget-remaining-usd")
        .map_or(budget, picos)
}

/// What is left once it is as expected: settling comes after the answer. Else after five seconds.
async fn settled(rig: &Rig, budget: u128, expected: u128) -> u128 {
    let mut found = left(rig, budget).await;
    for _ in 0..250 {
        if found == expected {
            break;
        }
        sleep(Duration::from_millis(20)).await;
        found = left(rig, budget).await;
    }
    found
}

/// A request of each API, asking for a stream or not.
fn every_api(stream: bool) -> Vec<(&'static str, Value)> {
    let user = json!([{"role": "user", "content": "hi"}]);
    let parts = json!([{"parts": [{"text": "hi"}]}]);
    let converse = json!([{"role": "user", "content": [{"text": "hi"}]}]);
    let usage = json!({"include_usage": true});
    let gemini = match stream {
        true => "/v1beta/models/gpt-4o:streamGenerateContent?alt=sse",
        false => "/v1beta/models/gpt-4o:generateContent",
    };
    let bedrock = match stream {
        true => "/model/gpt-4o/converse-stream",
        false => "/model/gpt-4o/converse",
    };
    let mut all = vec![
        (CHAT, json!({"messages": user})),
        ("/v1/completions", json!({"prompt": "hi"})),
        ("/v1/responses", json!({"input": "hi"})),
        (MESSAGES, json!({"messages": user, "max_tokens": 50})),
        (gemini, json!({"contents": parts})),
        (bedrock, json!({"messages": converse})),
    ];
    for (path, body) in &mut all {
        body["model"] = "gpt-4o".into();
        if stream && !path.contains("gpt-4o") {
            body["stream"] = true.into();
        }
        if stream && [CHAT, "/v1/completions"].contains(path) {
            body["stream_options"] = usage.clone();
        }
    }
    all
}
