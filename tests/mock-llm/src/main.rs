//! `mock-llm --listen 127.0.0.1:8000[=NAME] [--listen …] [--name NAME]`: one process that
//! plays one or several LLM upstreams until it is told to stop.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line tool talks to its terminal"
)]

use std::process::ExitCode;

use mock_llm::{Listen, MockLlm, Options};
use tokio::signal::unix::{SignalKind, signal};

const USAGE: &str = "usage: mock-llm --listen ADDR[=NAME] [--listen ADDR[=NAME] …] [--name NAME]
  ADDR  IP:PORT or unix:PATH
  NAME  the upstream's name in answers and in x-mock-name (default: mock-llm)";

struct Arguments {
    listens: Vec<(Listen, Option<String>)>,
    name: String,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = match parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(message) => {
            eprintln!("{message}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("mock-llm: {message}");
            ExitCode::FAILURE
        }
    }
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let mut listens = Vec::new();
    let mut name = "mock-llm".to_owned();
    while let Some(argument) = arguments.next() {
        let mut value = || {
            let value = arguments.next();
            value.ok_or_else(|| format!("{argument} needs a value"))
        };
        match argument.as_str() {
            "--listen" => {
                let value = value()?;
                let (address, name) = match value.rsplit_once('=') {
                    Some((address, name)) => (address, Some(name.to_owned())),
                    None => (value.as_str(), None),
                };
                let listen = address.parse::<Listen>().map_err(|e| e.to_string())?;
                listens.push((listen, name));
            }
            "--name" => name = value()?,
            "--help" | "-h" => return Err("A fake LLM upstream.".to_owned()),
            other => return Err(format!("unknown argument `{other}`")),
        }
    }
    if listens.is_empty() {
        return Err("--listen is missing".to_owned());
    }
    Ok(Arguments { listens, name })
}

async fn run(arguments: Arguments) -> Result<(), String> {
    let stop = |kind| signal(kind).map_err(|e| e.to_string());
    let mut interrupt = stop(SignalKind::interrupt())?;
    let mut terminate = stop(SignalKind::terminate())?;

    let mut running = Vec::new();
    for (listen, name) in arguments.listens {
        let name = name.unwrap_or_else(|| arguments.name.clone());
        // Nobody can ask this process what it recorded, so it records nothing.
        let options = Options {
            name: name.clone(),
            record: false,
        };
        let mock = MockLlm::start(listen.clone(), options)
            .await
            .map_err(|e| format!("{listen}: {e}"))?;
        let address = match mock.local_addr() {
            Some(address) => address.to_string(),
            None => listen.to_string(),
        };
        println!("{name} listens on {address}");
        running.push(mock);
    }
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}
