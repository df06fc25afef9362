//! What ten thousand requests may cost in memory, and that each of them is counted.
//!
//! The measure is the linear memory of the VMs. It is what the modules themselves have asked for,
//! never shrinks, and is the same on every machine, while the resident memory of Envoy also has in
//! it what V8 compiles meanwhile and what the allocator keeps. That one is looked at too, with room
//! for both, because a leak on Envoy's side of the border (facts, metrics, shared data) shows there
//! alone.

use tokio::task::JoinSet;
use weir_testkit::books::{Books, Used, chain, chat};
use weir_testkit::client::{Client, Request};
use weir_testkit::rig::Rig;

use crate::counted;

/// Requests before memory is looked at for the first time: until then pools fill.
const WARM: usize = 2_000;
const ALL: usize = 10_000;
const CLIENTS: usize = 20;

/// The largest VM: two of the modules have eleven mebibytes of tables for counting tokens in them.
const VM_BUDGET_KIB: u64 = 12 * 1024;
/// All of them. With two workers each filter has four, two of which are the main thread's.
const VMS_BUDGET_KIB: u64 = 112 * 1024;
/// Two pages of 64 KiB: how many exchanges there are at once on a worker is chance. Eight thousand
/// that leave 32 bytes behind in one filter take four.
const VMS_GROWTH_KIB: u64 = 128;
/// A kibibyte left behind by each request takes 8 MiB.
const RSS_GROWTH_KIB: u64 = 8 * 1024;

/// The request of this number, and the status of its answer.
fn request(n: usize) -> (Request, u16) {
    let team = ["a", "b", "c"][n % 3];
    let tokens = 1 + n as u64 % 40;
    let stream = n.is_multiple_of(2);
    let plain = || chat(team, tokens, "hi there", stream);
    match n % 10 {
        2 | 3 => (
            chat(team, tokens, "write to jane.roe@example.org", stream),
            200,
        ),
        4 => (plain().header("x-mock-usage", "none"), 200),
        5 => (plain().header("x-quota", "none"), 403),
        6 => (plain().header("x-mock-cut", "100"), 200),
        7 => (
            Request::post("/v1/messages")
                .header("x-team", team)
                .body(r#"{"model": "gpt-4o", "model": "gpt-4o"}"#),
            400,
        ),
        8 => (plain().header("x-mock-status", "503"), 503),
        _ => (plain(), 200),
    }
}

async fn send(clients: &[Client], from: usize, to: usize) {
    let mut sending = JoinSet::new();
    for (at, client) in clients.iter().cloned().enumerate() {
        sending.spawn(async move {
            for n in (from + at..to).step_by(CLIENTS) {
                let (request, status) = request(n);
                let answer = client.send(request).await;
                assert_eq!(
                    (answer.status, answer.aborted),
                    (status, false),
                    "{n}: {answer:?}"
                );
            }
        });
    }
    sending.join_all().await;
}

#[tokio::test]
async fn ten_thousand_requests_leave_nothing_behind_but_their_counts() {
    let rig = Rig::start(&["openai"], chain).await;
    let books = Books::of(&rig);
    let clients: Vec<Client> = (0..CLIENTS).map(|_| rig.h2().pinned()).collect();

    send(&clients, 0, WARM).await;
    books.audit(&rig, WARM).await;
    let (before, rss) = (rig.envoy.vm_memories_kib(), rig.envoy.rss_kib());
    send(&clients, WARM, ALL).await;
    let audit = books.audit(&rig, ALL).await;
    let (after, rss_now) = (rig.envoy.vm_memories_kib(), rig.envoy.rss_kib());

    // That they can be found at all.
    let active = rig.envoy.stat("wasm.envoy.wasm.runtime.v8.active").await;
    assert_eq!(Some(after.len() as u64), active);
    let [sum, sum_now] = [&before, &after].map(|vms| vms.iter().sum::<u64>());
    let largest = after.iter().max().copied();
    assert!(largest <= Some(VM_BUDGET_KIB), "{after:?}");
    assert!(sum_now <= VMS_BUDGET_KIB, "{after:?}");
    assert!(sum_now <= sum + VMS_GROWTH_KIB, "{before:?}\n{after:?}");
    assert!(rss_now <= rss + RSS_GROWTH_KIB, "{rss} KiB, {rss_now} KiB");

    // What the upstream has served is what was counted. What it refused costs nothing, and was
    // not served.
    for team in ["a", "b", "c"] {
        let served = rig.upstream("openai").served(team);
        let expected = Used::of(served.input_tokens, served.output_tokens);
        assert_eq!(audit.team(team), expected, "{team}");
        assert!(served.answers > 1_000);
    }
    let of = |status: u16| (0..ALL).filter(|n| request(*n).1 == status).count() as u64;
    // The audits' own are of another API.
    for (name, expected) in [
        (
            "requests_total;filter=model-router;api=openai_chat;.*verdict=allowed",
            of(200) + of(503) + of(403),
        ),
        ("unreadable_bodies_total;filter=model-router;", of(400)),
        (
            "requests_total;filter=token-limit;api=openai_chat;.*verdict=limited",
            of(403),
        ),
        (
            "requests_total;filter=cost;api=openai_chat;.*verdict=allowed",
            of(200) + of(503),
        ),
    ] {
        let name = format!("weir_{name}");
        assert_eq!(
            counted(&rig.envoy, &name, expected).await,
            expected,
            "{name}"
        );
    }
    rig.envoy.assert_no_crash();
}
