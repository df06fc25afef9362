//! Anthropic messages and token counting.

use crate::answer::Answer;
use crate::json::{Json, Object};
use crate::sse::Event;
use crate::usage::Tokens;

/// The answer in one document.
pub(super) fn whole(answer: &Answer<'_>) -> Json {
    let content = match answer.tool {
        Some(name) => tool_use(answer, name, Json::verbatim(answer.text.clone())),
        None => text(&answer.text),
    };
    message(answer, vec![content], Some(stop_reason(answer)), |t| {
        usage(t, t.output)
    })
}

/// The number of tokens a message would send.
pub(super) fn count(answer: &Answer<'_>) -> Json {
    answer
        .usage(|tokens| Object::new().field("input_tokens", tokens.input).end())
        .unwrap_or(Object::new().end())
}

/// The answer as a stream.
pub(super) fn events(answer: &Answer<'_>) -> Vec<Event> {
    let mut events = Vec::new();
    let mut push = |kind: &'static str, members: Object| {
        events.push(Event::named(kind, members.end().into_string()));
    };
    let event = |kind: &'static str| Object::new().field("type", kind);
    let block = |kind| event(kind).field("index", 0_u64);

    // A real stream starts with one output token; the true number comes at the end.
    let start = message(answer, Vec::new(), None, |t| usage(t, 1));
    push(
        "message_start",
        event("message_start").field("message", start),
    );
    let opening = match answer.tool {
        Some(name) => tool_use(answer, name, Object::new().end()),
        None => text(""),
    };
    push(
        "content_block_start",
        block("content_block_start").field("content_block", opening),
    );
    push("ping", event("ping"));
    for piece in answer.deltas() {
        let delta = match answer.tool {
            Some(_) => event("input_json_delta").field("partial_json", piece),
            None => event("text_delta").field("text", piece),
        };
        push(
            "content_block_delta",
            block("content_block_delta").field("delta", delta.end()),
        );
    }
    push("content_block_stop", block("content_block_stop"));
    let delta = Object::new()
        .field("stop_reason", stop_reason(answer))
        .field("stop_sequence", Json::NULL);
    let total = answer.usage(|tokens| {
        Object::new()
            .field("input_tokens", tokens.input)
            .field("cache_creation_input_tokens", 0_u64)
            .field("cache_read_input_tokens", 0_u64)
            .field("output_tokens", tokens.output)
            .end()
    });
    push(
        "message_delta",
        event("message_delta")
            .field("delta", delta.end())
            .field_if("usage", total),
    );
    push("message_stop", event("message_stop"));
    events
}

fn message(
    answer: &Answer<'_>,
    content: Vec<Json>,
    stop_reason: Option<&str>,
    usage: impl FnOnce(Tokens) -> Json,
) -> Json {
    let message = Object::new()
        .field("id", answer.id("msg_"))
        .field("type", "message")
        .field("role", "assistant")
        .field("model", &answer.model)
        .field("content", content);
    let message = match stop_reason {
        Some(reason) => message.field("stop_reason", reason),
        None => message.field("stop_reason", Json::NULL),
    };
    message
        .field("stop_sequence", Json::NULL)
        .field_if("usage", answer.usage(usage))
        .end()
}

fn text(text: &str) -> Json {
    Object::new()
        .field("type", "text")
        .field("text", text)
        .end()
}

fn tool_use(answer: &Answer<'_>, name: &str, input: Json) -> Json {
    Object::new()
        .field("type", "tool_use")
        .field("id", answer.id("toolu_"))
        .field("name", name)
        .field("input", input)
        .end()
}

fn stop_reason(answer: &Answer<'_>) -> &'static str {
    if answer.tool.is_some() {
        "tool_use"
    } else {
        "end_turn"
    }
}

fn usage(tokens: Tokens, output: u64) -> Json {
    Object::new()
        .field("input_tokens", tokens.input)
        .field("cache_creation_input_tokens", 0_u64)
        .field("cache_read_input_tokens", 0_u64)
        .field(
            "cache_creation",
            Json::verbatim(r#"{"ephemeral_5m_input_tokens":0,"ephemeral_1h_input_tokens":0}"#),
        )
        .field("output_tokens", output)
        .field("service_tier", "standard")
        .end()
}
