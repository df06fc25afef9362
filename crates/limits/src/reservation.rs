//! Reserving over several limits, all or nothing, and settling.

use weir_policy::{Owner, Placement, SlotAnswer, SlotTable, Store, UnixNanos, UpdateError};

use crate::window::{Level, NoRoom, STATE_BYTES, State, Window};

/// The table in which limits keep their owners.
pub type Table = SlotTable<STATE_BYTES>;

/// An amount to be taken from one owner's share of one limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charge {
    /// The limit's arithmetic.
    pub window: Window,
    /// Whose share: a fingerprint of the limit's name and what it is `per`.
    pub owner: Owner,
    /// How much.
    pub amount: u64,
}

/// What a charge left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The charge.
    pub charge: Charge,
    /// Where its limit stands after it.
    pub level: Level,
    /// Whether the owner shares the overflow slot.
    pub overflow: bool,
}

/// Why nothing was reserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A limit has no room.
    Limited {
        /// Index of the charge with the longest wait.
        charge: usize,
        /// Where that limit stands.
        level: Level,
        /// Milliseconds until it fits; `None` when it never will.
        retry_ms: Option<u64>,
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
}

/// Takes every charge, or none. When several limits have no room, the one that takes longest to
/// have it is reported.
///
/// # Errors
/// [`Refusal`]; everything taken so far has been given back.
pub fn reserve(
    store: &dyn Store,
    table: &Table,
    charges: &[Charge],
    now: UnixNanos,
) -> Result<Reservation, Refusal> {
    let now_ms = now.millis();
    let mut reservation = Reservation {
        held: Vec::with_capacity(charges.len()),
        at_ms: now_ms,
    };
    let mut refused: Option<(usize, Level, NoRoom)> = None;
    for (at, charge) in charges.iter().enumerate() {
        // Once one has refused, the others are only asked.
        let dry = refused.is_some();
        let taken = table.update(store, charge.owner, now_ms, |bytes| {
            let window = &charge.window;
            let state = window.at(bytes.map(State::read), now_ms);
            match window.take(state, charge.amount, now_ms) {
                Ok(after) if !dry => SlotAnswer::Store {
                    state: after.write(),
                    expires_ms: window.expires_ms(after, now_ms),
                    value: Ok(window.level(after, now_ms)),
                },
                Ok(_) => SlotAnswer::Leave(Ok(window.level(state, now_ms))),
                Err(no_room) => SlotAnswer::Leave(Err((window.level(state, now_ms), no_room))),
            }
        });
        match taken {
            Ok(taken) => match taken.value {
                Ok(_) if dry => {}
                Ok(level) => reservation.held.push(Held {
                    charge: charge.clone(),
                    level,
                    overflow: taken.placement == Placement::Overflow,
                }),
                Err((level, no_room)) => {
                    if refused.is_none_or(|(_, _, longest)| longer(no_room, longest)) {
                        refused = Some((at, level, no_room));
                    }
                }
            },
            Err(error) => {
                reservation.settle(store, table, now, |_| 0);
                return Err(Refusal::Store(error));
            }
        }
    }
    let Some((charge, level, no_room)) = refused else {
        return Ok(reservation);
    };
    reservation.settle(store, table, now, |_| 0);
    Err(Refusal::Limited {
        charge,
        level,
        retry_ms: match no_room {
            NoRoom::For(ms) => Some(ms),
            NoRoom::Ever => None,
        },
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
    /// Returns how many of them could not be put right because the store failed.
    pub fn settle(
        self,
        store: &dyn Store,
        table: &Table,
        now: UnixNanos,
        used: impl Fn(usize) -> u64,
    ) -> usize {
        let now_ms = now.millis();
        let mut failed = 0;
        for (at, held) in self.held.iter().enumerate() {
            let Charge {
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
            failed += usize::from(done.is_err());
        }
        failed
    }
}
