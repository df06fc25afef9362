//! The labelled test set for PII detection, its generator and its scorer.
//!
//! - [`generate()`]: makes the set in `tests/fixtures/pii` from a seed; a test holds the two equal.
//! - [`read()`]: the set as committed.
//! - [`score()`]: what a detector makes of it, as a [`Report`] against the bars it has to clear.
//!
//! Every value is made here from the public specification of its kind and is valid by its check
//! digits. Nothing here knows a detector, and no detector may be written from this set.
//!
//! What is fair to ask decides what stands without a label word beside it: only values that tell
//! by themselves what they are, by a distinctive shape or strong check digits. A run of nine
//! digits never stands alone. The names of people and places in the carrier texts are unlabelled:
//! finding them is not what this set measures.
#![allow(
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::panic,
    clippy::expect_used,
    reason = "this runs in tests only, and a wrong table has to stop the generator"
)]

mod carriers;
mod case;
mod check;
mod expand;
mod generate;
mod kinds;
mod negatives;
mod random;
mod report;
mod score;
mod secrets;
mod tongues;
mod values;

pub use case::{Case, Group, Label, read, write};
pub use generate::{SEED, generate};
pub use kinds::group_of;
pub use report::Bar;
pub use score::{Finding, Miss, Report, Tally, score};
