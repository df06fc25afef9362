//! Gemini, on Google AI and Vertex paths.

use bytes::Bytes;

use crate::answer::Answer;
use crate::json::{Json, Object};
use crate::sse::Event;
use crate::usage::Tokens;

/// The answer in one document.
pub(super) fn whole(answer: &Answer<'_>) -> Json {
    document(answer, &answer.text, true)
}

/// The answer as server-sent events, which have no `[DONE]` here.
pub(super) fn events(answer: &Answer<'_>) -> Vec<Event> {
    let document = |json: Json| Event::data(json.into_string());
    documents(answer).into_iter().map(document).collect()
}

/// The answer as one JSON array that arrives element by element.
pub(super) fn array(answer: &Answer<'_>) -> Vec<Bytes> {
    let mut pieces = Vec::new();
    for (index, document) in documents(answer).into_iter().enumerate() {
        let before = if index == 0 { "[" } else { "\n,\r\n" };
        pieces.push(Bytes::from(format!("{before}{}", document.into_string())));
    }
    pieces.push(Bytes::from_static(b"\n]\n"));
    pieces
}

/// One document per delta. A function call is never split.
fn documents(answer: &Answer<'_>) -> Vec<Json> {
    let mut pieces = match answer.tool {
        Some(_) => vec![answer.text.as_str()],
        None => answer.deltas(),
    };
    let last = pieces.pop().unwrap_or("");
    let mut documents: Vec<Json> = pieces
        .into_iter()
        .map(|piece| document(answer, piece, false))
        .collect();
    documents.push(document(answer, last, true));
    documents
}

fn document(answer: &Answer<'_>, piece: &str, last: bool) -> Json {
    let candidates: Vec<Json> = (0..answer.ask.choices)
        .map(|index| {
            let content = Object::new()
                .field("parts", [part(answer, piece)])
                .field("role", "model");
            Object::new()
                .field("content", content.end())
                .field_if("finishReason", last.then_some("STOP"))
                .field("index", index)
                .end()
        })
        .collect();
    Object::new()
        .field("candidates", candidates)
        .field_if("usageMetadata", answer.usage(|t| usage(t, last)))
        .field("modelVersion", &answer.model)
        .field("responseId", answer.id("mock"))
        .end()
}

fn part(answer: &Answer<'_>, piece: &str) -> Json {
    match answer.tool {
        None => Object::new().field("text", piece).end(),
        Some(name) => {
            let call = Object::new()
                .field("name", name)
                .field("args", Json::verbatim(answer.text.clone()));
            Object::new().field("functionCall", call.end()).end()
        }
    }
}

/// Every document carries usage; only the last one knows the whole answer.
fn usage(tokens: Tokens, last: bool) -> Json {
    let details = Object::new()
        .field("modality", "TEXT")
        .field("tokenCount", tokens.input);
    let total = if last { tokens.total() } else { tokens.input };
    Object::new()
        .field("promptTokenCount", tokens.input)
        .field_if("candidatesTokenCount", last.then_some(tokens.output))
        .field("totalTokenCount", total)
        .field("promptTokensDetails", [details.end()])
        .end()
}
