//! What a caller is told whose request the service has no room for.

use weir_llm_api::limits::go_duration;

use crate::proto::{DescriptorStatus, Unit};

/// A counter that stands above its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Over {
    /// Which of those that were asked for.
    pub at: usize,
    /// Its limit, as the service counts, and in what time.
    pub limit: Option<(u32, &'static str)>,
    /// Milliseconds until its window ends.
    pub retry_ms: Option<u64>,
}

impl Over {
    pub(crate) fn new(at: usize, status: Option<&DescriptorStatus>) -> Self {
        let limit = status.and_then(|status| status.current_limit.as_ref());
        let reset = status.and_then(|status| status.duration_until_reset.as_ref());
        Self {
            at,
            limit: limit.map(|limit| (limit.requests_per_unit, name(limit.unit()))),
            retry_ms: reset.map(|reset| {
                let seconds = u64::try_from(reset.seconds).unwrap_or(0);
                let millis = u64::try_from(reset.nanos).unwrap_or(0).div_ceil(1_000_000);
                seconds.saturating_mul(1000).saturating_add(millis)
            }),
        }
    }

    /// When to come again, in words that follow a sentence.
    pub fn retry(&self) -> String {
        let retry = self.retry_ms.map(go_duration);
        retry.map_or_else(String::new, |retry| {
            format!(" Please try again in {retry}.")
        })
    }
}

fn name(unit: Unit) -> &'static str {
    match unit {
        Unit::Unknown => "window",
        Unit::Second => "second",
        Unit::Minute => "minute",
        Unit::Hour => "hour",
        Unit::Day => "day",
        Unit::Week => "week",
        Unit::Month => "month",
        Unit::Year => "year",
    }
}
