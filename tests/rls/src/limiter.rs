//! Counting: fixed windows in Redis, as `envoyproxy/ratelimit` keeps them.
//!
//! A counter's key names the domain, the descriptor and the start of its window. A charge is added
//! first and judged afterwards: it is over the limit when the counter then stands above it, and
//! stays added. A charge of nothing adds nothing and is judged all the same.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::config::Config;
use crate::proto::{
    Code, DescriptorStatus, Duration, Entry, RateLimit, RateLimitDescriptor, RateLimitRequest,
    RateLimitResponse, Unit,
};
use crate::redis::{Addition, Redis};

/// A counter that a descriptor leads to.
struct Counter {
    limit: RateLimit,
    /// It never says that it is over the limit: a shadow, or something that is taken back.
    lenient: bool,
    until_reset: u64,
}

/// What a request is told, or why it cannot be judged.
pub(crate) async fn judge(
    config: &Config,
    redis: &Redis,
    request: &RateLimitRequest,
) -> Result<RateLimitResponse, String> {
    if request.domain.is_empty() {
        return Err("rate limit domain must not be empty".to_owned());
    }
    if request.descriptors.is_empty() {
        return Err("rate limit descriptor list must not be empty".to_owned());
    }
    let now = now_seconds();
    let mut counters = Vec::new();
    let mut additions = Vec::new();
    for descriptor in &request.descriptors {
        let Some((limit, shadow)) = limit_of(config, &request.domain, descriptor) else {
            counters.push(None);
            continue;
        };
        let length = seconds(limit.unit());
        let begun = now / length * length;
        let hits = hits(request, descriptor);
        additions.push(Addition {
            key: key(&request.domain, &descriptor.entries, begun),
            hits,
            expires_in: length,
        });
        counters.push(Some(Counter {
            limit,
            lenient: shadow || hits < 0,
            until_reset: begun + length - now,
        }));
    }
    let counts = redis.add(&additions).await.map_err(|e| e.to_string())?;
    let mut counts = counts.into_iter();
    let statuses: Vec<_> = counters
        .into_iter()
        .map(|counter| match counter {
            Some(counter) => counter.status(counts.next().unwrap_or(0)),
            None => DescriptorStatus {
                code: Code::Ok.into(),
                ..DescriptorStatus::default()
            },
        })
        .collect();
    let over = statuses.iter().any(|it| it.code() == Code::OverLimit);
    Ok(RateLimitResponse {
        overall_code: if over { Code::OverLimit } else { Code::Ok }.into(),
        statuses,
    })
}

impl Counter {
    fn status(self, count: i64) -> DescriptorStatus {
        let left = i64::from(self.limit.requests_per_unit) - count;
        let over = left < 0 && !self.lenient;
        DescriptorStatus {
            code: if over { Code::OverLimit } else { Code::Ok }.into(),
            current_limit: Some(self.limit),
            limit_remaining: u32::try_from(left.max(0)).unwrap_or(u32::MAX),
            duration_until_reset: Some(Duration {
                seconds: i64::try_from(self.until_reset).unwrap_or(i64::MAX),
                nanos: 0,
            }),
        }
    }
}

/// What a descriptor adds. Its own number stands, 0 too; of the request's, 0 means 1.
pub(crate) fn hits(request: &RateLimitRequest, descriptor: &RateLimitDescriptor) -> i64 {
    let hits = match &descriptor.hits_addend {
        Some(own) => i64::try_from(own.value).unwrap_or(i64::MAX),
        None => i64::from(request.hits_addend.max(1)),
    };
    if descriptor.is_negative_hits {
        -hits
    } else {
        hits
    }
}

/// The limit that applies, if any, and whether it is a shadow.
fn limit_of(
    config: &Config,
    domain: &str,
    descriptor: &RateLimitDescriptor,
) -> Option<(RateLimit, bool)> {
    if domain != config.domain {
        return None;
    }
    if let Some(own) = &descriptor.limit {
        let limit = RateLimit {
            requests_per_unit: own.requests_per_unit,
            unit: own.unit,
            name: String::new(),
        };
        return Some((limit, false));
    }
    let found = config.find(&descriptor.entries)?;
    let limit = found.rate_limit.as_ref()?;
    let unit = limit.unit?;
    let limit = RateLimit {
        requests_per_unit: limit.requests_per_unit,
        unit: unit.into(),
        name: limit.name.clone(),
    };
    Some((limit, found.shadow_mode))
}

fn key(domain: &str, entries: &[Entry], begun: u64) -> String {
    let mut key = format!("{domain}_");
    for Entry { key: name, value } in entries {
        key.push_str(&format!("{name}_{value}_"));
    }
    key.push_str(&begun.to_string());
    key
}

fn seconds(unit: Unit) -> u64 {
    const DAY: u64 = 24 * 60 * 60;
    match unit {
        Unit::Unknown | Unit::Second => 1,
        Unit::Minute => 60,
        Unit::Hour => 60 * 60,
        Unit::Day => DAY,
        Unit::Week => 7 * DAY,
        Unit::Month => 30 * DAY,
        Unit::Year => 365 * DAY,
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "a server outside of Envoy has no host that would give it the time"
)]
fn now_seconds() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |it| it.as_secs())
}
