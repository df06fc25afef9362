//! JSON strings: as written, as meant, and as to be written.

use std::borrow::Cow;

use memchr::memchr;

use super::Span;

/// A JSON string as it stands in the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text<'a> {
    /// Between the quotes, escapes as written.
    pub raw: &'a str,
    /// Position of the first byte after the opening quote.
    pub start: usize,
    /// Whether there is a backslash in it.
    pub escaped: bool,
}

impl<'a> Text<'a> {
    /// Where the bytes between the quotes stand.
    pub fn span(&self) -> Span {
        self.start..self.start + self.raw.len()
    }

    /// The text meant, escapes decoded. A lone surrogate becomes U+FFFD.
    pub fn decode(&self) -> Cow<'a, str> {
        if self.escaped {
            Cow::Owned(unescape(self.raw))
        } else {
            Cow::Borrowed(self.raw)
        }
    }

    /// Where in the document the bytes of the decoded text stand.
    pub fn places(&self) -> Places<'a> {
        Places {
            rest: self.raw,
            raw: self.start,
            decoded: 0,
        }
    }

    /// Whether an escape in it stands for half a character.
    pub fn has_lone_surrogate(&self) -> bool {
        // serde_json refuses exactly these in a string that is otherwise valid.
        self.escaped && serde_json::from_str::<String>(&format!("\"{}\"", self.raw)).is_err()
    }
}

/// Decodes the escapes of a valid JSON string body.
fn unescape(raw: &str) -> String {
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((plain, after)) =
        memchr(b'\\', rest.as_bytes()).and_then(|at| rest.split_at_checked(at))
    {
        text.push_str(plain);
        let (decoded, after) = escaped_char(after.get(1..).unwrap_or_default());
        rest = after;
        text.push(decoded);
    }
    text.push_str(rest);
    text
}

/// The character that the escape behind a backslash stands for, and what comes after it.
fn escaped_char(after: &str) -> (char, &str) {
    let mut chars = after.chars();
    let escape = chars.next().unwrap_or('\\');
    let rest = chars.as_str();
    let decoded = match escape {
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => {
            let (unit, rest) = hex4(rest);
            return match (unit, rest.strip_prefix("\\u").map(hex4)) {
                (high @ 0xd800..0xdc00, Some((low @ 0xdc00..0xe000, after))) => {
                    let code = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
                    (char::from_u32(code).unwrap_or('\u{fffd}'), after)
                }
                _ => (char::from_u32(unit).unwrap_or('\u{fffd}'), rest),
            };
        }
        other => other,
    };
    (decoded, rest)
}

/// Finds where the characters of a decoded text stand in the string as written.
///
/// It goes forwards only, so that all the places of a text are found in one pass.
#[derive(Clone, Debug)]
pub struct Places<'a> {
    rest: &'a str,
    /// The first byte of `rest` in the document, and in the decoded text.
    raw: usize,
    decoded: usize,
}

impl Places<'_> {
    /// Where in the document stands what begins here in the decoded text, or where the text ends.
    /// `decoded` is a place between characters, and not before the last one asked for.
    pub fn raw(&mut self, decoded: usize) -> usize {
        while self.decoded < decoded {
            // Not further than need be: many places in a long text must not make many searches.
            let wanted = decoded - self.decoded;
            let ahead = self.rest.as_bytes();
            let ahead = ahead.get(..wanted).unwrap_or(ahead);
            let plain = memchr(b'\\', ahead).unwrap_or(ahead.len());
            if plain > 0 {
                self.pass(plain, plain);
                continue;
            }
            let Some(after) = self.rest.strip_prefix('\\') else {
                break;
            };
            let (c, after) = escaped_char(after);
            self.pass(self.rest.len() - after.len(), c.len_utf8());
        }
        self.raw
    }

    fn pass(&mut self, raw: usize, decoded: usize) {
        self.rest = self.rest.get(raw..).unwrap_or_default();
        self.raw += raw;
        self.decoded += decoded;
    }
}

fn hex4(text: &str) -> (u32, &str) {
    let (digits, rest) = text.split_at_checked(4).unwrap_or((text, ""));
    (u32::from_str_radix(digits, 16).unwrap_or(0xfffd), rest)
}

/// Encodes `text` as the inside of a JSON string.
pub fn escape(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted
        .strip_prefix('"')
        .and_then(|q| q.strip_suffix('"'))
        .unwrap_or_default()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_is_found_where_it_is_written() {
        for raw in [
            "plain",
            "é\\n\\u0040x\\/\\\\",
            "\\ud83d\\ude80🚀\\u00e9\\ud83d",
            "\\\"",
            "",
        ] {
            let text = Text {
                raw,
                start: 7,
                escaped: true,
            };
            let decoded = text.decode();
            let mut places = text.places();
            let mut again = String::new();
            for (at, c) in decoded.char_indices() {
                let start = places.clone().raw(at) - 7;
                let end = places.raw(at + c.len_utf8()) - 7;
                let piece = raw.get(start..end).unwrap();
                assert_eq!(unescape(piece), c.to_string(), "{raw} at {at}");
                again.push_str(piece);
            }
            assert_eq!(again, raw);
            assert_eq!(places.raw(usize::MAX), 7 + raw.len(), "{raw}");
        }
    }
}
