//! Text as bytes that can be asked about at any place: outside there is a NUL, and no panic.

/// Sets of bytes, as bits in a table of 256.
pub(crate) mod class {
    pub(crate) const DIGIT: u16 = 1;
    pub(crate) const UPPER: u16 = 2;
    pub(crate) const LOWER: u16 = 4;
    /// `a` to `f`.
    pub(crate) const HEX_LOWER: u16 = 8;
    /// `A` to `F`.
    pub(crate) const HEX_UPPER: u16 = 16;
    pub(crate) const UNDERSCORE: u16 = 32;
    pub(crate) const DASH: u16 = 64;
    pub(crate) const DOT: u16 = 128;
    pub(crate) const PLUS_SLASH: u16 = 256;
    pub(crate) const EQUALS: u16 = 512;
    pub(crate) const PERCENT: u16 = 1024;
    pub(crate) const TILDE: u16 = 2048;
    /// Everything from 0x80 on: part of a character that is not ASCII.
    pub(crate) const BEYOND: u16 = 4096;
    pub(crate) const SPACE: u16 = 8192;
    /// What may end a value that stands without quotes, or begin a sign that does.
    pub(crate) const STOP: u16 = 16384;

    pub(crate) const LETTER: u16 = UPPER | LOWER;
    pub(crate) const ALNUM: u16 = LETTER | DIGIT;
    pub(crate) const CAPITAL: u16 = UPPER | DIGIT;
    pub(crate) const SMALL: u16 = LOWER | DIGIT;
    pub(crate) const WORD: u16 = ALNUM | UNDERSCORE;
    pub(crate) const BASE64URL: u16 = WORD | DASH;
    pub(crate) const BASE64: u16 = ALNUM | PLUS_SLASH;
    pub(crate) const HEX: u16 = DIGIT | HEX_LOWER | HEX_UPPER;
    pub(crate) const HEX_SMALL: u16 = DIGIT | HEX_LOWER;
}

const CLASSES: [u16; 256] = classes();

#[allow(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "evaluated by the compiler, where an index out of bounds is a build error"
)]
const fn classes() -> [u16; 256] {
    let mut table = [0; 256];
    let mut at = 0;
    while at < 256 {
        let byte = at as u8;
        table[at] = match byte {
            b'0'..=b'9' => class::DIGIT,
            b'A'..=b'F' => class::UPPER | class::HEX_UPPER,
            b'G'..=b'Z' => class::UPPER,
            b'a'..=b'f' => class::LOWER | class::HEX_LOWER,
            b'g'..=b'z' => class::LOWER,
            b'_' => class::UNDERSCORE,
            b'-' => class::DASH,
            b'.' => class::DOT,
            b'+' | b'/' => class::PLUS_SLASH,
            b'=' => class::EQUALS,
            b'%' => class::PERCENT,
            b'~' => class::TILDE,
            b' ' | b'\t' | b'\r' | b'\n' => class::SPACE | class::STOP,
            b'"' | b'\'' | b'`' | b'<' | b'>' | b'|' | b',' | b';' | b'&' | b'\\' | 0 | 0xc => {
                class::STOP
            }
            0xe3 | 0xef => class::BEYOND | class::STOP,
            0x80.. => class::BEYOND,
            _ => 0,
        };
        at += 1;
    }
    table
}

/// Whether the byte belongs to one of the classes.
#[inline]
pub(crate) fn is(byte: u8, classes: u16) -> bool {
    CLASSES.get(usize::from(byte)).copied().unwrap_or(0) & classes != 0
}

/// A text, looked at as bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bytes<'a>(pub(crate) &'a [u8]);

impl<'a> Bytes<'a> {
    pub(crate) fn len(self) -> usize {
        self.0.len()
    }

    /// The byte at `at`, NUL outside.
    #[inline]
    pub(crate) fn at(self, at: usize) -> u8 {
        self.0.get(at).copied().unwrap_or(0)
    }

    /// The byte before `at`, NUL at the beginning.
    #[inline]
    pub(crate) fn before(self, at: usize) -> u8 {
        at.checked_sub(1).map_or(0, |at| self.at(at))
    }

    #[inline]
    pub(crate) fn is(self, at: usize, classes: u16) -> bool {
        is(self.at(at), classes)
    }

    /// The bytes from `start` to `end`, cut to what there is.
    pub(crate) fn slice(self, start: usize, end: usize) -> &'a [u8] {
        let end = end.min(self.0.len());
        self.0.get(start.min(end)..end).unwrap_or_default()
    }

    pub(crate) fn starts(self, at: usize, literal: &[u8]) -> bool {
        self.0
            .get(at..)
            .is_some_and(|rest| rest.starts_with(literal))
    }

    pub(crate) fn starts_any_case(self, at: usize, literal: &[u8]) -> bool {
        self.slice(at, at + literal.len())
            .eq_ignore_ascii_case(literal)
    }

    /// Where the run of these classes that begins at `at` ends, after `most` bytes at the latest.
    #[inline]
    pub(crate) fn run(self, at: usize, classes: u16, most: usize) -> usize {
        let rest = self.slice(at, at.saturating_add(most));
        at + rest
            .iter()
            .position(|&byte| !is(byte, classes))
            .unwrap_or(rest.len())
    }

    /// Where the run of these classes that ends before `at` begins, `most` bytes back at the most.
    #[inline]
    pub(crate) fn run_back(self, at: usize, classes: u16, most: usize) -> usize {
        let rest = self.slice(at.saturating_sub(most), at);
        at - rest
            .iter()
            .rev()
            .position(|&byte| !is(byte, classes))
            .unwrap_or(rest.len())
    }
}
