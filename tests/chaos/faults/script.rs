//! What the faulty upstream does, and what is to come of it.

use serde_json::{Value, json};
use weir_testkit::books::Used;

use crate::upstream::Step;

/// Tokens of the prompt that these tests send.
pub(super) const PROMPT: u64 = 8;
/// `max_tokens` of [`chat`].
pub(super) const CAP: u64 = 100;
/// What the faulty upstream says an answer has used.
pub(super) const TOLD: Used = Used {
    input: 11,
    output: 7,
    picousd: 0,
};
/// The words of its answers.
pub(super) const WORDS: [&str; 6] = ["the", " water", " falls", " over", " a", " wall"];

/// How an exchange ends for the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// With this status, whole.
    Whole(u16),
    /// With this status or none, and broken off.
    Broken,
}

/// What it costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cost {
    Nothing,
    /// What the upstream has told.
    Told,
    /// The prompt, and the words that the caller has seen.
    Seen,
    /// The prompt, and what was reserved for the answer: it ended without a word of its usage.
    Reserved,
}

fn json_answer() -> String {
    let message = json!({"role": "assistant", "content": WORDS.concat()});
    let usage = usage();
    json!({"model": "gpt-4o", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": usage}).to_string()
}

fn usage() -> Value {
    json!({"prompt_tokens": TOLD.input, "completion_tokens": TOLD.output, "total_tokens": TOLD.input + TOLD.output})
}

fn events() -> Vec<String> {
    let event = |choices: Value, usage: Value| {
        let data = json!({"model": "gpt-4o", "choices": choices, "usage": usage});
        format!("data: {data}\n\n")
    };
    let delta = |word: &&str| {
        event(
            json!([{"index": 0, "delta": {"content": word}}]),
            Value::Null,
        )
    };
    let mut events: Vec<String> = WORDS.iter().map(delta).collect();
    events.push(event(
        json!([{"index": 0, "delta": {}, "finish_reason": "stop"}]),
        Value::Null,
    ));
    events.push(event(json!([]), usage()));
    events.push("data: [DONE]\n\n".to_owned());
    events
}

fn head(status: &str, fields: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\n{fields}\r\n").into_bytes()
}

fn chunk(data: &str) -> Vec<u8> {
    format!("{:x}\r\n{data}\r\n", data.len()).into_bytes()
}

const JSON: &str = "content-type: application/json\r\n";
const SSE: &str = "content-type: text/event-stream\r\ntransfer-encoding: chunked\r\n";

/// A whole JSON answer with its length.
fn whole() -> Vec<u8> {
    let body = json_answer();
    let length = format!("{JSON}content-length: {}\r\n", body.len());
    [head("200 OK", &length), body.into_bytes()].concat()
}

/// A stream up to so many events, each in a chunk that is read on its own.
fn streamed(count: usize) -> Vec<Step> {
    let mut steps = vec![Step::Body, Step::Write(head("200 OK", SSE))];
    for event in events().iter().take(count) {
        steps.extend([Step::Write(chunk(event)), Step::Breathe]);
    }
    steps
}

/// The faults by name: whether the caller asks for a stream, how it ends and what it costs.
pub(super) const FAULTS: &[(&str, bool, End, Cost)] = &[
    (
        "closes before the body is read",
        false,
        End::Whole(503),
        Cost::Nothing,
    ),
    (
        "closes before an answer",
        false,
        End::Whole(503),
        Cost::Nothing,
    ),
    (
        "breaks off in the status line",
        false,
        End::Whole(502),
        Cost::Nothing,
    ),
    (
        "breaks off in the headers",
        false,
        End::Whole(502),
        Cost::Nothing,
    ),
    ("is no HTTP", false, End::Whole(502), Cost::Nothing),
    ("says two lengths", false, End::Whole(502), Cost::Nothing),
    (
        "says a length and chunks",
        false,
        End::Whole(502),
        Cost::Nothing,
    ),
    (
        "has headers without end",
        false,
        End::Whole(502),
        Cost::Nothing,
    ),
    (
        "stalls before an answer",
        false,
        End::Whole(504),
        Cost::Nothing,
    ),
    (
        "refuses before it has read",
        false,
        End::Whole(429),
        Cost::Nothing,
    ),
    ("refuses and closes", false, End::Whole(503), Cost::Nothing),
    (
        "closes behind the headers",
        false,
        End::Whole(502),
        Cost::Nothing,
    ),
    ("closes in the body", false, End::Whole(502), Cost::Nothing),
    ("stalls in the body", false, End::Whole(504), Cost::Nothing),
    ("continues first", false, End::Whole(200), Cost::Told),
    ("hints first", false, End::Whole(200), Cost::Told),
    (
        "half-closes behind the answer",
        false,
        End::Whole(200),
        Cost::Told,
    ),
    ("closes for the end", false, End::Whole(200), Cost::Told),
    (
        "says more than its length",
        false,
        End::Whole(200),
        Cost::Told,
    ),
    ("has no content", false, End::Whole(204), Cost::Reserved),
    ("has an empty body", false, End::Whole(200), Cost::Reserved),
    (
        "answers a stream with JSON",
        true,
        End::Whole(200),
        Cost::Told,
    ),
    (
        "closes behind the headers of a stream",
        true,
        End::Broken,
        Cost::Nothing,
    ),
    ("closes in a stream", true, End::Broken, Cost::Seen),
    ("closes in an event", true, End::Broken, Cost::Seen),
    ("closes behind the usage", true, End::Broken, Cost::Told),
    ("has a chunk without a size", true, End::Broken, Cost::Seen),
    (
        "has a chunk that is too short",
        true,
        End::Broken,
        Cost::Seen,
    ),
    ("stalls in a stream", true, End::Broken, Cost::Seen),
    (
        "ends a stream in trailers",
        true,
        End::Whole(200),
        Cost::Told,
    ),
    ("streams as it should", true, End::Whole(200), Cost::Told),
];

/// What the upstream does behind the head of a request.
pub(super) fn script(fault: &str, path: &str) -> Vec<Step> {
    let write = |bytes: Vec<u8>| vec![Step::Body, Step::Write(bytes)];
    let and = |mut steps: Vec<Step>, more: &[Step]| {
        steps.extend_from_slice(more);
        steps
    };
    let body = json_answer();
    let length = format!("{JSON}content-length: {}\r\n", body.len());
    let half = body.get(..body.len() / 2).unwrap();
    match fault {
        "closes before the body is read" => vec![],
        "closes before an answer" => vec![Step::Body],
        "breaks off in the status line" => write(b"HTTP/1.1 2".to_vec()),
        "breaks off in the headers" => write(b"HTTP/1.1 200 OK\r\ncontent-ty".to_vec()),
        "is no HTTP" => write(b"SSH-2.0-OpenSSH_9.9\r\n".to_vec()),
        "says two lengths" => write(head("200 OK", &format!("{length}content-length: 5\r\n"))),
        "says a length and chunks" => write(head(
            "200 OK",
            &format!("{length}transfer-encoding: chunked\r\n"),
        )),
        "has headers without end" => {
            write(head("200 OK", &format!("x: {}\r\n", "y".repeat(100_000))))
        }
        "stalls before an answer" => vec![Step::Body, Step::Stall],
        "refuses before it has read" => vec![
            Step::Write(head("429 Too Many Requests", "content-length: 2\r\n")),
            Step::Write(b"{}".to_vec()),
            Step::Body,
            Step::Breathe,
        ],
        "refuses and closes" => write(head(
            "503 Service Unavailable",
            "content-length: 0\r\nconnection: close\r\n",
        )),
        "closes behind the headers" => and(write(head("200 OK", &length)), &[Step::Breathe]),
        "closes in the body" => and(
            write([head("200 OK", &length), half.into()].concat()),
            &[Step::Breathe],
        ),
        "stalls in the body" => and(
            write([head("200 OK", &length), half.into()].concat()),
            &[Step::Stall],
        ),
        "continues first" => and(
            write([head("100 Continue", ""), whole()].concat()),
            &[Step::Next],
        ),
        "hints first" => and(
            write(
                [
                    head("103 Early Hints", "link: </x>; rel=preload\r\n"),
                    whole(),
                ]
                .concat(),
            ),
            &[Step::Next],
        ),
        "half-closes behind the answer" => and(write(whole()), &[Step::HalfClose, Step::Stall]),
        "closes for the end" => write(
            [
                head("200 OK", &format!("{JSON}connection: close\r\n")),
                body.into(),
            ]
            .concat(),
        ),
        "says more than its length" => {
            write([whole(), b"HTTP/1.1 200 OK\r\n\r\n".to_vec()].concat())
        }
        "has no content" => and(write(head("204 No Content", "")), &[Step::Next]),
        "has an empty body" => and(
            write(head("200 OK", "content-length: 0\r\n")),
            &[Step::Next],
        ),
        "answers a stream with JSON" => and(write(whole()), &[Step::Next]),
        "closes behind the headers of a stream" => and(streamed(0), &[Step::Breathe]),
        "closes in a stream" => streamed(3),
        "closes in an event" => and(
            streamed(3),
            &[
                Step::Write(chunk("data: {\"choices\": [{\"del")),
                Step::Breathe,
            ],
        ),
        "closes behind the usage" => streamed(8),
        "has a chunk without a size" => {
            and(streamed(3), &[Step::Write(b"zz\r\n".to_vec()), Step::Stall])
        }
        "has a chunk that is too short" => and(
            streamed(3),
            &[Step::Write(b"3\r\ndata: x\r\n".to_vec()), Step::Stall],
        ),
        "stalls in a stream" => and(streamed(3), &[Step::Stall]),
        "ends a stream in trailers" => and(
            and(
                streamed(9),
                &[Step::Write(b"0\r\nx-end: yes\r\n\r\n".to_vec())],
            ),
            &[Step::Next],
        ),
        "streams as it should" => and(
            and(streamed(9), &[Step::Write(b"0\r\n\r\n".to_vec())]),
            &[Step::Next],
        ),
        // The way there is told by the path, so that the second request gets an answer.
        "redirects" if path.starts_with("/there") => and(write(whole()), &[Step::Next]),
        "redirects" => and(
            write(head(
                "307 Temporary Redirect",
                "location: http://weir.test/there/v1/chat/completions\r\ncontent-length: 0\r\n",
            )),
            &[Step::Next],
        ),
        other => panic!("no fault {other}"),
    }
}
