//! The oracle's documents and what we count, for a tokenizer that shares no code with us to
//! compare with: one line of JSON for each, `["text", o200k, cl100k]`.
//!
//! Two kinds of document are left out, as others cannot be compared with there: those of more
//! than 8 KiB, on which they take quadratic time; and those with characters younger than
//! Unicode 15, of which every program has its own version.
//!
//! `make tokens-independent` runs it.

#![allow(
    clippy::unwrap_used,
    clippy::unreachable,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a program for tests may panic"
)]

use std::io::{self, BufWriter, Write};

use regex_syntax::hir::{Class, ClassUnicode, HirKind};
use weir_tokens::Encoding;

#[path = "../tests/oracle/corpus.rs"]
mod corpus;

fn main() -> io::Result<()> {
    let young = young();
    let is_young = |c: char| {
        let before = young.ranges().partition_point(|range| range.end() < c);
        young
            .ranges()
            .get(before)
            .is_some_and(|range| range.start() <= c)
    };
    let texts = corpus::by_hand().into_iter();
    let texts = texts.chain((0..6000).map(corpus::generated));
    let texts = texts.chain(corpus::runs()).chain(corpus::code_points());
    let mut out = BufWriter::new(io::stdout().lock());
    for text in texts.filter(|text| text.len() <= 8 << 10 && !text.contains(is_young)) {
        let counts = [Encoding::O200k, Encoding::Cl100k].map(|encoding| encoding.count(&text));
        serde_json::to_writer(&mut out, &(&text, counts[0], counts[1]))?;
        writeln!(out)?;
    }
    out.flush()
}

/// The characters Unicode 15 did not have.
fn young() -> ClassUnicode {
    match regex_syntax::parse(r"\P{Age=15.0}").unwrap().into_kind() {
        HirKind::Class(Class::Unicode(class)) => class,
        other => unreachable!("a class, not {other:?}"),
    }
}
