//! Every law over its corpus: seeds that show a fuzzer what is worth changing, and the inputs of
//! former crashes, named for what was wrong.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};

use weir_laws::LAWS;

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn every_law_holds_over_its_corpus() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let mut failed = Vec::new();
    for (name, law) in LAWS {
        let files = files(&fuzz.join("corpus").join(name));
        assert!(!files.is_empty(), "{name} has no corpus");
        for file in files {
            let bytes = fs::read(&file).unwrap();
            if std::panic::catch_unwind(|| law(&bytes)).is_err() {
                failed.push(file);
            }
        }
        // A target that is missing, or runs another law, would be missed for long.
        let target = fuzz.join("fuzz_targets").join(format!("{name}.rs"));
        let target = fs::read_to_string(target).unwrap();
        assert!(target.contains(&format!("weir_laws::{name}(")), "{name}");
    }
    assert!(failed.is_empty(), "{failed:#?}");
}
