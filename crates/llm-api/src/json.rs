//! A validating JSON cursor over bytes.
//!
//! A reader walks a document with it once, stops at what it knows and skips the rest; everything
//! is checked against RFC 8259 on the way, nothing is built. What it yields are spans of the
//! original bytes, so that an edit can change just these.
//!
//! In *strict* mode (requests) it refuses what two parsers could read differently: a key we act
//! on that stands twice, or in another case than ours (Go's decoder matches keys without regard
//! to case). In *lenient* mode (answers) the last one wins, as in most parsers.

mod parts;
mod text;

use std::fmt;
use std::ops::Range;

pub use parts::{Leaf, closed, elements, leaves, member};
pub use text::{Places, Text, escape};

/// Deepest nesting accepted; beyond it a recursive parser upstream might break.
pub const MAX_DEPTH: u8 = 64;

/// Bytes of a document, by position.
pub type Span = Range<usize>;

/// Why a document cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing but white space.
    Empty,
    /// Not UTF-8 from this byte on.
    NotUtf8(usize),
    /// Not JSON at this byte.
    Syntax(usize),
    /// Nested deeper than [`MAX_DEPTH`] at this byte.
    TooDeep(usize),
    /// Valid JSON, but not an object.
    NotAnObject,
    /// A key we act on stands twice, or in another case.
    AmbiguousKey(&'static str),
    /// A value we act on has the wrong type: the key, and what was expected.
    WrongType(&'static str, &'static str),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the body is empty; a JSON object was expected"),
            Self::NotUtf8(at) => write!(f, "the body is not UTF-8 at byte {at}"),
            Self::Syntax(at) => write!(f, "the body is not valid JSON at byte {at}"),
            Self::TooDeep(at) => {
                write!(
                    f,
                    "the body is nested deeper than {MAX_DEPTH} levels at byte {at}"
                )
            }
            Self::NotAnObject => f.write_str("the body is not a JSON object"),
            Self::AmbiguousKey(key) => write!(f, "the key '{key}' is given more than once"),
            Self::WrongType(key, expected) => {
                write!(f, "invalid type for '{key}': expected {expected}")
            }
        }
    }
}

impl std::error::Error for Fault {}

/// What kind of value comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `{…}`
    Object,
    /// `[…]`
    Array,
    /// `"…"`
    String,
    /// A number.
    Number,
    /// `true` or `false`
    Bool,
    /// `null`
    Null,
}

/// A member of an object: one of the known keys, or another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key<'a> {
    /// Its index among the known ones.
    Known(usize),
    /// As it stands there.
    Other(Text<'a>),
}

/// A position in a document.
#[derive(Clone)]
pub struct Cursor<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    depth: u8,
    strict: bool,
}

type Done = Result<(), Fault>;

impl<'a> Cursor<'a> {
    /// A strict cursor at the start of a request's body.
    ///
    /// # Errors
    /// [`Fault::NotUtf8`], [`Fault::Empty`].
    pub fn strict(bytes: &'a [u8]) -> Result<Self, Fault> {
        Self::new(bytes, true)
    }

    /// A lenient cursor at the start of an answer.
    ///
    /// # Errors
    /// [`Fault::NotUtf8`], [`Fault::Empty`].
    pub fn lenient(bytes: &'a [u8]) -> Result<Self, Fault> {
        let mut cursor = Self::new(bytes, false)?;
        // Some servers put a byte order mark before what they send; most clients skip it.
        if bytes.starts_with(b"\xef\xbb\xbf") {
            cursor.at = 3;
        }
        Ok(cursor)
    }

    pub(super) fn new(bytes: &'a [u8], strict: bool) -> Result<Self, Fault> {
        let text = std::str::from_utf8(bytes).map_err(|e| Fault::NotUtf8(e.valid_up_to()))?;
        if text.bytes().all(|b| b.is_ascii_whitespace()) {
            return Err(Fault::Empty);
        }
        Ok(Self {
            text,
            bytes,
            at: 0,
            depth: 0,
            strict,
        })
    }

    /// Reads the whole document as one object, see [`Cursor::fields`].
    ///
    /// # Errors
    /// [`Fault::NotAnObject`]; the fault of whatever is not right in it or behind it.
    pub fn document(
        &mut self,
        known: &[&'static str],
        field: impl FnMut(&mut Self, usize) -> Done,
    ) -> Done {
        if self.kind()? != Kind::Object {
            // An array or a word is worth telling from text that is no JSON at all.
            self.skip()?;
            self.end()?;
            return Err(Fault::NotAnObject);
        }
        self.fields(known, field)?;
        self.end()
    }

    /// Position of the next byte to read.
    pub fn position(&self) -> usize {
        self.at
    }

    /// The kind of the next value.
    ///
    /// # Errors
    /// [`Fault::Syntax`] when no value can begin here.
    pub fn kind(&mut self) -> Result<Kind, Fault> {
        self.space();
        match self.peek() {
            Some(b'{') => Ok(Kind::Object),
            Some(b'[') => Ok(Kind::Array),
            Some(b'"') => Ok(Kind::String),
            Some(b'-' | b'0'..=b'9') => Ok(Kind::Number),
            Some(b't' | b'f') => Ok(Kind::Bool),
            Some(b'n') => Ok(Kind::Null),
            _ => Err(Fault::Syntax(self.at)),
        }
    }

    /// Reads an object, calling `field` with the index in `known` of each key found there, the
    /// cursor before its value. Other values are skipped. At most 32 keys can be known.
    ///
    /// # Errors
    /// Faults of the document and those of `field`; in strict mode [`Fault::AmbiguousKey`].
    pub fn fields(
        &mut self,
        known: &[&'static str],
        mut field: impl FnMut(&mut Self, usize) -> Done,
    ) -> Done {
        self.all_fields(known, |cursor, key| match key {
            Key::Known(index) => field(cursor, index),
            Key::Other(_) => cursor.skip().map(drop),
        })
    }

    /// Reads an object like [`Cursor::fields`], calling `field` for the unknown keys too.
    ///
    /// # Errors
    /// Those of [`Cursor::fields`].
    pub fn all_fields(
        &mut self,
        known: &[&'static str],
        mut field: impl FnMut(&mut Self, Key<'a>) -> Done,
    ) -> Done {
        let mut seen = 0_u32;
        self.members(|cursor, key| {
            let Some(index) = cursor.known_key(known, key)? else {
                return field(cursor, Key::Other(key));
            };
            let bit = 1_u32 << (index & 31);
            if cursor.strict && seen & bit != 0 {
                return Err(Fault::AmbiguousKey(known.get(index).copied().unwrap_or("")));
            }
            seen |= bit;
            field(cursor, Key::Known(index))
        })
    }

    fn known_key(&self, known: &[&'static str], key: Text<'_>) -> Result<Option<usize>, Fault> {
        let name = key.decode();
        if let Some(index) = known.iter().position(|k| *k == name) {
            return Ok(Some(index));
        }
        if self.strict
            && let Some(name) = known.iter().find(|k| same_folded(k, &name))
        {
            return Err(Fault::AmbiguousKey(name));
        }
        Ok(None)
    }

    /// Reads an object, calling `member` with every key, the cursor before its value.
    ///
    /// # Errors
    /// Faults of the document and those of `member`.
    pub fn members(&mut self, mut member: impl FnMut(&mut Self, Text<'a>) -> Done) -> Done {
        self.open(b'{')?;
        if self.close(b'}') {
            return Ok(());
        }
        loop {
            self.space();
            let key = self.string()?;
            self.space();
            self.expect(b':')?;
            member(self, key)?;
            if !self.more(b'}')? {
                return Ok(());
            }
        }
    }

    /// Reads an array, calling `item` with the cursor before each element.
    ///
    /// # Errors
    /// Faults of the document and those of `item`.
    pub fn items(&mut self, mut item: impl FnMut(&mut Self) -> Done) -> Done {
        self.open(b'[')?;
        if self.close(b']') {
            return Ok(());
        }
        loop {
            item(self)?;
            if !self.more(b']')? {
                return Ok(());
            }
        }
    }

    /// Reads a string.
    ///
    /// # Errors
    /// [`Fault::Syntax`] when the next value is none, or not a valid one.
    pub fn string(&mut self) -> Result<Text<'a>, Fault> {
        self.space();
        self.expect(b'"')?;
        let start = self.at;
        let mut escaped = false;
        loop {
            self.at += plain_run(self.bytes.get(self.at..).unwrap_or_default());
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    self.at += 1;
                    match self.peek() {
                        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                            self.at += 1
                        }
                        Some(b'u') => {
                            let digits = self.bytes.get(self.at + 1..self.at + 5);
                            if !digits.is_some_and(|d| d.iter().all(u8::is_ascii_hexdigit)) {
                                return Err(Fault::Syntax(self.at));
                            }
                            self.at += 5;
                        }
                        _ => return Err(Fault::Syntax(self.at)),
                    }
                }
                _ => return Err(Fault::Syntax(self.at)),
            }
        }
        let raw = self.text.get(start..self.at).ok_or(Fault::Syntax(start))?;
        self.at += 1;
        Ok(Text {
            raw,
            start,
            escaped,
        })
    }

    /// Reads a string if the next value is one, otherwise skips it.
    ///
    /// # Errors
    /// Faults of the document.
    pub fn string_or_skip(&mut self) -> Result<Option<Text<'a>>, Fault> {
        if self.kind()? == Kind::String {
            self.string().map(Some)
        } else {
            self.skip().map(|_| None)
        }
    }

    /// Reads `true`, `false` or `null` under `key`. Decoders in common use take `"true"` and 1 for
    /// true, so anything else would mean one thing here and another upstream.
    ///
    /// # Errors
    /// [`Fault::WrongType`]; faults of the document.
    pub fn bool_or_null(&mut self, key: &'static str) -> Result<Option<bool>, Fault> {
        match self.kind()? {
            Kind::Bool | Kind::Null => self.bool_or_skip(),
            _ => {
                self.skip()?;
                Err(Fault::WrongType(key, "a boolean"))
            }
        }
    }

    /// Reads `true` or `false`; any other value is skipped.
    ///
    /// # Errors
    /// Faults of the document.
    pub fn bool_or_skip(&mut self) -> Result<Option<bool>, Fault> {
        if self.kind()? == Kind::Bool {
            let value = self.peek() == Some(b't');
            self.skip()?;
            Ok(Some(value))
        } else {
            self.skip().map(|_| None)
        }
    }

    /// Reads a whole number that fits, however it is written (`100`, `1e2`, `100.0`); any other
    /// value, negative and fractional numbers among them, is skipped.
    ///
    /// # Errors
    /// Faults of the document.
    pub fn count_or_skip(&mut self) -> Result<Option<u64>, Fault> {
        let kind = self.kind()?;
        let span = self.skip()?;
        let raw = self.text.get(span).unwrap_or_default();
        if kind != Kind::Number {
            return Ok(None);
        }
        if let Ok(count) = raw.parse() {
            return Ok(Some(count));
        }
        let float = raw.parse::<f64>().unwrap_or(f64::NAN);
        // Up to 2^53 every whole float is exact.
        let whole = (0.0..9_007_199_254_740_992.0).contains(&float) && float.fract() == 0.0;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        Ok(whole.then_some(float as u64))
    }

    /// Checks and passes over the next value; returns where it stands.
    ///
    /// # Errors
    /// Faults of the document.
    pub fn skip(&mut self) -> Result<Span, Fault> {
        let kind = self.kind()?;
        let start = self.at;
        match kind {
            Kind::Object => self.members(|cursor, _| cursor.skip().map(drop))?,
            Kind::Array => self.items(|cursor| cursor.skip().map(drop))?,
            Kind::String => self.string().map(drop)?,
            Kind::Number => self.number()?,
            Kind::Bool if self.peek() == Some(b't') => self.word("true")?,
            Kind::Bool => self.word("false")?,
            Kind::Null => self.word("null")?,
        }
        Ok(start..self.at)
    }

    /// Reads a number as it is written.
    pub(crate) fn number_text(&mut self) -> Result<Text<'a>, Fault> {
        let span = self.skip()?;
        let raw = self.text.get(span.clone()).unwrap_or_default();
        Ok(Text {
            raw,
            start: span.start,
            escaped: false,
        })
    }

    fn end(&mut self) -> Done {
        self.space();
        if self.at == self.bytes.len() {
            Ok(())
        } else {
            Err(Fault::Syntax(self.at))
        }
    }

    fn open(&mut self, bracket: u8) -> Done {
        self.space();
        self.expect(bracket)?;
        if self.depth == MAX_DEPTH {
            return Err(Fault::TooDeep(self.at - 1));
        }
        self.depth += 1;
        Ok(())
    }

    fn close(&mut self, bracket: u8) -> bool {
        self.space();
        let closed = self.peek() == Some(bracket);
        if closed {
            self.at += 1;
            self.depth -= 1;
        }
        closed
    }

    /// After an element: whether a comma promises another.
    fn more(&mut self, bracket: u8) -> Result<bool, Fault> {
        if self.close(bracket) {
            return Ok(false);
        }
        self.expect(b',')?;
        Ok(true)
    }

    fn number(&mut self) -> Done {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Done {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start {
            return Err(Fault::Syntax(start));
        }
        Ok(())
    }

    fn word(&mut self, word: &str) -> Done {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        if !rest.starts_with(word.as_bytes()) {
            return Err(Fault::Syntax(self.at));
        }
        self.at += word.len();
        Ok(())
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8) -> Done {
        if self.peek() != Some(byte) {
            return Err(Fault::Syntax(self.at));
        }
        self.at += 1;
        Ok(())
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }
}

/// Length of the run of bytes that need no look: neither quote, backslash nor control character.
pub(crate) fn plain_run(bytes: &[u8]) -> usize {
    let special = |b: u8| (b == b'"') | (b == b'\\') | (b < 0x20);
    let mut run = 0;
    // A block without early exit is what the compiler turns into vector instructions.
    for block in bytes.chunks_exact(32) {
        if block.iter().fold(false, |any, &b| any | special(b)) {
            break;
        }
        run += 32;
    }
    let rest = bytes.get(run..).unwrap_or_default();
    run + rest.iter().position(|&b| special(b)).unwrap_or(rest.len())
}

/// Whether a decoder that folds case would take `name` for `key`. Besides ASCII, Go folds two
/// characters onto ASCII letters: U+017F onto `s` and U+212A onto `k`.
fn same_folded(key: &str, name: &str) -> bool {
    let fold = |c: char| match c {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        c => c.to_ascii_lowercase(),
    };
    key.chars().map(fold).eq(name.chars().map(fold))
}

#[cfg(test)]
mod tests;
