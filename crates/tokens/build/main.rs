//! Writes the tables of `weir-tokens`: the vocabularies of tiktoken-rs in the form the counter
//! reads in place, and the Unicode classes its patterns speak of. Nothing is made at run time.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    reason = "a build that cannot make its tables has to stop, and cargo listens to stdout"
)]

mod classes;
#[path = "../src/hash.rs"]
mod hash;
mod perfect;
mod vocabulary;

use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rerun-if-changed=src/hash.rs");
    let out = std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR");
    let out = Path::new(&out);
    classes::write(out);
    if std::env::var_os("CARGO_FEATURE_O200K").is_some() {
        let bpe = tiktoken_rs::o200k_base().expect("o200k_base loads");
        vocabulary::write(out, "o200k", &bpe);
    }
    if std::env::var_os("CARGO_FEATURE_CL100K").is_some() {
        let bpe = tiktoken_rs::cl100k_base().expect("cl100k_base loads");
        vocabulary::write(out, "cl100k", &bpe);
    }
}
