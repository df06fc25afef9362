//! What was used and has not been reported.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::Key;

/// Counters that are kept in mind at a time. There are more only while the service is away.
const MAX_KEYS: usize = 4096;
/// Counters in one report.
const MAX_REPORT: usize = 128;
/// The most that is reported of one at a time; services count in 32 bits.
const MAX_HITS: u64 = 1_000_000_000;

/// Sums by counter, and the report that is under way.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    sums: BTreeMap<Key, u64>,
    sent: Vec<(Key, u64)>,
}

impl Pending {
    /// Adds to a sum; returns how much of it cannot be kept.
    pub(crate) fn add(&mut self, key: Key, amount: u64) -> u64 {
        if amount == 0 {
            return 0;
        }
        let room = self.sums.len() < MAX_KEYS;
        match self.sums.entry(key) {
            Entry::Occupied(mut sum) => {
                let before = *sum.get();
                *sum.get_mut() = before.saturating_add(amount);
                amount - (*sum.get() - before)
            }
            Entry::Vacant(sum) if room => {
                sum.insert(amount);
                0
            }
            Entry::Vacant(_) => amount,
        }
    }

    /// Whether there is nothing to report, or a report under way.
    pub(crate) fn idle(&self, unit: u64) -> bool {
        !self.sent.is_empty() || self.sums.values().all(|sum| *sum < unit)
    }

    /// Takes out the next report, in units of `unit`; what is left of one stays.
    pub(crate) fn take(&mut self, unit: u64) -> &[(Key, u64)] {
        let due = self.sums.iter_mut().filter(|(_, sum)| **sum >= unit);
        for (key, sum) in due.take(MAX_REPORT) {
            let hits = (*sum / unit).min(MAX_HITS);
            *sum -= hits * unit;
            self.sent.push((key.clone(), hits));
        }
        self.sums.retain(|_, sum| *sum > 0);
        &self.sent
    }

    /// The report that was under way has arrived or has not; returns how much of one that has not
    /// cannot be kept.
    pub(crate) fn settle(&mut self, arrived: bool, unit: u64) -> u64 {
        let sent = std::mem::take(&mut self.sent);
        match arrived {
            true => 0,
            false => sent
                .into_iter()
                .map(|(key, hits)| self.add(key, hits * unit))
                .fold(0, u64::saturating_add),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Key {
        Key::new("limit", name, [])
    }

    #[test]
    fn a_report_that_fails_is_kept() {
        let mut pending = Pending::default();
        assert!(pending.idle(1));
        pending.add(key("a"), 3);
        pending.add(key("a"), 4);
        assert_eq!(pending.take(1), [(key("a"), 7)]);
        pending.add(key("a"), 1);
        // One at a time.
        assert!(pending.idle(1));
        assert_eq!(pending.settle(false, 1), 0);
        assert_eq!(pending.take(1), [(key("a"), 8)]);
        pending.settle(true, 1);
        assert!(pending.idle(1));
    }

    #[test]
    fn what_is_less_than_a_unit_waits() {
        let mut pending = Pending::default();
        pending.add(key("a"), 1_999);
        assert_eq!(pending.take(1000), [(key("a"), 1)]);
        pending.settle(true, 1000);
        assert!(pending.idle(1000));
        pending.add(key("a"), 1);
        assert_eq!(pending.take(1000), [(key("a"), 1)]);
        pending.settle(false, 1000);
        assert_eq!(pending.take(1000), [(key("a"), 1)]);
    }

    #[test]
    fn there_is_an_end_to_what_is_kept() {
        let mut pending = Pending::default();
        let lost: u64 = (0..2 * MAX_KEYS)
            .map(|i| pending.add(key(&i.to_string()), 2))
            .sum();
        assert_eq!(lost, 2 * u64::try_from(MAX_KEYS).unwrap());
        let mut reports = 0;
        while !pending.idle(1) {
            assert!(pending.take(1).len() <= MAX_REPORT);
            pending.settle(true, 1);
            reports += 1;
        }
        assert_eq!(reports, MAX_KEYS / MAX_REPORT);
        pending.add(key("a"), u64::MAX);
        assert_eq!(pending.add(key("a"), 5), 5);
        assert_eq!(pending.take(1), [(key("a"), MAX_HITS)]);
    }
}
