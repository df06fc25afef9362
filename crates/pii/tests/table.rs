//! The table of detectors: every row finds its own example, names are fit for placeholders.

#![allow(clippy::indexing_slicing, clippy::unwrap_used)]

use std::collections::BTreeSet;

use weir_pii::{Finding, Group, Kind, Scanner, Settings, detectors};

fn everything() -> Scanner {
    let kinds = detectors().map(|detector| detector.kind()).collect();
    Scanner::new(&Settings {
        kinds,
        ..Settings::default()
    })
    .unwrap()
}

fn scan(scanner: &Scanner, text: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    scanner.scan(text, None, &mut found);
    found
}

#[test]
fn every_row_finds_its_example_in_many_places() {
    let scanner = everything();
    let mut missed = Vec::new();
    for detector in detectors() {
        let example = detector.example();
        for (before, after) in [
            ("", ""),
            ("see ", ". Bye"),
            ("(", ")"),
            ("\"", "\","),
            ("电话", "，谢谢"),
            ("a=1\n", "\nb"),
        ] {
            let text = format!("{before}{example}{after}");
            let found = scan(&scanner, &text);
            if !found
                .iter()
                .any(|finding| finding.kind.name() == detector.name)
            {
                missed.push((detector.name, text, found));
            }
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
}

#[test]
fn names_are_fit_for_placeholders_and_known() {
    for detector in detectors() {
        assert!(Kind::custom(detector.name).is_ok(), "{}", detector.name);
        assert_eq!(
            Kind::named(detector.name),
            Some(detector.kind()),
            "{}",
            detector.name
        );
        assert!(!detector.validator.is_empty(), "{}", detector.name);
    }
    let secrets: BTreeSet<_> = detectors()
        .filter(|detector| detector.group == Group::Secret)
        .map(|detector| detector.name)
        .collect();
    assert!(secrets.len() >= 40, "{}", secrets.len());
}
