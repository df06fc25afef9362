//! The way back: tables at every cut here, the laws over random texts beside them.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice)]

mod laws;

use std::collections::BTreeMap;

use weir_pii::{Carry, Channel, Depth, Mark, Naming, Placeholders, Restore, Restorer};

const TEXT: Channel = Channel {
    content: true,
    depth: Depth::Text,
};
const ARGUMENTS: Channel = Channel {
    content: false,
    depth: Depth::JsonInText,
};

fn numbered(name: &str, restore: Restore) -> Mark {
    Mark::new(name, Naming::Numbered, restore).unwrap()
}

/// Values as bad as they come, by the folded inside of their placeholders.
fn lives() -> BTreeMap<String, String> {
    let mut values = vec![
        ("EMAIL_1".to_owned(), "ada@x.org".to_owned()),
        ("EMAIL_10".to_owned(), "\"Ten\" \\o/".to_owned()),
        (
            "EMAIL_11".to_owned(),
            "line\r\nline\ttab\u{1}\u{7f}".to_owned(),
        ),
        ("CARD_1_1111".to_owned(), "4111 1111 1111 1111".to_owned()),
        ("NAME_1".to_owned(), "😀 [EMAIL_1] é\u{2028}".to_owned()),
    ];
    values.extend((2..10).map(|n| (format!("EMAIL_{n}"), format!("{n}@x.org"))));
    values.into_iter().collect()
}

fn restorer() -> Restorer {
    let mut placeholders = Placeholders::default();
    let lives = lives();
    let card = Mark::new("CARD", Naming::LastFour, Restore::Always).unwrap();
    let email = numbered("EMAIL", Restore::Always);
    for n in 1..12 {
        let value = &lives[&format!("EMAIL_{n}")];
        assert_eq!(
            placeholders.of(&email, value, value),
            format!("[EMAIL_{n}]")
        );
    }
    assert_eq!(
        placeholders.of(&card, "4111111111111111", &lives["CARD_1_1111"]),
        "[CARD_1_1111]"
    );
    let name = numbered("NAME", Restore::Always);
    assert_eq!(
        placeholders.of(&name, "emoji", &lives["NAME_1"]),
        "[NAME_1]"
    );
    placeholders.into_restorer()
}

/// The contents of a JSON string that means `text`.
fn json(text: &str) -> String {
    let quoted = serde_json::to_string(text).unwrap();
    quoted[1..quoted.len() - 1].to_owned()
}

/// What the contents of a JSON string mean.
fn meaning(raw: &str) -> Result<String, String> {
    serde_json::from_str(&format!("\"{raw}\"")).map_err(|e| format!("{e} in {raw:?}"))
}

/// What comes out for these deltas, the last of them the end of the channel.
fn streamed(restorer: &Restorer, channel: Channel, deltas: &[&[u8]]) -> Vec<Vec<u8>> {
    let mut carry = Carry::new(channel);
    let mut out: Vec<Vec<u8>> = Vec::new();
    for raw in deltas {
        let pushed = restorer.push(&mut carry, &mut { usize::MAX }, raw);
        assert_ne!(pushed.as_deref(), Some(*raw), "unchanged is None");
        out.push(pushed.unwrap_or_else(|| raw.to_vec()));
    }
    out.push(carry.finish());
    out
}

/// Whole, cut in two at every byte, and byte by byte.
fn at_every_cut(restorer: &Restorer, channel: Channel, raw: &str) -> String {
    let bytes = raw.as_bytes();
    let whole = restorer.whole(channel, &mut { usize::MAX }, bytes);
    assert_ne!(whole.as_deref(), Some(bytes), "unchanged is None: {raw}");
    let whole = String::from_utf8(whole.unwrap_or_else(|| bytes.to_vec())).unwrap();
    for cut in 0..=bytes.len() {
        let (left, right) = bytes.split_at(cut);
        let cut_once = streamed(restorer, channel, &[left, right]).concat();
        assert_eq!(
            String::from_utf8_lossy(&cut_once),
            whole,
            "{raw} cut at {cut}"
        );
    }
    let single: Vec<&[u8]> = bytes.chunks(1).collect();
    let single = streamed(restorer, channel, &single).concat();
    assert_eq!(
        String::from_utf8_lossy(&single),
        whole,
        "{raw} byte by byte"
    );
    whole
}

#[test]
fn what_is_a_placeholder_in_text() {
    let restorer = restorer();
    let ten = r#"\"Ten\" \\o/"#;
    for (raw, expected) in [
        ("", ""),
        ("[EMAIL_1]", "ada@x.org"),
        ("to [EMAIL_1], please", "to ada@x.org, please"),
        ("[EMAIL_10]", ten),
        ("[EMAIL_1][EMAIL_10]", &format!("ada@x.org{ten}")),
        ("[CARD_1_1111]", "4111 1111 1111 1111"),
        ("[CARD_1]", "[CARD_1]"),
        ("[CARD_1_1112]", "[CARD_1_1112]"),
        // Not ours.
        (
            "[EMAIL_12] [EMAIL_100] [EMAIL_0] [EMAIL_01]",
            "[EMAIL_12] [EMAIL_100] [EMAIL_0] [EMAIL_01]",
        ),
        ("[EMAIL_1", "[EMAIL_1"),
        ("EMAIL_1]", "EMAIL_1]"),
        ("[EMAIL_1)", "[EMAIL_1)"),
        ("[EMAIL\n_1]", "[EMAIL\n_1]"),
        ("[ÉMAIL_1]", "[ÉMAIL_1]"),
        ("[EMAIL-1] [EMAIL 1]", "[EMAIL-1] [EMAIL 1]"),
        // What models make of it.
        ("[email_1] [Email_1]", "ada@x.org ada@x.org"),
        (r"[EMAIL\\_1] [EMAIL\\\\_1]", "ada@x.org ada@x.org"),
        (r"\\[EMAIL\\_1\\]", r"\\ada@x.org"),
        (r"[EMA\\IL_1] [EMAIL\\ _1]", r"[EMA\\IL_1] [EMAIL\\ _1]"),
        ("[ EMAIL_1 ] [EMAIL _ 1]", "ada@x.org ada@x.org"),
        ("[                EMAIL_1]", "ada@x.org"),
        ("[                 EMAIL_1]", "[                 EMAIL_1]"),
        ("[EMAIL_1                ]", "ada@x.org"),
        ("[EMAIL_1                 ]", "[EMAIL_1                 ]"),
        ("[        EMAIL        _1]", "ada@x.org"),
        ("[        EMAIL         _1]", "[        EMAIL         _1]"),
        // Brackets around and before.
        ("[[EMAIL_1]]", "[ada@x.org]"),
        ("[EMAIL_[EMAIL_1]", "[EMAIL_ada@x.org"),
        ("[EMAIL_1[EMAIL_1]", "[EMAIL_1ada@x.org"),
        ("[[[[", "[[[["),
        // JSON's escapes.
        (r"\u005bEMAIL\u005f1\u005d", "ada@x.org"),
        (r"\u005BEMAIL\u005F\u0031\u005D", "ada@x.org"),
        (r"[\u0065mail\u0020_1]", "ada@x.org"),
        (r"[EMAIL\u005c_1]", "ada@x.org"),
        (r"\\u005bEMAIL_1]", r"\\u005bEMAIL_1]"),
        (r"\\\u005bEMAIL_1]", r"\\ada@x.org"),
        (
            r"\u00e9\ud83d\ude00\n\/\u005b[EMAIL_1]",
            r"\u00e9\ud83d\ude00\n\/\u005bada@x.org",
        ),
        (r"\u015bEMAIL_1]", r"\u015bEMAIL_1]"),
        // What no JSON has.
        (
            r"\[EMAIL_1] \u00[EMAIL_1] \u[EMAIL_1]",
            r"\ada@x.org \u00ada@x.org \uada@x.org",
        ),
        (r"[EMAIL\x_1]", r"[EMAIL\x_1]"),
        // A value that has a placeholder in it is not looked at again.
        ("[NAME_1]", "😀 [EMAIL_1] é\u{2028}"),
    ] {
        assert_eq!(at_every_cut(&restorer, TEXT, raw), expected, "{raw}");
    }
}

#[test]
fn what_is_a_placeholder_in_json_in_text() {
    let restorer = restorer();
    let ten = r#"\\\"Ten\\\" \\\\o/"#;
    for (raw, expected) in [
        (
            r#"{\"to\":\"[EMAIL_1]\"}"#,
            r#"{\"to\":\"ada@x.org\"}"#.to_owned(),
        ),
        ("[EMAIL_10]", ten.to_owned()),
        (
            "[EMAIL_11]",
            r"line\\r\\nline\\ttab\\u0001".to_owned() + "\u{7f}",
        ),
        (r"\u005bEMAIL\u005f10]", ten.to_owned()),
        (r"\\u005bEMAIL\\u005f10\\u005d", ten.to_owned()),
        (r"\\u005BEMAIL\\u005F10\\u005D", ten.to_owned()),
        (r"\u005cu005bEMAIL\u005c\u0075005f10]", ten.to_owned()),
        (r"[\u005cu0045MAIL_10]", ten.to_owned()),
        // Markdown's backslash, and the same by a model that forgot to escape it.
        (r"[EMAIL\\\\_10]", ten.to_owned()),
        (r"[EMAIL\\_10]", ten.to_owned()),
        (r"\\\\u005bEMAIL_10]", r"\\\\u005bEMAIL_10]".to_owned()),
        (r"\\\\[EMAIL_10]", format!(r"\\\\{ten}")),
        (r#"[1,[\"[EMAIL_10]\"]]"#, format!(r#"[1,[\"{ten}\"]]"#)),
        (r"\\n\\t\\u00e9\\", r"\\n\\t\\u00e9\\".to_owned()),
    ] {
        assert_eq!(at_every_cut(&restorer, ARGUMENTS, raw), expected, "{raw}");
    }
}

/// Deltas in which nothing can begin leave at once, as they came.
#[test]
fn nothing_else_is_held_back() {
    let restorer = restorer();
    let nothing = Placeholders::default().into_restorer();
    let text = |restorer, raw: &'static str| (restorer, TEXT, raw);
    for (restorer, channel, raw) in [
        text(&restorer, "plain"),
        text(&restorer, "EMAIL_1]"),
        text(&restorer, "[1"),
        text(&restorer, "[x"),
        text(&restorer, "- [ ] task"),
        text(&restorer, "[EMAIL_12"),
        text(&restorer, "[EMAILS"),
        text(&restorer, "[EMAIL_1]]".trim_start_matches("[EMAIL_1]")),
        text(&restorer, r"[EMA\\"),
        text(&restorer, r"\u00e9"),
        text(&restorer, r"\n\\"),
        text(&restorer, r"\\u005b"),
        text(&nothing, "["),
        text(&nothing, "[EMAIL_1"),
        (&restorer, ARGUMENTS, r"\\u00e"),
        (&restorer, ARGUMENTS, r"\\u006"),
        (&restorer, ARGUMENTS, r"\\n"),
        (&restorer, ARGUMENTS, r"[E\\u003"),
        (&nothing, ARGUMENTS, r"\\"),
    ] {
        let mut carry = Carry::new(channel);
        assert_eq!(
            restorer.push(&mut carry, &mut { usize::MAX }, raw.as_bytes()),
            None,
            "{raw}"
        );
        assert_eq!(carry.finish(), b"", "{raw}");
    }
    for (channel, raw, held) in [
        (TEXT, "a [", "["),
        (TEXT, "a [[", "["),
        (TEXT, "a [EMAIL_1", "[EMAIL_1"),
        (TEXT, r"[EMAIL\\", r"[EMAIL\\"),
        (TEXT, r"a\u005bE", r"\u005bE"),
        (ARGUMENTS, r"a\\", r"\\"),
        (ARGUMENTS, r"a\\u005", r"\\u005"),
        (ARGUMENTS, r"a [EMAIL\\u0", r"[EMAIL\\u0"),
    ] {
        let mut carry = Carry::new(channel);
        let out = restorer
            .push(&mut carry, &mut { usize::MAX }, raw.as_bytes())
            .unwrap();
        assert_eq!(out, raw.as_bytes()[..raw.len() - held.len()], "{raw}");
        assert_eq!(carry.finish(), held.as_bytes(), "{raw}");
    }
}

#[test]
fn types_are_restored_where_they_may_be() {
    let mut placeholders = Placeholders::default();
    for (name, restore) in [
        ("A", Restore::Always),
        ("B", Restore::ContentOnly),
        ("C", Restore::Never),
    ] {
        placeholders.of(&numbered(name, restore), name, &name.to_lowercase());
    }
    let restorer = placeholders.into_restorer();
    let all = "[A_1] [B_1] [C_1]";
    assert_eq!(at_every_cut(&restorer, TEXT, all), "a b [C_1]");
    assert_eq!(at_every_cut(&restorer, ARGUMENTS, all), "a [B_1] [C_1]");
    for (name, value, brought) in [
        ("A", "A", true),
        ("C", "C", true),
        ("A", "a", false),
        ("A", "C", false),
    ] {
        assert_eq!(restorer.brought(name, value), brought, "{name} {value}");
    }
    // What is not restored in a channel is not held back in it.
    let mut carry = Carry::new(ARGUMENTS);
    assert_eq!(
        restorer.push(&mut carry, &mut { usize::MAX }, b"[B_1"),
        None
    );
    let mut carry = Carry::new(TEXT);
    assert_eq!(
        restorer.push(&mut carry, &mut { usize::MAX }, b"[C_1"),
        None
    );
}

#[test]
fn the_first_spelling_is_restored() {
    let mut placeholders = Placeholders::default();
    let email = numbered("EMAIL", Restore::Always);
    assert_eq!(placeholders.of(&email, "a@x", "A@x"), "[EMAIL_1]");
    assert_eq!(placeholders.of(&email, "a@x", "a@X"), "[EMAIL_1]");
    let restorer = placeholders.into_restorer();
    assert_eq!(at_every_cut(&restorer, TEXT, "[EMAIL_1]"), "A@x");
}

/// A megabyte of beginnings comes out as it was, and what is held stays small.
#[test]
fn hostile_texts() {
    let restorer = restorer();
    for unit in [
        "[", r"\u005b", r"\\u005b", "[EMAIL_", "[EMAIL_1", "[ ", r"[\\", r"\\", r"\",
    ] {
        let raw = unit.repeat(1_000_000 / unit.len());
        for channel in [TEXT, ARGUMENTS] {
            assert_eq!(
                restorer.whole(channel, &mut { usize::MAX }, raw.as_bytes()),
                None,
                "{unit}"
            );
            for size in [1, 7, 100_000] {
                let mut carry = Carry::new(channel);
                let mut out = Vec::new();
                for raw in raw.as_bytes().chunks(size) {
                    let pushed = restorer.push(&mut carry, &mut { usize::MAX }, raw);
                    out.extend(pushed.unwrap_or_else(|| raw.to_vec()));
                }
                let held = carry.finish();
                assert!(held.len() < 64, "{unit} by {size}: {held:?}");
                out.extend(held);
                assert!(out == raw.as_bytes(), "{unit} by {size}");
            }
        }
    }
}

/// What has no room stays a placeholder, and what has still is restored.
#[test]
fn an_answer_grows_by_its_room_and_no_more() {
    let mut placeholders = Placeholders::default();
    let (long, quoted) = ("x".repeat(100), "\"".repeat(20));
    let term = numbered("TERM", Restore::Always);
    placeholders.of(&term, &long, &long);
    placeholders.of(&term, &quoted, &quoted);
    placeholders.of(&term, "y", "y");
    let restorer = placeholders.into_restorer();
    let raw = "[TERM_1][TERM_1][TERM_2][TERM_2][TERM_3]";
    let written = json(&quoted);
    for (room, expected, left) in [
        (0, "[TERM_1][TERM_1][TERM_2][TERM_2]y".to_owned(), 0),
        (31, "[TERM_1][TERM_1][TERM_2][TERM_2]y".to_owned(), 31),
        (32, format!("[TERM_1][TERM_1]{written}[TERM_2]y"), 0),
        (92, format!("{long}[TERM_1][TERM_2][TERM_2]y"), 0),
        (124, format!("{long}[TERM_1]{written}[TERM_2]y"), 0),
        (1000, format!("{long}{long}{written}{written}y"), 1000 - 248),
    ] {
        for size in [1, 3, raw.len()] {
            let (mut carry, mut rest, mut out) = (Carry::new(TEXT), room, Vec::new());
            for piece in raw.as_bytes().chunks(size) {
                let pushed = restorer.push(&mut carry, &mut rest, piece);
                out.extend(pushed.unwrap_or_else(|| piece.to_vec()));
            }
            out.extend(carry.finish());
            assert_eq!(
                String::from_utf8(out).unwrap(),
                expected,
                "{room} by {size}"
            );
            assert_eq!(rest, left, "{room} by {size}");
        }
    }
}
