//! Reserving over several limits, all or nothing, and settling.

use std::rc::Rc;

use weir_policy::{Owner, Placement, SlotAnswer, SlotTable, Store, UnixNanos, UpdateError};

use crate::window::{Level, NoRoom, STATE_BYTES, State, Window};

/// The table in which a limit keeps its owners.
pub type Table = SlotTable<STATE_BYTES>;

/// An amount to be taken from one owner's share of one limit.
#[derive(Clone, Debug)]
pub struct Charge {
    /// Where the limit keeps its owners. One limit, one table: those who share its overflow slot
    /// share one window too.
    pub table: Rc<Table>,
    /// The limit's arithmetic.
    pub window: Window,
    /// Whose share: a fingerprint of what the limit is `per`.
    pub owner: Owner,
    /// How much.
    pub amount: u64,
}

/// What a charge left.
#[derive(Clone, Debug)]
pub struct Held {
    /// The charge.
    pub charge: Charge,
    /// Where its limit stands after it.
    pub level: Level,
    /// Which slot its owner has.
    pub placement: Placement,
}

/// Why nothing was reserved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A limit has no room.
    Limited {
        /// Index of the charge with the longest wait.
        charge: usize,
        /// Milliseconds until it fits; `None` when it never will.
        retry_ms: Option<u64>,
        /// Where each limit stands, in the order of the charges.
        levels: Vec<Level>,
        /// Limits to which what was taken could not be given back, because the store failed.
        failed: u64,
    },
    /// The store failed: nothing can be said.
    Store(UpdateError),
}

/// Amounts that are taken until they are settled. Settling consumes it: it happens once.
#[derive(Debug)]
#[must_use = "what is reserved and never settled stays charged"]
pub struct Reservation {
    held: Vec<Held>,
    at_ms: u64,
    conflicts: u64,
}

/// What settling met with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// Limits that could not be put right, because the store failed.
    pub failed: u64,
    /// Rounds lost to other workers, those of reserving among them.
    pub conflicts: u64,
}

/// Takes every charge, or none. When several limits have no room, the one that takes longest to
/// have it is reported.
///
/// # Errors
/// [`Refusal`]; everything taken so far has been given back.
pub fn reserve(
    store: &dyn Store,
    charges: &[Charge],
    now: UnixNanos,
) -> Result<Reservation, Refusal> {
    let now_ms = now.millis();
    let mut reservation = Reservation {
        held: Vec::with_capacity(charges.len()),
        at_ms: now_ms,
        conflicts: 0,
    };
    let mut levels = Vec::with_capacity(charges.len());
    let mut refused: Option<(usize, NoRoom)> = None;
    for (at, charge) in charges.iter().enumerate() {
        // Once one has refused, the others are only asked.
        let dry = refused.is_some();
        let window = &charge.window;
        let taken = charge.table.update(store, charge.owner, now_ms, |bytes| {
            let state = window.at(bytes.map(State::read), now_ms);
            let before = window.level(state, now_ms);
            match window.take(state, charge.amount, now_ms) {
                // Who takes nothing needs no slot.
                Ok(after) if !dry && charge.amount > 0 => SlotAnswer::Store {
                    state: after.write(),
                    expires_ms: window.expires_ms(after, now_ms),
                    value: (before, Ok(window.level(after, now_ms))),
                },
                Ok(_) => SlotAnswer::Leave((before, Ok(before))),
                Err(no_room) => SlotAnswer::Leave((before, Err(no_room))),
            }
        });
        match taken {
            Ok(taken) => {
                reservation.conflicts += u64::from(taken.conflicts);
                let (before, outcome) = taken.value;
                levels.push(before);
                match outcome {
                    Ok(_) if dry => {}
                    Ok(level) => reservation.held.push(Held {
                        charge: charge.clone(),
                        level,
                        placement: taken.placement,
                    }),
                    Err(no_room) => {
                        if refused.is_none_or(|(_, longest)| longer(no_room, longest)) {
                            refused = Some((at, no_room));
                        }
                    }
                }
            }
            Err(error) => {
                reservation.settle(store, now, |_| 0);
                return Err(Refusal::Store(error));
            }
        }
    }
    let Some((charge, no_room)) = refused else {
        return Ok(reservation);
    };
    let failed = reservation.settle(store, now, |_| 0).failed;
    Err(Refusal::Limited {
        failed,
        charge,
        retry_ms: match no_room {
            NoRoom::For(ms) => Some(ms),
            NoRoom::Ever => None,
        },
        levels,
    })
}

fn longer(one: NoRoom, other: NoRoom) -> bool {
    match (one, other) {
        (_, NoRoom::Ever) => false,
        (NoRoom::Ever, _) => true,
        (NoRoom::For(one), NoRoom::For(other)) => one > other,
    }
}

impl Reservation {
    /// What was taken, in the order of the charges.
    pub fn held(&self) -> &[Held] {
        &self.held
    }

    /// Puts every limit right: `used` says what of a charge, by its index, was really used.
    pub fn settle(self, store: &dyn Store, now: UnixNanos, used: impl Fn(usize) -> u64) -> Settled {
        let now_ms = now.millis();
        let mut settled = Settled {
            failed: 0,
            conflicts: self.conflicts,
        };
        for (at, held) in self.held.iter().enumerate() {
            let Charge {
                table,
                window,
                owner,
                amount,
            } = &held.charge;
            let used = used(at);
            if used == *amount {
                continue;
            }
            let done = table.update(store, *owner, now_ms, |bytes| {
                let state = window.at(bytes.map(State::read), now_ms);
                let after = window.correct(state, *amount, used, self.at_ms);
                SlotAnswer::Store {
                    state: after.write(),
                    expires_ms: window.expires_ms(after, now_ms),
                    value: (),
                }
            });
            match done {
                Ok(done) => settled.conflicts += u64::from(done.conflicts),
                Err(_) => settled.failed += 1,
            }
        }
        settled
    }
}
