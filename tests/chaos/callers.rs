//! Callers that hang up, wherever an exchange has got to.

use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use weir_testkit::books::{Books, chain, chat};
use weir_testkit::client::{Client, Request, raw};
use weir_testkit::rig::Rig;

use crate::bystanders::{Bystanders, assert_paid_and_kept};

/// Tokens of a whole answer.
const WHOLE: u64 = 40;

/// Where a caller hangs up.
#[derive(Clone, Copy, Debug)]
enum At {
    /// Within the body of its request, which is never sent whole.
    Body,
    /// After so many milliseconds, whatever has come by then.
    Millis(u64),
    /// With so many chunks of the answer read.
    Chunk(usize),
}

/// Exchanges that are ended by their callers at every place, one after the other.
async fn hang_up(client: Client, from: usize) -> usize {
    let (mut sent, team) = (0, "gone");
    for n in from..from + 24 {
        let stream = n % 2 == 0;
        let at = match n % 6 {
            0 => At::Body,
            1 => At::Chunk(0),
            2 => At::Millis(n as u64 % 17),
            3 => At::Chunk(1),
            4 => At::Chunk(n % 30),
            _ => At::Millis(20 + n as u64 * 7 % 90),
        };
        let request = chat(team, WHOLE, "write to jane.roe@example.org", stream)
            .header("x-mock-delay-ms", (n as u64 % 4 * 10).to_string())
            .header("x-mock-event-delay-ms", "3");
        sent += 1;
        match at {
            At::Body => {
                let body = json!({"model": "gpt-4o", "messages": [], "max_tokens": 9}).to_string();
                let (first, rest) = body.split_at(n % body.len());
                let halves = vec![Bytes::from(first.to_owned()), Bytes::from(rest.to_owned())];
                let request = Request::post("/v1/chat/completions")
                    .header("x-team", team)
                    .header("content-type", "application/json")
                    .chunks(halves)
                    .gap(Duration::from_secs(5));
                let hung = timeout(Duration::from_millis(15), client.send(request)).await;
                assert!(hung.is_err(), "{hung:?}");
            }
            At::Millis(ms) => drop(timeout(Duration::from_millis(ms), client.send(request)).await),
            At::Chunk(count) => {
                let mut streaming = client.send_streaming(request).await;
                for _ in 0..count {
                    streaming.chunk().await;
                }
            }
        }
    }
    sent
}

/// How many exchanges Envoy has begun: one whose caller was gone before it was read was none.
async fn begun(rig: &Rig) -> usize {
    let mut last = 0;
    loop {
        sleep(Duration::from_millis(200)).await;
        let stats = rig
            .envoy
            .stats(r"^http\.http\.downstream_rq_(total|active)$")
            .await;
        let total = stats["http.http.downstream_rq_total"];
        if stats["http.http.downstream_rq_active"] == 0 && total == last {
            return usize::try_from(total).unwrap();
        }
        last = total;
    }
}

#[tokio::test]
async fn callers_that_hang_up_anywhere_are_settled_once() {
    let soon = json!({"delayed_close_timeout": "0.02s"});
    let rig = Rig::start(&["openai"], |b| chain(b).hcm(soon)).await;
    let books = Books::of(&rig);
    let bystanders = Bystanders::start((0..4).map(|_| rig.h2().pinned()).collect());
    let mut hanging = JoinSet::new();
    for n in 0..16 {
        let client = if n % 2 == 0 { rig.h1() } else { rig.h2() };
        hanging.spawn(hang_up(client, n * 7));
    }
    // Nobody reads what these say: half a head, and a head without its body.
    for cut in [10, 60, 150] {
        let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: weir.test\r\nx-team: gone\r\n\
                    content-type: application/json\r\ncontent-length: 500\r\n\r\n{\"model\": \"gpt-4o\"";
        let said = &head.as_bytes()[..cut.min(head.len())];
        raw(rig.envoy.socket(), said, Duration::from_millis(30)).await;
    }
    let hung_up: usize = hanging.join_all().await.into_iter().sum();
    let served = bystanders.stop().await;

    let begun = begun(&rig).await;
    assert!(
        begun > served + hung_up / 2,
        "{begun} of {hung_up}, {served}"
    );
    let audit = books.audit(&rig, begun).await;
    let gone: Vec<_> = audit
        .log
        .iter()
        .filter(|line| line["identity"] == "gone")
        .collect();
    // Nobody pays for more than there was, and who saw something pays for something.
    let prompt = 14;
    let mut partly = 0;
    for line in &gone {
        let number = |name: &str| {
            line[name]
                .as_str()
                .map_or(0, |text| text.parse::<u64>().unwrap())
        };
        let (input, output) = (number("input_tokens"), number("output_tokens"));
        assert!(input <= prompt && output <= WHOLE, "{line}");
        partly += usize::from(output > 0 && output < WHOLE);
    }
    assert!(partly > 20, "{partly} of {}", gone.len());
    assert_paid_and_kept(&rig, &audit);
    rig.envoy.assert_no_crash();
}
