//! OpenAI chat completions.

use super::{chunk_usage, openai_usage};
use crate::answer::{Answer, CREATED};
use crate::json::{Json, Object};
use crate::sse::Event;

/// The answer in one document.
pub(super) fn whole(answer: &Answer<'_>) -> Json {
    let choices: Vec<Json> = (0..answer.ask.choices)
        .map(|index| {
            Object::new()
                .field("index", index)
                .field("message", message(answer, index))
                .field("logprobs", Json::NULL)
                .field("finish_reason", finish_reason(answer))
                .end()
        })
        .collect();
    Object::new()
        .field("id", answer.id("chatcmpl-"))
        .field("object", "chat.completion")
        .field("created", CREATED)
        .field("model", &answer.model)
        .field("choices", choices)
        .field_if("usage", answer.usage(openai_usage))
        .field("service_tier", &answer.ask.service_tier)
        .field("system_fingerprint", "fp_mock")
        .end()
}

/// The answer as a stream. The choices take turns, delta by delta.
pub(super) fn events(answer: &Answer<'_>) -> Vec<Event> {
    let usage = chunk_usage(answer, false);
    let chunk = |choices: Vec<Json>, usage: Option<Json>| {
        let chunk = Object::new()
            .field("id", answer.id("chatcmpl-"))
            .field("object", "chat.completion.chunk")
            .field("created", CREATED)
            .field("model", &answer.model)
            .field("service_tier", &answer.ask.service_tier)
            .field("system_fingerprint", "fp_mock")
            .field("choices", choices)
            .field_if("usage", usage);
        Event::data(chunk.end().into_string())
    };
    let delta = |index: usize, delta: Object, finish: Option<&str>| {
        let choice = Object::new()
            .field("index", index)
            .field("delta", delta.end())
            .field("logprobs", Json::NULL);
        let choice = match finish {
            Some(reason) => choice.field("finish_reason", reason),
            None => choice.field("finish_reason", Json::NULL),
        };
        chunk(vec![choice.end()], usage.clone())
    };
    let choices = 0..answer.ask.choices;

    let mut events = Vec::new();
    for index in choices.clone() {
        let opening = Object::new().field("role", "assistant");
        let opening = match answer.tool {
            Some(name) => opening
                .field("content", Json::NULL)
                .field("tool_calls", [tool_call(answer, index, Some(name), "")]),
            None => opening.field("content", ""),
        };
        events.push(delta(index, opening.field("refusal", Json::NULL), None));
    }
    for piece in answer.deltas() {
        for index in choices.clone() {
            let object = Object::new();
            let object = match answer.tool {
                Some(_) => object.field("tool_calls", [tool_call(answer, index, None, piece)]),
                None => object.field("content", piece),
            };
            events.push(delta(index, object, None));
        }
    }
    for index in choices {
        events.push(delta(index, Object::new(), Some(finish_reason(answer))));
    }
    if let Some(usage) = chunk_usage(answer, true) {
        events.push(chunk(Vec::new(), Some(usage)));
    }
    events.push(Event::data("[DONE]"));
    events
}

fn message(answer: &Answer<'_>, index: usize) -> Json {
    let message = Object::new().field("role", "assistant");
    let message = match answer.tool {
        None => message.field("content", &answer.text),
        Some(name) => message.field("content", Json::NULL).field(
            "tool_calls",
            [Object::new()
                .field("id", call_id(answer, index))
                .field("type", "function")
                .field(
                    "function",
                    Object::new()
                        .field("name", name)
                        .field("arguments", &answer.text)
                        .end(),
                )
                .end()],
        ),
    };
    message
        .field("refusal", Json::NULL)
        .field("annotations", Json::verbatim("[]"))
        .end()
}

/// A tool call in a delta: its first one names the tool, the others only add arguments.
fn tool_call(answer: &Answer<'_>, choice: usize, name: Option<&str>, arguments: &str) -> Json {
    let call = Object::new().field("index", 0_u64);
    let call = match name {
        Some(_) => call
            .field("id", call_id(answer, choice))
            .field("type", "function"),
        None => call,
    };
    let function = Object::new()
        .field_if("name", name)
        .field("arguments", arguments);
    call.field("function", function.end()).end()
}

fn call_id(answer: &Answer<'_>, choice: usize) -> String {
    answer.id(&format!("call_{choice}"))
}

fn finish_reason(answer: &Answer<'_>) -> &'static str {
    if answer.tool.is_some() {
        "tool_calls"
    } else {
        "stop"
    }
}
