//! Random exchanges through all four filters: whatever is said, cut, damaged or broken off, the laws
//! of the suite hold. They stand in `tests/laws`, for fuzzers run them too.

use proptest::prelude::*;
use weir_laws::exchange::{Case, VALUES, WORDS};
use weir_testkit::script::BreaksOff;

/// Cases of the test below: `WEIR_CASES=1000000 cargo test …` for a night.
fn cases() -> u32 {
    let asked = std::env::var("WEIR_CASES").ok();
    asked.and_then(|cases| cases.parse().ok()).unwrap_or(500)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    #[test]
    fn the_laws_hold_in_a_chain(
        words in prop::collection::vec((0_usize..WORDS.len(), prop::option::of(0_usize..VALUES.len())), 1..12),
        earlier in prop::option::of(0_usize..VALUES.len()),
        pieces in prop::option::of(1_usize..9),
        usage in (1_u64..500, 0_u64..500),
        (alias, include_usage) in any::<(bool, bool)>(),
        breaks_off in prop::option::of(prop_oneof![
            4 => (0_usize..3000).prop_map(BreaksOff::Behind),
            1 => Just(BreaksOff::BeforeAnswer),
        ]),
        trailers in any::<(bool, bool)>(),
        request_cuts in prop::collection::vec(0_usize..600, 0..4),
        response_cuts in prop::collection::vec(0_usize..3000, 0..9),
        damage in prop::option::of((0_usize..2000, any::<u8>())),
    ) {
        let case = Case {
            words, earlier, pieces, usage, alias, include_usage, breaks_off, trailers,
            request_cuts, response_cuts, damage,
        };
        case.check();
    }
}
