//! Values that the model lets out by itself.

use serde_json::{Value, json};
use weir_testkit::script::{Message, Outcome, Play, all_cuts};

use super::{CHAT, EMAIL, filter};

/// The request brings one address that is masked, a card that stays, and a network address that
/// is not looked for.
fn request() -> Message {
    let text = format!("{EMAIL} 4111 1111 1111 1111 203.0.113.7");
    Message::post(
        CHAT,
        json!({"messages": [{"role": "user", "content": text}]}).to_string(),
    )
}

fn config(response: &Value) -> Value {
    json!({"types": {"CARD": "report", "IP": "off"}, "response": response})
}

/// What the model says, and what of it is read when everything is looked for.
const SAID: &str = "I know \"joe@example.com\" and [EMAIL_1], cards 4111-1111-1111-1111 and 5555 5555 5555 4444, \
                    hosts 203.0.113.7 and 198.51.100.9, and joe@example.com [EMAIL_";
const READ: &str = "I know \"[EMAIL]\" and jane.roe@example.org, cards 4111-1111-1111-1111 and [CARD], \
                    hosts 203.0.113.7 and [IP], and [EMAIL] [EMAIL_";

fn json_answer(text: &str) -> Message {
    let answer = json!({"choices": [{"index": 0, "message": {"content": text}}]});
    Message::answer("application/json", answer.to_string())
}

fn stream(text: &str, size: usize) -> Message {
    let chars: Vec<char> = text.chars().collect();
    let chunk = |delta: Value, reason: Value| {
        let event = json!({"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]});
        format!("data: {event}\n\n")
    };
    let mut all: String = chars
        .chunks(size)
        .map(|piece| {
            chunk(
                json!({"content": piece.iter().collect::<String>()}),
                Value::Null,
            )
        })
        .collect();
    all += &chunk(json!({}), json!("stop"));
    Message::answer("text/event-stream", all + "data: [DONE]\n\n")
}

fn read(outcome: &Outcome) -> String {
    let body = String::from_utf8(outcome.got.body.clone()).unwrap();
    if let Ok(whole) = serde_json::from_str::<Value>(&body) {
        return whole["choices"][0]["message"]["content"]
            .as_str()
            .unwrap()
            .to_owned();
    }
    let data = body.lines().filter_map(|line| line.strip_prefix("data: "));
    let events = data.filter_map(|data| serde_json::from_str::<Value>(data).ok());
    events
        .filter_map(|event| Some(event["choices"][0]["delta"]["content"].as_str()?.to_owned()))
        .collect()
}

fn counted(outcome: &Outcome, kind: &str, action: &str) -> u64 {
    let name = format!(
        "weir_redactions_total;rule=default;type={kind};action={action};direction=response"
    );
    outcome.counters.get(&name).copied().unwrap_or(0)
}

#[test]
fn what_the_request_did_not_bring_is_masked() {
    let long = format!("{} {SAID} {}", "so ".repeat(300), "or ".repeat(300));
    let long_read = format!("{} {READ} {}", "so ".repeat(300), "or ".repeat(300));
    let config = config(&json!({"types": ["all"]}));
    let filter = filter(&config);
    for (said, expected) in [(SAID, READ), (&long, &long_read)] {
        let answers = [1, 2, 7, 64, 5000].map(|size| stream(said, size));
        for answer in answers.into_iter().chain([json_answer(said)]) {
            let outcome = Play::default().run(&filter, &request(), |_| answer.clone());
            assert_eq!(
                read(&outcome),
                expected,
                "{:?}",
                String::from_utf8_lossy(&answer.body)
            );
            for (kind, count) in [("EMAIL", 2), ("CARD", 1), ("IP", 1)] {
                assert_eq!(
                    counted(&outcome, kind, "mask"),
                    count,
                    "{kind} {:?}",
                    outcome.counters
                );
            }
        }
    }
}

/// The word that names a value has left when the value does.
#[test]
fn a_value_is_known_by_what_has_left_before_it() {
    let said = format!("{}MRN: 00482917 {}", "so ".repeat(200), "or ".repeat(200));
    let filter = filter(&config(&json!({"types": ["MEDICAL_RECORD"]})));
    for size in [1, 2, 3, 5, 100] {
        let outcome = Play::default().run(&filter, &request(), |_| stream(&said, size));
        assert_eq!(
            read(&outcome),
            said.replace("00482917", "[MEDICAL_RECORD]"),
            "{size}"
        );
    }
}

#[test]
fn cuts_of_the_stream_change_nothing() {
    let answer = stream(SAID, 3);
    let filter = filter(&config(&json!({"types": ["personal"]})));
    for response_cuts in all_cuts(answer.body.len()).into_iter().step_by(23) {
        let play = Play {
            response_cuts,
            ..Play::default()
        };
        let outcome = play.run(&filter, &request(), |_| answer.clone());
        assert_eq!(read(&outcome), READ);
    }
}

#[test]
fn only_what_is_asked_for_is_done() {
    let restored = SAID.replace("[EMAIL_1]", EMAIL);
    for (response, shadow, expected, kind, action, count) in [
        (
            json!({"types": ["all"], "action": "report"}),
            false,
            restored.as_str(),
            "EMAIL",
            "report",
            2,
        ),
        (
            json!({"types": ["IP"]}),
            false,
            &restored.replace("198.51.100.9", "[IP]"),
            "IP",
            "mask",
            1,
        ),
        (json!({"types": []}), false, &restored, "EMAIL", "mask", 0),
        (
            json!({"types": ["all"]}),
            true,
            SAID,
            "EMAIL",
            "shadow_mask",
            2,
        ),
    ] {
        let mut config = config(&response);
        config["shadow"] = shadow.into();
        for answer in [json_answer(SAID), stream(SAID, 1), stream(SAID, 9)] {
            let outcome = Play::default().run(&filter(&config), &request(), |_| answer.clone());
            assert_eq!(read(&outcome), expected, "{response}");
            assert_eq!(
                counted(&outcome, kind, action),
                count,
                "{response} {:?}",
                outcome.counters
            );
        }
    }
}

/// Also when the request holds nothing: there is an answer to look at all the same.
#[test]
fn a_request_without_values_has_its_answer_searched() {
    let request = Message::post(
        CHAT,
        json!({"messages": [{"role": "user", "content": "hello"}]}).to_string(),
    );
    let config = json!({"types": {"all": "off"}, "response": {"types": ["EMAIL"]}});
    let outcome = Play::default().run(&filter(&config), &request, |_| {
        json_answer("joe@example.com")
    });
    assert_eq!(read(&outcome), "[EMAIL]");
    // A rule has its own word on it.
    let config = json!({"response": {"types": ["EMAIL"]}, "rules": [{"name": "r", "response": {"types": []}}]});
    let outcome = Play::default().run(&filter(&config), &request, |_| {
        json_answer("joe@example.com")
    });
    assert_eq!(read(&outcome), "joe@example.com");
}

/// What must not be let out ends the answer, and never leaves in part.
#[test]
fn a_blocked_value_ends_the_answer() {
    let said = format!(
        "{}mail joe@example.com now {}",
        "so ".repeat(200),
        "or ".repeat(200)
    );
    let blocking = json!({"types": ["EMAIL"], "action": "block"});
    let mut settings = config(&blocking);
    let ends = |outcome: &Outcome, shown: &str| {
        let got = String::from_utf8(outcome.got.body.clone()).unwrap();
        assert!(
            !got.contains("joe") && !got.contains("now"),
            "{shown}: {got}"
        );
        let error = "The answer holds data that must not be sent on (EMAIL: 1).";
        assert_eq!(got.matches(error).count(), 1, "{shown}: {got}");
        let facts = ["verdict", "rule"].map(|name| outcome.fact(name));
        assert_eq!(facts, ["blocked", "default"], "{shown}");
        assert_eq!(counted(outcome, "EMAIL", "block"), 1, "{shown}");
        got
    };
    for size in [1, 7, 64, 5000] {
        let answer = stream(&said, size);
        for step in [1, 50, 100_000] {
            let play = Play {
                response_cuts: (step..answer.body.len()).step_by(step).collect(),
                ..Play::default()
            };
            let outcome = play.run(&filter(&settings), &request(), |_| answer.clone());
            let got = ends(&outcome, &format!("{size} {step}"));
            assert!(got.ends_with("}\n\ndata: [DONE]\n\n"), "{got}");
        }
    }
    let outcome = Play::default().run(&filter(&settings), &request(), |_| json_answer(&said));
    let error: Value = serde_json::from_str(&ends(&outcome, "JSON")).unwrap();
    assert_eq!(error["error"]["type"], "permission_error");
    assert_eq!(outcome.status(), "200");
    settings["hold"] = true.into();
    let outcome = Play::default().run(&filter(&settings), &request(), |_| json_answer(&said));
    ends(&outcome, "held");
    assert_eq!(outcome.status(), "403");
    // Only tried out.
    settings["shadow"] = true.into();
    for answer in [json_answer(&said), stream(&said, 7)] {
        let outcome = Play::default().run(&filter(&settings), &request(), |_| answer.clone());
        assert_eq!(read(&outcome), said);
        assert_eq!(counted(&outcome, "EMAIL", "shadow_block"), 1);
    }
}
