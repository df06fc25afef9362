//! OpenAI responses.

use crate::answer::{Answer, CREATED};
use crate::json::{Json, Object};
use crate::sse::Event;
use crate::usage::Tokens;

/// The answer in one document.
pub(super) fn whole(answer: &Answer<'_>) -> Json {
    let output = vec![item(answer, "completed")];
    response(answer, "completed", output, answer.usage(usage))
}

/// The answer as a stream.
pub(super) fn events(answer: &Answer<'_>) -> Vec<Event> {
    let mut stream = Stream(Vec::new());
    let item_id = item_id(answer);
    let running = || response(answer, "in_progress", Vec::new(), Some(Json::NULL));

    stream.push("response.created", |e| e.field("response", running()));
    stream.push("response.in_progress", |e| e.field("response", running()));
    stream.push("response.output_item.added", |e| {
        e.field("output_index", 0_u64)
            .field("item", item(answer, "in_progress"))
    });
    if answer.tool.is_some() {
        for piece in answer.deltas() {
            stream.push("response.function_call_arguments.delta", |e| {
                e.field("item_id", &item_id)
                    .field("output_index", 0_u64)
                    .field("delta", piece)
            });
        }
        stream.push("response.function_call_arguments.done", |e| {
            e.field("item_id", &item_id)
                .field("output_index", 0_u64)
                .field("name", answer.tool.unwrap_or(""))
                .field("arguments", &answer.text)
        });
    } else {
        let place = |e: Object| {
            e.field("item_id", &item_id)
                .field("output_index", 0_u64)
                .field("content_index", 0_u64)
        };
        stream.push("response.content_part.added", |e| {
            place(e).field("part", part(""))
        });
        for piece in answer.deltas() {
            stream.push("response.output_text.delta", |e| {
                place(e)
                    .field("delta", piece)
                    .field("logprobs", Json::verbatim("[]"))
            });
        }
        stream.push("response.output_text.done", |e| {
            place(e)
                .field("text", &answer.text)
                .field("logprobs", Json::verbatim("[]"))
        });
        stream.push("response.content_part.done", |e| {
            place(e).field("part", part(&answer.text))
        });
    }
    stream.push("response.output_item.done", |e| {
        e.field("output_index", 0_u64)
            .field("item", item(answer, "completed"))
    });
    stream.push("response.completed", |e| e.field("response", whole(answer)));
    stream.0
}

/// Events with their type and running number.
struct Stream(Vec<Event>);

impl Stream {
    fn push(&mut self, kind: &'static str, members: impl FnOnce(Object) -> Object) {
        let event = Object::new()
            .field("type", kind)
            .field("sequence_number", self.0.len());
        let event = members(event).end().into_string();
        self.0.push(Event::named(kind, event));
    }
}

fn response(answer: &Answer<'_>, status: &str, output: Vec<Json>, usage: Option<Json>) -> Json {
    Object::new()
        .field("id", answer.id("resp_"))
        .field("object", "response")
        .field("created_at", CREATED)
        .field("status", status)
        .field("background", false)
        .field("error", Json::NULL)
        .field("incomplete_details", Json::NULL)
        .field("instructions", Json::NULL)
        .field("max_output_tokens", Json::NULL)
        .field("model", &answer.model)
        .field("output", output)
        .field("parallel_tool_calls", true)
        .field("previous_response_id", Json::NULL)
        .field(
            "reasoning",
            Json::verbatim(r#"{"effort":null,"summary":null}"#),
        )
        .field("service_tier", &answer.ask.service_tier)
        .field("store", true)
        .field("temperature", Json::verbatim("1.0"))
        .field("text", Json::verbatim(r#"{"format":{"type":"text"}}"#))
        .field("tool_choice", "auto")
        .field("tools", Json::verbatim("[]"))
        .field("top_p", Json::verbatim("1.0"))
        .field("truncation", "disabled")
        .field_if("usage", usage)
        .field("user", Json::NULL)
        .field("metadata", Json::verbatim("{}"))
        .end()
}

/// The one output item, empty while it is in progress.
fn item(answer: &Answer<'_>, status: &str) -> Json {
    let done = status == "completed";
    let item = Object::new().field("id", item_id(answer));
    match answer.tool {
        Some(name) => item
            .field("type", "function_call")
            .field("status", status)
            .field("arguments", if done { &answer.text } else { "" })
            .field("call_id", answer.id("call_"))
            .field("name", name)
            .end(),
        None => {
            let content = if done {
                vec![part(&answer.text)]
            } else {
                Vec::new()
            };
            item.field("type", "message")
                .field("status", status)
                .field("content", content)
                .field("role", "assistant")
                .end()
        }
    }
}

fn item_id(answer: &Answer<'_>) -> String {
    answer.id(if answer.tool.is_some() { "fc_" } else { "msg_" })
}

fn part(text: &str) -> Json {
    Object::new()
        .field("type", "output_text")
        .field("annotations", Json::verbatim("[]"))
        .field("logprobs", Json::verbatim("[]"))
        .field("text", text)
        .end()
}

fn usage(tokens: Tokens) -> Json {
    Object::new()
        .field("input_tokens", tokens.input)
        .field(
            "input_tokens_details",
            Json::verbatim(r#"{"cached_tokens":0,"cache_write_tokens":0}"#),
        )
        .field("output_tokens", tokens.output)
        .field(
            "output_tokens_details",
            Json::verbatim(r#"{"reasoning_tokens":0}"#),
        )
        .field("total_tokens", tokens.total())
        .end()
}
