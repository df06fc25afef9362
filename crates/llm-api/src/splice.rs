//! Editing by spans: outside of them every byte stays.

use crate::json::Span;

/// Replace the bytes of `span` (none, for an insertion) by `with`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// What to replace.
    pub span: Span,
    /// What to put there.
    pub with: Vec<u8>,
}

impl Edit {
    /// An edit of `span`.
    pub fn new(span: Span, with: impl Into<Vec<u8>>) -> Self {
        Self {
            span,
            with: with.into(),
        }
    }
}

/// Applies `edits`, which must be in order and must not overlap; one that is out of order or
/// out of bounds is left out.
pub fn splice(bytes: &[u8], edits: &[Edit]) -> Vec<u8> {
    let grown: usize = edits.iter().map(|e| e.with.len()).sum();
    let mut out = Vec::with_capacity(bytes.len() + grown);
    let mut done = 0;
    for edit in edits {
        let Some(kept) = bytes.get(done..edit.span.start) else {
            continue;
        };
        if edit.span.end < edit.span.start || edit.span.end > bytes.len() {
            continue;
        }
        out.extend_from_slice(kept);
        out.extend_from_slice(&edit.with);
        done = edit.span.end;
    }
    out.extend_from_slice(bytes.get(done..).unwrap_or_default());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_spans_change() {
        let edits = [
            Edit::new(0..0, "<"),
            Edit::new(1..3, "XYZ"),
            Edit::new(3..4, ""),
            Edit::new(6..6, ">"),
        ];
        assert_eq!(splice(b"abcdef", &edits), b"<aXYZef>");
        assert_eq!(splice(b"abcdef", &[]), b"abcdef");
        let odd = [
            Edit::new(4..5, "!"),
            Edit::new(1..2, "?"),
            Edit::new(5..9, "?"),
        ];
        assert_eq!(splice(b"abcdef", &odd), b"abcd!f");
    }
}
