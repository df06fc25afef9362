//! A request that will not be sent on, with both its texts.

use weir_llm_api::Dialect;
use weir_llm_api::error::{Reason, Refusal};
use weir_llm_api::json::Fault;
use weir_policy::names::fact;
use weir_policy::{Cx, Policy, Reply};

use crate::ModelRouter;

/// A refusal and all that is left of it.
#[derive(Debug)]
pub(crate) struct Refused {
    /// For the caller.
    pub(crate) refusal: Refusal,
    /// `denied` by a rule, or `blocked` for what it is.
    pub(crate) verdict: &'static str,
    /// What decided.
    pub(crate) rule: Option<String>,
    /// For `%RESPONSE_CODE_DETAILS%`.
    pub(crate) details: &'static str,
    /// For the operator.
    pub(crate) log: String,
}

impl Refused {
    /// A request that is not as it should be.
    pub(crate) fn malformed(text: &str, details: &'static str, log: &str) -> Self {
        Self::blocked(
            Refusal::new(Reason::InvalidRequest, text),
            details,
            log.to_owned(),
        )
    }

    /// A request that is refused for what it is, not for who sent it.
    pub(crate) fn blocked(refusal: Refusal, details: &'static str, log: String) -> Self {
        Self {
            refusal,
            verdict: "blocked",
            rule: None,
            details,
            log,
        }
    }

    /// The answer; the facts go out with it.
    pub(crate) fn reply(self, cx: &mut Cx<'_>, dialect: Dialect) -> Reply {
        cx.effects.fact(fact::VERDICT, self.verdict);
        if let Some(rule) = self.rule {
            cx.effects.fact(fact::RULE, rule);
        }
        let (headers, body) = self.refusal.render(dialect);
        Reply {
            status: self.refusal.status(),
            headers,
            body,
            details: self.details,
            log: format!("{}: {} ({})", ModelRouter::NAME, self.log, self.details),
        }
    }
}

/// The refusal of a body with this fault.
pub(crate) fn invalid(fault: &Fault) -> Refusal {
    let mut text = fault.to_string();
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    let refusal = Refusal::new(Reason::InvalidRequest, format!("{text}."));
    match fault {
        Fault::AmbiguousKey(key) | Fault::WrongType(key, _) => refusal.param(key),
        _ => refusal,
    }
}
