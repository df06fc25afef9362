//! What an exchange is charged, however it ends.

use super::*;

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
            ["8", "1024", "1032", "0", "0", "estimated"],
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
            ["900", "50", "950", "0", "0", "estimated"],
        ),
        (
            "200",
            json!({"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 9}),
            ["8", "9", "17", "0", "0", "estimated"],
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
    // All of that, and nothing else, is charged: 11 + 10 * 3 + 950 + 17 + 5008.
    let last = bench.run(&request, &used(0, 0));
    let remaining = last
        .got
        .header("x-ratelimit-remaining-tokens")
        .parse::<u64>()
        .unwrap();
    assert_eq!(1_000_000 - 58 - remaining, 11 + 30 + 950 + 17 + 5008);
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
        let at_end = &mut bench.play.attributes_at_end;
        at_end.insert("response/code_details".to_owned(), details.to_owned());
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
