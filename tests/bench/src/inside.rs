//! How fast the filters get through long texts.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::Plan;
use crate::chain::PLAIN;
use crate::compare::median;
use crate::load::{Target, Work};
use crate::report::{Section, Table, row, whole};
use crate::text::{Kind, Writer};

const TEXTS: &[(&str, Kind)] = &[
    ("English", Kind::Prose),
    ("code", Kind::Code),
    ("Chinese", Kind::Chinese),
    ("JSON in text", Kind::Json),
    ("mixed", Kind::Mixed),
    ("dense personal data", Kind::Dense),
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

const TEXT: &str = "One text of that size as the `input` of an embeddings request, made anew for every \
request; MB of text per second of the CPU that Envoy takes beyond plain Envoy for the same request, \
the median of several. That includes copying the body into the VM and reading it as JSON, which is \
most of what model-router does here. `–`: no more than plain Envoy. A VM never shrinks, and V8 with \
the compiled module is in what is beyond plain Envoy.";

/// Sends every text through the chains of one filter.
pub(crate) async fn inside(targets: &mut [Target], plan: &Plan) -> Section {
    let chosen = [PLAIN, "model-router", "pii-redact", "token-limit"];
    let targets = targets
        .iter_mut()
        .filter(|target| chosen.contains(&target.name.as_str()));
    let mut targets: Vec<_> = targets.collect();
    let before: Vec<_> = targets.iter().map(|target| target.rss_mib()).collect();
    let mut writer = Writer::new(21);
    for _ in 0..3 {
        cost(&mut targets, &mut writer, Kind::Mixed, 1 << 20).await;
    }
    let mut speeds = Vec::new();
    for &(name, kind) in TEXTS {
        for &(mib, count) in plan.inside {
            let mut costs = Vec::new();
            for _ in 0..count {
                costs.push(cost(&mut targets, &mut writer, kind, mib << 20).await);
            }
            // Bytes per nanosecond are gigabytes per second.
            let speed = |at: usize| match median(costs.iter().map(|cost| cost[at]).collect()) {
                ns if ns > 0.0 => format!("{:.1}", 1000.0 / ns),
                _ => "–".to_owned(),
            };
            let cells = (1..targets.len()).map(speed);
            speeds.push(row(name, std::iter::once(mib.to_string()).chain(cells)));
        }
    }
    let plain = targets[0].rss_mib();
    let memory = targets.iter().zip(before).map(|(target, before)| {
        let after = target.rss_mib();
        row(&target.name, [before, after, after - plain].map(whole))
    });
    let memory = memory.collect();
    let filters = targets.iter().skip(1).map(|target| target.name.clone());
    Section {
        title: "Inside the VM".to_owned(),
        text: TEXT.to_owned(),
        tables: vec![
            Table {
                caption: "MB/s:".to_owned(),
                header: row("", std::iter::once("MiB".to_owned()).chain(filters)),
                rows: speeds,
            },
            Table {
                caption: "Resident memory of these Envoys, MiB, one worker:".to_owned(),
                header: row(
                    "",
                    ["before", "after", "after, beyond plain Envoy"].map(str::to_owned),
                ),
                rows: memory,
            },
        ],
    }
}

/// Sends one request to embed a new text, and takes the nanoseconds for each of its bytes, beyond
/// those of the first target.
async fn cost(
    targets: &mut [&mut Target],
    writer: &mut Writer,
    kind: Kind,
    bytes: usize,
) -> Vec<f64> {
    // Escapes lengthen the body, which at 7 MiB must stay below the filters' limit.
    let text = writer.text(kind, bytes - bytes / 64);
    let usage = json!({"prompt_tokens": 1000, "total_tokens": 1000});
    let work = Arc::new(Work {
        name: "long input",
        path: "/v1/embeddings",
        script: vec![("x-mock-usage", usage.to_string())],
        bodies: vec![
            json!({"model": "text-embedding-3-small", "input": text})
                .to_string()
                .into(),
        ],
        connections: 1,
        stream: false,
        seek: None,
    });
    let mut ns = Vec::new();
    for target in targets {
        ns.push(target.run(&work, Duration::ZERO).await.envoy_ns as f64);
    }
    ns.iter()
        .map(|own| (own - ns[0]) / text.len() as f64)
        .collect()
}
