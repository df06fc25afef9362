//! How many tokens a piece merges to.
//!
//! Byte pair encoding merges the two neighbours of the lowest rank, the leftmost first, until
//! no two neighbours are a token. Done over a whole piece this costs its length for every
//! merge, so a long piece is done in windows, and the encodings of windows are joined. That is
//! exact because of a property of these encodings: a sequence of tokens is the encoding of its
//! bytes as soon as every two neighbours stay apart ([`Vocabulary::stay_apart`]; GitHub's `bpe`
//! crate rests on it, too). Neighbours in one window do, so only the two at a joint need a look.
//!
//! A window's last tokens may come out otherwise once more text follows; they are dropped and
//! the next window begins before them. Should a joint not hold all the same, the windows grow;
//! should they grow too large, [`forward::count`] decides.

#![allow(
    clippy::cast_possible_truncation,
    reason = "positions in a window are below 1024"
)]

use crate::forward;
use crate::greedy;
use crate::joint::Joint;
use crate::vocabulary::Vocabulary;

/// The first size of a window, in bytes: merging in it is quick, most tokens are far shorter.
const WINDOW: usize = 96;

/// The largest size of a window, in bytes: many times the longest token.
const LARGEST: usize = 1024;

/// Bits of a merge that hold its position, below its rank.
const POSITION_BITS: u32 = 14;

/// No merge here. Every merge is less.
const NONE: u32 = u32::MAX;

/// Up to so many bytes, merging is quicker than trying the longest tokens.
const SHORT: usize = 8;

/// Merges are looked through in blocks of this many.
const BLOCK: usize = 16;

/// Counts the tokens of pieces; its memory is used again for each.
///
/// A window is a list of tokens, each at the position of its first byte.
pub(crate) struct Merger {
    /// The merge of the token here with the next: its rank, and this position. The lowest
    /// number is the merge that comes next.
    merges: [u32; LARGEST],
    /// The rank of the token here.
    ranks: [u32; LARGEST],
    /// Where the next token begins.
    next: [u16; LARGEST],
    /// Where the token before begins.
    previous: [u16; LARGEST],
}

impl Merger {
    pub(crate) fn new() -> Self {
        Self {
            merges: [NONE; LARGEST],
            ranks: [0; LARGEST],
            next: [0; LARGEST],
            previous: [0; LARGEST],
        }
    }

    /// Tokens of the piece from `start` to `end`.
    #[inline(always)]
    pub(crate) fn count(
        &mut self,
        vocabulary: &Vocabulary,
        text: &[u8],
        start: usize,
        end: usize,
    ) -> u64 {
        if vocabulary.contains(text, start, end - start) {
            return 1;
        }
        self.count_merged(vocabulary, text, start, end)
    }

    /// The same for a piece that is not a token: short ones are merged at once, in others the
    /// longest tokens are tried first. Inlined, so that the sizes of the tables are constants.
    #[inline(always)]
    pub(crate) fn count_merged(
        &mut self,
        vocabulary: &Vocabulary,
        text: &[u8],
        start: usize,
        end: usize,
    ) -> u64 {
        let piece = text.get(start..end).unwrap_or_default();
        if piece.len() <= SHORT {
            return self.merge(vocabulary, piece);
        }
        match greedy::count(vocabulary, piece) {
            Ok(count) => count,
            Err(_) if piece.len() <= 2 * WINDOW => self.merge(vocabulary, piece),
            Err(joint) => self
                .count_windows(vocabulary, piece, joint)
                .or_else(|| self.count_windows(vocabulary, piece, Joint::default()))
                .unwrap_or_else(|| forward::count(vocabulary, piece)),
        }
    }

    /// The count of a piece from a joint on, or `None` when its windows grow too large.
    pub(crate) fn count_windows(
        &mut self,
        vocabulary: &Vocabulary,
        piece: &[u8],
        mut joint: Joint,
    ) -> Option<u64> {
        let mut size = WINDOW;
        let mut before = joint;
        loop {
            let rest = piece.get(joint.at..)?;
            let window = rest.get(..size).unwrap_or(rest);
            let count = self.merge(vocabulary, window);
            let first = self.rank(0);
            let holds = joint
                .last
                .is_none_or(|last| vocabulary.stay_apart(last, first));
            if holds && window.len() == rest.len() {
                return Some(joint.count + count);
            }
            let next = self.keep(joint, window.len() * 3 / 4);
            if holds && next.at > joint.at {
                before = joint;
                joint = next;
                // Large windows are slow, and were perhaps needed only here.
                size = (size - size / 8).max(WINDOW);
            } else {
                if !holds {
                    joint = before;
                }
                size *= 2;
                if size > LARGEST {
                    return None;
                }
            }
        }
    }

    /// The joint after the last token that ends at `limit` or before, in the window that
    /// begins at `joint`. The window's last token must end after `limit`.
    fn keep(&self, mut joint: Joint, limit: usize) -> Joint {
        let begin = joint.at;
        let mut at = 0;
        loop {
            let next = self.next(at);
            if next > limit {
                return joint;
            }
            joint.last = Some(self.rank(at));
            joint.count += 1;
            joint.at = begin + next;
            at = next;
        }
    }

    /// Merges a window, at most [`LARGEST`] bytes; the count of tokens that remain.
    fn merge(&mut self, vocabulary: &Vocabulary, window: &[u8]) -> u64 {
        self.spread(vocabulary, window);
        let len = window.len();
        let blocks = len.div_ceil(BLOCK);
        let mut count = len as u64;
        loop {
            let merge = self.lowest(blocks);
            if merge == NONE {
                return count;
            }
            count -= 1;
            let left = (merge & ((1 << POSITION_BITS) - 1)) as usize;
            let merged = merge >> POSITION_BITS;
            let right = self.next(left);
            let after = self.next(right);
            set(&mut self.ranks, left, merged);
            set(&mut self.next, left, after as u16);
            set(&mut self.merges, right, NONE);
            let mut merge = NONE;
            if after < len {
                set(&mut self.previous, after, left as u16);
                merge = candidate(vocabulary, merged, self.rank(after), left);
            }
            set(&mut self.merges, left, merge);
            if left > 0 {
                let before = usize::from(get(&self.previous, left));
                let merge = candidate(vocabulary, self.rank(before), merged, before);
                set(&mut self.merges, before, merge);
            }
        }
    }

    /// Begins a window with one token for every byte.
    #[inline(always)]
    fn spread(&mut self, vocabulary: &Vocabulary, window: &[u8]) {
        let follow = window.iter().skip(1).map(Some).chain([None]);
        for (at, (&byte, follow)) in window.iter().zip(follow).enumerate() {
            set(&mut self.ranks, at, vocabulary.byte_rank(byte));
            set(&mut self.next, at, at as u16 + 1);
            set(&mut self.previous, at, (at as u16).wrapping_sub(1));
            let merge = follow
                .and_then(|&follow| vocabulary.two_bytes(byte, follow))
                .map_or(NONE, |rank| rank << POSITION_BITS | at as u32);
            set(&mut self.merges, at, merge);
        }
        for at in window.len()..window.len().next_multiple_of(BLOCK) {
            set(&mut self.merges, at, NONE);
        }
    }

    /// The next merge of the first `blocks` blocks.
    #[inline(always)]
    fn lowest(&self, blocks: usize) -> u32 {
        let (all, _) = self.merges.as_chunks::<BLOCK>();
        let mut lowest = [NONE; BLOCK];
        for block in all.iter().take(blocks) {
            for (lowest, &merge) in lowest.iter_mut().zip(block) {
                *lowest = merge.min(*lowest);
            }
        }
        lowest.into_iter().fold(NONE, u32::min)
    }

    #[inline(always)]
    fn rank(&self, at: usize) -> u32 {
        get(&self.ranks, at)
    }

    #[inline(always)]
    fn next(&self, at: usize) -> usize {
        usize::from(get(&self.next, at))
    }
}

/// The merge of two neighbours, the left one at `at`.
#[inline(always)]
fn candidate(vocabulary: &Vocabulary, left: u32, right: u32, at: usize) -> u32 {
    vocabulary
        .merged(left, right)
        .map_or(NONE, |rank| rank << POSITION_BITS | at as u32)
}

/// Positions are below [`LARGEST`]; the mask tells the compiler, which then checks nothing.
#[inline(always)]
fn get<T: Copy + Default>(array: &[T; LARGEST], at: usize) -> T {
    array.get(at % LARGEST).copied().unwrap_or_default()
}

#[inline(always)]
fn set<T>(array: &mut [T; LARGEST], at: usize, value: T) {
    if let Some(place) = array.get_mut(at % LARGEST) {
        *place = value;
    }
}

#[cfg(all(test, feature = "o200k", feature = "cl100k"))]
mod tests;
