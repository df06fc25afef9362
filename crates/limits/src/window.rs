//! One limit's arithmetic: what is left, what fits, when it will fit.

use crate::calendar::Period;

/// Bytes of a limit's state: sixteen of amount, eight of time.
pub const STATE_BYTES: usize = 24;

/// How much may be used in what time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// A bucket that refills continuously with `limit` in every `window_ms`, up to `burst`.
    Bucket {
        /// Refill per window.
        limit: u64,
        /// Length of the window in milliseconds, at least 1.
        window_ms: u64,
        /// What a full bucket holds.
        burst: u64,
    },
    /// A quota for each period of the calendar.
    Quota {
        /// What may be used in a period.
        limit: u64,
        /// The period.
        period: Period,
        /// Minutes east of UTC at which its days begin.
        offset_minutes: i16,
    },
}

/// Where a limit stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// The most there can be: what a full bucket holds, the quota of a period.
    pub limit: u64,
    /// What has been used of it and is not there again; more than `limit` in debt.
    pub used: u64,
    /// What can be reserved now; 0 in debt.
    pub remaining: u64,
    /// Milliseconds until all of it is there again.
    pub reset_ms: u64,
}

/// Why an amount does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoRoom {
    /// It will in this many milliseconds, if nobody else takes anything.
    For(u64),
    /// It is more than the window ever holds.
    Ever,
}

/// State of one owner under one window.
///
/// `amount` is what has been used, so that a configuration with another limit or burst can go on
/// from it. For a bucket it is what has not been refilled, in units of one token divided by
/// `window_ms`, and `time` when it was so. For a quota it is in tokens, and `time` is the start of
/// the period they were used in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct State {
    amount: i128,
    time: u64,
}

/// A stored time that is further ahead of the clock than this is no other worker's, but a clock's
/// that was wrong: what was stored then is forgotten.
const SKEW_MS: u64 = 60_000;

impl State {
    pub(crate) fn read(bytes: &[u8; STATE_BYTES]) -> Self {
        let (amount, time) = bytes.split_at(16);
        Self {
            amount: i128::from_le_bytes(*amount.first_chunk().unwrap_or(&[0; 16])),
            time: u64::from_le_bytes(*time.first_chunk().unwrap_or(&[0; 8])),
        }
    }

    pub(crate) fn write(self) -> [u8; STATE_BYTES] {
        let mut bytes = [0; STATE_BYTES];
        let (amount, time) = bytes.split_at_mut(16);
        amount.copy_from_slice(&self.amount.to_le_bytes());
        time.copy_from_slice(&self.time.to_le_bytes());
        bytes
    }
}

impl Window {
    /// The state of an owner at `now_ms`, brought up to date; without one, that of an owner who
    /// has used nothing.
    pub(crate) fn at(&self, state: Option<State>, now_ms: u64) -> State {
        match *self {
            Self::Bucket { limit, .. } => {
                let known = state.filter(|state| state.time <= now_ms.saturating_add(SKEW_MS));
                let Some(state) = known else {
                    return State {
                        amount: 0,
                        time: now_ms,
                    };
                };
                // A clock that was set back a little refills nothing and takes nothing.
                let elapsed = now_ms.saturating_sub(state.time);
                let refill = i128::from(limit) * i128::from(elapsed);
                State {
                    amount: (state.amount - refill).max(0),
                    time: state.time.max(now_ms),
                }
            }
            Self::Quota {
                period,
                offset_minutes,
                ..
            } => {
                let (start, _) = period.around(now_ms, offset_minutes);
                match state {
                    // A worker whose clock is behind may still see the period before.
                    Some(state)
                        if state.time >= start && state.time <= now_ms.saturating_add(SKEW_MS) =>
                    {
                        state
                    }
                    _ => State {
                        amount: 0,
                        time: start,
                    },
                }
            }
        }
    }

    /// What a token is in the state's units, and the most of them there can be.
    fn unit_and_full(&self) -> (i128, i128) {
        match *self {
            Self::Bucket {
                window_ms, burst, ..
            } => {
                let unit = i128::from(window_ms.max(1));
                (unit, i128::from(burst) * unit)
            }
            Self::Quota { limit, .. } => (1, i128::from(limit)),
        }
    }

    /// Takes `amount` from an up-to-date state.
    pub(crate) fn take(&self, state: State, amount: u64, now_ms: u64) -> Result<State, NoRoom> {
        let (unit, full) = self.unit_and_full();
        let wanted = i128::from(amount) * unit;
        let after = State {
            amount: state.amount + wanted,
            ..state
        };
        // An amount of nothing always fits, also in debt.
        if amount == 0 || after.amount <= full {
            return Ok(after);
        }
        if wanted > full {
            return Err(NoRoom::Ever);
        }
        Err(match *self {
            Self::Bucket { limit: 0, .. } => NoRoom::Ever,
            Self::Bucket { limit, .. } => NoRoom::For(milliseconds(after.amount - full, limit)),
            Self::Quota {
                period: Period::Forever,
                ..
            } => NoRoom::Ever,
            Self::Quota {
                period,
                offset_minutes,
                ..
            } => {
                let (_, end) = period.around(now_ms, offset_minutes);
                NoRoom::For(end.saturating_sub(now_ms))
            }
        })
    }

    /// Puts an up-to-date state right: `reserved` was taken at `reserved_ms`, `used` should have
    /// been. More may be given back only of what was taken; what was used beyond is debt.
    pub(crate) fn correct(
        &self,
        state: State,
        reserved: u64,
        used: u64,
        reserved_ms: u64,
    ) -> State {
        let (unit, _) = self.unit_and_full();
        let more = (i128::from(used) - i128::from(reserved)) * unit;
        let amount = match *self {
            // What was reserved in a period that is over was counted there.
            Self::Quota { .. } if reserved_ms < state.time => state.amount + more.max(0),
            _ => (state.amount + more).max(0),
        };
        State { amount, ..state }
    }

    /// Where an up-to-date state stands.
    pub(crate) fn level(&self, state: State, now_ms: u64) -> Level {
        let (unit, full) = self.unit_and_full();
        let whole = |amount: i128| u64::try_from(amount / unit).unwrap_or(0);
        let (limit, reset_ms) = match *self {
            Self::Bucket { limit, burst, .. } => {
                let reset_ms = match (limit, state.amount) {
                    (_, 0) => 0,
                    (0, _) => u64::MAX,
                    (limit, missing) => milliseconds(missing, limit),
                };
                (burst, reset_ms)
            }
            Self::Quota {
                limit,
                period: Period::Forever,
                ..
            } => (limit, u64::MAX),
            Self::Quota {
                limit,
                period,
                offset_minutes,
            } => {
                let (_, end) = period.around(now_ms, offset_minutes);
                (limit, end.saturating_sub(now_ms))
            }
        };
        Level {
            limit,
            used: whole(state.amount + unit - 1),
            remaining: whole((full - state.amount).max(0)),
            reset_ms,
        }
    }

    /// When a state is as if it had never been, so that its slot can be given away.
    pub(crate) fn expires_ms(&self, state: State, now_ms: u64) -> u64 {
        if state.amount == 0 {
            return now_ms;
        }
        now_ms.saturating_add(self.level(state, now_ms).reset_ms)
    }
}

/// Milliseconds in which a refill of `limit` units a millisecond makes `amount`, rounded up.
fn milliseconds(amount: i128, limit: u64) -> u64 {
    let limit = i128::from(limit.max(1));
    let amount = amount.max(0);
    u64::try_from(amount / limit + i128::from(amount % limit != 0)).unwrap_or(u64::MAX)
}
