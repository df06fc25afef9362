//! The report over a log as Envoy writes it, from a file and from standard input.

#![allow(clippy::indexing_slicing, clippy::unwrap_used)]

use std::io::Write;
use std::process::{Command, Output, Stdio};

const LOG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/report/access.log");
const EXPECTED: &str = include_str!("report/report.txt");

fn report(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_weirctl"))
        .arg("report")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // With a path it does not read, and may be gone already.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

#[test]
fn spend_by_identity_model_and_provider() {
    let log = std::fs::read(LOG).unwrap();
    for output in [report(&[LOG], b""), report(&[], &log)] {
        assert_eq!(String::from_utf8(output.stdout).unwrap(), EXPECTED);
        assert!(output.status.success());
        assert!(output.stderr.is_empty());
    }
}

/// Bytes that are no text are a broken line, not the end of the report.
#[test]
fn a_line_that_is_no_text() {
    let output = report(&[], b"\xff\xfe\n{\"model\":\"m\",\"cost_picousd\":\"5\"}\n");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("0.000000000005"), "{text}");
    assert!(text.contains("which are in no sum: 1\n"), "{text}");
}

#[test]
fn a_file_that_is_not_there() {
    let output = report(&["/nonexistent/access.log"], b"");
    assert!(!output.status.success());
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(
        message.starts_with("weirctl: /nonexistent/access.log: "),
        "{message}"
    );
}
