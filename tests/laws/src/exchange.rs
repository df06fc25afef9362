//! Exchanges through all four filters, one inside the other as in a chain, in the simulated Envoy.

use std::cell::RefCell;
use std::rc::Rc;

use arbitrary::{Arbitrary, Unstructured};
use cost::Cost;
use model_router::ModelRouter;
use pii_redact::PiiRedact;
use serde_json::{Value, json};
use token_limit::TokenLimit;
use weir_policy::{MemoryStore, Policy};
use weir_testkit::script::{BreaksOff, Message, Outcome, Play};

const CHAT: &str = "/v1/chat/completions";

/// Tokens a team has.
const QUOTA: u64 = 1_000_000;

/// What must never reach the upstream, as people write it.
pub const VALUES: &[&str] = &[
    "jane.roe@example.org",
    "+1 415-555-0132",
    "4111 1111 1111 1111",
    "DE89 3704 0044 0532 0130 00",
    "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
];

/// What stands between them; some of it looks like what the filters write.
pub const WORDS: &[&str] = &[
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

thread_local! {
    /// Configured once: what a case changes is the store, which is its own.
    static CHAIN: Chain = Chain::new();
}

/// The chain.
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

/// One exchange: what is asked, how it is answered, how it is cut and where it breaks off.
#[derive(Clone, Debug)]
pub struct Case {
    /// The last message, as places in [`WORDS`], each with the value that follows it in [`VALUES`].
    pub words: Vec<(usize, Option<usize>)>,
    /// A value in an earlier message.
    pub earlier: Option<usize>,
    /// Characters in a delta of a stream; an answer in one piece without.
    pub pieces: Option<usize>,
    /// What the answer says of its tokens.
    pub usage: (u64, u64),
    /// Whether the caller uses the model's alias.
    pub alias: bool,
    /// Whether the caller asks for the usage of a stream.
    pub include_usage: bool,
    /// Where the exchange breaks off.
    pub breaks_off: Option<BreaksOff>,
    /// Whether the request, and the answer, end in trailers.
    pub trailers: (bool, bool),
    /// Where the request is cut.
    pub request_cuts: Vec<usize>,
    /// Where the answer is cut.
    pub response_cuts: Vec<usize>,
    /// A byte of the request to be overwritten, and by what.
    pub damage: Option<(usize, u8)>,
}

impl<'a> Arbitrary<'a> for Case {
    fn arbitrary(u: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        fn some<'a>(u: &mut Unstructured<'a>, below: usize) -> arbitrary::Result<Option<usize>> {
            u.arbitrary::<bool>()?
                .then(|| u.int_in_range(0..=below - 1))
                .transpose()
        }
        fn cuts<'a>(u: &mut Unstructured<'a>, most: usize) -> arbitrary::Result<Vec<usize>> {
            let count = u.int_in_range(0..=most)?;
            (0..count).map(|_| u.int_in_range(0..=3_000)).collect()
        }
        let words = u.int_in_range(1..=12)?;
        Ok(Self {
            words: (0..words)
                .map(|_| Ok((u.int_in_range(0..=WORDS.len() - 1)?, some(u, VALUES.len())?)))
                .collect::<arbitrary::Result<_>>()?,
            earlier: some(u, VALUES.len())?,
            pieces: some(u, 9)?.map(|size| size + 1),
            usage: (u.int_in_range(1..=500)?, u.int_in_range(0..=500)?),
            alias: u.arbitrary()?,
            include_usage: u.arbitrary()?,
            breaks_off: match u.int_in_range(0..=3)? {
                0 => Some(BreaksOff::BeforeAnswer),
                1 => Some(BreaksOff::Behind(u.int_in_range(0..=3_000)?)),
                _ => None,
            },
            trailers: u.arbitrary()?,
            request_cuts: cuts(u, 4)?,
            response_cuts: cuts(u, 9)?,
            damage: u
                .ratio(1_u8, 4_u8)?
                .then(|| Ok((u.int_in_range(0..=2_000)?, u.arbitrary()?)))
                .transpose()?,
        })
    }
}

/// The laws for the exchange that the bytes describe.
pub fn exchange(bytes: &[u8]) {
    if let Ok(case) = Unstructured::new(bytes).arbitrary::<Case>() {
        case.check();
    }
}

fn sorted(cuts: &[usize]) -> Vec<usize> {
    let mut cuts = cuts.to_vec();
    cuts.sort_unstable();
    cuts
}

impl Case {
    /// What the caller says last.
    fn text(&self) -> String {
        let word = |&(word, value): &(usize, Option<usize>)| {
            let value = value.map(|value| format!(" {}", VALUES[value]));
            format!("{}{}", WORDS[word], value.unwrap_or_default())
        };
        let words: Vec<String> = self.words.iter().map(word).collect();
        words.join(" ")
    }

    fn body(&self) -> Vec<u8> {
        let mut messages = vec![json!({"role": "user", "content": self.text()})];
        if let Some(value) = self.earlier {
            let earlier = format!("write to {}", VALUES[value]);
            messages.insert(0, json!({"role": "user", "content": earlier}));
        }
        let model = if self.alias { "fast" } else { "gpt-4o" };
        let mut body = json!({"model": model, "max_tokens": 600, "messages": messages});
        if self.pieces.is_some() {
            body["stream"] = json!(true);
            if self.include_usage {
                body["stream_options"] = json!({"include_usage": true});
            }
        }
        let mut body = body.to_string().into_bytes();
        // Damage is for the reader of requests; most laws are for what can be read.
        if let Some((at, byte)) = self.damage {
            let at = at % body.len();
            body[at] = byte;
        }
        body
    }

    /// No value leaves; it comes back in the answer, which is else the same; what is told of usage,
    /// what is counted and what is taken from the quota is the same, once, however it ended; and
    /// nothing panics or does what Envoy would refuse.
    pub fn check(&self) {
        CHAIN.with(|chain| self.check_in(chain));
    }

    fn check_in(&self, chain: &Chain) {
        let (text, stream) = (self.text(), self.pieces.is_some());
        let (input, output) = (self.usage.0, self.usage.1.max(1));
        let play = Play {
            request_cuts: sorted(&self.request_cuts),
            response_cuts: sorted(&self.response_cuts),
            request_trailers: self.trailers.0,
            response_trailers: self.trailers.1 && self.breaks_off.is_none(),
            breaks_off: self.breaks_off,
            ..answered()
        };
        let usage = json!({"prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output});
        let seen = RefCell::new(None);
        let request = Message::post(CHAT, self.body()).with("x-team", "a");
        let outcomes = chain.run(&play, &request, |request| {
            seen.replace(Some(request.clone()));
            let asked = serde_json::from_slice::<Value>(&request.body).ok();
            let readable = asked.is_some_and(|body| {
                let messages = body["messages"].as_array();
                messages
                    .and_then(|all| all.last()?["content"].as_str())
                    .is_some()
            });
            match readable {
                true => answer(request, self.pieces, &usage),
                false => Message::answer("application/json", "{}"),
            }
        });
        let left = chain.left(&play.store);
        let charged = outcomes
            .get(2)
            .map_or("0", |limit| limit.fact("total_tokens"));
        let charged: u64 = charged.parse().unwrap_or(0);
        let rest = (QUOTA - charged).to_string();
        assert_eq!(left, rest, "the quota and the fact: {self:?}");
        for outcome in &outcomes {
            let counters = outcome.counters.iter();
            let requests = counters.filter(|(name, _)| name.starts_with("weir_requests_total"));
            assert_eq!(requests.map(|(_, n)| n).sum::<u64>(), 1, "{self:?}");
        }
        if self.damage.is_some() {
            return;
        }
        let before_answer = self.breaks_off == Some(BreaksOff::BeforeAnswer);
        if let Some(sent) = seen.into_inner() {
            let sent = String::from_utf8_lossy(&sent.body).into_owned();
            for value in VALUES {
                assert!(!sent.contains(value), "{value} in {sent}");
            }
        } else {
            assert!(before_answer, "nothing was sent: {self:?}");
        }
        if before_answer {
            return;
        }
        let got = &outcomes[0].got;
        let (said, usages) = told(got, stream);
        match self.breaks_off {
            Some(_) => assert!(text.starts_with(&said) || stream, "{said} of {text}"),
            None => {
                assert_eq!(said, text);
                assert_eq!(charged, input + output);
                assert_eq!(usages, usize::from(!stream || self.include_usage));
            }
        }
    }
}
