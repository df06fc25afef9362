//! What a chain takes to be there: time until it is ready, and memory.

use std::collections::BTreeMap;

use crate::Plan;
use crate::chain::Chain;
use crate::compare::{median, works};
use crate::load::{Mock, Target};
use crate::machine::cpu_ns;
use crate::report::{Section, Table, row, whole};

const TEXT: &str = "Until Envoy takes requests, from the start of its process, by the clock and in CPU \
seconds (no core is reserved); then resident memory after 32 connections have sent bodies of 2 and \
20 KB. Each worker has a VM of its own per module; what a worker adds is taken from the first and \
the last RSS. The last column is what the filters themselves take to read their configurations and build their tables, in each VM, by the clock: the median over all VMs, summed over the filters; V8's compiling is not in it. The no-op filter lies in the tests' own module, which is as large as token-limit's: \
it is no yardstick here.";

/// The section, and what Envoy refused to start with.
pub(crate) async fn footprint(
    chains: &mut Vec<Chain>,
    mock: &Mock,
    plan: &Plan,
) -> (Section, Vec<String>) {
    let (mut rows, mut refused) = (Vec::new(), Vec::new());
    for chain in std::mem::take(chains) {
        match of_chain(&chain, mock, plan).await {
            Ok(cells) => {
                rows.push(row(&chain.name, cells));
                chains.push(chain);
            }
            Err(why) => refused.push(format!(
                "{}, which Envoy did not start with: {why}",
                chain.name
            )),
        }
    }
    let columns = |what: &str| {
        plan.workers
            .map(|n| format!("{what}, {n} worker{}", if n == 1 { "" } else { "s" }))
    };
    let columns = columns("ready, s (CPU s)")
        .into_iter()
        .chain(columns("RSS, MiB"));
    let table = Table {
        caption: "By number of workers:".to_owned(),
        header: row(
            "",
            columns.chain(["each worker adds, MiB", "configure, ms"].map(str::to_owned)),
        ),
        rows,
    };
    let section = Section {
        title: "Start-up and memory".to_owned(),
        text: TEXT.to_owned(),
        tables: vec![table],
    };
    (section, refused)
}

async fn of_chain(chain: &Chain, mock: &Mock, plan: &Plan) -> Result<Vec<String>, String> {
    let works = works(32);
    let (mut cells, mut rss_mib) = (Vec::new(), Vec::new());
    let mut configured = BTreeMap::<String, Vec<f64>>::new();
    for workers in plan.workers {
        let (mut clock, mut cpu) = (Vec::new(), Vec::new());
        for last in (0..plan.starts).rev() {
            let mut target = Target::start(chain, mock, workers, None).await?;
            clock.push(target.start.as_secs_f64());
            cpu.push(cpu_ns(target.envoy.pid()) as f64 / 1e9);
            for (filter, ms) in target.envoy.log().lines().filter_map(configuring) {
                configured.entry(filter).or_default().push(ms);
            }
            if last == 0 {
                for work in &works[1..=2] {
                    target.run(work, plan.slice).await;
                }
                rss_mib.push(target.rss_mib());
            }
        }
        cells.push(format!("{:.2} ({:.2})", median(clock), median(cpu)));
    }
    let [fewest, .., most] = plan.workers;
    let added = (rss_mib[rss_mib.len() - 1] - rss_mib[0]) / f64::from(most - fewest);
    cells.extend(rss_mib.into_iter().map(whole));
    cells.push(format!("{added:.1}"));
    let ms: f64 = configured.into_values().map(median).sum();
    cells.push(format!("{ms:.1}"));
    Ok(cells)
}

/// Which filter a line of the log says was configured, and in how many milliseconds.
fn configuring(line: &str) -> Option<(String, f64)> {
    let (said, rest) = line.split_once(" configured in ")?;
    let filter = said.rsplit(": weir ").nth(1)?.rsplit(' ').next()?;
    let (ms, _) = rest.split_once(" ms")?;
    Some((filter.to_owned(), ms.parse().ok()?))
}
