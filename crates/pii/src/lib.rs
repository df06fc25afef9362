//! Personal data and secrets in texts.
//!
//! - [`Placeholders`]: the names that the values of one exchange get instead of themselves.
//! - [`Restorer`]: puts the values back into the answer, also while it streams.

mod placeholder;
mod restore;

pub use placeholder::{BadName, HashKey, Mark, Naming, Placeholders, Restore};
pub use restore::{Carry, Channel, Depth, Restorer};
