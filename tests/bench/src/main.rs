//! `weir-bench [--quick] FILE`: measures every chain of filters that has been built, in real Envoy
//! before a mock LLM, and writes the results to FILE. `make bench` runs it.
//!
//! It measures what Envoy costs on this machine, in ratios to plain Envoy in the same run; what a
//! network, TLS or a real provider add is not seen.
#![allow(
    clippy::cast_possible_truncation,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::string_slice,
    reason = "a measurement stops when something is wrong, and needs the clock"
)]

mod chain;
mod load;
mod machine;
mod measure;
mod report;
mod text;

use std::time::Duration;

use crate::chain::Chain;
use crate::load::{Mock, Target};
use crate::measure::Plan;
use crate::report::Report;

/// Where Envoy runs while it is measured, and where the client does.
const ENVOY_CORE: usize = 1;
const CLIENT_CORE: usize = 0;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let (quick, file) = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--quick", file] => (true, file),
        [file] if !file.starts_with('-') => (false, file),
        _ => return eprintln!("usage: weir-bench [--quick] FILE"),
    };
    let plan = if quick {
        Plan {
            rounds: 2,
            slice: Duration::from_millis(60),
            starts: 1,
            inside: &[(1, 1)],
        }
    } else {
        Plan {
            rounds: 7,
            slice: Duration::from_millis(700),
            starts: 3,
            inside: &[(1, 5), (7, 1)],
        }
    };
    let report = measure(quick, &plan).await;
    std::fs::write(file, report.render()).expect("the report is written");
    eprintln!("wrote {file}");
}

async fn measure(quick: bool, plan: &Plan) -> Report {
    let machine = machine::describe();
    let cores = machine::cores();
    let (mut chains, mut missing) = Chain::all();
    let mock = Mock::start().await;

    eprintln!("start-up and memory of {} chains", chains.len());
    let (footprints, refused) = measure::footprint(&chains, &mock, plan).await;
    chains.retain(|chain| footprints.iter().any(|it| it.chain == chain.name));
    missing.extend(refused);

    // With two cores, Envoy has one to itself and the client shares the other with the upstream.
    if cores > 1 {
        machine::pin(std::process::id(), CLIENT_CORE);
        machine::pin(mock.pid(), if cores > 2 { 2 } else { CLIENT_CORE });
    }
    let core = (cores > 1).then_some(ENVOY_CORE);
    let mut targets = Vec::new();
    for chain in &chains {
        let target = Target::start(chain, &mock, 1, core).await;
        targets.push(target.unwrap_or_else(|log| panic!("{}: {log}", chain.name)));
    }
    let mut compared = Vec::new();
    for connections in [32, 1] {
        eprintln!("all work, {connections} connections");
        compared.extend(measure::compare(&mut targets, connections, plan).await);
    }
    eprintln!("restoring");
    let restoring = measure::restoring(&mut targets, plan).await;
    eprintln!("inside the VM");
    let inside = measure::inside(&mut targets, plan).await;
    for target in &targets {
        target.envoy.assert_no_crash();
    }
    Report {
        quick,
        machine,
        pinned: cores > 1,
        missing,
        chains: targets.iter().map(|target| target.name.clone()).collect(),
        rounds: plan.rounds,
        slice: plan.slice,
        compared,
        footprints,
        restoring,
        inside,
    }
}
