//! What holds for any text: spans are in order, apart, between characters; values of two
//! spellings agree; padding far away changes nothing.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::string_slice)]

use proptest::prelude::*;
use weir_laws::detectors::{in_order_and_apart, padding_far_away_only_shifts, scan};
use weir_pii::detectors;

/// What sets detectors off, and what they stumble over.
fn piece() -> impl Strategy<Value = String> {
    let examples: Vec<String> = detectors().map(|detector| detector.example()).collect();
    prop_oneof![
        3 => proptest::sample::select(examples),
        2 => proptest::sample::select(vec![
            "@", "sk-", "password=", "token: ", "eyJ", "-----BEGIN ", "://", "+", "00", "4111 ", ":AA", "[at]", " dot ", "%40", "ssn ",
            "电话", "é", "\u{200b}", "＠", "４", "\u{a0}", "—", "😀", ".", ":", "::", "-", " ", "\n", "\"", "'", "\\", "\\n", "(", ")", "born ", "account ",
            "bearer ", "basic ", "passport ", "Bluebird", "ärger", "EMP-1234", "x", "A", "0", "1", "9", "fe80::", "Mr. ", "name: ", "=", "&", "%", "{", "$", "my name is ",
        ]).prop_map(str::to_owned),
        1 => "[0-9]{1,20}",
        1 => "[A-Za-z0-9_.-]{1,12}",
        1 => "\\PC{0,4}",
    ]
}

/// Pieces of text, some of them cut.
fn text() -> impl Strategy<Value = String> {
    proptest::collection::vec((piece(), 0_usize..8), 0..14).prop_map(|pieces| {
        let cut = |(piece, cut): (String, usize)| -> String {
            match cut {
                0 => piece.chars().skip(piece.chars().count() / 2).collect(),
                1 => piece.chars().take(piece.chars().count() / 2).collect(),
                _ => piece,
            }
        };
        pieces.into_iter().map(cut).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn spans_are_in_order_apart_and_between_characters(text in text(), hint in proptest::option::of(piece())) {
        in_order_and_apart(&text, &scan(&text, hint.as_deref()));
    }

    /// What stands far away, on other lines, is nobody's context.
    #[test]
    fn what_is_far_away_only_shifts(text in text()) {
        padding_far_away_only_shifts(&text);
    }

    /// Fullwidth letters and digits, and characters that show nothing, hide nothing.
    #[test]
    fn other_spellings_are_found_as_well(at in 0_usize..200, joiner in proptest::sample::select(vec!["", "\u{200b}", "\u{2060}", "\u{ad}"])) {
        let examples: Vec<(&str, String)> = detectors().map(|detector| (detector.name, detector.example())).collect();
        let (name, example) = &examples[at % examples.len()];
        let wide: String = example.chars().flat_map(|c| {
            let wide = match c {
                '!'..='~' => char::from_u32(u32::from(c) + 0xfee0).unwrap(),
                _ => c,
            };
            std::iter::once(wide).chain(joiner.chars())
        }).collect();
        let values = |text: &str| -> Vec<(String, String)> {
            scan(text, None).into_iter().map(|finding| (finding.kind.name().to_owned(), finding.value)).collect()
        };
        prop_assert_eq!(values(&wide), values(example), "{}: {}", name, wide);
    }
}
