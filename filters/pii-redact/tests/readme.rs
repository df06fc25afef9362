//! The README's table is that of the detectors.

#![allow(clippy::indexing_slicing, clippy::unwrap_used)]

use std::fmt::Write as _;
use std::path::Path;

const BEGIN: &str =
    "| type | group | for example | what must hold | by default |\n|---|---|---|---|---|\n";
const END: &str = "<!-- End. -->";

/// One row for each type; where two detectors find one, both examples and conditions.
fn table() -> String {
    let mut rows: Vec<[String; 5]> = Vec::new();
    for detector in weir_pii::detectors() {
        let cell = |text: &str| text.replace('\n', " ").replace('|', "\\|");
        let example = format!("`{}`", cell(&detector.example()));
        let validator = cell(detector.validator);
        let action = if detector.default_on {
            detector.default_action
        } else {
            "off"
        };
        let place = match detector.locale {
            "" => detector.group.to_string(),
            locale => format!("{} ({locale})", detector.group),
        };
        match rows.last_mut() {
            Some(last) if last[0] == detector.name => {
                write!(last[2], ", {example}").unwrap();
                if last[3] != validator {
                    write!(last[3], "; or {validator}").unwrap();
                }
            }
            _ => rows.push([
                detector.name.to_owned(),
                place,
                example,
                validator,
                action.to_owned(),
            ]),
        }
    }
    let row = |[name, place, example, validator, action]: &[String; 5]| {
        format!("| `{name}` | {place} | {example} | {validator} | `{action}` |\n")
    };
    rows.iter().map(row).collect()
}

/// `make schemas` writes it anew.
#[test]
fn the_readme_has_every_type() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(&path).unwrap();
    let (head, rest) = readme.split_once(BEGIN).unwrap();
    let (rows, tail) = rest.split_once(END).unwrap();
    if std::env::var_os("WEIR_UPDATE_SCHEMAS").is_some() {
        std::fs::write(&path, format!("{head}{BEGIN}{}{END}{tail}", table())).unwrap();
    } else {
        assert!(
            rows == table(),
            "{} is old: run `make schemas`",
            path.display()
        );
    }
}
