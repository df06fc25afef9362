//! Settings: what they mean, what is refused.

use pii_redact::PiiRedact;
use serde_json::{Value, json};
use weir_policy::Policy;
use weir_testkit::script::{Message, Play};

use super::{CARD, EMAIL, chat, filter, run, sent};

fn text_sent(config: &Value, text: &str) -> String {
    let body: Value = serde_json::from_str(&sent(config, &chat(&json!(text)))).unwrap();
    body["messages"][0]["content"].as_str().unwrap().to_owned()
}

#[test]
fn actions_are_chosen_by_type_group_and_all() {
    let text = format!("{EMAIL}, {CARD}, SSN: 219-45-6781, my name is Jane Roe");
    for (types, expected) in [
        (
            json!({}),
            "[EMAIL_1], [CARD_1], SSN: [SSN_1], my name is Jane Roe".to_owned(),
        ),
        (json!({"all": "off"}), text.clone()),
        (
            json!({"all": "off", "EMAIL": "mask"}),
            format!("[EMAIL_1], {CARD}, SSN: 219-45-6781, my name is Jane Roe"),
        ),
        (
            json!({"personal": "partial"}),
            "[EMAIL_1_EORG], [CARD_1_1111], SSN: [SSN_1], my name is Jane Roe".into(),
        ),
        (
            json!({"personal": "off", "CARD": "report"}),
            format!("{EMAIL}, {CARD}, SSN: [SSN_1], my name is Jane Roe"),
        ),
        (
            json!({"national_ids": "off", "names": "mask"}),
            "[EMAIL_1], [CARD_1], SSN: 219-45-6781, my name is [NAME_1]".into(),
        ),
        (
            json!({"EMAIL": {"action": "report"}, "CARD": {"action": "mask", "restore": "never"}}),
            format!("{EMAIL}, [CARD_1], SSN: [SSN_1], my name is Jane Roe"),
        ),
    ] {
        assert_eq!(
            text_sent(&json!({"types": types}), &text),
            expected,
            "{types}"
        );
    }
}

#[test]
fn hashes_are_the_same_in_every_request_and_other_under_another_key() {
    let hashed = |key: &str, text: &str| {
        text_sent(&json!({"hash_key": key, "types": {"EMAIL": "hash"}}), text)
    };
    let (one, two) = ("0123456789abcdef", "fedcba9876543210");
    let first = hashed(one, EMAIL);
    assert!(
        first.starts_with("[EMAIL_") && first.len() == "[EMAIL_k7q2mx]".len(),
        "{first}"
    );
    assert_eq!(
        hashed(one, &format!("joe@x.org {EMAIL}"))
            .split(' ')
            .next_back(),
        Some(first.as_str())
    );
    assert_ne!(hashed(two, EMAIL), first);
}

#[test]
fn ones_own_types_and_what_is_allowed() {
    let config = json!({
        "custom": [{"type": "EMPLOYEE", "pattern": "E-\\d{5}"},
                   {"type": "BADGE", "pattern": "\\b\\d{16}\\b", "validator": "luhn", "context": ["badge"]}],
        "terms": [{"type": "PROJECT", "terms": ["Blue Heron"]}],
        "allow": [{"domain": "example.com"}, {"cidr": ["10.0.0.0/8", "203.0.113.0/24"]},
                  {"exact": "help@x.org"}, {"pattern": "E-0000\\d"}],
        "types": {"EMPLOYEE": {"action": "partial", "restore": "never"}},
    });
    for (text, expected) in [
        (
            "E-12345 and E-00001 of blue heron",
            "[EMPLOYEE_1] and E-00001 of [PROJECT_1]",
        ),
        (
            "a@b.example.com HELP@x.org a@x.org",
            "a@b.example.com HELP@x.org [EMAIL_1]",
        ),
        (
            "10.1.2.3, 203.0.113.9, 198.51.100.7",
            "10.1.2.3, 203.0.113.9, [IP_1]",
        ),
    ] {
        assert_eq!(text_sent(&config, text), expected, "{text}");
    }
}

#[test]
fn the_first_rule_for_a_request_decides() {
    let config = json!({
        "identity": [{"header": "x-team"}],
        "types": {"secrets": "block"},
        "rules": [
            {"name": "own", "match": {"model": "local-*"}, "types": {"all": "off"}},
            {"name": "audit", "match": {"identity": "audit", "api": "openai_chat"}, "types": {"personal": "report"}},
            {"name": "eu", "match": {"headers": {"x-region": "eu-*"}}, "types": {"IP": "off"}},
            {"name": "trial", "match": {"provider": "new"}, "shadow": true},
        ],
    });
    let both = "a@x.org 198.51.100.7";
    let text = format!("{both} password: Tr0ub4dor&3");
    let request = |model: &str, headers: &[(&str, &str)], text: &str| {
        let body = json!({"model": model, "messages": [{"role": "user", "content": text}]});
        let request = Message::post("/v1/chat/completions", body.to_string());
        headers
            .iter()
            .fold(request, |request, (name, value)| request.with(name, value))
    };
    for (model, headers, provider, rule, expected) in [
        ("local-x", vec![], "", "", Some(both)),
        ("gpt-4o", vec![("x-team", "audit")], "", "audit", Some(both)),
        (
            "gpt-4o",
            vec![("x-region", "eu-1")],
            "",
            "eu",
            Some("[EMAIL_1] 198.51.100.7"),
        ),
        ("gpt-4o", vec![], "new", "trial", Some(both)),
        (
            "gpt-4o",
            vec![("x-team", "a")],
            "",
            "default",
            Some("[EMAIL_1] [IP_1]"),
        ),
        (
            "gpt-4o",
            vec![("x-region", "eu-1"), ("x-region", "us")],
            "",
            "",
            None,
        ),
    ] {
        let mut play = Play::default();
        play.attributes
            .insert("filter_state/wasm.weir.provider".into(), provider.into());
        let run = |text: &str| {
            play.run(&filter(&config), &request(model, &headers, text), |_| {
                Message::answer("application/json", "{}")
            })
        };
        let outcome = run(both);
        assert_eq!(outcome.fact("rule"), rule, "{model} {headers:?}");
        match expected {
            Some(expected) => {
                assert!(
                    outcome.sent_body().contains(&format!("\"{expected}\"")),
                    "{} {model} {headers:?}",
                    outcome.sent_body()
                );
                // A rule changes what is said for all, and the rest stays.
                let exempt = ["own", "trial"].contains(&rule) || model == "local-x";
                let status = if exempt { "200" } else { "400" };
                assert_eq!(run(&text).status(), status, "{model} {headers:?}");
            }
            None => assert_eq!(outcome.status(), "400"),
        }
    }
    // By the name that is sent, and by nobody's word on whom it comes from.
    let mut play = Play::default();
    play.attributes.insert(
        "filter_state/wasm.weir.upstream_model".into(),
        "gpt-4o".into(),
    );
    let outcome = play.run(&filter(&config), &request("local-x", &[], both), |_| {
        Message::answer("application/json", "{}")
    });
    assert!(
        outcome.sent_body().contains("[EMAIL_1]"),
        "{}",
        outcome.sent_body()
    );
}

#[test]
fn mistakes_are_told_with_their_place() {
    for (config, expected) in [
        (
            json!({"types": {"EMIAL": "mask"}}),
            "at `types.EMIAL`: is neither a type nor a group of types",
        ),
        (
            json!({"types": {"EMAIL": "hide"}}),
            "at `types.EMAIL`: unknown variant `hide`",
        ),
        (
            json!({"types": {"EMAIL": {"action": "mask", "restor": "never"}}}),
            "at `types.EMAIL.restor`: unknown field `restor`",
        ),
        (
            json!({"types": {"EMAIL": {"action": "block", "restore": "never"}}}),
            "at `types.EMAIL.restore`: goes with `mask`, `hash` and `partial`",
        ),
        (
            json!({"types": {"EMAIL": "hash"}}),
            "at `types.EMAIL`: `hash` needs a `hash_key`",
        ),
        (
            json!({"hash_key": "short"}),
            "at `hash_key`: must have at least 16 characters",
        ),
        (
            json!({"custom": [{"type": "EMAIL", "pattern": "x"}]}),
            "at `custom[0].type`: `EMAIL` is a type of the table",
        ),
        (
            json!({"custom": [{"type": "e", "pattern": "x"}]}),
            "at `custom[0].type`: `e` is no name for a kind",
        ),
        (
            json!({"custom": [{"type": "A_1", "pattern": "x"}]}),
            "at `custom[0].type`: a type's name is",
        ),
        (
            json!({"custom": [{"type": "A", "pattern": "("}]}),
            "at `custom[0]`: `(` is no pattern that can be run",
        ),
        (
            json!({"allow": [{"cidr": "10.0.0.0/33"}]}),
            "at `allow[0]`: `10.0.0.0/33` is no network",
        ),
        (
            json!({"allow": [{"cidr": "ten"}]}),
            "at `allow[0].cidr`: `ten` is no network like `10.0.0.0/8`",
        ),
        (json!({"allow": [{"pattern": "["}]}), "at `allow[0]`:"),
        (
            json!({"rules": [{"name": "default"}]}),
            "at `rules[0].name`: `default` is the name of another rule",
        ),
        (
            json!({"rules": [{"name": "a"}, {"name": "a"}]}),
            "at `rules[1].name`: `a` is the name of another rule",
        ),
        (
            json!({"rules": [{"name": "a", "match": {"headers": {"a b": "*"}}}]}),
            "at `rules[0].match.headers`:",
        ),
        (
            json!({"rules": [{"name": "a", "types": {"X": "off"}}]}),
            "at `rules[0].types.X`:",
        ),
        (
            json!({"response": {"types": ["EMAIL", "X"]}}),
            "at `response.types[1]`: `X` is neither",
        ),
        (
            json!({"rules": [{"name": "a", "response": {"types": ["X"]}}]}),
            "at `rules[0].response.types[0]`: `X` is neither",
        ),
        (json!({"rule": []}), "at `rule`: unknown field `rule`"),
    ] {
        let error = PiiRedact::configure(config.to_string().as_bytes())
            .unwrap_err()
            .to_string();
        assert!(error.starts_with(expected), "{config}: {error}");
    }
}

#[test]
fn an_earlier_filters_verdict_stays() {
    let mut play = Play::default();
    play.attributes.insert(
        "filter_state/wasm.weir.verdict".into(),
        "shadow_denied".into(),
    );
    let answer = Message::answer("application/json", "{}");
    let outcome = play.run(&filter(&json!({})), &chat(&json!(EMAIL)), |_| {
        answer.clone()
    });
    assert_eq!(outcome.fact("verdict"), "");
    assert_eq!(
        run(&json!({}), &chat(&json!(EMAIL)), &answer).fact("verdict"),
        "allowed"
    );
}

/// JSON that is no known API, on paths that are said to have some: every string.
#[test]
fn other_json_is_looked_at_where_it_is_said_to_be() {
    let policy = filter(&json!({"all_strings": ["/internal/*"], "types": {"secrets": "block"}}));
    let body = format!(r#"{{"to": "{EMAIL}", "id": 7, "deep": [{{"x": "call {EMAIL}"}}]}}"#);
    let masked = r#"{"to": "[EMAIL_1]", "id": 7, "deep": [{"x": "call [EMAIL_1]"}]}"#;
    let run = |method: &str, path: &str, body: &str| {
        let mut request = Message::post(path, body);
        request.headers[0].1 = method.as_bytes().to_vec();
        Play::default().run(&policy, &request, |sent| {
            Message::answer("application/json", sent.body.clone())
        })
    };
    for (method, path, expected) in [
        ("POST", "/internal/notes", masked),
        ("PUT", "/internal//x/../Notes?q=1", masked),
        ("POST", "/external/notes", body.as_str()),
        ("DELETE", "/internal/notes", &body),
    ] {
        let outcome = run(method, path, &body);
        assert_eq!(outcome.sent_body(), expected, "{method} {path}");
        assert_eq!(
            String::from_utf8(outcome.got.body.clone()).unwrap(),
            body,
            "{method} {path}"
        );
        assert_eq!(outcome.fact("api"), "", "{path}");
    }
    for (body, status) in [
        (r#"{"p": "password: Tr0ub4dor&3"}"#, "400"),
        ("[1]", "400"),
        ("{", "400"),
    ] {
        let outcome = run("POST", "/internal/notes", body);
        assert_eq!(outcome.status(), status, "{body}");
        assert_eq!(
            outcome.got.header("content-type"),
            "application/problem+json"
        );
    }
}
