//! What the tests of this workspace run on. Never part of a filter.
//!
//! - [`bootstrap`] writes an Envoy configuration, without ports: everything listens on unix sockets.
//! - [`envoy`] runs a real Envoy with it and reads its log, access log and statistics.
//! - [`client`] sends requests through it and sees every chunk, trailer and abort.
//! - [`rig`] puts an Envoy and its mock upstreams together.
//! - [`sdk`] runs the official Python SDKs against it.
//! - [`books`] sets up all filters and makes sure that all they tell of what was used agrees.
//! - [`script`] plays exchanges through a policy natively, in a simulated Envoy.

// Test support says what went wrong by panicking, keeps deadlines by the real clock,
// and prints Envoy's log when a test fails.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used
)]

pub mod books;
pub mod bootstrap;
pub mod client;
pub mod envoy;
pub mod rig;
pub mod script;
pub mod sdk;
