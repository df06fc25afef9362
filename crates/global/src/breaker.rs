//! When to leave a service alone that fails: nobody should wait for it in vain, one after another.

use weir_policy::UnixNanos;

/// Failures in a row after which it is asked once in a while only.
const FAILURES: u32 = 5;
const WHILE_MS: u64 = 1000;

/// How a service has behaved lately.
#[derive(Debug, Default)]
pub(crate) struct Breaker {
    failures: u32,
    asked: UnixNanos,
}

impl Breaker {
    /// Whether it may be asked now.
    pub(crate) fn allows(&mut self, now: UnixNanos) -> bool {
        if self.failures >= FAILURES && now.millis_since(self.asked) < WHILE_MS {
            return false;
        }
        self.asked = now;
        true
    }

    /// It has answered.
    pub(crate) fn answered(&mut self) {
        self.failures = 0;
    }

    /// It has not. Returns whether this is news.
    pub(crate) fn failed(&mut self, now: UnixNanos) -> bool {
        self.failures = self.failures.saturating_add(1);
        self.asked = now;
        matches!(self.failures, 1 | FAILURES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_that_fails_is_asked_once_a_second() {
        let at = |ms: u64| UnixNanos(ms * 1_000_000);
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
        breaker.answered();
        assert!(breaker.allows(at(7101)) && breaker.allows(at(7101)));
    }
}
