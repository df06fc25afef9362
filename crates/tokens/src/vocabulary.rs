//! A vocabulary as the build script laid it out: read in place, nothing is loaded.
//!
//! `build/vocabulary.rs` tells what a rank and an id are. All numbers are little-endian. Every
//! read is checked: a lookup in a broken table finds nothing, it does not panic.

#![allow(
    clippy::cast_possible_truncation,
    reason = "numbers are split on purpose, and no table has 2^32 entries"
)]

use crate::hash;
use crate::hash::{MAX_TOKEN, TOKEN_BITS};
use crate::lengths::Lengths;

/// The tables of one encoding.
pub(crate) struct Vocabulary {
    /// The bytes of all tokens by id, and 8 zeros.
    pub(crate) bytes: &'static [u8],
    /// The rank of every id.
    pub(crate) ranks: &'static [u8],
    /// The first id of every length, and where its bytes begin.
    pub(crate) lengths: &'static [u8],
    /// Perfect hash from bytes to id.
    pub(crate) index: Index,
    /// The rank of every byte.
    pub(crate) single: &'static [u8; 256],
    /// The id of every two bytes that are a token, else 0.
    pub(crate) doubles: &'static [u8; 0x2_0000],
    /// The two ranks every rank is merged from; a byte's own rank twice.
    pub(crate) splits: &'static [u8],
    /// Perfect hash from two ranks to the rank they merge to.
    pub(crate) pairs: Index,
    /// What may follow a prefix: two bits for each of 2^n hashes.
    pub(crate) prefixes: &'static [u8],
}

/// A perfect hash table: at most one slot can hold a key.
pub(crate) struct Index {
    pub(crate) pilots: &'static [u8],
    pub(crate) slots: &'static [u8],
}

impl Index {
    /// The only number that can belong to the key of this hash; the caller compares the key.
    #[inline(always)]
    fn find(&self, hash: u64) -> Option<usize> {
        let bucket_bits = self.pilots.len().trailing_zeros();
        let slot_bits = (self.slots.len() / 4).trailing_zeros();
        let pilot = *self.pilots.get(hash::bucket(hash, bucket_bits))?;
        let slot = number(self.slots, hash::slot(hash, pilot, slot_bits))?;
        (slot >> TOKEN_BITS == hash::fingerprint(hash))
            .then_some((slot & ((1 << TOKEN_BITS) - 1)) as usize)
    }
}

/// The number at `index` of a table of numbers.
#[inline(always)]
fn number(table: &[u8], index: usize) -> Option<u32> {
    let bytes = table.get(index * 4..)?.first_chunk::<4>()?;
    Some(u32::from_le_bytes(*bytes))
}

/// Two neighbouring numbers of a table of pairs.
#[inline(always)]
fn number_pair(table: &[u8], index: usize) -> Option<(u32, u32)> {
    let bytes = u64::from_le_bytes(*table.get(index * 8..)?.first_chunk::<8>()?);
    Some(((bytes & 0xffff_ffff) as u32, (bytes >> 32) as u32))
}

impl Vocabulary {
    /// The id of the `len` bytes of `text` from `at`, if they are a token.
    #[inline(always)]
    fn id(&self, text: &[u8], at: usize, len: usize) -> Option<usize> {
        if len > MAX_TOKEN {
            return None;
        }
        let id = self.index.find(hash::span(text, at, len))?;
        let (first, begin) = number_pair(self.lengths, len)?;
        let (next, _) = number_pair(self.lengths, len + 1)?;
        if !(first as usize..next as usize).contains(&id) {
            return None;
        }
        let token = begin as usize + (id - first as usize) * len;
        let mut done = 0;
        while done < len {
            let rest = len - done;
            if hash::word(text, at + done, rest) != hash::word(self.bytes, token + done, rest) {
                return None;
            }
            done += 8;
        }
        Some(id)
    }

    /// Whether the `len` bytes of `text` from `at` are a token.
    #[inline(always)]
    pub(crate) fn contains(&self, text: &[u8], at: usize, len: usize) -> bool {
        self.id(text, at, len).is_some()
    }

    /// The rank of the `len` bytes of `text` from `at`, if they are a token.
    #[inline(always)]
    pub(crate) fn rank(&self, text: &[u8], at: usize, len: usize) -> Option<u32> {
        number(self.ranks, self.id(text, at, len)?)
    }

    /// The rank of a byte.
    #[inline(always)]
    pub(crate) fn byte_rank(&self, byte: u8) -> u32 {
        self.single
            .get(usize::from(byte))
            .copied()
            .map_or(0, u32::from)
    }

    /// The rank of the token of two bytes.
    #[inline(always)]
    pub(crate) fn two_bytes(&self, left: u8, right: u8) -> Option<u32> {
        let at = usize::from(left) << 8 | usize::from(right);
        let id = u16::from_le_bytes(*self.doubles.get(at * 2..)?.first_chunk::<2>()?);
        if id == 0 {
            return None;
        }
        number(self.ranks, usize::from(id))
    }

    /// The lengths of the tokens that may begin at `at`: all that do, perhaps some more.
    #[inline(always)]
    pub(crate) fn lengths_at(&self, text: &[u8], at: usize) -> Lengths {
        let cell_bits = (self.prefixes.len() * 4).trailing_zeros();
        let mut lengths = Lengths::default();
        // A byte is always a token.
        lengths.insert(1);
        let mut hash = hash::PREFIX_SEED;
        let span = text.get(at..).unwrap_or_default();
        for (&byte, len) in span.iter().zip(1..=MAX_TOKEN) {
            hash = hash::prefix_step(hash, byte);
            let cell = (hash >> (64 - cell_bits)) as usize;
            let bits = self.prefixes.get(cell / 4).copied().unwrap_or(0) >> (cell % 4 * 2);
            if bits & 2 != 0 {
                lengths.insert(len);
            }
            if bits & 1 == 0 {
                break;
            }
        }
        lengths
    }

    /// Whether merging leaves the tokens `left` and `right` apart when they are neighbours.
    ///
    /// Merges happen in the order of rank, and from left to right among equals. So the last
    /// merge within the two is that of the higher rank, of the right one when both are equal.
    /// Undone step by step, no earlier pair across the border may have come before the merge
    /// that was undone.
    #[inline(always)]
    pub(crate) fn stay_apart(&self, mut left: u32, mut right: u32) -> bool {
        // Ranks from here on came too late to be merged across the border.
        let mut limit = u32::MAX;
        loop {
            if self.merged(left, right).is_some_and(|rank| rank < limit) {
                return false;
            }
            if left.max(right) < 256 {
                return true;
            }
            if left > right {
                limit = left;
                match number_pair(self.splits, left as usize) {
                    Some((_, part)) if part < left => left = part,
                    _ => return true,
                }
            } else {
                limit = right + 1;
                match number_pair(self.splits, right as usize) {
                    Some((part, _)) if part < right => right = part,
                    _ => return true,
                }
            }
        }
    }

    /// The rank of the token two neighbours merge to.
    #[inline(always)]
    pub(crate) fn merged(&self, left: u32, right: u32) -> Option<u32> {
        let rank = self.pairs.find(hash::pair(left, right))?;
        (number_pair(self.splits, rank)? == (left, right)).then_some(rank as u32)
    }
}

macro_rules! table {
    ($name:literal, $table:literal) => {
        include_bytes!(concat!(env!("OUT_DIR"), "/", $name, "_", $table))
    };
}

macro_rules! vocabulary {
    ($name:literal) => {
        Vocabulary {
            bytes: table!($name, "bytes"),
            ranks: table!($name, "ranks"),
            lengths: table!($name, "lengths"),
            index: Index {
                pilots: table!($name, "pilots"),
                slots: table!($name, "slots"),
            },
            single: table!($name, "single"),
            doubles: table!($name, "doubles"),
            splits: table!($name, "splits"),
            pairs: Index {
                pilots: table!($name, "pair_pilots"),
                slots: table!($name, "pair_slots"),
            },
            prefixes: table!($name, "prefixes"),
        }
    };
}

/// gpt-4o and later.
#[cfg(feature = "o200k")]
pub(crate) static O200K: Vocabulary = vocabulary!("o200k");

/// gpt-4, gpt-3.5 and the embedding models.
#[cfg(feature = "cl100k")]
pub(crate) static CL100K: Vocabulary = vocabulary!("cl100k");

impl Vocabulary {
    /// Bytes of all tables.
    pub(crate) fn size(&self) -> usize {
        [
            self.bytes,
            self.ranks,
            self.lengths,
            self.index.pilots,
            self.index.slots,
            self.single,
            self.doubles,
            self.splits,
            self.pairs.pilots,
            self.pairs.slots,
            self.prefixes,
        ]
        .iter()
        .map(|table| table.len())
        .sum()
    }
}
