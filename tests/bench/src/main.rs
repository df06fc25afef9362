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
mod compare;
mod footprint;
mod inside;
mod load;
mod machine;
mod report;
mod text;

use std::time::Duration;

use crate::chain::Chain;
use crate::load::{Mock, Target};
use crate::report::Section;

/// Where Envoy runs while it is measured, and where the client does.
const ENVOY_CORE: usize = 1;
const CLIENT_CORE: usize = 0;

/// How much is done.
struct Plan {
    /// With how many workers start-up and memory are measured, and how often an Envoy is started.
    workers: [u32; 3],
    starts: usize,
    /// How often all chains take their turn, and how long a turn is.
    rounds: usize,
    slice: Duration,
    /// Sizes of texts inside the VM, in MiB, and how many of each.
    inside: &'static [(usize, usize)],
}

const FULL: Plan = Plan {
    workers: [1, 2, 4],
    starts: 1,
    rounds: 3,
    slice: Duration::from_millis(600),
    inside: &[(1, 7)],
};

const QUICK: Plan = Plan {
    starts: 1,
    rounds: 2,
    slice: Duration::from_millis(60),
    inside: &[(1, 3)],
    ..FULL
};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let (quick, file) = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--quick", file] => (true, file),
        [file] if !file.starts_with('-') => (false, file),
        _ => panic!("usage: weir-bench [--quick] FILE"),
    };
    let sections = measure(if quick { &QUICK } else { &FULL }).await;
    std::fs::write(file, report::page(quick, &sections)).expect("the report is written");
    eprintln!("wrote {file}");
}

async fn measure(plan: &Plan) -> Vec<Section> {
    let machine = machine::describe();
    let cores = machine::cores();
    let (mut chains, mut missing) = Chain::all();
    let mock = Mock::start().await;

    eprintln!("start-up and memory of {} chains", chains.len());
    let (footprint, refused) = footprint::footprint(&mut chains, &mock, plan).await;
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
    eprintln!("warming up");
    compare::warm(&mut targets, plan).await;
    let mut sections = vec![method(machine, &missing, core.is_some(), plan)];
    for connections in [16, 1] {
        eprintln!("all work, connections: {connections}");
        sections.push(compare::compare(&mut targets, connections, plan).await);
    }
    sections.push(footprint);
    eprintln!("restoring");
    sections.push(compare::restoring(&mut targets, plan).await);
    eprintln!("inside the VM");
    sections.push(inside::inside(&mut targets, plan).await);
    for target in &targets {
        target.envoy.assert_no_crash();
    }
    sections.push(Section {
        title: "Not measured".to_owned(),
        text:
            "LiteLLM's proxy and other products; HTTP/2 and TLS; requests that are refused; many \
               configured rules; more than one worker under load; restoring, pricing and the store \
               by themselves (they are in the figures of their filters)."
                .to_owned(),
        tables: Vec::new(),
    });
    sections
}

/// What was measured, where and how.
fn method(machine: Vec<String>, missing: &[String], pinned: bool, plan: &Plan) -> Section {
    let place = match pinned {
        true => {
            "its process has one core to itself; the client, a native program, and the \
                 upstream, a native mock LLM, are on another"
        }
        false => "there is one core, which client and upstream share with it",
    };
    let (rounds, slice) = (plan.rounds, plan.slice.as_millis());
    let mut text = machine.join("\n") + &format!("

All chains run side by side, each in an Envoy of its own with one worker: {place}. Everything speaks
HTTP/1.1 over unix sockets on connections that stay open. In each of {rounds} rounds every chain has
its turn of {slice} ms (and at least one request on each connection), in rotating order, after turns
that are not counted. A figure is the median over the rounds, a ratio the median of the ratios to
plain Envoy within each round, a percentile is over all requests.

- **CPU** is Envoy's own, user and system, as the kernel's scheduler accounts it to the process,
  divided by requests; no clock is in it.
- **Bodies** are chats of English, code, Chinese and JSON messages in turn, made from a seed, in which
  no sentence comes twice; one English sentence in twenty-five has an address, a number or an IP in
  it. Answers have 97 words: one JSON body, or a stream of 100 events on a request of 2 KB, at once or
  5 ms apart.
- **The filters** have everything on: identity, access and rules; every detector that is on by
  default; two token limits and a request limit; a budget. All limits are far away.
- **The upstream** counts no tokens and says the usage it is told.");
    if !missing.is_empty() {
        text += &format!("\n\n**Left out: {}.**", missing.join("; "));
    }
    Section {
        title: "Where and how".to_owned(),
        text,
        tables: Vec::new(),
    }
}
