//! When to leave a service alone that fails: nobody should wait for it in vain, one after another.

use weir_policy::UnixNanos;

/// Failures in a row after which it is asked once in a while only.
const FAILURES: u32 = 5;
const WHILE_MS: u64 = 1000;
/// A service that comes and goes is no news each time.
const NEWS_MS: u64 = 60_000;

/// How a service has behaved lately.
#[derive(Debug, Default)]
pub(crate) struct Breaker {
    failures: u32,
    asked: UnixNanos,
    told: Option<UnixNanos>,
}

impl Breaker {
    /// Whether it may be asked now.
    pub(crate) fn allows(&mut self, now: UnixNanos) -> bool {
        if self.failures >= FAILURES && within(self.asked, now, WHILE_MS) {
            return false;
        }
        self.asked = now;
        true
    }

    /// It has answered.
    pub(crate) fn answered(&mut self) {
        self.failures = 0;
    }

    /// It has not. Returns whether an operator should hear of it.
    pub(crate) fn failed(&mut self, now: UnixNanos) -> bool {
        self.failures = self.failures.saturating_add(1);
        self.asked = now;
        let news = !self.told.is_some_and(|told| within(told, now, NEWS_MS));
        if news {
            self.told = Some(now);
        }
        news
    }
}

/// Whether less lies between the two, whichever came first: a clock may be set back.
pub(crate) fn within(since: UnixNanos, now: UnixNanos, ms: u64) -> bool {
    now.0.abs_diff(since.0) / 1_000_000 < ms
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> UnixNanos {
        UnixNanos(ms * 1_000_000)
    }

    #[test]
    fn a_service_that_fails_is_asked_once_a_second() {
        let mut breaker = Breaker::default();
        for failure in 0..FAILURES {
            assert!(breaker.allows(at(5000)), "{failure}");
            breaker.failed(at(5000));
        }
        assert!(!breaker.allows(at(5999)));
        assert!(breaker.allows(at(6000)));
        // The one that asks is waited for: others do without.
        assert!(!breaker.allows(at(6001)));
        breaker.failed(at(6100));
        assert!(!breaker.allows(at(7000)));
        assert!(breaker.allows(at(7100)));
        // A clock that is set back closes it for nobody.
        assert!(breaker.allows(at(100)));
        breaker.answered();
        assert!(breaker.allows(at(7101)) && breaker.allows(at(7101)));
    }

    #[test]
    fn it_is_told_of_once_a_minute() {
        let mut breaker = Breaker::default();
        let told = |breaker: &mut Breaker, ms| {
            breaker.answered();
            breaker.failed(at(ms))
        };
        assert!(told(&mut breaker, 1000));
        assert!(!told(&mut breaker, 1001) && !told(&mut breaker, 60_999));
        assert!(told(&mut breaker, 61_000));
    }
}
