//! What the model itself lets out: values in its answer that the request has not brought.
//!
//! Looked at is what a person reads, as the provider sent it: before anything is put back. In a
//! stream a text is held back by a window, in which a value that comes in pieces becomes whole; a
//! longer one may pass. Thoughts are signed and stay, arguments of tools are a program's affair.

use std::mem;
use std::rc::Rc;

use weir_llm_api::json::Text;
use weir_pii::{Finding, Restorer, Scanner};

use crate::config::{Action, ResponseAction};
use crate::tally::Tally;

/// Bytes of text held back.
const WINDOW: usize = 256;
/// A value that reaches so far is taken for whole.
const MAX_VALUE: usize = 4096;
/// Bytes of text before the window that are still looked at: words that name a value.
const CONTEXT: usize = 64;

/// What is looked for, and what happens to it.
pub(crate) struct Leaks {
    pub(crate) scanner: Rc<Scanner>,
    pub(crate) action: ResponseAction,
}

/// One text of the answer.
#[derive(Debug, Default)]
pub(crate) struct Window {
    /// The end of what has left, decoded.
    context: String,
    /// What has not, as it is written.
    held: String,
}

/// What it takes to judge a finding.
pub(crate) struct Judge<'a> {
    pub(crate) leaks: &'a Leaks,
    /// Only tried out.
    pub(crate) shadow: bool,
    pub(crate) restorer: &'a Restorer,
    pub(crate) tally: &'a mut Tally,
}

impl Window {
    pub(crate) fn is_holding(&self) -> bool {
        !self.held.is_empty()
    }

    /// Takes the next piece of the text as it is written, and returns what leaves; all of it when
    /// it is the `last`.
    pub(crate) fn push(&mut self, judge: &mut Judge<'_>, piece: &str, last: bool) -> String {
        self.held.push_str(piece);
        let raw = Text {
            raw: &self.held,
            start: 0,
            escaped: self.held.contains('\\'),
        };
        let from = self.context.len();
        let text = mem::take(&mut self.context) + &raw.decode();
        let mut found = Vec::new();
        judge.leaks.scanner.scan(&text, None, &mut found);
        // What begins in what has left was judged then.
        found.retain(|finding| finding.span.start >= from);
        let end = match last {
            true => text.len(),
            false => leaving(&text, from, &found),
        };

        let mut places = raw.places();
        let mut out = String::new();
        let mut done = 0;
        for finding in found.iter().filter(|finding| finding.span.end <= end) {
            let start = places.raw(finding.span.start - from);
            let behind = places.raw(finding.span.end - from);
            if judge.masks(finding) {
                out.push_str(self.held.get(done..start).unwrap_or_default());
                out.push_str(&format!("[{}]", finding.kind));
                done = behind;
            }
        }
        let leaves = places.raw(end - from);
        out.push_str(self.held.get(done..leaves).unwrap_or_default());
        let kept = (end.saturating_sub(CONTEXT)..=end).find(|&at| text.is_char_boundary(at));
        let kept = kept.and_then(|at| text.get(at..end)).unwrap_or_default();
        self.held = self.held.get(leaves..).unwrap_or_default().to_owned();
        self.context = kept.to_owned();
        out
    }
}

/// How far a text may leave that goes on: not into the window, nor into a value.
fn leaving(text: &str, from: usize, found: &[Finding]) -> usize {
    let mut end = text.len().saturating_sub(WINDOW).max(from);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let Some(cut) = found
        .iter()
        .find(|f| f.span.start < end && end < f.span.end)
    else {
        return end;
    };
    // It may go on, unless it is too long for anything.
    let whole = cut.span.end < text.len() || cut.span.len() > MAX_VALUE;
    if whole { cut.span.end } else { cut.span.start }
}

impl Judge<'_> {
    /// Counts a finding, if it is one; says whether it is to be masked.
    fn masks(&mut self, finding: &Finding) -> bool {
        if self.restorer.brought(finding.kind.name(), &finding.value) {
            return false;
        }
        let action = match self.leaks.action {
            ResponseAction::Mask => Action::Mask,
            ResponseAction::Report => Action::Report,
            ResponseAction::Block => Action::Block,
        };
        self.tally.add(&finding.kind, action);
        action == Action::Mask && !self.shadow
    }
}

impl std::fmt::Debug for Leaks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Leaks")
    }
}
