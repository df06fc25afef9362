//! The committed set: that the seed makes it, that it is sound, and that it is broad.
#![allow(clippy::indexing_slicing, clippy::string_slice, clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::path::PathBuf;

use pii_set::{Case, Group, SEED, generate, group_of, read, write};

fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fixtures/pii")
}

#[test]
fn the_seed_makes_the_committed_files() {
    let cases = generate(SEED);
    let mut total = 0;
    for group in Group::ALL {
        let (name, made) = write(&cases, group);
        let path = directory().join(&name);
        if std::env::var_os("WEIR_UPDATE_PII_SET").is_some() {
            fs::write(&path, &made).unwrap();
        }
        // No assert_eq: it would print both files.
        assert!(
            fs::read_to_string(&path).unwrap() == made,
            "{name} is not what seed {SEED} makes; WEIR_UPDATE_PII_SET=1 writes it anew"
        );
        total += made.len();
    }
    assert!(total <= 1_500_000, "{total} bytes");
    assert_eq!(read(&directory()).unwrap(), cases);
    assert!(generate(SEED + 1) != cases, "the seed decides");
}

#[test]
fn every_case_is_sound() {
    let cases = generate(SEED);
    let mut ids = HashSet::new();
    let mut texts = HashSet::new();
    for case in &cases {
        assert!(ids.insert(&case.id), "{} twice", case.id);
        assert!(
            texts.insert(&case.text),
            "{}: {:?} twice",
            case.id,
            case.text
        );
        assert!(
            !case.text.contains(['‹', '›', '⟦', '⟧', '\0']),
            "{}: {:?}",
            case.id,
            case.text
        );
        assert_eq!(
            case.labels.is_empty(),
            case.group == Group::Negative,
            "{}",
            case.id
        );
        let mut end = 0;
        for label in &case.labels {
            let value = case.text.get(label.span()).unwrap_or_default();
            assert!(value.chars().count() >= 5, "{}: {label:?}", case.id);
            assert_eq!(value.trim(), value, "{}: {label:?}", case.id);
            assert!(label.start >= end, "{}: overlap at {label:?}", case.id);
            assert!(group_of(&label.kind).is_some(), "{}: {label:?}", case.id);
            assert_eq!(
                label.kind == "SECRET",
                label.vendor.is_some(),
                "{}",
                case.id
            );
            end = label.end;
        }
    }
}

/// What a text says beside its values.
fn carrier(case: &Case) -> String {
    let mut rest = case.text.clone();
    for label in case.labels.iter().rev() {
        rest.replace_range(label.span(), "_");
    }
    rest
}

#[test]
fn the_set_is_broad() {
    let cases = generate(SEED);
    let mut labels: BTreeMap<&str, usize> = BTreeMap::new();
    let mut carriers: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let mut vendors = BTreeSet::new();
    for label in cases
        .iter()
        .flat_map(|case| case.labels.iter().map(move |label| (case, label)))
    {
        let (case, label) = label;
        *labels.entry(&label.kind).or_default() += 1;
        carriers
            .entry(&label.kind)
            .or_default()
            .insert(carrier(case));
        vendors.extend(label.vendor.as_deref());
    }
    assert_eq!(labels.len(), 53, "{:?}", labels.keys());
    for (kind, count) in &labels {
        assert!(*count >= 20, "{kind}: {count} values");
        assert!(
            carriers[kind].len() >= 15,
            "{kind}: {} carriers",
            carriers[kind].len()
        );
    }
    assert!(vendors.len() >= 40, "{vendors:?}");
    let count = |group| cases.iter().filter(|case| case.group == group).count();
    assert!(
        count(Group::Negative) >= 1_200,
        "{} negatives",
        count(Group::Negative)
    );
    let dodges = cases.iter().filter(|case| case.dodge).count();
    assert!((50..=200).contains(&dodges), "{dodges} disguises");
}
