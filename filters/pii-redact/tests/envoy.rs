//! The promises of README.md, in real Envoy with two workers.

#![allow(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used
)]

use std::path::Path;

use serde_json::{Value, json};
use weir_testkit::client::{Request, Response};
use weir_testkit::rig::{Rig, model_router, pii_redact, token_limit};

const CHAT: &str = "/v1/chat/completions";
const TEXT: &str = "Mail jane.roe@example.org or joe@example.org from 203.0.113.7, \"jane.roe@example.org\"\n\
                    said: 4111 1111 1111 1111 \\ 🚀 [EMAIL_1] [EMAIL_ password: Tr0ub\\4dor&3\"x";
const VALUES: [&str; 4] = ["jane.roe@", "joe@", "203.0.113.7", "4111 1111"];

async fn rig(config: Value) -> Rig {
    Rig::start(&["openai"], |b| b.wasm(pii_redact(config))).await
}

/// A request of each API for `text`, by its path; with a tool if it can.
fn asks(text: &str) -> Vec<(&'static str, Value)> {
    let user = json!([{"role": "user", "content": text}]);
    let contents = json!([{"role": "user", "parts": [{"text": text}]}]);
    let converse = json!([{"role": "user", "content": [{"text": text}]}]);
    let parameters = json!({"type": "object", "properties": {"text": {"type": "string"}}});
    let tools = json!([{"type": "function", "function": {"name": "f", "parameters": parameters}}]);
    let claude = json!([{"name": "f", "input_schema": parameters}]);
    vec![
        (CHAT, json!({"messages": user, "tools": tools})),
        (
            CHAT,
            json!({"messages": user, "tools": tools, "stream": true}),
        ),
        (CHAT, json!({"messages": user, "stream": true, "n": 3})),
        ("/v1/completions", json!({"prompt": text})),
        ("/v1/completions", json!({"prompt": text, "stream": true})),
        (
            "/v1/responses",
            json!({"input": text, "tools": [{"type": "function", "name": "f", "parameters": parameters}]}),
        ),
        (
            "/v1/responses",
            json!({"input": text, "stream": true, "tools": [{"type": "function", "name": "f", "parameters": parameters}]}),
        ),
        (
            "/v1/messages",
            json!({"max_tokens": 999, "messages": user, "tools": claude}),
        ),
        (
            "/v1/messages",
            json!({"max_tokens": 999, "messages": user, "tools": claude, "stream": true}),
        ),
        (
            "/v1beta/models/gpt-4o:generateContent",
            json!({"contents": contents, "tools": [{"functionDeclarations": [{"name": "f"}]}]}),
        ),
        (
            "/v1beta/models/gpt-4o:streamGenerateContent?alt=sse",
            json!({"contents": contents}),
        ),
        (
            "/v1beta/models/gpt-4o:streamGenerateContent",
            json!({"contents": contents}),
        ),
        ("/model/gpt-4o/converse", json!({"messages": converse})),
    ]
}

/// Every text of an answer or of its events that a client would join, by where it stands.
fn said(answer: &Response) -> Vec<(String, String)> {
    let events: Vec<Value> = match serde_json::from_slice(&answer.body) {
        Ok(Value::Array(list)) => list,
        Ok(whole) => vec![whole],
        Err(_) => {
            let events = answer.sse().into_iter();
            events
                .filter_map(|(_, data)| serde_json::from_str(&data).ok())
                .collect()
        }
    };
    let mut said: Vec<(String, String)> = Vec::new();
    for event in &events {
        let index = |at: &str| event.pointer(at).map(Value::to_string).unwrap_or_default();
        let channel = [index("/type"), index("/choices/0/index"), index("/index")].join(" ");
        leaves(event, &channel, &mut |place, text| match said
            .iter_mut()
            .find(|(known, _)| *known == place)
        {
            Some((_, joined)) => joined.push_str(text),
            None => said.push((place, text.to_owned())),
        });
    }
    // Arguments are JSON, in which a value may be escaped in more than one way.
    for (_, text) in &mut said {
        if text.starts_with('{') {
            *text = serde_json::from_str::<Value>(text)
                .unwrap_or_else(|e| panic!("{e}: {text}"))
                .to_string();
        }
    }
    said
}

fn leaves(value: &Value, place: &str, leaf: &mut dyn FnMut(String, &str)) {
    const TEXTS: [&str; 8] = [
        "content",
        "text",
        "arguments",
        "delta",
        "partial_json",
        "thinking",
        "input",
        "refusal",
    ];
    match value {
        Value::Object(map) => map
            .iter()
            .for_each(|(key, value)| leaves(value, &format!("{place}/{key}"), leaf)),
        Value::Array(list) => list
            .iter()
            .enumerate()
            .for_each(|(at, value)| leaves(value, &format!("{place}/{at}"), leaf)),
        Value::String(text)
            if TEXTS.iter().any(|key| {
                place.ends_with(&format!("/{key}"))
                    || place.contains("/args/")
                    || place.contains("/input/")
            }) =>
        {
            leaf(place.to_owned(), text)
        }
        _ => {}
    }
}

fn body_sent(rig: &Rig) -> String {
    let requests = rig.upstream("openai").requests();
    String::from_utf8(requests.last().unwrap().body.to_vec()).unwrap()
}

/// What the upstream heard holds no value; what the caller reads is what it would have read
/// without us, in every API, whole and streamed in every way.
#[tokio::test]
async fn everything_comes_back_and_nothing_gets_out() {
    let rig = rig(json!({})).await;
    let bare = Rig::start(&["openai"], |b| b).await;
    let mut sent = 0;
    for (path, mut body) in asks(TEXT) {
        body["model"] = "gpt-4o".into();
        let calls = match body.get("tools") {
            Some(_) => vec![false, true],
            None => vec![false],
        };
        for call in calls {
            for headers in [
                vec![],
                vec![("x-mock-deltas", "chars")],
                vec![("x-mock-deltas", "chars"), ("x-mock-cut", "1")],
                vec![
                    ("x-mock-cut", "7"),
                    ("x-mock-line-end", "crlf"),
                    ("x-mock-comments", "true"),
                ],
                vec![
                    ("x-mock-deltas", "chars"),
                    ("x-mock-line-end", "cr"),
                    ("x-mock-no-space", "true"),
                    ("x-mock-no-final-newline", "true"),
                ],
                vec![("x-mock-bom", "true"), ("x-mock-trailers", "true")],
                vec![("x-mock-multi-data", "true"), ("x-mock-deltas", "chars")],
            ] {
                let request = || {
                    let request = Request::post(path)
                        .header("x-mock-usage", "none")
                        .header("x-mock-tool-call", call.to_string());
                    let request = headers.iter().fold(request, |request, (name, value)| {
                        request.header(name, value)
                    });
                    request.json(&body)
                };
                let client = if sent % 2 == 0 { rig.h1() } else { rig.h2() };
                let (with, without) = (
                    client.send(request()).await.ok(),
                    bare.h1().send(request()).await.ok(),
                );
                sent += 1;
                let heard = body_sent(&rig);
                for value in VALUES {
                    assert!(!heard.contains(value), "{path} {heard}");
                }
                for placeholder in ["[EMAIL_2]", "[EMAIL_3]", "[CARD_1]", "[IP_1]"] {
                    assert!(heard.contains(placeholder), "{path} {heard}");
                }
                let (said_with, said_without) = (said(&with), said(&without));
                assert_eq!(said_with, said_without, "{path} {headers:?} {call}");
                assert!(
                    said_with
                        .iter()
                        .any(|(_, text)| text.contains("jane.roe@example.org")),
                    "{path} {headers:?} {with:?}"
                );
                // In one piece, everything else is the same, too.
                if body.get("stream").is_none() && !path.contains("stream") && !call {
                    assert_eq!(with.text(), without.text(), "{path}");
                }
            }
        }
    }
    let log = rig.envoy.access_log(sent).await;
    for line in &log {
        assert_eq!(
            (&line["rule"], &line["verdict"]),
            (&json!("default"), &json!("allowed")),
            "{line}"
        );
        assert!(
            line["redacted"].as_str().unwrap().starts_with("EMAIL=3,"),
            "{line}"
        );
    }
    let metrics = rig.envoy.prometheus().await;
    let line = format!(
        r#"weir_redactions_total{{rule="default",direction="request",type="EMAIL",action="mask"}} {}"#,
        3 * sent
    );
    assert!(metrics.contains(&line), "{line} in\n{metrics}");
    assert!(!metrics.contains(r#"direction="response""#), "{metrics}");
    rig.envoy.assert_no_crash();
}

/// Bedrock's binary streams pass as they are, which is counted.
#[tokio::test]
async fn binary_streams_pass_and_are_counted() {
    let rig = rig(json!({})).await;
    let messages = json!([{"role": "user", "content": [{"text": "mail jane.roe@example.org"}]}]);
    let request =
        Request::post("/model/gpt-4o/converse-stream").json(&json!({"messages": messages}));
    let answer = rig.h1().send(request).await.ok();
    assert!(body_sent(&rig).contains("mail [EMAIL_1]"));
    assert!(String::from_utf8_lossy(&answer.body).contains("[EMAIL_1]"));
    rig.envoy.access_log(1).await;
    let line = r#"weir_unreadable_bodies_total{filter="pii-redact",api="bedrock_converse",direction="response"} 1"#;
    let metrics = rig.envoy.prometheus().await;
    assert!(metrics.contains(line), "{line} in\n{metrics}");
    rig.envoy.assert_no_crash();
}

/// A delta has left before the next one is there, also one that ends in what may become a
/// placeholder.
#[tokio::test]
async fn no_delta_waits_for_another() {
    let rig = rig(json!({})).await;
    let messages = json!([{"role": "user", "content": "jane.roe@example.org"}]);
    let request = Request::post(CHAT)
        .header("x-mock-text", "One two [EMAIL_1] three [EMA four five")
        .header("x-mock-event-delay-ms", "300")
        .json(&json!({"model": "gpt-4o", "stream": true, "messages": messages}));
    let mut streaming = rig.h2().send_streaming(request).await;
    let mut arrived = Vec::new();
    while let Some(chunk) = streaming.chunk().await {
        arrived.push(String::from_utf8(chunk.to_vec()).unwrap());
    }
    // Had one waited for another, they would have come in one piece.
    for piece in &arrived {
        assert!(piece.matches("data: {").count() <= 1, "{arrived:?}");
    }
    let words = arrived
        .iter()
        .filter(|piece| piece.contains("\"content\":\""))
        .count();
    assert!(words >= 7, "{arrived:?}");
    assert!(arrived.concat().contains("jane.roe@example.org"));
    rig.envoy.assert_no_crash();
}

/// Blocked with types and counts, in the words of the caller's API, and never sent.
#[tokio::test]
async fn what_is_blocked_is_never_sent() {
    let rig = rig(json!({"hold": true, "types": {"CARD": "block", "EMAIL": "report"}})).await;
    let mut refused = 0;
    for (path, mut body) in asks(TEXT) {
        body["model"] = "gpt-4o".into();
        let answer = rig.h2().send(Request::post(path).json(&body)).await;
        refused += 1;
        assert_eq!(answer.status, 400, "{path} {answer:?}");
        let text = answer.text();
        assert!(
            text.contains("CARD: 1") && !text.contains("EMAIL"),
            "{path} {text}"
        );
        for value in VALUES {
            assert!(!text.contains(value), "{path} {text}");
        }
    }
    assert_eq!(rig.upstream("openai").count(), 0);
    for line in rig.envoy.access_log(refused).await {
        assert_eq!(
            (&line["rule"], &line["verdict"]),
            (&json!("default"), &json!("blocked")),
            "{line}"
        );
    }
    rig.envoy.assert_no_crash();
}

/// What the model says by itself is masked, what the request brought is not.
#[tokio::test]
async fn what_the_model_lets_out_is_masked() {
    let rig = rig(json!({"response": {"types": ["personal"]}})).await;
    let ask = |stream: bool, deltas: &str| {
        let messages = json!([{"role": "user", "content": "jane.roe@example.org"}]);
        Request::post(CHAT)
            .header(
                "x-mock-text",
                "You, [EMAIL_1], and joe@example.com. [EMAIL_",
            )
            .header("x-mock-deltas", deltas)
            .json(&json!({"model": "gpt-4o", "stream": stream, "messages": messages}))
    };
    for (stream, deltas) in [(false, "words"), (true, "words"), (true, "chars")] {
        let answer = rig.h1().send(ask(stream, deltas)).await.ok();
        let said: String = said(&answer).into_iter().map(|(_, text)| text).collect();
        assert_eq!(
            said, "You, jane.roe@example.org, and [EMAIL]. [EMAIL_",
            "{answer:?}"
        );
    }
    rig.envoy.access_log(3).await;
    let line = r#"weir_redactions_total{rule="default",direction="response",type="EMAIL",action="mask"} 3"#;
    let metrics = rig.envoy.prometheus().await;
    assert!(metrics.contains(line), "{line} in\n{metrics}");
    rig.envoy.assert_no_crash();
}

/// The values of the labelled set.
fn fixtures() -> Vec<(String, Vec<String>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/pii");
    let mut found = Vec::new();
    for name in ["core", "secret", "national", "context"] {
        let file = std::fs::read_to_string(folder.join(format!("{name}.jsonl"))).unwrap();
        for line in file.lines() {
            let case: Value = serde_json::from_str(line).unwrap();
            let text = case["text"].as_str().unwrap();
            let at =
                |label: &Value, key: &str| usize::try_from(label[key].as_u64().unwrap()).unwrap();
            let labels = case["labels"].as_array().unwrap().iter();
            let values = labels.map(|label| text[at(label, "start")..at(label, "end")].to_owned());
            found.push((text.to_owned(), values.collect()));
        }
    }
    assert!(found.len() > 500, "{}", found.len());
    found
}

/// Whatever becomes of a request, nothing that Envoy writes holds a value of it.
#[tokio::test]
async fn no_value_is_ever_written() {
    let config = json!({
        "hash_key": "0123456789abcdef",
        "types": {"names": "mask"},
        "rules": [
            {"name": "block", "match": {"headers": {"x-way": "block"}}, "types": {"all": "block"}},
            {"name": "hash", "match": {"headers": {"x-way": "hash"}}, "types": {"all": "hash"}},
            {"name": "report", "match": {"headers": {"x-way": "report"}}, "types": {"all": "report"}},
            {"name": "shadow", "match": {"headers": {"x-way": "shadow"}}, "types": {"all": "block"}, "shadow": true},
        ],
    });
    let rig = Rig::start(&["openai"], |b| {
        b.wasm(pii_redact(config)).wasm(token_limit(
            json!({"limits": [{"name": "l", "tokens": 1_000_000_000, "window": "day", "per": []}]}),
        ))
    })
    .await;
    let ways = [
        "mask", "block", "hash", "report", "shadow", "broken", "error", "mask",
    ];
    let client = rig.h2();
    let mut values = Vec::new();
    let mut sent = 0;
    for (at, (text, of_text)) in fixtures().into_iter().enumerate() {
        let way = ways[at % ways.len()];
        let body = json!({"model": "gpt-4o", "stream": at % 3 == 0, "messages": [{"role": "user", "content": text}]}).to_string();
        let body = if way == "broken" {
            body[..body.len() - 2].to_owned()
        } else {
            body
        };
        let request = Request::post(CHAT)
            .header("content-type", "application/json")
            .header("x-way", way)
            .body(body);
        let request = if way == "error" {
            request.header("x-mock-status", "500")
        } else {
            request
        };
        let answer = client.send(request).await;
        match way {
            "block" => assert!([200, 400].contains(&answer.status), "{answer:?}"),
            "broken" => assert_eq!(answer.status, 400),
            "error" => assert_eq!(answer.status, 500),
            _ => assert_eq!(answer.status, 200, "{answer:?}"),
        }
        if answer.status == 400 {
            for value in &of_text {
                assert!(
                    !answer.text().contains(value.as_str()),
                    "{value} in {answer:?}"
                );
            }
        }
        values.extend(of_text);
        sent += 1;
    }
    let access: String = rig
        .envoy
        .access_log(sent)
        .await
        .iter()
        .map(Value::to_string)
        .collect();
    let written = [rig.envoy.log(), access, rig.envoy.prometheus().await];
    for value in values.iter().filter(|value| value.len() > 5) {
        for written in &written {
            assert!(!written.contains(value.as_str()), "{value}");
        }
    }
    rig.envoy.assert_no_crash();
}

/// Behind model-router and before token-limit: counted is what is sent.
#[tokio::test]
async fn tokens_are_those_of_what_is_sent() {
    let router = json!({"models": {"fast": {"provider": "openai", "upstream_model": "gpt-4o"}}, "restore_model": true});
    for hold in [false, true] {
        let rig = Rig::start(&["openai"], |b| {
            b.wasm(model_router(router.clone()))
                .wasm(pii_redact(json!({"hold": hold})))
                .wasm(token_limit(json!({})))
        })
        .await;
        let ask = |text: &str, stream: bool| {
            let messages = json!([{"role": "user", "content": text}]);
            Request::post(CHAT)
                .json(&json!({"model": "fast", "stream": stream, "messages": messages}))
        };
        let long = "jane.roe.with.a.long.name.indeed@department.of.things.example.org";
        let mut count = 0;
        for stream in [false, true] {
            for text in [format!("mail {long}"), "mail [EMAIL_1]".to_owned()] {
                let answer = rig.h1().send(ask(&text, stream)).await.ok();
                let said = said(&answer);
                assert!(
                    said.iter().any(|(_, said)| said.contains(&text)),
                    "{said:?}"
                );
                assert!(answer.text().contains("\"model\":\"fast\""), "{answer:?}");
                count += 1;
            }
        }
        let log = rig.envoy.access_log(count).await;
        for key in ["input_tokens", "output_tokens", "tokens_source"] {
            let first = &log[0][key];
            assert!(log.iter().all(|line| line[key] == *first), "{key} {log:?}");
        }
        assert_eq!(log[0]["tokens_source"], "usage");
        assert_eq!(
            log.iter()
                .filter(|line| line["redacted"] == "EMAIL=1")
                .count(),
            2
        );
        rig.envoy.assert_no_crash();
    }
}

/// The official SDKs read what they would have read.
#[tokio::test]
async fn the_sdks_read_the_values() {
    let rig = rig(json!({"types": {"secrets": "block"}})).await;
    weir_testkit::sdk::run("values.py", rig.envoy.socket()).await;
    for request in rig.upstream("openai").requests() {
        let body = String::from_utf8(request.body.to_vec()).unwrap();
        assert!(!body.contains("jane.roe@"), "{body}");
    }
    rig.envoy.assert_no_crash();
}

/// A megabyte of nothing but beginnings, and the memory it takes.
#[tokio::test]
async fn hostile_texts_are_read() {
    let rig = rig(json!({})).await;
    let size = 2 << 20;
    let repeated = |unit: &str| unit.repeat(size / unit.len());
    for unit in [
        "[",
        "[EMAIL_",
        "@",
        "a@b.",
        "1",
        "4111 ",
        "password=",
        "\\u0040",
        "sk-",
        "{\"a\":",
    ] {
        let text = repeated(unit);
        let messages = json!([{"role": "user", "content": text}, {"role": "user", "content": "jane.roe@example.org"}]);
        let request = Request::post(CHAT)
            .header("x-mock-text", "to [EMAIL_1]")
            .json(&json!({"model": "gpt-4o", "messages": messages}));
        let answer = rig.h1().send(request).await;
        assert_eq!(answer.status, 200, "{unit}");
        let answer = answer.text();
        assert!(answer.contains("to "), "{unit} {answer}");
    }
    let kib = rig.envoy.rss_kib();
    assert!(kib < 1024 * 1024, "{kib} KiB");
    rig.envoy.assert_no_crash();
}

/// An answer with what must not be let out ends there, under a status that says so where the
/// headers are held.
#[tokio::test]
async fn an_answer_can_be_ended() {
    let text = format!("{}mail joe@example.org now", "so ".repeat(120));
    for hold in [false, true] {
        let response = json!({"types": ["EMAIL"], "action": "block"});
        let rig = rig(json!({"hold": hold, "response": response})).await;
        for (path, stream, end) in [
            (CHAT, false, "}"),
            (CHAT, true, "\n\ndata: [DONE]\n\n"),
            ("/v1/messages", true, "}\n\n"),
            ("/v1/responses", true, "}\n\n"),
        ] {
            let user = json!([{"role": "user", "content": "hi"}]);
            let body = json!({"model": "m", "max_tokens": 9, "messages": user, "input": "hi", "stream": stream});
            let request = Request::post(path)
                .header("x-mock-text", text.replace(' ', "%20"))
                .header("x-mock-cut", "40")
                .json(&body);
            let answer = rig.h2().send(request).await.ok();
            let status = if hold && !stream { 403 } else { 200 };
            assert_eq!(answer.status, status, "{path} {stream} {hold}");
            let got = answer.text();
            assert!(!got.contains("joe"), "{path}: {got}");
            assert!(
                got.contains("must not be sent on (EMAIL: "),
                "{path}: {got}"
            );
            assert!(got.ends_with(end), "{path}: {got}");
        }
        let log = rig.envoy.access_log(4).await;
        assert!(
            log.iter().all(|line| line["verdict"] == "blocked"),
            "{log:?}"
        );
        rig.envoy.assert_no_crash();
    }
}

/// JSON that is no known API, where the operator says there is some.
#[tokio::test]
async fn other_json_is_looked_at_where_it_is_said_to_be() {
    let rig = rig(json!({"all_strings": ["/internal/*"]})).await;
    let body =
        json!({"to": "jane.roe@example.org", "notes": [{"text": "call jane.roe@example.org"}]});
    for (path, masked) in [("/internal/notes", true), ("/external/notes", false)] {
        let request = Request::post(path)
            .header("x-mock-echo", "true")
            .json(&body);
        rig.h2().send(request).await.ok();
        let sent = body_sent(&rig);
        assert_eq!(sent.contains("[EMAIL_1]"), masked, "{sent}");
        assert_eq!(sent.contains("jane.roe"), !masked, "{sent}");
    }
    rig.envoy.assert_no_crash();
}
