//! What a request becomes, and what it is refused for.

use serde_json::{Value, json};
use weir_testkit::script::{Message, Play, all_cuts};

use super::{CARD, CHAT, EMAIL, body, chat, filter, run, sent};

/// `⟨…⟩` stands around every value, and becomes nothing in what the client sends, and the
/// placeholder in what the upstream gets.
fn expect(path: &str, marked: &str, placeholders: &[&str]) {
    let given = marked.replace(['⟨', '⟩'], "");
    let mut expected = String::new();
    let mut placeholders = placeholders.iter();
    for (at, piece) in marked.split('⟨').enumerate() {
        if at == 0 {
            expected.push_str(piece);
            continue;
        }
        let (_, rest) = piece.split_once('⟩').unwrap();
        expected.push_str(placeholders.next().unwrap());
        expected.push_str(rest);
    }
    assert_eq!(placeholders.next(), None, "{marked}");
    let config = json!({});
    assert_eq!(
        sent(&config, &Message::post(path, given.clone())),
        expected,
        "{path} {given}"
    );
}

#[test]
fn every_place_a_human_can_write_to_is_seen_and_nothing_else_changes() {
    for (path, marked) in [
        (
            CHAT,
            r#"{ "model" : "a@x.org", "messages":[{"role":"user","content":"I am ⟨jane@example.org⟩, 1.50\u20ac"}] ,"x":1e5}"#,
        ),
        (
            CHAT,
            r#"{"messages":[{"role":"user","content":[{"type":"text","text":"hi ⟨jane@example.org⟩"},{"type":"image_url","image_url":{"url":"data:image/png;base64,jane@example.org"}}]}]}"#,
        ),
        (
            CHAT,
            r#"{"messages":[{"role":"assistant","content":null,"tool_calls":[{"id":"jane@example.org","type":"function","function":{"name":"f","arguments":"{\"to\": \"⟨jane@example.org⟩\"}"}}]},{"role":"tool","tool_call_id":"c","content":"sent to joe"}]}"#,
        ),
        (
            CHAT,
            r#"{"messages":[{"role":"user","name":"jane","content":"x"}],"user":"⟨jane@example.org⟩"}"#,
        ),
        (
            CHAT,
            r#"{"messages":[],"metadata":{"by":"⟨jane@example.org⟩"},"tools":[{"type":"function","function":{"name":"f","description":"asks ⟨jane@example.org⟩","parameters":{"properties":{"jane@example.org":{"enum":["jane@example.org"]}}}}}]}"#,
        ),
        (
            CHAT,
            r#"{"messages":[{"role":"user","content":{"odd":["⟨jane@example.org⟩"]}}]}"#,
        ),
        (
            "/v1/completions",
            r#"{"prompt":["a","⟨jane@example.org⟩"]}"#,
        ),
        (
            "/v1/responses",
            r#"{"instructions":"be nice","input":[{"role":"user","content":[{"type":"input_text","text":"⟨jane@example.org⟩"}]}]}"#,
        ),
        ("/v1/responses", r#"{"input":"⟨jane@example.org⟩"}"#),
        (
            "/v1/embeddings",
            r#"{"input":["⟨jane@example.org⟩",[1,2]]}"#,
        ),
        (
            "/v1/messages",
            r#"{"system":[{"type":"text","text":"for ⟨jane@example.org⟩"}],"messages":[{"role":"user","content":"x"}]}"#,
        ),
        (
            "/v1/messages",
            r#"{"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f","input":{"mail":"⟨jane@example.org⟩"}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":[{"type":"text","text":"ok"}]}]}]}"#,
        ),
        (
            "/v1/messages/count_tokens",
            r#"{"messages":[{"role":"user","content":"⟨jane@example.org⟩"}]}"#,
        ),
        (
            "/v1beta/models/g:generateContent",
            r#"{"contents":[{"parts":[{"text":"⟨jane@example.org⟩"},{"functionResponse":{"name":"f","response":{"a":"b"}}}]}],"systemInstruction":{"parts":[{"text":"none"}]}}"#,
        ),
        (
            "/model/m/converse",
            r#"{"messages":[{"role":"user","content":[{"text":"⟨jane@example.org⟩"}]}]}"#,
        ),
        ("/model/m/invoke", r#"{"prompt":"⟨jane@example.org⟩"}"#),
    ] {
        let values = marked.matches('⟨').count();
        let placeholders = vec!["[EMAIL_1]"; values];
        expect(path, marked, &placeholders);
    }
}

#[test]
fn placeholders_go_by_the_value_in_the_order_of_the_document() {
    for (marked, placeholders) in [
        (
            "⟨a@x.org⟩ ⟨b@x.org⟩ ⟨A@X.org⟩",
            vec!["[EMAIL_1]", "[EMAIL_2]", "[EMAIL_1]"],
        ),
        // A number that stands there already is left out, however it is spelt.
        ("[EMAIL_1] ⟨a@x.org⟩", vec!["[EMAIL_2]"]),
        (r"⟨a@x.org⟩ \u005bemail_1] [EMAIL_02]", vec!["[EMAIL_2]"]),
        (
            "⟨a@x.org⟩ card ⟨4111 1111 1111 1111⟩",
            vec!["[EMAIL_1]", "[CARD_1]"],
        ),
    ] {
        let marked = format!(r#"{{"messages":[{{"role":"user","content":"{marked}"}}]}}"#);
        expect(CHAT, &marked, &placeholders);
    }
    let eleven = (0..11)
        .map(|n| format!("⟨p{n}@x.org⟩ "))
        .collect::<String>();
    let placeholders: Vec<_> = (1..12).map(|n| format!("[EMAIL_{n}]")).collect();
    let placeholders: Vec<_> = placeholders.iter().map(String::as_str).collect();
    expect(
        CHAT,
        &format!(r#"{{"messages":[{{"role":"user","content":"{eleven}"}}]}}"#),
        &placeholders,
    );
}

#[test]
fn dodges_fail() {
    for marked in [
        // Escapes of JSON, once and, in arguments, twice.
        r#"{"messages":[{"role":"user","content":"⟨jane\u0040example.org⟩"}]}"#,
        r#"{"messages":[{"role":"user","content":"\ud83d\ude80\n\"⟨\u006aane@example.or\u0067⟩\""}]}"#,
        r#"{"messages":[{"role":"assistant","tool_calls":[{"function":{"arguments":"{\"to\":\"⟨jane\\u0040example.org⟩\"}"}}]}]}"#,
        r#"{"messages":[{"role":"assistant","tool_calls":[{"function":{"arguments":"{\"to\":\"\\\"⟨\u006aane\\u0040example.org⟩\\n\"}"}}]}]}"#,
        // Arguments that are no JSON are text.
        r#"{"messages":[{"role":"assistant","tool_calls":[{"function":{"arguments":"to=⟨jane@example.org⟩"}}]}]}"#,
        // Other spellings of the same characters.
        r#"{"messages":[{"role":"user","content":"⟨ｊａｎｅ＠example．org⟩"}]}"#,
        "{\"messages\":[{\"role\":\"user\",\"content\":\"⟨jane\u{200b}@exam\u{2060}ple.org⟩\"}]}",
        r#"{"messages":[{"role":"user","content":"⟨jane\u200b@example.org⟩!"}]}"#,
        r#"{"messages":[{"role":"user","content":"⟨jane%40example.org⟩"}]}"#,
    ] {
        expect(CHAT, marked, &["[EMAIL_1]"]);
    }
    // A key names what stands under it; a number becomes a string.
    for (marked, placeholder) in [
        (
            r#"{"messages":[{"role":"assistant","content":[{"type":"tool_use","input":{"ssn":"⟨219456781⟩"}}]}]}"#,
            "[SSN_1]",
        ),
        (
            r#"{"messages":[{"role":"assistant","content":[{"type":"tool_use","input":{"card":⟨4111111111111111⟩}}]}]}"#,
            "\"[CARD_1]\"",
        ),
    ] {
        expect("/v1/messages", marked, &[placeholder]);
    }
    let number = r#"{"messages":[{"role":"assistant","tool_calls":[{"function":{"arguments":"{\"card\":⟨4111111111111111⟩,\"n\":12345678}"}}]}]}"#;
    expect(CHAT, number, &[r#"\"[CARD_1]\""#]);
}

#[test]
fn what_cannot_be_read_is_refused() {
    let json = |body: &str| Message::post(CHAT, body);
    let utf16: Vec<u8> = "{\"messages\":[]}"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let deep = format!(
        r#"{{"messages":[{{"content":{}"x"{}}}]}}"#,
        "[".repeat(70),
        "]".repeat(70)
    );
    for (what, request, status) in [
        (
            "two messages",
            json(r#"{"messages":[],"messages":[{"content":"a@x.org"}]}"#),
            "400",
        ),
        (
            "two spellings",
            json(r#"{"messages":[],"Messages":[]}"#),
            "400",
        ),
        (
            "two contents",
            json(r#"{"messages":[{"content":"a","content":"b"}]}"#),
            "400",
        ),
        ("UTF-16", Message::post(CHAT, utf16), "400"),
        ("no JSON", json("{\"messages\":"), "400"),
        ("too deep", json(&deep), "400"),
        ("gzip", json("{}").with("content-encoding", "gzip"), "400"),
        (
            "XML",
            Message::new(
                &[
                    (":method", "POST"),
                    (":path", CHAT),
                    ("content-type", "text/xml"),
                ],
                "<a/>",
            ),
            "415",
        ),
        (
            "too long",
            json(&format!("{{\"a\":\"{}\"}}", "x".repeat(3000))),
            "413",
        ),
    ] {
        let config = json!({"max_body_bytes": 2000});
        let outcome = run(&config, &request, &Message::default());
        assert_eq!(outcome.status(), status, "{what}");
        assert!(outcome.sent.is_none(), "{what}");
        assert_eq!(outcome.fact("verdict"), "blocked", "{what}");
        let error = &body(&outcome)["error"];
        assert_eq!(error["type"], "invalid_request_error", "{what}");
        // Let through when the operator says so.
        let config = json!({"max_body_bytes": 2000, "on_unreadable": "pass"});
        let outcome = run(
            &config,
            &request,
            &Message::answer("application/json", "{}"),
        );
        assert_eq!(outcome.sent.unwrap().body, request.body, "{what}");
        assert_eq!(
            outcome.counters["weir_unreadable_bodies_total;filter=pii-redact;api=openai_chat;direction=request"],
            1
        );
    }
}

#[test]
fn requests_may_come_in_any_pieces() {
    let request = chat(&json!(format!("I am {EMAIL}")));
    let filter = filter(&json!({}));
    for request_cuts in all_cuts(request.body.len()) {
        for request_trailers in [false, true] {
            let play = Play {
                request_cuts: request_cuts.clone(),
                request_trailers,
                ..Play::default()
            };
            let outcome = play.run(&filter, &request, |_| {
                Message::answer("application/json", "{}")
            });
            assert_eq!(
                outcome.sent_body(),
                String::from_utf8_lossy(&request.body).replace(EMAIL, "[EMAIL_1]")
            );
        }
    }
}

#[test]
fn blocking_tells_types_and_numbers_alone() {
    let config = json!({"types": {"CARD": "block", "EMAIL": "block"}});
    for (path, request, message) in [
        (
            CHAT,
            json!({"messages": [{"role": "user", "content": format!("{CARD} {EMAIL} {EMAIL} 203.0.113.7")}]}),
            "/error/message",
        ),
        (
            "/v1/messages",
            json!({"messages": [{"role": "user", "content": format!("{CARD} {EMAIL} {EMAIL} 203.0.113.7")}]}),
            "/error/message",
        ),
        (
            "/v1beta/models/g:generateContent",
            json!({"contents": [{"parts": [{"text": format!("{CARD} {EMAIL} {EMAIL} 203.0.113.7")}]}]}),
            "/error/message",
        ),
    ] {
        let outcome = run(
            &config,
            &Message::post(path, request.to_string()),
            &Message::default(),
        );
        assert_eq!(
            (outcome.status(), outcome.sent.is_none()),
            ("400", true),
            "{path}"
        );
        assert_eq!(outcome.got.header("details"), "weir_pii_blocked");
        assert_eq!(
            body(&outcome).pointer(message).unwrap(),
            "The request holds data that must not be sent (EMAIL: 2, CARD: 1)."
        );
        assert_eq!(outcome.fact("verdict"), "blocked");
        assert_eq!(outcome.fact("rule"), "default");
        assert_eq!(outcome.fact("redacted"), "EMAIL=2,CARD=1,IP=1");
        assert_eq!(
            outcome.log,
            ["pii-redact: rule `default` blocks EMAIL=2,CARD=1 (weir_pii_blocked)"]
        );
        let everything = format!("{outcome:?}");
        for value in [CARD, EMAIL, "203.0.113.7"] {
            assert!(!everything.contains(value), "{value} in {everything}");
        }
    }
}

#[test]
fn what_is_counted() {
    let config = json!({"types": {"EMAIL": "report", "CARD": "partial"}});
    let text = format!("{CARD} {EMAIL} {EMAIL} from 203.0.113.7");
    let outcome = run(
        &config,
        &chat(&json!(text)),
        &Message::answer("application/json", "{}"),
    );
    assert!(
        outcome
            .sent_body()
            .contains(&format!("[CARD_1_1111] {EMAIL} {EMAIL} from [IP_1]"))
    );
    assert_eq!(outcome.fact("redacted"), "EMAIL=2,CARD=1,IP=1");
    assert_eq!(
        (outcome.fact("verdict"), outcome.fact("rule")),
        ("allowed", "default")
    );
    for (metric, count) in [
        (
            "weir_redactions_total;rule=default;type=EMAIL;action=report;direction=request",
            2,
        ),
        (
            "weir_redactions_total;rule=default;type=CARD;action=partial;direction=request",
            1,
        ),
        (
            "weir_redactions_total;rule=default;type=IP;action=mask;direction=request",
            1,
        ),
        (
            "weir_requests_total;filter=pii-redact;api=openai_chat;verdict=allowed",
            1,
        ),
    ] {
        assert_eq!(
            outcome.counters.get(metric),
            Some(&count),
            "{metric}: {:?}",
            outcome.counters
        );
    }
    assert!(!format!("{:?} {:?}", outcome.log, outcome.facts).contains(EMAIL));
    // Nothing found: nothing said.
    let outcome = run(
        &config,
        &chat(&json!("hello")),
        &Message::answer("application/json", "{}"),
    );
    assert_eq!(
        (
            outcome.fact("redacted"),
            outcome.fact("rule"),
            outcome.fact("verdict")
        ),
        ("", "", "allowed")
    );
}

#[test]
fn shadow_changes_nothing() {
    for (types, verdict) in [
        (json!({}), "shadow_redacted"),
        (json!({"EMAIL": "block"}), "shadow_blocked"),
    ] {
        let config = json!({"shadow": true, "types": types});
        let request = chat(&json!(format!("I am {EMAIL}")));
        let answer = Message::answer(
            "application/json",
            r#"{"choices":[{"message":{"content":"[EMAIL_1]"}}]}"#,
        );
        let outcome = run(&config, &request, &answer);
        assert_eq!(outcome.sent.as_ref().unwrap().body, request.body);
        assert_eq!(outcome.got.body, answer.body);
        assert_eq!(
            (outcome.fact("verdict"), outcome.fact("redacted")),
            (verdict, "EMAIL=1")
        );
    }
}

/// A thought is signed: only a value that was put into it on the way back is taken out again.
#[test]
fn thoughts_go_back_as_they_were_signed() {
    let request = |thinking: &str| {
        let content: Value = json!([{"type": "thinking", "thinking": thinking, "signature": "x"}]);
        Message::post("/v1/messages", json!({
            "messages": [{"role": "assistant", "content": content}, {"role": "user", "content": EMAIL}],
        }).to_string())
    };
    let thought = |config: &Value, thinking: &str| {
        let body: Value = serde_json::from_str(&sent(config, &request(thinking))).unwrap();
        body["messages"][0]["content"][0]["thinking"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let config = json!({});
    assert_eq!(
        thought(&config, "She is jane.roe@example.org."),
        "She is [EMAIL_1]."
    );
    assert_eq!(
        thought(&config, "Or joe@example.org?"),
        "Or joe@example.org?"
    );
    let outcome = run(
        &json!({"types": {"EMAIL": "block"}}),
        &request("joe@example.org"),
        &Message::default(),
    );
    assert_eq!(outcome.status(), "400");
}

/// An answer that came compressed could not be restored.
#[test]
fn answers_are_not_to_be_compressed() {
    let request = chat(&json!("hi")).with("accept-encoding", "gzip, br");
    let outcome = run(
        &json!({}),
        &request,
        &Message::answer("application/json", "{}"),
    );
    let sent = outcome.sent.unwrap();
    assert_eq!(sent.header("accept-encoding"), "");
    assert_eq!(sent.body, request.body);
}

#[test]
fn what_is_no_api_passes_untouched() {
    for (method, path) in [("POST", "/upload"), ("GET", "/v1/models")] {
        let request = Message::new(
            &[
                (":method", method),
                (":path", path),
                ("accept-encoding", "gzip"),
            ],
            EMAIL,
        );
        let outcome = run(
            &json!({}),
            &request,
            &Message::answer("text/plain", "[EMAIL_1]"),
        );
        assert_eq!(outcome.sent.unwrap(), request);
        assert_eq!(outcome.facts.len(), 0);
    }
}
