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
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cut(pub(super) RangeInclusive<u8>);

const ANY: Cut = Cut(0..=0x7f);

/// The first character of `raw`, a text that has been escaped `levels` times, and its length in
/// bytes, which is no more than `6` to the power of `levels`.
pub(super) fn character(raw: &[u8], levels: u8) -> Result<(u8, usize), Cut> {
    let Some(under) = levels.checked_sub(1) else {
        return raw.first().map(|&byte| (byte, 1)).ok_or(ANY);
    };
    let next = |at: usize| character(raw.get(at..).unwrap_or_default(), under).map_err(|_| ANY);
    let (first, start) = next(0)?;
    if first != b'\\' {
        return Ok((first, start));
    }
    let (letter, length) = next(start)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters() {
        for (raw, levels, expected) in [
            ("", 0, Err(ANY)),
            ("\\n", 0, Ok((b'\\', 1))),
            ("ab", 1, Ok((b'a', 1))),
            ("é", 1, Ok((0xc3, 1))),
            (r#"\""#, 1, Ok((b'"', 2))),
            (r"\\n", 1, Ok((b'\\', 2))),
            (r"\/", 1, Ok((b'/', 2))),
            (r"\n", 1, Ok((OTHER, 2))),
            (r"\u005B", 1, Ok((b'[', 6))),
            (r"\u005f", 2, Ok((b'_', 6))),
            (r"\u00e9", 1, Ok((OTHER, 5))),
            (r"\ud83d", 1, Ok((OTHER, 3))),
            (r"\x", 1, Ok((b'\\', 1))),
            (r"\u00x", 1, Ok((b'\\', 1))),
            (r"\\n", 2, Ok((OTHER, 3))),
            (r"\n", 2, Ok((OTHER, 2))),
            (r"\\u005b", 2, Ok((b'[', 7))),
            (r"\u005c\u0075\u0030\u0030\u0035\u0062", 2, Ok((b'[', 36))),
            (r"\\\\", 2, Ok((b'\\', 4))),
            (r#"\\\""#, 2, Ok((b'"', 4))),
            (r"\\[", 2, Ok((b'\\', 2))),
            (r"\", 1, Err(ANY)),
            (r"\u00", 1, Err(ANY)),
            (r"\u005", 1, Err(Cut(0x50..=0x5f))),
            (r"\\", 2, Err(ANY)),
            (r"\\u006", 2, Err(Cut(0x60..=0x6f))),
            // What is cut here could still be a backslash, and so become anything.
            (r"\u005", 2, Err(ANY)),
        ] {
            assert_eq!(
                character(raw.as_bytes(), levels),
                expected,
                "{raw} {levels}"
            );
        }
    }
}
