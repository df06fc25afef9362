//! A limit as it runs: which requests it is for, whose share it counts, how much of it a request
//! needs and how much it has used.

use std::rc::Rc;

use weir_intake::{Match, OnMissingIdentity, Refused, Subject};
use weir_limits::{Charge, Table, Window};
use weir_llm_api::limits::Counted;
use weir_policy::{Identity, Owner};

use crate::config::PerSettings;
use crate::spent::Spent;

/// A limit.
#[derive(Debug)]
pub(crate) struct Limit {
    pub(crate) name: String,
    pub(crate) matches: Match,
    pub(crate) per: Vec<PerSettings>,
    pub(crate) window: Window,
    pub(crate) table: Rc<Table>,
    /// The window as callers are told of it.
    pub(crate) words: String,
    pub(crate) counts: Counts,
    pub(crate) weights: Weights,
    pub(crate) expected_output: Option<u64>,
    pub(crate) on_missing_identity: OnMissingIdentity,
    pub(crate) shadow: bool,
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

/// What a request needs at most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Needs {
    pub(crate) input: u64,
    /// Output tokens the request allows, when it says so; over all its choices.
    pub(crate) output_cap: Option<u64>,
    /// Output tokens to expect of each choice when a limit does not say otherwise.
    pub(crate) expected_output: u64,
    pub(crate) choices: u64,
    /// Reserve what is expected also where the cap is higher.
    pub(crate) by_expectation: bool,
    /// Whether the request makes tokens at all.
    pub(crate) generates: bool,
}

impl Needs {
    /// Output tokens to be reserved; `expected` for each choice, when a limit has its own.
    pub(crate) fn output(&self, expected: Option<u64>) -> u64 {
        let expected = expected.unwrap_or(self.expected_output);
        let expected = expected.saturating_mul(self.choices);
        match self.output_cap {
            Some(cap) if self.by_expectation => cap.min(expected),
            Some(cap) => cap,
            None => expected,
        }
    }
}

impl Limit {
    /// The request headers the limit looks at.
    pub(crate) fn headers(&self) -> Vec<String> {
        let matched = self.matches.headers().map(str::to_owned);
        let counted = self.per.iter().filter_map(|part| match part {
            PerSettings::Header(name) => Some(name.clone()),
            _ => None,
        });
        matched.chain(counted).collect()
    }

    /// What a request has to leave at this limit; none when the limit is not for it.
    ///
    /// # Errors
    /// The refusal of a caller who has no identity and needs one.
    pub(crate) fn charge(
        &self,
        subject: &Subject<'_>,
        route: &str,
        needs: &Needs,
    ) -> Result<Option<Charge>, Refused> {
        if !self.matches.holds_but_for_identity(subject) {
            return Ok(None);
        }
        let stand_in;
        let identity = match subject.identity {
            Some(identity) => Some(identity),
            None if self.matches.is_by_identity() || self.per.contains(&PerSettings::Identity) => {
                stand_in = match self.on_missing_identity.stand_in() {
                    // What is only tried out refuses nobody.
                    Err(_) if self.shadow => return Ok(None),
                    Err(refused) => return Err(refused),
                    Ok(None) => return Ok(None),
                    Ok(stand_in) => stand_in,
                };
                stand_in.as_ref()
            }
            None => None,
        };
        if !self.matches.is_for(identity) {
            return Ok(None);
        }
        let identity = identity.map_or("", Identity::as_str).as_bytes();
        let mut parts: Vec<&[u8]> = Vec::with_capacity(self.per.len() * 2);
        for part in &self.per {
            let (kind, value): (&[u8], &[u8]) = match part {
                PerSettings::Identity => (b"identity", identity),
                PerSettings::Model => (b"model", subject.model.as_bytes()),
                PerSettings::Api => (b"api", subject.api.name().as_bytes()),
                PerSettings::Provider => (b"provider", subject.provider.as_bytes()),
                PerSettings::Route => (b"route", route.as_bytes()),
                PerSettings::Header(name) => {
                    let mut values = subject.headers.all(name);
                    let value = values.next().unwrap_or_default();
                    if values.next().is_some() {
                        return Err(Refused::ambiguous(name));
                    }
                    parts.push(b"header");
                    (name.as_bytes(), value)
                }
            };
            parts.push(kind);
            parts.push(value);
        }
        Ok(Some(Charge {
            table: Rc::clone(&self.table),
            window: self.window,
            owner: Owner::of_bytes(parts),
            amount: self.reserved(needs),
        }))
    }

    /// The most a request can use.
    fn reserved(&self, needs: &Needs) -> u64 {
        if self.counts == Counts::Requests {
            return 1;
        }
        if !needs.generates {
            return 0;
        }
        let output = needs.output(self.expected_output);
        let dearest_input = self.weights.cached.max(1000);
        let dearest_output = self.weights.output.max(self.weights.reasoning);
        self.weighed([(needs.input, dearest_input)], [(output, dearest_output)])
    }

    /// What a request has used.
    pub(crate) fn used(&self, spent: &Spent) -> u64 {
        if self.counts == Counts::Requests {
            return u64::from(spent.answered);
        }
        let cached = spent.cached.min(spent.input);
        let reasoning = spent.reasoning.min(spent.output);
        self.weighed(
            [(spent.input - cached, 1000), (cached, self.weights.cached)],
            [
                (spent.output - reasoning, self.weights.output),
                (reasoning, self.weights.reasoning),
            ],
        )
    }

    /// Tokens by what they count, rounded up.
    fn weighed<const I: usize, const O: usize>(
        &self,
        input: [(u64, u64); I],
        output: [(u64, u64); O],
    ) -> u64 {
        let sum = |tokens: &[(u64, u64)]| -> u128 {
            let weighed = tokens
                .iter()
                .map(|&(n, weight)| u128::from(n) * u128::from(weight));
            weighed.sum()
        };
        let permille = match self.counts {
            Counts::Requests => 0,
            Counts::Total => sum(&input) + sum(&output),
            Counts::Input => sum(&input),
            Counts::Output => sum(&output),
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
