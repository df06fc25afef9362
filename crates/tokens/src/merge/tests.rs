use proptest::prelude::*;

use super::*;
use crate::vocabulary::{CL100K, O200K};

/// A piece in windows and by its beginnings, whether it is one piece or not.
fn assert_both_ways(text: &str) {
    for vocabulary in [&O200K, &CL100K] {
        let windows = Merger::new().count_windows(vocabulary, text.as_bytes(), Joint::default());
        let forward = forward::count(vocabulary, text.as_bytes());
        assert_eq!(windows, Some(forward), "windows: {text:?}");
        let whole = Merger::new().count_merged(vocabulary, text.as_bytes(), 0, text.len());
        assert_eq!(whole, forward, "all ways: {text:?}");
    }
}

#[test]
fn runs_are_counted_the_same_both_ways() {
    for unit in [
        "a",
        " ",
        "ab",
        "aab",
        "\n",
        "=",
        "é",
        "日",
        "👨\u{200d}",
        "0",
        "haha",
    ] {
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
