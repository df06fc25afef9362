//! Exchanges → outcomes, played natively.

#![allow(clippy::indexing_slicing, clippy::unwrap_used)]

mod config;
mod global;
mod limits;
mod odd;
mod refusals;
mod settling;

use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::{Value, json};
use token_limit::TokenLimit;
use weir_policy::{MemoryStore, Policy};
use weir_testkit::script::{BreaksOff, Message, Outcome, Play, all_cuts};

const CHAT: &str = "/v1/chat/completions";
const MESSAGES: &str = "/v1/messages";

fn filter(config: &Value) -> Rc<TokenLimit> {
    Rc::new(TokenLimit::configure(config.to_string().as_bytes()).unwrap())
}

/// A filter, the store it works on, and a clock.
struct Bench {
    filter: Rc<TokenLimit>,
    play: Play,
}

impl Bench {
    fn new(config: &Value) -> Self {
        let attributes = [("response/code_details", "via_upstream")];
        Self {
            filter: filter(config),
            play: Play {
                store: Rc::new(MemoryStore::default()),
                attributes: attributes.map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
                ..Play::default()
            },
        }
    }

    fn wait(&mut self, ms: u64) {
        self.play.at_ms += ms;
    }

    fn run(&self, request: &Message, answer: &Message) -> Outcome {
        self.play.run(&self.filter, request, |_| answer.clone())
    }
}

/// A chat of 8 tokens: 3 for the message, `user`, `hi`, 3 for the reply.
fn chat(fields: &Value) -> Message {
    let mut body = json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]});
    for (key, value) in fields.as_object().unwrap() {
        body[key] = value.clone();
    }
    Message::post(CHAT, body.to_string()).with("x-team", "a")
}

fn used(prompt: u64, completion: u64) -> Message {
    let usage = json!({"prompt_tokens": prompt, "completion_tokens": completion,
                       "total_tokens": prompt + completion});
    Message::answer(
        "application/json",
        json!({"choices": [], "usage": usage}).to_string(),
    )
}

fn limit(fields: Value) -> Value {
    let mut limit = json!({"name": "l", "window": "minute"});
    for (key, value) in fields.as_object().unwrap() {
        limit[key] = value.clone();
    }
    json!({"identity": [{"header": "x-team"}], "limits": [limit]})
}

fn numbers(outcome: &Outcome) -> [String; 6] {
    [
        "input_tokens",
        "output_tokens",
        "total_tokens",
        "cached_tokens",
        "reasoning_tokens",
        "tokens_source",
    ]
    .map(|name| outcome.fact(name).to_owned())
}

fn error(outcome: &Outcome) -> Value {
    serde_json::from_slice(&outcome.got.body).unwrap()
}
