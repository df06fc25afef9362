//! Costs equal those of LiteLLM's own calculator, to the pico-dollar.
//!
//! `golden.txt` is what that calculator said (`make prices`). `WEIR_GOLDEN` names another
//! such file: `make prices-check` asks about the whole table.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::print_stdout)]

use weir_prices::{Catalogue, PicoUsd, Tier, Tokens};

#[derive(Debug)]
struct Case<'a> {
    provider: &'a str,
    model: &'a str,
    tier: Tier,
    tokens: Tokens,
    picos: u128,
}

fn cases(text: &str) -> impl Iterator<Item = Case<'_>> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| {
        let fields: Vec<&str> = line.split(' ').collect();
        let count = |i: usize| fields[i].parse().unwrap();
        Case {
            provider: fields[0],
            model: fields[1],
            tier: Tier::of(fields[2]).unwrap(),
            tokens: Tokens {
                input: count(3),
                output: count(4),
                cache_read: count(5),
                cache_write: count(6),
                cache_write_1h: count(7),
                reasoning: count(8),
                input_audio: count(9),
                output_audio: count(10),
            },
            picos: fields[11].parse().unwrap(),
        }
    })
}

/// Where LiteLLM's calculator does not follow its own table, or guesses.
struct Difference {
    of: fn(&Case<'_>) -> bool,
    why: &'static str,
    /// Ours may be the lower cost. Else it must not.
    may_be_lower: bool,
}

const DIFFERENCES: [Difference; 5] = [
    Difference {
        of: |case| {
            (case.provider, case.tier) == ("vertex_ai", Tier::Batch) && case.tokens.cache_write > 0
        },
        why: "it prices cache writes as input in a batch that lists no price for them; we at the \
              standard price, which Vertex lists below that of input",
        may_be_lower: true,
    },
    Difference {
        of: |case| case.tier == Tier::Batch,
        why: "it takes half of the standard price, or the batch's price of plain input, where a \
              batch lists none; we the standard price. It also prices audio answers as text.",
        may_be_lower: false,
    },
    Difference {
        of: |case| case.provider == "fireworks_ai",
        why: "it takes half of the input price where none is listed for cache reads, and ignores \
              the tier",
        may_be_lower: false,
    },
    Difference {
        of: |case| case.provider == "perplexity",
        why: "it ignores cache prices and thresholds that its table lists",
        may_be_lower: true,
    },
    Difference {
        of: |case| (case.provider, case.model) == ("gemini", "gemini-exp-1206"),
        why: "it lists the model twice, once as free",
        may_be_lower: false,
    },
];

#[test]
fn costs_are_those_of_litellm() {
    let text = std::env::var("WEIR_GOLDEN").map_or_else(
        |_| include_str!("golden.txt").to_owned(),
        |path| std::fs::read_to_string(path).unwrap(),
    );
    let catalogue = Catalogue::builtin();
    let (mut equal, mut different, mut wrong) = (0, [0; DIFFERENCES.len()], Vec::new());
    for case in cases(&text) {
        let found = catalogue.find(Some(case.provider), case.model);
        let cost = found.map(|found| found.price.cost(&case.tokens, case.tier));
        if cost == Some(PicoUsd(case.picos)) {
            equal += 1;
            continue;
        }
        let known = DIFFERENCES.iter().position(|known| (known.of)(&case));
        match known {
            Some(i) if cost > Some(PicoUsd(case.picos)) || DIFFERENCES[i].may_be_lower => {
                different[i] += 1;
            }
            _ => wrong.push(format!("{cost:?} for {case:?}")),
        }
    }
    assert!(
        wrong.is_empty(),
        "{} differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    println!("{equal} equal to the pico-dollar");
    for (known, count) in DIFFERENCES.iter().zip(different) {
        println!("{count} different: {}", known.why);
    }
    assert!(equal > 500, "only {equal} cases are equal");
}
