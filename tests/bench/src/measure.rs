//! The measurements, in the order of the report.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;

use crate::chain::{Chain, PLAIN};
use crate::load::{Batch, Mock, Target, Work};
use crate::report::{Compared, Figures, Footprint, Inside, Restoring, Throughput};
use crate::text::{Kind, Writer};

/// How much is done.
pub(crate) struct Plan {
    /// How often all chains take their turn.
    pub(crate) rounds: usize,
    /// How long a turn is.
    pub(crate) slice: Duration,
    /// How often each Envoy is started for its start-up time.
    pub(crate) starts: usize,
    /// Sizes of bodies inside the VM, in MiB, and how many of each.
    pub(crate) inside: &'static [(usize, usize)],
}

const CHAT: &str = "/v1/chat/completions";
const EMBEDDINGS: &str = "/v1/embeddings";
/// Words of an answer; streamed they are 100 events, with the role, the end and `[DONE]`.
const ANSWER_WORDS: usize = 97;
/// Between two events of a paced stream.
const PACE_MS: usize = 5;

/// What all chains are given, at so many connections.
pub(crate) fn works(connections: usize) -> Vec<Arc<Work>> {
    let mut writer = Writer::new(20);
    let sizes = [
        ("0.5 KB", 500, 64),
        ("2 KB", 2_000, 64),
        ("20 KB", 20_000, 32),
        ("200 KB", 200_000, 16),
    ];
    let mut works: Vec<_> = sizes
        .iter()
        .map(|&(name, bytes, count)| {
            let bodies = (0..count)
                .map(|i| chat(&mut writer, i, bytes, false))
                .collect();
            work(name, connections, None, bodies)
        })
        .collect();
    for (name, pace) in [("stream at once", 0), ("stream paced", PACE_MS)] {
        let bodies = (0..64).map(|i| chat(&mut writer, i, 2_000, true)).collect();
        works.push(work(name, connections, Some(pace), bodies));
    }
    works.into_iter().map(Arc::new).collect()
}

fn work(name: &str, connections: usize, pace_ms: Option<usize>, bodies: Vec<Bytes>) -> Work {
    Work {
        name: name.to_owned(),
        path: CHAT,
        script: vec![
            ("x-mock-tokens", ANSWER_WORDS.to_string()),
            // The upstream does not count tokens: its time would be the client's.
            (
                "x-mock-usage",
                json!({"prompt_tokens": 500, "completion_tokens": 97, "total_tokens": 597})
                    .to_string(),
            ),
            ("x-mock-event-delay-ms", pace_ms.unwrap_or(0).to_string()),
        ],
        bodies,
        connections,
        stream: pace_ms.is_some(),
        seek: None,
    }
}

/// A conversation of about `bytes` bytes whose messages are prose, code, Chinese and JSON in turn.
fn chat(writer: &mut Writer, number: usize, bytes: usize, stream: bool) -> Bytes {
    let kinds = [Kind::Prose, Kind::Code, Kind::Chinese, Kind::Json];
    let mut body = json!({"model": "gpt-4.1", "stream": stream, "max_tokens": 500, "messages": []});
    let mut left = bytes.saturating_sub(body.to_string().len());
    for turn in number.. {
        let text = writer.text(
            kinds[turn % kinds.len()],
            left.saturating_sub(200).clamp(100, 4_000),
        );
        let role = if (turn - number).is_multiple_of(2) {
            "user"
        } else {
            "assistant"
        };
        let message = json!({"role": role, "content": text});
        left = left.saturating_sub(message.to_string().len());
        body["messages"]
            .as_array_mut()
            .expect("an array")
            .push(message);
        if left < 300 {
            break;
        }
    }
    body.to_string().into()
}

/// Start-up time and memory at one, two and four workers, after some requests of 2 and 20 KB.
pub(crate) async fn footprint(
    chains: &[Chain],
    mock: &Mock,
    plan: &Plan,
) -> (Vec<Footprint>, Vec<String>) {
    let works = works(32);
    let (mut footprints, mut refused) = (Vec::new(), Vec::new());
    'chains: for chain in chains {
        let mut footprint = Footprint {
            chain: chain.name.clone(),
            ..Footprint::default()
        };
        for workers in [1, 2, 4] {
            let mut starts = Vec::new();
            for last in (0..plan.starts).rev() {
                let mut target = match Target::start(chain, mock, workers, None).await {
                    Ok(target) => target,
                    Err(log) => {
                        refused.push(format!(
                            "{}, which Envoy did not start with: {log}",
                            chain.name
                        ));
                        continue 'chains;
                    }
                };
                starts.push(target.start.as_secs_f64());
                if last == 0 {
                    for work in &works[1..=2] {
                        target.run(work, plan.slice).await;
                    }
                    footprint
                        .rss_mib
                        .push(target.envoy.rss_kib() as f64 / 1024.0);
                }
            }
            footprint.start_s.push(median(starts));
        }
        footprints.push(footprint);
    }
    (footprints, refused)
}

/// All work on all chains. In each round every chain has its turn, in rotating order, so that a
/// disturbance hits all; ratios are taken within a round.
pub(crate) async fn compare(
    targets: &mut [Target],
    connections: usize,
    plan: &Plan,
) -> Vec<Compared> {
    let mut compared = Vec::new();
    for work in works(connections) {
        for target in targets.iter_mut() {
            target.run(&work, plan.slice / 2).await;
        }
        let batches = rounds(targets, &work, plan).await;
        compared.push(Compared {
            work: work.name.clone(),
            connections,
            stream: work.stream,
            figures: batches.iter().map(|of| figures(of, &batches[0])).collect(),
        });
    }
    compared
}

/// By target, then by round.
async fn rounds(targets: &mut [Target], work: &Arc<Work>, plan: &Plan) -> Vec<Vec<Batch>> {
    let count = targets.len();
    let mut batches: Vec<Vec<Batch>> = targets.iter().map(|_| Vec::new()).collect();
    for round in 0..plan.rounds {
        for turn in 0..count {
            let at = (turn + round) % count;
            batches[at].push(targets[at].run(work, plan.slice).await);
        }
    }
    batches
}

fn figures(batches: &[Batch], plain: &[Batch]) -> Figures {
    let over = |figure: &dyn Fn(&Batch) -> f64| median(batches.iter().map(figure).collect());
    let each = |ns: u64, batch: &Batch| ns as f64 / 1000.0 / batch.exchanges.len() as f64;
    let cpu = |batch: &Batch| each(batch.envoy_ns, batch);
    let times = |time: &dyn Fn(&crate::load::Exchange) -> Duration| {
        let all = batches.iter().flat_map(|batch| &batch.exchanges);
        let mut ms: Vec<_> = all.map(|it| time(it).as_secs_f64() * 1000.0).collect();
        ms.sort_by(f64::total_cmp);
        [50, 99].map(|percent| ms[(ms.len() - 1) * percent / 100])
    };
    Figures {
        cpu_us: over(&cpu),
        ratio: median(
            batches
                .iter()
                .zip(plain)
                .map(|(own, plain)| cpu(own) / cpu(plain))
                .collect(),
        ),
        per_second: over(&|it| it.exchanges.len() as f64 / it.wall.as_secs_f64()),
        whole_ms: times(&|it| it.whole),
        first_ms: times(&|it| it.first),
        busy: over(&|it| it.envoy_ns as f64 / it.wall.as_nanos() as f64),
        client_us: over(&|it| each(it.client_ns, it)),
        mock_us: over(&|it| each(it.mock_ns, it)),
    }
}

/// What is sent through the VM.
const INSIDE: &[(&str, Kind)] = &[
    ("English", Kind::Prose),
    ("code", Kind::Code),
    ("Chinese", Kind::Chinese),
    ("JSON in text", Kind::Json),
    ("mixed", Kind::Mixed),
    ("dense chat", Kind::Dense),
    ("only `@`", Kind::Run("@")),
    ("only `a@b.`", Kind::Run("a@b.")),
    ("only digits", Kind::Run("4929071835")),
    ("only `password=`", Kind::Run("password=")),
    ("only `%40`", Kind::Run("%40")),
    ("one letter", Kind::Run("a")),
    ("letters, no space", Kind::Unbroken),
    ("only spaces", Kind::Run(" ")),
    ("only `!`", Kind::Run("!")),
    ("only `龘`", Kind::Run("龘")),
];

/// How fast each filter alone gets through long inputs, by the processor time Envoy takes beyond
/// plain Envoy for the same bytes.
pub(crate) async fn inside(targets: &mut [Target], plan: &Plan) -> Inside {
    let chosen = |target: &&mut Target| {
        [PLAIN, "model-router", "pii-redact", "token-limit"].contains(&target.name.as_str())
    };
    let mut targets: Vec<_> = targets.iter_mut().filter(chosen).collect();
    let memory = |targets: &[&mut Target]| -> Vec<f64> {
        targets
            .iter()
            .map(|target| target.envoy.rss_kib() as f64 / 1024.0)
            .collect()
    };
    let rss_before_mib = memory(&targets);
    let mut writer = Writer::new(21);
    for target in &mut targets {
        target
            .run(&long(&mut writer, Kind::Mixed, 1 << 20).0, Duration::ZERO)
            .await;
    }
    let mut rows = Vec::new();
    for &(name, kind) in INSIDE {
        for &(mib, count) in plan.inside {
            let mut ns = vec![0; targets.len()];
            let mut sent = 0;
            for _ in 0..count {
                let (work, bytes) = long(&mut writer, kind, mib << 20);
                sent += bytes;
                for (target, ns) in targets.iter_mut().zip(&mut ns) {
                    *ns += target.run(&work, Duration::ZERO).await.envoy_ns;
                }
            }
            // Bytes per microsecond are megabytes per second.
            let speed =
                |&more: &u64| (more > ns[0]).then(|| sent as f64 * 1000.0 / (more - ns[0]) as f64);
            rows.push(Throughput {
                text: name.to_owned(),
                mib,
                mb_per_s: ns[1..].iter().map(speed).collect(),
            });
        }
    }
    Inside {
        filters: targets.iter().map(|target| target.name.clone()).collect(),
        rows,
        rss_before_mib,
        rss_after_mib: memory(&targets),
    }
}

/// A request to embed one text, just below the filters' own limit when it is the longest, and the
/// bytes of the text.
fn long(writer: &mut Writer, kind: Kind, bytes: usize) -> (Arc<Work>, usize) {
    // Escapes lengthen the body.
    let text = writer.text(kind, bytes - bytes / 64);
    let body = json!({"model": "text-embedding-3-small", "input": text}).to_string();
    let work = Work {
        path: EMBEDDINGS,
        script: vec![(
            "x-mock-usage",
            json!({"prompt_tokens": 1000, "total_tokens": 1000}).to_string(),
        )],
        ..work("long input", 1, None, vec![body.into()])
    };
    (Arc::new(work), text.len())
}

/// The address that goes out as a placeholder and has to come back.
const ADDRESS: &str = "jane.roe@marovel.example";

/// Paced streams in which every fifth word is a placeholder that has to be replaced.
pub(crate) async fn restoring(targets: &mut [Target], plan: &Plan) -> Vec<Restoring> {
    let words: Vec<_> = (0..20)
        .map(|i| if i % 5 == 0 { "%5BEMAIL_1%5D" } else { "fish" })
        .collect();
    let content = format!("Write to {ADDRESS} and say where the fish are.");
    let body = json!({"model": "gpt-4.1", "stream": true, "messages": [{"role": "user", "content": content}]});
    let mut work = work("restoring", 1, Some(PACE_MS), vec![body.to_string().into()]);
    work.script[0] = ("x-mock-text", words.join("%20"));
    work.seek = Some(ADDRESS.to_owned());
    let work = Arc::new(work);
    let batches = rounds(targets, &work, plan).await;
    let results = targets.iter().zip(&batches).map(|(target, own)| {
        let mut exchanges = own.iter().flat_map(|batch| &batch.exchanges);
        Restoring {
            chain: target.name.clone(),
            restored: exchanges.all(|exchange| exchange.found),
            figures: figures(own, &batches[0]),
        }
    });
    results.collect()
}

fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of[of.len() / 2]
}
