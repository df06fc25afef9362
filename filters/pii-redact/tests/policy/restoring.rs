//! Answers with the values put back, whole and streamed.

use proptest::prelude::*;
use serde_json::{Value, json};
use weir_testkit::script::{BreaksOff, Message, Outcome, Play, all_cuts};

use super::{CHAT, EMAIL, chat, filter, run};

const GEMINI: &str = "/v1beta/models/g:generateContent";
const GEMINI_STREAM: &str = "/v1beta/models/g:streamGenerateContent";

/// Values as bad as they come, found as words of the operator's own.
const WILD: &str = "\"Wi\\ld\"\n\t🚀é";

fn config() -> Value {
    json!({"terms": [{"type": "TERM", "terms": [WILD]}], "types": {"IP": {"action": "mask", "restore": "content_only"}}})
}

/// A request that makes `[EMAIL_1]` to `[EMAIL_10]`, `[TERM_1]` and `[IP_1]` live.
fn request(path: &str, stream: bool) -> Message {
    let emails: Vec<_> = (1..11).map(|n| format!("p{n}@example.org")).collect();
    let text = format!("{} {WILD} 203.0.113.7", emails.join(" "));
    let body = match path {
        "/v1/responses" => json!({"input": text, "stream": stream}),
        "/v1/completions" => json!({"prompt": text, "stream": stream}),
        "/model/m/invoke" => json!({"prompt": text}),
        _ if path.starts_with("/v1beta") => json!({"contents": [{"parts": [{"text": text}]}]}),
        "/model/m/converse" => json!({"messages": [{"role": "user", "content": [{"text": text}]}]}),
        _ => json!({"messages": [{"role": "user", "content": text}], "stream": stream}),
    };
    Message::post(path, body.to_string())
}

fn value(placeholder: &str) -> String {
    match placeholder {
        "[TERM_1]" => WILD.to_owned(),
        "[IP_1]" => "203.0.113.7".to_owned(),
        email => email.replace("[EMAIL_", "p").replace(']', "@example.org"),
    }
}

/// The text with every live placeholder replaced.
fn restored(text: &str) -> String {
    let mut names: Vec<String> = (1..11).map(|n| format!("[EMAIL_{n}]")).collect();
    names.extend(["[TERM_1]".to_owned(), "[IP_1]".to_owned()]);
    names.iter().fold(text.to_owned(), |text, name| {
        text.replace(name, &value(name))
    })
}

fn play(path: &str, stream: bool, answer: &Message) -> Outcome {
    run(&config(), &request(path, stream), answer)
}

const TEXT: &str = "To [EMAIL_1], [EMAIL_10] and [EMAIL_11]: [TERM_1] [IP_1] [EMAIL_ [NAME_1]";

#[test]
fn every_json_answer_comes_back_whole() {
    let arguments = json!({"to": "[EMAIL_1]", "x": "[TERM_1] [IP_1]"}).to_string();
    let wanted = json!({"to": value("[EMAIL_1]"), "x": format!("{WILD} [IP_1]")}).to_string();
    for (path, answer, places) in [
        (
            CHAT,
            json!({"model": "[EMAIL_1]", "choices": [
            {"index": 0, "message": {"content": TEXT, "refusal": TEXT, "reasoning_content": TEXT}, "finish_reason": "stop"},
            {"index": 1, "message": {"content": null, "tool_calls": [{"id": "[EMAIL_1]", "function": {"name": "[EMAIL_1]", "arguments": arguments}}]}}]}),
            vec![
                "/choices/0/message/content",
                "/choices/0/message/refusal",
                "/choices/0/message/reasoning_content",
                "/choices/1/message/tool_calls/0/function/arguments",
            ],
        ),
        (
            "/v1/completions",
            json!({"choices": [{"text": TEXT}]}),
            vec!["/choices/0/text"],
        ),
        (
            "/v1/responses",
            json!({"output": [{"type": "message", "content": [{"type": "output_text", "text": TEXT}]},
            {"type": "function_call", "name": "f", "arguments": arguments}, {"type": "reasoning", "summary": [{"type": "summary_text", "text": TEXT}]}]}),
            vec![
                "/output/0/content/0/text",
                "/output/1/arguments",
                "/output/2/summary/0/text",
            ],
        ),
        (
            "/v1/messages",
            json!({"content": [{"type": "text", "text": TEXT}, {"type": "thinking", "thinking": TEXT}]}),
            vec!["/content/0/text", "/content/1/thinking"],
        ),
        (
            GEMINI,
            json!({"candidates": [{"content": {"parts": [{"text": TEXT}]}, "finishReason": "STOP"}]}),
            vec!["/candidates/0/content/parts/0/text"],
        ),
        (
            "/model/m/converse",
            json!({"output": {"message": {"content": [{"text": TEXT}]}}}),
            vec!["/output/message/content/0/text"],
        ),
        (
            "/model/m/invoke",
            json!({"generation": TEXT, "content": [{"text": TEXT}]}),
            vec!["/generation", "/content/0/text"],
        ),
    ] {
        let outcome = play(
            path,
            false,
            &Message::answer("application/json", answer.to_string()),
        );
        let mut expected = answer.clone();
        for place in places {
            let text = expected.pointer_mut(place).unwrap();
            *text = match text.as_str().unwrap() {
                TEXT => restored(TEXT).into(),
                _ => wanted.clone().into(),
            };
        }
        let got: Value = serde_json::from_slice(&outcome.got.body).unwrap();
        assert_eq!(got, expected, "{path}");
        assert!(
            !outcome
                .counters
                .keys()
                .any(|name| name.contains("unreadable")),
            "{path}"
        );
    }
    // Input of tools that is JSON itself.
    for (path, answer, expected) in [
        (
            "/v1/messages",
            r#"{"content":[{"type":"tool_use","input":{"a":"[TERM_1]", "b": ["[IP_1]"]}}]}"#,
            r#"{"content":[{"type":"tool_use","input":{"a":"WILD", "b": ["[IP_1]"]}}]}"#,
        ),
        (
            GEMINI,
            r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{"a":"[TERM_1]"}}}]}}]}"#,
            r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{"a":"WILD"}}}]}}]}"#,
        ),
    ] {
        let outcome = play(path, false, &Message::answer("application/json", answer));
        let wild = serde_json::to_string(WILD).unwrap();
        let expected = expected.replace("WILD", wild.trim_matches('"'));
        // The value's own quotes are escaped, so that trimming takes only the outer ones.
        assert_eq!(
            String::from_utf8(outcome.got.body).unwrap(),
            expected,
            "{path}"
        );
    }
}

#[test]
fn bytes_that_are_no_placeholder_stay() {
    let answer = "{ \"id\":\"[EMAIL_1]\",\r\n\"choices\" : [ {\"message\":{\"content\":\"caf\\u00e9 \\u005bEMAIL_1] \\/ [e mail\\\\_2] \\ud83d\",\"x\":1.0}}] }\n";
    let expected = answer
        .replace("\\u005bEMAIL_1]", "p1@example.org")
        .replace("[e mail\\\\_2]", "p2@example.org");
    let outcome = play(
        CHAT,
        false,
        &Message::answer("application/json; charset=utf-8", answer),
    );
    assert_eq!(String::from_utf8(outcome.got.body).unwrap(), expected);
}

/// Where the request wants JSON for an answer, a value in it is escaped as JSON has it.
#[test]
fn json_that_was_asked_for_stays_json() {
    let text = json!({"a": "[TERM_1]", "b": ["[EMAIL_1]"]}).to_string();
    let expected = json!({"a": WILD, "b": ["p1@example.org"]});
    for (path, extra, answer, place) in [
        (
            CHAT,
            json!({"response_format": {"type": "json_object"}}),
            json!({"choices": [{"message": {"content": text}}]}),
            "/choices/0/message/content",
        ),
        (
            CHAT,
            json!({"response_format": {"json_schema": {"name": "x", "schema": {}}, "type": "json_schema"}}),
            json!({"choices": [{"message": {"content": text}}]}),
            "/choices/0/message/content",
        ),
        (
            "/v1/responses",
            json!({"text": {"format": {"type": "json_schema", "schema": {}}}}),
            json!({"output": [{"content": [{"type": "output_text", "text": text}]}]}),
            "/output/0/content/0/text",
        ),
        (
            "/v1/messages",
            json!({"output_format": {"type": "json_schema", "schema": {}}}),
            json!({"content": [{"text": text}]}),
            "/content/0/text",
        ),
        (
            "/v1/messages",
            json!({"output_config": {"format": {"type": "json_schema", "schema": {}}}}),
            json!({"content": [{"text": text}]}),
            "/content/0/text",
        ),
        (
            GEMINI,
            json!({"generationConfig": {"responseMimeType": "application/json"}}),
            json!({"candidates": [{"content": {"parts": [{"text": text}]}}]}),
            "/candidates/0/content/parts/0/text",
        ),
    ] {
        let plain = request(path, false);
        let mut body: Value = serde_json::from_slice(&plain.body).unwrap();
        body.as_object_mut()
            .unwrap()
            .extend(extra.as_object().unwrap().clone());
        let asked = Message::post(path, body.to_string());
        let outcome = run(
            &config(),
            &asked,
            &Message::answer("application/json", answer.to_string()),
        );
        let got: Value = serde_json::from_slice(&outcome.got.body).unwrap();
        let got = got.pointer(place).unwrap().as_str().unwrap();
        assert_eq!(
            serde_json::from_str::<Value>(got).unwrap(),
            expected,
            "{path} {extra}"
        );
    }
    let stream: Vec<_> = pieces(&text, 1)
        .into_iter()
        .map(|piece| json!({"choices": [{"delta": {"content": piece}}]}))
        .collect();
    let body = json!({"messages": [{"content": WILD}, {"content": "p1@example.org"}], "stream": true, "response_format": {"type": "json_object"}});
    let outcome = run(
        &config(),
        &Message::post(CHAT, body.to_string()),
        &Message::answer("text/event-stream", events(&stream)),
    );
    let got = &texts(&outcome.got.body, &["/choices/0/delta/content"])[0];
    assert_eq!(serde_json::from_str::<Value>(got).unwrap(), expected);
}

#[test]
fn nothing_replaced_costs_nothing() {
    // No look at the answer at all: whatever it is, and in whatever pieces, it passes.
    let answer = Message::answer(
        "application/json",
        r#"{"choices":[{"message":{"content":"[EMAIL_1]"}}]}"#,
    );
    for (config, text) in [
        (json!({}), "hello"),
        (json!({"types": {"EMAIL": "report"}}), EMAIL),
        (
            json!({"types": {"EMAIL": {"action": "mask", "restore": "never"}}}),
            EMAIL,
        ),
    ] {
        let outcome = run(&config, &chat(&json!(text)), &answer);
        assert_eq!(outcome.got, answer, "{config}");
    }
}

#[test]
fn answers_that_cannot_be_read_pass_and_are_counted() {
    let json = r#"{"choices":[{"message":{"content":"[EMAIL_1]"}}]}"#;
    let long = format!(
        r#"{{"choices":[{{"message":{{"content":"[EMAIL_1]{}"}}}}]}}"#,
        "x".repeat(9_000_000)
    );
    for (what, answer) in [
        (
            "compressed",
            Message::answer("application/json", json).with("content-encoding", "gzip"),
        ),
        (
            "binary",
            Message::answer("application/vnd.amazon.eventstream", json),
        ),
        ("HTML", Message::answer("text/html", json)),
        (
            "no object",
            Message::answer("application/json", "\"[EMAIL_1]\""),
        ),
        ("too long", Message::answer("application/json", long)),
    ] {
        let outcome = run(&json!({}), &chat(&json!(EMAIL)), &answer);
        assert_eq!(outcome.got.body, answer.body, "{what}");
        let name =
            "weir_unreadable_bodies_total;filter=pii-redact;api=openai_chat;direction=response";
        assert_eq!(outcome.counters.get(name), Some(&1), "{what}");
    }
}

/// A stream of events with these data; an event has a name if its data has a type.
fn events(data: &[Value]) -> String {
    let event = |data: &Value| match data["type"].as_str() {
        Some(name) => format!("event: {name}\ndata: {data}\n\n"),
        None => format!("data: {data}\n\n"),
    };
    data.iter().map(event).collect()
}

/// The data of each event.
fn data(stream: &[u8]) -> Vec<Value> {
    let text = String::from_utf8(stream.to_vec()).unwrap();
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let lines = text.lines().filter_map(|line| line.strip_prefix("data:"));
    lines
        .filter_map(|data| serde_json::from_str(data).ok())
        .collect()
}

/// What a client makes of a stream: each text by where it stands in an event.
fn texts(stream: &[u8], places: &[&str]) -> Vec<String> {
    let all = data(stream);
    let joined = |place: &&str| -> String {
        let (condition, pointer) = place.split_once('@').unwrap_or(("", place));
        let of_place = all.iter().filter(|event| {
            condition
                .split('&')
                .filter(|c| !c.is_empty())
                .all(|condition| {
                    let (at, value) = condition.split_once('=').unwrap();
                    event
                        .pointer(at)
                        .is_some_and(|v| v.to_string().trim_matches('"') == value)
                })
        });
        of_place
            .filter_map(|event| event.pointer(pointer)?.as_str())
            .collect()
    };
    places.iter().map(joined).collect()
}

fn pieces(text: &str, size: usize) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    chars
        .chunks(size)
        .map(|piece| piece.iter().collect())
        .collect()
}

/// A stream of this API that says `TEXT` in these pieces, then calls a tool if it can.
fn stream(path: &str, size: usize) -> (String, Vec<&'static str>) {
    let mut all = Vec::new();
    let arguments = json!({"to": "[EMAIL_1]", "x": "[TERM_1] [IP_1]"}).to_string();
    let (text, arguments) = (pieces(TEXT, size), pieces(&arguments, size));
    let end = match path {
        CHAT => {
            let chunk = |index: u64, delta: Value, reason: Value| json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [{"index": index, "delta": delta, "finish_reason": reason}]});
            all.push(chunk(
                0,
                json!({"role": "assistant", "content": ""}),
                Value::Null,
            ));
            // Two choices take turns.
            let rounds = text.len().max(arguments.len());
            for at in 0..rounds {
                if let Some(piece) = text.get(at) {
                    all.push(chunk(0, json!({"content": piece}), Value::Null));
                }
                if let Some(piece) = arguments.get(at) {
                    let mut call = json!({"index": 0, "function": {"arguments": piece}});
                    if at == 0 {
                        call["id"] = "call".into();
                        call["function"]["name"] = "f".into();
                    }
                    all.push(chunk(1, json!({"tool_calls": [call]}), Value::Null));
                }
            }
            all.push(chunk(1, json!({}), json!("tool_calls")));
            all.push(chunk(0, json!({}), json!("stop")));
            "data: [DONE]\n\n"
        }
        "/v1/completions" => {
            all.extend(text.iter().map(
                |piece| json!({"choices": [{"index": 0, "text": piece, "finish_reason": null}]}),
            ));
            "data: [DONE]\n\n"
        }
        "/v1/responses" => {
            all.extend(text.iter().map(|piece| json!({"type": "response.output_text.delta", "item_id": "i", "output_index": 0, "content_index": 0, "delta": piece})));
            all.push(json!({"type": "response.output_text.done", "item_id": "i", "output_index": 0, "content_index": 0, "text": TEXT}));
            all.extend(arguments.iter().map(|piece| json!({"type": "response.function_call_arguments.delta", "item_id": "j", "output_index": 1, "delta": piece})));
            let whole = arguments.concat();
            all.push(json!({"type": "response.function_call_arguments.done", "item_id": "j", "output_index": 1, "arguments": whole}));
            all.push(json!({"type": "response.completed", "response": {"output": [{"type": "message", "content": [{"type": "output_text", "text": TEXT}]}, {"type": "function_call", "arguments": whole}]}}));
            ""
        }
        "/v1/messages" => {
            all.push(json!({"type": "message_start", "message": {"content": []}}));
            all.push(json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}));
            for piece in &text {
                all.push(json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}}));
                all.push(json!({"type": "ping"}));
            }
            all.push(json!({"type": "content_block_stop", "index": 0}));
            all.push(json!({"type": "content_block_start", "index": 1, "content_block": {"type": "tool_use", "name": "f", "input": {}}}));
            all.extend(arguments.iter().map(|piece| json!({"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": piece}})));
            all.push(json!({"type": "content_block_stop", "index": 1}));
            all.push(json!({"type": "message_stop"}));
            ""
        }
        _ => {
            let last = text.len() - 1;
            all.extend(text.iter().enumerate().map(|(at, piece)| {
                let mut candidate =
                    json!({"content": {"parts": [{"text": piece}], "role": "model"}, "index": 0});
                if at == last {
                    candidate["finishReason"] = "STOP".into();
                }
                json!({"candidates": [candidate]})
            }));
            ""
        }
    };
    let places = match path {
        CHAT => vec![
            "/choices/0/index=0@/choices/0/delta/content",
            "/choices/0/index=1@/choices/0/delta/tool_calls/0/function/arguments",
            "/choices/0/index=1@/choices/0/delta/tool_calls/0/id",
        ],
        "/v1/completions" => vec!["/choices/0/text"],
        "/v1/responses" => vec![
            "/type=response.output_text.delta@/delta",
            "/type=response.function_call_arguments.delta@/delta",
            "/type=response.output_text.done@/text",
            "/type=response.function_call_arguments.done@/arguments",
            "/response/output/0/content/0/text",
            "/response/output/1/arguments",
        ],
        "/v1/messages" => vec!["/index=0@/delta/text", "/index=1@/delta/partial_json"],
        _ => vec!["/candidates/0/content/parts/0/text"],
    };
    (events(&all) + end, places)
}

/// What all of them say in the end.
fn meant(path: &str) -> Vec<String> {
    let text = restored(TEXT);
    let arguments = json!({"to": value("[EMAIL_1]"), "x": format!("{WILD} [IP_1]")}).to_string();
    match path {
        CHAT => vec![text, arguments, "call".into()],
        "/v1/responses" => vec![
            text.clone(),
            arguments.clone(),
            text.clone(),
            arguments.clone(),
            text,
            arguments,
        ],
        "/v1/messages" => vec![text, arguments],
        _ => vec![text],
    }
}

const STREAMS: [&str; 5] = [
    CHAT,
    "/v1/completions",
    "/v1/responses",
    "/v1/messages",
    "/v1beta/models/g:streamGenerateContent?alt=sse",
];

#[test]
fn every_stream_comes_back_whole_whatever_the_deltas() {
    for path in STREAMS {
        for size in [1, 2, 3, 5, 8, 13, 1000] {
            let (stream, places) = stream(path, size);
            for end in ["\n", "\r\n", "\r"] {
                let answer = Message::answer("text/event-stream", stream.replace('\n', end));
                let outcome = play(path, true, &answer);
                let got = &outcome.got.body;
                assert_eq!(
                    texts(got, &places),
                    meant(path),
                    "{path} {size} {end:?}: {}",
                    String::from_utf8_lossy(got)
                );
            }
        }
    }
}

#[test]
fn every_cut_of_a_stream_gives_the_same_bytes() {
    for path in STREAMS {
        let (stream, _) = stream(path, 3);
        let answer = Message::answer("text/event-stream", stream);
        let (filter, request) = (filter(&config()), request(path, true));
        let mut expected = None;
        let step = answer.body.len() / 400 + 1;
        for (at, response_cuts) in all_cuts(answer.body.len()).into_iter().enumerate() {
            if at > 2 && at % step != 0 {
                continue;
            }
            let play = Play {
                response_cuts,
                ..Play::default()
            };
            let got = play.run(&filter, &request, |_| answer.clone()).got.body;
            let expected = expected.get_or_insert_with(|| got.clone());
            assert!(
                got == *expected,
                "{path} cut {at}: {}",
                String::from_utf8_lossy(&got)
            );
        }
    }
}

/// The text ends inside what could have become a placeholder: nothing of it is lost, wherever
/// and however the stream ends.
#[test]
fn what_is_held_back_comes_when_its_text_ends() {
    let chat = |delta: Value, reason: Value| json!({"id": "c", "model": "m", "usage": {"x": 1}, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]});
    let half = chat(
        json!({"role": "assistant", "content": "see [EMAIL_1"}),
        Value::Null,
    );
    let stop = chat(json!({}), json!("stop"));
    let both = chat(json!({"content": "see [EMAIL_1"}), json!("stop"));
    let call = chat(
        json!({"tool_calls": [{"index": 0, "id": "i", "type": "function", "function": {"name": "f", "arguments": "see [EMAIL_1"}}]}),
        Value::Null,
    );
    let block = json!({"type": "content_block_delta", "index": 2, "delta": {"type": "text_delta", "text": "see [EMAIL_1"}});
    let thought = json!({"type": "content_block_delta", "index": 2, "delta": {"type": "thinking_delta", "thinking": "see [EMAIL_1"}});
    let over = json!({"type": "content_block_stop", "index": 2});
    let spoken = json!({"type": "response.output_text.delta", "item_id": "i", "output_index": 0, "content_index": 0, "delta": "see [EMAIL_1", "logprobs": []});
    let said = json!({"type": "response.output_text.done", "item_id": "i", "output_index": 0, "content_index": 0, "text": "see [EMAIL_1"});
    let part = json!({"candidates": [{"content": {"parts": [{"text": "see [EMAIL_1", "thought": true}], "role": "model"}}]});
    let rest_of = |event: &Value, text: &str| {
        let mut rest = event.clone();
        for place in [
            "/choices/0/delta/content",
            "/delta/text",
            "/delta/thinking",
            "/delta",
            "/candidates/0/content/parts/0/text",
            "/choices/0/delta/tool_calls/0/function/arguments",
        ] {
            if let Some(Value::String(old)) = rest.pointer_mut(place) {
                *old = text.to_owned();
            }
        }
        rest
    };
    let done = "data: [DONE]\n\n";
    // The events as sent, what comes behind them, and the one that is put in before that.
    for (path, given, tail, made) in [
        (
            CHAT,
            vec![half.clone(), stop.clone()],
            done,
            r#"{"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"[EMAIL_1"},"finish_reason":null}]}"#,
        ),
        (
            CHAT,
            vec![half.clone()],
            done,
            r#"{"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"[EMAIL_1"},"finish_reason":null}]}"#,
        ),
        (
            CHAT,
            vec![half.clone()],
            "",
            r#"{"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"[EMAIL_1"},"finish_reason":null}]}"#,
        ),
        (
            CHAT,
            vec![call, stop],
            done,
            r#"{"id":"c","model":"m","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"type":"function","function":{"arguments":"[EMAIL_1"}}]},"finish_reason":null}]}"#,
        ),
        (
            "/v1/messages",
            vec![block, over.clone()],
            "",
            r#"{"type":"content_block_delta","index":2,"delta":{"type":"text_delta","text":"[EMAIL_1"}}"#,
        ),
        (
            "/v1/messages",
            vec![thought, over],
            "",
            r#"{"type":"content_block_delta","index":2,"delta":{"type":"thinking_delta","thinking":"[EMAIL_1"}}"#,
        ),
        (
            "/v1/responses",
            vec![spoken, said],
            "",
            r#"{"type":"response.output_text.delta","item_id":"i","output_index":0,"content_index":0,"delta":"[EMAIL_1"}"#,
        ),
        (
            "/v1beta/models/g:streamGenerateContent?alt=sse",
            vec![part],
            "",
            r#"{"candidates":[{"content":{"parts":[{"text":"[EMAIL_1","thought":true}]}}]}"#,
        ),
    ] {
        let stream = events(&given) + tail;
        let outcome = play(
            path,
            true,
            &Message::answer("text/event-stream", stream.clone()),
        );
        let made: Value = serde_json::from_str(made).unwrap();
        let mut expected = given.clone();
        expected[0] = rest_of(&given[0], "see ");
        expected.insert(1, made.clone());
        let got = String::from_utf8(outcome.got.body).unwrap();
        assert_eq!(data(got.as_bytes()), expected, "{got}");
        assert!(got.ends_with(tail));
        if let Some(name) = made["type"].as_str() {
            assert_eq!(got.matches(&format!("event: {name}\n")).count(), 2, "{got}");
        }
        // Without a last blank line, or a last line end.
        for cut in 1..3 {
            let cut = &stream[..stream.len() - cut];
            let outcome = play(path, true, &Message::answer("text/event-stream", cut));
            assert_eq!(data(&outcome.got.body), expected, "{cut:?}");
        }
    }
    // The end and the last piece in one event: nothing has to be put in.
    let stream = events(&[both]) + done;
    let outcome = play(
        CHAT,
        true,
        &Message::answer("text/event-stream", stream.clone()),
    );
    assert_eq!(String::from_utf8(outcome.got.body).unwrap(), stream);
}

#[test]
fn a_list_of_answers_runs_on_from_one_to_the_next() {
    for text in [TEXT, "ends in [EMAIL_1"] {
        for size in [1, 4, 7, 1000] {
            let elements: Vec<_> = pieces(text, size)
                .into_iter()
                .map(|piece| json!({"candidates": [{"content": {"parts": [{"text": piece}, {"functionCall": {"args": {"a": "[EM", "b": "[EMAIL_2]"}}}]}}]}))
                .collect();
            let answer = Message::answer("application/json", json!(elements).to_string());
            let outcome = play(GEMINI_STREAM, true, &answer);
            let got: Value = serde_json::from_slice(&outcome.got.body).unwrap();
            let joined: String = got
                .as_array()
                .unwrap()
                .iter()
                .map(|e| {
                    e["candidates"][0]["content"]["parts"][0]["text"]
                        .as_str()
                        .unwrap()
                })
                .collect();
            assert_eq!(joined, restored(text), "{size}");
            for element in got.as_array().unwrap() {
                let args = &element["candidates"][0]["content"]["parts"][1]["functionCall"]["args"];
                assert_eq!(*args, json!({"a": "[EM", "b": "p2@example.org"}), "{size}");
            }
        }
    }
}

/// A delta that cannot begin a placeholder leaves in the callback in which it came.
#[test]
fn nothing_is_held_that_need_not_be() {
    let chunk =
        |text: &str| events(&[json!({"choices": [{"index": 0, "delta": {"content": text}}]})]);
    let (request, filter) = (request(CHAT, true), filter(&config()));
    for (text, out) in [
        ("hello", "hello"),
        ("a [x", "a [x"),
        ("[EMAIL_1] b", "p1@example.org b"),
        ("see [EM", "see "),
    ] {
        let first = chunk(text);
        // The stream breaks off behind the event: what has not left by then never does.
        let play = Play {
            breaks_off: Some(BreaksOff::Behind(first.len())),
            ..Play::default()
        };
        let answer = Message::answer("text/event-stream", first.clone() + &chunk("more"));
        let outcome = play.run(&filter, &request, |_| answer.clone());
        assert_eq!(
            String::from_utf8(outcome.got.body).unwrap(),
            chunk(out),
            "{text}"
        );
    }
}

#[test]
fn an_answer_cannot_grow_without_end() {
    let value = "x".repeat(900);
    let config = json!({"max_body_bytes": 20_000, "terms": [{"type": "LONG", "terms": [value]}]});
    let text = "[LONG_1] ".repeat(2000);
    let request = chat(&json!(value));
    for (kind, body) in [
        (
            "application/json",
            json!({"choices": [{"message": {"content": text}}]}).to_string(),
        ),
        (
            "text/event-stream",
            events(&[json!({"choices": [{"delta": {"content": text}}]})]),
        ),
    ] {
        let outcome = run(&config, &request, &Message::answer(kind, body.clone()));
        let got = String::from_utf8(outcome.got.body).unwrap();
        assert_eq!(
            got.matches(&value).count(),
            20_000 / (value.len() - "[LONG_1]".len())
        );
        assert_eq!(got.replace(&value, "[LONG_1]"), body);
    }
}

#[test]
fn a_stream_with_texts_without_number_is_passed_and_counted() {
    let many: Vec<_> = (0..200)
        .map(|n| json!({"choices": [{"index": n, "delta": {"content": "[EMAIL_1] [EMAIL_"}}]}))
        .collect();
    let outcome = play(
        CHAT,
        true,
        &Message::answer("text/event-stream", events(&many)),
    );
    let got = data(&outcome.got.body);
    for n in 0..200 {
        let of_choice = got.iter().filter(|event| event["choices"][0]["index"] == n);
        let text: String = of_choice
            .map(|event| event["choices"][0]["delta"]["content"].as_str().unwrap())
            .collect();
        assert_eq!(text, "p1@example.org [EMAIL_", "{n}");
    }
    assert!(
        outcome
            .counters
            .keys()
            .any(|name| name.contains("direction=response")),
        "{:?}",
        outcome.counters
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// An upstream that says what it heard gives back what was said, whole and in any deltas.
    #[test]
    fn what_is_echoed_comes_back(words in prop::collection::vec(prop_oneof![
        Just("jane@example.org".to_owned()), Just("joe@example.org".to_owned()),
        Just("4111 1111 1111 1111".to_owned()), Just(WILD.to_owned()), Just("password: Tr0ub4dor&3 ".to_owned()),
        Just("[EMAIL_1]".to_owned()), Just("[EMAIL_".to_owned()), Just("[".to_owned()), Just("\\".to_owned()),
        "[ -~]{0,9}", "\\PC{0,4}",
    ], 0..12), size in 1_usize..20) {
        let text = words.join(" ");
        let filter = filter(&config());
        let outcome = Play::default().run(&filter, &chat(&json!(text)), |sent| {
            let heard: Value = serde_json::from_slice(&sent.body).unwrap();
            Message::answer("application/json", json!({"choices": [{"message": heard["messages"][0]}]}).to_string())
        });
        let got: Value = serde_json::from_slice(&outcome.got.body).unwrap();
        prop_assert_eq!(got["choices"][0]["message"]["content"].as_str().unwrap(), &text);
        let outcome = Play::default().run(&filter, &chat(&json!(text)), |sent| {
            let heard: Value = serde_json::from_slice(&sent.body).unwrap();
            let heard = heard["messages"][0]["content"].as_str().unwrap();
            let chunks: Vec<_> = pieces(heard, size).into_iter().map(|piece| json!({"choices": [{"index": 0, "delta": {"content": piece}}]})).collect();
            Message::answer("text/event-stream", events(&chunks) + "data: [DONE]\n\n")
        });
        prop_assert_eq!(&texts(&outcome.got.body, &["/choices/0/delta/content"])[0], &text);
    }

    /// A request in which nothing is found leaves as it came, and so does its answer.
    #[test]
    fn nothing_found_nothing_changed(text in "[a-z \\\\\"{}\\[\\]é🚀]{0,60}") {
        let answer = Message::answer("application/json", json!({"choices": [{"message": {"content": text}}]}).to_string());
        let request = chat(&json!(text));
        let outcome = run(&json!({}), &request, &answer);
        prop_assert_eq!(outcome.sent.unwrap().body, request.body);
        prop_assert_eq!(outcome.got, answer);
    }
}
