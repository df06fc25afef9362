//! Exchanges → outcomes, played natively.

#![allow(clippy::indexing_slicing, clippy::unwrap_used)]

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

#[test]
fn a_request_is_reserved_and_settled() {
    let bench = Bench::new(&limit(json!({"tokens": 100})));
    let remaining = |answer: &Message, cap: u64| {
        let outcome = bench.run(&chat(&json!({"max_tokens": cap})), answer);
        outcome
            .got
            .header("x-ratelimit-remaining-tokens")
            .to_owned()
    };
    // 8 of the prompt and the cap are reserved; of that 20 come back, then nothing.
    assert_eq!(remaining(&used(8, 10), 30), "62");
    assert_eq!(remaining(&used(8, 30), 30), "44");
    assert_eq!(remaining(&used(8, 2), 4), "32");
    assert_eq!(remaining(&used(8, 0), 26), "0");
    // 26 came back. One token more than there is does not fit.
    let refused = bench.run(&chat(&json!({"max_tokens": 27})), &used(8, 0));
    assert_eq!(refused.status(), "429");
    assert!(refused.sent.is_none());
    assert_eq!(remaining(&used(8, 18), 18), "0");
}

#[test]
fn refusals_have_the_words_and_headers_of_their_dialect() {
    let config = json!({"identity": [{"header": "x-team"}], "limits": [
        {"name": "tpm", "tokens": 100, "window": "minute"},
        {"name": "rpm", "requests": 2, "window": "minute"},
        {"name": "daily", "tokens": 150, "window": "day", "utc_offset": "+02:00"},
    ]});
    let bench = Bench::new(&config);
    let first = bench.run(&chat(&json!({"max_tokens": 42})), &used(8, 42));
    assert_eq!(first.status(), "200");
    for (name, value) in [
        ("x-ratelimit-limit-tokens", "100"),
        ("x-ratelimit-remaining-tokens", "50"),
        ("x-ratelimit-reset-tokens", "30s"),
        ("x-ratelimit-limit-requests", "2"),
        ("x-ratelimit-remaining-requests", "1"),
        ("x-ratelimit-reset-requests", "30s"),
    ] {
        assert_eq!(first.got.header(name), value, "{name}");
    }

    // It will fit in 0.6 s for each token that is missing: 58 - 50.
    let refused = bench.run(&chat(&json!({"max_tokens": 50})), &used(0, 0));
    assert_eq!(
        error(&refused),
        json!({"error": {
            "message": "Rate limit reached for gpt-4o on tokens per min (TPM): Limit 100, Used 50, \
                        Requested 58. Please try again in 4.8s.",
            "type": "tokens", "param": null, "code": "rate_limit_exceeded",
        }})
    );
    for (name, value) in [
        (":status", "429"),
        ("retry-after", "5"),
        ("retry-after-ms", "4800"),
        ("x-should-retry", "true"),
        ("x-ratelimit-limit-tokens", "100"),
        ("x-ratelimit-remaining-tokens", "50"),
        ("x-ratelimit-remaining-requests", "1"),
        ("details", "weir_rate_limited"),
    ] {
        assert_eq!(refused.got.header(name), value, "{name}");
    }
    assert_eq!(
        (refused.fact("verdict"), refused.fact("rule")),
        ("limited", "tpm")
    );
    assert_eq!(numbers(&refused)[..3], ["0", "0", "0"]);
    assert!(
        refused.log[0].contains("limit `tpm` has 50 of 100, 58 asked for"),
        "{:?}",
        refused.log
    );

    let never = bench.run(&chat(&json!({"max_tokens": 93})), &used(0, 0));
    let message = error(&never)["error"]["message"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        message.starts_with(
            "Request too large for gpt-4o on tokens per min (TPM): Limit 100, Requested 101."
        ),
        "{message}"
    );
    assert_eq!(never.got.header("x-should-retry"), "false");
    assert_eq!(never.got.header("retry-after"), "");

    // The same caller in Anthropic's dialect.
    let body = json!({"model": "claude-x", "max_tokens": 50,
                      "messages": [{"role": "user", "content": "hi"}]});
    let request = Message::post(MESSAGES, body.to_string()).with("x-team", "a");
    let refused = bench.run(&request, &used(0, 0));
    let body = error(&refused);
    assert_eq!(body["type"], "error");
    assert_eq!(body["error"]["type"], "rate_limit_error");
    assert_eq!(
        refused.got.header("anthropic-ratelimit-tokens-limit"),
        "100"
    );
    assert_eq!(
        refused.got.header("anthropic-ratelimit-tokens-remaining"),
        "50"
    );
    assert_eq!(
        refused.got.header("anthropic-ratelimit-tokens-reset"),
        "2023-11-14T22:13:50Z"
    );
    assert_eq!(
        refused.got.header("anthropic-ratelimit-requests-remaining"),
        "1"
    );

    // Gemini's.
    let body = json!({"contents": [{"parts": [{"text": "hi"}]}], "generationConfig": {"maxOutputTokens": 60}});
    let request = Message::post(
        "/v1beta/models/gemini-2.5-pro:generateContent",
        body.to_string(),
    );
    let refused = bench.run(&request.with("x-team", "a"), &used(0, 0));
    assert_eq!(error(&refused)["error"]["status"], "RESOURCE_EXHAUSTED");
    assert_eq!(error(&refused)["error"]["code"], 429);

    // Requests.
    let second = bench.run(&chat(&json!({"max_tokens": 1})), &used(8, 1));
    assert_eq!(second.status(), "200");
    let refused = bench.run(&chat(&json!({"max_tokens": 1})), &used(8, 1));
    assert_eq!(error(&refused)["error"]["type"], "requests");
    assert!(
        error(&refused)["error"]["message"]
            .as_str()
            .unwrap()
            .contains(
                "on requests per min (RPM): Limit 2, Used 2, Requested 1. Please try again in 30s."
            )
    );
    assert_eq!(refused.fact("rule"), "rpm");

    // A quota: 59 of 150 used. What it lacks comes at midnight.
    let mut bench = bench;
    bench.wait(3_600_000);
    let answer = bench.run(&chat(&json!({"max_tokens": 52})), &used(8, 52));
    assert_eq!(answer.status(), "200");
    assert_eq!(answer.got.header("x-ratelimit-remaining-tokens"), "31");
    bench.wait(60_000);
    let refused = bench.run(&chat(&json!({"max_tokens": 30})), &used(0, 0));
    assert_eq!(refused.status(), "403");
    assert_eq!(error(&refused)["error"]["type"], "insufficient_quota");
    assert_eq!(error(&refused)["error"]["code"], "insufficient_quota");
    assert_eq!(refused.got.header("x-should-retry"), "false");
    assert_eq!(refused.got.header("details"), "weir_quota_exceeded");
    // 2023-11-15T01:14:20+02:00 to midnight.
    assert_eq!(refused.got.header("retry-after"), "81940");
}

#[test]
fn the_numbers_come_from_usage_whatever_the_api() {
    let table = [
        (
            CHAT,
            json!({"messages": []}),
            json!({"usage": {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150,
            "prompt_tokens_details": {"cached_tokens": 40}, "completion_tokens_details": {"reasoning_tokens": 30}}}),
            ["100", "50", "150", "40", "30", "usage"],
        ),
        (
            "/v1/completions",
            json!({"prompt": "hi"}),
            json!({"usage": {"prompt_tokens": 1, "completion_tokens": 5, "total_tokens": 6}}),
            ["1", "5", "6", "0", "0", "usage"],
        ),
        (
            "/v1/responses",
            json!({"input": "hi"}),
            json!({"usage": {"input_tokens": 7, "output_tokens": 9, "total_tokens": 16,
            "input_tokens_details": {"cached_tokens": 3}, "output_tokens_details": {"reasoning_tokens": 4}}}),
            ["7", "9", "16", "3", "4", "usage"],
        ),
        (
            "/v1/embeddings",
            json!({"input": "hi"}),
            json!({"usage": {"prompt_tokens": 3, "total_tokens": 3}}),
            ["3", "0", "3", "0", "0", "usage"],
        ),
        (
            MESSAGES,
            json!({"messages": []}),
            json!({"usage": {"input_tokens": 10, "cache_read_input_tokens": 20,
            "cache_creation_input_tokens": 5, "output_tokens": 8}}),
            ["35", "8", "43", "20", "0", "usage"],
        ),
        (
            "/v1beta/models/g:generateContent",
            json!({"contents": []}),
            json!({"usageMetadata": {"promptTokenCount": 10,
            "candidatesTokenCount": 5, "thoughtsTokenCount": 6, "totalTokenCount": 21, "cachedContentTokenCount": 4}}),
            ["10", "11", "21", "4", "6", "usage"],
        ),
        (
            "/v1beta/models/g:streamGenerateContent",
            json!({"contents": []}),
            json!([
            {"candidates": [{"content": {"parts": [{"text": "a"}]}}], "usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": 1, "totalTokenCount": 11}},
            {"candidates": [{"content": {"parts": [{"text": "b"}]}}], "usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": 2, "totalTokenCount": 12}}]),
            ["10", "2", "12", "0", "0", "usage"],
        ),
        (
            "/model/m/converse",
            json!({"messages": []}),
            json!({"usage": {"inputTokens": 4, "outputTokens": 6, "totalTokens": 10}}),
            ["4", "6", "10", "0", "0", "usage"],
        ),
    ];
    let bench = Bench::new(&json!({}));
    for (path, mut body, answer, expected) in table {
        body["model"] = "gpt-4o".into();
        let request = Message::post(path, body.to_string());
        let answer = Message::answer("application/json", answer.to_string());
        let outcome = bench.run(&request, &answer);
        assert_eq!(outcome.status(), "200");
        assert_eq!(numbers(&outcome), expected, "{path}");
        assert_eq!(outcome.got.body, answer.body, "{path}");
    }
    // Counting tokens makes none.
    let request = Message::post(
        "/v1/messages/count_tokens",
        json!({"model": "c", "messages": []}).to_string(),
    );
    let answer = Message::answer("application/json", json!({"input_tokens": 99}).to_string());
    assert_eq!(numbers(&bench.run(&request, &answer))[..3], ["0", "0", "0"]);
    // Bedrock tells of InvokeModel in headers.
    let request = Message::post(
        "/model/anthropic.claude-x/invoke",
        json!({"prompt": "hi"}).to_string(),
    );
    let answer = Message::answer("application/json", "{}")
        .with("x-amzn-bedrock-input-token-count", "21")
        .with("x-amzn-bedrock-output-token-count", "13");
    assert_eq!(
        numbers(&bench.run(&request, &answer))[..3],
        ["21", "13", "34"]
    );
}

#[test]
fn without_usage_the_text_is_counted() {
    let json = |value: Value| Message::answer("application/json", value.to_string());
    let choices = json!([{"index": 0, "message": {"content": "one two three"}},
                         {"index": 1, "message": {"content": "one two three four"}}]);
    let table = [
        (
            chat(&json!({})),
            json(json!({"choices": choices})),
            ["8", "7", "15", "0", "0", "counted"],
        ),
        // A model whose tokenizer is not known: text times 1.25, rounded up.
        (
            chat(&json!({"model": "claude-x"})),
            json(json!({"choices": choices})),
            ["9", "9", "18", "0", "0", "estimated"],
        ),
        // What the provider frames is not exact.
        (
            chat(&json!({})),
            json(
                json!({"choices": [{"message": {"tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}}]}),
            ),
            ["8", "2", "10", "0", "0", "estimated"],
        ),
        (
            chat(&json!({})),
            json(json!({"choices": []})),
            ["8", "0", "8", "0", "0", "counted"],
        ),
        // Nothing can be read: what was reserved is kept.
        (
            chat(&json!({"max_tokens": 77})),
            json(json!({})).with("content-encoding", "br"),
            ["8", "77", "85", "0", "0", "estimated"],
        ),
        (
            chat(&json!({"max_tokens": 77})),
            Message::answer("audio/mp3", "ID3"),
            ["8", "77", "85", "0", "0", "estimated"],
        ),
        (
            chat(&json!({"max_tokens": 77})),
            Message::answer("application/json", "{\"choices\": ["),
            ["8", "77", "85", "0", "0", "estimated"],
        ),
    ];
    let bench = Bench::new(&json!({}));
    for (request, answer, expected) in table {
        let outcome = bench.run(&request, &answer);
        let shown = String::from_utf8_lossy(&answer.body);
        assert_eq!(numbers(&outcome), expected, "{shown}");
    }
}

#[test]
fn an_error_costs_nothing_and_broken_usage_takes_nothing_away() {
    let bench = Bench::new(&limit(json!({"tokens": 1_000_000})));
    let request = chat(&json!({"max_tokens": 50}));
    let with = |status: &str, body: Value| {
        let mut answer = Message::answer("application/json", body.to_string());
        answer.headers[0].1 = status.as_bytes().to_vec();
        numbers(&bench.run(&request, &answer))
    };
    let text = json!([{"message": {"content": "one two"}}]);
    for (status, usage, expected) in [
        ("500", Value::Null, ["0", "0", "0", "0", "0", "counted"]),
        ("429", json!({}), ["0", "0", "0", "0", "0", "counted"]),
        (
            "400",
            json!({"prompt_tokens": -1}),
            ["0", "0", "0", "0", "0", "counted"],
        ),
        // An error that was paid for.
        (
            "400",
            json!({"prompt_tokens": 8, "completion_tokens": 3}),
            ["8", "3", "11", "0", "0", "usage"],
        ),
        (
            "200",
            json!({"prompt_tokens": -5, "completion_tokens": -5}),
            ["8", "2", "10", "0", "0", "estimated"],
        ),
        (
            "200",
            json!({"prompt_tokens": 0.5, "completion_tokens": "9"}),
            ["8", "2", "10", "0", "0", "estimated"],
        ),
        (
            "200",
            json!({"prompt_tokens": 8, "completion_tokens": 1e30}),
            ["8", "2", "10", "0", "0", "estimated"],
        ),
        // A total that contradicts its parts: no more than was reserved, no less than was seen.
        (
            "200",
            json!({"prompt_tokens": 900, "completion_tokens": 900, "total_tokens": 3}),
            ["8", "50", "58", "0", "0", "estimated"],
        ),
        (
            "200",
            json!({"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 9}),
            ["8", "2", "10", "0", "0", "estimated"],
        ),
        // Nothing contradicts a large number: it is debt.
        (
            "200",
            json!({"prompt_tokens": 8, "completion_tokens": 5000, "total_tokens": 5008}),
            ["8", "5000", "5008", "0", "0", "usage"],
        ),
    ] {
        let found = with(status, json!({"choices": text, "usage": usage}));
        assert_eq!(found, expected, "{status} {usage}");
    }
    // All of that, and nothing else, is charged: 11 + 10 * 3 + 58 + 10 + 5008.
    let last = bench.run(&request, &used(0, 0));
    let remaining = last
        .got
        .header("x-ratelimit-remaining-tokens")
        .parse::<u64>()
        .unwrap();
    assert_eq!(1_000_000 - 58 - remaining, 11 + 30 + 58 + 10 + 5008);
}

fn events(events: &[Value]) -> String {
    events
        .iter()
        .map(|event| format!("data: {event}\n\n"))
        .collect()
}

/// Streams of each API: what they cost whole, and when the caller hangs up behind the first
/// text.
#[test]
fn streams_are_settled_however_they_end() {
    let chat_usage = json!({"prompt_tokens": 8, "completion_tokens": 40, "total_tokens": 48});
    let chat_events = events(&[
        json!({"choices": [{"delta": {"content": "one two"}}], "usage": null}),
        json!({"choices": [{"delta": {"content": " three"}}], "usage": null}),
        json!({"choices": [], "usage": chat_usage}),
    ]);
    let anthropic = events(&[
        json!({"type": "message_start", "message": {"usage": {"input_tokens": 11, "output_tokens": 1}}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "one two"}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": " three"}}),
        json!({"type": "message_delta", "usage": {"output_tokens": 40}}),
        json!({"type": "message_stop"}),
    ]);
    let responses = events(&[
        json!({"type": "response.created", "response": {"usage": null}}),
        json!({"type": "response.output_text.delta", "delta": "one two"}),
        json!({"type": "response.output_text.delta", "delta": " three"}),
        json!({"type": "response.output_text.done", "text": "one two three"}),
        json!({"type": "response.completed", "response": {
            "output": [{"content": [{"text": "one two three"}]}],
            "usage": {"input_tokens": 7, "output_tokens": 40, "total_tokens": 47}}}),
    ]);
    let gemini = events(&[
        json!({"candidates": [{"content": {"parts": [{"text": "one two"}]}}],
               "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 20, "totalTokenCount": 25}}),
        json!({"candidates": [{"content": {"parts": [{"text": " three"}]}}],
               "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 40, "totalTokenCount": 45}}),
    ]);
    let body = json!({"model": "gpt-4o", "stream": true, "messages": [{"role": "user", "content": "hi"}],
                      "input": "hi", "contents": [{"parts": [{"text": "hi"}]}],
                      "stream_options": {"include_usage": true}});
    let table = [
        (
            CHAT,
            chat_events,
            ["8", "40", "usage"],
            ["8", "2", "counted"],
        ),
        (
            MESSAGES,
            anthropic,
            ["11", "40", "usage"],
            ["11", "2", "counted"],
        ),
        (
            "/v1/responses",
            responses,
            ["7", "40", "usage"],
            ["1", "2", "counted"],
        ),
        (
            "/v1beta/models/gpt-4o:streamGenerateContent?alt=sse",
            gemini,
            ["5", "40", "usage"],
            ["5", "20", "usage"],
        ),
    ];
    for (path, stream, whole, hung_up) in table {
        let request = Message::post(path, body.to_string());
        let answer = Message::answer("text/event-stream", stream.as_str());
        let (before, behind) = stream.split_once("one two").unwrap();
        let behind_text = before.len() + "one two".len() + behind.find('\n').unwrap();
        for cuts in all_cuts(stream.len()).into_iter().step_by(7) {
            let mut bench = Bench::new(&json!({}));
            bench.play.response_cuts = cuts.clone();
            let outcome = bench.run(&request, &answer);
            let [input, output, .., source] = numbers(&outcome);
            assert_eq!([input, output, source], whole, "{path} {cuts:?}");
            assert_eq!(outcome.got.body, answer.body, "{path} {cuts:?}");

            bench.play.breaks_off = Some(BreaksOff::Behind(behind_text));
            let outcome = bench.run(&request, &answer);
            let [input, output, .., source] = numbers(&outcome);
            if path == "/v1/responses" {
                assert_eq!([output, source], hung_up[1..], "{path} {cuts:?}");
            } else {
                assert_eq!([input, output, source], hung_up, "{path} {cuts:?}");
            }
        }
    }
}

#[test]
fn an_exchange_that_breaks_off_costs_what_was_sent() {
    let answer = Message::answer(
        "text/event-stream",
        events(&[json!({"choices": [{"delta": {"content": "one two"}}]})]),
    );
    let table = [
        // Before the answer: the prompt is at the upstream, unless that was the one to break off.
        (
            BreaksOff::BeforeAnswer,
            "downstream_remote_disconnect",
            ["8", "0"],
        ),
        (BreaksOff::BeforeAnswer, "http2.remote_reset", ["8", "0"]),
        (
            BreaksOff::BeforeAnswer,
            "upstream_reset_before_response_started{connection_termination}",
            ["0", "0"],
        ),
        (
            BreaksOff::BeforeAnswer,
            "upstream_response_timeout",
            ["0", "0"],
        ),
        (
            BreaksOff::Behind(0),
            "downstream_remote_disconnect",
            ["8", "0"],
        ),
        (
            BreaksOff::Behind(0),
            "upstream_reset_after_response_started{connection_termination}",
            ["0", "0"],
        ),
        (
            BreaksOff::Behind(usize::MAX),
            "downstream_remote_disconnect",
            ["8", "2"],
        ),
        (
            BreaksOff::Behind(usize::MAX),
            "upstream_reset_after_response_started{connection_termination}",
            ["8", "2"],
        ),
    ];
    for (breaks_off, details, expected) in table {
        let mut bench = Bench::new(&json!({}));
        bench.play.breaks_off = Some(breaks_off);
        bench
            .play
            .attributes
            .insert("response/code_details".to_owned(), details.to_owned());
        let outcome = bench.run(&chat(&json!({"stream": true})), &answer);
        assert_eq!(numbers(&outcome)[..2], expected, "{breaks_off:?} {details}");
    }
}

/// The caller of a stream gets what it would have got, byte for byte, whatever the cuts and line
/// ends, and the upstream was asked for the usage.
#[test]
fn usage_that_was_not_asked_for_is_taken_out_again() {
    let chunk = |text: &str| {
        format!(r#"data: {{"id":"x","choices":[{{"index":0,"delta":{{"content":"{text}"}}}}]}}"#)
    };
    // As OpenAI writes it, and in other places and spellings.
    let null = |chunk: &str| chunk.replacen(r#""choices""#, r#""usage":null,"choices""#, 1);
    let last = |chunk: &str| format!(r#"{},"usage": null}}"#, chunk.strip_suffix('}').unwrap());
    let usage = r#"data: {"id":"x","choices":[],"usage":{"prompt_tokens":8,"completion_tokens":2,"total_tokens":10}}"#;
    // Azure's first chunk has no choices and no usage either.
    let azure = r#"data: {"choices":[],"id":"","prompt_filter_results":[]}"#;
    let without = [
        azure,
        &chunk("one"),
        ": ping",
        &chunk(" two"),
        "data: [DONE]",
        "",
    ];
    let with = [
        azure,
        &null(&chunk("one")),
        ": ping",
        &last(&chunk(" two")),
        usage,
        "data: [DONE]",
        "",
    ];
    for end in ["\n", "\r\n", "\r"] {
        let expected = without.join(&end.repeat(2));
        let stream = with.join(&end.repeat(2));
        let answer = Message::answer("text/event-stream", stream.as_str());
        for cuts in all_cuts(stream.len()) {
            let mut bench = Bench::new(&json!({}));
            bench.play.response_cuts = cuts.clone();
            let outcome = bench.run(&chat(&json!({"stream": true})), &answer);
            assert_eq!(
                String::from_utf8_lossy(&outcome.got.body),
                expected,
                "{end:?} {cuts:?}"
            );
            assert_eq!(numbers(&outcome)[..2], ["8", "2"], "{cuts:?}");
        }
        // Who asked for it gets it.
        let asked = chat(&json!({"stream": true, "stream_options": {"include_usage": true}}));
        let outcome = Bench::new(&json!({})).run(&asked, &answer);
        assert_eq!(outcome.got.body, answer.body);
        assert_eq!(outcome.sent.unwrap().body, asked.body);
    }
}

#[test]
fn usage_is_asked_for_where_a_stream_would_not_tell() {
    for (fields, sent) in [
        (
            r#""stream":true"#,
            Some(r#"{"stream_options":{"include_usage":true},"model":"m","stream":true}"#),
        ),
        (
            r#""stream":true,"stream_options":null"#,
            Some(r#"{"model":"m","stream":true,"stream_options":{"include_usage":true}}"#),
        ),
        (
            r#""stream":true,"stream_options":{}"#,
            Some(r#"{"model":"m","stream":true,"stream_options":{"include_usage":true}}"#),
        ),
        (
            r#""stream":true,"stream_options":{ "include_obfuscation":false}"#,
            Some(
                r#"{"model":"m","stream":true,"stream_options":{"include_usage":true, "include_obfuscation":false}}"#,
            ),
        ),
        (
            r#""stream":true,"stream_options":{"include_usage":false}"#,
            Some(r#"{"model":"m","stream":true,"stream_options":{"include_usage":true}}"#),
        ),
        (
            r#""stream":true,"stream_options":{"include_usage":true}"#,
            None,
        ),
        (r#""stream":false"#, None),
        (r#""n":1"#, None),
    ] {
        let body = format!(r#"{{"model":"m",{fields}}}"#);
        for (config, path) in [
            (json!({}), CHAT),
            (json!({"hold": true}), "/v1/completions"),
        ] {
            let outcome = Bench::new(&config).run(&Message::post(path, body.as_str()), &used(1, 1));
            assert_eq!(outcome.sent_body(), sent.unwrap_or(&body), "{fields}");
        }
        for (config, path) in [
            (json!({"include_usage": false}), CHAT),
            (json!({}), MESSAGES),
        ] {
            let outcome = Bench::new(&config).run(&Message::post(path, body.as_str()), &used(1, 1));
            assert_eq!(outcome.sent_body(), body, "{fields}");
        }
    }
}

#[test]
fn what_a_request_may_answer_is_reserved() {
    let caps = |fields: Value, config: Value| {
        let mut settings = limit(json!({"tokens": 1_000_000}));
        for (key, value) in config.as_object().unwrap() {
            if key == "limit" {
                for (key, value) in value.as_object().unwrap() {
                    settings["limits"][0][key] = value.clone();
                }
            } else {
                settings[key] = value.clone();
            }
        }
        let outcome = Bench::new(&settings).run(&chat(&fields), &used(0, 0));
        let remaining: u64 = outcome
            .got
            .header("x-ratelimit-remaining-tokens")
            .parse()
            .unwrap();
        1_000_000 - remaining
    };
    for (fields, config, reserved) in [
        (json!({}), json!({}), 8 + 1024),
        (json!({}), json!({"expected_output": 10}), 18),
        (json!({"n": 3}), json!({"expected_output": 10}), 38),
        (
            json!({"max_tokens": 5, "n": 3}),
            json!({"expected_output": 10}),
            23,
        ),
        (json!({"max_completion_tokens": 5}), json!({}), 13),
        (
            json!({}),
            json!({"models": [{"match": "gpt-*", "expected_output": 7}]}),
            15,
        ),
        (
            json!({}),
            json!({"models": [{"match": "gpt-*", "expected_output": 7}], "limit": {"expected_output": 3}}),
            11,
        ),
        (
            json!({"max_tokens": 5000}),
            json!({"reserve_output": "expected", "expected_output": 10}),
            18,
        ),
        (
            json!({"max_tokens": 5}),
            json!({"reserve_output": "expected", "expected_output": 10}),
            13,
        ),
        (
            json!({"max_tokens": 100}),
            json!({"limit": {"count": "input"}}),
            8,
        ),
        (
            json!({"max_tokens": 100}),
            json!({"limit": {"count": "output"}}),
            100,
        ),
        (
            json!({"max_tokens": 100}),
            json!({"limit": {"weights": {"output": 2.5}}}),
            258,
        ),
        (
            json!({"max_tokens": 100}),
            json!({"limit": {"weights": {"output": 0.5, "reasoning": 3}}}),
            308,
        ),
        (
            json!({"max_tokens": 1}),
            json!({"limit": {"weights": {"output": 0.001}}}),
            9,
        ),
        (
            json!({}),
            json!({"limit": {"count": "output"}, "models": [{"match": "*", "count_as": "claude", "expected_output": 6}]}),
            6,
        ),
        (
            json!({"max_tokens": 0}),
            json!({"models": [{"match": "*", "factor_permille": 10_000}]}),
            26,
        ),
    ] {
        assert_eq!(
            caps(fields.clone(), config.clone()),
            reserved,
            "{fields} {config}"
        );
    }
}

#[test]
fn weights_apply_to_what_was_used() {
    let config =
        limit(json!({"tokens": 10_000, "weights": {"cached": 0.1, "output": 4, "reasoning": 2}}));
    let bench = Bench::new(&config);
    let usage = json!({"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150,
                       "prompt_tokens_details": {"cached_tokens": 45},
                       "completion_tokens_details": {"reasoning_tokens": 20}});
    let answer = Message::answer("application/json", json!({"usage": usage}).to_string());
    bench.run(&chat(&json!({"max_tokens": 50})), &answer);
    // 55 + 4.5 + 30 * 4 + 20 * 2 = 219.5, rounded up; then 8 are reserved.
    let outcome = bench.run(&chat(&json!({"max_tokens": 0})), &used(8, 0));
    assert_eq!(outcome.got.header("x-ratelimit-remaining-tokens"), "9772");
}

#[test]
fn owners_are_what_a_limit_is_per() {
    let request = |team: &str, model: &str, path: &str| {
        let body = json!({"model": model, "messages": [], "input": "", "max_tokens": 1, "max_output_tokens": 1});
        Message::post(path, body.to_string()).with("x-team", team)
    };
    let table = [
        (json!(["identity"]), [true, false, false, false, true]),
        (json!([]), [true, false, false, false, false]),
        (json!(["model"]), [true, false, true, false, false]),
        (
            json!(["identity", "model"]),
            [true, false, true, false, true],
        ),
        (json!(["api"]), [true, false, false, true, false]),
        (
            json!([{"header": "X-Team"}]),
            [true, false, false, false, true],
        ),
    ];
    for (per, expected) in table {
        let bench = Bench::new(&limit(json!({"requests": 1, "per": per})));
        let admitted = [
            request("a", "m", CHAT),
            request("a", "m", CHAT),
            request("a", "n", CHAT),
            request("a", "m", "/v1/responses"),
            request("b", "m", CHAT),
        ]
        .map(|request| bench.run(&request, &used(1, 1)).status() == "200");
        assert_eq!(admitted, expected, "{per}");
    }
    // Attributes.
    for (per, key) in [
        ("route", "xds/route_name"),
        ("provider", "filter_state/wasm.weir.provider"),
    ] {
        let mut bench = Bench::new(&limit(json!({"requests": 1, "per": [per]})));
        for (value, status) in [("a", "200"), ("a", "429"), ("b", "200")] {
            bench
                .play
                .attributes
                .insert(key.to_owned(), value.to_owned());
            let outcome = bench.run(&request("t", "m", CHAT), &used(1, 1));
            assert_eq!(outcome.status(), status, "{per} {value}");
        }
    }
    // A header that stands twice says nothing.
    let bench = Bench::new(&limit(
        json!({"requests": 1, "per": [{"header": "x-tenant"}]}),
    ));
    let twice = request("t", "m", CHAT)
        .with("x-tenant", "a")
        .with("x-tenant", "b");
    assert_eq!(bench.run(&twice, &used(1, 1)).status(), "400");
}

#[test]
fn limits_are_for_what_they_match() {
    for (matches, limited) in [
        (json!({"model": "gpt-*"}), true),
        (json!({"model": "claude-*"}), false),
        (json!({"model": "fast"}), true),
        (json!({"identity": ["b", "a"]}), true),
        (json!({"identity": "b"}), false),
        (json!({"api": "openai_chat"}), true),
        (json!({"api": "anthropic_messages"}), false),
        (json!({"provider": "openai"}), true),
        (json!({"provider": "azure"}), false),
        (json!({"headers": {"X-Tier": "free*"}}), true),
        (json!({"headers": {"x-tier": "paid"}}), false),
    ] {
        let mut bench = Bench::new(&limit(json!({"requests": 1, "match": matches})));
        for (key, value) in [
            ("model", "fast"),
            ("upstream_model", "gpt-4o"),
            ("provider", "openai"),
        ] {
            bench
                .play
                .attributes
                .insert(format!("filter_state/wasm.weir.{key}"), value.to_owned());
        }
        let request = chat(&json!({})).with("x-tier", "free-1");
        bench.run(&request, &used(1, 1));
        let status = bench.run(&request, &used(1, 1)).status().to_owned();
        assert_eq!(status == "429", limited, "{matches}");
    }
}

#[test]
fn callers_without_identity() {
    let anonymous = Message::post(CHAT, json!({"model": "m", "messages": []}).to_string());
    for (setting, first, second, identity) in [
        (json!("reject"), "401", "401", ""),
        (json!("shared"), "200", "429", ""),
        (json!("skip"), "200", "200", ""),
    ] {
        for per_limit in [true, false] {
            let mut config = limit(json!({"requests": 1}));
            if per_limit {
                config["limits"][0]["on_missing_identity"] = setting.clone();
            } else {
                config["on_missing_identity"] = setting.clone();
            }
            let bench = Bench::new(&config);
            let outcome = bench.run(&anonymous, &used(1, 1));
            assert_eq!(
                (outcome.status(), outcome.fact("identity")),
                (first, identity),
                "{config}"
            );
            assert_eq!(
                bench.run(&anonymous, &used(1, 1)).status(),
                second,
                "{config}"
            );
        }
    }
    // Limits that need no identity ask for none, and one in shadow refuses nobody.
    for config in [
        limit(json!({"requests": 1, "per": ["model"]})),
        limit(json!({"requests": 1, "shadow": true})),
    ] {
        assert_eq!(
            Bench::new(&config).run(&anonymous, &used(1, 1)).status(),
            "200",
            "{config}"
        );
    }
    // What an earlier filter found out holds.
    let mut bench = Bench::new(&limit(json!({"requests": 1})));
    bench.play.attributes.insert(
        "filter_state/wasm.weir.identity".to_owned(),
        "ann".to_owned(),
    );
    assert_eq!(bench.run(&anonymous, &used(1, 1)).status(), "200");
    assert_eq!(bench.run(&chat(&json!({})), &used(1, 1)).status(), "429");
}

#[test]
fn several_limits_hold_together_and_shadows_alone() {
    let config = json!({"identity": [{"header": "x-team"}], "limits": [
        {"name": "wide", "tokens": 1000, "window": "minute"},
        {"name": "tried", "requests": 1, "window": "minute", "shadow": true},
        {"name": "narrow", "tokens": 60, "window": "hour"},
    ]});
    let bench = Bench::new(&config);
    let first = bench.run(&chat(&json!({"max_tokens": 42})), &used(8, 42));
    assert_eq!((first.status(), first.fact("verdict")), ("200", "allowed"));
    // The one that has the least left is told.
    assert_eq!(first.got.header("x-ratelimit-limit-tokens"), "60");
    assert_eq!(first.got.header("x-ratelimit-remaining-tokens"), "10");
    // A limit in shadow is nobody's business.
    assert_eq!(first.got.header("x-ratelimit-limit-requests"), "");

    let refused = bench.run(&chat(&json!({"max_tokens": 3})), &used(0, 0));
    assert_eq!((refused.status(), refused.fact("rule")), ("429", "narrow"));
    // Nothing was taken from the other.
    let second = bench.run(&chat(&json!({"max_tokens": 2})), &used(8, 2));
    assert_eq!(
        (second.status(), second.fact("verdict")),
        ("200", "shadow_limited")
    );
    assert_eq!(second.fact("rule"), "tried");
    let counters: Vec<_> = second
        .counters
        .iter()
        .filter(|(name, _)| name.starts_with("weir_r"))
        .collect();
    assert_eq!(
        counters,
        [
            (&"weir_requests_total;filter=token-limit;api=openai_chat;model=other;verdict=shadow_limited".to_owned(), &1),
            (&"weir_rule_matches_total;filter=token-limit;rule=tried;verdict=shadow_limited".to_owned(), &1),
        ]
    );
    let mut bench = bench;
    bench.wait(60_000);
    let third = bench.run(&chat(&json!({"max_tokens": 0})), &used(8, 0));
    assert_eq!(third.fact("rule"), "narrow", "one token a minute");
}

/// An hour's bucket and a wait both SDKs would cut short.
#[test]
fn a_long_wait_is_told_and_not_to_be_waited_for() {
    let bench = Bench::new(&limit(json!({"tokens": 3600, "window": "hour"})));
    bench.run(&chat(&json!({"max_tokens": 3592})), &used(8, 3592));
    for (cap, retry) in [(112, "true"), (113, "false")] {
        let refused = bench.run(&chat(&json!({"max_tokens": cap})), &used(0, 0));
        assert_eq!(refused.got.header("retry-after"), (cap + 8).to_string());
        assert_eq!(refused.got.header("x-should-retry"), retry, "{cap}");
    }
}

#[test]
fn counters_survive_another_amount_but_not_another_window() {
    let mut bench = Bench::new(&limit(json!({"tokens": 100})));
    bench.run(&chat(&json!({"max_tokens": 82})), &used(8, 82));
    for (fields, remaining) in [
        (json!({"tokens": 100}), "2"),
        // What is there stays; it is what refills that has changed.
        (json!({"tokens": 200}), "2"),
        (json!({"tokens": 100, "window": "60s"}), "2"),
        (json!({"tokens": 100, "window": "hour"}), "92"),
        (json!({"tokens": 100, "name": "other"}), "92"),
    ] {
        bench.filter = filter(&limit(fields.clone()));
        let outcome = bench.run(&chat(&json!({"max_tokens": 0})), &used(0, 0));
        assert_eq!(
            outcome.got.header("x-ratelimit-remaining-tokens"),
            remaining,
            "{fields}"
        );
    }
}

#[test]
fn a_store_that_fails() {
    for (setting, status) in [(json!("reject"), "500"), (json!("pass"), "200")] {
        let mut config = limit(json!({"tokens": 100}));
        config["on_store_failure"] = setting;
        let bench = Bench::new(&config);
        bench.play.store.set_rival(|_, _| Some(vec![0]));
        let outcome = bench.run(&chat(&json!({"max_tokens": 1})), &used(8, 1));
        assert_eq!(outcome.status(), status, "{config}");
        let failures = "weir_store_failures_total;filter=token-limit;call=reserve";
        assert_eq!(outcome.counters[failures], 1);
    }
}

#[test]
fn bodies_that_cannot_be_read() {
    let bad = Message::post(CHAT, "{").with("x-team", "a");
    let gzip = chat(&json!({})).with("content-encoding", "gzip");
    for request in [&bad, &gzip] {
        let outcome = Bench::new(&limit(json!({"requests": 1}))).run(request, &used(1, 1));
        assert_eq!(outcome.status(), "400");
        let mut config = limit(json!({"requests": 1}));
        config["on_unreadable"] = json!("pass");
        let bench = Bench::new(&config);
        let outcome = bench.run(request, &used(21, 4));
        assert_eq!(outcome.status(), "200");
        // The answer tells what it cost, and the limits that can be applied are.
        assert_eq!(numbers(&outcome)[..2], ["21", "4"]);
        assert_eq!(bench.run(request, &used(1, 1)).status(), "429");
    }
}

#[test]
fn foreign_requests_pass_untouched() {
    for (method, path) in [("GET", CHAT), ("POST", "/v1/files"), ("GET", "/v1/models")] {
        let request = Message::new(
            &[
                (":method", method),
                (":path", path),
                ("accept-encoding", "gzip"),
            ],
            "x",
        );
        let outcome = Bench::new(&limit(json!({"requests": 1}))).run(&request, &used(1, 1));
        assert_eq!(outcome.sent.as_ref(), Some(&request));
        assert_eq!(outcome.facts, BTreeMap::new());
    }
}

#[test]
fn metrics_are_bounded_by_the_configuration() {
    let config =
        json!({"models": [{"match": ["gpt-4o*", "gpt-5*"], "name": "big"}, {"match": "o3*"}]});
    for (model, label) in [
        ("gpt-4o", "big"),
        ("gpt-5-x", "big"),
        ("o3-mini", "o3*"),
        ("zzz;model=x", "other"),
    ] {
        let outcome = Bench::new(&config).run(&chat(&json!({"model": model})), &used(8, 2));
        let name = |kind: &str| format!("weir_tokens_total;model={label};type={kind};source=usage");
        assert_eq!(outcome.counters[&name("input")], 8, "{model}");
        assert_eq!(outcome.counters[&name("output")], 2, "{model}");
        assert_eq!(outcome.fact("model"), model);
    }
}

#[test]
fn bad_configurations_name_their_place() {
    for (config, expected) in [
        (r#"{"limit":[]}"#, "at `limit`: unknown field `limit`"),
        (
            r#"{"limits":[{"name":"a","window":"minute"}]}"#,
            "at `limits[0]`: exactly one of `tokens` and `requests` is needed",
        ),
        (
            r#"{"limits":[{"name":"a","window":"minute","tokens":1,"requests":1}]}"#,
            "at `limits[0]`: exactly one of",
        ),
        (
            r#"{"limits":[{"name":"a","window":"minute","tokens":0}]}"#,
            "at `limits[0].tokens`: must be between 1 and 1000000000000000",
        ),
        (
            r#"{"limits":[{"name":"a","window":"year","tokens":1}]}"#,
            "at `limits[0].window`: must be `day`",
        ),
        (
            r#"{"limits":[{"name":"a","window":"0s","tokens":1}]}"#,
            "at `limits[0].window`",
        ),
        (
            r#"{"limits":[{"name":"a","window":"745h","tokens":1}]}"#,
            "at `limits[0].window`",
        ),
        (
            r#"{"limits":[{"name":"a","window":"day","tokens":1,"burst":2}]}"#,
            "at `limits[0].burst`: a quota (`day`) has none",
        ),
        (
            r#"{"limits":[{"name":"a","window":"day","tokens":1,"utc_offset":"2"}]}"#,
            "at `limits[0].utc_offset`: must be like `+02:00`",
        ),
        (
            r#"{"limits":[{"name":"a","window":"day","tokens":1,"utc_offset":"+15:00"}]}"#,
            "at `limits[0].utc_offset`",
        ),
        (
            r#"{"limits":[{"name":"a","window":"minute","tokens":1,"utc_offset":"+01:00"}]}"#,
            "at `limits[0].utc_offset`: only a",
        ),
        (
            r#"{"limits":[{"name":"a","window":"minute","tokens":1,"burst":0}]}"#,
            "at `limits[0].burst`",
        ),
        (
            r#"{"limits":[{"name":"a","window":"minute","requests":1,"count":"input"}]}"#,
            "at `limits[0].count`: goes with `tokens`",
        ),
        (
            r#"{"limits":[{"name":"a","window":"minute","tokens":1,"count":"input","weights":{"output":2}}]}"#,
            "at `limits[0].weights`",
        ),
        (
            r#"{"limits":[{"name":"a","window":"minute","tokens":1,"weights":{"output":-1}}]}"#,
            "at `limits[0].weights.output`: a weight is between 0 and 1000",
        ),
        (
            r#"{"limits":[{"name":"a","window":"minute","tokens":1,"weights":{"cached":0.0001}}]}"#,
            "at `limits[0].weights.cached`",
        ),
        (
            r#"{"limits":[{"name":"a","window":"minute","tokens":1,"per":["identity","identity"]}]}"#,
            "at `limits[0].per`: the same stands there twice",
        ),
        (
            r#"{"limits":[{"name":"a","window":"minute","tokens":1,"per":[{"header":"a b"}]}]}"#,
            "at `limits[0].per`",
        ),
        (
            r#"{"limits":[{"name":"a","window":"minute","tokens":1},{"name":"a","window":"hour","tokens":1}]}"#,
            "at `limits[1].name`: `a` is the name of an earlier limit",
        ),
        (
            r#"{"limits":[{"name":"","window":"minute","tokens":1}]}"#,
            "at `limits[0].name`",
        ),
        (
            r#"{"models":[{"match":[]}]}"#,
            "at `models[0].match`: an empty list matches nothing",
        ),
        (
            r#"{"models":[{"match":"a","factor_permille":0}]}"#,
            "at `models[0].factor_permille`",
        ),
        (
            r#"{"slots":0}"#,
            "at `slots`: must be between 1 and 1048576",
        ),
        (r#"{"max_body_bytes":0}"#, "at `max_body_bytes`"),
    ] {
        let error = TokenLimit::configure(config.as_bytes())
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with(expected),
            "{config}\n got {error}\nwant {expected}"
        );
    }
}
