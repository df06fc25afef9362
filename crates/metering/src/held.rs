//! Reservations over several limits, counted as they are made and settled.

use weir_limits::{Charge, Level as Standing, Refusal, Reservation};
use weir_policy::names::metric;
use weir_policy::{Cx, Level, Placement};

/// What a request holds of limits that stand or fall together.
#[derive(Debug)]
pub struct Held<L> {
    /// The limits, in the order of what is held of them.
    pub limits: Vec<L>,
    reservation: Reservation,
}

/// Why a request holds nothing.
#[derive(Debug)]
pub enum Limited<L> {
    /// A limit has no room.
    NoRoom {
        /// Which; of several the one with the longest wait.
        limit: L,
        /// Where it stands.
        level: Standing,
        /// What was wanted of it.
        wanted: u64,
        /// Milliseconds until it fits; none when it never will.
        retry_ms: Option<u64>,
        /// Where each limit stands.
        levels: Vec<Standing>,
    },
    /// The store failed; it has been counted and logged.
    Store,
}

/// Takes what a request needs of every limit, or of none. `name` says what a limit is called.
///
/// # Errors
/// [`Limited`].
pub fn reserve<L: Clone>(
    cx: &mut Cx<'_>,
    filter: &'static str,
    limits: Vec<(L, Charge)>,
    name: impl Fn(&L) -> &str,
) -> Result<Held<L>, Limited<L>> {
    let (limits, charges): (Vec<_>, Vec<_>) = limits.into_iter().unzip();
    let reservation = match weir_limits::reserve(cx.store, &charges, cx.now()) {
        Ok(reservation) => reservation,
        Err(Refusal::Store(error)) => {
            let labels = [("filter", filter), ("call", "reserve")];
            cx.effects.count(metric::STORE_FAILURES, &labels, 1);
            let line = format!("{filter}: limits cannot be checked: {error}");
            cx.effects.log(Level::Warn, line);
            return Err(Limited::Store);
        }
        Err(Refusal::Limited {
            charge,
            retry_ms,
            levels,
            failed,
        }) => {
            unsettled(cx, filter, failed);
            let at = (limits.get(charge), levels.get(charge), charges.get(charge));
            let (Some(limit), Some(level), Some(charge)) = at else {
                return Err(Limited::Store);
            };
            return Err(Limited::NoRoom {
                limit: limit.clone(),
                level: *level,
                wanted: charge.amount,
                retry_ms,
                levels,
            });
        }
    };
    for (limit, held) in limits.iter().zip(reservation.held()) {
        let placement = match held.placement {
            Placement::Kept => continue,
            Placement::Claimed => "claimed",
            Placement::Overflow => "overflow",
        };
        let labels = [
            ("filter", filter),
            ("rule", name(limit)),
            ("placement", placement),
        ];
        cx.effects.count(metric::SLOTS, &labels, 1);
    }
    Ok(Held {
        limits,
        reservation,
    })
}

impl<L> Held<L> {
    /// Where each limit stands, with what is held taken.
    pub fn levels(&self) -> impl Iterator<Item = (&L, Standing)> {
        let levels = self.reservation.held().iter().map(|held| held.level);
        self.limits.iter().zip(levels)
    }

    /// How much of each limit is held.
    pub fn amounts(&self) -> impl Iterator<Item = (&L, u64)> {
        let held = self.reservation.held().iter();
        self.limits.iter().zip(held.map(|held| held.charge.amount))
    }

    /// Puts every limit right: `used` says what of it was really used. Where what was reserved is
    /// to be kept, it is no less than that.
    pub fn settle(
        self,
        cx: &mut Cx<'_>,
        filter: &'static str,
        keeps: bool,
        used: impl Fn(&L) -> u64,
    ) {
        let Self {
            limits,
            reservation,
        } = self;
        let reserved: Vec<u64> = reservation.held().iter().map(|h| h.charge.amount).collect();
        let used = |at: usize| {
            let used = limits.get(at).map_or(0, &used);
            let kept = reserved.get(at).copied().filter(|_| keeps);
            used.max(kept.unwrap_or(0))
        };
        let settled = reservation.settle(cx.store, cx.now(), used);
        if settled.conflicts > 0 {
            let labels = [("filter", filter)];
            cx.effects
                .count(metric::STORE_CONFLICTS, &labels, settled.conflicts);
        }
        unsettled(cx, filter, settled.failed);
    }
}

/// Counts limits that could not be put right.
fn unsettled(cx: &mut Cx<'_>, filter: &'static str, failed: u64) {
    if failed > 0 {
        let labels = [("filter", filter), ("call", "settle")];
        cx.effects.count(metric::STORE_FAILURES, &labels, failed);
        let line = format!(
            "{filter}: {failed} limits could not be settled and stay charged with what was reserved"
        );
        cx.effects.log(Level::Warn, line);
    }
}
