//! LLM APIs as they are on the wire: OpenAI, Anthropic, Gemini, Azure OpenAI, Bedrock.
//!
//! - [`Api`], [`recognise`]: which API a request is of, by method and path.
//! - [`Request`]: what a policy needs of a request's body, with the spans to edit.
//! - [`Answer`]: the model and the usage in a JSON answer or one event of a stream.
//! - [`Output`]: the text in it, piece by piece.
//! - [`Usage`]: tokens, normalised: input covers cache reads and writes, output reasoning.
//! - [`sse`]: the one reader of server-sent events.
//! - [`eventstream`]: AWS's binary framing, in which Bedrock streams.
//! - [`error`], [`limits`]: refusals and limit headers in the caller's dialect.
//! - [`json`], [`splice`]: the cursor all of them read with, and the only way to edit.
//!
//! Nothing here is strict about what a provider may add: unknown fields pass. What two parsers
//! could read differently in a request is a [`json::Fault`].

mod answer;
mod anthropic;
mod api;
mod bedrock;
pub mod error;
pub mod eventstream;
mod gemini;
pub mod json;
pub mod limits;
mod openai;
mod output;
mod prompt;
mod request;
mod splice;
pub mod sse;
mod usage;

pub use answer::Answer;
pub use api::{Api, Call, Dialect, PathModel, disguised, is_json, recognise, segments};
pub use output::{Channel, Output, Spoken};
pub use prompt::{Place, Prompt, PromptSize};
pub use request::{Request, StreamOptions};
pub use splice::{Edit, splice};
pub use usage::Usage;
