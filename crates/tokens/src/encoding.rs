//! The two encodings and the count of a text in them.

use crate::merge::Merger;
use crate::split;
use crate::vocabulary::Vocabulary;

/// A published tokenizer of OpenAI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// `o200k_base`; `o200k_harmony` is the same for ordinary text.
    #[cfg(feature = "o200k")]
    O200k,
    /// `cl100k_base`.
    #[cfg(feature = "cl100k")]
    Cl100k,
}

impl Encoding {
    /// Tokens of `text` as ordinary text: what looks like a special token is plain text, as it
    /// is when users write it.
    ///
    /// ```
    /// use weir_tokens::Encoding;
    ///
    /// assert_eq!(Encoding::O200k.count("Grüße aus Zürich!"), 6);
    /// ```
    pub fn count(self, text: &str) -> u64 {
        match self {
            #[cfg(feature = "o200k")]
            Self::O200k => count(&crate::vocabulary::O200K, split::o200k, text.as_bytes()),
            #[cfg(feature = "cl100k")]
            Self::Cl100k => count(&crate::vocabulary::CL100K, split::cl100k, text.as_bytes()),
        }
    }

    /// Bytes of the tables this encoding is counted with.
    pub fn table_bytes(self) -> usize {
        match self {
            #[cfg(feature = "o200k")]
            Self::O200k => crate::vocabulary::O200K.size(),
            #[cfg(feature = "cl100k")]
            Self::Cl100k => crate::vocabulary::CL100K.size(),
        }
    }
}

#[inline(always)]
fn count(vocabulary: &Vocabulary, split: impl Fn(&[u8], usize) -> usize, text: &[u8]) -> u64 {
    let mut merger = Merger::new();
    let mut count = 0;
    let mut at = 0;
    while at < text.len() {
        let end = split(text, at);
        count += merger.count(vocabulary, text, at, end);
        at = end;
    }
    count
}
