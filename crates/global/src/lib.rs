//! Limits beyond one Envoy: a rate limit service (Envoy's `ratelimit.v3`, as `envoyproxy/ratelimit`
//! speaks it) is asked before a request leaves and told afterwards what was used.
//!
//! - [`Settings`]: what an operator writes.
//! - [`Global`]: what a worker knows of the service: whether to ask it, what to tell it next.
//! - [`Key`]: the descriptor of one limit's counter.
//!
//! Asking adds nothing (`hits_addend` is 0). What was used is summed up for each key and reported
//! on the filter's tick, one report at a time; a report that fails is kept and sent again, so that
//! one whose answer was lost may count twice and none is forgotten. What a worker has not reported
//! when it dies is lost.

mod breaker;
pub mod proto;
mod refusal;
mod report;
mod settings;

use std::cell::{Cell, RefCell};

use prost::Message as _;
use weir_intake::Refused;
use weir_policy::names::metric;
use weir_policy::{Background, Cx, GrpcCall, GrpcStatus, Level, UnixNanos, short_hash};

use breaker::Breaker;
use proto::{Code, Entry, RateLimitDescriptor, RateLimitRequest, RateLimitResponse, UInt64Value};
pub use refusal::Over;
use report::Pending;
pub use settings::{OnFailure, Settings};

/// Milliseconds from one report to the next.
const TICK_MS: u32 = 200;

/// What a report may take. No request waits for it; one that is taken for lost and was not counts
/// twice.
const REPORT_TIMEOUT_MS: u32 = 10_000;
/// How long a report waits that follows one which has failed.
const PATIENCE_MS: u64 = 1000;

/// Longer values stand in keys as their hash.
const MAX_VALUE: usize = 128;

/// Headers whose values nobody else needs to know.
const SECRETS: &[&str] = &[
    "authorization",
    "proxy-authorization",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "cookie",
];

/// The descriptor of a counter: names and values on the way down the service's configuration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(Vec<(String, String)>);

impl Key {
    /// The counter of a limit: `kind` says what it is (`limit`, `budget`), `parts` whose it is.
    pub fn new<'a>(
        kind: &str,
        name: &str,
        parts: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    ) -> Self {
        let mut entries = vec![(kind.to_owned(), name.to_owned())];
        entries.extend(parts.into_iter().map(|(name, value)| {
            let value = match std::str::from_utf8(value) {
                // Services take no empty value.
                Ok("") => "none".to_owned(),
                Ok(text) if text.len() <= MAX_VALUE && !SECRETS.contains(&name) => text.to_owned(),
                // Too long, no text, a secret: values come from traffic.
                _ => format!("sha256:{}", short_hash(value)),
            };
            (name.to_owned(), value)
        }));
        Self(entries)
    }

    fn descriptor(&self, hits: u64) -> RateLimitDescriptor {
        let entry = |(key, value): &(String, String)| Entry {
            key: key.clone(),
            value: value.clone(),
        };
        RateLimitDescriptor {
            entries: self.0.iter().map(entry).collect(),
            hits_addend: Some(UInt64Value { value: hits }),
            ..RateLimitDescriptor::default()
        }
    }
}

/// A rate limit service as one worker uses it.
#[derive(Debug)]
pub struct Global {
    filter: &'static str,
    cluster: String,
    domain: String,
    timeout_ms: u32,
    on_failure: OnFailure,
    /// How many of ours the service counts as one.
    unit: u64,
    breaker: RefCell<Breaker>,
    pending: RefCell<Pending>,
    /// When a report failed, if the last one has.
    unreported: Cell<Option<UnixNanos>>,
}

impl Global {
    /// Asks whether the counters have room, if there are any, and says whether it does: then the
    /// answer goes to [`checked`](Self::checked). The service is left alone for a while when it
    /// has failed.
    ///
    /// # Errors
    /// The refusal of a request that could not be asked for, where the operator wants one.
    pub fn check<'a>(
        &self,
        cx: &mut Cx<'_>,
        keys: impl IntoIterator<Item = &'a Key>,
    ) -> Result<bool, Refused> {
        let descriptors: Vec<_> = keys.into_iter().map(|key| key.descriptor(0)).collect();
        if descriptors.is_empty() {
            return Ok(false);
        }
        if !self.breaker.borrow_mut().allows(cx.now()) {
            self.count(cx, "check", "skipped");
            return self.unasked().map(|()| false);
        }
        self.call(cx, descriptors, self.timeout_ms);
        Ok(true)
    }

    /// Reads the answer to [`check`](Self::check): the counter that has no room, if there is one.
    ///
    /// # Errors
    /// As [`check`](Self::check) when the service has not answered.
    pub fn checked(
        &self,
        cx: &mut Cx<'_>,
        answer: Result<&[u8], GrpcStatus>,
    ) -> Result<Option<Over>, Refused> {
        let Some(response) = self.read(cx, "check", answer) else {
            return self.unasked().map(|()| None);
        };
        self.breaker.borrow_mut().answered();
        let statuses = response.statuses.iter().enumerate();
        let over = statuses.filter(|(_, status)| status.code() == Code::OverLimit);
        let over = over.map(|(at, status)| Over::new(at, Some(status)));
        let over = match over.max_by_key(|over| over.retry_ms) {
            None if response.overall_code() == Code::OverLimit => Some(Over::new(0, None)),
            over => over,
        };
        let knows = |status: &proto::DescriptorStatus| status.current_limit.is_some();
        let verdict = match over {
            Some(_) => "limited",
            None if response.statuses.iter().all(knows) => "allowed",
            None => "unknown",
        };
        self.count(cx, "check", verdict);
        Ok(over)
    }

    /// Keeps in mind what was used of a counter.
    pub fn charge(&self, cx: &mut Cx<'_>, key: Key, amount: u64) {
        let lost = self.pending.borrow_mut().add(key, amount, self.unit);
        self.lost(cx, lost);
    }

    fn lost(&self, cx: &mut Cx<'_>, amount: u64) {
        if amount > 0 {
            let labels = [("filter", self.filter)];
            cx.effects.count(metric::GLOBAL_LOST, &labels, amount);
        }
    }

    fn call(&self, cx: &mut Cx<'_>, descriptors: Vec<RateLimitDescriptor>, timeout_ms: u32) {
        let request = RateLimitRequest {
            domain: self.domain.clone(),
            descriptors,
            hits_addend: 0,
        };
        cx.effects.call(GrpcCall {
            cluster: self.cluster.clone(),
            service: "envoy.service.ratelimit.v3.RateLimitService",
            method: "ShouldRateLimit",
            message: request.encode_to_vec(),
            timeout_ms,
        });
    }

    fn read(
        &self,
        cx: &mut Cx<'_>,
        call: &str,
        answer: Result<&[u8], GrpcStatus>,
    ) -> Option<RateLimitResponse> {
        let what = match answer.map(RateLimitResponse::decode) {
            Ok(Ok(response)) => return Some(response),
            Ok(Err(_)) => "answers what cannot be read".to_owned(),
            Err(GrpcStatus(status)) => format!("fails with gRPC status {status}"),
        };
        // A line for each failure would be one for each request.
        if self.breaker.borrow_mut().failed(cx.now()) {
            let line = format!("{}: the rate limit service {what}", self.filter);
            cx.effects.log(Level::Warn, line);
        }
        self.count(cx, call, "failed");
        None
    }

    fn count(&self, cx: &mut Cx<'_>, call: &str, verdict: &str) {
        let labels = [
            ("filter", self.filter),
            ("call", call),
            ("verdict", verdict),
        ];
        cx.effects.count(metric::GLOBAL_CALLS, &labels, 1);
    }
}

impl Background for Global {
    fn tick_ms(&self) -> u32 {
        TICK_MS
    }

    /// Reports what was used since the last time.
    fn tick(&self, cx: &mut Cx<'_>) {
        let failed = self.unreported.get();
        if failed.is_some_and(|failed| breaker::within(failed, cx.now(), PATIENCE_MS)) {
            return;
        }
        let mut pending = self.pending.borrow_mut();
        if pending.idle(self.unit) {
            return;
        }
        let report = pending.take(self.unit).iter();
        let descriptors = report.map(|(key, hits)| key.descriptor(*hits)).collect();
        self.call(cx, descriptors, REPORT_TIMEOUT_MS);
    }

    /// A charge that crosses a limit has been taken like any other.
    fn called(&self, cx: &mut Cx<'_>, answer: Result<&[u8], GrpcStatus>) -> bool {
        let arrived = self.read(cx, "report", answer).is_some();
        self.unreported.set(match arrived {
            true => {
                self.count(cx, "report", "allowed");
                None
            }
            false => Some(cx.now()),
        });
        let (lost, more) = self.pending.borrow_mut().settle(arrived, self.unit);
        self.lost(cx, lost);
        more
    }

    fn is_left(&self) -> bool {
        self.pending.borrow().is_left(self.unit)
    }

    fn give_up(&self, cx: &mut Cx<'_>) {
        let lost = self.pending.borrow_mut().give_up(self.unit);
        self.lost(cx, lost);
    }
}
