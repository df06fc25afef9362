//! Where a piece ends: the patterns of the two encodings, by hand.
//!
//! Both patterns are ordered alternatives, so a piece is decided by its first characters and
//! one walk along a run. The comments name the alternative each branch stands for; the texts
//! of the patterns are those of tiktoken-rs 0.12 (`openai_public.rs`). A run is walked at most
//! twice before the text moves past it, so splitting takes linear time and no memory.

#![cfg_attr(
    not(all(feature = "o200k", feature = "cl100k")),
    allow(dead_code, reason = "half of it is for the other encoding")
)]

use crate::classes::{Class, class_at};

/// The end of the piece that begins at `start` in o200k_base. Advances unless at the end.
///
/// ```text
/// [^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?
/// [^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?
/// \p{N}{1,3}
///  ?[^\s\p{L}\p{N}]+[\r\n/]*
/// \s*[\r\n]+
/// \s+(?!\S)
/// \s+
/// ```
#[inline(always)]
pub(crate) fn o200k(text: &[u8], start: usize) -> usize {
    let Some((class, len)) = class_at(text, start) else {
        return start;
    };
    let after = start + len;
    match class {
        Class::Upper | Class::Lower | Class::Caseless => cased_word(text, start, after, class),
        Class::Number => numbers(text, after),
        Class::LineEnd => spaces(text, start, after, LastLineEnd::EndsPiece),
        Class::Other | Class::Mark | Class::Space => {
            if let Some((next, next_len)) = class_at(text, after) {
                // The character is taken as the word's lead, if a word follows.
                if next.is_letter() || next == Class::Mark {
                    let end = cased_word(text, after, after + next_len, next);
                    // A mark is both: the first alternative prefers a word that is only the
                    // mark to a lead before capitals alone, which is the second alternative.
                    if class != Class::Mark || !only_capitals(text, after, next) {
                        return end;
                    }
                }
            }
            match class {
                Class::Mark => contraction(text, after),
                Class::Space => {
                    space_or_symbols(text, start, after, b"\r\n/", LastLineEnd::EndsPiece)
                }
                _ => symbols(text, after, b"\r\n/"),
            }
        }
    }
}

/// The end of the piece that begins at `start` in cl100k_base. Advances unless at the end.
///
/// ```text
/// '(?i:[sdmt]|ll|ve|re)
/// [^\r\n\p{L}\p{N}]?+\p{L}++
/// \p{N}{1,3}+
///  ?[^\s\p{L}\p{N}]++[\r\n]*+
/// \s++$
/// \s*[\r\n]
/// \s+(?!\S)
/// \s
/// ```
#[inline(always)]
pub(crate) fn cl100k(text: &[u8], start: usize) -> usize {
    let Some((class, len)) = class_at(text, start) else {
        return start;
    };
    let after = start + len;
    match class {
        Class::Upper | Class::Lower | Class::Caseless => letters(text, after),
        Class::Number => numbers(text, after),
        Class::LineEnd => spaces(text, start, after, LastLineEnd::UnlessTextEnds),
        Class::Other | Class::Mark | Class::Space => {
            let end = contraction(text, start);
            if end > start {
                return end;
            }
            match class_at(text, after) {
                Some((next, next_len)) if next.is_letter() => letters(text, after + next_len),
                _ if class == Class::Space => {
                    space_or_symbols(text, start, after, b"\r\n", LastLineEnd::UnlessTextEnds)
                }
                _ => symbols(text, after, b"\r\n"),
            }
        }
    }
}

/// What a run of white space with a line end in it does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LastLineEnd {
    /// The piece ends after the last line end.
    EndsPiece,
    /// The same, but a run up to the end of the text is one piece.
    UnlessTextEnds,
}

/// Where the run of characters for which `of` holds ends.
#[inline(always)]
fn run(text: &[u8], mut at: usize, of: impl Fn(Class) -> bool) -> usize {
    while let Some((class, len)) = class_at(text, at) {
        if !of(class) {
            break;
        }
        at += len;
    }
    at
}

/// `\p{L}++`
#[inline(always)]
fn letters(text: &[u8], at: usize) -> usize {
    run(text, at, Class::is_letter)
}

/// A word of o200k whose first character, of class `first`, lies from `start` to `at`.
#[inline(always)]
fn cased_word(text: &[u8], start: usize, at: usize, first: Class) -> usize {
    // `[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*`, remembering the last that could be in the second
    // part of the word as well.
    let mut at = if first == Class::Lower { start } else { at };
    let mut shared = match first {
        Class::Caseless | Class::Mark => Some(at),
        _ => None,
    };
    let end = loop {
        match class_at(text, at) {
            Some((Class::Upper, len)) => at += len,
            Some((Class::Caseless | Class::Mark, len)) => {
                at += len;
                shared = Some(at);
            }
            // `[\p{Ll}\p{Lm}\p{Lo}\p{M}]+` begins with a lower case letter.
            Some((Class::Lower, len)) => {
                break run(text, at + len, |class| {
                    matches!(class, Class::Lower | Class::Caseless | Class::Mark)
                });
            }
            // None follows: the first part gives back, up to its last caseless letter. When
            // it has none, the word is capitals: the second alternative.
            _ => break shared.unwrap_or(at),
        }
    };
    contraction(text, end)
}

/// Whether the word at `at`, whose first character is of class `first`, has capitals only, so
/// that the first alternative of o200k cannot match it.
#[inline(always)]
fn only_capitals(text: &[u8], at: usize, first: Class) -> bool {
    first == Class::Upper
        && !matches!(
            class_at(text, run(text, at, |class| class == Class::Upper)),
            Some((Class::Lower | Class::Caseless | Class::Mark, _))
        )
}

/// The end of `(?i:'s|'t|'re|'ve|'m|'ll|'d)` at `at`, or `at`. Case folding adds the long s.
#[inline(always)]
fn contraction(text: &[u8], at: usize) -> usize {
    if text.get(at) != Some(&b'\'') {
        return at;
    }
    let lower = |offset: usize| text.get(at + offset).map(u8::to_ascii_lowercase);
    match (lower(1), lower(2)) {
        (Some(b's' | b't' | b'm' | b'd'), _) => at + 2,
        (Some(b'r' | b'v'), Some(b'e')) | (Some(b'l'), Some(b'l')) => at + 3,
        // U+017F
        (Some(0xc5), Some(0xbf)) => at + 3,
        _ => at,
    }
}

/// `\p{N}{1,3}`, of which the first ends at `at`.
#[inline(always)]
fn numbers(text: &[u8], mut at: usize) -> usize {
    for _ in 0..2 {
        match class_at(text, at) {
            Some((Class::Number, len)) => at += len,
            _ => break,
        }
    }
    at
}

/// The rest of ` ?[^\s\p{L}\p{N}]+` followed by any of `line_ends`.
#[inline(always)]
fn symbols(text: &[u8], at: usize, line_ends: &[u8]) -> usize {
    let mut at = run(text, at, Class::is_symbol);
    while let Some(byte) = text.get(at)
        && line_ends.contains(byte)
    {
        at += 1;
    }
    at
}

/// A space that leads no word: symbols after a plain space, else white space.
#[inline(always)]
fn space_or_symbols(
    text: &[u8],
    start: usize,
    after: usize,
    line_ends: &[u8],
    last: LastLineEnd,
) -> usize {
    if text.get(start) == Some(&b' ')
        && let Some((next, len)) = class_at(text, after)
        && next.is_symbol()
    {
        return symbols(text, after + len, line_ends);
    }
    spaces(text, start, after, last)
}

/// White space from `start`, whose first character ends at `after`.
#[inline(always)]
fn spaces(text: &[u8], start: usize, after: usize, last: LastLineEnd) -> usize {
    let mut at = start;
    let mut line_end = None;
    let mut before_last = start;
    while let Some((class, len)) = class_at(text, at)
        && class.is_space()
    {
        before_last = at;
        at += len;
        if class == Class::LineEnd {
            line_end = Some(at);
        }
    }
    let text_ends = at == text.len();
    match line_end {
        // `\s++$`
        _ if text_ends && last == LastLineEnd::UnlessTextEnds => at,
        // `\s*[\r\n]+`
        Some(end) => end,
        // `\s+(?!\S)`: all of it at the end of the text, else all but the last
        None if text_ends => at,
        None if before_last > start => before_last,
        // `\s`
        None => after,
    }
}
