//! Short lists of words that are asked about at every value: most texts are ruled out by two
//! letters, or by one letter and a length.

#![allow(
    clippy::indexing_slicing,
    reason = "only in what the compiler evaluates, where an index out of bounds is a build error"
)]

/// Words that may stand anywhere in a text, in any case.
pub(crate) struct Within {
    words: &'static [&'static str],
    /// The second letters of the words by their first, as bits.
    seconds: [u32; 32],
}

/// Words that a text may be, in any case.
pub(crate) struct Among {
    words: &'static [&'static str],
    /// The lengths of the words by their first letter, as bits.
    lengths: [u32; 32],
}

/// The same for both cases of a letter, and for some signs.
const fn letter(byte: u8) -> usize {
    (byte & 31) as usize
}

/// The same for all that are 31 bytes or longer.
const fn length(len: usize) -> usize {
    if len < 31 { len } else { 31 }
}

impl Within {
    /// Words of at least two bytes.
    pub(crate) const fn new(words: &'static [&'static str]) -> Self {
        let mut seconds = [0; 32];
        let mut at = 0;
        while at < words.len() {
            let word = words[at].as_bytes();
            seconds[letter(word[0])] |= 1 << letter(word[1]);
            at += 1;
        }
        Self { words, seconds }
    }

    /// Whether one of the words stands in the text.
    pub(crate) fn is_in(&self, text: &[u8]) -> bool {
        let mut rest = text;
        while let [first, behind @ ..] = rest {
            let Some(&second) = behind.first() else {
                return false;
            };
            let seconds = self.seconds.get(letter(*first)).copied().unwrap_or(0);
            if seconds >> letter(second) & 1 != 0 && self.begins(rest) {
                return true;
            }
            rest = behind;
        }
        false
    }

    fn begins(&self, text: &[u8]) -> bool {
        self.words.iter().any(|word| {
            text.get(..word.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes()))
        })
    }
}

impl Among {
    /// Words of at least one byte.
    pub(crate) const fn new(words: &'static [&'static str]) -> Self {
        let mut lengths = [0; 32];
        let mut at = 0;
        while at < words.len() {
            let word = words[at].as_bytes();
            lengths[letter(word[0])] |= 1 << length(word.len());
            at += 1;
        }
        Self { words, lengths }
    }

    /// Whether the text is one of the words.
    pub(crate) fn has(&self, text: &[u8]) -> bool {
        let Some(&first) = text.first() else {
            return false;
        };
        let lengths = self.lengths.get(letter(first)).copied().unwrap_or(0);
        let is = |word: &&str| text.eq_ignore_ascii_case(word.as_bytes());
        lengths >> length(text.len()) & 1 != 0 && self.words.iter().any(is)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: &[&str] = &["at", "example", "[x]", "_env", "señal"];

    #[test]
    fn words_are_found_as_by_looking_at_each() {
        for text in [
            "",
            "a",
            "A",
            "at",
            "AT",
            "aT",
            "ta",
            "cat",
            "EXAMPLE",
            "exampl",
            "xexamplex",
            "[X]",
            "{X}",
            "!T",
            "_ENV",
            "\u{1f}env",
            "SEñAL",
            "SEÑAL",
            "attt",
            "eexample",
        ] {
            let small = text.to_ascii_lowercase();
            let within = WORDS.iter().any(|word| small.contains(word));
            assert_eq!(Within::new(WORDS).is_in(text.as_bytes()), within, "{text}");
            let among = WORDS.contains(&small.as_str());
            assert_eq!(Among::new(WORDS).has(text.as_bytes()), among, "{text}");
        }
    }
}
