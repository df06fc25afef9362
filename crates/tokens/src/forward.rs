//! The count of any piece in linear time: slow, but sure.
//!
//! Every beginning of a piece has one encoding, and a token may follow it when it stays apart
//! from its last. So the last token and the count of every beginning follow from those before
//! it, up to the longest token back; a ring of them is all the memory this takes.

use crate::hash::MAX_TOKEN;
use crate::vocabulary::Vocabulary;

/// More than the longest token.
const RING: usize = (MAX_TOKEN + 1).next_power_of_two();

/// Tokens of the piece.
#[cold]
#[inline(never)]
pub(crate) fn count(vocabulary: &Vocabulary, piece: &[u8]) -> u64 {
    // For every beginning that is known: its last token and its count.
    let mut ring: [Option<(u32, u64)>; RING] = [None; RING];
    for at in 0..piece.len() {
        let state = ring.get_mut(at % RING).and_then(Option::take);
        if state.is_none() && at > 0 {
            continue;
        }
        let mut lengths = vocabulary.lengths_at(piece, at);
        while let Some(len) = lengths.pop() {
            if let Some(slot) = ring.get_mut((at + len) % RING)
                && slot.is_none()
                && let Some(rank) = vocabulary.rank(piece, at, len)
                && state.is_none_or(|(last, _)| vocabulary.stay_apart(last, rank))
            {
                *slot = Some((rank, state.map_or(1, |(_, count)| count + 1)));
            }
        }
    }
    // Every text has an encoding, so the end was reached.
    let state = ring.get(piece.len() % RING).copied().flatten();
    state.map_or(piece.len() as u64, |(_, count)| count)
}
