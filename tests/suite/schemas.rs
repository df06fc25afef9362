//! The committed JSON Schemas are those of the types, and every configuration we show people is
//! valid by them and loads.

use std::path::{Path, PathBuf};

use cost::Cost;
use model_router::ModelRouter;
use pii_redact::PiiRedact;
use schemars::{JsonSchema, schema_for};
use serde_json::Value;
use token_limit::TokenLimit;
use weir_policy::{ConfigError, Policy};

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A filter as far as its configuration goes.
struct Filter {
    name: &'static str,
    schema: Value,
    load: fn(&[u8]) -> Result<(), ConfigError>,
    /// Settings by which its configuration is told from other JSON in a text.
    keys: &'static [&'static str],
}

fn filter<P: Policy, S: JsonSchema>(keys: &'static [&'static str]) -> Filter {
    let mut schema = schema_for!(S).to_value();
    schema["title"] = P::NAME.into();
    Filter {
        name: P::NAME,
        schema,
        load: |json| P::configure(json).map(drop),
        keys,
    }
}

fn filters() -> Vec<Filter> {
    vec![
        filter::<ModelRouter, model_router::config::Settings>(&[
            "rules",
            "access",
            "restore_model",
        ]),
        filter::<PiiRedact, pii_redact::config::Settings>(&["types"]),
        filter::<TokenLimit, token_limit::config::Settings>(&["limits"]),
        filter::<Cost, cost::config::Settings>(&["budgets", "prices"]),
    ]
}

/// `make schemas` writes them anew.
#[test]
fn schemas_are_current() {
    for filter in filters() {
        let path = root().join(format!("filters/{}/config.schema.json", filter.name));
        let current = format!("{:#}\n", filter.schema);
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
}

/// Every configuration of this filter in `envoy/` and in READMEs, with the place it stands.
fn examples(filter: &Filter) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for path in files(&root().join("envoy"), "yaml") {
        for document in documents(&path) {
            plugins(filter, &document, &path.display().to_string(), &mut found);
        }
    }
    // Other filters have settings of the same names.
    let (all, own) = (
        root().join("filters"),
        root().join("filters").join(filter.name),
    );
    for path in files(&root(), "md") {
        if path.starts_with(&all) && !path.starts_with(&own) {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        for block in text.split("```json").skip(1) {
            let block = block.split("```").next().unwrap();
            // Other JSON (answers, log lines) stands in READMEs too.
            let of_this = |key: &&str| block.contains(&format!("\"{key}\":"));
            if filter.keys.iter().any(of_this) {
                found.push((path.display().to_string(), block.to_owned()));
            }
        }
    }
    found
}

fn plugins(filter: &Filter, yaml: &Value, place: &str, found: &mut Vec<(String, String)>) {
    match yaml {
        Value::Object(map) => {
            let ours = map.get("root_id").and_then(Value::as_str) == Some(filter.name);
            if ours && let Some(config) = map["configuration"]["value"].as_str() {
                found.push((place.to_owned(), config.to_owned()));
            }
            // Istio's WasmPlugin and TrafficExtension, Envoy Gateway's EnvoyExtensionPolicy.
            for (name, config) in [("pluginName", "pluginConfig"), ("rootID", "config")] {
                if map.get(name).and_then(Value::as_str) == Some(filter.name) {
                    found.push((place.to_owned(), map[config].to_string()));
                }
            }
            map.values()
                .for_each(|value| plugins(filter, value, place, found));
        }
        Value::Array(list) => list
            .iter()
            .for_each(|value| plugins(filter, value, place, found)),
        _ => {}
    }
}

/// The documents of a YAML file.
pub(crate) fn documents(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    let parsed = text.split("\n---\n").map(|document| {
        let value = serde_yaml_ng::from_str(document);
        value.unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    });
    parsed.collect()
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
    for filter in filters() {
        let validator = jsonschema::validator_for(&filter.schema).unwrap();
        let examples = examples(&filter);
        assert!(examples.len() >= 2, "{}: {examples:?}", filter.name);
        for (place, config) in examples {
            let json: Value =
                serde_json::from_str(&config).unwrap_or_else(|e| panic!("{place}: {e}\n{config}"));
            let errors: Vec<_> = validator
                .iter_errors(&json)
                .map(|e| e.to_string())
                .collect();
            assert!(errors.is_empty(), "{place}: {errors:?}");
            (filter.load)(config.as_bytes()).unwrap_or_else(|e| panic!("{place}: {e}"));
        }
    }
}

/// What a filter refuses for its type or an unknown field, its schema refuses too.
#[test]
fn the_schemas_are_strict() {
    for (name, config) in [
        ("model-router", r#"{"modles": {}}"#),
        ("model-router", r#"{"models": {"a": {"window": 1}}}"#),
        (
            "model-router",
            r#"{"models": {"a": {"context_window": "1k"}}}"#,
        ),
        ("model-router", r#"{"rules": [{"to": {}}]}"#),
        (
            "model-router",
            r#"{"rules": [{"name": "r", "to": {"modle": "x"}}]}"#,
        ),
        (
            "model-router",
            r#"{"rules": [{"name": "r", "match": {"model": "a b"}, "to": {}}]}"#,
        ),
        ("model-router", r#"{"identity": [{"haeder": "x"}]}"#),
        ("model-router", r#"{"on_unreadable": "drop"}"#),
        ("pii-redact", r#"{"types": {"EMAIL": "hide"}}"#),
        (
            "pii-redact",
            r#"{"types": {"EMAIL": {"action": "mask", "restor": "never"}}}"#,
        ),
        ("pii-redact", r#"{"types": {"EMAIL": {}}}"#),
        ("pii-redact", r#"{"rules": [{"types": {}}]}"#),
        (
            "pii-redact",
            r#"{"custom": [{"type": "A", "pattern": "x", "validator": "md5"}]}"#,
        ),
        ("pii-redact", r#"{"allow": [{"host": "x"}]}"#),
        ("token-limit", r#"{"limits": {}}"#),
        ("token-limit", r#"{"limits": [{"name": "a", "tokens": 1}]}"#),
        (
            "token-limit",
            r#"{"limits": [{"name": "a", "tokens": -1, "window": "minute"}]}"#,
        ),
        (
            "token-limit",
            r#"{"limits": [{"name": "a", "tokens": 1, "window": "minute", "per": ["team"]}]}"#,
        ),
        ("token-limit", r#"{"reserve_output": "some"}"#),
        ("token-limit", r#"{"models": [{"name": "a"}]}"#),
        ("cost", r#"{"budget": []}"#),
        ("cost", r#"{"budgets": [{"name": "a", "usd": 1}]}"#),
        (
            "cost",
            r#"{"budgets": [{"name": "a", "usd": -1, "window": "day"}]}"#,
        ),
        (
            "cost",
            r#"{"budgets": [{"name": "a", "usd": "1e3", "window": "day"}]}"#,
        ),
        ("cost", r#"{"prices": [{"same_as": "gpt-4o"}]}"#),
        ("cost", r#"{"on_unpriced": "guess"}"#),
    ] {
        let filters = filters();
        let filter = filters.iter().find(|filter| filter.name == name).unwrap();
        let validator = jsonschema::validator_for(&filter.schema).unwrap();
        let json: Value = serde_json::from_str(config).unwrap();
        assert!(!validator.is_valid(&json), "{config}");
        assert!((filter.load)(config.as_bytes()).is_err(), "{config}");
    }
}
