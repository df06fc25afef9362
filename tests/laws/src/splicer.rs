//! Edits by spans.

use weir_llm_api::{Edit, splice};

/// Bytes outside the edits stay, inside them is what was to be put there, and an edit that is out of
/// order or out of bounds changes nothing.
pub fn splicer(bytes: &[u8]) {
    // Of each edit its beginning, its end, how long it is and what it says.
    let (mut edits, mut rest) = (Vec::new(), bytes);
    while let [start, end, length, behind @ ..] = rest {
        let (with, behind) = behind.split_at(usize::from(length % 8).min(behind.len()));
        edits.push(Edit::new(usize::from(*start)..usize::from(*end), with));
        rest = behind;
    }
    let text: Vec<u8> = (0..120).collect();
    let out = splice(&text, &edits);

    // The reference goes from the last to the first, so that places stay what they are.
    let mut valid: Vec<&Edit> = Vec::new();
    let mut done = 0;
    for edit in &edits {
        let span = &edit.span;
        if span.start >= done && span.end >= span.start && span.end <= text.len() {
            valid.push(edit);
            done = span.end;
        }
    }
    let mut expected = text;
    for edit in valid.iter().rev() {
        expected.splice(edit.span.clone(), edit.with.iter().copied());
    }
    assert_eq!(out, expected, "{edits:?}");
}
