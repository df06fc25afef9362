//! `rls --listen ADDR --config FILE --redis ADDR`: the service as a program, until it is told to
//! stop.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line tool talks to its terminal"
)]

use std::process::ExitCode;

use rls::{Address, Config, Rls};
use tokio::signal::unix::{SignalKind, signal};

const USAGE: &str = "usage: rls --listen ADDR --config FILE --redis ADDR
  ADDR  IP:PORT or unix:PATH
  FILE  limits, in the format of envoyproxy/ratelimit";

#[tokio::main]
async fn main() -> ExitCode {
    match run(std::env::args().skip(1)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("rls: {message}\n{USAGE}");
            ExitCode::FAILURE
        }
    }
}

async fn run(mut arguments: impl Iterator<Item = String>) -> Result<(), String> {
    let (mut listen, mut config, mut redis) = (None, None, None);
    while let Some(argument) = arguments.next() {
        let mut value = || {
            let value = arguments.next();
            value.ok_or_else(|| format!("{argument} needs a value"))
        };
        match argument.as_str() {
            "--listen" => listen = Some(address(&value()?)?),
            "--redis" => redis = Some(address(&value()?)?),
            "--config" => config = Some(read(&value()?)?),
            other => return Err(format!("unknown argument `{other}`")),
        }
    }
    let listen = listen.ok_or("--listen is missing")?;
    let config = config.ok_or("--config is missing")?;
    let redis = redis.ok_or("--redis is missing")?;

    let stop = |kind| signal(kind).map_err(|e| e.to_string());
    let mut interrupt = stop(SignalKind::interrupt())?;
    let mut terminate = stop(SignalKind::terminate())?;
    let started = Rls::start(listen.clone(), config, redis).await;
    let rls = started.map_err(|e| format!("{listen}: {e}"))?;
    println!("rls listens on {}", rls.address());
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

fn address(text: &str) -> Result<Address, String> {
    text.parse().map_err(|e| format!("{e}"))
}

fn read(path: &str) -> Result<Config, String> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("{path}: {e}"))?;
    text.parse().map_err(|e| format!("{path}: {e}"))
}
