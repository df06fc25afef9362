//! Answers that are odd: unfinished, made elsewhere, contradicting themselves, not what they are
//! called.

use super::*;

fn events(events: &[Value]) -> String {
    let line = |event: &Value| format!("data: {event}\n\n");
    events.iter().map(line).collect()
}

/// A text without a space, or with one at its beginning alone, is counted as it comes, in pieces.
#[test]
fn a_text_without_spaces_is_counted_in_pieces() {
    for first in ["a ", "a", " "] {
        let delta = json!({"choices": [{"delta": {"content": "字字字字"}}]});
        let start = json!({"choices": [{"delta": {"content": first}}]});
        let stream = events(&[start]) + &events(&vec![delta; 20_000]);
        let mut bench = Bench::new(&json!({}));
        bench.play.response_cuts = (0..stream.len()).step_by(4096).collect();
        let request = chat(&json!({"stream": true, "stream_options": {"include_usage": true}}));
        let outcome = bench.run(&request, &Message::answer("text/event-stream", stream));
        let tokens: u64 = outcome.fact("output_tokens").parse().unwrap();
        assert!((20_000..=80_010).contains(&tokens), "{first:?}: {tokens}");
    }
}

/// What is made later, and what nobody can see, costs what was reserved.
#[test]
fn answers_that_are_made_elsewhere_keep_what_was_reserved() {
    let queued = json!({"id": "r", "status": "queued", "output": [], "usage": null});
    let responses = |background: bool| json!({"model": "gpt-4o", "input": "hi", "background": background, "max_output_tokens": 500});
    let deferred = json!({"model": "gpt-4o", "messages": [], "deferred": true, "max_tokens": 500});
    let begun = json!({"type": "response.created", "response": {"output": [], "usage": null}});
    let json = |value: &Value| Message::answer("application/json", value.to_string());
    let stream = Message::answer("text/event-stream", events(&[begun]));
    let mut accepted = Message::answer("application/json", "");
    accepted.headers[0].1 = b"202".to_vec();
    let hung_up = Some(BreaksOff::Behind(usize::MAX));
    for (path, body, answer, breaks_off) in [
        ("/v1/responses", responses(true), json(&queued), None),
        ("/v1/responses", responses(false), json(&queued), None),
        ("/v1/responses", responses(false), accepted, None),
        (CHAT, deferred, json(&json!({"request_id": "x"})), None),
        ("/v1/responses", responses(true), stream, hung_up),
    ] {
        let output = json!({"tokens": 10_000, "count": "output", "expected_output": 300});
        let mut bench = Bench::new(&limit(output));
        bench.play.breaks_off = breaks_off;
        let shown = String::from_utf8_lossy(&answer.body).into_owned();
        let request = Message::post(path, body.to_string()).with("x-team", "a");
        let outcome = bench.run(&request, &answer);
        assert_eq!(numbers(&outcome)[1], "500", "{body} {shown}");
        bench.play.breaks_off = None;
        let next = bench.run(&chat(&json!({"max_tokens": 0})), &used(8, 0));
        let left = next.got.header("x-ratelimit-remaining-tokens");
        assert_eq!(left, "9500", "{body} {shown}");
    }
}

/// What cannot be read costs each limit what it had reserved.
#[test]
fn an_unread_answer_keeps_what_each_limit_reserved() {
    let bench = Bench::new(&limit(json!({"tokens": 10_000, "expected_output": 5000})));
    bench.run(&chat(&json!({})), &Message::answer("text/plain", "x"));
    let next = bench.run(&chat(&json!({"max_tokens": 0})), &used(8, 0));
    let left = next.got.header("x-ratelimit-remaining-tokens");
    assert_eq!(left, (10_000 - 5008 - 8).to_string());
}

/// An answer that breaks off inside its only string has that text all the same.
#[test]
fn a_text_that_is_cut_is_counted_as_far_as_it_came() {
    let words = "wall ".repeat(200);
    let gemini = json!({"candidates": [{"content": {"parts": [{"text": words}]}}]});
    for (path, answer) in [
        (CHAT, json!({"choices": [{"message": {"content": words}}]})),
        (
            MESSAGES,
            json!({"content": [{"type": "text", "text": words}]}),
        ),
        ("/v1beta/models/gpt-4o:generateContent", gemini.clone()),
        (
            "/v1beta/models/gpt-4o:streamGenerateContent",
            json!([gemini]),
        ),
    ] {
        let mut bench = Bench::new(&json!({}));
        bench.play.breaks_off = Some(BreaksOff::Behind(600));
        let body = json!({"model": "gpt-4o", "messages": [], "contents": []});
        let answer = Message::answer("application/json", answer.to_string());
        let outcome = bench.run(&Message::post(path, body.to_string()), &answer);
        let tokens: u64 = outcome.fact("output_tokens").parse().unwrap();
        assert!((90..=121).contains(&tokens), "{path}: {tokens}");
    }
}

/// There is no text of no tokens, and a detail that makes no sense does not take the rest along.
#[test]
fn usage_is_weighed_against_what_was_seen() {
    let usage = |prompt: u64, completion: u64, total: u64, details: Value| {
        json!({"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total,
               "prompt_tokens_details": details})
    };
    let choices = json!([{"message": {"content": "one two three four"}}]);
    for (usage, expected) in [
        (usage(0, 0, 0, Value::Null), ["8", "4", "0", "estimated"]),
        (usage(8, 0, 8, Value::Null), ["8", "4", "0", "estimated"]),
        (
            usage(5000, 50, 5050, json!({"cached_tokens": 5001})),
            ["5000", "50", "0", "usage"],
        ),
        (
            usage(
                5000,
                50,
                5050,
                json!({"audio_tokens": -1, "cached_tokens": 7}),
            ),
            ["5000", "50", "7", "usage"],
        ),
        (
            usage(5000, 50, 5051, Value::Null),
            ["5000", "51", "0", "estimated"],
        ),
        // Thoughts that stand in the total alone, as far as they were reserved.
        (
            usage(8, 4, 400, Value::Null),
            ["8", "100", "0", "estimated"],
        ),
    ] {
        let answer = json!({"choices": choices, "usage": usage}).to_string();
        let answer = Message::answer("application/json", answer);
        let request = chat(&json!({"max_tokens": 100}));
        let outcome = Bench::new(&json!({})).run(&request, &answer);
        let [input, output, _, cached, _, source] = numbers(&outcome);
        assert_eq!([input, output, cached, source], expected, "{usage}");
        let fault = "weir_usage_faults_total;filter=token-limit;api=openai_chat;fault=odd";
        assert_eq!(outcome.counters.get(fault), Some(&1), "{usage}");
    }
}

/// What the content type says is not always what comes.
#[test]
fn streams_that_are_none() {
    let answer = json!({"choices": [{"message": {"content": "one two"}}],
                        "usage": {"prompt_tokens": 8, "completion_tokens": 2, "total_tokens": 10}});
    let nan = "data: {\"choices\": [NaN]}\n\ndata: [DONE]\n\n";
    for (body, expected) in [
        (answer.to_string(), ["8", "2", "usage"]),
        (format!("\n{answer:#}\n"), ["8", "2", "usage"]),
        // What cannot be read at all costs what was reserved.
        (nan.to_owned(), ["8", "50", "estimated"]),
        ("<html>".to_owned(), ["8", "50", "estimated"]),
    ] {
        for size in [1, 7, 4096] {
            let mut bench = Bench::new(&json!({}));
            bench.play.response_cuts = (0..body.len()).step_by(size).collect();
            let request = chat(&json!({"stream": true, "max_tokens": 50}));
            let answer = Message::answer("text/event-stream", body.as_str());
            let outcome = bench.run(&request, &answer);
            let [input, output, .., source] = numbers(&outcome);
            assert_eq!(
                [input.as_str(), &output, &source],
                expected,
                "{body} in {size}s"
            );
            assert_eq!(String::from_utf8_lossy(&outcome.got.body), body);
        }
    }
}

/// What the proxy or another filter answers by itself costs nothing.
#[test]
fn answers_that_are_not_the_upstreams() {
    for details in ["direct_response", "ext_authz_denied", ""] {
        let mut bench = Bench::new(&limit(json!({"requests": 1})));
        let attributes = &mut bench.play.attributes;
        attributes.insert("response/code_details".to_owned(), details.to_owned());
        for _ in 0..3 {
            let outcome = bench.run(&chat(&json!({})), &Message::answer("text/plain", "later"));
            assert_eq!(
                (outcome.status(), outcome.fact("total_tokens")),
                ("200", "0")
            );
        }
    }
}
