//! What must hold for any bytes. Each law takes bytes, makes a case of them and asserts.
//!
//! The fuzz targets in `fuzz/` call one law each and nothing else. `tests/corpus.rs` runs every law
//! over its seeds and former crashes in `fuzz/corpus`, so that what a fuzzer once found is tested by
//! `make test`; property tests elsewhere call the same laws with cases of their own making.

// A law asserts as a test does.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used
)]

use arbitrary::Unstructured;

mod config;
pub mod detectors;
pub mod exchange;
mod framing;
mod limits;
mod readers;
mod restorer;
mod splicer;
mod sse;
mod tokens;

pub use config::config;
pub use detectors::detectors;
pub use exchange::exchange;
pub use framing::eventstream;
pub use limits::limits;
pub use readers::{answer, request};
pub use restorer::restorer;
pub use splicer::splicer;
pub use sse::sse;
pub use tokens::tokens;

/// A law.
pub type Law = fn(&[u8]);

/// All laws, by the name of their fuzz target and of their folder in `fuzz/corpus`.
pub const LAWS: &[(&str, Law)] = &[
    ("answer", answer),
    ("config", config),
    ("detectors", detectors),
    ("eventstream", eventstream),
    ("exchange", exchange),
    ("limits", limits),
    ("request", request),
    ("restorer", restorer),
    ("splicer", splicer),
    ("sse", sse),
    ("tokens", tokens),
];

/// A choice of so many, by the first byte of what is left; the first when nothing is.
fn choice(bytes: &mut &[u8], of: usize) -> usize {
    let Some((first, rest)) = bytes.split_first() else {
        return 0;
    };
    *bytes = rest;
    usize::from(*first) % of
}

/// The rest of the bytes cut in pieces, whose sizes are told by the first few bytes. What is
/// readable of a seed stays readable, so that seeds can be written by hand.
fn pieces<'a>(bytes: &mut &'a [u8]) -> Vec<&'a [u8]> {
    let sizes: Vec<usize> = (0..4).map(|_| 1 + choice(bytes, 64)).collect();
    let (mut pieces, mut rest) = (Vec::new(), std::mem::take(bytes));
    for size in sizes.into_iter().cycle() {
        if rest.is_empty() {
            return pieces;
        }
        let (piece, behind) = rest.split_at(size.min(rest.len()));
        pieces.push(piece);
        rest = behind;
    }
    pieces
}

/// One of these.
fn one_of<T: Copy>(u: &mut Unstructured<'_>, all: &[T]) -> T {
    let at = u.int_in_range(0..=all.len() - 1).unwrap_or(0);
    all[at]
}
