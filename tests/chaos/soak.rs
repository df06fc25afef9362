//! Everything at once for as long as `CHAOS_MINUTES` says (default 1): callers that hang up,
//! upstreams that break off, an update a second.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use weir_testkit::books::{Books, FREE, Used, chat};
use weir_testkit::client::Client;
use weir_testkit::rig::Rig;

use crate::bystanders::{Bystanders, TEAM};
use crate::updates::of_round;

/// How long load runs before it pauses, so that the books can be looked at.
const ROUND: Duration = Duration::from_secs(10);
/// Updates made in a round.
const UPDATES: u64 = 8;
/// What the memory of Envoy may grow by, from its most in the first half of the time to its most
/// in the second: compilers and allocators keep some.
const RSS_GROWTH_KIB: u64 = 16 * 1024;

/// The same of the VMs, where how many configurations and exchanges there are at once is chance.
const VMS_GROWTH_KIB: u64 = 8 * 1024;

/// Requests that end badly, one way or another, until stopped.
async fn trouble(client: Client, stop: Arc<AtomicBool>, seed: u64) -> usize {
    let mut sent = 0;
    while !stop.load(Ordering::Relaxed) {
        let n = seed + sent as u64;
        let plain = chat(
            "trouble",
            1 + n % 40,
            "write to jane.roe@example.org",
            !n.is_multiple_of(3),
        );
        let request = match n % 7 {
            0 => plain.header("x-mock-abort", (n * 37 % 4_000).to_string()),
            1 => plain.header("x-mock-status", "503"),
            2 => plain.header("x-mock-usage", "none"),
            3 => plain.header(
                "x-mock-usage",
                r#"{"prompt_tokens":-9,"completion_tokens":1e9}"#,
            ),
            4 => plain.header("x-quota", "none"),
            5 => plain.header("x-mock-delay-ms", "5"),
            _ => plain.header("x-mock-event-delay-ms", "2"),
        };
        match n % 7 {
            5 | 6 => {
                drop(timeout(Duration::from_millis(2 + n * 13 % 60), client.send(request)).await)
            }
            _ => drop(client.send(request).await),
        }
        sent += 1;
    }
    sent
}

/// How many exchanges Envoy has logged, once nothing is on its way.
async fn logged(rig: &Rig) -> usize {
    let mut last = usize::MAX;
    loop {
        sleep(Duration::from_millis(300)).await;
        let active = rig.envoy.stat("http.http.downstream_rq_active").await;
        let mut log = rig.envoy.access_log(0).await;
        log.retain(|line| line["path"] != FREE);
        let lines = log.len();
        if active == Some(0) && lines == last {
            return lines;
        }
        last = lines;
    }
}

#[tokio::test]
#[ignore = "takes as long as CHAOS_MINUTES says: make chaos"]
async fn memory_is_flat_and_the_books_are_exact_for_as_long_as_it_runs() {
    let minutes = std::env::var("CHAOS_MINUTES")
        .ok()
        .and_then(|text| text.parse().ok());
    let until = Instant::now() + Duration::from_secs(60 * minutes.unwrap_or(1));
    let (rig, plain) = Rig::start_dynamic(&["openai"], |b| of_round(b, 0)).await;
    let books = Books::of(&rig);
    let (mut memory, mut vms, mut requests, mut version) = (Vec::new(), Vec::new(), 0, 0);
    while Instant::now() < until || memory.len() < 4 {
        let clients = |count: u64| (0..count).map(|n| if n % 2 == 0 { rig.h1() } else { rig.h2() });
        let bystanders = Bystanders::start(clients(4).collect());
        let stop = Arc::new(AtomicBool::new(false));
        let mut troubling = JoinSet::new();
        for (n, client) in (0..).zip(clients(8)) {
            troubling.spawn(trouble(client, Arc::clone(&stop), n * 101 + version));
        }
        for _ in 0..UPDATES {
            sleep(ROUND / u32::try_from(UPDATES).unwrap()).await;
            version += 1;
            rig.envoy
                .update_listener(&of_round(plain.clone(), version))
                .await;
        }
        stop.store(true, Ordering::Relaxed);
        troubling.join_all().await;
        let served = bystanders.stop().await;
        assert!(served > 20, "{served}");

        let lines = logged(&rig).await;
        let audit = books.turn_the_page(&rig, lines).await;
        let mock = rig.upstream("openai").served(TEAM);
        assert_eq!(
            audit.team(TEAM),
            Used::of(mock.input_tokens, mock.output_tokens)
        );
        rig.upstream("openai").clear();
        requests += lines;
        memory.push(rig.envoy.rss_kib());
        vms.push(rig.envoy.vm_memories_kib().iter().sum::<u64>());
        rig.envoy.assert_no_crash();
    }
    println!(
        "{requests} requests, {version} updates; RSS in KiB after each round: {memory:?}; VMs: {vms:?}"
    );
    for (what, sizes, room) in [
        ("RSS", &memory, RSS_GROWTH_KIB),
        ("VMs", &vms, VMS_GROWTH_KIB),
    ] {
        let (early, late) = sizes.split_at(sizes.len() / 2);
        let [early, late] = [early, late].map(|half| *half.iter().max().unwrap());
        assert!(late <= early + room, "{what}: {sizes:?}");
    }
}
