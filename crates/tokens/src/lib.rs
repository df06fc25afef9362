//! Counting the tokens of LLM prompts, inside a filter.
//!
//! - [`Encoding`]: exact counts of a text in the vocabularies OpenAI publishes.
//! - [`family`]: how the tokens of a model are counted, exactly or by a factor.
//! - [`PromptCounter`]: a prompt with its chat framing, as a request is read.
//!
//! The count is that of tiktoken-rs' `encode_ordinary`, which the tests compare it with; its
//! vocabularies are turned into tables at compile time, so nothing is loaded or allocated here.
//! Time is linear in the text and memory is fixed, whatever the text is.
//!
//! What this cannot know: what a provider adds around tool schemas and images, and the
//! tokenizers that are not published. Such counts say that they are estimates.

#[cfg(not(any(feature = "o200k", feature = "cl100k")))]
compile_error!("weir-tokens needs a vocabulary: feature `o200k` or `cl100k`");

mod classes;
mod encoding;
mod family;
mod forward;
mod greedy;
mod hash;
mod joint;
mod lengths;
mod merge;
mod prompt;
mod split;
mod vocabulary;

pub use encoding::Encoding;
pub use family::{Family, family};
pub use prompt::{Count, PromptCounter};
