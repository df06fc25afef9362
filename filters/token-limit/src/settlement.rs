//! Settling: what an exchange has really used, however it ended.

use weir_global::Global;
use weir_llm_api::Api;
use weir_metering::Spent;
use weir_policy::names::metric;
use weir_policy::{Cx, Label, Policy};

use crate::TokenLimit;
use crate::admission::Admitted;

impl Admitted {
    /// The name of each limit, what is reserved of it, and what would be charged by now.
    pub(crate) fn shares(&self, cx: &Cx<'_>) -> Vec<(String, u64, u64)> {
        let spent = self.reading.seen().spent(cx, &self.known);
        let amounts = self.held.iter().flat_map(weir_metering::Held::amounts);
        amounts
            .map(|(limit, reserved)| {
                let kept = if spent.keeps { reserved } else { 0 };
                (limit.name.clone(), reserved, limit.used(&spent).max(kept))
            })
            .collect()
    }

    /// Puts every limit right, and leaves the facts and metrics of the exchange.
    pub(crate) fn settle(
        self,
        cx: &mut Cx<'_>,
        global: Option<&Global>,
        api: Api,
        labels: [Label<'_>; 2],
    ) {
        let seen = self.reading.end();
        let spent = seen.settled(cx, TokenLimit::NAME, api, &self.known);
        spent.leave_facts(cx);
        count_tokens(cx, labels, &spent);
        self.shared.charge(cx, global, |(limit, reserved)| {
            let kept = if spent.keeps { *reserved } else { 0 };
            limit.used(&spent).max(kept)
        });
        for held in self.held {
            held.settle(cx, TokenLimit::NAME, spent.keeps, |limit| {
                limit.used(&spent)
            });
        }
    }
}

fn count_tokens(cx: &mut Cx<'_>, [model, identity]: [Label<'_>; 2], spent: &Spent) {
    let usage = &spent.usage;
    for (kind, tokens) in [
        ("input", usage.input),
        ("output", usage.output),
        ("cached", usage.cache_read),
        ("reasoning", usage.reasoning),
    ] {
        if tokens > 0 {
            let labels = [
                model,
                identity,
                ("type", kind),
                ("source", spent.source.name()),
            ];
            cx.effects.count(metric::TOKENS, &labels, tokens);
        }
    }
}
