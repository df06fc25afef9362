//! Other spellings of ASCII folded to it, with a map back: fullwidth forms, the digits of other
//! scripts, exotic dashes and spaces, curly quotes; characters that show nothing are dropped.
//!
//! Only a text that holds such a character is copied. Look-alikes from other alphabets (Cyrillic
//! `а`) are left as they are: folding them would break real words.

/// A folded copy, and where each of its bytes stood.
pub(crate) struct Folded {
    pub(crate) text: Vec<u8>,
    /// Places from which on the distance to the original is another: (here, in the original).
    steps: Vec<(u32, u32)>,
    /// Bytes that stand for a longer character, and how long it is.
    widths: Vec<(u32, u8)>,
    len: usize,
}

impl Folded {
    /// The folded copy, or `None` if it would be the text itself.
    pub(crate) fn new(text: &str) -> Option<Self> {
        let (mut at, mut c, mut byte) = next_folded(text, 0)?;
        let mut folded = Self {
            text: Vec::with_capacity(text.len()),
            steps: Vec::new(),
            widths: Vec::new(),
            len: text.len(),
        };
        let mut copied = 0;
        loop {
            folded.copy(text.get(copied..at)?.as_bytes(), copied)?;
            if byte != 0 {
                let here = u32::try_from(folded.text.len()).ok()?;
                folded.widths.push((here, u8::try_from(c.len_utf8()).ok()?));
                folded.copy(&[byte], at)?;
            }
            copied = at + c.len_utf8();
            let Some(next) = next_folded(text, copied) else {
                break;
            };
            (at, c, byte) = next;
        }
        folded.copy(text.get(copied..)?.as_bytes(), copied)?;
        Some(folded)
    }

    /// Appends bytes that stand for what begins here in the original.
    fn copy(&mut self, bytes: &[u8], original: usize) -> Option<()> {
        let here = self.text.len();
        let distance = |&(here, there): &(u32, u32)| (there - here) as usize;
        if !bytes.is_empty() && self.steps.last().map_or(0, distance) != original - here {
            // A text over 4 GiB does not exist in 32 bits of address space.
            let step = (u32::try_from(here).ok()?, u32::try_from(original).ok()?);
            self.steps.push(step);
        }
        self.text.extend_from_slice(bytes);
        Some(())
    }

    /// Where the byte at `at` stood in the original.
    pub(crate) fn original(&self, at: usize) -> usize {
        if at >= self.text.len() {
            return self.len;
        }
        let after = self.steps.partition_point(|&(here, _)| here as usize <= at);
        after
            .checked_sub(1)
            .and_then(|step| self.steps.get(step))
            .map_or(at, |&(here, there)| there as usize + (at - here as usize))
    }

    /// Where in the original a span ends that ends here: after the character its last byte stands
    /// for, and before anything dropped behind it.
    pub(crate) fn end(&self, at: usize) -> usize {
        let Some(last) = at.checked_sub(1) else {
            return 0;
        };
        let from = self.original(last);
        // A byte that stayed as it was is one byte; one that was folded ends where its character
        // does, which is the next step or, if characters were dropped there, before it.
        from + self
            .widths
            .binary_search_by_key(&last, |&(here, _)| here as usize)
            .map_or(1, |found| {
                self.widths
                    .get(found)
                    .map_or(1, |&(_, width)| usize::from(width))
            })
    }
}

/// The next character from `at` on that is folded: where it stands, and what it stands for.
fn next_folded(text: &str, mut at: usize) -> Option<(usize, char, u8)> {
    loop {
        at += ascii_run(text.as_bytes().get(at..)?);
        let c = text.get(at..)?.chars().next()?;
        match fold(c) {
            Some(byte) => return Some((at, c, byte)),
            None => at += c.len_utf8(),
        }
    }
}

/// How many ASCII bytes come first.
fn ascii_run(bytes: &[u8]) -> usize {
    // A block without early exit is what the compiler turns into vector instructions.
    let ascii = |block: &&[u8]| block.iter().fold(0, |all, byte| all | byte) < 0x80;
    let run = 32 * bytes.chunks_exact(32).take_while(ascii).count();
    let rest = bytes.get(run..).unwrap_or_default();
    run + rest.iter().take_while(|byte| byte.is_ascii()).count()
}

/// The ASCII byte the character stands for; 0 for one that shows nothing.
fn fold(c: char) -> Option<u8> {
    let code = u32::from(c);
    let offset = |from: u32, to: u8| u8::try_from(code - from).ok().map(|by| to + by);
    match code {
        0..=0x9f => None,
        // Soft hyphen, joiners, direction marks, byte order mark, variation selectors.
        0xad | 0x34f | 0x180e | 0x200b..=0x200f | 0x202a..=0x202e => Some(0),
        0x2060..=0x2064 | 0x2066..=0x206f | 0xfe00..=0xfe0f | 0xfeff => Some(0),
        0xa0 | 0x1680 | 0x2000..=0x200a | 0x202f | 0x205f | 0x3000 => Some(b' '),
        0x2010..=0x2015 | 0x2043 | 0x2212 | 0xfe58 | 0xfe63 => Some(b'-'),
        0x201c..=0x201f => Some(b'"'),
        0x2018..=0x201b => Some(b'\''),
        0x2024 => Some(b'.'),
        0xfe6b => Some(b'@'),
        0xff01..=0xff5e => offset(0xff01, b'!'),
        // Decimal digits: Arabic, Persian, Devanagari, Bengali, Thai.
        0x660..=0x669 => offset(0x660, b'0'),
        0x6f0..=0x6f9 => offset(0x6f0, b'0'),
        0x966..=0x96f => offset(0x966, b'0'),
        0x9e6..=0x9ef => offset(0x9e6, b'0'),
        0xe50..=0xe59 => offset(0xe50, b'0'),
        // Mathematical letters come in styles of 52, the digits in styles of ten.
        0x1d400..=0x1d6a3 => match u8::try_from((code - 0x1d400) % 52).ok()? {
            capital @ ..26 => Some(b'A' + capital),
            small => Some(b'a' + small - 26),
        },
        0x1d7ce..=0x1d7ff => u8::try_from((code - 0x1d7ce) % 10).ok().map(|by| b'0' + by),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_spellings_fold_and_map_back() {
        for (text, folded) in [
            ("４１１１", "4111"),
            ("a＠b．com", "a@b.com"),
            ("4\u{200b}1\u{2060}1", "411"),
            ("1\u{a0}2\u{2011}3", "1 2-3"),
            ("٠١٢ ۳", "012 3"),
            ("“x” ‘y’", "\"x\" 'y'"),
            ("𝟒𝟏 𝗔𝗯", "41 Ab"),
            ("é４", "é4"),
        ] {
            let got = Folded::new(text).unwrap();
            assert_eq!(String::from_utf8_lossy(&got.text), folded, "{text}");
            for at in 0..got.text.len() {
                let original = got.original(at);
                let byte = got.text[at];
                assert!(original < text.len(), "{text} at {at}");
                if byte < 0x80 {
                    assert!(text.is_char_boundary(original), "{text} at {at}");
                    let c = text.split_at(original).1.chars().next().unwrap();
                    assert!(
                        c == char::from(byte) || fold(c) == Some(byte),
                        "{text} at {at}"
                    );
                }
            }
            assert_eq!(got.original(got.text.len()), text.len(), "{text}");
        }
        for text in ["plain", "é", "电话", "😀"] {
            assert!(Folded::new(text).is_none(), "{text}");
        }
    }
}
