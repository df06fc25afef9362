//! What the operator writes.

use std::cell::{Cell, RefCell};

use serde::Deserialize;
use weir_intake::Refused;
use weir_llm_api::error::{Reason, Refusal};
use weir_policy::ConfigError;

use crate::Global;

const DEFAULT_TIMEOUT_MS: u32 = 100;
const MAX_TIMEOUT_MS: u32 = 60_000;

/// A rate limit service that counts over all Envoys: every limit that refuses is asked for there
/// too, and what was used is reported.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Envoy's cluster of the service, which speaks HTTP/2.
    pub cluster: String,
    /// The `domain` of the service's configuration.
    pub domain: String,
    /// What a request waits for the service at most: `100ms` (the default), `1s`. Up to a minute.
    #[serde(default)]
    pub timeout: Option<String>,
    /// What becomes of a request when the service cannot be asked.
    #[serde(default)]
    pub on_failure: OnFailure,
}

/// What becomes of a request when the service cannot be asked.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// The limits of this Envoy alone decide.
    #[default]
    Pass,
    /// It is answered with 500.
    Reject,
}

impl Settings {
    /// Checks the setting `global` of a filter, of whose units the service counts `unit` as one.
    ///
    /// # Errors
    /// Names that are empty, a timeout that is none.
    pub fn check(self, filter: &'static str, unit: u64) -> Result<Global, ConfigError> {
        for (field, name) in [("cluster", &self.cluster), ("domain", &self.domain)] {
            if name.is_empty() {
                return Err(ConfigError::at(format!("global.{field}"), "is empty"));
            }
        }
        // Envoy takes a name for an encoded `GrpcService` where it can be read as one, and aborts
        // because it names no target.
        if <() as prost::Message>::decode(self.cluster.as_bytes()).is_ok() {
            let message = "Envoy would misread this name: give the cluster another";
            return Err(ConfigError::at("global.cluster", message));
        }
        let timeout_ms = match &self.timeout {
            None => DEFAULT_TIMEOUT_MS,
            Some(text) => milliseconds(text).ok_or_else(|| {
                let message = "must be like `100ms` or `1s`, up to `60s`";
                ConfigError::at("global.timeout", message)
            })?,
        };
        Ok(Global {
            filter,
            cluster: self.cluster,
            domain: self.domain,
            timeout_ms,
            on_failure: self.on_failure,
            unit,
            breaker: RefCell::default(),
            pending: RefCell::default(),
            unreported: Cell::default(),
        })
    }
}

fn milliseconds(text: &str) -> Option<u32> {
    let (number, scale) = match text.strip_suffix("ms") {
        Some(number) => (number, 1),
        None => (text.strip_suffix('s')?, 1000),
    };
    let digits = number.bytes().all(|b| b.is_ascii_digit());
    let ms = number
        .parse::<u32>()
        .ok()
        .filter(|_| digits)?
        .checked_mul(scale)?;
    (1..=MAX_TIMEOUT_MS).contains(&ms).then_some(ms)
}

impl Global {
    /// The refusal of a request that could not be asked for, where the operator wants one.
    pub(crate) fn unasked(&self) -> Result<(), Refused> {
        let text = "The limits of this request cannot be checked at the moment.";
        if self.on_failure == OnFailure::Pass {
            return Ok(());
        }
        Err(Refused {
            refusal: Refusal::new(Reason::Internal, text),
            verdict: "blocked",
            rule: Some("global".to_owned()),
            details: "weir_global_failure",
            log: "the rate limit service could not be asked".to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts() {
        for (text, ms) in [("1ms", 1), ("100ms", 100), ("2s", 2000), ("60s", 60_000)] {
            assert_eq!(milliseconds(text), Some(ms), "{text}");
        }
        for text in [
            "",
            "s",
            "ms",
            "0s",
            "61s",
            "1",
            "+1s",
            "1.5s",
            "99999999s",
            "1m",
        ] {
            assert_eq!(milliseconds(text), None, "{text}");
        }
    }
}
