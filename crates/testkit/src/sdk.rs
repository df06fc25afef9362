//! Runs a Python script of `tests/sdk` against an Envoy.

use std::path::{Path, PathBuf};

/// Runs a script with the official SDKs, giving it Envoy's socket; its output is shown when it
/// fails.
///
/// # Panics
/// When it fails, or when `make sdks` has not been run.
pub async fn run(script: &str, socket: &Path) {
    let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let python = root.join(".tools/sdks/bin/python");
    assert!(
        python.exists(),
        "{} is missing: run `make sdks`",
        python.display()
    );
    let output = tokio::process::Command::new(python)
        .arg(root.join("tests/sdk").join(script))
        .arg(socket)
        .output()
        .await
        .expect("python runs");
    assert!(
        output.status.success(),
        "{script} failed:\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
