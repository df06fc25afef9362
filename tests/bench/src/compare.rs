//! All chains side by side, on chats of several sizes and on streams.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;

use crate::Plan;
use crate::load::{Batch, Exchange, Target, Work};
use crate::report::{Section, Table, row, whole};
use crate::text::{Kind, Writer};

/// Words of an answer; streamed they are 100 events, with the role, the end and `[DONE]`.
const ANSWER_WORDS: usize = 97;
/// Between two events of a paced stream.
const PACE_MS: usize = 5;

/// What all chains are given, at so many connections.
pub(crate) fn works(connections: usize) -> Vec<Arc<Work>> {
    let mut writer = Writer::new(20);
    let mut work = |name, bytes, count, pace_ms: Option<usize>| {
        let bodies = (0..count).map(|number| chat(&mut writer, number, bytes, pace_ms.is_some()));
        Arc::new(Work {
            name,
            bodies: bodies.collect(),
            connections,
            ..chats(pace_ms)
        })
    };
    vec![
        work("0.5 KB", 500, 64, None),
        work("2 KB", 2_000, 64, None),
        work("20 KB", 20_000, 32, None),
        work("200 KB", 200_000, 16, None),
        work("stream at once", 2_000, 64, Some(0)),
        work("stream paced", 2_000, 64, Some(PACE_MS)),
    ]
}

/// Chat completions, streamed if there is a pace.
fn chats(pace_ms: Option<usize>) -> Work {
    // The upstream does not count tokens: its time would be the client's.
    let usage = json!({"prompt_tokens": 500, "completion_tokens": 97, "total_tokens": 597});
    Work {
        name: "chats",
        path: "/v1/chat/completions",
        script: vec![
            ("x-mock-tokens", ANSWER_WORDS.to_string()),
            ("x-mock-usage", usage.to_string()),
            ("x-mock-event-delay-ms", pace_ms.unwrap_or(0).to_string()),
        ],
        bodies: Vec::new(),
        connections: 1,
        stream: pace_ms.is_some(),
        seek: None,
    }
}

/// A conversation of about `bytes` bytes whose messages are prose, code, Chinese and JSON in turn.
fn chat(writer: &mut Writer, number: usize, bytes: usize, stream: bool) -> Bytes {
    let kinds = [Kind::Prose, Kind::Code, Kind::Chinese, Kind::Json];
    let mut messages = Vec::new();
    let mut left = bytes.saturating_sub(80);
    for turn in number.. {
        let text = writer.text(
            kinds[turn % kinds.len()],
            left.saturating_sub(100).clamp(100, 4_000),
        );
        let role = ["user", "assistant"][messages.len() % 2];
        let message = json!({"role": role, "content": text});
        left = left.saturating_sub(message.to_string().len());
        messages.push(message);
        if left < 300 {
            break;
        }
    }
    let body =
        json!({"model": "gpt-4.1", "stream": stream, "max_tokens": 500, "messages": messages});
    body.to_string().into()
}

/// Lets V8 compile what is hot before anything counts.
pub(crate) async fn warm(targets: &mut [Target], plan: &Plan) {
    for work in works(32) {
        for target in targets.iter_mut() {
            target.run(&work, 2 * plan.slice).await;
        }
    }
}

/// All work on all chains.
pub(crate) async fn compare(targets: &mut [Target], connections: usize, plan: &Plan) -> Section {
    let works = works(connections);
    let mut batches = Vec::new();
    for work in &works {
        for target in targets.iter_mut() {
            target.run(work, plan.slice / 2).await;
        }
        batches.push(rounds(targets, work, plan.rounds, plan.slice).await);
    }
    let table = |caption: &str, streams_only: bool, cell: &dyn Fn(&[Batch], &[Batch]) -> String| {
        let shown: Vec<_> = works
            .iter()
            .zip(&batches)
            .filter(|(work, _)| work.stream || !streams_only)
            .collect();
        let rows = targets.iter().enumerate().map(|(at, target)| {
            row(
                &target.name,
                shown
                    .iter()
                    .map(|(_, by_chain)| cell(&by_chain[at], &by_chain[0])),
            )
        });
        Table {
            caption: format!("{caption}:"),
            header: row("", shown.iter().map(|(work, _)| work.name.to_owned())),
            rows: rows.collect(),
        }
    };
    Section {
        title: format!(
            "Side by side, {connections} connection{}",
            if connections == 1 { "" } else { "s" }
        ),
        text:
            "Where Envoy's share of its core is far from 100 %, requests per second are those of \
               client and upstream, not Envoy's."
                .to_owned(),
        tables: vec![
            table(
                "Envoy's CPU, µs per request (ratio to plain Envoy)",
                false,
                &cpu,
            ),
            table("Requests per second", false, &|own, _| {
                whole(over(own, |it| {
                    it.exchanges.len() as f64 / it.wall.as_secs_f64()
                }))
            }),
            table("Latency, ms, p50 / p99", false, &|own, _| {
                percentiles(own, |it| it.whole)
            }),
            table("Time to the first event, ms, p50 / p99", true, &|own, _| {
                percentiles(own, |it| it.first)
            }),
            table(
                "Share of its core that Envoy used; µs per request of the upstream + the client",
                false,
                &|own, _| {
                    let busy = over(own, |it| it.envoy_ns as f64 / it.wall.as_nanos() as f64);
                    let mock = over(own, |it| it.each_us(it.mock_ns));
                    let client = over(own, |it| it.each_us(it.client_ns));
                    format!("{:.0} %; {} + {}", busy * 100.0, whole(mock), whole(client))
                },
            ),
        ],
    }
}

/// Every chain has its turn in each round, in rotating order, so that a disturbance hits all. By
/// target, then by round.
async fn rounds(
    targets: &mut [Target],
    work: &Arc<Work>,
    rounds: usize,
    slice: Duration,
) -> Vec<Vec<Batch>> {
    let count = targets.len();
    let mut batches: Vec<Vec<Batch>> = targets.iter().map(|_| Vec::new()).collect();
    for round in 0..rounds {
        for turn in 0..count {
            let at = (turn + round) % count;
            batches[at].push(targets[at].run(work, slice).await);
        }
    }
    batches
}

/// The address that goes out as a placeholder and has to come back.
const ADDRESS: &str = "jane.roe@marovel.example";

/// Paced streams in which every fifth word is a placeholder that has to be replaced.
pub(crate) async fn restoring(targets: &mut [Target], plan: &Plan) -> Section {
    let words: Vec<_> = (0..20)
        .map(|i| if i % 5 == 0 { "%5BEMAIL_1%5D" } else { "fish" })
        .collect();
    let content = format!("Write to {ADDRESS} and say where the fish are.");
    let body = json!({"model": "gpt-4.1", "stream": true, "messages": [{"role": "user", "content": content}]});
    let mut work = chats(Some(PACE_MS));
    work.script[0] = ("x-mock-text", words.join("%20"));
    work.bodies = vec![body.to_string().into()];
    work.seek = Some(ADDRESS);
    let batches = rounds(targets, &Arc::new(work), plan.rounds, 3 * plan.slice).await;
    let rows = targets.iter().zip(&batches).map(|(target, own)| {
        let restored = own
            .iter()
            .flat_map(|batch| &batch.exchanges)
            .all(|exchange| exchange.found);
        let restored = if restored { "yes" } else { "no" }.to_owned();
        let (first, last) = (
            percentiles(own, |it| it.first),
            percentiles(own, |it| it.whole),
        );
        row(&target.name, [restored, first, last, cpu(own, &batches[0])])
    });
    let header = [
        "restored",
        "first event, ms, p50 / p99",
        "whole, ms, p50 / p99",
        "CPU, µs (ratio)",
    ];
    Section {
        title: "Restoring in a stream".to_owned(),
        text:
            "A request with an e-mail address; the answer is a stream of 20 words, 5 ms apart, of \
               which every fifth is its placeholder."
                .to_owned(),
        tables: vec![Table {
            caption: "One connection:".to_owned(),
            header: row("", header.map(str::to_owned)),
            rows: rows.collect(),
        }],
    }
}

fn cpu(own: &[Batch], plain: &[Batch]) -> String {
    let us = |batch: &Batch| batch.each_us(batch.envoy_ns);
    let ratios = own
        .iter()
        .zip(plain)
        .map(|(own, plain)| us(own) / us(plain));
    format!("{} ({:.2})", whole(over(own, us)), median(ratios.collect()))
}

/// The median of a figure over rounds.
fn over(batches: &[Batch], figure: impl Fn(&Batch) -> f64) -> f64 {
    median(batches.iter().map(figure).collect())
}

/// The middle and the 99th percentile of a time over all exchanges.
fn percentiles(batches: &[Batch], time: impl Fn(&Exchange) -> Duration) -> String {
    let all = batches.iter().flat_map(|batch| &batch.exchanges);
    let mut times: Vec<_> = all.map(time).collect();
    times.sort_unstable();
    let ms = |percent: usize| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1000.0;
    format!("{:.2} / {:.2}", ms(50), ms(99))
}

pub(crate) fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of[of.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(envoy_ns: u64, ms: &[u64]) -> Batch {
        let exchange = |ms: &u64| Exchange {
            whole: Duration::from_millis(*ms),
            first: Duration::ZERO,
            found: false,
        };
        Batch {
            envoy_ns,
            exchanges: ms.iter().map(exchange).collect(),
            ..Batch::default()
        }
    }

    #[test]
    fn ratios_are_taken_within_a_round_and_a_disturbed_one_does_not_count() {
        let plain = [
            batch(100_000, &[1]),
            batch(200_000, &[1]),
            batch(900_000, &[1]),
        ];
        let own = [
            batch(400_000, &[1, 1]),
            batch(800_000, &[1, 1]),
            batch(2_000_000, &[1]),
        ];
        assert_eq!(cpu(&own, &plain), "400 (2.00)");
    }

    #[test]
    fn percentiles_are_over_all_rounds() {
        let ms: Vec<_> = (2..=101).collect();
        let batches = [batch(0, &[1]), batch(0, &ms)];
        assert_eq!(percentiles(&batches, |it| it.whole), "51.00 / 100.00");
    }

    #[test]
    fn bodies_have_the_size_they_are_called_by() {
        for (work, bytes) in works(1)
            .iter()
            .zip([500, 2_000, 20_000, 200_000, 2_000, 2_000])
        {
            let mean = work.bodies.iter().map(Bytes::len).sum::<usize>() / work.bodies.len();
            assert!(
                (bytes * 8 / 10..bytes * 12 / 10).contains(&mean),
                "{}: {mean}",
                work.name
            );
        }
    }
}
