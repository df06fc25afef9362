//! Where literals stand in a text, without regard to ASCII case.
//!
//! An automaton over all literals costs several nanoseconds for every byte. Most places are ruled
//! out by their first three bytes alone, by a table that stays in the nearest cache; where three
//! bytes may begin a literal, the few that begin so are compared.

use std::collections::BTreeMap;

/// Bytes of a literal that the table knows.
const FIRST: usize = 3;
/// Bits of a byte's class.
const BITS: usize = 6;
/// The class of bytes that stand in no literal's beginning, and of what is beyond a text's ends.
const NONE: u8 = (1 << BITS) - 1;
/// A bit for every three classes, in words of 64.
const WORDS: usize = 1 << (BITS * FIRST - 6);

/// Literals to be found.
pub(crate) struct Literals {
    /// In small letters.
    literals: Vec<Box<[u8]>>,
    classes: [u8; 256],
    /// The beginnings there are, as bits.
    beginnings: Box<[u64; WORDS]>,
    /// How many of them come before those of each word.
    before: Box<[u32; WORDS]>,
    /// For each of them, where its literals end in the list below.
    ends: Vec<u32>,
    /// The literals of the beginnings in their order, short ones first.
    by_beginning: Vec<Begins>,
}

/// A literal, and the byte after its beginning as a small letter: it tells most of those that
/// begin alike apart.
#[derive(Clone, Copy)]
struct Begins {
    literal: u16,
    next: Option<u8>,
}

/// A literal and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hit {
    pub(crate) literal: usize,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Literals {
    /// Literals of at least one byte; at most 65,536 of them, more are left out.
    pub(crate) fn new(literals: &[String]) -> Self {
        let mut classes = [NONE; 256];
        let mut of_keys: BTreeMap<usize, Vec<u16>> = BTreeMap::new();
        for (at, literal) in (0..=u16::MAX).zip(literals) {
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
                of_keys.entry(key << open | any).or_default().push(at);
            }
        }
        let mut beginnings = Box::new([0_u64; WORDS]);
        let (mut ends, mut by_beginning) = (Vec::new(), Vec::new());
        for (key, mut of_key) in of_keys {
            of_key.sort_by_key(|&at| literals.get(usize::from(at)).map(String::len));
            by_beginning.extend(of_key.iter().map(|&literal| {
                let bytes = literals.get(usize::from(literal)).map(String::as_bytes);
                let next = bytes.and_then(|bytes| bytes.get(FIRST));
                Begins {
                    literal,
                    next: next.map(u8::to_ascii_lowercase),
                }
            }));
            ends.push(u32::try_from(by_beginning.len()).unwrap_or(u32::MAX));
            if let Some(word) = beginnings.get_mut(key >> 6) {
                *word |= 1 << (key & 63);
            }
        }
        let mut before = Box::new([0; WORDS]);
        let mut count = 0;
        for (before, word) in before.iter_mut().zip(&*beginnings) {
            *before = count;
            count += word.count_ones();
        }
        let small = |literal: &String| literal.to_ascii_lowercase().into_bytes().into();
        Self {
            literals: literals.iter().map(small).collect(),
            classes,
            beginnings,
            before,
            ends,
            by_beginning,
        }
    }

    pub(crate) fn memory_usage(&self) -> usize {
        let literals = self.literals.iter().map(|it| it.len() + size_of_val(it));
        literals.sum::<usize>()
            + size_of_val(&*self.beginnings)
            + size_of_val(&*self.before)
            + size_of_val(&*self.ends)
            + size_of_val(&*self.by_beginning)
    }

    /// All occurrences, overlapping ones too, by their ends; of those that end together the
    /// longest comes first.
    pub(crate) fn find_all(&self, text: &[u8], mut found: impl FnMut(Hit)) {
        // Occurrences that end behind the place looked at: a later one may end before them.
        let mut open: Vec<Hit> = Vec::new();
        let mut key = step(step(0, NONE), NONE);
        let mut end = 0;
        loop {
            let class = match text.get(end) {
                Some(&byte) => self.classes.get(usize::from(byte)).copied(),
                // A short literal may stand at the end.
                None if end + 1 < text.len() + FIRST => None,
                None => break,
            };
            key = step(key, class.unwrap_or(NONE));
            end += 1;
            let word = self.beginnings.get(key >> 6).copied().unwrap_or(0);
            if word >> (key & 63) & 1 != 0 {
                // Nothing begins with what is beyond the text.
                let start = end - FIRST;
                let over = open.partition_point(|hit| hit.end <= start);
                open.drain(..over).for_each(&mut found);
                self.find_at(text, start, key, &mut open);
            }
        }
        open.into_iter().for_each(found);
    }

    /// Adds the occurrences that begin at `start`, with this key.
    #[inline(never)]
    fn find_at(&self, text: &[u8], start: usize, key: usize, open: &mut Vec<Hit>) {
        let word = self.beginnings.get(key >> 6).copied().unwrap_or(0);
        let before = self.before.get(key >> 6).copied().unwrap_or(0);
        let within = word & ((1 << (key & 63)) - 1);
        let place = (before + within.count_ones()) as usize;
        let end_of = |place: usize| self.ends.get(place).copied().unwrap_or(0) as usize;
        let from = place.checked_sub(1).map_or(0, end_of);
        let rest = text.get(start..).unwrap_or_default();
        let of_key = self.by_beginning.get(from..end_of(place));
        let next = rest.get(FIRST).map(u8::to_ascii_lowercase);
        for begins in of_key.unwrap_or_default() {
            if begins.next.is_some() && begins.next != next {
                continue;
            }
            let literal = usize::from(begins.literal);
            let small = self.literals.get(literal).map_or(&[][..], |small| small);
            let Some(here) = rest.get(..small.len()) else {
                // The others are no shorter.
                return;
            };
            // Case may only differ in letters: a small literal holds none of the capitals.
            if !here
                .iter()
                .zip(small)
                .all(|(a, b)| a.to_ascii_lowercase() == *b)
            {
                continue;
            }
            let end = start + small.len();
            let at = open.partition_point(|other| other.end <= end);
            open.insert(
                at,
                Hit {
                    literal,
                    start,
                    end,
                },
            );
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
            let automaton = automaton.unwrap();
            let expected = automaton.find_overlapping_iter(&text).map(|hit| Hit {
                literal: hit.pattern().as_usize(),
                start: hit.start(),
                end: hit.end(),
            });
            let mut found = Vec::new();
            Literals::new(&literals).find_all(text.as_bytes(), |hit| found.push(hit));
            prop_assert_eq!(found, expected.collect::<Vec<_>>());
        }
    }
}
