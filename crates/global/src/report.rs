//! What was used and has not been reported.

use std::collections::BTreeMap;
use std::ops::Bound;

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
    /// Where the last report ended: the next begins behind it, so that each counter has its turn.
    last: Option<Key>,
}

impl Pending {
    /// Adds to a sum; returns how much cannot be kept. `unit`: less than that is given up first.
    pub(crate) fn add(&mut self, key: Key, amount: u64, unit: u64) -> u64 {
        if amount == 0 {
            return 0;
        }
        let mut lost = 0;
        if self.sums.len() >= MAX_KEYS && !self.sums.contains_key(&key) {
            self.sums.retain(|_, sum| {
                let kept = *sum >= unit;
                lost += if kept { 0 } else { *sum };
                kept
            });
            if self.sums.len() >= MAX_KEYS {
                return lost + amount;
            }
        }
        let sum = self.sums.entry(key).or_default();
        let before = *sum;
        *sum = before.saturating_add(amount);
        lost + amount - (*sum - before)
    }

    /// Whether there is nothing to report, or a report under way.
    pub(crate) fn idle(&self, unit: u64) -> bool {
        !self.sent.is_empty() || !self.is_due(unit)
    }

    /// Whether there is something to report, or under way.
    pub(crate) fn is_left(&self, unit: u64) -> bool {
        !self.sent.is_empty() || self.is_due(unit)
    }

    fn is_due(&self, unit: u64) -> bool {
        self.sums.values().any(|sum| *sum >= unit)
    }

    /// Takes out the next report, in units of `unit`; what is left of one stays.
    pub(crate) fn take(&mut self, unit: u64) -> &[(Key, u64)] {
        let begin = self.last.take().map_or(Bound::Unbounded, Bound::Excluded);
        let end = match &begin {
            Bound::Excluded(last) => Bound::Included(last.clone()),
            _ => Bound::Excluded(Key(Vec::new())),
        };
        for range in [(begin, Bound::Unbounded), (Bound::Unbounded, end)] {
            let due = self.sums.range_mut(range).filter(|(_, sum)| **sum >= unit);
            for (key, sum) in due.take(MAX_REPORT - self.sent.len()) {
                let hits = (*sum / unit).min(MAX_HITS);
                *sum -= hits * unit;
                self.sent.push((key.clone(), hits));
            }
        }
        self.last = self.sent.last().map(|(key, _)| key.clone());
        self.sums.retain(|_, sum| *sum > 0);
        &self.sent
    }

    /// The report that was under way has arrived or has not. Returns how much of one that has not
    /// cannot be kept, and whether it was so long that the next should follow at once.
    pub(crate) fn settle(&mut self, arrived: bool, unit: u64) -> (u64, bool) {
        let sent = std::mem::take(&mut self.sent);
        if arrived {
            return (0, sent.len() >= MAX_REPORT);
        }
        let kept = sent
            .into_iter()
            .map(|(key, hits)| self.add(key, hits * unit, unit));
        (kept.fold(0, u64::saturating_add), false)
    }

    /// Forgets everything; returns how much that was.
    pub(crate) fn give_up(&mut self, unit: u64) -> u64 {
        let sent = self.sent.drain(..).map(|(_, hits)| hits * unit);
        let lost = sent.fold(0, u64::saturating_add);
        let sums = std::mem::take(&mut self.sums);
        sums.into_values().fold(lost, u64::saturating_add)
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
        assert!(pending.idle(1) && !pending.is_left(1));
        pending.add(key("a"), 3, 1);
        pending.add(key("a"), 4, 1);
        assert_eq!(pending.take(1), [(key("a"), 7)]);
        pending.add(key("a"), 1, 1);
        // One at a time.
        assert!(pending.idle(1) && pending.is_left(1));
        assert_eq!(pending.settle(false, 1), (0, false));
        assert_eq!(pending.take(1), [(key("a"), 8)]);
        pending.settle(true, 1);
        assert!(pending.idle(1) && !pending.is_left(1));
    }

    #[test]
    fn what_is_less_than_a_unit_waits() {
        let mut pending = Pending::default();
        pending.add(key("a"), 1_999, 1000);
        assert_eq!(pending.take(1000), [(key("a"), 1)]);
        pending.settle(true, 1000);
        assert!(pending.idle(1000) && !pending.is_left(1000));
        pending.add(key("a"), 1, 1000);
        assert_eq!(pending.take(1000), [(key("a"), 1)]);
        pending.settle(false, 1000);
        assert_eq!(pending.take(1000), [(key("a"), 1)]);
    }

    #[test]
    fn there_is_an_end_to_what_is_kept() {
        let max = u64::try_from(MAX_KEYS).unwrap();
        let mut pending = Pending::default();
        let lost: u64 = (0..2 * MAX_KEYS)
            .map(|i| pending.add(key(&i.to_string()), 2, 1))
            .sum();
        assert_eq!(lost, 2 * max);
        let mut reports = 0;
        while !pending.idle(1) {
            assert!(pending.take(1).len() <= MAX_REPORT);
            assert_eq!(pending.settle(true, 1), (0, true));
            reports += 1;
        }
        assert_eq!(reports, MAX_KEYS / MAX_REPORT);
        pending.add(key("a"), u64::MAX, 1);
        assert_eq!(pending.add(key("a"), 5, 1), 5);
        assert_eq!(pending.take(1), [(key("a"), MAX_HITS)]);
        assert_eq!(pending.give_up(1), u64::MAX);
        assert!(!pending.is_left(1));
    }

    /// Rests that are less than a unit take nobody's place.
    #[test]
    fn rests_make_room() {
        let mut pending = Pending::default();
        for i in 0..MAX_KEYS {
            pending.add(key(&i.to_string()), 10, 1000);
        }
        let all = 10 * u64::try_from(MAX_KEYS).unwrap();
        assert_eq!(pending.add(key("new"), 5000, 1000), all);
        assert_eq!(pending.take(1000), [(key("new"), 5)]);
    }

    #[test]
    fn each_counter_has_its_turn() {
        let mut pending = Pending::default();
        let names: Vec<String> = (0..3 * MAX_REPORT).map(|i| format!("{i:04}")).collect();
        let mut reported = BTreeMap::<Key, u32>::new();
        for _ in 0..6 {
            // All of them use something all the time.
            for name in &names {
                pending.add(key(name), 1, 1);
            }
            for (key, _) in pending.take(1) {
                *reported.entry(key.clone()).or_default() += 1;
            }
            pending.settle(true, 1);
        }
        assert_eq!(reported.len(), names.len());
        assert!(reported.values().all(|times| *times == 2), "{reported:?}");
    }
}
