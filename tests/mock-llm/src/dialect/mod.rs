//! The shapes of answers, one file per API. Only shapes are here: what is said is in
//! [`crate::answer`], how it is written in [`crate::sse`] and [`crate::body`].

mod anthropic;
mod bedrock;
mod chat;
mod completions;
mod embeddings;
mod gemini;
mod responses;

use bytes::Bytes;

use crate::answer::Answer;
use crate::json::{Json, Object};
use crate::route::Api;
use crate::sse::Event;
use crate::usage::Tokens;

/// An answer in the shape of its API.
pub(crate) enum Shaped {
    /// One JSON document.
    Json(Json),
    /// Server-sent events.
    Events(Vec<Event>),
    /// A stream of any other form, with its content type.
    Pieces(&'static str, Vec<Bytes>),
}

/// Gives an answer the shape of its API.
pub(crate) fn shape(api: Api, answer: &Answer<'_>) -> Shaped {
    let stream = answer.ask.stream;
    match api {
        Api::Chat if stream => Shaped::Events(chat::events(answer)),
        Api::Chat => Shaped::Json(chat::whole(answer)),
        Api::Completions if stream => Shaped::Events(completions::events(answer)),
        Api::Completions => Shaped::Json(completions::whole(answer)),
        Api::Responses if stream => Shaped::Events(responses::events(answer)),
        Api::Responses => Shaped::Json(responses::whole(answer)),
        Api::Embeddings => Shaped::Json(embeddings::whole(answer)),
        Api::Messages if stream => Shaped::Events(anthropic::events(answer)),
        Api::Messages => Shaped::Json(anthropic::whole(answer)),
        Api::CountTokens => Shaped::Json(anthropic::count(answer)),
        Api::Gemini => Shaped::Json(gemini::whole(answer)),
        Api::GeminiStream { sse: true } => Shaped::Events(gemini::events(answer)),
        Api::GeminiStream { sse: false } => {
            Shaped::Pieces("application/json", gemini::array(answer))
        }
        Api::Converse => Shaped::Json(bedrock::whole(answer)),
        Api::ConverseStream => Shaped::Pieces(bedrock::EVENT_STREAM, bedrock::frames(answer)),
    }
}

/// The usage object of OpenAI's chat and completions.
fn openai_usage(tokens: Tokens) -> Json {
    Object::new()
        .field("prompt_tokens", tokens.input)
        .field("completion_tokens", tokens.output)
        .field("total_tokens", tokens.total())
        .field(
            "prompt_tokens_details",
            Json::verbatim(r#"{"cached_tokens":0,"audio_tokens":0,"cache_write_tokens":0}"#),
        )
        .field(
            "completion_tokens_details",
            Json::verbatim(
                r#"{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}"#,
            ),
        )
        .end()
}

/// What a streamed OpenAI chunk says about usage: nothing, `null`, or the numbers.
fn chunk_usage(answer: &Answer<'_>, last: bool) -> Option<Json> {
    if !answer.ask.include_usage {
        return None;
    }
    let usage = answer.usage(openai_usage)?;
    Some(if last { usage } else { Json::NULL })
}
