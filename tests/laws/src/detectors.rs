//! The detectors of personal data and secrets.

use std::sync::LazyLock;

use weir_pii::{Custom, Finding, Kind, Scanner, Settings, Terms, detectors as table};

use crate::choice;

static EVERYTHING: LazyLock<Scanner> = LazyLock::new(|| {
    let custom = |name, pattern: &str, context: &[&str]| Custom {
        kind: Kind::custom(name).unwrap(),
        pattern: pattern.to_owned(),
        validator: None,
        context: context.iter().map(|&word| word.to_owned()).collect(),
    };
    Scanner::new(&Settings {
        kinds: table().map(|detector| detector.kind()).collect(),
        custom: vec![
            custom("EMPLOYEE", r"EMP-\d{4,6}", &[]),
            custom("SIGNS", r"[=%&]+[0-9]*", &["ssn"]),
        ],
        terms: vec![Terms {
            kind: Kind::custom("PROJECT").unwrap(),
            terms: vec!["Bluebird".to_owned(), "Ärger".to_owned()],
        }],
        ..Settings::default()
    })
    .unwrap()
});

/// What is found in a text, with everything looked for that there is, and some of an operator's own.
pub fn scan(text: &str, hint: Option<&str>) -> Vec<Finding> {
    let mut found = Vec::new();
    EVERYTHING.scan(text, hint, &mut found);
    found
}

/// Findings are in order, apart, between characters and of something.
pub fn in_order_and_apart(text: &str, found: &[Finding]) {
    let mut last = 0;
    for finding in found {
        let span = &finding.span;
        assert!(
            span.start >= last && span.end > span.start,
            "{found:?} in {text:?}"
        );
        assert!(text.get(span.clone()).is_some(), "{found:?} in {text:?}");
        assert!(!finding.value.is_empty(), "{found:?} in {text:?}");
        last = span.end;
    }
}

/// What stands far away, on other lines, is nobody's context: findings only move.
pub fn padding_far_away_only_shifts(text: &str) {
    let padding = "and so on.\n".repeat(20);
    let by = padding.len() + 2;
    let shifted: Vec<Finding> = scan(&format!("\n\n{text}\n\n"), None)
        .into_iter()
        .map(|mut finding| {
            finding.span = finding.span.start - 2 + by..finding.span.end - 2 + by;
            finding
        })
        .collect();
    let padded = format!("{padding}\n\n{text}\n\n{padding}");
    assert_eq!(scan(&padded, None), shifted, "{text:?}");
}

/// Both, for any text; of its first line as a hint, too.
pub fn detectors(mut bytes: &[u8]) {
    let hinted = choice(&mut bytes, 2) == 1;
    let text = String::from_utf8_lossy(bytes);
    let (hint, text) = match text.split_once('\n') {
        Some((hint, text)) if hinted => (Some(hint), text),
        _ => (None, &*text),
    };
    in_order_and_apart(text, &scan(text, hint));
    padding_far_away_only_shifts(text);
}
