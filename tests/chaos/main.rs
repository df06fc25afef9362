//! What goes wrong around the filters, in real Envoy with two workers: upstreams that break off,
//! callers that hang up, configurations that change, VMs that trap, and a great many at once.
//!
//! The law is the same for each: nothing is lost. Every exchange is settled once, so that the access
//! log, the metrics, the quotas and the budgets agree to the token and the pico-dollar
//! ([`Books`](weir_testkit::books::Books)), and whoever did nothing wrong is served as ever.
//!
//! What takes long is `#[ignore]`d, and run by `make chaos`.

// Helpers of tests assert as tests do, and keep deadlines by the real clock.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used
)]

mod bystanders;
mod callers;
mod faults;
mod soak;
mod streams;
mod traps;
mod updates;
mod upstream;
