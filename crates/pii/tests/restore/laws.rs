//! The laws of restoring, over random texts, spellings and cuts.

use std::collections::BTreeMap;

use proptest::prelude::*;
use weir_pii::{Carry, Channel, Depth, HashKey, Mark, Naming, Placeholders, Restore};

use crate::{ARGUMENTS, TEXT, json, lives, meaning, restorer, streamed};

/// A small source of choices, so that one number shrinks in place of a forest.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % sides
    }
}

/// One character as JSON may have it in a string.
fn spelt(c: char, dice: &mut Dice) -> String {
    let plain = json(&c.to_string());
    let escape = |c: char| -> String {
        let mut units = [0; 2];
        let units = c.encode_utf16(&mut units);
        units.iter().map(|unit| format!("\\u{unit:04x}")).collect()
    };
    match dice.roll(8) {
        0 => escape(c),
        1 => escape(c).to_uppercase().replace('U', "u"),
        2 if c == '/' => "\\/".to_owned(),
        _ => plain,
    }
}

/// A text, each character of it with its raw spelling in pieces that a delta can end after.
fn raw_spelling(text: &str, depth: Depth, dice: &mut Dice) -> Vec<(char, Vec<String>)> {
    let spell = |c: char| {
        let once = spelt(c, dice);
        let pieces = match depth {
            Depth::Text => vec![once],
            Depth::JsonInText => once.chars().map(|c| spelt(c, dice)).collect(),
        };
        (c, pieces)
    };
    text.chars().map(spell).collect()
}

/// The reference: the placeholder at the beginning of `text`, found by looking for its end.
fn live_at(text: &[char], lives: &BTreeMap<String, String>) -> Option<(usize, String)> {
    if text.first() != Some(&'[') {
        return None;
    }
    let end = text.iter().position(|&c| c == ']')?;
    let inside: String = text[1..=end].iter().collect();
    let noise = inside.chars().filter(|c| " \\".contains(*c)).count();
    let mut unescaped = inside;
    while unescaped.contains("\\_") || unescaped.contains("\\]") {
        unescaped = unescaped.replace("\\_", "_").replace("\\]", "]");
    }
    let folded = unescaped.replace(' ', "").to_ascii_uppercase();
    let value = lives.get(folded.strip_suffix(']')?)?;
    (noise <= 16).then(|| (end + 1, value.clone()))
}

/// The reference: the text and the raw contents that have to come out.
fn replaced(
    text: &[(char, Vec<String>)],
    depth: Depth,
    lives: &BTreeMap<String, String>,
) -> (String, String) {
    let chars: Vec<char> = text.iter().map(|(c, _)| *c).collect();
    let (mut meant, mut raw, mut at) = (String::new(), String::new(), 0);
    while at < text.len() {
        if let Some((length, value)) = live_at(&chars[at..], lives) {
            raw += &match depth {
                Depth::Text => json(&value),
                Depth::JsonInText => json(&json(&value)),
            };
            meant += &value;
            at += length;
        } else {
            meant.push(chars[at]);
            raw += &text[at].1.concat();
            at += 1;
        }
    }
    (meant, raw)
}

/// Texts of which much is, begins, or nearly is a placeholder.
fn texts() -> impl Strategy<Value = String> {
    let fragments = prop::sample::select(vec![
        "[EMAIL_1]",
        "[EMAIL_1]",
        "[EMAIL_10]",
        "[email_11]",
        "[EMAIL\\_2]",
        "[ EMAIL_3 ]",
        "[CARD_1_1111]",
        "[NAME_1]",
        "[NAME\\\\_1\\]",
        "[EMAIL_99]",
        "[",
        "[",
        "]",
        "[EMAIL",
        "EMAIL_",
        "_",
        "\\",
        "\\_",
        "\\u005b",
        "u005b",
        "1",
        "0",
        " ",
        "                ",
        "\"",
        "\n",
        "/",
        "\u{0}",
        "é",
        "😀",
        "Dear Ada, ",
        "[1, 2]",
        "- [ ] ",
    ]);
    prop::collection::vec(fragments, 0..12).prop_map(|fragments| fragments.concat())
}

/// The deltas in which these pieces come.
fn deltas(pieces: &[String], dice: &mut Dice) -> Vec<String> {
    let mut deltas = vec![String::new()];
    let rarely = 1 + dice.roll(8);
    for piece in pieces {
        if dice.roll(rarely) == 0 {
            deltas.push(String::new());
        }
        *deltas.last_mut().unwrap() += piece;
    }
    deltas
}

fn channels() -> impl Strategy<Value = Channel> {
    let depths = prop::sample::select(vec![Depth::Text, Depth::JsonInText]);
    (any::<bool>(), depths).prop_map(|(content, depth)| Channel { content, depth })
}

/// The channel, its deltas, what has to come out raw and what that has to mean.
fn case(text: &str, channel: Channel, seed: u64) -> (Vec<String>, String, String) {
    let mut dice = Dice(seed);
    let spelling = raw_spelling(text, channel.depth, &mut dice);
    let (meant, raw) = replaced(&spelling, channel.depth, &lives());
    let pieces: Vec<String> = spelling
        .into_iter()
        .flat_map(|(_, pieces)| pieces)
        .collect();
    (deltas(&pieces, &mut dice), raw, meant)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// However spelt and cut: live placeholders are replaced, every other byte stays, and each
    /// delta is the contents of a JSON string.
    #[test]
    fn restored_is_what_the_reference_says(text in texts(), channel in channels(), seed: u64) {
        let restorer = restorer();
        let (deltas, expected, meant) = case(&text, channel, seed);
        let raw: Vec<&[u8]> = deltas.iter().map(String::as_bytes).collect();
        let out = streamed(&restorer, channel, &raw);
        for delta in &out {
            let delta = std::str::from_utf8(delta).unwrap();
            prop_assert!(meaning(delta).is_ok(), "{:?} for {:?}", meaning(delta), deltas);
        }
        let out = String::from_utf8(out.concat()).unwrap();
        prop_assert_eq!(&out, &expected, "{:?}", deltas);
        let once = meaning(&out).unwrap();
        let understood = match channel.depth {
            Depth::Text => once,
            Depth::JsonInText => meaning(&once).unwrap(),
        };
        prop_assert_eq!(understood, meant);

        let whole = deltas.concat();
        let changed = (whole != expected).then(|| expected.into_bytes());
        prop_assert_eq!(restorer.whole(channel, &mut { usize::MAX }, whole.as_bytes()), changed, "{:?}", whole);
    }

    /// What is held back is always what would become a placeholder if the right end came.
    #[test]
    fn held_is_what_can_become_live(text in texts(), seed: u64) {
        let (restorer, lives) = (restorer(), lives());
        let (deltas, ..) = case(&text, TEXT, seed);
        for end in 0..=deltas.len() {
            let mut carry = Carry::new(TEXT);
            for raw in &deltas[..end] {
                restorer.push(&mut carry, &mut { usize::MAX }, raw.as_bytes());
            }
            let held = meaning(&String::from_utf8(carry.finish()).unwrap()).unwrap();
            let ends = |inside: &str| {
                let read = held.to_ascii_uppercase().replace([' ', '\\'], "");
                let rest = format!("[{inside}]").strip_prefix(&read).map(str::to_owned);
                rest.is_some_and(|rest| {
                    let text: Vec<char> = held.chars().chain(rest.chars()).collect();
                    live_at(&text, &lives).is_some_and(|(length, _)| length == text.len())
                })
            };
            prop_assert!(held.is_empty() || lives.keys().any(|inside| ends(inside)), "{:?}", held);
        }
    }

    /// Channels that take turns do not see each other.
    #[test]
    fn channels_are_apart(
        one in texts(), other in texts(), of_one in channels(), of_other in channels(), seed: u64,
    ) {
        let restorer = restorer();
        let cases = [(&one, of_one), (&other, of_other)]
            .map(|(text, channel)| (channel, case(text, channel, seed)));
        let mut carries = cases.each_ref().map(|(channel, _)| Carry::new(*channel));
        let mut out = [Vec::new(), Vec::new()];
        let turns = cases.iter().map(|(_, (deltas, ..))| deltas.len()).max().unwrap();
        for turn in 0..turns {
            for (at, (_, (deltas, ..))) in cases.iter().enumerate() {
                if let Some(raw) = deltas.get(turn) {
                    let pushed = restorer.push(&mut carries[at], &mut { usize::MAX }, raw.as_bytes());
                    out[at].extend(pushed.unwrap_or_else(|| raw.clone().into_bytes()));
                }
            }
        }
        for ((mut out, carry), (_, (deltas, expected, _))) in out.into_iter().zip(carries).zip(cases) {
            out.extend(carry.finish());
            prop_assert_eq!(String::from_utf8(out).unwrap(), expected, "{:?}", deltas);
        }
    }

    /// Bytes that are no JSON, cut anywhere, come out as they would uncut.
    #[test]
    fn no_bytes_break_it(
        pieces in prop::collection::vec(prop_oneof![
            prop::sample::select(vec![
                &b"[EMAIL_1]"[..], b"\\", b"\\u", b"\\u00", b"005b", b"[", b"EMAIL_1", b"]",
                b"\\u005b", b"\\\\u005b", b"\"", b"\xff", b"\xf0\x9f",
            ]).prop_map(<[u8]>::to_vec),
            prop::collection::vec(any::<u8>(), 0..4),
        ], 0..12),
        channel in channels(),
        sizes in prop::collection::vec(1_usize..6, 1..20),
    ) {
        let restorer = restorer();
        let raw = pieces.concat();
        let (mut rest, mut cut) = (&raw[..], Vec::new());
        for size in sizes.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (delta, after) = rest.split_at((*size).min(rest.len()));
            cut.push(delta);
            rest = after;
        }
        let whole = restorer.whole(channel, &mut { usize::MAX }, &raw).unwrap_or_else(|| raw.clone());
        prop_assert_eq!(streamed(&restorer, channel, &cut).concat(), whole, "{:?}", raw);
        // With nothing live nothing changes.
        let nothing = Placeholders::default().into_restorer();
        prop_assert_eq!(nothing.whole(channel, &mut { usize::MAX }, &raw), None);
    }

    /// Arguments with placeholders become the arguments with the values.
    #[test]
    fn arguments_stay_json(values in prop::collection::vec(texts(), 0..4), seed: u64) {
        let (restorer, lives) = (restorer(), lives());
        let document = serde_json::to_string(&values).unwrap();
        let mut dice = Dice(seed);
        let pieces: Vec<String> = document.chars().map(|c| spelt(c, &mut dice)).collect();
        let deltas = deltas(&pieces, &mut dice);
        let raw: Vec<&[u8]> = deltas.iter().map(String::as_bytes).collect();
        let out = String::from_utf8(streamed(&restorer, ARGUMENTS, &raw).concat()).unwrap();
        let arguments: Vec<String> = serde_json::from_str(&meaning(&out).unwrap()).unwrap();
        let expected: Vec<String> = values
            .iter()
            .map(|value| replaced(&raw_spelling(value, Depth::Text, &mut dice), Depth::Text, &lives).0)
            .collect();
        prop_assert_eq!(arguments, expected, "{}", document);
    }

    /// What is redacted and comes back is what was there, whatever looked like a placeholder.
    #[test]
    fn a_round_trip_changes_nothing(
        pieces in prop::collection::vec((texts(), prop::option::of(0_usize..6)), 0..8),
        naming in 0_usize..3,
        seed: u64,
    ) {
        let values = ["ada@x.org", "\"q\"@x.org", "\\", "4111111111111111", "é\n", "[EMAIL_1]"];
        let naming = [Naming::Numbered, Naming::LastFour, Naming::Hashed(HashKey::new(b"key"))]
            [naming].clone();
        let marks = ["EMAIL", "CARD"].map(|name| Mark::new(name, naming.clone(), Restore::Always).unwrap());
        let mut placeholders = Placeholders::default();
        let (mut original, mut redacted) = (String::new(), String::new());
        for (text, _) in &pieces {
            placeholders.note(text);
        }
        for (text, value) in &pieces {
            original += text;
            redacted += text;
            if let Some(value) = value {
                original += values[*value];
                redacted += &placeholders.of(&marks[value % 2], values[*value], values[*value]);
            }
        }
        let mut dice = Dice(seed);
        let pieces: Vec<String> = redacted.chars().map(|c| spelt(c, &mut dice)).collect();
        let deltas = deltas(&pieces, &mut dice);
        let raw: Vec<&[u8]> = deltas.iter().map(String::as_bytes).collect();
        let restorer = placeholders.into_restorer();
        let out = String::from_utf8(streamed(&restorer, TEXT, &raw).concat()).unwrap();
        prop_assert_eq!(meaning(&out).unwrap(), original, "{}", redacted);
    }
}
