//! The access log of a gateway, read while it is written.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tokio::time::sleep;

use crate::harness::Scenario;

/// The scenario with a file in place of the standard output it logs to, and the file, which lives
/// as long as the scenario.
pub(crate) fn to_file(scenario: Scenario) -> (Scenario, PathBuf) {
    let file = scenario.upstream_socket("access.log");
    (scenario.file("/dev/stdout", &file), file)
}

/// The first line with this text in it, once it is there.
pub(crate) async fn line_with(file: &Path, text: &str) -> Value {
    let mut log = String::new();
    for _ in 0..500 {
        log = std::fs::read_to_string(file).unwrap();
        let mut lines = log
            .split_inclusive('\n')
            .filter(|line| line.ends_with('\n'));
        if let Some(line) = lines.find(|line| line.contains(text)) {
            return serde_json::from_str(line).unwrap();
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("{text} is not in the access log: {log}");
}
