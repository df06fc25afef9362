//! The laws of reservations, over random histories.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::rc::Rc;

use proptest::prelude::*;
use weir_limits::{Charge, Period, Refusal, Reservation, Table, Window, reserve};
use weir_policy::{MemoryStore, Owner, Placement, UnixNanos};

const T0: u64 = 1_700_000_000_000;

fn at(ms: u64) -> UnixNanos {
    UnixNanos((T0 + ms) * 1_000_000)
}

fn table() -> Rc<Table> {
    Rc::new(Table::new("test", 64))
}

fn bucket(limit: u64, window_ms: u64, burst: u64) -> Window {
    Window::Bucket {
        limit,
        window_ms,
        burst,
    }
}

fn charge(window: Window, owner: &str, amount: u64) -> Charge {
    Charge {
        table: table(),
        window,
        owner: Owner::new([owner]),
        amount,
    }
}

/// What can be reserved now.
fn left(store: &MemoryStore, window: Window, owner: &str, ms: u64) -> u64 {
    let nothing = reserve(store, &[charge(window, owner, 0)], at(ms)).unwrap();
    nothing.held()[0].level.remaining
}

#[derive(Clone, Debug)]
enum Step {
    Wait(u64),
    Reserve(u64),
    /// Settle the oldest reservation to this share of it, in percent.
    Settle(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(
        prop_oneof![
            (0_u64..5000).prop_map(Step::Wait),
            (0_u64..150).prop_map(Step::Reserve),
            (0_u64..=100).prop_map(Step::Settle),
        ],
        1..120,
    )
}

proptest! {
    /// What is admitted, taking every reservation for what it is or was settled to, never
    /// exceeds the burst and the refill since the beginning; however rivals get in between.
    #[test]
    fn a_bucket_never_admits_more_than_it_holds(
        steps in steps(), limit in 1_u64..200, window_ms in 1_u64..90_000, burst in 1_u64..300,
    ) {
        let window = bucket(limit, window_ms, burst);
        let store = MemoryStore::default();
        let mut turn = 0_u32;
        store.set_rival(move |_, current| {
            turn += 1;
            current.filter(|_| turn.is_multiple_of(3)).map(<[u8]>::to_vec)
        });
        let (mut now, mut admitted) = (0, 0_i128);
        let mut open: Vec<(u64, Reservation)> = Vec::new();
        for step in steps {
            match step {
                Step::Wait(ms) => now += ms,
                Step::Reserve(amount) => {
                    if let Ok(reservation) = reserve(&store, &[charge(window, "o", amount)], at(now)) {
                        admitted += i128::from(amount);
                        open.push((amount, reservation));
                    }
                }
                Step::Settle(percent) if !open.is_empty() => {
                    let (amount, reservation) = open.remove(0);
                    let used = amount * percent / 100;
                    let settled = reservation.settle(&store, at(now), |_| used);
                    prop_assert_eq!(settled.failed, 0);
                    admitted -= i128::from(amount - used);
                }
                Step::Settle(_) => {}
            }
            let most = i128::from(burst) * i128::from(window_ms) + i128::from(limit) * i128::from(now);
            prop_assert!(admitted * i128::from(window_ms) <= most);
        }
    }

    /// Reserving and settling at once is charging what was used, be it less or more.
    #[test]
    fn settling_is_charging(
        reserved in 0_u64..100, used in 0_u64..200, limit in 1_u64..50, window_ms in 1_u64..5000,
    ) {
        let window = bucket(limit, window_ms, 100);
        let (one, other) = (MemoryStore::default(), MemoryStore::default());
        let taken = reserve(&one, &[charge(window, "o", reserved)], at(0)).unwrap();
        taken.settle(&one, at(0), |_| used);
        // Debt is made by settling alone, so the other history settles from nothing.
        let taken = reserve(&other, &[charge(window, "o", 0)], at(0)).unwrap();
        taken.settle(&other, at(0), |_| used);
        for ms in [0, 1, 100, 10_000] {
            prop_assert_eq!(left(&one, window, "o", ms), left(&other, window, "o", ms));
        }
    }

    /// The time told is the time it takes: it fits then, and not a millisecond before.
    #[test]
    fn the_wait_is_exact(
        first in 1_u64..=100, second in 1_u64..=100, overspent in 0_u64..300,
        limit in 1_u64..500, window_ms in 1_u64..90_000,
    ) {
        let window = bucket(limit, window_ms, 100);
        let store = MemoryStore::default();
        let taken = reserve(&store, &[charge(window, "o", first)], at(0)).unwrap();
        taken.settle(&store, at(0), |_| first + overspent);
        let ask = |ms| reserve(&store, &[charge(window, "o", second)], at(ms));
        let Err(Refusal::Limited { retry_ms, .. }) = ask(0) else {
            prop_assert!(first + overspent + second <= 100);
            return Ok(());
        };
        let wait = retry_ms.unwrap();
        prop_assert!(wait > 0);
        let early = ask(wait - 1);
        prop_assert!(early.is_err(), "{wait}");
        prop_assert!(ask(wait).is_ok(), "{wait}");
    }

    /// A refusal leaves every limit as it was.
    #[test]
    fn all_or_nothing(amounts in prop::collection::vec(0_u64..150, 1..6), used in 0_u64..100) {
        let window = bucket(10, 60_000, 100);
        let store = MemoryStore::default();
        let names: Vec<String> = (0..amounts.len()).map(|n| n.to_string()).collect();
        for name in &names {
            let taken = reserve(&store, &[charge(window, name, used)], at(0)).unwrap();
            prop_assert_eq!(taken.settle(&store, at(0), |_| used).failed, 0);
        }
        let charges: Vec<_> = names.iter().zip(&amounts).map(|(n, a)| charge(window, n, *a)).collect();
        let fits = amounts.iter().all(|a| *a == 0 || a + used <= 100);
        match reserve(&store, &charges, at(0)) {
            Ok(_) => {
                prop_assert!(fits);
                for (name, amount) in names.iter().zip(&amounts) {
                    prop_assert_eq!(left(&store, window, name, 0), 100 - used - amount);
                }
            }
            Err(refusal) => {
                prop_assert!(!fits);
                for name in &names {
                    prop_assert_eq!(left(&store, window, name, 0), 100 - used);
                }
                // The limit reported is one that has no room, and the worst of them.
                let Refusal::Limited { charge, retry_ms, .. } = refusal else { panic!("{refusal:?}") };
                prop_assert!(amounts[charge] + used > 100);
                prop_assert_eq!(retry_ms.is_none(), amounts.iter().any(|a| *a > 100));
            }
        }
    }

    /// A quota admits its limit in each period, to the token, and nothing of it is lost or
    /// carried over.
    #[test]
    fn a_quota_is_exact(amounts in prop::collection::vec((0_u64..40, 0_u64..8_000_000), 1..60)) {
        let window = Window::Quota { limit: 100, period: Period::Day, offset_minutes: 90 };
        let store = MemoryStore::default();
        let (mut now, mut used) = (0, std::collections::BTreeMap::new());
        for (amount, wait) in amounts {
            now += wait;
            let day = Period::Day.around(T0 + now, 90).0;
            let so_far: &mut u64 = used.entry(day).or_default();
            let taken = reserve(&store, &[charge(window, "o", amount)], at(now));
            prop_assert_eq!(taken.is_ok(), amount == 0 || *so_far + amount <= 100);
            match taken {
                Ok(_) => *so_far += amount,
                Err(Refusal::Limited { retry_ms, .. }) => {
                    prop_assert_eq!(retry_ms, Some(Period::Day.around(T0 + now, 90).1 - T0 - now));
                }
                Err(other) => panic!("{other:?}"),
            }
            prop_assert_eq!(left(&store, window, "o", now), 100 - *so_far);
        }
    }
}

#[test]
fn debt_is_repaid_before_anything_else() {
    let window = bucket(60, 60_000, 100);
    let store = MemoryStore::default();
    let taken = reserve(&store, &[charge(window, "o", 10)], at(0)).unwrap();
    taken.settle(&store, at(0), |_| 400);
    // 300 in debt, one token a second.
    for (ms, expected) in [
        (0, 0),
        (299_000, 0),
        (300_000, 0),
        (301_000, 1),
        (400_000, 100),
        (900_000, 100),
    ] {
        assert_eq!(left(&store, window, "o", ms), expected, "after {ms} ms");
    }
}

#[test]
fn what_never_fits_says_so() {
    let store = MemoryStore::default();
    for (window, amount, retry) in [
        (bucket(60, 60_000, 100), 101, None),
        (bucket(0, 60_000, 100), 101, None),
        (
            Window::Quota {
                limit: 5,
                period: Period::Month,
                offset_minutes: 0,
            },
            6,
            None,
        ),
        (
            Window::Quota {
                limit: 5,
                period: Period::Forever,
                offset_minutes: 0,
            },
            6,
            None,
        ),
    ] {
        let refusal = reserve(&store, &[charge(window, "o", amount)], at(0)).unwrap_err();
        let Refusal::Limited { retry_ms, .. } = refusal else {
            panic!("{refusal:?}")
        };
        assert_eq!(retry_ms, retry, "{window:?}");
    }
    // A bucket that never refills is empty for good.
    let window = bucket(0, 60_000, 100);
    let _ = reserve(&store, &[charge(window, "p", 100)], at(0)).unwrap();
    let refusal = reserve(&store, &[charge(window, "p", 1)], at(0)).unwrap_err();
    assert!(matches!(refusal, Refusal::Limited { retry_ms: None, .. }));
}

/// A reservation of yesterday's quota is not given back to today's; what it used beyond counts.
#[test]
fn settling_over_midnight() {
    let window = Window::Quota {
        limit: 100,
        period: Period::Day,
        offset_minutes: 0,
    };
    let day = 86_400_000;
    for (used, left_today) in [(0, 100), (50, 100), (80, 70)] {
        let store = MemoryStore::default();
        let taken = reserve(&store, &[charge(window, "o", 50)], at(0)).unwrap();
        taken.settle(&store, at(day), |_| used);
        assert_eq!(left(&store, window, "o", day), left_today, "{used}");
    }
}

/// What a limit holds of an owner survives as long as it says anything, and no longer.
#[test]
fn a_slot_is_free_when_its_bucket_is_full_again() {
    let (store, small) = (MemoryStore::default(), Rc::new(Table::new("small", 1)));
    let take = |owner: &str, amount, ms| {
        let charge = Charge {
            table: Rc::clone(&small),
            ..charge(bucket(60, 60_000, 100), owner, amount)
        };
        let taken = reserve(&store, &[charge], at(ms)).unwrap();
        taken.held()[0].placement
    };
    for n in 0..16 {
        assert_eq!(take(&n.to_string(), 10, 0), Placement::Claimed);
    }
    assert_eq!(take("3", 1, 1), Placement::Kept);
    assert_eq!(take("late", 1, 9_999), Placement::Overflow);
    let still = take("late", 1, 10_000);
    assert_eq!(still, Placement::Overflow, "what is in overflow counts");
    assert_eq!(take("late", 1, 40_000), Placement::Claimed);
}

/// Limits that refuse tell where each of them stands, as it was before.
#[test]
fn a_refusal_tells_where_every_limit_stands() {
    let store = MemoryStore::default();
    let (wide, narrow) = (bucket(100, 60_000, 100), bucket(60, 60_000, 60));
    let _ = reserve(&store, &[charge(wide, "a", 30)], at(0)).unwrap();
    let charges = [charge(wide, "a", 61), charge(narrow, "b", 61)];
    let Err(Refusal::Limited { charge, levels, .. }) = reserve(&store, &charges, at(0)) else {
        panic!("admitted")
    };
    assert_eq!(charge, 1);
    assert_eq!(
        levels.iter().map(|l| l.remaining).collect::<Vec<_>>(),
        [70, 60]
    );
}

/// A configuration that takes over goes on from what has been used, and what is settled by the one
/// before it gives nothing away.
#[test]
fn another_configuration_goes_on_from_what_was_used() {
    let store = MemoryStore::default();
    let (small, large) = (bucket(100, 60_000, 100), bucket(1000, 60_000, 1000));
    let early = reserve(&store, &[charge(small, "o", 90)], at(0)).unwrap();
    assert_eq!(left(&store, large, "o", 0), 910);
    let _ = reserve(&store, &[charge(large, "o", 900)], at(0)).unwrap();
    // The exchange of the old configuration ends without having used anything.
    early.settle(&store, at(0), |_| 0);
    assert_eq!(left(&store, large, "o", 0), 100);
    // A lower rate holds for what was used before, too.
    let slow = bucket(10, 60_000, 1000);
    assert_eq!(left(&store, slow, "o", 60_000), 110);
}

/// Owners who use nothing keep nobody out, however long the window.
#[test]
fn what_was_given_back_holds_no_slot() {
    let (store, small) = (MemoryStore::default(), Rc::new(Table::new("small", 1)));
    let month = Window::Quota {
        limit: 100,
        period: Period::Month,
        offset_minutes: 0,
    };
    for n in 0..64 {
        for amount in [0, 10] {
            let charge = Charge {
                table: Rc::clone(&small),
                ..charge(month, &n.to_string(), amount)
            };
            let taken = reserve(&store, &[charge], at(n)).unwrap();
            assert_eq!(taken.held()[0].placement, Placement::Claimed, "{n}");
            taken.settle(&store, at(n), |_| 0);
        }
    }
}

/// A clock that was wrong for a moment holds nobody back for long.
#[test]
fn a_clock_that_was_a_year_ahead() {
    let year = 365 * 86_400_000;
    let quota = Window::Quota {
        limit: 100,
        period: Period::Month,
        offset_minutes: 0,
    };
    for window in [bucket(100, 60_000, 100), quota] {
        let store = MemoryStore::default();
        let _ = reserve(&store, &[charge(window, "o", 100)], at(year)).unwrap();
        let now = reserve(&store, &[charge(window, "o", 100)], at(0));
        assert!(now.is_ok(), "{window:?}: {now:?}");
    }
}
