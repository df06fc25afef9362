//! The scenarios people copy, `envoy/<name>`: each configuration is started as it is shipped,
//! with unix sockets in place of its addresses, and each command of its README is run and has to
//! print what the README says. `WEIR_UPDATE_READMES=1` writes what was printed instead.

// Helpers of tests assert as tests do, and keep deadlines by the real clock.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::string_slice,
    clippy::unwrap_used
)]

mod access_log;
#[allow(dead_code, reason = "no scenario needs all of it")]
mod harness;
mod manifests;

mod auth;
mod bundle;
mod compose;
mod envoy_gateway;
mod global_limits;
mod istio;
mod observability;
mod providers;
mod quickstart;

/// A README that nobody runs is a promise that nobody keeps.
#[test]
fn every_scenario_has_its_test() {
    let mut scenarios = 0;
    for folder in std::fs::read_dir(harness::root().join("envoy")).unwrap() {
        let folder = folder.unwrap().path();
        if folder.join("README.md").exists() {
            let name = folder
                .file_name()
                .unwrap()
                .to_string_lossy()
                .replace('-', "_");
            let test = harness::root().join(format!("tests/scenarios/{name}.rs"));
            assert!(test.exists(), "{} is missing", test.display());
            scenarios += 1;
        }
    }
    assert!(scenarios >= 4);
}
