//! Texts made to be slow or to overflow: they take time in proportion to their size, and a
//! small stack.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test may panic, and this one measures time"
)]
#![cfg(all(feature = "o200k", feature = "cl100k"))]

use std::time::{Duration, Instant};

use weir_tokens::Encoding;

const UNITS: [&str; 26] = [
    "a",
    "A",
    " ",
    "\n",
    "\r\n",
    "\t",
    "-",
    "/",
    "'",
    "0",
    "\u{a0}",
    "\u{301}",
    "\u{301}A",
    "A\u{301}",
    "😀",
    "👨\u{200d}👩\u{200d}",
    "日",
    "뷁",
    "ÿ",
    "ab",
    "aab",
    "a b ",
    " \n",
    "ForCanBeConverte",
    "微信公众号天天中彩",
    "-------------------------------------------------------------------------=",
];

const SMALL: usize = 64 << 10;

/// The best of five: other tests run at the same time, and caches are shared.
fn time(encoding: Encoding, text: &str) -> Duration {
    let times = (0..5).map(|_| {
        let started = Instant::now();
        assert!(encoding.count(text) > 0);
        started.elapsed()
    });
    times.min().unwrap()
}

#[test]
fn time_is_linear_on_a_small_stack() {
    let thread = std::thread::Builder::new().stack_size(128 << 10);
    let test = || {
        for unit in UNITS {
            for encoding in [Encoding::O200k, Encoding::Cl100k] {
                let small = time(encoding, &unit.repeat(SMALL / unit.len()));
                let large = time(encoding, &unit.repeat(8 * SMALL / unit.len()));
                // Eight times as much when it is linear, 64 times when it is not.
                assert!(
                    large < 24 * small,
                    "{encoding:?} {unit:?}: {small:?}, {large:?}"
                );
            }
        }
    };
    thread.spawn(test).unwrap().join().unwrap();
}

/// The run tiktoken-rs overflows its stack on.
#[test]
fn a_million_spaces_are_counted() {
    let spaces = " ".repeat(1_000_000);
    // The longest token of spaces has 128 in both.
    let counts = [Encoding::O200k, Encoding::Cl100k].map(|encoding| encoding.count(&spaces));
    assert_eq!(counts, [7813, 7813]);
}
