//! The scorer's numbers, on detectors of which they are known.
#![allow(clippy::indexing_slicing, clippy::string_slice, clippy::unwrap_used)]

use pii_set::{Case, Finding, Group, Label, Report, SEED, Tally, generate, score};

fn case(group: Group, text: &str, values: &[(&str, &str)]) -> Case {
    let label = |(kind, value): &(&str, &str)| {
        let start = text.find(value).unwrap();
        let (kind, end) = ((*kind).to_owned(), start + value.len());
        Label {
            kind,
            start,
            end,
            vendor: None,
        }
    };
    Case {
        id: text.to_owned(),
        group,
        text: text.to_owned(),
        labels: values.iter().map(label).collect(),
        dodge: false,
    }
}

/// A detector that finds the first of each of these strings.
fn finds(words: &[(&'static str, &'static str)]) -> impl Fn(&str) -> Vec<Finding> {
    move |text| {
        let at = |(kind, word): &(&str, &str)| {
            let start = text.find(word)?;
            Some((start..start + word.len(), (*kind).to_owned()))
        };
        words.iter().filter_map(at).collect()
    }
}

fn missed(report: &Report) -> Vec<&str> {
    let bars = report.bars();
    bars.iter()
        .filter(|bar| !bar.holds())
        .map(|bar| bar.name)
        .collect()
}

#[test]
fn a_perfect_detector_clears_every_bar() {
    let cases = generate(SEED);
    let perfect = |text: &str| {
        let case = cases.iter().find(|case| case.text == text).unwrap();
        case.labels
            .iter()
            .map(|label| (label.span(), label.kind.clone()))
            .collect()
    };
    let report = score(&cases, perfect);
    let all = report.total(None);
    assert!(all.labels > 2_000);
    let expected = Tally {
        labels: all.labels,
        found: all.labels,
        typed: all.labels,
        findings: all.labels,
        ..Tally::default()
    };
    assert_eq!(all, expected);
    assert_eq!(missed(&report), [""; 0]);
    assert_eq!(
        (report.touched, report.redacted_outside, report.invalid),
        (0, 0, 0)
    );
    assert!(report.misses.is_empty());
}

#[test]
fn a_detector_of_nothing_leaks_everything() {
    let report = score(&generate(SEED), |_| Vec::new());
    let all = report.total(None);
    assert_eq!((all.found, all.leaked, all.findings), (0, all.labels, 0));
    let bars = [
        "recall, core",
        "recall, secret",
        "recall, national",
        "recall, context",
        "precision",
        "leaked",
    ];
    assert_eq!(missed(&report), bars);
    assert_eq!(report.misses.len(), all.labels);
}

#[test]
fn a_detector_of_everything_touches_every_negative() {
    let cases = generate(SEED);
    let report = score(&cases, |text| vec![(0..text.len(), "EMAIL".to_owned())]);
    let all = report.total(None);
    assert_eq!((all.found, all.leaked), (all.labels, 0));
    assert_eq!(
        all.typed, report.types["EMAIL"].labels,
        "nothing else is of that type"
    );
    assert_eq!(report.touched, report.negatives);
    assert_eq!(
        report.types["EMAIL"].wrong, report.negatives,
        "one false finding in each"
    );
    assert_eq!(report.redacted_outside, report.outside);
    assert_eq!(missed(&report), ["precision", "negatives touched"]);
}

#[test]
fn what_counts_as_found() {
    // Text, label, findings; found, typed, leaked, findings, false.
    type Row = (
        &'static str,
        (&'static str, &'static str),
        &'static [(&'static str, &'static str)],
        [usize; 5],
    );
    const PHONE: (&str, &str) = ("PHONE", "+1 (212) 555-0100");
    let rows: &[Row] = &[
        ("call +1 (212) 555-0100.", PHONE, &[PHONE], [1, 1, 0, 1, 0]),
        (
            "call +1 (212) 555-0100.",
            PHONE,
            &[("PHONE", "1 (212) 555-0100")],
            [1, 1, 0, 1, 0],
        ),
        (
            "call +1 (212) 555-0100.",
            PHONE,
            &[("PHONE", "(212) 555-0100")],
            [0, 0, 0, 1, 0],
        ),
        (
            "call +1 (212) 555-0100.",
            PHONE,
            &[("SSN", "+1 (212) 555-0100")],
            [1, 0, 0, 1, 0],
        ),
        (
            "call +1 (212) 555-0100.",
            PHONE,
            &[("PHONE", "+1 (212"), ("PHONE", ") 555-0100")],
            [1, 1, 0, 2, 0],
        ),
        (
            "call +1 (212) 555-0100.",
            PHONE,
            &[("PHONE", "+1 (212"), ("SSN", "555-0100")],
            [1, 0, 0, 2, 0],
        ),
        (
            "call +1 (212) 555-0100.",
            PHONE,
            &[("PHONE", "call")],
            [0, 0, 1, 1, 1],
        ),
        ("call +1 (212) 555-0100.", PHONE, &[], [0, 0, 1, 0, 0]),
        // Touching is not overlapping; a finding within another adds nothing.
        (
            "call +1 (212) 555-0100.",
            PHONE,
            &[("PHONE", "call ")],
            [0, 0, 1, 1, 1],
        ),
        (
            "call +1 (212) 555-0100.",
            PHONE,
            &[PHONE, ("IP", "212")],
            [1, 1, 0, 2, 0],
        ),
        // Masked once, verbatim again where nobody labelled it.
        (
            "a@b.example a@b.example",
            ("EMAIL", "a@b.example"),
            &[("EMAIL", "a@b.example")],
            [1, 1, 1, 1, 0],
        ),
        (
            "x redis://:pw1234@h",
            ("SECRET", "pw1234"),
            &[("URL_CREDENTIALS", "redis://:pw1234@h")],
            [1, 1, 0, 1, 0],
        ),
    ];
    for (text, label, findings, expected) in rows {
        let report = score(&[case(Group::Core, text, &[*label])], finds(findings));
        let all = report.total(None);
        let measured = [all.found, all.typed, all.leaked, all.findings, all.wrong];
        assert_eq!(measured, *expected, "{text:?} {findings:?}");
    }
}

#[test]
fn what_is_redacted_outside_labels_is_counted_in_characters() {
    let cases = [
        case(Group::Core, "é a@b.example", &[("EMAIL", "a@b.example")]),
        case(Group::Negative, "v1.2.3.4 é", &[]),
    ];
    let report = score(
        &cases,
        finds(&[("EMAIL", "é a@b.example"), ("IP", "1.2.3.4")]),
    );
    assert_eq!((report.outside, report.redacted_outside), (12, 9));
    assert_eq!((report.negatives, report.touched), (1, 1));
    assert_eq!(report.types["IP"].precision(), Some(0.0));
    assert_eq!(report.types["EMAIL"].precision(), Some(100.0));
    assert_eq!(report.total(None).precision(), Some(50.0));
}

#[test]
fn vendors_and_disguises_are_counted_apart() {
    let mut secret = case(Group::Secret, "use abc123", &[("SECRET", "abc123")]);
    secret.labels[0].vendor = Some("acme".to_owned());
    let mut dodge = case(
        Group::Core,
        "a(at)b.example",
        &[("EMAIL", "a(at)b.example")],
    );
    dodge.dodge = true;
    let report = score(&[secret, dodge], finds(&[("SECRET", "abc123")]));
    let one = |found| Tally {
        labels: 1,
        found,
        typed: found,
        leaked: 1 - found,
        ..Tally::default()
    };
    assert_eq!(report.vendors["acme"], one(1));
    assert_eq!(report.dodged, one(0));
    assert_eq!(
        report.total(Some(Group::Core)),
        one(0),
        "a disguise counts as any value"
    );
    let misses: Vec<_> = report
        .misses
        .iter()
        .map(|miss| (&*miss.kind, &*miss.text))
        .collect();
    assert_eq!(misses, [("EMAIL", "a(at)b.example")]);
}

#[test]
fn impossible_findings_are_counted_and_ignored() {
    let cases = [case(
        Group::Core,
        "é a@b.example",
        &[("EMAIL", "a@b.example")],
    )];
    let spans = [0..1, 3..99, 4..4];
    let report = score(&cases, |_| {
        spans
            .iter()
            .map(|span| (span.clone(), "EMAIL".to_owned()))
            .collect()
    });
    assert_eq!((report.invalid, report.total(None).findings), (3, 0));
}

#[test]
fn the_bars_are_those_we_promise() {
    let bars: Vec<_> = Report::default()
        .bars()
        .iter()
        .map(|bar| (bar.name, bar.bound, bar.at_most))
        .collect();
    let promised = [
        ("recall, core", 95.0, false),
        ("recall, secret", 95.0, false),
        ("recall, national", 88.0, false),
        ("recall, context", 80.0, false),
        ("precision", 95.0, false),
        ("leaked", 10.0, true),
        ("negatives touched", 3.0, true),
    ];
    assert_eq!(bars, promised);
    assert_eq!(
        missed(&Report::default()).len(),
        7,
        "what was not measured is not cleared"
    );
}

#[test]
fn a_bar_just_reached_holds() {
    // Twenty addresses, one of them missed: 95 %, and a leak of 5 %.
    let text = |i| format!("user{i:02}@mail.example");
    let cases: Vec<_> = (0..20)
        .map(|i| case(Group::Core, &text(i), &[("EMAIL", &text(i))]))
        .collect();
    let but = |least: &'static str| {
        move |text: &str| match text >= least {
            true => vec![(0..text.len(), "EMAIL".to_owned())],
            false => Vec::new(),
        }
    };
    let report = score(&cases, but("user01"));
    let core = report.bars()[0];
    assert_eq!(
        (core.name, core.measured, core.holds()),
        ("recall, core", Some(95.0), true)
    );
    // Two missed: 90 %, and a leak of just 10 %.
    let report = score(&cases, but("user02"));
    assert!(!report.bars()[0].holds());
    let leak = report.bars()[5];
    assert_eq!(
        (leak.name, leak.measured, leak.holds()),
        ("leaked", Some(10.0), true)
    );
    assert!(!score(&cases, but("user03")).bars()[5].holds());
    let shown = report.to_string();
    assert!(
        shown.contains(
            "EMAIL                    20     90.0    90.0    10.0        18      0      100.0  <"
        ),
        "{shown}"
    );
}
