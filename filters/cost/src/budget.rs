//! A budget as it runs, and what a caller is told whose request does not fit.

use std::rc::Rc;

use weir_global::Over;
use weir_intake::Refused;
use weir_limits::{Level, Table, Window};
use weir_llm_api::error::{Reason, Refusal};
use weir_llm_api::limits::go_duration;
use weir_metering::Share;
use weir_policy::Owner;
use weir_prices::PicoUsd;

/// A budget, in pico-dollars.
#[derive(Debug)]
pub(crate) struct Budget {
    pub(crate) name: String,
    pub(crate) share: Share,
    pub(crate) window: Window,
    pub(crate) table: Rc<Table>,
    /// The window as callers are told of it.
    pub(crate) words: String,
    /// Warn when less than this is left.
    pub(crate) warn_below: Option<u128>,
}

impl Budget {
    pub(crate) fn charge(&self, owner: Owner, amount: PicoUsd) -> weir_limits::Charge {
        weir_limits::Charge {
            table: Rc::clone(&self.table),
            window: self.window,
            owner,
            amount: picos(amount),
        }
    }

    /// Whether so much left is little.
    pub(crate) fn warns(&self, level: Level) -> bool {
        let left = u128::from(level.remaining);
        self.warn_below
            .is_some_and(|below| left < below || left == 0)
    }

    /// The refusal of a request that fits here, when the Envoys together have spent the budget.
    pub(crate) fn beyond(&self, over: &Over) -> Refused {
        let budget = match over.limit {
            Some((micros, unit)) => {
                let usd = PicoUsd(u128::from(micros) * u128::from(SHARED_UNIT));
                format!(" of {usd} USD per {unit}")
            }
            None => String::new(),
        };
        let retry = over.retry();
        let message = format!("You exceeded your current budget{budget}.{retry}");
        Refused {
            refusal: Refusal::new(Reason::QuotaExceeded, message),
            verdict: "limited",
            rule: Some(self.name.clone()),
            details: "weir_budget_exceeded",
            log: format!("budget `{}` is spent over all gateways", self.name),
        }
    }

    /// The refusal of a request that may cost `wanted`.
    pub(crate) fn refusal(&self, level: Level, wanted: u64, retry_ms: Option<u64>) -> Refused {
        let usd = |picos: u64| PicoUsd(u128::from(picos));
        let (limit, left, wanted) = (usd(level.limit), usd(level.remaining), usd(wanted));
        let per = match self.words.as_str() {
            "forever" => String::new(),
            words => format!(" per {words}"),
        };
        let mut message = format!(
            "You exceeded your current budget of {limit} USD{per}: {left} USD are left, and this \
             request may cost up to {wanted} USD."
        );
        if let Some(retry_ms) = retry_ms {
            message.push_str(&format!(" It begins anew in {}.", go_duration(retry_ms)));
        }
        Refused {
            refusal: Refusal::new(Reason::QuotaExceeded, message),
            verdict: "limited",
            rule: Some(self.name.clone()),
            details: "weir_budget_exceeded",
            log: format!(
                "budget `{}` has {left} of {limit} USD, {wanted} may be needed",
                self.name
            ),
        }
    }
}

/// Pico-dollars in what a rate limit service counts, which is micro-dollars: it counts in 32 bits.
pub(crate) const SHARED_UNIT: u64 = 1_000_000;

/// An amount as budgets count it; what does not fit into 64 bits fits into no budget.
pub(crate) fn picos(amount: PicoUsd) -> u64 {
    u64::try_from(amount.0).unwrap_or(u64::MAX)
}
