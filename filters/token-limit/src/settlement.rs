//! Settling: what an exchange has really used, however it ended.

use weir_llm_api::Api;
use weir_policy::names::{fact, metric};
use weir_policy::{Cx, Ending, Headers, Level, Policy};

use crate::TokenLimit;
use crate::admission::{Admitted, Holding};
use crate::answer::Seen;
use crate::spent::{Source, Spent};

/// An answer whose headers have come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answered {
    status: u16,
    /// It is the upstream's, not one that the proxy or another filter gave.
    by_upstream: bool,
}

impl Answered {
    pub(crate) fn with(cx: &Cx<'_>, headers: &Headers) -> Self {
        let details = cx.attributes.get(&["response", "code_details"]);
        let status = headers.text(":status").and_then(|s| s.parse().ok());
        Self {
            status: status.unwrap_or(0),
            by_upstream: details.as_deref() == Some(b"via_upstream"),
        }
    }
}

impl Admitted {
    /// Puts every limit right, and leaves the facts and metrics of the exchange.
    pub(crate) fn settle(
        self,
        cx: &mut Cx<'_>,
        api: Api,
        label: &str,
        answered: Option<Answered>,
        ending: Ending,
    ) {
        let Self {
            prompt,
            output,
            generates,
            held,
            reading,
            ..
        } = self;
        let seen = reading.end(ending.complete);
        let known = Known {
            input: prompt.tokens,
            exact: prompt.exact,
            output,
        };
        let spent = match generates {
            false => Spent::nothing(answered.is_some_and(|a| a.by_upstream)),
            true => known.spent(&seen, answered, ending, upstream_broke_off(cx)),
        };
        leave_facts(cx, &spent);
        count_tokens(cx, label, &spent);
        if let Some(fault) = fault(&seen, &spent, generates) {
            let labels = [
                ("filter", TokenLimit::NAME),
                ("api", api.name()),
                ("fault", fault),
            ];
            cx.effects.count(metric::USAGE_FAULTS, &labels, 1);
        }
        for holding in held {
            settle(cx, holding, &spent);
        }
    }
}

/// What is known without the answer.
struct Known {
    input: u64,
    exact: bool,
    /// Output tokens reserved.
    output: u64,
}

impl Known {
    fn spent(
        &self,
        seen: &Seen,
        answered: Option<Answered>,
        ending: Ending,
        upstream_broke_off: bool,
    ) -> Spent {
        let Some(answered) = answered else {
            // The caller hung up while the upstream was at work on the prompt.
            return match upstream_broke_off {
                true => Spent::nothing(false),
                false => Spent::counted(self.input, 0, self.exact),
            };
        };
        let nothing = Spent::nothing(answered.by_upstream);
        let error = !(200..300).contains(&answered.status);
        match &seen.usage {
            Some(usage) if !usage.odd && !seen.text_since => return Spent::of(usage),
            None if error => return nothing,
            Some(usage) if error && usage.odd => return nothing,
            _ => {}
        }
        let (text, exact) = seen.text.count();
        let output = if seen.unread {
            self.output.max(text)
        } else {
            text
        };
        let exact = self.exact && exact && !seen.unread;
        match &seen.usage {
            // Broken off behind a report of usage: what came after it is counted.
            Some(usage) if !usage.odd => Spent {
                output: usage.output.max(output),
                source: Spent::counted(0, 0, exact).source,
                ..Spent::of(usage)
            },
            // Numbers that make no sense are believed as far as they take nothing away, and no
            // further than was reserved.
            Some(usage) => {
                let output = output.max(usage.output.min(self.output));
                Spent::counted(self.input, output, false)
            }
            None if text == 0 && !seen.unread && (seen.failed || upstream_broke_off) => nothing,
            None if !ending.complete && seen.unread => Spent::counted(self.input, output, false),
            None => Spent::counted(self.input, output, exact),
        }
    }
}

/// Whether the upstream ended an exchange before its time, not the caller.
fn upstream_broke_off(cx: &Cx<'_>) -> bool {
    let details = cx.attributes.get(&["response", "code_details"]);
    let details = String::from_utf8_lossy(&details.unwrap_or_default()).into_owned();
    // Envoy's `%RESPONSE_CODE_DETAILS%`: `upstream_reset_after_response_started{…}`,
    // `upstream_response_timeout`, `stream_idle_timeout`, ….
    details.starts_with("upstream_") || details.contains("timeout")
}

/// Writes the numbers, which are always there: 0 when there are none.
pub(crate) fn leave_facts(cx: &mut Cx<'_>, spent: &Spent) {
    for (name, tokens) in [
        (fact::INPUT_TOKENS, spent.input),
        (fact::OUTPUT_TOKENS, spent.output),
        (fact::TOTAL_TOKENS, spent.total()),
        (fact::CACHED_TOKENS, spent.cached),
        (fact::REASONING_TOKENS, spent.reasoning),
    ] {
        cx.effects.fact(name, tokens.to_string());
    }
    cx.effects.fact(fact::TOKENS_SOURCE, spent.source.name());
}

fn count_tokens(cx: &mut Cx<'_>, label: &str, spent: &Spent) {
    for (kind, tokens) in [
        ("input", spent.input),
        ("output", spent.output),
        ("cached", spent.cached),
        ("reasoning", spent.reasoning),
    ] {
        if tokens > 0 {
            let labels = [
                ("model", label),
                ("type", kind),
                ("source", spent.source.name()),
            ];
            cx.effects.count(metric::TOKENS, &labels, tokens);
        }
    }
}

/// What was wrong with an answer's usage.
fn fault(seen: &Seen, spent: &Spent, generates: bool) -> Option<&'static str> {
    match &seen.usage {
        _ if !generates => None,
        Some(usage) if usage.odd => Some("odd"),
        _ if seen.unread && spent.source != Source::Usage => Some("unread"),
        None if spent.output > 0 => Some("missing"),
        _ => None,
    }
}

fn settle(cx: &mut Cx<'_>, holding: Holding, spent: &Spent) {
    let Holding {
        limits,
        reservation,
    } = holding;
    let used = |at: usize| limits.get(at).map_or(0, |limit| limit.used(spent));
    let settled = reservation.settle(cx.store, cx.now, used);
    if settled.conflicts > 0 {
        let labels = [("filter", TokenLimit::NAME)];
        cx.effects
            .count(metric::STORE_CONFLICTS, &labels, settled.conflicts);
    }
    if settled.failed > 0 {
        let labels = [("filter", TokenLimit::NAME), ("call", "settle")];
        cx.effects
            .count(metric::STORE_FAILURES, &labels, settled.failed);
        let line = format!(
            "{}: {} limits could not be settled and stay charged with what was reserved",
            TokenLimit::NAME,
            settled.failed
        );
        cx.effects.log(Level::Warn, line);
    }
}
