//! What an exchange uses: its prompt counted before it leaves, its answer read as it comes, and
//! whatever is limited by that reserved in between. token-limit writes it in tokens, cost in money;
//! both must come to the same numbers.
//!
//! - [`Models`]: how the tokens of a model are counted and what it is called in metrics.
//! - [`Asked`]: a request: its model, its prompt's tokens, the most it may answer.
//! - [`Share`]: which requests a limit is for, and whose share of it they use.
//! - [`Windowed`]: in what time.
//! - [`IdentityLabels`]: who callers are in metrics.
//! - [`Held`], [`reserve`]: reservations over several limits, and their settling.
//! - [`Shared`]: limits over several Envoys, asked for and charged.
//! - [`Reading`]: the answer, read for its usage and its text.
//! - [`Spent`]: what it came to, however the exchange ended.

mod answer;
mod asked;
mod held;
mod labels;
mod memory;
mod models;
mod prompt;
mod share;
mod shared;
mod spent;
mod window;

pub use answer::{Known, Note, Reading, Seen};
pub use asked::Asked;
pub use held::{Held, Limited, reserve};
pub use labels::IdentityLabels;
pub use memory::Memory;
pub use models::{ModelSettings, Models, bounded, label_value};
pub use share::{Part, Share, Subject, Whose};
pub use shared::Shared;
pub use spent::{AnswerCounter, Source, Spent};
pub use window::Windowed;
