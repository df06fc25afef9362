//! The count of a piece by taking the longest token each time, as long as that works.
//!
//! On words people write it nearly always does, and costs less than merging. Where no token
//! fits, one before was wrong; then this gives up, and merging takes over.

use crate::joint::Joint;
use crate::vocabulary::Vocabulary;

/// Tokens to try at one position. More are tried only where merging is quicker.
const TRIES: usize = 4;

/// How far to go back when it did not work, in bytes: what was wrong is seldom far.
const BACK: usize = 64;

/// Tokens of the piece.
///
/// # Errors
///
/// A joint from which to merge what follows, when the longest tokens do not fit.
#[inline(always)]
pub(crate) fn count(vocabulary: &Vocabulary, piece: &[u8]) -> Result<u64, Joint> {
    let mut joint = Joint::default();
    let mut back = joint;
    let mut further = joint;
    while joint.at < piece.len() {
        let Some((rank, len)) = next(vocabulary, piece, joint) else {
            return Err(back);
        };
        if joint.at >= further.at + BACK {
            back = further;
            further = joint;
        }
        joint = Joint {
            at: joint.at + len,
            last: Some(rank),
            count: joint.count + 1,
        };
    }
    Ok(joint.count)
}

/// The longest token that may come next, and its length.
#[inline(always)]
fn next(vocabulary: &Vocabulary, piece: &[u8], joint: Joint) -> Option<(u32, usize)> {
    let mut lengths = vocabulary.lengths_at(piece, joint.at);
    let mut tries = 0;
    while let Some(len) = lengths.pop() {
        if let Some(rank) = vocabulary.rank(piece, joint.at, len) {
            let fits = |last| vocabulary.stay_apart(last, rank);
            if joint.last.is_none_or(fits) {
                return Some((rank, len));
            }
            tries += 1;
            if tries == TRIES {
                return None;
            }
        }
    }
    None
}
