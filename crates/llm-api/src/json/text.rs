//! JSON strings: as written, as meant, and as to be written.

use std::borrow::Cow;

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
    while let Some((plain, after)) = rest.split_once('\\') {
        text.push_str(plain);
        let mut chars = after.chars();
        let escape = chars.next().unwrap_or('\\');
        rest = chars.as_str();
        let decoded = match escape {
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let (unit, after) = hex4(rest);
                rest = after;
                match (unit, rest.strip_prefix("\\u").map(hex4)) {
                    (high @ 0xd800..0xdc00, Some((low @ 0xdc00..0xe000, after))) => {
                        rest = after;
                        let code = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
                        char::from_u32(code).unwrap_or('\u{fffd}')
                    }
                    _ => char::from_u32(unit).unwrap_or('\u{fffd}'),
                }
            }
            other => other,
        };
        text.push(decoded);
    }
    text.push_str(rest);
    text
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
