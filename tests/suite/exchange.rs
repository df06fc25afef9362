//! Random exchanges through all four filters, one inside the other as in a chain, in the simulated
//! Envoy: whatever is said, cut, damaged or broken off, the laws of the suite hold.

use std::cell::RefCell;
use std::rc::Rc;

use cost::Cost;
use model_router::ModelRouter;
use pii_redact::PiiRedact;
use proptest::prelude::*;
use serde_json::{Value, json};
use token_limit::TokenLimit;
use weir_policy::{MemoryStore, Policy};
use weir_testkit::script::{BreaksOff, Message, Outcome, Play};

use crate::CHAT;

/// Tokens a team has.
const QUOTA: u64 = 1_000_000;

/// What must never reach the upstream, as people write it.
const VALUES: &[&str] = &[
    "jane.roe@example.org",
    "+1 415-555-0132",
    "4111 1111 1111 1111",
    "DE89 3704 0044 0532 0130 00",
    "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
];

/// What stands between them; some of it looks like what the filters write.
const WORDS: &[&str] = &[
    "the",
    "order",
    "naïve",
    "你好",
    "🦀",
    "\"quoted\"",
    "back\\slash",
    "line\nend",
    "[EMAIL_1]",
    "[EMAIL_",
    "[",
    "EMAIL_1]",
    "[PHONE_12]",
    "{\"a\":1}",
    "data:",
    "[DONE]",
    "\u{200b}",
    "a@b",
];

/// The chain. Cloning it would share its store, which is what a case has of its own.
struct Chain {
    router: Rc<ModelRouter>,
    redact: Rc<PiiRedact>,
    limit: Rc<TokenLimit>,
    cost: Rc<Cost>,
}

fn configured<P: Policy>(config: &Value) -> Rc<P> {
    Rc::new(P::configure(config.to_string().as_bytes()).unwrap())
}

impl Chain {
    fn new() -> Self {
        let identity = json!([{"header": "x-team"}]);
        Self {
            router: configured(&json!({
                "identity": identity,
                "models": {"gpt-4o": {"aliases": ["fast"]}},
                "restore_model": true,
            })),
            redact: configured(&json!({})),
            limit: configured(&json!({
                "identity": identity,
                "limits": [{"name": "all", "tokens": QUOTA, "window": "month"}],
            })),
            cost: configured(&json!({
                "identity": identity,
                "cost_in_usage": true,
                "budgets": [{"name": "all", "usd": 1000, "window": "month"}],
            })),
        }
    }

    /// The outcomes of the filters, the outermost first.
    fn run(
        &self,
        play: &Play,
        request: &Message,
        upstream: impl FnOnce(&Message) -> Message,
    ) -> Vec<Outcome> {
        let outcomes = RefCell::new(Vec::new());
        let through = |outcome: Outcome| {
            let got = outcome.got.clone();
            outcomes.borrow_mut().insert(0, outcome);
            got
        };
        through(play.run(&self.router, request, |request| {
            through(play.run(&self.redact, request, |request| {
                through(play.run(&self.limit, request, |request| {
                    through(play.run(&self.cost, request, upstream))
                }))
            }))
        }));
        outcomes.into_inner()
    }

    /// What is left of the quota, told by a request that uses nothing.
    fn left(&self, store: &Rc<MemoryStore>) -> String {
        let play = Play {
            store: Rc::clone(store),
            ..answered()
        };
        let body = json!({"model": "gpt-4o", "messages": []}).to_string();
        let request = Message::post("/v1/messages/count_tokens", body).with("x-team", "a");
        let answer = Message::answer("application/json", r#"{"input_tokens":0}"#);
        let outcome = play.run(&self.limit, &request, |_| answer);
        let left = outcome.got.header("anthropic-ratelimit-tokens-remaining");
        left.to_owned()
    }
}

fn answered() -> Play {
    let from = ("response/code_details", "via_upstream");
    Play {
        attributes: [(from.0.to_owned(), from.1.to_owned())].into(),
        ..Play::default()
    }
}

/// What was asked last, as the upstream reads it.
fn asked(request: &Message) -> String {
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    let messages = body["messages"].as_array().unwrap();
    messages.last().unwrap()["content"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// The upstream says again what it was asked: whole, or in pieces of so many characters.
fn answer(request: &Message, pieces: Option<usize>, usage: &Value) -> Message {
    let text = asked(request);
    let Some(pieces) = pieces else {
        let message = json!({"role": "assistant", "content": text});
        let choices = json!([{"index": 0, "message": message, "finish_reason": "stop"}]);
        let body = json!({"model": "gpt-4o", "choices": choices, "usage": usage});
        return Message::answer("application/json", body.to_string());
    };
    let mut stream = String::new();
    let mut event = |choices: Value, usage: &Value| {
        let data = json!({"model": "gpt-4o", "choices": choices, "usage": usage});
        stream.push_str(&format!("data: {data}\n\n"));
    };
    let chars: Vec<char> = text.chars().collect();
    for piece in chars.chunks(pieces) {
        let delta = json!({"content": piece.iter().collect::<String>()});
        event(json!([{"index": 0, "delta": delta}]), &Value::Null);
    }
    event(
        json!([{"index": 0, "delta": {}, "finish_reason": "stop"}]),
        &Value::Null,
    );
    event(json!([]), usage);
    stream.push_str("data: [DONE]\n\n");
    Message::answer("text/event-stream", stream)
}

/// The text of an answer, and how many of its events report usage.
fn told(got: &Message, stream: bool) -> (String, usize) {
    let body = String::from_utf8_lossy(&got.body);
    if !stream {
        let body: Value = serde_json::from_str(&body).unwrap_or_default();
        let text = body["choices"][0]["message"]["content"].as_str();
        return (
            text.unwrap_or_default().to_owned(),
            usize::from(body["usage"].is_object()),
        );
    }
    let (mut text, mut usages) = (String::new(), 0);
    for event in body.split("\n\n") {
        let data = event.strip_prefix("data: ").unwrap_or_default();
        let Ok(data) = serde_json::from_str::<Value>(data) else {
            continue;
        };
        text.push_str(
            data["choices"][0]["delta"]["content"]
                .as_str()
                .unwrap_or_default(),
        );
        usages += usize::from(data["usage"].is_object());
    }
    (text, usages)
}

/// Cases of the test below: `WEIR_CASES=1000000 cargo test …` for a night.
fn cases() -> u32 {
    let asked = std::env::var("WEIR_CASES").ok();
    asked.and_then(|cases| cases.parse().ok()).unwrap_or(500)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    /// No value leaves; it comes back in the answer, which is else the same; what is told of usage,
    /// what is counted and what is taken from the quota is the same, once, however it ended; and
    /// nothing panics or does what Envoy would refuse.
    #[test]
    fn the_laws_hold_in_a_chain(
        words in prop::collection::vec((0_usize..WORDS.len(), prop::option::of(0_usize..VALUES.len())), 1..12),
        earlier in prop::option::of(0_usize..VALUES.len()),
        pieces in prop::option::of(1_usize..9),
        (input, output) in (1_u64..500, 0_u64..500),
        ask in (any::<bool>(), any::<bool>()),
        breaks_off in prop::option::of(0_usize..3000),
        trailers in (any::<bool>(), any::<bool>()),
        request_cuts in prop::collection::vec(0_usize..600, 0..4),
        response_cuts in prop::collection::vec(0_usize..3000, 0..9),
        damage in prop::option::of((0_usize..2000, any::<u8>())),
    ) {
        let (alias, include_usage) = ask;
        let text: Vec<String> = words.iter().map(|&(word, value)| {
            let value = value.map(|value| format!(" {}", VALUES[value])).unwrap_or_default();
            format!("{}{value}", WORDS[word])
        }).collect();
        let text = text.join(" ");
        let mut messages = vec![json!({"role": "user", "content": text})];
        if let Some(value) = earlier {
            messages.insert(0, json!({"role": "user", "content": format!("write to {}", VALUES[value])}));
        }
        let stream = pieces.is_some();
        let mut body = json!({"model": if alias { "fast" } else { "gpt-4o" }, "max_tokens": 600, "messages": messages});
        if stream {
            body["stream"] = json!(true);
            if include_usage {
                body["stream_options"] = json!({"include_usage": true});
            }
        }
        let mut body = body.to_string().into_bytes();
        // Damage is for the reader of requests; the laws below are for what can be read.
        let damaged = damage.is_some();
        if let Some((at, byte)) = damage {
            let at = at % body.len();
            body[at] = byte;
        }
        let sorted = |mut cuts: Vec<usize>| { cuts.sort_unstable(); cuts };
        let play = Play {
            request_cuts: sorted(request_cuts),
            response_cuts: sorted(response_cuts),
            request_trailers: trailers.0,
            response_trailers: trailers.1 && breaks_off.is_none(),
            breaks_off: breaks_off.map(BreaksOff::Behind),
            ..answered()
        };
        let chain = Chain::new();
        let usage = json!({"prompt_tokens": input, "completion_tokens": output.max(1), "total_tokens": input + output.max(1)});
        let seen = RefCell::new(None);
        let request = Message::post(CHAT, body).with("x-team", "a");
        let outcomes = chain.run(&play, &request, |request| {
            seen.replace(Some(request.clone()));
            if damaged && serde_json::from_slice::<Value>(&request.body).map_or(true, |body| {
                body["messages"].as_array().and_then(|all| all.last()?["content"].as_str()).is_none()
            }) {
                return Message::answer("application/json", "{}");
            }
            answer(request, pieces, &usage)
        });
        let left = chain.left(&play.store);
        let charged = outcomes.get(2).map_or("0", |limit| limit.fact("total_tokens"));
        let charged: u64 = charged.parse().unwrap_or(0);
        prop_assert_eq!(&left, &(QUOTA - charged).to_string(), "the quota and the fact");
        for outcome in &outcomes {
            let requests: u64 = outcome.counters.iter()
                .filter(|(name, _)| name.starts_with("weir_requests_total")).map(|(_, n)| n).sum();
            prop_assert_eq!(requests, 1);
        }
        if damaged {
            return Ok(());
        }
        let sent = seen.into_inner().unwrap();
        let sent_text = String::from_utf8_lossy(&sent.body).into_owned();
        for value in VALUES {
            prop_assert!(!sent_text.contains(value), "{} in {}", value, sent_text);
        }
        let got = &outcomes[0].got;
        let (said, usages) = told(got, stream);
        match breaks_off {
            Some(_) => prop_assert!(text.starts_with(&said) || stream, "{} of {}", said, text),
            None => {
                prop_assert_eq!(&said, &text);
                prop_assert_eq!(charged, input + output.max(1));
                prop_assert_eq!(usages, usize::from(!stream || include_usage));
            }
        }
    }
}
