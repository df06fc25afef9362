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
    /// What the window allows: the refill of a bucket, the quota of a period.
    pub limit: u64,
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
/// For a bucket `amount` is what is there, in units of one token divided by `window_ms`, and
/// `time` when it was so. For a quota `amount` is what has been used and `time` the start of the
/// period it was used in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct State {
    amount: i128,
    time: u64,
}

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
            Self::Bucket {
                limit,
                window_ms,
                burst,
            } => {
                let full = i128::from(burst) * i128::from(window_ms.max(1));
                let Some(state) = state else {
                    return State {
                        amount: full,
                        time: now_ms,
                    };
                };
                // A clock that was set back refills nothing and takes nothing.
                let elapsed = now_ms.saturating_sub(state.time);
                let refill = i128::from(limit) * i128::from(elapsed);
                State {
                    amount: state.amount.saturating_add(refill).min(full),
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
                    Some(state) if state.time >= start => state,
                    _ => State {
                        amount: 0,
                        time: start,
                    },
                }
            }
        }
    }

    /// Takes `amount` from an up-to-date state.
    pub(crate) fn take(&self, state: State, amount: u64, now_ms: u64) -> Result<State, NoRoom> {
        match *self {
            Self::Bucket {
                limit,
                window_ms,
                burst,
            } => {
                if amount > burst {
                    return Err(NoRoom::Ever);
                }
                let wanted = i128::from(amount) * i128::from(window_ms.max(1));
                let short = wanted - state.amount;
                // An amount of nothing always fits, also in debt.
                if short > 0 && amount > 0 {
                    return Err(if limit == 0 {
                        NoRoom::Ever
                    } else {
                        NoRoom::For(milliseconds(short, limit))
                    });
                }
                Ok(State {
                    amount: state.amount - wanted,
                    ..state
                })
            }
            Self::Quota {
                limit,
                period,
                offset_minutes,
            } => {
                let wanted = state.amount + i128::from(amount);
                if amount > 0 && wanted > i128::from(limit) {
                    let (_, end) = period.around(now_ms, offset_minutes);
                    return Err(if amount > limit || period == Period::Forever {
                        NoRoom::Ever
                    } else {
                        NoRoom::For(end.saturating_sub(now_ms))
                    });
                }
                Ok(State {
                    amount: wanted,
                    ..state
                })
            }
        }
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
        let back = i128::from(reserved) - i128::from(used);
        let amount = match *self {
            Self::Bucket {
                window_ms, burst, ..
            } => {
                let window = i128::from(window_ms.max(1));
                let full = i128::from(burst) * window;
                (state.amount.saturating_add(back * window)).min(full)
            }
            // What was reserved in a period that is over was counted there.
            Self::Quota { .. } if reserved_ms < state.time => state.amount + (-back).max(0),
            Self::Quota { .. } => (state.amount - back).max(0),
        };
        State { amount, ..state }
    }

    /// Where an up-to-date state stands.
    pub(crate) fn level(&self, state: State, now_ms: u64) -> Level {
        match *self {
            Self::Bucket {
                limit,
                window_ms,
                burst,
            } => {
                let window = i128::from(window_ms.max(1));
                let missing = i128::from(burst) * window - state.amount;
                Level {
                    limit,
                    remaining: u64::try_from(state.amount / window).unwrap_or(0),
                    reset_ms: if limit == 0 {
                        u64::MAX
                    } else {
                        milliseconds(missing, limit)
                    },
                }
            }
            Self::Quota {
                limit,
                period,
                offset_minutes,
            } => Level {
                limit,
                remaining: u64::try_from(i128::from(limit) - state.amount).unwrap_or(0),
                reset_ms: match period {
                    Period::Forever => u64::MAX,
                    _ => period
                        .around(now_ms, offset_minutes)
                        .1
                        .saturating_sub(now_ms),
                },
            },
        }
    }

    /// When a state is as if it had never been, so that its slot can be given away.
    pub(crate) fn expires_ms(&self, state: State, now_ms: u64) -> u64 {
        now_ms.saturating_add(self.level(state, now_ms).reset_ms)
    }
}

/// Milliseconds in which a refill of `limit` units a millisecond makes `amount`, rounded up.
fn milliseconds(amount: i128, limit: u64) -> u64 {
    let limit = i128::from(limit.max(1));
    let amount = amount.max(0);
    u64::try_from(amount / limit + i128::from(amount % limit != 0)).unwrap_or(u64::MAX)
}
