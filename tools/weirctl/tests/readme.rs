//! What README.md shows is what happens. `UPDATE_GOLDEN=1` writes its output anew; read the
//! difference.

#![allow(clippy::indexing_slicing, clippy::unwrap_used)]

use std::path::Path;
use std::process::Command;

/// Runs a command line from the root of the repository.
fn run(line: &str) -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_weirctl"));
    let path = format!(
        "{}:{}",
        program.parent().unwrap().display(),
        std::env::var("PATH").unwrap_or_default()
    );
    let output = Command::new("bash")
        .args(["-c", line])
        .env("PATH", path)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{line}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn every_console_block_is_what_happens() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(&path).unwrap();
    let mut written = String::new();
    let (mut inside, mut commands) = (false, 0);
    for line in readme.lines() {
        match line {
            "```console" => inside = true,
            "```" => inside = false,
            _ => {}
        }
        // What a command printed stands below it, and is printed anew.
        let is_command = line.starts_with("$ ");
        if !inside || is_command || line == "```console" {
            written.push_str(line);
            written.push('\n');
        }
        let Some(command) = line.strip_prefix("$ ").filter(|_| inside) else {
            continue;
        };
        commands += 1;
        match command {
            // It would build what is tested here.
            "make weirctl" => {}
            // Which commit it is, is another one every time.
            "weirctl version" => {
                let shown = run(command);
                let (name, commit) = shown.split_once(" (").unwrap();
                assert_eq!(name, concat!("weirctl ", env!("CARGO_PKG_VERSION")));
                assert!(commit.ends_with(")\n"), "{shown}");
                written.push_str(&format!("{name} (1a2b3c4)\n"));
            }
            _ => written.push_str(&run(command)),
        }
    }
    assert!(commands >= 7, "{commands}");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &written).unwrap();
        return;
    }
    for (at, (shown, real)) in readme.lines().zip(written.lines()).enumerate() {
        assert_eq!(shown, real, "line {}", at + 1);
    }
    assert_eq!(readme, written);
}
