//! What the operator can say, and what of it is refused.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::string_slice)]

use std::net::IpAddr;

use weir_pii::{Allow, Confidence, Custom, Kind, Scanner, Settings, Terms, Validator};

fn found(settings: &Settings, text: &str, hint: Option<&str>) -> Vec<(String, String)> {
    let mut found = Vec::new();
    Scanner::new(settings).unwrap().scan(text, hint, &mut found);
    found
        .into_iter()
        .map(|finding| {
            (
                finding.kind.name().to_owned(),
                text[finding.span].to_owned(),
            )
        })
        .collect()
}

fn one(kind: &str, text: &str) -> Vec<(String, String)> {
    vec![(kind.to_owned(), text.to_owned())]
}

#[test]
fn only_the_kinds_asked_for() {
    let settings = Settings {
        kinds: [Kind::named("EMAIL").unwrap()].into(),
        ..Settings::default()
    };
    let text = "a@b.org, 203.0.113.7, password: hunter2";
    assert_eq!(found(&settings, text, None), one("EMAIL", "a@b.org"));
    let nothing = Settings {
        kinds: [].into(),
        ..Settings::default()
    };
    assert_eq!(found(&nothing, text, None), []);
    assert!(Kind::named("NAME").is_some_and(|name| !Settings::default().kinds.contains(&name)));
    assert_eq!(Kind::named("email"), None);
}

#[test]
fn a_hint_is_a_label() {
    let settings = Settings::default();
    for (hint, text, expected) in [
        ("password", "hunter2", one("PASSWORD", "hunter2")),
        (
            "db_password",
            "correct horse 9 staple",
            one("PASSWORD", "correct horse 9 staple"),
        ),
        (
            "apiKey",
            "8c1f0b7e2d9a4f63",
            one("SECRET", "8c1f0b7e2d9a4f63"),
        ),
        ("ssn", "219456781", one("SSN", "219456781")),
        ("mobilePhone", "2125550187", one("PHONE", "2125550187")),
        (
            "date_of_birth",
            "12 March 1985",
            one("DATE_OF_BIRTH", "12 March 1985"),
        ),
        ("passportNumber", "AB1234567", one("PASSPORT", "AB1234567")),
        ("max_tokens", "4096", vec![]),
        ("token_type", "Bearer9x", vec![]),
        ("password", "string", vec![]),
        ("orderNumber", "219456781", vec![]),
    ] {
        assert_eq!(
            found(&settings, text, Some(hint)),
            expected,
            "{hint}: {text}"
        );
    }
}

#[test]
fn patterns_of_the_operators_own() {
    let custom = |pattern: &str, validator, context: &[&str]| Settings {
        custom: vec![Custom {
            kind: Kind::custom("EMPLOYEE").unwrap(),
            pattern: pattern.to_owned(),
            validator,
            context: context.iter().map(|&word| word.to_owned()).collect(),
        }],
        ..Settings::default()
    };
    let plain = custom(r"\bEMP-\d{4}\b", None, &[]);
    assert_eq!(
        found(&plain, "see EMP-1234, not EMP-12345", None),
        one("EMPLOYEE", "EMP-1234")
    );
    let luhn = custom(r"\bE\d{6}\b", Some(Validator::Luhn), &[]);
    assert_eq!(found(&luhn, "E123455 and E123456", None), []);
    let digits = custom(r"\b\d{6}\b", Some(Validator::Luhn), &[]);
    assert_eq!(
        found(&digits, "123455 and 123456", None),
        one("EMPLOYEE", "123455")
    );
    let context = custom(r"\b\d{6}\b", None, &["employee"]);
    assert_eq!(found(&context, "123456", None), []);
    assert_eq!(
        found(&context, "Employee: 123456", None),
        one("EMPLOYEE", "123456")
    );
    assert_eq!(
        found(&context, "123456", Some("employee_id")),
        one("EMPLOYEE", "123456")
    );
    // A long line is looked at in pieces; what stands across two of them is found once.
    let long = format!("{}EMP-1234{}", "x ".repeat(1020), " y".repeat(2000));
    assert_eq!(found(&plain, &long, None), one("EMPLOYEE", "EMP-1234"));
    assert!(Scanner::new(&custom("(", None, &[])).is_err());
    assert!(Scanner::new(&custom(r"(\w{200}){200}", None, &[])).is_err());
}

#[test]
fn lists_of_words() {
    let settings = Settings {
        terms: vec![Terms {
            kind: Kind::custom("PROJECT").unwrap(),
            terms: vec![
                "Bluebird".to_owned(),
                "Blue bird two".to_owned(),
                "Öresund".to_owned(),
                String::new(),
            ],
        }],
        ..Settings::default()
    };
    for (text, expected) in [
        ("the BLUEBIRD plan", one("PROJECT", "BLUEBIRD")),
        ("bluebirds", vec![]),
        ("blue bird two", one("PROJECT", "blue bird two")),
        ("ÖRESUND", one("PROJECT", "ÖRESUND")),
        ("项目Bluebird启动", one("PROJECT", "Bluebird")),
    ] {
        assert_eq!(found(&settings, text, None), expected, "{text}");
    }
}

#[test]
fn what_is_allowed_is_not_reported() {
    let network = |text: &str, bits| Allow::Network(text.parse::<IpAddr>().unwrap(), bits);
    let settings = Settings {
        allow: vec![
            Allow::Exact("Info@Example.com".to_owned()),
            Allow::Exact("+12125550187".to_owned()),
            Allow::Domain("corp.example".to_owned()),
            network("10.0.0.0", 8),
            network("2001:db8::", 32),
            Allow::Pattern(r"4111[ \d]+".to_owned()),
        ],
        ..Settings::default()
    };
    for (text, allowed) in [
        ("info@example.com", true),
        ("other@example.com", false),
        ("(212) 555-0187", true),
        ("a@corp.example", true),
        ("a@mail.corp.example", true),
        ("a@notcorp.example", false),
        ("10.1.2.3", true),
        ("11.1.2.3", false),
        ("2001:db8::8a2e:1", true),
        ("2001:db9::8a2e:1", false),
        ("4111 1111 1111 1111", true),
        ("5105105105105100", false),
    ] {
        assert_eq!(found(&settings, text, None).is_empty(), allowed, "{text}");
    }
    let refused = Settings {
        allow: vec![network("10.0.0.0", 33)],
        ..Settings::default()
    };
    assert_eq!(
        Scanner::new(&refused)
            .err()
            .map(|error| error.to_string())
            .as_deref(),
        Some("`10.0.0.0/33` is no network")
    );
}

#[test]
fn the_less_sure_can_be_left_out() {
    let settings = Settings {
        min_confidence: Confidence::Certain,
        ..Settings::default()
    };
    assert_eq!(
        found(&settings, "212-555-0187 and a@b.org", None),
        one("EMAIL", "a@b.org")
    );
}

#[test]
fn names_of_kinds_are_fit_for_placeholders() {
    for (name, fits) in [
        ("A", true),
        ("A_1", true),
        ("", false),
        ("a", false),
        ("1A", false),
        ("A-B", false),
        ("_A", false),
    ] {
        assert_eq!(Kind::custom(name).is_ok(), fits, "{name:?}");
    }
}

/// Two spellings of one value have one normal form; two values have two.
#[test]
fn values_are_the_same_for_the_same() {
    let scanner = Scanner::new(&Settings::default()).unwrap();
    let value = |text: &str| {
        let mut found = Vec::new();
        scanner.scan(text, None, &mut found);
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        found.remove(0).value
    };
    for (value_is, spellings) in [
        (
            "jane@example.org",
            &[
                "Jane@Example.org",
                "jane [at] example [dot] org",
                "jane%40example.org",
                "ｊａｎｅ＠example.org",
                "jane at example dot org",
            ][..],
        ),
        (
            "+12125550187",
            &[
                "+1 (212) 555-0187",
                "212-555-0187",
                "(212) 555-0187",
                "phone 2125550187",
                "phone: 12125550187",
                "1-212-555-0187",
            ],
        ),
        (
            "+442079460958",
            &["+44 (0)20 7946 0958", "+442079460958", "0044 20 7946 0958"],
        ),
        (
            "4111111111111111",
            &["4111 1111 1111 1111", "4111-1111-1111-1111"],
        ),
        (
            "DE89370400440532013000",
            &["DE89 3704 0044 0532 0130 00", "de89370400440532013000"],
        ),
        (
            "2001:db8::8a2e:1",
            &["2001:0db8:0:0:0:0:8a2e:1", "2001:DB8::8A2E:1"],
        ),
    ] {
        for text in spellings {
            assert_eq!(value(text), value_is, "{text}");
        }
    }
}
