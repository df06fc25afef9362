//! The escapes of JSON strings, once or twice: reading one character, and writing a value.
//!
//! Only the characters of placeholders matter, which are all ASCII; of others it is enough to
//! know that they are others. Nothing is an error: a backslash that begins no escape is a
//! character like any other.

use std::fmt::Write as _;
use std::ops::RangeInclusive;

/// What a character is that cannot be in a placeholder.
const OTHER: u8 = 0;

/// The bytes end inside a character, or before it; it could become one of these, or another that
/// does not matter.
pub(super) struct Cut(pub(super) RangeInclusive<u8>);

const ANY: Cut = Cut(0..=0x7f);

/// The first character of `raw`, a text that has been escaped `levels` times, and its length in
/// bytes, which is no more than `6` to the power of `levels`.
pub(super) fn character(raw: &[u8], levels: u8) -> Result<(u8, usize), Cut> {
    let Some(under) = levels.checked_sub(1) else {
        return raw.first().map(|&byte| (byte, 1)).ok_or(ANY);
    };
    let next = |at: usize| character(raw.get(at..).unwrap_or_default(), under);
    let (first, start) = next(0).map_err(|Cut(first)| match first.contains(&b'\\') {
        true => ANY,
        false => Cut(first),
    })?;
    if first != b'\\' {
        return Ok((first, start));
    }
    let (letter, length) = next(start).map_err(|_| ANY)?;
    let mut at = start + length;
    match letter {
        b'"' | b'\\' | b'/' => return Ok((letter, at)),
        b'b' | b'f' | b'n' | b'r' | b't' => return Ok((OTHER, at)),
        b'u' => {}
        _ => return Ok((b'\\', start)),
    }
    let mut code = 0;
    // The highest digits that an ASCII character's number can have.
    for highest in [0, 0, 7, 15] {
        let (digit, length) = next(at).map_err(|_| match highest {
            15 => Cut(code << 4..=code << 4 | 15),
            _ => ANY,
        })?;
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            b'A'..=b'F' => digit - b'A' + 10,
            _ => return Ok((b'\\', start)),
        };
        at += length;
        if digit > highest {
            return Ok((OTHER, at));
        }
        code = code << 4 | digit;
    }
    Ok((code, at))
}

/// `text` as the contents of a JSON string that stands in `levels - 1` others.
pub(super) fn escaped(text: &str, levels: u8) -> String {
    let Some(under) = levels.checked_sub(1) else {
        return text.to_owned();
    };
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // Writing to a string does not fail.
            '\0'..='\x1f' => drop(write!(out, "\\u{:04x}", u32::from(c))),
            _ => out.push(c),
        }
    }
    escaped(&out, under)
}
