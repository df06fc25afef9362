//! How many tokens a piece merges to, without merging it.
//!
//! Byte pair encoding has two properties that spare the merging. The encoding of a text, cut
//! at one of its token borders, is the encoding of both parts; and a sequence of tokens is an
//! encoding as soon as every two neighbours are ([`Vocabulary::stay_apart`]). So encodings of
//! longer and longer beginnings of the piece can be tried, one token at a time, and every
//! beginning has one encoding at most. (The algorithm of GitHub's `bpe` crate, written anew.)
//!
//! [`Merger`] tries the longest token first and takes a step back where nothing fits. It
//! remembers as much as steps back have ever needed, many times over. Should a text need more,
//! [`count_forward`] decides, which needs no memory of the way and so no steps back: slower,
//! but in linear time for any text.

use crate::hash::MAX_TOKEN;
use crate::vocabulary::{Lengths, Vocabulary};

/// Tokens that can be stepped back over.
const STEPS: usize = 1024;

/// Positions, in bytes, that are remembered as leading nowhere. More than two tokens.
const DEAD: usize = 4096;

/// Counts the tokens of pieces; its memory is used again for each.
pub(crate) struct Merger {
    /// The latest tokens, as a ring: rank, and position of the first byte.
    steps: [(u32, usize); STEPS],
    /// The latest positions, as a ring of bits: no encoding of the piece has a border there.
    dead: [u64; DEAD / 64],
}

impl Merger {
    pub(crate) fn new() -> Self {
        Self {
            steps: [(0, 0); STEPS],
            dead: [0; DEAD / 64],
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

    #[inline(never)]
    fn count_merged(
        &mut self,
        vocabulary: &Vocabulary,
        text: &[u8],
        start: usize,
        end: usize,
    ) -> u64 {
        self.count_backtracking(vocabulary, text, start, end)
            .unwrap_or_else(|| count_forward(vocabulary, text, start, end))
    }

    /// The count, or `None` when it takes more steps back than are remembered.
    fn count_backtracking(
        &mut self,
        vocabulary: &Vocabulary,
        text: &[u8],
        start: usize,
        end: usize,
    ) -> Option<u64> {
        let mut at = start;
        // The first position whose bit is not yet this piece's.
        let mut fresh = start;
        let mut count: usize = 0;
        let mut kept: usize = 0;
        let mut last = None;
        let mut lengths = vocabulary.lengths_at(text, at, end);
        while at < end {
            let next = self.next_token(vocabulary, text, at, last, &mut lengths, &mut fresh);
            if let Some((rank, len)) = next {
                *self.steps.get_mut(count % STEPS)? = (rank, at);
                count += 1;
                kept = (kept + 1).min(STEPS);
                last = Some(rank);
                at += len;
                lengths = vocabulary.lengths_at(text, at, end);
            } else {
                self.set_dead(at, fresh)?;
                kept = kept.checked_sub(1)?;
                count = count.checked_sub(1)?;
                let (_, before) = *self.steps.get(count % STEPS)?;
                lengths = vocabulary.lengths_at(text, before, end).below(at - before);
                at = before;
                last = match count.checked_sub(1) {
                    None => None,
                    Some(_) if kept == 0 => return None,
                    Some(top) => Some(self.steps.get(top % STEPS)?.0),
                };
            }
        }
        Some(count as u64)
    }

    /// The longest of the tokens left to try that may follow `last` and does not lead to a
    /// dead position.
    #[inline(always)]
    fn next_token(
        &mut self,
        vocabulary: &Vocabulary,
        text: &[u8],
        at: usize,
        last: Option<u32>,
        lengths: &mut Lengths,
        fresh: &mut usize,
    ) -> Option<(u32, usize)> {
        while let Some(len) = lengths.pop() {
            if self.is_dead(at + len, fresh) {
                continue;
            }
            if let Some(rank) = vocabulary.rank(text, at, len)
                && last.is_none_or(|last| vocabulary.stay_apart(last, rank))
            {
                return Some((rank, len));
            }
        }
        None
    }

    /// Whether `at` is known to lead nowhere. Positions from `fresh` on are not known yet.
    #[inline(always)]
    fn is_dead(&mut self, at: usize, fresh: &mut usize) -> bool {
        while *fresh <= at {
            // A new word of the ring begins here, or this piece does.
            let word = *fresh / 64;
            if let Some(bits) = self.dead.get_mut(word % (DEAD / 64)) {
                *bits = 0;
            }
            *fresh = (word + 1) * 64;
        }
        let bits = self.dead.get(at / 64 % (DEAD / 64)).copied().unwrap_or(0);
        bits >> (at % 64) & 1 != 0
    }

    /// Remembers that `at` leads nowhere; `None` when the ring has moved past it.
    #[inline(always)]
    fn set_dead(&mut self, at: usize, fresh: usize) -> Option<()> {
        if at + DEAD < fresh + MAX_TOKEN {
            return None;
        }
        *self.dead.get_mut(at / 64 % (DEAD / 64))? |= 1 << (at % 64);
        Some(())
    }
}

/// Tokens of the piece, by the encoding of every one of its beginnings.
///
/// The state of a beginning is its last token and its count, and only beginnings up to the
/// longest token back matter.
#[cold]
pub(crate) fn count_forward(
    vocabulary: &Vocabulary,
    text: &[u8],
    start: usize,
    end: usize,
) -> u64 {
    const RING: usize = (MAX_TOKEN + 1).next_power_of_two();
    let mut ring: [Option<(u32, u64)>; RING] = [None; RING];
    for at in start..end {
        let state = ring.get_mut(at % RING).and_then(Option::take);
        if state.is_none() && at > start {
            continue;
        }
        let mut lengths = vocabulary.lengths_at(text, at, end);
        while let Some(len) = lengths.pop() {
            if let Some(slot) = ring.get_mut((at + len) % RING)
                && slot.is_none()
                && let Some(rank) = vocabulary.rank(text, at, len)
                && state.is_none_or(|(last, _)| vocabulary.stay_apart(last, rank))
            {
                *slot = Some((rank, state.map_or(1, |(_, count)| count + 1)));
            }
        }
    }
    // Every text has an encoding, so the end was reached.
    let state = ring.get(end % RING).copied().flatten();
    state.map_or((end - start) as u64, |(_, count)| count)
}

#[cfg(test)]
mod tests;
