//! What an exchange did cost: told, counted, and put right at every budget.

use weir_llm_api::Api;
use weir_metering::Spent;
use weir_policy::names::{fact, metric, response_header};
use weir_policy::{Cx, Policy};
use weir_prices::PicoUsd;

use crate::admission::Admitted;
use crate::budget::picos;
use crate::config::Config;
use crate::priced::cost_of;
use crate::{Cost, Costing};

impl Admitted {
    /// What has been used, and what that costs.
    fn costs(&self, cx: &Cx<'_>) -> (Spent, PicoUsd) {
        let spent = self.reading.seen().spent(cx, &self.known);
        let cost = cost_of(self.price.as_deref(), &spent);
        (spent, cost)
    }

    /// The answer has ended: tells its cost in its headers, which are held, or in trailers.
    pub(crate) fn tell_cost(&self, cx: &mut Cx<'_>, config: &Config, streams: bool) {
        if !(if streams {
            config.trailers
        } else {
            config.headers
        }) {
            return;
        }
        let (spent, cost) = self.costs(cx);
        let mut fields = vec![
            (response_header::INPUT_TOKENS, spent.usage.input.to_string()),
            (
                response_header::OUTPUT_TOKENS,
                spent.usage.output.to_string(),
            ),
            (
                response_header::TOTAL_TOKENS,
                spent.usage.total().to_string(),
            ),
        ];
        // What has no price does not cost 0.
        if self.price.is_some() {
            fields.push((response_header::COST_USD, cost.to_string()));
        }
        for (name, value) in fields {
            match streams {
                true => cx.effects.set_response_trailer(name, value),
                false => cx.effects.set_response_header(name, value),
            }
        }
    }

    /// Puts every budget right, and leaves the facts and metrics of the exchange.
    pub(crate) fn settle(self, cx: &mut Cx<'_>, exchange: &Costing, api: Api) {
        let Self {
            price,
            provider,
            held,
            reading,
            known,
            shared,
            ..
        } = self;
        let seen = reading.end();
        let spent = seen.settled(cx, Cost::NAME, api, &known);
        let cost = cost_of(price.as_deref(), &spent);
        leave_cost(cx, price.is_some().then_some(cost));
        if exchange.counts_tokens {
            spent.leave_facts(cx);
        }
        if cost > PicoUsd::ZERO {
            let identity = exchange.identity.as_ref();
            let labels = [
                ("model", exchange.label.as_str()),
                ("provider", provider.as_str()),
                ("identity", exchange.config.identity_labels.of(identity)),
            ];
            cx.effects.count(metric::COST_PICOUSD, &labels, picos(cost));
        }
        shared.charge(cx, exchange.config.global.as_ref(), |_| picos(cost));
        for held in held {
            // What was reserved reckoned with the dearest rates; budgets, metrics and logs agree.
            held.settle(cx, Cost::NAME, false, |_| picos(cost));
        }
    }
}

/// Writes the cost, which is always there: 0 when there is none, or no price.
pub(crate) fn leave_cost(cx: &mut Cx<'_>, cost: Option<PicoUsd>) {
    let amount = cost.unwrap_or_default();
    cx.effects.fact(fact::COST_PICOUSD, amount.0.to_string());
    cx.effects.fact(fact::COST_USD, amount.to_string());
    cx.effects.fact(fact::PRICED, cost.is_some().to_string());
}
