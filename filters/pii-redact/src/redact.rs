//! A request with what stands for its values instead of them.
//!
//! Values are found in texts as they are meant, escapes decoded, and replaced where they are
//! written: every byte that is no part of a value stays. Arguments of tool calls are JSON inside
//! a string and decoded twice. A value that is cut in two by the request's own structure (two
//! content parts, two messages) is not found.

use std::borrow::Cow;
use std::mem;
use std::ops::Range;

use memchr::{memchr, memmem};
use weir_llm_api::json::{self, Leaf, Text};
use weir_llm_api::{Edit, Place, Prompt};
use weir_pii::{Finding, Placeholders, Scanner};

use crate::config::Action;
use crate::rule::Rule;
use crate::tally::Tally;

/// A number with fewer characters is nobody's.
const SHORTEST_NUMBER: usize = 7;

/// Takes note of placeholders that stand in the request already.
pub(crate) struct Noting(pub(crate) Placeholders);

impl Prompt for Noting {
    fn text(&mut self, _: Place, text: Text<'_>) {
        // Most texts hold no bracket, however it is written.
        let written = text.raw.as_bytes();
        if memchr(b'[', written).is_none() && memmem::find(written, b"\\u").is_none() {
            return;
        }
        let text = text.decode();
        self.0.note(&text);
        // Escaped once more, as in arguments.
        if text.contains('\\') {
            let _ = json::leaves(text.as_bytes(), &mut |_, leaf| {
                if let Leaf::String(leaf) = leaf {
                    self.0.note(&leaf.decode());
                }
            });
        }
    }
}

/// Finds values and notes how to replace them.
pub(crate) struct Redactor<'r> {
    rule: &'r Rule,
    scanner: &'r Scanner,
    placeholders: Placeholders,
    tally: Tally,
    edits: Vec<Edit>,
    /// Values in thoughts, to be judged when all others are known.
    thoughts: Vec<Thought>,
    /// The key that the next texts stand under.
    key: Option<String>,
    found: Vec<Finding>,
}

struct Thought {
    finding: Finding,
    written: Range<usize>,
}

/// What has become of a request.
pub(crate) struct Redacted {
    /// In order.
    pub(crate) edits: Vec<Edit>,
    pub(crate) placeholders: Placeholders,
    pub(crate) tally: Tally,
}

/// A text that can stand in strings within strings, and where its bytes are written.
struct Written<'a> {
    text: Cow<'a, str>,
    hint: Option<&'a str>,
    thought: bool,
    /// Quotes for a placeholder that takes the place of a number.
    quote: Option<&'static str>,
}

impl<'r> Redactor<'r> {
    pub(crate) fn new(rule: &'r Rule, scanner: &'r Scanner, placeholders: Placeholders) -> Self {
        Self {
            rule,
            scanner,
            placeholders,
            tally: Tally::default(),
            edits: Vec::new(),
            thoughts: Vec::new(),
            key: None,
            found: Vec::new(),
        }
    }

    pub(crate) fn finish(mut self) -> Redacted {
        for Thought { finding, written } in mem::take(&mut self.thoughts) {
            self.judge_thought(&finding, written);
        }
        // Thoughts come late, and a few readers report what stands in one object out of order.
        self.edits.sort_by_key(|edit| edit.span.start);
        Redacted {
            edits: self.edits,
            placeholders: self.placeholders,
            tally: self.tally,
        }
    }

    /// Looks through a text; `place` says where in the body a place in it is written, asked in
    /// order.
    fn scan(&mut self, written: &Written<'_>, mut place: impl FnMut(usize) -> usize) {
        let mut found = mem::take(&mut self.found);
        found.clear();
        self.scanner.scan(&written.text, written.hint, &mut found);
        for finding in found.drain(..) {
            // Half a number in quotes would be no JSON.
            if written.quote.is_some() && finding.span != (0..written.text.len()) {
                continue;
            }
            let span = place(finding.span.start)..place(finding.span.end);
            if written.thought {
                let written = span;
                self.thoughts.push(Thought { finding, written });
                continue;
            }
            let original = written.text.get(finding.span.clone()).unwrap_or_default();
            self.judge(&finding, original, span, written.quote.unwrap_or_default());
        }
        self.found = found;
    }

    fn judge(&mut self, finding: &Finding, original: &str, span: Range<usize>, quote: &str) {
        let treatment = self.rule.treatments.get(finding.kind.name());
        let Some(treatment) = treatment else {
            return self.placeholders.leave(finding.kind.name(), &finding.value);
        };
        self.tally.add(&finding.kind, treatment.action);
        if matches!(treatment.action, Action::Block | Action::Report) || self.rule.shadow {
            return self.placeholders.leave(finding.kind.name(), &finding.value);
        }
        let (mark, value) = (&treatment.mark, &finding.value);
        let placeholder = self.placeholders.of(mark, value, original);
        let with = match quote {
            "" => placeholder,
            _ => format!("{quote}{placeholder}{quote}"),
        };
        self.edits.push(Edit::new(span, with));
    }

    /// A thought is signed by the provider, and it never saw a value that is masked elsewhere in
    /// the request: such a one was put into it on the way back. With the placeholder in its place
    /// the thought is again what was signed. Any other value came from the provider and stays.
    fn judge_thought(&mut self, finding: &Finding, span: Range<usize>) {
        let Some(treatment) = self.rule.treatments.get(finding.kind.name()) else {
            return;
        };
        let known = self.placeholders.known(finding.kind.name(), &finding.value);
        match known.map(str::to_owned) {
            Some(placeholder) => {
                self.tally.add(&finding.kind, treatment.action);
                self.edits.push(Edit::new(span, placeholder));
            }
            None if treatment.action == Action::Block => {
                self.tally.add(&finding.kind, Action::Block);
            }
            None => self.tally.add(&finding.kind, Action::Report),
        }
    }

    /// JSON inside a string; says whether it was any.
    fn json(&mut self, outer: Text<'_>) -> bool {
        let decoded = outer.decode();
        let mut outer = outer.places();
        let read = json::leaves(decoded.as_bytes(), &mut |key, leaf| {
            let (Leaf::String(text) | Leaf::Number(text)) = leaf;
            let quote = matches!(leaf, Leaf::Number(_)).then_some(r#"\""#);
            if quote.is_some() && text.raw.len() < SHORTEST_NUMBER {
                return;
            }
            let hint = key.map(|key| key.decode());
            let mut places = text.places();
            let written = Written {
                text: text.decode(),
                hint: hint.as_deref(),
                thought: false,
                quote,
            };
            self.scan(&written, |at| outer.raw(places.raw(at)));
        });
        read.is_ok()
    }
}

impl Prompt for Redactor<'_> {
    fn text(&mut self, place: Place, text: Text<'_>) {
        match place {
            Place::Role | Place::Name => return,
            Place::Arguments if self.json(text) => return,
            Place::Arguments
            | Place::System
            | Place::Content
            | Place::Input
            | Place::Thinking
            | Place::Description
            | Place::Label => {}
        }
        let key = self.key.take();
        let mut places = text.places();
        let written = Written {
            text: text.decode(),
            hint: key.as_deref(),
            thought: place == Place::Thinking,
            quote: None,
        };
        self.scan(&written, |at| places.raw(at));
        self.key = key;
    }

    fn number(&mut self, number: Text<'_>) {
        if number.raw.len() < SHORTEST_NUMBER {
            return;
        }
        let key = self.key.take();
        let written = Written {
            text: Cow::Borrowed(number.raw),
            hint: key.as_deref(),
            thought: false,
            quote: Some("\""),
        };
        self.scan(&written, |at| number.start + at);
        self.key = key;
    }

    fn key(&mut self, key: Option<Text<'_>>) {
        self.key = key.map(|key| key.decode().into_owned());
    }
}
