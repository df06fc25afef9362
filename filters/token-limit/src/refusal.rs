//! What a caller is told whose request does not fit.

use weir_global::Over;
use weir_intake::Refused;
use weir_limits::{Level, Window};
use weir_llm_api::Dialect;
use weir_llm_api::error::{Reason, Refusal};
use weir_llm_api::limits::{Counted, Standing, go_duration, headers, retry_headers};
use weir_policy::{Cx, Policy, Reply};

use crate::TokenLimit;
use crate::limit::Limit;

/// Characters of a model's name that are repeated to the caller.
const MAX_MODEL: usize = 128;

/// A limit that has no room.
pub(crate) struct NoRoom<'a> {
    pub(crate) limit: &'a Limit,
    /// Where it stands.
    pub(crate) level: Level,
    /// What the request needs of it.
    pub(crate) wanted: u64,
    /// Milliseconds until it fits; none when it never will.
    pub(crate) retry_ms: Option<u64>,
}

impl NoRoom<'_> {
    /// The answer. `standings` are those of every limit.
    pub(crate) fn reply(
        &self,
        cx: &mut Cx<'_>,
        dialect: Dialect,
        model: &str,
        standings: &[(Counted, Standing)],
    ) -> Reply {
        let quota = self.limit.is_quota();
        let (reason, details) = reason(self.limit);
        let refused = Refused {
            refusal: Refusal::new(reason, self.message(model)),
            verdict: "limited",
            rule: Some(self.limit.name.clone()),
            details,
            log: format!(
                "limit `{}` has {} of {}, {} asked for",
                self.limit.name, self.level.remaining, self.level.limit, self.wanted
            ),
        };
        let mut reply = refused.reply(TokenLimit::NAME, cx, dialect);
        let now_ms = cx.now().millis();
        reply.headers.extend(headers(dialect, standings, now_ms));
        reply.headers.extend(retry_headers(self.retry_ms, quota));
        reply
    }

    /// In OpenAI's own words, where they have some.
    fn message(&self, model: &str) -> String {
        let model: String = model
            .chars()
            .filter(|c| !c.is_control())
            .take(MAX_MODEL)
            .collect();
        let Level { limit, used, .. } = self.level;
        let words = &self.limit.words;
        let what = kind(self.limit.counted());
        let acronym = match (words.as_str(), self.limit.counted()) {
            ("min", Counted::Requests) => " (RPM)",
            ("min", Counted::Tokens) => " (TPM)",
            _ => "",
        };
        let on = format!("for {model} on {what} per {words}{acronym}");
        let wanted = self.wanted;
        let most = self.limit.most();
        if wanted > most {
            return format!(
                "Request too large {on}: Limit {most}, Requested {wanted}. The input or output \
                 tokens must be reduced in order to run successfully."
            );
        }
        let retry = self.retry_ms.map(go_duration);
        let numbers = format!("{on}: Limit {limit}, Used {used}, Requested {wanted}.");
        match (self.limit.window, retry) {
            (Window::Bucket { .. }, Some(retry)) => {
                format!("Rate limit reached {numbers} Please try again in {retry}.")
            }
            (Window::Quota { .. }, Some(retry)) => {
                format!("You exceeded your current quota {numbers} It begins anew in {retry}.")
            }
            (_, None) => format!("You exceeded your current quota {numbers}"),
        }
    }
}

/// The refusal of a request that fits here, when the Envoys together have used their limit up.
pub(crate) fn beyond(limit: &Limit, over: &Over) -> Refused {
    let (reason, details) = reason(limit);
    let what = kind(limit.counted());
    let (per, most) = match over.limit {
        Some((most, unit)) => (format!(" per {unit}"), format!(": Limit {most}")),
        None => (String::new(), String::new()),
    };
    let reached = match limit.is_quota() {
        true => "You exceeded your current quota",
        false => "Rate limit reached",
    };
    let retry = over.retry();
    Refused {
        refusal: Refusal::new(reason, format!("{reached} on {what}{per}{most}.{retry}")),
        verdict: "limited",
        rule: Some(limit.name.clone()),
        details,
        log: format!("limit `{}` is used up over all gateways", limit.name),
    }
}

fn reason(limit: &Limit) -> (Reason, &'static str) {
    match limit.is_quota() {
        true => (Reason::QuotaExceeded, "weir_quota_exceeded"),
        false => (Reason::RateLimited(limit.counted()), "weir_rate_limited"),
    }
}

const fn kind(counted: Counted) -> &'static str {
    match counted {
        Counted::Requests => "requests",
        Counted::Tokens => "tokens",
        Counted::InputTokens => "input tokens",
        Counted::OutputTokens => "output tokens",
    }
}

/// The most restrictive limit of each kind a dialect has headers for.
pub(crate) fn most_restrictive(
    dialect: Dialect,
    levels: impl IntoIterator<Item = (Counted, Level)>,
) -> Vec<(Counted, Standing)> {
    let mut kept: Vec<(Counted, Standing)> = Vec::new();
    for (counted, level) in levels {
        let counted = match (dialect, counted) {
            (Dialect::Anthropic, counted) | (_, counted @ Counted::Requests) => counted,
            _ => Counted::Tokens,
        };
        let standing = Standing {
            limit: level.limit,
            remaining: level.remaining,
            reset_ms: level.reset_ms,
        };
        let tightness = |s: &Standing| (s.remaining, u64::MAX - s.reset_ms);
        match kept.iter_mut().find(|(kind, _)| *kind == counted) {
            Some((_, known)) if tightness(&standing) < tightness(known) => *known = standing,
            Some(_) => {}
            None => kept.push((counted, standing)),
        }
    }
    kept
}
