//! Where literals stand in a text, without regard to ASCII case.
//!
//! An automaton over all literals costs several nanoseconds for every byte. Most places are ruled
//! out by their first three bytes alone, by a table that stays in the nearest cache; only where
//! three bytes may begin a literal is the automaton asked, anchored there.

use aho_corasick::automaton::{Automaton, OverlappingState};
use aho_corasick::nfa::contiguous;
use aho_corasick::{Anchored, BuildError, Input, Match};

/// Bytes of a literal that the table knows.
const FIRST: usize = 3;
/// Bits of a byte's class.
const BITS: usize = 6;
/// The class of bytes that stand in no literal's beginning, and of what follows a text's end.
const NONE: u8 = (1 << BITS) - 1;
/// A bit for every three classes, in words of 64.
const WORDS: usize = 1 << (BITS * FIRST - 6);

/// Literals to be found.
pub(crate) struct Literals {
    classes: [u8; 256],
    beginnings: Box<[u64; WORDS]>,
    automaton: contiguous::NFA,
}

impl Literals {
    pub(crate) fn new(literals: &[String]) -> Result<Self, BuildError> {
        let mut classes = [NONE; 256];
        let mut beginnings = Box::new([0; WORDS]);
        for literal in literals {
            let first = literal.bytes().take(FIRST);
            for byte in first.clone() {
                for byte in [byte.to_ascii_lowercase(), byte.to_ascii_uppercase()] {
                    if let Some(known) = classes.get_mut(usize::from(byte)) {
                        *known = class(byte);
                    }
                }
            }
            // Anything may follow a literal that is shorter.
            let key = first.fold(0, |key, byte| step(key, class(byte)));
            let open = BITS * FIRST.saturating_sub(literal.len());
            for any in 0..1 << open {
                let key = key << open | any;
                if let Some(word) = beginnings.get_mut(key >> 6) {
                    *word |= 1 << (key & 63);
                }
            }
        }
        Ok(Self {
            classes,
            beginnings,
            automaton: contiguous::Builder::new()
                .ascii_case_insensitive(true)
                .prefilter(false)
                .build(literals)?,
        })
    }

    pub(crate) fn memory_usage(&self) -> usize {
        self.automaton.memory_usage() + size_of_val(&*self.beginnings)
    }

    /// All occurrences, overlapping ones too, by their ends; of those that end together the
    /// longest comes first.
    pub(crate) fn find_all(&self, text: &[u8], mut found: impl FnMut(Match)) {
        // Occurrences that end behind the place looked at: a later one may end before them.
        let mut open: Vec<Match> = Vec::new();
        let mut key = 0;
        let class = |&byte: &u8| self.classes.get(usize::from(byte)).copied();
        let beyond = [NONE; FIRST - 1];
        let classes = text.iter().map(|byte| class(byte).unwrap_or(NONE));
        for (end, class) in (1..).zip(classes.chain(beyond)) {
            key = step(key, class);
            let word = self.beginnings.get(key >> 6).copied().unwrap_or(0);
            if word >> (key & 63) & 1 == 0 || end < FIRST {
                continue;
            }
            let start = end - FIRST;
            let over = open.partition_point(|hit| hit.end() <= start);
            open.drain(..over).for_each(&mut found);
            self.find_at(text, start, &mut open);
        }
        open.into_iter().for_each(found);
    }

    /// Adds the occurrences that begin at `start`.
    fn find_at(&self, text: &[u8], start: usize, open: &mut Vec<Match>) {
        let input = Input::new(text).range(start..).anchored(Anchored::Yes);
        let mut state = OverlappingState::start();
        loop {
            // Never an error: an automaton of both kinds, and a search without a prefilter.
            if self
                .automaton
                .try_find_overlapping(&input, &mut state)
                .is_err()
            {
                return;
            }
            let Some(hit) = state.get_match() else { return };
            // What a literal ends with is found where it begins.
            if hit.start() != start {
                continue;
            }
            let at = open.partition_point(|other| other.end() <= hit.end());
            open.insert(at, hit);
        }
    }
}

fn step(key: usize, class: u8) -> usize {
    (key << BITS | usize::from(class)) & ((1 << (BITS * FIRST)) - 1)
}

/// Letters have classes of their own, and so nearly has every byte of other scripts; what else
/// literals begin with shares a few.
fn class(byte: u8) -> u8 {
    match byte {
        b'a'..=b'z' => byte - b'a',
        b'A'..=b'Z' => byte - b'A',
        b'0'..=b'9' => 26,
        b' ' | b'-' | b'_' => 27,
        b':' | b'/' => 28,
        0x80.. => 30 + (byte & 31),
        _ => 29,
    }
}

#[cfg(test)]
mod tests {
    use aho_corasick::AhoCorasick;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The whole automaton, run over every byte, is the oracle.
        #[test]
        fn all_are_found_in_the_automatons_order(
            literals in prop::collection::vec("[aAb1é -]{1,4}", 1..12),
            text in "[aAbB1é x-]{0,40}",
        ) {
            let automaton = AhoCorasick::builder().ascii_case_insensitive(true).build(&literals);
            let expected: Vec<_> = automaton.unwrap().find_overlapping_iter(&text).collect();
            let mut found = Vec::new();
            Literals::new(&literals).unwrap().find_all(text.as_bytes(), |hit| found.push(hit));
            prop_assert_eq!(found, expected);
        }
    }
}
