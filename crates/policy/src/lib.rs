//! What a policy is.
//!
//! A filter is a pure state machine: the steps of one HTTP exchange go in together with the
//! time and a store, an answer and a list of effects come out. Nothing here reads a clock, a
//! global or a host function, so every policy runs natively in a test as it runs in Envoy.
//!
//! - [`Policy`] and [`Exchange`]: the five steps and their answers.
//! - [`Effects`]: what a step wants done beside its answer (headers, facts, metrics, log).
//! - [`Store`], [`update`], [`SlotTable`]: the shared-data cache all workers agree through.
//! - [`config`]: strict loading of what an operator wrote.
//! - [`identity`]: who is calling.
//! - [`names`]: every header, fact and metric name of the suite.

pub mod config;
mod effects;
mod exchange;
mod glob;
mod headers;
pub mod identity;
pub mod names;
mod slots;
mod store;

pub use config::ConfigError;
pub use effects::{Effect, Effects, GrpcCall, GrpcStatus, Label, Level};
pub use exchange::{
    Attributes, Background, BodyAnswer, ChunkAnswer, Clock, Cx, Ending, Exchange, HeadAnswer,
    Policy, Reply, ResponseAnswer, TooLarge,
};
pub use glob::{Glob, Globs};
pub use headers::Headers;
pub use identity::{Identity, IdentitySource, short_hash};
pub use slots::{Owner, Placement, SlotAnswer, SlotTable, SlotUpdated};
pub use store::{
    Entry, Expect, MemoryStore, Store, StoreError, UpdateError, Updated, Version, update,
};

/// A moment, in nanoseconds since the Unix epoch, as the host tells it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnixNanos(pub u64);

impl UnixNanos {
    /// Whole milliseconds since the Unix epoch.
    pub const fn millis(self) -> u64 {
        self.0 / 1_000_000
    }

    /// Whole seconds since the Unix epoch.
    pub const fn seconds(self) -> u64 {
        self.0 / 1_000_000_000
    }

    /// Milliseconds from `earlier` to this moment; 0 when the clock was set back in between.
    pub const fn millis_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0) / 1_000_000
    }
}
