//! `score-pii [--misses [TYPE]] [DIRECTORY]`: scores the scanner on a labelled set and fails when
//! a bar is missed. With `--misses`, what was not found and what was found wrongly is listed too.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line tool talks to its terminal"
)]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use pii_set::{Finding, Report};

/// What is scored. PLUG IN: make a `weir_pii::Scanner` here, once, and let the closure return its
/// spans, in bytes, with their types; `SECRET` for every type of secret. Until then nothing is
/// found and every bar on recall is missed.
fn detector() -> impl Fn(&str) -> Vec<Finding> {
    |_text| Vec::new()
}

const USAGE: &str = "usage: score-pii [--misses [TYPE]] [DIRECTORY]";

fn main() -> ExitCode {
    let mut directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/pii");
    let mut misses = None;
    let mut arguments = std::env::args().skip(1).peekable();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            // Types are in capitals, directories are not.
            "--misses" => {
                let is_type =
                    |text: &String| text.chars().all(|c| c.is_ascii_uppercase() || c == '_');
                misses = Some(arguments.next_if(is_type));
            }
            option if option.starts_with('-') => {
                eprintln!("{USAGE}");
                return ExitCode::from(2);
            }
            path => directory = PathBuf::from(path),
        }
    }
    let cases = match pii_set::read(&directory) {
        Ok(cases) => cases,
        Err(error) => {
            eprintln!("score-pii: {error}");
            return ExitCode::FAILURE;
        }
    };
    let report = pii_set::score(&cases, detector());
    if let Some(kind) = misses {
        list(&report, kind.as_deref());
    }
    println!("{} cases\n\n{report}", cases.len());
    match report.bars().iter().all(|bar| bar.holds()) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

fn list(report: &Report, only: Option<&str>) {
    for miss in &report.misses {
        if only.is_none_or(|only| only == miss.kind) {
            let what = if miss.wrong { "false" } else { "missed" };
            println!(
                "{what:<7} {:<18} {:<22} {:?}",
                miss.kind, miss.case, miss.text
            );
        }
    }
    println!();
}
