//! Limits: buckets that refill, quotas by the calendar, reservations over several of them.
//!
//! An amount is charged before it is known: [`reserve`] takes the most a request can use, from
//! every limit that applies or from none, and [`Reservation::settle`] puts right what it did use.
//! Spending more than was reserved leaves debt, which is not forgiven.
//!
//! All arithmetic is in integers and exact: a bucket's level is kept in units of one token
//! divided by its window's milliseconds, so nothing is lost however often it is refilled. State
//! lives in the [`SlotTable`](weir_policy::SlotTable); every change is one compare-and-swap, so
//! what any number of workers admit together never exceeds what the limit allows.
//!
//! What it cannot do: several limits are reserved one after the other and given back when a
//! later one refuses. In between, another request may be refused that would have fitted; none is
//! ever admitted that does not.

mod calendar;
mod reservation;
mod window;

pub use calendar::Period;
pub use reservation::{Charge, Held, Refusal, Reservation, Settled, Table, reserve};
pub use window::{Level, STATE_BYTES, Window};
