//! What models cost: a price table and exact money.
//!
//! - [`PicoUsd`]: money, in whole pico-dollars. No float comes near it.
//! - [`Price`]: what a model costs, and from that what a usage did cost and a request can cost.
//! - [`Catalogue`]: the price of a model by its name, from the configuration and from the
//!   built-in table, which is LiteLLM's reduced (`data/SOURCE.md`; `make prices` makes it anew).
//!
//! Prices what is counted in tokens. What it cannot price: tools, searches, sessions, images and
//! seconds, which have prices of their own; discounts by the hour; surcharges by region or speed;
//! contracts. It never guesses: a model whose name is not known by a rule of [`How`] has no
//! price, and what is known to be billed by something else than tokens is not in the table.

mod catalogue;
mod money;
mod price;
mod slot;
mod spelling;
mod table;

pub use catalogue::{Catalogue, Found};
pub use money::{NoAmount, PicoUsd};
pub use price::{Price, Rate, Tokens};
pub use slot::{Kind, Tier};
pub use spelling::How;
