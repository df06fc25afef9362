//! What a detector makes of the set.
//!
//! - *Found*: every letter and digit of a labelled value is covered by findings, whatever their
//!   type. Punctuation at the edges (the plus of a phone number) decides nothing.
//! - *Typed*: the same by findings of the value's own type alone.
//! - *Leaked*: the value still stands verbatim in the text after every finding is replaced. A
//!   value cut in half is not found, but has not leaked.
//! - *False*: a finding that overlaps no label. One that overlaps a label and much else is true;
//!   the share of other characters covered tells of it.
//! - *Touched*: a negative case with any finding.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::case::{Case, Group, Label};
use crate::kinds::group_of;

/// A stretch of text, in bytes, and what the detector says it is: a type of the set, `SECRET`
/// for every secret.
pub type Finding = (Range<usize>, String);

/// Counts of one type, or of several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Labelled values.
    pub labels: usize,
    /// Of these, found.
    pub found: usize,
    /// Of these, found as what they are.
    pub typed: usize,
    /// Of the labelled values, still there verbatim.
    pub leaked: usize,
    /// Findings of this type.
    pub findings: usize,
    /// Of these, false.
    pub wrong: usize,
}

impl Tally {
    /// Adds another's counts.
    pub fn add(&mut self, other: &Self) {
        self.labels += other.labels;
        self.found += other.found;
        self.typed += other.typed;
        self.leaked += other.leaked;
        self.findings += other.findings;
        self.wrong += other.wrong;
    }
}

/// A value not found, or a finding where nothing is labelled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Miss {
    /// The case's id.
    pub case: String,
    /// The value's type, or the finding's.
    pub kind: String,
    /// Whether it is a false finding.
    pub wrong: bool,
    /// The value, or what was found.
    pub text: String,
}

/// The result of a run over the set.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// By type; findings of a type that the set does not have stand here too.
    pub types: BTreeMap<String, Tally>,
    /// The secrets by vendor; only labels count, since a finding bears no vendor.
    pub vendors: BTreeMap<String, Tally>,
    /// The disguised values, which count in `types` as well.
    pub dodged: Tally,
    /// Negative cases.
    pub negatives: usize,
    /// Of these, touched.
    pub touched: usize,
    /// Characters that no label covers, over all cases.
    pub outside: usize,
    /// Of these, covered by findings.
    pub redacted_outside: usize,
    /// Findings that are no stretch of their text; nothing else counts them.
    pub invalid: usize,
    /// All that went wrong, in the order of the cases.
    pub misses: Vec<Miss>,
}

impl Report {
    /// The types of one group together, or of all groups and unknown types.
    pub fn total(&self, group: Option<Group>) -> Tally {
        let mut total = Tally::default();
        for (name, tally) in &self.types {
            if group.is_none() || group_of(name) == group {
                total.add(tally);
            }
        }
        total
    }
}

/// Runs a detector over the cases.
pub fn score(cases: &[Case], detect: impl Fn(&str) -> Vec<Finding>) -> Report {
    let mut report = Report::default();
    for case in cases {
        let all = detect(&case.text);
        let count = all.len();
        let fits = |(span, _): &Finding| !span.is_empty() && case.text.get(span.clone()).is_some();
        let findings: Vec<_> = all.into_iter().filter(fits).collect();
        report.invalid += count - findings.len();
        report.count(case, &findings);
    }
    report
}

impl Report {
    fn count(&mut self, case: &Case, findings: &[Finding]) {
        let everything = merged(findings.iter().map(|(span, _)| span.clone()));
        let left = replaced(&case.text, &everything);
        for label in &case.labels {
            let value = &case.text[label.span()];
            let right = findings.iter().filter(|(_, kind)| same(kind, &label.kind));
            let right = merged(right.map(|(span, _)| span.clone()));
            let found = covered(value, label, &everything);
            let tally = Tally {
                labels: 1,
                found: usize::from(found),
                typed: usize::from(covered(value, label, &right)),
                leaked: usize::from(left.contains(value)),
                ..Tally::default()
            };
            self.types
                .entry(label.kind.clone())
                .or_default()
                .add(&tally);
            if let Some(vendor) = &label.vendor {
                self.vendors.entry(vendor.clone()).or_default().add(&tally);
            }
            if case.dodge {
                self.dodged.add(&tally);
            }
            if !found {
                self.missed(case, &label.kind, false, value);
            }
        }
        for (span, kind) in findings {
            let wrong = !case.labels.iter().any(|label| overlap(&label.span(), span));
            let tally = self.types.entry(kind.clone()).or_default();
            tally.findings += 1;
            tally.wrong += usize::from(wrong);
            if wrong {
                self.missed(case, kind, true, &case.text[span.clone()]);
            }
        }
        if case.group == Group::Negative {
            self.negatives += 1;
            self.touched += usize::from(!findings.is_empty());
        }
        for (at, _) in case.text.char_indices() {
            if !case.labels.iter().any(|label| label.span().contains(&at)) {
                self.outside += 1;
                self.redacted_outside += usize::from(inside(at, &everything));
            }
        }
    }

    fn missed(&mut self, case: &Case, kind: &str, wrong: bool, text: &str) {
        self.misses.push(Miss {
            case: case.id.clone(),
            kind: kind.to_owned(),
            wrong,
            text: text.to_owned(),
        });
    }
}

/// A password in a connection string may be called either.
fn same(found: &str, label: &str) -> bool {
    let secret = |kind| matches!(kind, "SECRET" | "URL_CREDENTIALS");
    found == label || secret(found) && secret(label)
}

fn overlap(a: &Range<usize>, b: &Range<usize>) -> bool {
    a.start < b.end && b.start < a.end
}

fn inside(at: usize, spans: &[Range<usize>]) -> bool {
    spans.iter().any(|span| span.contains(&at))
}

fn covered(value: &str, label: &Label, spans: &[Range<usize>]) -> bool {
    spans.iter().any(|span| overlap(span, &label.span()))
        && value
            .char_indices()
            .filter(|(_, c)| c.is_alphanumeric())
            .all(|(at, _)| inside(label.start + at, spans))
}

/// The union of spans, in order.
fn merged(spans: impl Iterator<Item = Range<usize>>) -> Vec<Range<usize>> {
    let mut spans: Vec<_> = spans.collect();
    spans.sort_by_key(|span| span.start);
    let mut union: Vec<Range<usize>> = Vec::new();
    for span in spans {
        match union.last_mut() {
            Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
            _ => union.push(span),
        }
    }
    union
}

fn replaced(text: &str, spans: &[Range<usize>]) -> String {
    let mut left = String::new();
    let mut from = 0;
    for span in spans {
        left.push_str(&text[from..span.start]);
        left.push_str("[…]");
        from = span.end;
    }
    left + &text[from..]
}
