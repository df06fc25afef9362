//! The engine: one pass for literals, one for `@`, one over words that hold a digit, then the
//! operator's own; at each hit the detector it belongs to looks at the place, and nowhere else.

use std::ops::Range;

use crate::{
    bytes::Bytes,
    custom::{Allowed, Own as OperatorsOwn},
    find,
    fold::Folded,
    literals::Literals,
    near::{Seen, Verdict, Words, spellings},
    resolve,
    settings::{Kind, SettingError, Settings},
    table::{self, Confidence, Detector, Form, Normal, Own, Trigger, Value},
};

/// A value that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Its bytes in the text that was scanned; both ends stand between characters.
    pub span: Range<usize>,
    /// What it is.
    pub kind: Kind,
    /// Its normal form: two spellings of the same value have the same.
    pub value: String,
    /// How sure that is.
    pub confidence: Confidence,
}

/// What was asked for, compiled; immutable, so that all requests share one.
pub struct Scanner {
    /// The rows of the table that were asked for.
    rows: Vec<Row>,
    literals: Literals,
    leads: Vec<Lead>,
    words: Words,
    pub(crate) shapes: find::Shapes,
    own: OperatorsOwn,
    allowed: Allowed,
    min_confidence: Confidence,
}

struct Row {
    detector: &'static Detector,
    /// Its place among those that have context words.
    bit: usize,
}

/// Whose literal was hit.
#[derive(Clone, Copy)]
enum Lead {
    Form(usize, &'static Form),
    Label(usize, Value),
    Own(usize, Own),
}

impl Scanner {
    /// Compiles the settings.
    ///
    /// # Errors
    ///
    /// A pattern does not parse or is too large, or a network has no such prefix.
    pub fn new(settings: &Settings) -> Result<Self, SettingError> {
        let wanted = table::detectors().filter(|row| settings.kinds.contains(&row.kind()));
        let mut rows: Vec<Row> = Vec::new();
        let mut words = Vec::new();
        let mut literals: Vec<String> = Vec::new();
        let mut leads = Vec::new();
        let mut shapes = find::Shapes::default();
        for (at, detector) in wanted.enumerate() {
            let bit = if detector.context.is_empty() {
                usize::MAX
            } else {
                words.len()
            };
            if bit != usize::MAX {
                let context = detector
                    .context
                    .iter()
                    .map(|&word| word.to_owned())
                    .collect();
                words.push((context, detector.counter));
            }
            rows.push(Row { detector, bit });
            let mut lead = |literal: &str, lead| {
                let all = match lead {
                    Lead::Label(..) => spellings(literal),
                    _ => vec![literal.to_owned()],
                };
                for spelling in all {
                    literals.push(spelling);
                    leads.push(lead);
                }
            };
            match detector.trigger {
                Trigger::Forms(forms) => {
                    forms
                        .iter()
                        .for_each(|form| lead(form.literal, Lead::Form(at, form)));
                }
                Trigger::Labels(labels, value) => {
                    labels
                        .iter()
                        .for_each(|label| lead(label, Lead::Label(at, value)));
                }
                Trigger::Own(own) => {
                    for literal in find::literals(own) {
                        lead(literal, Lead::Own(at, own));
                    }
                    shapes.own(own, at);
                }
                Trigger::Shapes(of, check) => {
                    of.iter().for_each(|shape| shapes.add(at, shape, check));
                }
            }
        }
        let own = OperatorsOwn::new(settings, &mut words)?;
        Ok(Self {
            rows,
            literals: Literals::new(&literals),
            leads,
            words: Words::new(&words),
            shapes,
            own,
            allowed: Allowed::new(settings)?,
            min_confidence: settings.min_confidence,
        })
    }

    /// Appends what there is in the text, in order and without overlaps.
    ///
    /// `hint` is the key or label the text stands under (`password`, `ssn`): it counts as a word
    /// right before the text.
    pub fn scan(&self, text: &str, hint: Option<&str>, found: &mut Vec<Finding>) {
        let folded = Folded::new(text);
        let bytes = folded
            .as_ref()
            .map_or(text.as_bytes(), |folded| &folded.text);
        let mut candidates = self.candidates(Bytes(bytes), hint);
        find::columns::walk(self, Bytes(bytes), &mut candidates);
        resolve::resolve(&mut candidates);
        for candidate in &candidates {
            let span = match &folded {
                Some(folded) => folded.original(candidate.start)..folded.end(candidate.end),
                None => candidate.start..candidate.end,
            };
            let (kind, normal) = match candidate.source {
                Source::Table(row) => match self.rows.get(row) {
                    Some(row) => (row.detector.kind(), row.detector.normal),
                    None => continue,
                },
                Source::Operator(at) => match self.own.kind(at) {
                    Some(kind) => (kind, Normal::Words),
                    None => continue,
                },
            };
            let raw = Bytes(bytes).slice(candidate.start, candidate.end);
            let value = resolve::normal(normal, &String::from_utf8_lossy(raw));
            let known = text.get(span.clone()).unwrap_or_default();
            if candidate.confidence >= self.min_confidence
                && !span.is_empty()
                && text.is_char_boundary(span.start)
                && text.is_char_boundary(span.end)
                && !self.allowed.allows(&kind, known, &value)
            {
                found.push(Finding {
                    span,
                    kind,
                    value,
                    confidence: candidate.confidence,
                });
            }
        }
    }

    /// Everything that may be a finding, in no order.
    pub(crate) fn candidates(&self, text: Bytes<'_>, hint: Option<&str>) -> Vec<Candidate> {
        let mut scan = Scan {
            scanner: self,
            text,
            hint,
            seen: self.words.hint(hint),
            value_end: 0,
            nested: 0,
            candidates: Vec::new(),
        };
        scan.literals();
        if let Some(row) = self.shapes.email {
            find::email::walk(&mut scan, row);
        }
        find::number::walk(&mut scan);
        self.own.find(&mut scan);
        scan.candidates
    }

    /// Whether a text under this heading would be looked at with other eyes.
    pub(crate) fn heeds(&self, heading: &str) -> bool {
        let mut labelled = false;
        self.literals.find_all(heading.as_bytes(), |hit| {
            let lead = self.leads.get(hit.literal);
            labelled |= matches!(lead, Some(Lead::Label(..)));
        });
        labelled || self.words.hint(Some(heading)).any()
    }

    /// How much memory the literals and words take, without the operator's own patterns.
    pub fn table_bytes(&self) -> usize {
        self.literals.memory_usage() + self.words.memory_usage()
    }

    pub(crate) fn detector(&self, row: usize) -> Option<&'static Detector> {
        self.rows.get(row).map(|row| row.detector)
    }
}

/// One text being scanned.
pub(crate) struct Scan<'a> {
    pub(crate) scanner: &'a Scanner,
    pub(crate) text: Bytes<'a>,
    pub(crate) hint: Option<&'a str>,
    seen: Seen,
    /// How far the values after labels reach so far, and how many labels stood in the last.
    pub(crate) value_end: usize,
    pub(crate) nested: usize,
    candidates: Vec<Candidate>,
}

/// Something that may be a finding.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) source: Source,
    pub(crate) confidence: Confidence,
    /// How near the word is that speaks for it: more is nearer, 0 is none.
    pub(crate) support: usize,
}

/// Whose a candidate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Table(usize),
    Operator(usize),
}

impl<'a> Scan<'a> {
    fn literals(&mut self) {
        let scanner = self.scanner;
        if let Some(hint) = self.hint {
            let bytes = Bytes(hint.as_bytes());
            scanner.literals.find_all(hint.as_bytes(), |hit| {
                if let Some(&Lead::Label(row, value)) = scanner.leads.get(hit.literal) {
                    find::label::hint(self, row, value, bytes, hit.start, hit.end);
                }
            });
        }
        scanner
            .literals
            .find_all(self.text.0, |hit| match scanner.leads.get(hit.literal) {
                Some(&Lead::Form(row, form)) => find::secret::form(self, row, form, hit.start),
                Some(&Lead::Label(row, value)) => {
                    find::label::label(self, row, value, hit.start, hit.end);
                }
                Some(&Lead::Own(row, own)) => find::own(self, row, own, hit.start, hit.end),
                None => {}
            });
    }

    /// What the words around the value say of this row's finding there.
    pub(crate) fn verdict(&mut self, row: usize, start: usize, end: usize) -> Verdict {
        let bit = self.scanner.rows.get(row).map_or(usize::MAX, |row| row.bit);
        self.verdict_of_bit(bit, start, end)
    }

    pub(crate) fn verdict_of_bit(&mut self, bit: usize, start: usize, end: usize) -> Verdict {
        let words = &self.scanner.words;
        words.verdict(&mut self.seen, self.text, bit, start, end)
    }

    /// A candidate of the row's own confidence.
    pub(crate) fn found(&mut self, row: usize, start: usize, end: usize) {
        if let Some(detector) = self.scanner.detector(row) {
            self.push(Source::Table(row), start, end, detector.confidence, None);
        }
    }

    /// A candidate that a word so far away names.
    pub(crate) fn supported(&mut self, row: usize, start: usize, end: usize, distance: usize) {
        self.push(
            Source::Table(row),
            start,
            end,
            Confidence::Certain,
            Some(distance),
        );
    }

    /// A candidate that a word so far away names, and that is surer for it unless it is the word
    /// alone that makes it one.
    pub(crate) fn named(
        &mut self,
        row: usize,
        start: usize,
        end: usize,
        confidence: Confidence,
        distance: usize,
    ) {
        let confidence = match confidence {
            Confidence::Possible => Confidence::Possible,
            _ => Confidence::Certain,
        };
        self.push(Source::Table(row), start, end, confidence, Some(distance));
    }

    /// A candidate that has more to speak for it than its row says, or less.
    pub(crate) fn found_as(
        &mut self,
        row: usize,
        start: usize,
        end: usize,
        confidence: Confidence,
    ) {
        self.push(Source::Table(row), start, end, confidence, None);
    }

    pub(crate) fn push(
        &mut self,
        source: Source,
        start: usize,
        end: usize,
        confidence: Confidence,
        distance: Option<usize>,
    ) {
        let support = distance.map_or(0, |distance| 256_usize.saturating_sub(distance).max(1));
        self.candidates.push(Candidate {
            start,
            end,
            source,
            confidence,
            support,
        });
    }
}
