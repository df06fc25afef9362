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
use weir_pii::{Detector, Group, Scanner, Settings, detectors};

/// What is scored: the scanner as it is when nobody says otherwise, with the set's names for types.
fn detector() -> impl Fn(&str) -> Vec<Finding> {
    #[allow(clippy::expect_used, reason = "a tool may stop")]
    let scanner = Scanner::new(&Settings::default()).expect("the table can be run");
    move |text| {
        let mut found = Vec::new();
        scanner.scan(text, None, &mut found);
        let named = found.into_iter().map(|finding| {
            let value = text.get(finding.span.clone()).unwrap_or_default();
            (finding.span, name_in_set(finding.kind.name(), value))
        });
        named.collect()
    }
}

/// The set tells no vendors of secrets apart, and calls some numbers by other names.
fn name_in_set(kind: &str, value: &str) -> String {
    let of_secret = |detector: &Detector| detector.name == kind && detector.group == Group::Secret;
    let name = match kind {
        "URL_CREDENTIALS" => kind,
        _ if detectors().any(of_secret) => "SECRET",
        "AADHAAR" => "IN_AADHAAR",
        "ABA_ROUTING" => "BANK_ROUTING",
        "BE_NATIONAL_NUMBER" => "BE_NN",
        "CN_RESIDENT_ID" => "CN_ID",
        "CRYPTO_ADDRESS" => "CRYPTO",
        // A foreigner's begins with one of these letters, anybody else's with a digit.
        "ES_NIF" if value.starts_with(['X', 'Y', 'Z', 'x', 'y', 'z']) => "ES_NIE",
        "NHS_NUMBER" => "UK_NHS",
        "NINO" => "UK_NINO",
        "PESEL" => "PL_PESEL",
        other => other,
    };
    name.to_owned()
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
