//! The count of a piece by taking the longest token each time, as long as that works.
//!
//! On words people write it nearly always does, and costs less than merging. Where no token
//! fits, one before was wrong: the one just before gets a second, shorter choice. When that does
//! not help either, this gives up, and merging takes over.

use crate::joint::Joint;
use crate::lengths::Lengths;
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
    let mut lengths = vocabulary.lengths_at(piece, 0);
    // The joint before, and the lengths left there. A joint is gone back to once: a third choice
    // would make hostile pieces slow.
    let mut before = None;
    let mut second = false;
    while joint.at < piece.len() {
        let Some((rank, len)) = next(vocabulary, piece, joint, &mut lengths) else {
            (joint, lengths) = before.take().ok_or(back)?;
            second = true;
            continue;
        };
        if joint.at >= further.at + BACK {
            back = further;
            further = joint;
        }
        before = (!second).then_some((joint, lengths));
        second = false;
        joint = Joint {
            at: joint.at + len,
            last: Some(rank),
            count: joint.count + 1,
        };
        lengths = vocabulary.lengths_at(piece, joint.at);
    }
    Ok(joint.count)
}

/// The longest token that may come next, and its length, of the lengths not tried yet.
#[inline(always)]
fn next(
    vocabulary: &Vocabulary,
    piece: &[u8],
    joint: Joint,
    lengths: &mut Lengths,
) -> Option<(u32, usize)> {
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
