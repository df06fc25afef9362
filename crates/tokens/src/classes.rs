//! What kind of character stands at a byte: the classes the patterns of both encodings speak of.
//!
//! The tables are made by the build script from regex-syntax, so they are the oracle's.

/// A character's class. Every character has exactly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Class {
    /// Punctuation, symbols, controls, unassigned: in none of the classes below.
    Other = 0,
    /// `Lu`, `Lt`.
    Upper = 1,
    /// `Ll`.
    Lower = 2,
    /// `Lm`, `Lo`: letters without case.
    Caseless = 3,
    /// `M`: combining marks, no letters.
    Mark = 4,
    /// `N`.
    Number = 5,
    /// `\s` except line ends.
    Space = 6,
    /// `\r`, `\n`.
    LineEnd = 7,
}

impl Class {
    const fn of(number: u8) -> Self {
        match number {
            1 => Self::Upper,
            2 => Self::Lower,
            3 => Self::Caseless,
            4 => Self::Mark,
            5 => Self::Number,
            6 => Self::Space,
            7 => Self::LineEnd,
            _ => Self::Other,
        }
    }

    /// `\p{L}`.
    #[inline(always)]
    pub(crate) fn is_letter(self) -> bool {
        matches!(self, Self::Upper | Self::Lower | Self::Caseless)
    }

    /// `[^\s\p{L}\p{N}]`.
    #[inline(always)]
    pub(crate) fn is_symbol(self) -> bool {
        matches!(self, Self::Other | Self::Mark)
    }

    /// `\s`.
    #[inline(always)]
    pub(crate) fn is_space(self) -> bool {
        matches!(self, Self::Space | Self::LineEnd)
    }
}

static BLOCKS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/class_blocks"));
static INDEX: &[u8; 0x1100] = include_bytes!(concat!(env!("OUT_DIR"), "/class_index"));

/// The class and length in bytes of the character at `at`; `None` at the end of the text.
#[inline(always)]
pub(crate) fn class_at(text: &[u8], at: usize) -> Option<(Class, usize)> {
    let first = *text.get(at)?;
    if first < 0x80 {
        // The first block is the first 256 code points.
        Some((Class::of(*BLOCKS.get(usize::from(first))?), 1))
    } else {
        Some(wide_class(text, at, first))
    }
}

#[inline]
fn wide_class(text: &[u8], at: usize, first: u8) -> (Class, usize) {
    let next = |offset: usize| u32::from(text.get(at + offset).copied().unwrap_or(0) & 0x3f);
    let first = u32::from(first);
    let (code, len) = if first < 0xe0 {
        ((first & 0x1f) << 6 | next(1), 2)
    } else if first < 0xf0 {
        ((first & 0x0f) << 12 | next(1) << 6 | next(2), 3)
    } else {
        let code = (first & 0x07) << 18 | next(1) << 12 | next(2) << 6 | next(3);
        (code, 4)
    };
    let block = INDEX.get(code as usize >> 8).copied().unwrap_or(0);
    let class = BLOCKS.get(usize::from(block) << 8 | (code & 0xff) as usize);
    (Class::of(class.copied().unwrap_or(0)), len)
}
