use proptest::prelude::*;

use super::*;

fn rate(kind: Kind, tier: Tier, above: u64, picos: u64) -> Rate {
    Rate {
        kind,
        tier,
        above,
        picos,
    }
}

/// Prime rates, so that no sum comes about by another way.
fn full() -> Price {
    let std = Tier::Standard;
    Price::new(101, 1009)
        .with(rate(Kind::CacheRead, std, 0, 11))
        .with(rate(Kind::CacheWrite, std, 0, 127))
        .with(rate(Kind::CacheWrite1h, std, 0, 211))
        .with(rate(Kind::Reasoning, std, 0, 1013))
        .with(rate(Kind::InputAudio, std, 0, 401))
        .with(rate(Kind::OutputAudio, std, 0, 4001))
        .with(rate(Kind::CacheReadAudio, std, 0, 41))
}

#[test]
fn which_rate_holds() {
    use Kind::*;
    use Tier::*;
    let long = 200_000;
    let plain = Price::new(4, 10);
    let tiered = Price::new(4, 10)
        .with(rate(Input, Flex, 0, 2))
        .with(rate(Output, Flex, 0, 5))
        .with(rate(CacheRead, Standard, 0, 1))
        .with(rate(Reasoning, Standard, 0, 20))
        .with(rate(Input, Standard, long, 8))
        .with(rate(Output, Standard, long, 15))
        .with(rate(Input, Priority, 0, 7))
        .with(rate(Input, Priority, long, 14))
        .with(rate(CacheWrite1h, Standard, 0, 6))
        .with(rate(Input, Standard, 2 * long, 16));
    let batch = Price::new(4, 10)
        .with(rate(Input, Batch, 0, 2))
        .with(rate(CacheRead, Standard, 0, 1))
        .with(rate(CacheReadAudio, Standard, 0, 1))
        .with(rate(CacheWrite, Standard, 0, 5));
    for (price, kind, tier, prompt, expected, why) in [
        (&plain, Input, Standard, 1, 4, "as set"),
        (
            &plain,
            CacheRead,
            Standard,
            1,
            4,
            "no cache price: the prompt's",
        ),
        (
            &plain,
            CacheWrite,
            Standard,
            1,
            4,
            "no cache price: the prompt's",
        ),
        (
            &plain,
            CacheWrite1h,
            Standard,
            1,
            4,
            "no cache price: the prompt's",
        ),
        (
            &plain,
            CacheReadAudio,
            Standard,
            1,
            4,
            "no cache price: the prompt's",
        ),
        (
            &plain,
            InputAudio,
            Standard,
            1,
            4,
            "no audio price: the prompt's",
        ),
        (
            &plain,
            OutputAudio,
            Standard,
            1,
            10,
            "no audio price: the answer's",
        ),
        (
            &plain,
            Reasoning,
            Standard,
            1,
            10,
            "no reasoning price: the answer's",
        ),
        (
            &plain,
            Output,
            Ultrafast,
            1,
            10,
            "no tier price: the standard one",
        ),
        (&tiered, Input, Flex, 1, 2, "the tier's"),
        (
            &tiered,
            CacheRead,
            Flex,
            1,
            1,
            "a cache price of any tier before the prompt's",
        ),
        (&tiered, CacheWrite, Flex, 1, 2, "the prompt's in the tier"),
        (&tiered, CacheWrite1h, Flex, 1, 6, "its own"),
        (&tiered, Reasoning, Standard, 1, 20, "its own"),
        (
            &tiered,
            Reasoning,
            Flex,
            1,
            5,
            "the answer's is more special",
        ),
        (
            &tiered,
            Reasoning,
            Standard,
            long + 1,
            15,
            "the answer's is more special",
        ),
        (
            &tiered,
            CacheRead,
            Batch,
            1,
            1,
            "no batch price at all: the standard one",
        ),
        (
            &batch,
            CacheRead,
            Batch,
            1,
            2,
            "a batch without a cache price has no discount",
        ),
        (&batch, CacheReadAudio, Batch, 1, 2, "nor for audio"),
        (
            &batch,
            CacheWrite,
            Batch,
            1,
            5,
            "no cheaper for want of a price",
        ),
        (&tiered, Input, Standard, long, 4, "not above"),
        (&tiered, Input, Standard, long + 1, 8, "above"),
        (
            &tiered,
            Input,
            Standard,
            2 * long,
            8,
            "not above the second",
        ),
        (&tiered, Input, Standard, 2 * long + 1, 16, "above both"),
        (&tiered, Input, Priority, long + 1, 14, "above, in the tier"),
        (
            &tiered,
            Input,
            Priority,
            2 * long + 1,
            16,
            "the higher threshold before the tier",
        ),
        (
            &tiered,
            Input,
            Flex,
            long + 1,
            8,
            "above without a tier price: the standard one",
        ),
        (
            &tiered,
            Output,
            Priority,
            1,
            10,
            "no tier price for answers",
        ),
        (
            &tiered,
            CacheRead,
            Standard,
            long + 1,
            1,
            "no cache price above: the one below",
        ),
    ] {
        let found = price.rate(kind, tier, prompt);
        assert_eq!(found, expected, "{kind:?} {tier:?} {prompt}: {why}");
    }
}

#[test]
fn what_tokens_cost() {
    let none = Tokens::default();
    for (tokens, picos, why) in [
        (none, 0, "nothing"),
        (
            Tokens {
                input: 10,
                output: 3,
                ..none
            },
            10 * 101 + 3 * 1009,
            "plain",
        ),
        (
            Tokens {
                input: 100,
                cache_read: 60,
                cache_write: 30,
                cache_write_1h: 20,
                ..none
            },
            10 * 101 + 60 * 11 + 10 * 127 + 20 * 211,
            "cached",
        ),
        (
            Tokens {
                output: 100,
                reasoning: 70,
                output_audio: 20,
                ..none
            },
            10 * 1009 + 70 * 1013 + 20 * 4001,
            "parts of an answer",
        ),
        (
            Tokens {
                input: 10,
                input_audio: 4,
                ..none
            },
            6 * 101 + 4 * 401,
            "audio",
        ),
        (
            Tokens {
                input: 10,
                cache_read: 8,
                input_audio: 2,
                ..none
            },
            8 * 11 + 2 * 401,
            "audio fits beside what is cached",
        ),
        (
            Tokens {
                input: 10,
                cache_read: 8,
                input_audio: 5,
                ..none
            },
            2 * 401 + 3 * 41 + 5 * 11,
            "three tokens must be cached audio",
        ),
        (
            Tokens {
                input: 10,
                cache_write: 8,
                input_audio: 5,
                ..none
            },
            2 * 401 + 8 * 127,
            "audio written to a cache is a write",
        ),
    ] {
        assert_eq!(
            full().cost(&tokens, Tier::Standard),
            PicoUsd(picos),
            "{why}"
        );
    }
}

#[test]
fn contradictions_are_not_cheaper() {
    let none = Tokens::default();
    for (tokens, picos, why) in [
        (
            Tokens {
                input: 10,
                cache_read: 50,
                ..none
            },
            10 * 101,
            "50 cached of 10: the 10, undiscounted, are dearer",
        ),
        (
            Tokens {
                input: 10,
                cache_read: 500,
                ..none
            },
            500 * 11,
            "500 cached of 10: the 500 are dearer",
        ),
        (
            Tokens {
                cache_write: 10,
                ..none
            },
            10 * 127,
            "written of nothing",
        ),
        (
            Tokens {
                input: 10,
                cache_write_1h: 10,
                ..none
            },
            10 * 211,
            "more for an hour than at all",
        ),
        (
            Tokens {
                input: 2,
                input_audio: 10,
                ..none
            },
            10 * 401,
            "audio of less",
        ),
        (
            Tokens {
                output: 2,
                reasoning: 10,
                ..none
            },
            10 * 1013,
            "reasoning of less",
        ),
        (
            Tokens {
                output: 10,
                reasoning: 8,
                output_audio: 8,
                ..none
            },
            8 * 1013 + 8 * 4001,
            "parts that are more than the whole",
        ),
    ] {
        assert_eq!(
            full().cost(&tokens, Tier::Standard),
            PicoUsd(picos),
            "{why}"
        );
    }
}

#[test]
fn huge_numbers_stay_at_the_top() {
    let price = Price::new(u64::MAX, u64::MAX);
    let all = u64::MAX;
    let tokens = Tokens {
        input: all,
        output: all,
        cache_read: all,
        cache_write: all,
        cache_write_1h: all,
        reasoning: all,
        input_audio: all,
        output_audio: all,
    };
    assert_eq!(price.cost(&tokens, Tier::Batch), PicoUsd(u128::MAX));
}

fn tiers() -> impl Strategy<Value = Tier> {
    prop::sample::select(Tier::ALL.to_vec())
}

prop_compose! {
    fn prices()(
        base in (0u64..1000, 0u64..1000),
        rates in prop::collection::vec(
            (prop::sample::select(Kind::ALL.to_vec()), tiers(),
             prop::sample::select(vec![0u64, 100, 200]), 0u64..1000),
            0..20,
        ),
    ) -> Price {
        rates.into_iter().fold(Price::new(base.0, base.1), |price, (kind, tier, above, picos)| {
            price.with(rate(kind, tier, above, picos))
        })
    }
}

prop_compose! {
    /// A usage whose parts fit into their wholes.
    fn usages()(
        (text, read, write, hour, audio) in (0u64..300, 0u64..300, 0u64..300, 0u64..300, 0u64..900),
        (answer, reasoning, output_audio) in (0u64..300, 0u64..300, 0u64..300),
    ) -> Tokens {
        let input = text + read + write;
        Tokens {
            input,
            output: answer + reasoning + output_audio,
            cache_read: read,
            cache_write: write,
            cache_write_1h: hour.min(write),
            reasoning,
            input_audio: audio.min(input),
            output_audio,
        }
    }
}

proptest! {
    #[test]
    fn a_reservation_covers_every_cost(price in prices(), tokens in usages(), tier in tiers()) {
        let highest = price.highest(tokens.input, tokens.output, |_, t| t == tier || t == Tier::Standard);
        prop_assert!(price.cost(&tokens, tier) <= highest);
        // Also when the request turns out smaller than reserved.
        let more = price.highest(tokens.input + 50, tokens.output + 50, |_, _| true);
        prop_assert!(highest <= more);
    }

    #[test]
    fn with_one_rate_parts_do_not_matter(rate in 1u64..1000, tokens in usages(), tier in tiers()) {
        let cost = Price::new(rate, rate).cost(&tokens, tier);
        prop_assert_eq!(cost, PicoUsd::of(tokens.input + tokens.output, rate));
    }

    /// Whatever is reported, a side whose parts do not fit costs no less than the whole as
    /// reported without discounts, and no less than its parts.
    #[test]
    fn contradictions_never_pay(price in prices(), n in prop::array::uniform8(0u64..300), tier in tiers()) {
        let [input, output, cache_read, cache_write, cache_write_1h, reasoning, input_audio, output_audio] = n;
        let tokens = Tokens { input, output, cache_read, cache_write, cache_write_1h, reasoning, input_audio, output_audio };
        let cached = cache_read + cache_write.max(cache_write_1h);
        let cost = price.cost(&tokens, tier);
        let prompt = input.max(cached).max(input_audio);
        let mut least = 0;
        if prompt > input {
            least += input * price.rate(Kind::Input, tier, prompt);
        }
        if reasoning + output_audio > output {
            least += (output * price.rate(Kind::Output, tier, prompt)).max(
                reasoning * price.rate(Kind::Reasoning, tier, prompt)
                    + output_audio * price.rate(Kind::OutputAudio, tier, prompt),
            );
        }
        prop_assert!(cost >= PicoUsd(least.into()), "{} < {}", cost.0, least);
    }

    #[test]
    fn more_of_the_answer_never_costs_less(price in prices(), tokens in usages(), tier in tiers(), more in 0u64..100) {
        let longer = Tokens { output: tokens.output + more, ..tokens };
        prop_assert!(price.cost(&longer, tier) >= price.cost(&tokens, tier));
    }
}
