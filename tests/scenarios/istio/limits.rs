//! global-limits.yaml before a rate limit service with Redis.

use std::time::Duration;

use rls::{Fault, RedisServer, Rls};
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::{chat, chat_as, scenario};
use crate::manifests::read;

const FILES: [&str; 4] = [
    "chain.yaml",
    "gateway.yaml",
    "global-limits.yaml",
    "providers.yaml",
];
const BUDGET: &str = "
domain: weir
descriptors:
  - key: budget
    value: tokens
    descriptors:
      - key: identity
        rate_limit: { unit: day, requests_per_unit: 60 }
";

#[tokio::test]
async fn a_budget_of_all_gateways_is_charged_and_kept() {
    let Some(redis) = RedisServer::find() else {
        eprintln!("skipped: no Redis, see tests/tools/redis.sh");
        return;
    };
    let redis = redis.start().await.unwrap();
    let (scenario, _dir) = scenario(&read("istio", &FILES));
    let scenario = scenario.edit(|config| {
        let listener = &mut config["static_resources"]["listeners"][0];
        let manager = &mut listener["filter_chains"][0]["filters"][0]["typed_config"];
        let mut filters = manager["http_filters"].as_array_mut().unwrap().iter_mut();
        let limits = filters
            .find(|it| it["name"] == "weir.global-limits")
            .unwrap();
        let timeout = &mut limits["typed_config"]["timeout"];
        assert_eq!(*timeout, "0.1s");
        // A busy machine may need longer, and would go on without.
        *timeout = json!("2s");
    });
    let socket = scenario.upstream_socket(&format!("{}:8081", super::clusters::RATE_LIMIT));
    let listen = format!("unix:{}", socket.display()).parse().unwrap();
    let rls = Rls::start(listen, BUDGET.parse().unwrap(), redis.address())
        .await
        .unwrap();
    let running = scenario.start().await;
    let client = running.h1();

    // Each costs 24 tokens; the third crosses the limit and is charged all the same.
    let mut used = 0;
    for _ in 0..3 {
        let answer = client.send(chat("fast", "hi")).await.ok();
        used += answer.json()["usage"]["total_tokens"].as_i64().unwrap();
        charged(&rls, used).await;
    }
    assert!(used > 60, "{used}");
    let refused = client.send(chat("fast", "hi")).await;
    assert_eq!(refused.status, 429);
    let first = &rls.calls()[0];
    assert!(first.is_check());
    let keys = first.charges[0].entries.iter().map(|(key, _)| key.as_str());
    assert_eq!(keys.collect::<Vec<_>>(), ["budget", "identity"]);
    // Another caller has a budget of its own.
    let other = client.send(chat_as("Bearer sk-2", "fast", "hi")).await;
    assert_eq!(other.status, 200, "{}", other.text());

    // A service that hangs costs its timeout (by Envoy's clock, which may run a little ahead of
    // ours), and the local limits go on.
    rls.set_fault(Fault::Hang);
    let since = Instant::now();
    client.send(chat("fast", "hi")).await.ok();
    let took = since.elapsed();
    assert!(took >= Duration::from_millis(1900), "{took:?}");
    running.assert_no_crash();
}

/// Waits until so many tokens have been charged.
async fn charged(rls: &Rls, tokens: i64) {
    let mut sum = 0;
    for _ in 0..250 {
        let calls = rls.calls();
        sum = calls
            .iter()
            .flat_map(|call| &call.charges)
            .map(|charge| charge.hits)
            .sum();
        if sum == tokens {
            return;
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("{sum} were charged, not {tokens}: {:#?}", rls.calls());
}
