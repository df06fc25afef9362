//! A VM that traps, as README.md and `docs/decisions/0007` say: it takes its exchanges with it and
//! is made anew; nothing passes unfiltered meanwhile; other workers and other filters go on; what
//! its exchanges had reserved stays reserved.

use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::sleep;
use weir_testkit::books::{BUDGET_USD, QUOTA, Used, chat, filters};
use weir_testkit::bootstrap::{Bootstrap, Wasm};
use weir_testkit::client::{Client, Request, Response};
use weir_testkit::envoy::module;
use weir_testkit::rig::Rig;

use crate::bystanders::TEAM;

const VALUE: &str = "jane.roe@example.org";
/// Streams that a trap takes with it, each time.
const STREAMS: u64 = 5;
const ROUNDS: u64 = 3;
/// `max_tokens` of [`chat`], which is reserved for an answer.
const CAP: u64 = 100;

/// The four filters with token-limit in the module that can be made to trap.
fn chain(bootstrap: Bootstrap) -> Bootstrap {
    let reloaded = |wasm: Wasm| Wasm {
        failure_policy: Some("FAIL_RELOAD".to_owned()),
        ..wasm
    };
    let probe = Wasm {
        config: json!({"hold": 0}),
        ..Wasm::new("probe", module("probe"))
    };
    let [router, redact, limit, cost] = filters();
    let limit = Wasm {
        module: module("probe"),
        ..limit
    };
    [router, redact, probe, limit, cost]
        .into_iter()
        .map(reloaded)
        .fold(bootstrap, Bootstrap::wasm)
}

async fn left(client: &Client, team: &str) -> [u128; 2] {
    let free = Request::post("/v1/messages/count_tokens")
        .header("x-team", team)
        .json(&json!({"model": "gpt-4o", "messages": []}));
    let answer = client.send(free).await.ok();
    let tokens = answer
        .header("anthropic-ratelimit-tokens-remaining")
        .unwrap();
    let usd = answer.header("x-ai-budget-remaining-usd");
    let picousd = usd.map_or(
        Ok(weir_prices::PicoUsd(
            u128::from(BUDGET_USD) * 1_000_000_000_000,
        )),
        str::parse,
    );
    [tokens.parse().unwrap(), picousd.unwrap().0]
}

fn is_served(answer: &Response) -> bool {
    answer.status == 200 && !answer.aborted
}

#[tokio::test]
async fn a_trap_costs_its_own_exchanges_and_no_others() {
    let rig = Rig::start(&["openai"], chain).await;
    // Two connections, each of a worker of its own.
    let (trapping, other) = (rig.h2().pinned(), rig.h2().pinned());
    for client in [&trapping, &other] {
        assert!(is_served(&client.send(chat(TEAM, 3, VALUE, false)).await));
    }
    let vms = rig.envoy.vm_memories_kib().len();
    let slow = |team: &str, client: &Client| {
        let request = chat(team, 30, VALUE, true).header("x-mock-event-delay-ms", "20");
        let client = client.clone();
        async move { client.send(request).await }
    };
    let mut lost = Vec::new();
    for round in 1..=ROUNDS {
        let mut killed = JoinSet::new();
        let mut spared = JoinSet::new();
        for _ in 0..STREAMS {
            killed.spawn(slow("killed", &trapping));
            spared.spawn(slow(TEAM, &other));
        }
        sleep(Duration::from_millis(250)).await;
        let trap = Request::get("/").header("x-probe-trap", "yes");
        let answer = trapping.send(trap).await;
        assert_eq!(answer.status, 503, "{answer:?}");
        for answer in killed.join_all().await {
            assert!(
                answer.aborted || answer.status == 503,
                "round {round}: {answer:?}"
            );
            lost.push(answer);
        }
        for answer in spared.join_all().await {
            assert!(is_served(&answer), "round {round}: {answer:?}");
        }
        // Until there is a VM again, this worker refuses; the other never does.
        let mut refused = 0;
        loop {
            assert!(is_served(&other.send(chat(TEAM, 3, VALUE, false)).await));
            let answer = trapping.send(chat(TEAM, 3, VALUE, false)).await;
            if is_served(&answer) {
                break;
            }
            assert_eq!(answer.status, 503, "{answer:?}");
            refused += 1;
            assert!(refused < 500, "the VM does not come back");
            sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(rig.envoy.vm_memories_kib().len(), vms, "round {round}");
    }

    // What was killed keeps its reservations of tokens; what it has cost is settled to what came,
    // by a filter in a VM that lives.
    sleep(Duration::from_millis(300)).await;
    let log = rig.envoy.access_log(1).await;
    let sum = |team: &str, name: &str| -> u64 {
        let lines = log.iter().filter(|line| line["identity"] == team);
        lines
            .map(|line| {
                line[name]
                    .as_str()
                    .map_or(0, |text| text.parse::<u64>().unwrap())
            })
            .sum()
    };
    let [tokens, picousd] = left(&other, "killed").await;
    let prompt = 12;
    let reserved = ROUNDS * STREAMS * (prompt + CAP);
    assert_eq!(u128::from(QUOTA) - tokens, u128::from(reserved));
    let budget = u128::from(BUDGET_USD) * 1_000_000_000_000;
    assert_eq!(budget - picousd, u128::from(sum("killed", "cost_picousd")));

    let [tokens, picousd] = left(&other, TEAM).await;
    let used = Used::of(sum(TEAM, "input_tokens"), sum(TEAM, "output_tokens"));
    assert_eq!(
        u128::from(QUOTA) - tokens,
        u128::from(used.input + used.output)
    );
    assert_eq!(budget - picousd, used.picousd);
    let served = rig.upstream("openai").served(TEAM);
    assert_eq!(used, Used::of(served.input_tokens, served.output_tokens));

    // Nothing has passed unfiltered, and nothing of a killed answer was invented.
    for request in rig.upstream("openai").requests() {
        let body = String::from_utf8_lossy(&request.body);
        assert!(
            !body.contains(VALUE) && !body.contains("\"fast\""),
            "{body}"
        );
    }
    assert!(lost.iter().any(|answer| answer.status == 200));
}
