use proptest::prelude::*;

use super::*;
use crate::vocabulary::{CL100K, O200K};

/// Both ways to count, for every piece; also those of a whole text without any splitting.
fn assert_both_ways(text: &str) {
    for vocabulary in [&O200K, &CL100K] {
        let bytes = text.as_bytes();
        let backtracking = Merger::new().count_backtracking(vocabulary, bytes, 0, bytes.len());
        let forward = count_forward(vocabulary, bytes, 0, bytes.len());
        if !bytes.is_empty() {
            assert_eq!(backtracking, Some(forward), "{text:?}");
        }
    }
}

#[test]
fn lengths_are_taken_longest_first() {
    let mut lengths = Lengths::default();
    for len in [1, 7, 64, 65, 128] {
        lengths.insert(len);
    }
    assert_eq!(lengths.below(65).pop(), Some(64));
    assert_eq!(lengths.below(64).pop(), Some(7));
    assert_eq!(lengths.below(128).pop(), Some(65));
    assert_eq!(lengths.below(1).pop(), None);
    let all: Vec<_> = std::iter::from_fn(|| lengths.pop()).collect();
    assert_eq!(all, [128, 65, 64, 7, 1]);
}

#[test]
fn runs_are_counted_the_same_both_ways() {
    for unit in ["a", " ", "ab", "aab", "\n", "=", "é", "日", "👨\u{200d}", "0", "haha"] {
        for times in [1, 2, 3, 63, 64, 65, 127, 128, 129, 500, 5000] {
            assert_both_ways(&unit.repeat(times));
        }
    }
}

proptest! {
    #[test]
    fn pieces_are_counted_the_same_both_ways(
        text in prop_oneof!["[ab]{0,600}", "[ \t]{0,300}", "[a-d]{0,200}", "[a-zA-Z ]{0,300}", "\\PC{0,200}"],
    ) {
        assert_both_ways(&text);
    }
}
