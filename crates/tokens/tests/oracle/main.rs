//! The counts are those of tiktoken-rs, wherever that one finishes.
//!
//! tiktoken-rs walks white space by recursion, so everything here runs on a large stack.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::cast_possible_truncation,
    clippy::print_stderr,
    reason = "a test may panic, and says how many documents it has seen"
)]

mod corpus;

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tiktoken_rs::CoreBPE;
use weir_tokens::Encoding;

static ORACLES: LazyLock<[(Encoding, CoreBPE); 2]> = LazyLock::new(|| {
    [
        (Encoding::O200k, tiktoken_rs::o200k_base().unwrap()),
        (Encoding::Cl100k, tiktoken_rs::cl100k_base().unwrap()),
    ]
});

/// Both encodings of `text`, against the oracle.
fn assert_counts(text: &str) {
    for (encoding, oracle) in ORACLES.iter() {
        let expected = oracle.encode_ordinary(text).len() as u64;
        let count = encoding.count(text);
        if count != expected {
            let shown: String = text.chars().take(300).collect();
            panic!("{encoding:?} counts {count}, not {expected}: {shown:?}");
        }
    }
}

fn on_a_large_stack(test: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(512 << 20);
    thread.spawn(test).unwrap().join().unwrap();
}

#[test]
fn hand_made_documents() {
    on_a_large_stack(|| {
        let documents = corpus::by_hand();
        documents.iter().for_each(|text| assert_counts(text));
        eprintln!("{} documents made by hand", documents.len());
    });
}

#[test]
fn generated_documents() {
    on_a_large_stack(|| {
        let mut bytes = 0;
        for seed in 0..6000 {
            let text = corpus::generated(seed);
            bytes += text.len();
            assert_counts(&text);
        }
        eprintln!("6000 generated documents, {bytes} bytes");
    });
}

#[test]
fn hostile_runs() {
    on_a_large_stack(|| {
        let runs = corpus::runs();
        runs.iter().for_each(|text| assert_counts(text));
        eprintln!("{} runs", runs.len());
    });
}

#[test]
fn every_code_point() {
    on_a_large_stack(|| corpus::code_points().for_each(|text| assert_counts(&text)));
}

/// Every token is one, alone; and two tokens in a row are whatever they are.
#[test]
fn tokens_of_the_vocabularies() {
    on_a_large_stack(|| {
        for (_, oracle) in ORACLES.iter() {
            let tokens: Vec<String> = (0..200_000)
                .map_while(|rank| oracle.decode_bytes(&[rank]).ok())
                .filter_map(|bytes| String::from_utf8(bytes).ok())
                .collect();
            for (at, token) in tokens.iter().enumerate().step_by(7) {
                let other = &tokens[at * 7919 % tokens.len()];
                assert_counts(&format!("{token}{other}"));
            }
        }
    });
}

fn run(cases: u32, strategy: impl Strategy<Value = String>) {
    let mut runner = TestRunner::new(Config::with_cases(cases));
    let checked = runner.run(&strategy, |text| {
        assert_counts(&text);
        Ok(())
    });
    checked.unwrap();
}

#[test]
fn arbitrary_text() {
    on_a_large_stack(|| {
        run(1500, any::<String>());
        run(1500, "(?s).{0,120}");
        run(500, "\\PC{0,300}");
    });
}

#[test]
fn small_alphabets() {
    on_a_large_stack(|| {
        run(300, "[ab]{0,400}");
        run(300, "[a-d]{0,2000}");
        run(300, "[ \\n\\r\\t\u{a0}]{0,60}");
        run(1500, "[ \\n\\ra/'!]{0,24}");
        run(1500, "[aAsSłŁ\u{301}ªʰ日ǅ'1 !\\n]{0,24}");
        run(1500, "(?i)([a-c '\u{2019}]|'(s|t|re|ve|m|ll|d|ſ)){0,12}");
        run(300, "[0-9٣½ ]{0,60}");
        run(300, "[\u{300}-\u{330}a-c ]{0,60}");
        run(300, "[\u{e0}-\u{ff}]{0,900}");
        run(300, "[\u{4e00}-\u{4e40}]{0,300}");
        run(300, "[あ-んア-ン。、]{0,200}");
        run(300, "[가-깋ㄱ-ㅣ ]{0,120}");
    });
}
