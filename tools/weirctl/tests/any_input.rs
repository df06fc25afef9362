//! Whatever stands in a file, it is checked to the end: no input makes `weirctl check` fall over.

#![allow(clippy::indexing_slicing, clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::sample::Index;
use weirctl::check::{Source, check};
use weirctl::filter::Filter;

/// Every file that is shipped or known to be wrong.
fn corpus() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.join("tests/bad"), root.join("../../envoy")];
    let mut files: Vec<PathBuf> = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.extension().and_then(|e| e.to_str()) {
                _ if path.is_dir() => folders.push(path),
                Some("yaml" | "json") => files.push(path),
                _ => {}
            }
        }
    }
    files.sort();
    let named = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        (path.display().to_string(), text)
    };
    files.into_iter().map(named).collect()
}

/// What is done to a file, line by line.
#[derive(Clone, Debug)]
enum Change {
    Drop(Index),
    Twice(Index),
    Swap(Index, Index),
    Indent(Index, usize),
    Insert(Index, String),
    Cut(Index),
    /// The value of a line becomes this.
    Value(Index, &'static str),
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<Index>;
    let value = prop::sample::select(vec![
        "",
        "null",
        "7",
        "-1",
        "\"\"",
        "[]",
        "{}",
        "[[]]",
        "*a",
        "&a",
        "|",
        ">",
        "!!str",
        "'",
        "\"",
        "{",
        "1e999",
        "99999999999999999999",
        "*",
        "\u{0}",
        "<<: *x",
        "é\u{301}\u{1F600}",
        "true",
    ]);
    prop_oneof![
        at().prop_map(Change::Drop),
        at().prop_map(Change::Twice),
        (at(), at()).prop_map(|(a, b)| Change::Swap(a, b)),
        (at(), 0..30_usize).prop_map(|(a, n)| Change::Indent(a, n)),
        (at(), "[ -~\t\r\u{80}-\u{ff}]{0,12}").prop_map(|(a, t)| Change::Insert(a, t)),
        at().prop_map(Change::Cut),
        (at(), value).prop_map(|(a, v)| Change::Value(a, v)),
    ]
}

fn apply(text: &str, changes: &[Change]) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for change in changes {
        if lines.is_empty() {
            break;
        }
        let length = lines.len();
        match change {
            Change::Drop(at) => drop(lines.remove(at.index(length))),
            Change::Twice(at) => lines.insert(at.index(length), lines[at.index(length)].clone()),
            Change::Swap(a, b) => lines.swap(a.index(length), b.index(length)),
            Change::Indent(at, by) => {
                let line = &mut lines[at.index(length)];
                *line = format!("{}{}", " ".repeat(*by), line.trim_start());
            }
            Change::Insert(at, new) => {
                let line = &mut lines[at.index(length)];
                let ends: Vec<usize> = line.char_indices().map(|(end, _)| end).collect();
                let place = at.index(ends.len().max(1));
                line.insert_str(ends.get(place).copied().unwrap_or(0), new);
            }
            Change::Cut(at) => lines.truncate(at.index(length)),
            Change::Value(at, value) => {
                let line = &mut lines[at.index(length)];
                let end = line.find(": ").map_or(line.len(), |end| end + 2);
                line.truncate(end);
                line.push_str(value);
            }
        }
    }
    lines.join("\n")
}

fn checked(name: &str, text: &str, filter: Option<Filter>) {
    let source = Source {
        name: name.to_owned(),
        text: text.to_owned(),
    };
    // To YAML a carriage return ends a line too.
    let lines = text.split(['\n', '\r']).count() + 1;
    for finding in check(&[source], filter) {
        let shown = finding.to_string();
        assert_eq!(shown.lines().count(), 1, "{shown}");
        assert!((1..=lines).contains(&finding.mark.line), "{shown}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn changed_files(
        file in any::<Index>(),
        changes in prop::collection::vec(change(), 1..6),
        filter in prop::option::of(prop::sample::select(Filter::ALL.to_vec())),
        json in any::<bool>(),
    ) {
        let corpus = corpus();
        let (name, text) = file.get(&corpus);
        let name = if json { "x.json" } else { name };
        let text = apply(text, &changes);
        checked(name, &text, None);
        // A whole file of Envoy's is no configuration of a filter's, and is no reason to fall over.
        if filter.is_some() {
            checked(name, &text, filter);
        }
    }

    #[test]
    fn any_text(text in "\\PC*", filter in prop::option::of(prop::sample::select(Filter::ALL.to_vec()))) {
        checked("x", &text, filter);
    }

    #[test]
    fn bits_of_yaml(
        parts in prop::collection::vec(prop::sample::select(vec![
            "a", ": ", "- ", "\n", "  ", "[", "]", "{", "}", ",", "|", ">", "\"", "'", "&a ", "*a", "? ",
            "!!str ", "!x ", "#", "---", "...", "%YAML 1.2\n", "\t", "vm_config", "http_filters",
            "kind: WasmPlugin", "apiVersion: v1\n", "spec", "rules", "identity", "stats_tags",
        ]), 0..40),
    ) {
        checked("x", &parts.concat(), None);
    }
}
