//! A great many streams at once.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::sleep;
use weir_testkit::books::{Books, chain, chat, said};
use weir_testkit::bootstrap::Bootstrap;
use weir_testkit::client::Client;
use weir_testkit::rig::Rig;

use crate::bystanders::{Bystanders, assert_paid_and_kept};

/// How many of them share a connection, which Envoy takes 1,024 of.
const SHARED: usize = 1_000;
/// Tokens of each.
const TOKENS: u64 = 20;
/// What a stream may take in all VMs: what is known of it in four filters, and what is held back.
const STREAM_KIB: u64 = 64;

/// The chain before a cluster that has no limits but the machine's, and takes its time.
fn unlimited(bootstrap: Bootstrap) -> Bootstrap {
    let most = json!({"max_connections": 100_000, "max_requests": 100_000, "max_pending_requests": 100_000});
    let patient =
        json!({"match": {"prefix": "/"}, "route": {"cluster": "openai", "timeout": "0s"}});
    let breakers = json!({"circuit_breakers": {"thresholds": [most]}});
    chain(bootstrap.clusters(&breakers).raw_route(patient))
}

async fn at_once(count: usize, event_delay_ms: u64) {
    let rig = Rig::start_with(&["openai"], 2, true, unlimited).await;
    let books = Books::of(&rig);
    let clients: Vec<Client> = (0..count.div_ceil(SHARED))
        .map(|_| rig.h2().pinned())
        .collect();
    for client in &clients {
        client.send(chat("slow", 1, "hi", false)).await.ok();
    }
    let before: u64 = rig.envoy.vm_memories_kib().iter().sum();
    let mut streaming = JoinSet::new();
    for n in 0..count {
        let request = chat("slow", TOKENS, "write to jane.roe@example.org", true)
            .header("x-mock-event-delay-ms", event_delay_ms.to_string());
        let client = clients[n % clients.len()].clone();
        streaming.spawn(async move { client.send(request).await.ok() });
        // A caller after the other: how fast streams can begin is measured elsewhere.
        if n % 20 == 0 {
            sleep(Duration::from_millis(5)).await;
        }
    }
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut most = 0;
    while most < count as u64 && Instant::now() < deadline {
        let active = rig.envoy.stat("http.http.downstream_rq_active").await;
        most = most.max(active.unwrap());
        sleep(Duration::from_millis(20)).await;
    }
    assert!(most >= count as u64, "{most} of {count} at once");
    // Others are served meanwhile.
    let began = Instant::now();
    let bystanders = Bystanders::start((0..4).map(|_| rig.h2().pinned()).collect());
    sleep(Duration::from_secs(1)).await;
    let served = bystanders.stop().await;
    assert!(
        served >= 4 && began.elapsed() < Duration::from_secs(15),
        "{served}"
    );
    let during: u64 = rig.envoy.vm_memories_kib().iter().sum();

    for answer in streaming.join_all().await {
        assert_eq!(answer.status, 200);
        assert_eq!(
            said(&answer).split_whitespace().count() as u64,
            TOKENS,
            "{answer:?}"
        );
    }
    let audit = books.audit(&rig, clients.len() + count + served).await;
    let slow = rig.upstream("openai").served("slow");
    assert_eq!(audit.team("slow").output, slow.output_tokens);
    assert_eq!(slow.answers, (clients.len() + count) as u64);
    assert_paid_and_kept(&rig, &audit);
    assert!(
        during <= before + STREAM_KIB * count as u64,
        "{before} KiB, {during} KiB"
    );
    rig.envoy.assert_no_crash();
}

#[tokio::test]
async fn five_hundred_slow_streams_at_once() {
    at_once(500, 150).await;
}

#[tokio::test]
#[ignore = "takes two minutes: make chaos"]
async fn ten_thousand_slow_streams_at_once() {
    at_once(10_000, 4_000).await;
}
