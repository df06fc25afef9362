//! A limit as it runs: how much of it a request needs and how much it has used.

use std::rc::Rc;

use weir_limits::{Table, Window};
use weir_llm_api::limits::Counted;
use weir_metering::{Asked, Share, Spent};

/// A limit.
#[derive(Debug)]
pub(crate) struct Limit {
    pub(crate) name: String,
    pub(crate) share: Share,
    pub(crate) window: Window,
    pub(crate) table: Rc<Table>,
    /// The window as callers are told of it.
    pub(crate) words: String,
    pub(crate) counts: Counts,
    pub(crate) weights: Weights,
    pub(crate) expected_output: Option<u64>,
    /// Reserve what is expected also where a request allows more.
    pub(crate) by_expectation: bool,
}

/// What a limit is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Tokens,
    Requests,
}

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counts {
    Requests,
    Total,
    Input,
    Output,
}

/// What a token counts, in thousandths.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weights {
    pub(crate) cached: u64,
    pub(crate) output: u64,
    pub(crate) reasoning: u64,
}

impl Limit {
    /// The most a request can use of it.
    pub(crate) fn reserved(&self, asked: &Asked) -> u64 {
        if self.counts == Counts::Requests {
            return 1;
        }
        if !asked.generates {
            return 0;
        }
        let expected = self.expected_output.unwrap_or(asked.expected_output);
        let expected = expected.saturating_mul(asked.choices);
        let output = match asked.output_cap {
            Some(cap) if self.by_expectation => cap.min(expected),
            Some(cap) => cap,
            None => expected,
        };
        let dearest_input = self.weights.cached.max(1000);
        let dearest_output = self.weights.output.max(self.weights.reasoning);
        let prompt = [(asked.prompt.tokens, dearest_input)];
        let wanted = self.weighed(&prompt, &[(output, dearest_output)]);
        match asked.output_cap {
            Some(_) if !self.by_expectation => wanted,
            // What is only expected must not make a request too large for ever.
            _ => wanted.min(self.most()).max(self.weighed(&prompt, &[])),
        }
    }

    /// The most that there ever is of it.
    pub(crate) fn most(&self) -> u64 {
        match self.window {
            Window::Bucket { burst, .. } => burst,
            Window::Quota { limit, .. } => limit,
        }
    }

    /// Whether it begins anew some time instead of being refilled.
    pub(crate) const fn is_quota(&self) -> bool {
        matches!(self.window, Window::Quota { .. })
    }

    /// What a request has used of it.
    pub(crate) fn used(&self, spent: &Spent) -> u64 {
        if self.counts == Counts::Requests {
            return u64::from(spent.answered);
        }
        let usage = &spent.usage;
        let cached = usage.cache_read.min(usage.input);
        let reasoning = usage.reasoning.min(usage.output);
        let Weights {
            cached: cached_weight,
            output,
            reasoning: reasoning_weight,
        } = self.weights;
        self.weighed(
            &[(usage.input - cached, 1000), (cached, cached_weight)],
            &[
                (usage.output - reasoning, output),
                (reasoning, reasoning_weight),
            ],
        )
    }

    /// Tokens by what they count, rounded up.
    fn weighed(&self, input: &[(u64, u64)], output: &[(u64, u64)]) -> u64 {
        let sum = |tokens: &[(u64, u64)]| -> u128 {
            let weighed = |&(n, weight): &(u64, u64)| u128::from(n) * u128::from(weight);
            tokens.iter().map(weighed).sum()
        };
        let permille = match self.counts {
            Counts::Requests => 0,
            Counts::Total => sum(input) + sum(output),
            Counts::Input => sum(input),
            Counts::Output => sum(output),
        };
        u64::try_from(permille.div_ceil(1000)).unwrap_or(u64::MAX)
    }

    /// What its headers are called by.
    pub(crate) const fn counted(&self) -> Counted {
        match self.counts {
            Counts::Requests => Counted::Requests,
            Counts::Total => Counted::Tokens,
            Counts::Input => Counted::InputTokens,
            Counts::Output => Counted::OutputTokens,
        }
    }
}
