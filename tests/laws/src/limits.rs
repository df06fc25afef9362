//! The arithmetic of limits, as sequences of operations by several workers.

use std::rc::Rc;

use arbitrary::Unstructured;
use weir_limits::{Charge, Period, Refusal, Reservation, Table, Window, reserve};
use weir_policy::{MemoryStore, Owner, UnixNanos};

use crate::one_of;

const T0: u64 = 1_700_000_000_000;

fn at(ms: u64) -> UnixNanos {
    UnixNanos((T0 + ms) * 1_000_000)
}

/// Nothing is admitted beyond what a bucket holds and refills, or a quota has; a refusal takes
/// nothing; what fits is admitted; a wait that is told is enough; and when all is settled to
/// nothing, all there was is there again.
pub fn limits(bytes: &[u8]) {
    let mut u = Unstructured::new(bytes);
    let number = |u: &mut Unstructured<'_>, most: u64| u.int_in_range(0..=most).unwrap_or(0);
    let (limit, burst) = (1 + number(&mut u, 300), 1 + number(&mut u, 300));
    let window_ms = 1 + number(&mut u, 90_000);
    let is_bucket = number(&mut u, 1) == 0;
    let window = match is_bucket {
        true => Window::Bucket {
            limit,
            window_ms,
            burst,
        },
        false => Window::Quota {
            limit,
            period: one_of(
                &mut u,
                &[Period::Day, Period::Week, Period::Month, Period::Forever],
            ),
            offset_minutes: one_of(&mut u, &[0, 90, -330]),
        },
    };
    let table = Rc::new(Table::new("law", 64));
    let store = MemoryStore::default();
    let mut turn = 0_u32;
    // Another worker gets in between, now and then.
    store.set_rival(move |_, current| {
        turn += 1;
        current
            .filter(|_| turn.is_multiple_of(3))
            .map(<[u8]>::to_vec)
    });
    let charge = |owner: &str, amount: u64| Charge {
        table: Rc::clone(&table),
        window,
        owner: Owner::new([owner]),
        amount,
    };
    let left = |now: u64, owner: &str| {
        let nothing = reserve(&store, &[charge(owner, 0)], at(now)).expect("nothing always fits");
        nothing.held()[0].level.remaining
    };

    let (mut now, mut admitted) = (0, 0_i128);
    let mut open: Vec<(u64, Reservation)> = Vec::new();
    while !u.is_empty() {
        match number(&mut u, 3) {
            0 => now += number(&mut u, 100_000),
            1 => {
                let (amount, other) = (number(&mut u, 400), number(&mut u, 400));
                let (before, of_other) = (left(now, "o"), left(now, "other"));
                match reserve(
                    &store,
                    &[charge("o", amount), charge("other", other)],
                    at(now),
                ) {
                    Ok(reservation) => {
                        assert!(amount <= before && other <= of_other || amount == 0 || other == 0);
                        assert_eq!(left(now, "o"), before.saturating_sub(amount));
                        admitted += i128::from(amount);
                        open.push((amount, reservation));
                    }
                    Err(Refusal::Limited { retry_ms, .. }) => {
                        assert!(amount > before || other > of_other);
                        // All or nothing.
                        assert_eq!((left(now, "o"), left(now, "other")), (before, of_other));
                        if let Some(wait) = retry_ms.filter(|_| is_bucket) {
                            assert!(wait > 0);
                            let [one, both] = [now + wait - 1, now + wait]
                                .map(|ms| left(ms, "o") >= amount && left(ms, "other") >= other);
                            assert!(both && !one, "{wait} ms for {amount} and {other}");
                        }
                    }
                    Err(other) => panic!("{other:?}"),
                }
            }
            _ if !open.is_empty() => {
                let which = usize::try_from(number(&mut u, open.len() as u64 - 1)).unwrap();
                let (amount, reservation) = open.swap_remove(which);
                let used = amount * number(&mut u, 100) / 100;
                let settled =
                    reservation.settle(&store, at(now), |which| if which == 0 { used } else { 0 });
                assert_eq!(settled.failed, 0);
                admitted -= i128::from(amount - used);
            }
            _ => {}
        }
        if is_bucket {
            let most =
                i128::from(burst) * i128::from(window_ms) + i128::from(limit) * i128::from(now);
            assert!(
                admitted * i128::from(window_ms) <= most,
                "{admitted} admitted"
            );
        } else if now == 0 {
            assert_eq!(i128::from(left(now, "o")), i128::from(limit) - admitted);
        }
    }
    if now == 0 {
        for (_, reservation) in open.drain(..) {
            reservation.settle(&store, at(now), |_| 0);
        }
        let all = if is_bucket { burst } else { limit };
        assert_eq!(left(now, "other"), all, "what was given back is there");
    }
}
