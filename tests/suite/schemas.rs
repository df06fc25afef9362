//! The committed JSON Schemas are those of the types, and every configuration we show people is
//! valid by them and loads.

use std::path::{Path, PathBuf};

use model_router::ModelRouter;
use model_router::config::Settings;
use serde_json::Value;
use weir_policy::Policy;

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn schema() -> Value {
    let mut schema = schemars::schema_for!(Settings).to_value();
    schema["title"] = "model-router".into();
    schema
}

/// `make schemas` writes them anew.
#[test]
fn schemas_are_current() {
    let path = root().join("filters/model-router/config.schema.json");
    let current = format!("{:#}\n", schema());
    if std::env::var_os("WEIR_UPDATE_SCHEMAS").is_some() {
        std::fs::write(&path, &current).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap();
    assert!(
        committed == current,
        "{} is old: run `make schemas`",
        path.display()
    );
}

/// Every model-router configuration in `envoy/` and in READMEs, with the place it stands.
fn examples() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for path in files(&root().join("envoy"), "yaml") {
        let text = std::fs::read_to_string(&path).unwrap();
        let yaml: Value = serde_yaml_ng::from_str(&text).unwrap();
        plugins(&yaml, &path.display().to_string(), &mut found);
    }
    for path in files(&root(), "md") {
        let text = std::fs::read_to_string(&path).unwrap();
        for block in text.split("```json").skip(1) {
            let block = block.split("```").next().unwrap();
            // Other JSON (answers, log lines) stands in READMEs too.
            let model_router = ["\"models\"", "\"rules\"", "\"access\"", "\"identity\""];
            if model_router.iter().any(|key| block.contains(key)) {
                found.push((path.display().to_string(), block.to_owned()));
            }
        }
    }
    found
}

fn plugins(yaml: &Value, place: &str, found: &mut Vec<(String, String)>) {
    match yaml {
        Value::Object(map) => {
            let ours = map.get("root_id").and_then(Value::as_str) == Some(ModelRouter::NAME);
            if ours && let Some(config) = map["configuration"]["value"].as_str() {
                found.push((place.to_owned(), config.to_owned()));
            }
            map.values().for_each(|value| plugins(value, place, found));
        }
        Value::Array(list) => list.iter().for_each(|value| plugins(value, place, found)),
        _ => {}
    }
}

pub(crate) fn files(dir: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|e| e == extension) {
            found.push(path);
        }
    }
    found
}

#[test]
fn examples_are_valid() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let examples = examples();
    assert!(examples.len() >= 2, "where are they? {examples:?}");
    for (place, config) in examples {
        let json: Value =
            serde_json::from_str(&config).unwrap_or_else(|e| panic!("{place}: {e}\n{config}"));
        let errors: Vec<_> = validator
            .iter_errors(&json)
            .map(|e| e.to_string())
            .collect();
        assert!(errors.is_empty(), "{place}: {errors:?}");
        ModelRouter::configure(config.as_bytes()).unwrap_or_else(|e| panic!("{place}: {e}"));
    }
}

/// What the filter refuses for its type or an unknown field, the schema refuses too.
#[test]
fn the_schema_is_strict() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    for config in [
        r#"{"modles": {}}"#,
        r#"{"models": {"a": {"window": 1}}}"#,
        r#"{"models": {"a": {"context_window": "1k"}}}"#,
        r#"{"rules": [{"to": {}}]}"#,
        r#"{"rules": [{"name": "r", "to": {"modle": "x"}}]}"#,
        r#"{"rules": [{"name": "r", "match": {"model": "a b"}, "to": {}}]}"#,
        r#"{"identity": [{"haeder": "x"}]}"#,
        r#"{"on_unreadable": "drop"}"#,
    ] {
        let json: Value = serde_json::from_str(config).unwrap();
        assert!(!validator.is_valid(&json), "{config}");
        assert!(
            ModelRouter::configure(config.as_bytes()).is_err(),
            "{config}"
        );
    }
}
