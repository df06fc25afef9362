//! A fake LLM upstream: it speaks the APIs of OpenAI, Anthropic, Gemini and Bedrock,
//! remembers what it was sent, and misbehaves when a request's `x-mock-*` headers ask
//! for it.
//!
//! Answers are deterministic: the last user text comes back, and usage is counted with a
//! real vocabulary. HTTP/1.1 and HTTP/2 without TLS are served on the same listener. What
//! a request can script is listed at `Script` in `src/script.rs`.
//!
//! It does not check keys, limits or most request members, and it never calls a model.
//!
//! ```
//! # async fn example() -> std::io::Result<()> {
//! use mock_llm::{Listen, MockLlm, Options};
//!
//! let options = Options { name: "openai".into(), record: true };
//! let mock = MockLlm::start(Listen::Unix("/tmp/openai.sock".into()), options).await?;
//! // … send requests through Envoy …
//! for request in mock.requests() {
//!     assert!(request.complete);
//! }
//! # Ok(())
//! # }
//! ```
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "this is a test server: a panic fails one request of one test, visibly"
)]

mod answer;
mod ask;
mod body;
mod dialect;
mod error;
mod exchange;
mod json;
mod record;
mod route;
mod script;
mod server;
mod sse;
mod usage;
mod websocket;

pub use record::{Recorded, Served};
pub use server::{Listen, MockLlm, Options, ParseListenError};
