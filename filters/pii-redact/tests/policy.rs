//! Exchanges → outcomes, played natively.

#![allow(clippy::indexing_slicing, clippy::string_slice, clippy::unwrap_used)]

#[path = "policy/leaks.rs"]
mod leaks;
#[path = "policy/requests.rs"]
mod requests;
#[path = "policy/restoring.rs"]
mod restoring;
#[path = "policy/settings.rs"]
mod settings;

use std::rc::Rc;

use pii_redact::PiiRedact;
use serde_json::{Value, json};
use weir_policy::Policy;
use weir_testkit::script::{Message, Outcome, Play};

const CHAT: &str = "/v1/chat/completions";
const EMAIL: &str = "jane.roe@example.org";
const CARD: &str = "4111 1111 1111 1111";

fn filter(config: &Value) -> Rc<PiiRedact> {
    Rc::new(PiiRedact::configure(config.to_string().as_bytes()).unwrap())
}

/// Plays an exchange in which the upstream answers this.
fn run(config: &Value, request: &Message, answer: &Message) -> Outcome {
    Play::default().run(&filter(config), request, |_| answer.clone())
}

/// A chat with this for its only message.
fn chat(content: &Value) -> Message {
    Message::post(
        CHAT,
        json!({"model": "gpt-4o", "messages": [{"role": "user", "content": content}]}).to_string(),
    )
}

/// What reaches the upstream of a request that is let through.
fn sent(config: &Value, request: &Message) -> String {
    let outcome = run(config, request, &Message::answer("application/json", "{}"));
    assert_eq!(
        outcome.status(),
        "200",
        "{:?} {:?}",
        outcome.got,
        outcome.log
    );
    outcome.sent_body()
}

fn body(outcome: &Outcome) -> Value {
    serde_json::from_slice(&outcome.got.body).unwrap()
}
