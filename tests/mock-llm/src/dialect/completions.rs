//! OpenAI's older completions. They know no tools: a tool call is not scripted here.

use super::{chunk_usage, openai_usage};
use crate::answer::{Answer, CREATED};
use crate::json::{Json, Object};
use crate::sse::Event;

/// The answer in one document.
pub(super) fn whole(answer: &Answer<'_>) -> Json {
    let choices: Vec<Json> = (0..answer.ask.choices)
        .map(|index| choice(index, &answer.text, true))
        .collect();
    document(answer, choices, answer.usage(openai_usage))
}

/// The answer as a stream.
pub(super) fn events(answer: &Answer<'_>) -> Vec<Event> {
    let usage = chunk_usage(answer, false);
    let event = |choices, usage| Event::data(document(answer, choices, usage).into_string());

    let mut events = Vec::new();
    for piece in answer.deltas() {
        for index in 0..answer.ask.choices {
            events.push(event(vec![choice(index, piece, false)], usage.clone()));
        }
    }
    for index in 0..answer.ask.choices {
        events.push(event(vec![choice(index, "", true)], usage.clone()));
    }
    if let Some(usage) = chunk_usage(answer, true) {
        events.push(event(Vec::new(), Some(usage)));
    }
    events.push(Event::data("[DONE]"));
    events
}

fn document(answer: &Answer<'_>, choices: Vec<Json>, usage: Option<Json>) -> Json {
    Object::new()
        .field("id", answer.id("cmpl-"))
        .field("object", "text_completion")
        .field("created", CREATED)
        .field("model", &answer.model)
        .field("choices", choices)
        .field_if("usage", usage)
        .field("system_fingerprint", "fp_mock")
        .end()
}

fn choice(index: usize, text: &str, last: bool) -> Json {
    let choice = Object::new()
        .field("text", text)
        .field("index", index)
        .field("logprobs", Json::NULL);
    match last {
        true => choice.field("finish_reason", "stop").end(),
        false => choice.field("finish_reason", Json::NULL).end(),
    }
}
