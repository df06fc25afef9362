//! `weirctl check` over files that are wrong, and over those that are shipped.
//!
//! Beside each file in `bad` stands what is found in it. `UPDATE_GOLDEN=1` writes that anew; read
//! the difference. A file that begins with a filter's name and a dot is that filter's own
//! configuration.

#![allow(clippy::indexing_slicing, clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn folder(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "yaml" || e == "json"))
        .collect();
    files.sort();
    files
}

fn check(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_weirctl"))
        .current_dir(folder)
        .arg("check")
        .args(arguments)
        .output()
        .unwrap()
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

#[test]
fn what_is_wrong_is_found_where_it_is() {
    let folder = folder("tests/bad");
    let mut codes = BTreeSet::new();
    let mut wrong = Vec::new();
    for path in files(&folder) {
        let name = path.file_name().unwrap().to_str().unwrap();
        let filter = name.split('.').next().unwrap();
        let is_filter = weirctl::filter::Filter::named(filter).is_some();
        let arguments = match is_filter {
            true => vec!["--filter", filter, name],
            false => vec![name],
        };
        let output = check(&folder, &arguments);
        assert_eq!(text(output.stderr), "", "{name}");
        let found = text(output.stdout);
        let errors = found.contains(": error: ");
        assert_eq!(output.status.code(), Some(i32::from(errors)), "{name}");
        let strict = check(&folder, &[&["--strict"], &arguments[..]].concat());
        let bad = errors || found.contains(": warning: ");
        assert_eq!(strict.status.code(), Some(i32::from(bad)), "{name}");
        for line in found.lines() {
            let code = line.rsplit_once('[').unwrap().1;
            codes.insert(code.trim_end_matches(']').to_owned());
        }
        let expected = path.with_extension("expected");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&expected, &found).unwrap();
        }
        let expected = std::fs::read_to_string(&expected).unwrap_or_default();
        if found != expected {
            wrong.push(format!("{name}: found\n{found}instead of\n{expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // Every finding there is has a file, and a row in the README.
    let readme = std::fs::read_to_string(self::folder("README.md")).unwrap();
    let rows: BTreeSet<String> = readme
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(code, _)| code.to_owned())
        .filter(|code| !code.contains(' '))
        .collect();
    assert_eq!(codes, rows);
}

/// The files of a folder belong together.
#[test]
fn what_is_shipped_is_right() {
    let mut seen = 0;
    for entry in std::fs::read_dir(folder("../../envoy")).unwrap() {
        let folder = entry.unwrap().path();
        let files: Vec<PathBuf> = match folder.is_dir() {
            true => files(&folder),
            false => continue,
        };
        let names: Vec<&str> = files.iter().map(|f| f.to_str().unwrap()).collect();
        // Folders without a filter hold what belongs to other programs.
        let ours = |path: &PathBuf| {
            let text = std::fs::read_to_string(path).unwrap();
            let fields = ["root_id:", "rootID:", "pluginName:"];
            fields.iter().any(|field| text.contains(field))
        };
        if !files.iter().any(ours) {
            continue;
        }
        seen += 1;
        let output = check(&folder, &[&["--strict"], &names[..]].concat());
        assert_eq!(text(output.stdout), "", "{}", folder.display());
        assert_eq!(output.status.code(), Some(0), "{}", folder.display());
    }
    assert!(seen >= 3, "{seen}");
}

#[test]
fn findings_for_machines() {
    let folder = folder("tests/bad");
    let output = check(&folder, &["--format", "json", "wrong-type.yaml"]);
    assert_eq!(output.status.code(), Some(1));
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let lines = text(check(&folder, &["wrong-type.yaml"]).stdout);
    assert_eq!(found.as_array().unwrap().len(), lines.lines().count());
    let finding = &found[0];
    let shown = format!(
        "{}:{}: {}: {} [{}]\n",
        finding["file"].as_str().unwrap(),
        finding["line"],
        finding["severity"].as_str().unwrap(),
        finding["message"].as_str().unwrap(),
        finding["code"].as_str().unwrap(),
    );
    assert_eq!(shown, lines);
    assert!(finding["column"].as_u64().unwrap() > 1);
}

#[test]
fn what_cannot_be_checked() {
    let folder = folder("tests/bad");
    for (arguments, said) in [
        (&["nowhere.yaml"][..], "weirctl: nowhere.yaml: No such file"),
        (&[], "weirctl: no file to check"),
        (
            &["--filter", "tokens", "x"],
            "weirctl: `tokens` is no filter",
        ),
        (&["--format", "xml", "x"], "weirctl: `xml` is neither"),
        (&["--verbose"], "weirctl: `check` has no option `--verbose`"),
    ] {
        let output = check(&folder, arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let error = text(output.stderr);
        assert!(error.starts_with(said), "{arguments:?}: {error}");
    }
}
