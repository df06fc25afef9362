//! What only the whole suite can show: promises of all filters at once, in real Envoy, with
//! several workers, under input nobody should send.
//!
//! Every test ends by making sure that Envoy is alive and that nothing in it has trapped.

// Helpers of tests assert as tests do.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

mod budgets;
mod configuration;
mod driver;
mod exchange;
mod foreign;
mod hostile;
mod identity;
mod packaging;
mod schemas;
mod store;
mod streams;

use std::time::Duration;

use mock_llm::Recorded;
use serde_json::json;
use tokio::time::sleep;
use weir_testkit::client::Request;
use weir_testkit::envoy::Envoy;
use weir_testkit::rig::Rig;

/// The path of most requests.
const CHAT: &str = "/v1/chat/completions";

/// A request that every configuration here lets pass.
fn chat(model: &str) -> Request {
    let messages = json!([{"role": "user", "content": "hi there"}]);
    Request::post(CHAT).json(&json!({"model": model, "messages": messages}))
}

/// What the upstream saw last.
fn last_seen(rig: &Rig, upstream: &str) -> Recorded {
    let seen = rig.upstream(upstream).requests().pop();
    seen.expect("the upstream has seen a request")
}

/// The sum of all counters whose name begins so, once it is `expected`; else after five seconds.
async fn counted(envoy: &Envoy, name: &str, expected: u64) -> u64 {
    let mut sum = 0;
    for _ in 0..250 {
        let stats = envoy.stats(&format!("^wasmcustom\\.{name}")).await;
        sum = stats.values().sum();
        if sum >= expected {
            break;
        }
        sleep(Duration::from_millis(20)).await;
    }
    sum
}
