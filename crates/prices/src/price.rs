//! What a model costs, and what a usage or a request costs at that price.

use crate::money::PicoUsd;
use crate::slot::{Kind, Tier};

/// Tokens to be priced: *input* covers cache reads, cache writes and audio, *output* covers
/// reasoning and audio.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    /// All tokens of the prompt.
    pub input: u64,
    /// All tokens of the answer.
    pub output: u64,
    /// Part of `input` read from a cache.
    pub cache_read: u64,
    /// Part of `input` written to a cache, whatever its lifetime.
    pub cache_write: u64,
    /// Part of `cache_write` that is kept for an hour.
    pub cache_write_1h: u64,
    /// Part of `output` spent on reasoning.
    pub reasoning: u64,
    /// Part of `input` that is audio.
    pub input_audio: u64,
    /// Part of `output` that is audio.
    pub output_audio: u64,
}

/// One rate of a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// For these tokens.
    pub kind: Kind,
    /// In this tier.
    pub tier: Tier,
    /// For requests whose prompt has more tokens than this; 0: for all.
    pub above: u64,
    /// Pico-dollars for a token.
    pub picos: u64,
}

/// What a model costs: a rate for the prompt and one for the answer, and whatever special rates
/// its provider has.
///
/// Where a special rate is missing, the next more general one holds:
/// - The rate of the highest threshold that the prompt exceeds holds for the whole request; of
///   two with the same threshold the tier's own wins over the standard one.
/// - A missing rate for cache reads, cache writes or audio of the prompt is that of the prompt,
///   for writes kept for an hour that of writes, for cached audio that of cache reads, for audio
///   of the answer that of the answer.
/// - Reasoning costs what the answer costs, unless it has a rate at least as special as the
///   answer's: priority reasoning is not sold at the standard rate. In a batch the same goes for
///   cache reads: one that lists no price for them gives no discount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    rates: Vec<Rate>,
}

impl Price {
    /// A price with the two rates every price has, in pico-dollars for a token.
    pub fn new(input: u64, output: u64) -> Self {
        let rate = |kind, picos| Rate {
            kind,
            tier: Tier::Standard,
            above: 0,
            picos,
        };
        Self {
            rates: vec![rate(Kind::Input, input), rate(Kind::Output, output)],
        }
    }

    /// The same with one rate set.
    #[must_use]
    pub fn with(mut self, rate: Rate) -> Self {
        let same = |r: &&mut Rate| (r.kind, r.tier, r.above) == (rate.kind, rate.tier, rate.above);
        match self.rates.iter_mut().find(same) {
            Some(mine) => *mine = rate,
            None => self.rates.push(rate),
        }
        self
    }

    /// All rates as set.
    pub fn rates(&self) -> &[Rate] {
        &self.rates
    }

    /// What a token costs in a request with so long a prompt, in pico-dollars.
    pub fn rate(&self, kind: Kind, tier: Tier, prompt: u64) -> u64 {
        let general = match kind {
            Kind::Input | Kind::Output => None,
            Kind::CacheRead | Kind::CacheWrite | Kind::InputAudio => Some(Kind::Input),
            Kind::CacheWrite1h => Some(Kind::CacheWrite),
            Kind::CacheReadAudio => Some(Kind::CacheRead),
            Kind::Reasoning | Kind::OutputAudio => Some(Kind::Output),
        };
        let own = self.own(kind, tier, prompt);
        // A rate that must be at least as special as this one's.
        let rival = match (kind, tier) {
            (Kind::Reasoning, _) => self.own(Kind::Output, tier, prompt),
            (Kind::CacheRead | Kind::CacheReadAudio, Tier::Batch) => {
                self.own(Kind::Input, tier, prompt)
            }
            _ => None,
        };
        let own = own.filter(|own| rival.is_none_or(|rival| own.0 >= rival.0));
        match (own, general) {
            (Some((_, picos)), _) => picos,
            (None, Some(general)) => self.rate(general, tier, prompt),
            // `new` sets the two that have nothing more general.
            (None, None) => 0,
        }
    }

    /// The rate set for this kind that holds, with how special it is.
    fn own(&self, kind: Kind, tier: Tier, prompt: u64) -> Option<(Special, u64)> {
        self.rates
            .iter()
            .filter(|rate| rate.kind == kind)
            .filter(|rate| rate.tier == tier || rate.tier == Tier::Standard)
            .filter(|rate| rate.above == 0 || prompt > rate.above)
            .map(|rate| ((rate.above, rate.tier == tier), rate.picos))
            .max_by_key(|(special, _)| *special)
    }

    /// What the tokens cost.
    ///
    /// How much of the audio of a prompt came from the cache is not reported. As little as
    /// possible counts as cached: only what does not fit beside the cached tokens.
    ///
    /// A usage that contradicts itself is never cheaper for it. The whole counts as at least as
    /// large as its parts together; and when it had to be raised, the side costs at least what
    /// the reported whole costs without any discount.
    pub fn cost(&self, tokens: &Tokens, tier: Tier) -> PicoUsd {
        let write = tokens.cache_write.max(tokens.cache_write_1h);
        let cached = tokens.cache_read.saturating_add(write);
        let input = tokens.input.max(cached).max(tokens.input_audio);
        let answer = tokens.reasoning.saturating_add(tokens.output_audio);
        let output = tokens.output.max(answer);

        let fresh = input.saturating_sub(cached);
        let fresh_audio = tokens.input_audio.min(fresh);
        let cached_audio = (tokens.input_audio - fresh_audio).min(tokens.cache_read);
        let at = |kind, count| PicoUsd::of(count, self.rate(kind, tier, input));
        let prompt: PicoUsd = [
            at(Kind::Input, fresh - fresh_audio),
            at(Kind::InputAudio, fresh_audio),
            at(Kind::CacheRead, tokens.cache_read - cached_audio),
            at(Kind::CacheReadAudio, cached_audio),
            at(Kind::CacheWrite, write - tokens.cache_write_1h),
            at(Kind::CacheWrite1h, tokens.cache_write_1h),
        ]
        .into_iter()
        .sum();
        let answer: PicoUsd = [
            at(Kind::Output, output.saturating_sub(answer)),
            at(Kind::Reasoning, tokens.reasoning),
            at(Kind::OutputAudio, tokens.output_audio),
        ]
        .into_iter()
        .sum();

        let undiscounted = |raised, kind, count| {
            if raised {
                at(kind, count)
            } else {
                PicoUsd::ZERO
            }
        };
        let prompt = prompt.max(undiscounted(
            input > tokens.input,
            Kind::Input,
            tokens.input,
        ));
        let answer = answer.max(undiscounted(
            output > tokens.output,
            Kind::Output,
            tokens.output,
        ));
        prompt.saturating_add(answer)
    }

    /// The most that a request with at most so many tokens can cost: every token of a side at
    /// the highest rate that may hold there. `may` says which special rates the request can come
    /// to; the plain ones always may.
    ///
    /// ```
    /// use weir_prices::{Kind, PicoUsd, Price, Rate, Tier};
    /// let write = Rate { kind: Kind::CacheWrite, tier: Tier::Standard, above: 0, picos: 5 };
    /// let price = Price::new(4, 10).with(write);
    /// assert_eq!(price.highest(100, 10, |_, _| true), PicoUsd(600));
    /// // No cache is asked for.
    /// assert_eq!(price.highest(100, 10, |kind, _| kind != Kind::CacheWrite), PicoUsd(500));
    /// ```
    pub fn highest(&self, input: u64, output: u64, may: impl Fn(Kind, Tier) -> bool) -> PicoUsd {
        let plain =
            |r: &Rate| r.tier == Tier::Standard && matches!(r.kind, Kind::Input | Kind::Output);
        let top = |of_answer: bool| {
            self.rates
                .iter()
                .filter(|rate| is_answer(rate.kind) == of_answer)
                .filter(|rate| rate.above == 0 || input > rate.above)
                .filter(|rate| plain(rate) || may(rate.kind, rate.tier))
                .map(|rate| rate.picos)
                .max()
                .unwrap_or(0)
        };
        PicoUsd::of(input, top(false)).saturating_add(PicoUsd::of(output, top(true)))
    }
}

/// How special a rate is: its threshold, and whether it is the tier's own.
type Special = (u64, bool);

const fn is_answer(kind: Kind) -> bool {
    matches!(kind, Kind::Output | Kind::Reasoning | Kind::OutputAudio)
}

#[cfg(test)]
mod tests;
