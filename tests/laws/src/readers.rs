//! The readers of requests and answers, of every API.

use std::borrow::Cow;

use serde_json::{Map, Value};
use weir_llm_api::json::{Fault, Span, Text, escape};
use weir_llm_api::{Answer, Api, Edit, Place, Prompt, PromptSize, Request, splice};

use crate::choice;

const APIS: [Api; 9] = [
    Api::OpenAiChat,
    Api::OpenAiCompletions,
    Api::OpenAiResponses,
    Api::OpenAiEmbeddings,
    Api::AnthropicMessages,
    Api::AnthropicCountTokens,
    Api::GeminiGenerate,
    Api::BedrockConverse,
    Api::BedrockInvoke,
];
const ANOTHER_MODEL: &str = "another-model/with a \"longer\" name:\\2099 🚢";

/// The places of all texts of a prompt.
#[derive(Default)]
struct Spans(Vec<Span>, PromptSize);

impl Prompt for Spans {
    fn message(&mut self) {
        self.1.message();
    }

    fn text(&mut self, place: Place, text: Text<'_>) {
        self.0.push(text.span());
        self.1.text(place, text);
    }

    fn token(&mut self) {
        self.1.token();
    }

    fn tool(&mut self, bytes: usize) {
        self.1.tool(bytes);
    }
}

/// The object as another parser reads it; `None` for numbers beyond a float and lone surrogates,
/// which are JSON by its grammar.
fn another_reading(body: &[u8]) -> Option<Map<String, Value>> {
    match serde_json::from_slice(body) {
        Ok(object) => Some(object),
        Err(error) => {
            let said = error.to_string();
            let grammatical = ["number out of range", "surrogate", "hex escape"];
            assert!(
                grammatical.iter().any(|known| said.contains(known)),
                "taken, but {said}"
            );
            None
        }
    }
}

fn model_of<'a>(request: &Request<'a>) -> Option<Cow<'a, str>> {
    request.model.map(|model| model.decode())
}

/// What is taken is one JSON object to another parser too, and says the same to it; every text
/// stands in the body; another model changes its span alone, and is then what is read.
pub fn request(mut bytes: &[u8]) {
    let api = APIS[choice(&mut bytes, APIS.len())];
    let body = bytes;
    let mut spans = Spans::default();
    let read = match Request::read(api, body, &mut spans) {
        Ok(read) => read,
        Err(fault) => {
            // What another parser takes is refused for a reason that one can read.
            if serde_json::from_slice::<Map<String, Value>>(body).is_ok() {
                assert!(
                    !matches!(fault, Fault::Syntax(_) | Fault::NotUtf8(_)),
                    "{fault}"
                );
            }
            assert!(!fault.to_string().is_empty());
            return;
        }
    };
    let mut last = 0;
    for span in &spans.0 {
        assert!(span.start <= span.end && span.end <= body.len(), "{span:?}");
        last = last.max(span.end);
    }
    assert!(last <= body.len());
    // Whoever counts by bytes does not count more than there is, but for what stands for images.
    let _ = spans.1.estimated_tokens();

    let object = another_reading(body);
    if let Some(object) = &object {
        if api.model_in_body() {
            let model = object.get("model").and_then(Value::as_str);
            assert_eq!(model_of(&read).as_deref(), model);
        }
        let stream = object.get("stream").and_then(Value::as_bool);
        if let (Some(ours), Some(theirs)) = (read.stream, stream) {
            assert_eq!(ours, theirs);
        }
        assert_eq!(read.has_members, !object.is_empty());
    }
    assert!(read.choices >= 1);

    if let Some(model) = read.model {
        let span = model.span();
        let edited = splice(body, &[Edit::new(span.clone(), escape(ANOTHER_MODEL))]);
        let behind = edited.len() - (body.len() - span.end);
        assert_eq!(edited[..span.start], body[..span.start]);
        assert_eq!(edited[behind..], body[span.end..]);
        let again = Request::read(api, &edited, &mut Spans::default()).expect("still readable");
        assert_eq!(model_of(&again).as_deref(), Some(ANOTHER_MODEL));
        assert_eq!(
            (again.stream, again.output_cap, again.choices, again.tools),
            (read.stream, read.output_cap, read.choices, read.tools)
        );
    }
    let comma = if read.has_members { "," } else { "" };
    let member = Edit::new(
        read.insert_at..read.insert_at,
        format!("\"x_weir\":1{comma}"),
    );
    let edited = splice(body, &[member]);
    let again = Request::read(api, &edited, &mut Spans::default()).expect("still readable");
    assert_eq!(model_of(&again), model_of(&read));
    if object.is_some() {
        let object: Map<String, Value> = serde_json::from_slice(&edited).expect("still JSON");
        assert_eq!(object["x_weir"], 1);
    }
}

/// Whatever a provider answers: no number makes a usage of less than its parts, the model stands
/// where it is said to stand, and an answer cut off names the same model or none.
pub fn answer(mut bytes: &[u8]) {
    let api = APIS[choice(&mut bytes, APIS.len())];
    let body = bytes;
    let whole = Answer::model_in_prefix(api, body);
    // Of a model that stands twice the last is meant, which a prefix does not know. An escape may
    // spell another.
    let once = body.windows(5).filter(|at| at == b"model").count() < 2;
    let step = 1 + body.len() / 64;
    for at in (0..body.len()).step_by(step) {
        let model = Answer::model_in_prefix(api, &body[..at]);
        let same = model.is_none() || model == whole;
        assert!(
            same || !once || body.contains(&b'\\'),
            "{model:?} at {at}, {whole:?}"
        );
    }
    let Ok(read) = Answer::read(api, body, &mut ()) else {
        return;
    };
    if let Some(model) = read.model {
        let span = model.span();
        let edited = splice(body, &[Edit::new(span.clone(), escape(ANOTHER_MODEL))]);
        assert_eq!(edited[..span.start], body[..span.start]);
        let again = Answer::read(api, &edited, &mut ()).expect("still readable");
        let decoded = again.model.map(|model| model.decode().into_owned());
        assert_eq!(decoded.as_deref(), Some(ANOTHER_MODEL));
        assert_eq!(again.usage(api), read.usage(api));
    }
    if let Some(usage) = read.usage(api) {
        assert!(usage.output_at_most() >= usage.output.min(usage.output_at_most()));
    }
    let mut total = None;
    read.add_usage(&mut total, api);
    assert_eq!(total.is_some(), read.usage(api).is_some());
}
