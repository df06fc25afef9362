//! A request that will not be sent on, with both its texts.

use weir_llm_api::Dialect;
use weir_llm_api::error::{Reason, Refusal};
use weir_llm_api::json::Fault;
use weir_policy::names::fact;
use weir_policy::{Cx, Reply};

/// A refusal and all that is left of it.
#[derive(Debug)]
pub struct Refused {
    /// For the caller.
    pub refusal: Refusal,
    /// `denied` or `limited` by a rule, or `blocked` for what it is.
    pub verdict: &'static str,
    /// What decided.
    pub rule: Option<String>,
    /// For `%RESPONSE_CODE_DETAILS%`.
    pub details: &'static str,
    /// For the operator.
    pub log: String,
}

impl Refused {
    /// A request that is not as it should be.
    pub fn malformed(text: &str, details: &'static str, log: &str) -> Self {
        Self::blocked(
            Refusal::new(Reason::InvalidRequest, text),
            details,
            log.to_owned(),
        )
    }

    /// A request that is refused for what it is, not for who sent it.
    pub fn blocked(refusal: Refusal, details: &'static str, log: String) -> Self {
        Self {
            refusal,
            verdict: "blocked",
            rule: None,
            details,
            log,
        }
    }

    /// The refusal of a request in which this header, of which one is believed, stands twice.
    pub fn ambiguous(header: &str) -> Self {
        Self::malformed(
            &format!("The header '{header}' is given more than once."),
            "weir_ambiguous_credentials",
            &format!("more than one `{header}` header"),
        )
    }

    /// The refusal of a request with two credentials, of which one would count here and perhaps the
    /// other at the upstream.
    pub fn two_credentials(one: &str, other: &str) -> Self {
        Self::malformed(
            &format!("The request has two credentials, '{one}' and '{other}'. Send one of them."),
            "weir_ambiguous_credentials",
            &format!("`{one}` beside `{other}`"),
        )
    }

    /// The refusal of a request whose limits cannot be checked.
    pub fn store_failure() -> Self {
        let text = "The limits of this request cannot be checked at the moment.";
        Self {
            refusal: Refusal::new(Reason::Internal, text),
            verdict: "blocked",
            rule: Some("on_store_failure".to_owned()),
            details: "weir_store_failure",
            log: "the shared store failed".to_owned(),
        }
    }

    /// The refusal of a caller nobody knows.
    pub fn no_identity() -> Self {
        let text = "The request does not say who is calling.";
        Self {
            refusal: Refusal::new(Reason::Unauthenticated, text),
            verdict: "denied",
            rule: Some("on_missing_identity".to_owned()),
            details: "weir_missing_identity",
            log: "no identity source yields a value".to_owned(),
        }
    }

    /// The answer of this filter; the facts go out with it.
    pub fn reply(self, filter: &str, cx: &mut Cx<'_>, dialect: Dialect) -> Reply {
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
            log: format!("{filter}: {} ({})", self.log, self.details),
        }
    }
}

/// The refusal of a body with this fault.
pub fn invalid(fault: &Fault) -> Refusal {
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
