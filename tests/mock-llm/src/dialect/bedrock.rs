//! Bedrock converse. Its stream is AWS's binary framing: a prelude with two lengths and
//! a checksum, headers, a JSON payload, and a checksum over everything.

use bytes::Bytes;
use flate2::Crc;

use crate::answer::Answer;
use crate::json::{Json, Object};
use crate::usage::Tokens;

/// The content type of the binary framing.
pub(super) const EVENT_STREAM: &str = "application/vnd.amazon.eventstream";

/// A header value of this type is a string with a 16 bit length.
const STRING_HEADER: u8 = 7;

/// The answer in one document.
pub(super) fn whole(answer: &Answer<'_>) -> Json {
    let content = match answer.tool {
        Some(name) => {
            let input = Json::verbatim(answer.text.clone());
            let tool_use = tool_use(answer, name).field("input", input);
            Object::new().field("toolUse", tool_use.end())
        }
        None => Object::new().field("text", &answer.text),
    };
    let message = Object::new()
        .field("role", "assistant")
        .field("content", [content.end()]);
    Object::new()
        .field(
            "output",
            Object::new().field("message", message.end()).end(),
        )
        .field("stopReason", stop_reason(answer))
        .field_if("usage", answer.usage(usage))
        .field("metrics", Json::verbatim(r#"{"latencyMs":1}"#))
        .end()
}

/// The answer as binary frames.
pub(super) fn frames(answer: &Answer<'_>) -> Vec<Bytes> {
    let block = || Object::new().field("contentBlockIndex", 0_u64);
    let role = Object::new().field("role", "assistant");
    let mut frames = vec![frame("messageStart", role.end())];
    if let Some(name) = answer.tool {
        let start = Object::new().field("toolUse", tool_use(answer, name).end());
        frames.push(frame(
            "contentBlockStart",
            block().field("start", start.end()).end(),
        ));
    }
    for piece in answer.deltas() {
        let delta = match answer.tool {
            Some(_) => Object::new().field("toolUse", Object::new().field("input", piece).end()),
            None => Object::new().field("text", piece),
        };
        let delta = block().field("delta", delta.end());
        frames.push(frame("contentBlockDelta", delta.end()));
    }
    frames.push(frame("contentBlockStop", block().end()));
    let stop = Object::new().field("stopReason", stop_reason(answer));
    frames.push(frame("messageStop", stop.end()));
    let metadata = Object::new()
        .field_if("usage", answer.usage(usage))
        .field("metrics", Json::verbatim(r#"{"latencyMs":1}"#));
    frames.push(frame("metadata", metadata.end()));
    frames
}

fn tool_use(answer: &Answer<'_>, name: &str) -> Object {
    Object::new()
        .field("toolUseId", answer.id("tooluse_"))
        .field("name", name)
}

fn stop_reason(answer: &Answer<'_>) -> &'static str {
    if answer.tool.is_some() {
        "tool_use"
    } else {
        "end_turn"
    }
}

fn usage(tokens: Tokens) -> Json {
    Object::new()
        .field("inputTokens", tokens.input)
        .field("outputTokens", tokens.output)
        .field("totalTokens", tokens.total())
        .field("cacheReadInputTokens", 0_u64)
        .field("cacheWriteInputTokens", 0_u64)
        .end()
}

fn frame(event: &str, payload: Json) -> Bytes {
    let payload = payload.into_string();
    let mut headers = Vec::new();
    for (name, value) in [
        (":event-type", event),
        (":content-type", "application/json"),
        (":message-type", "event"),
    ] {
        headers.push(u8::try_from(name.len()).unwrap());
        headers.extend_from_slice(name.as_bytes());
        headers.push(STRING_HEADER);
        headers.extend_from_slice(&u16::try_from(value.len()).unwrap().to_be_bytes());
        headers.extend_from_slice(value.as_bytes());
    }
    // The prelude is 12 bytes, the last checksum 4.
    let total = 12 + headers.len() + payload.len() + 4;
    let mut frame = Vec::with_capacity(total);
    for length in [total, headers.len()] {
        frame.extend_from_slice(&u32::try_from(length).unwrap().to_be_bytes());
    }
    frame.extend_from_slice(&checksum(&frame));
    frame.extend_from_slice(&headers);
    frame.extend_from_slice(payload.as_bytes());
    frame.extend_from_slice(&checksum(&frame));
    frame.into()
}

fn checksum(bytes: &[u8]) -> [u8; 4] {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum().to_be_bytes()
}
