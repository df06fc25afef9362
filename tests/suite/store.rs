//! The shared store under several workers, by way of the `probe` filter.

use std::ops::Range;
use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::sleep;
use weir_testkit::bootstrap::Wasm;
use weir_testkit::client::{Client, Request};
use weir_testkit::envoy::module;
use weir_testkit::rig::{Rig, token_limit};

use crate::{CHAT, counted};

fn probe() -> Wasm {
    Wasm::new("probe", module("probe"))
}

/// What the probe answers to a request with this header.
async fn ask(client: &Client, header: &str, value: &str) -> String {
    let answer = client
        .send(Request::get("/").header(header, value))
        .await
        .ok();
    assert_eq!(answer.status, 200, "{header}: {value}: {answer:?}");
    answer.text().to_owned()
}

/// The counter after adding so much to it.
async fn add(client: &Client, times: u32) -> u64 {
    let answer = ask(client, "x-probe-add", &times.to_string()).await;
    answer.split(' ').next().unwrap().parse().unwrap()
}

async fn all_additions_count(workers: u32) {
    const CLIENTS: u32 = 8;
    let rig = Rig::start_with(&["any"], workers, false, |b| b.wasm(probe())).await;
    let clients: Vec<_> = (0..CLIENTS).map(|_| rig.h2().pinned()).collect();
    // Open all connections, so that Envoy spreads them evenly, before any of them works.
    for client in &clients {
        add(client, 1).await;
    }
    let mut adding = JoinSet::new();
    for client in clients {
        adding.spawn(async move {
            for _ in 0..20 {
                add(&client, 1000).await;
            }
        });
    }
    adding.join_all().await;
    let expected = u64::from(CLIENTS) * 20_001 + 1;
    assert_eq!(add(&rig.h1(), 1).await, expected);
    assert_eq!(counted(&rig.envoy, "weir_host_failures_total", 0).await, 0);
    rig.envoy.assert_no_crash();
}

#[tokio::test]
async fn no_addition_is_lost_among_two_workers() {
    all_additions_count(2).await;
}

#[tokio::test]
async fn no_addition_is_lost_among_four_workers() {
    all_additions_count(4).await;
}

/// Touches every owner of the range once, by all clients at the same time.
async fn touch(clients: &[Client], owners: Range<usize>) {
    const SLICE: usize = 5000;
    let mut touching = JoinSet::new();
    let each = owners.len() / clients.len();
    for (client, from) in clients.iter().zip(owners.step_by(each)) {
        let client = client.clone();
        touching.spawn(async move {
            for from in (from..from + each).step_by(SLICE) {
                let range = format!("{from}-{}", from + SLICE);
                ask(&client, "x-probe-owners", &range).await;
            }
        });
    }
    touching.join_all().await;
}

#[tokio::test]
async fn a_million_owners_take_no_more_memory_than_a_few() {
    let rig = Rig::start(&["any"], |b| b.wasm(probe())).await;
    let clients = [0; 4].map(|_| rig.h2().pinned());
    let early = "x-probe-owner";
    for (client, count) in clients.iter().zip(1..) {
        let placed = if count == 1 { "Claimed" } else { "Kept" };
        assert_eq!(
            ask(client, early, "early").await,
            format!("{placed} {count}")
        );
    }
    touch(&clients, 0..200_000).await;
    let before = rig.envoy.rss_kib();
    touch(&clients, 200_000..1_000_000).await;
    let after = rig.envoy.rss_kib();
    assert!(
        after < before + 8 * 1024,
        "{before} KiB grew to {after} KiB"
    );
    // Whoever holds a slot keeps it, and what it counted; a newcomer finds none.
    assert_eq!(ask(&clients[1], early, "early").await, "Kept 5");
    let late = ask(&clients[2], early, "late").await;
    assert!(late.starts_with("Overflow "), "{late}");
    rig.envoy.assert_no_crash();
}

#[tokio::test]
async fn a_live_update_keeps_the_store() {
    let (rig, plain) = Rig::start_dynamic(&["any"], |b| b.wasm(probe())).await;
    assert_eq!(add(&rig.h1(), 40).await, 40);
    assert_eq!(ask(&rig.h1(), "x-probe-owner", "it").await, "Claimed 1");
    for round in 1..4 {
        let again = Wasm {
            config: json!({"round": round}),
            ..probe()
        };
        rig.envoy.update_listener(&plain.clone().wasm(again)).await;
        assert_eq!(add(&rig.h1(), 1).await, 40 + round);
        let kept = format!("Kept {}", round + 1);
        assert_eq!(ask(&rig.h1(), "x-probe-owner", "it").await, kept);
    }
    rig.envoy.assert_no_crash();
}

/// A trap takes a worker's VM with it. What limits have counted is still there when it has been
/// loaded anew.
#[tokio::test]
async fn counters_survive_the_reload_of_a_vm() {
    let limits = json!({"limits": [{"name": "all", "tokens": 1000, "window": "month", "per": []}]});
    let in_probe = |wasm: Wasm| Wasm {
        module: module("probe"),
        failure_policy: Some("FAIL_RELOAD".to_owned()),
        ..wasm
    };
    let rig = Rig::start(&["any"], |b| {
        b.wasm(in_probe(probe()))
            .wasm(in_probe(token_limit(limits)))
    })
    .await;
    // With no more than one open connection, HTTP/2 stays on one worker.
    let client = rig.h2().pinned();
    let ask = async |cap: u64| {
        let request = Request::post(CHAT).header("x-mock-tokens", "20");
        let body = json!({"model": "gpt-4o", "max_tokens": cap, "messages": []});
        client.send(request.json(&body)).await
    };
    let left = async || {
        let answer = ask(0).await;
        (answer.status == 200)
            .then(|| {
                answer
                    .header("x-ratelimit-remaining-tokens")?
                    .parse::<u64>()
                    .ok()
            })
            .flatten()
    };
    assert_eq!(ask(100).await.ok().status, 200);
    sleep(Duration::from_millis(100)).await;
    let before = left().await.expect("an answer");
    sleep(Duration::from_millis(100)).await;

    let trap = Request::get("/").header("x-probe-trap", "yes");
    assert_eq!(client.send(trap).await.status, 503);
    let mut after = None;
    for _ in 0..100 {
        sleep(Duration::from_millis(50)).await;
        after = left().await;
        if after.is_some() {
            break;
        }
    }
    // The look before it cost 20.
    assert_eq!(after, Some(before - 20));
}
