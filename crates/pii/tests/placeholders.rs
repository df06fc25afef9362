//! Which value gets which placeholder.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use weir_pii::{Channel, Depth, HashKey, Mark, Naming, Placeholders, Restore};

fn numbered(name: &str, restore: Restore) -> Mark {
    Mark::new(name, Naming::Numbered, restore).unwrap()
}

#[test]
fn numbers_go_by_first_appearance_and_leave_out_what_is_there() {
    let mut placeholders = Placeholders::default();
    for text in [
        "[EMAIL_2] and [email_3], [EMAIL\\_5], [ EMAIL_6 ], [[EMAIL_7]]",
        "no placeholders: [EMAIL-1] [EMAIL_1 EMAIL_1] [PHONE_ 1)",
        "[CARD_1_1111] [IBAN_1]",
    ] {
        placeholders.note(text);
    }
    let email = numbered("EMAIL", Restore::Always);
    let card = Mark::new("CARD", Naming::LastFour, Restore::Always).unwrap();
    let iban = Mark::new("IBAN", Naming::LastFour, Restore::Always).unwrap();
    for (mark, normalised, expected) in [
        (&email, "a", "[EMAIL_1]"),
        (&email, "b", "[EMAIL_4]"),
        (&email, "a", "[EMAIL_1]"),
        (&email, "c", "[EMAIL_8]"),
        (&numbered("PHONE", Restore::Always), "a", "[PHONE_1]"),
        (&card, "4111111111111111", "[CARD_2_1111]"),
        (&card, "5500000000001111", "[CARD_3_1111]"),
        (&card, "1234567", "[CARD_4]"),
        (&card, "12345678", "[CARD_5_5678]"),
        (&iban, "gb33bukb2020155555555x9z", "[IBAN_1_5X9Z]"),
        (&iban, "\u{e9}\u{e9}\u{e9}\u{e9}1234", "[IBAN_2]"),
    ] {
        assert_eq!(
            placeholders.of(mark, normalised, normalised),
            expected,
            "{normalised}"
        );
    }
}

#[test]
fn names_of_types() {
    for (name, good) in [
        ("EMAIL", true),
        ("US_SSN", true),
        ("SHA256", true),
        ("A_B1", true),
        ("A_1B", true),
        ("", false),
        ("email", false),
        ("1A", false),
        ("_A", false),
        ("A_", false),
        ("A_1", false),
        ("A-B", false),
        ("É", false),
        ("ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEF", true),
        ("ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG", false),
    ] {
        let mark = Mark::new(name, Naming::Numbered, Restore::Always);
        assert_eq!(mark.is_ok(), good, "{name}");
    }
}

fn hashed(name: &str, key: &str) -> Mark {
    let key = HashKey::new(key.as_bytes());
    Mark::new(name, Naming::Hashed(key), Restore::Always).unwrap()
}

#[test]
fn hashes_depend_on_key_type_and_value_alone() {
    let of = |mark: &Mark, value: &str, before: &[&str]| {
        let mut placeholders = Placeholders::default();
        // Its own placeholder, come back with the history, changes nothing.
        placeholders.note("[EMAIL_mqv4vv]");
        for value in before {
            placeholders.of(mark, value, value);
        }
        placeholders.of(mark, value, value)
    };
    let first = of(&hashed("EMAIL", "key"), "ada@x.org", &[]);
    // `printf 'EMAIL\0ada@x.org' | openssl dgst -sha256 -hmac key`, its bytes by the alphabet.
    assert_eq!(first, "[EMAIL_mqv4vv]");
    assert_eq!(of(&hashed("EMAIL", "key"), "ada@x.org", &["b", "c"]), first);
    for other in [
        of(&hashed("EMAIL", "other"), "ada@x.org", &[]),
        of(&hashed("EMAIL", "key"), "bob@x.org", &[]),
        of(&hashed("LOGIN", "key"), "ada@x.org", &[]).replace("LOGIN", "EMAIL"),
    ] {
        assert_ne!(first, other);
    }
}

/// Among so many values some have the same six characters.
#[test]
fn clashing_hashes_grow() {
    let mark = hashed("ID", "key");
    let mut placeholders = Placeholders::default();
    let mut of = BTreeMap::new();
    for n in 0..Placeholders::MAX {
        let value = n.to_string();
        let placeholder = placeholders.of(&mark, &value, &value);
        assert_eq!(of.insert(placeholder.clone(), value), None, "{placeholder}");
    }
    let lengths: Vec<usize> = of.keys().map(String::len).collect();
    assert_eq!(lengths.iter().min(), Some(&"[ID_123456]".len()));
    assert_eq!(lengths.iter().max(), Some(&"[ID_1234567]".len()));
    let restorer = placeholders.into_restorer();
    let content = Channel {
        content: true,
        depth: Depth::Text,
    };
    for (placeholder, value) in of.iter().filter(|(p, _)| p.len() > 11 || p.contains('2')) {
        let restored = restorer
            .whole(content, &mut { usize::MAX }, placeholder.as_bytes())
            .unwrap();
        assert_eq!(restored, value.as_bytes(), "{placeholder}");
    }
}

/// Nobody makes memory grow for ever, and nothing is let out for that.
#[test]
fn too_many_values_get_no_placeholder_of_their_own() {
    let id = numbered("ID", Restore::Always);
    let mut placeholders = Placeholders::default();
    for n in 1..=Placeholders::MAX {
        let value = n.to_string();
        assert_eq!(placeholders.of(&id, &value, &value), format!("[ID_{n}]"));
    }
    for (value, expected) in [
        ("0", "[ID]"),
        ("1", "[ID_1]"),
        ("x", "[ID]"),
        ("65536", "[ID_65536]"),
    ] {
        assert_eq!(placeholders.of(&id, value, value), expected, "{value}");
    }
    let restorer = placeholders.into_restorer();
    assert!(restorer.brought("ID", "1") && !restorer.brought("ID", "0"));

    // With as many texts that could be placeholders, no number is known to be free.
    let mut placeholders = Placeholders::default();
    for n in 1..Placeholders::MAX {
        placeholders.note(&format!("[ID_{n}]"));
    }
    let mut full = Placeholders::default();
    full.note("[ID_0]");
    for n in 1..=Placeholders::MAX {
        full.note(&format!("[ID_{n}]"));
    }
    assert_eq!(placeholders.of(&id, "0", "0"), "[ID_65536]");
    assert_eq!(full.of(&id, "0", "0"), "[ID]");
}

#[test]
fn what_stays_is_known_as_brought() {
    let email = Mark::new("EMAIL", Naming::Numbered, Restore::Never).unwrap();
    let mut placeholders = Placeholders::default();
    assert_eq!(placeholders.known("EMAIL", "a@x.org"), None);
    placeholders.of(&email, "a@x.org", "A@x.org");
    placeholders.leave("CARD", "4111");
    assert_eq!(placeholders.known("EMAIL", "a@x.org"), Some("[EMAIL_1]"));
    assert_eq!(placeholders.known("CARD", "4111"), None);
    let restorer = placeholders.into_restorer();
    for (name, value, brought) in [
        ("EMAIL", "a@x.org", true),
        ("EMAIL", "4111", false),
        ("CARD", "4111", true),
        ("CARD", "a@x.org", false),
    ] {
        assert_eq!(restorer.brought(name, value), brought, "{name} {value}");
    }
    assert!(restorer.is_idle());
}
