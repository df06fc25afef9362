//! The patches of EnvoyFilters, put where Istio puts them, and what its agent does afterwards.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::manifests::{merge, module_in, text};

/// Applies a patch of an EnvoyFilter.
pub(super) fn apply(patch: &Value, bootstrap: &mut Value, extensions: &mut Vec<Value>) {
    let value = &patch["patch"]["value"];
    let operation = text(&patch["patch"]["operation"]);
    let listener = &mut bootstrap["static_resources"]["listeners"][0];
    match (text(&patch["applyTo"]), operation) {
        ("BOOTSTRAP", "MERGE") => merge(bootstrap, value),
        ("LISTENER", "MERGE") => merge(listener, value),
        ("EXTENSION_CONFIG", "ADD") => extensions.push(value.clone()),
        ("HTTP_FILTER", "INSERT_BEFORE") => {
            let filter = &patch["match"]["listener"]["filterChain"]["filter"];
            let manager = &mut listener["filter_chains"][0]["filters"][0];
            assert_eq!(filter["name"], manager["name"]);
            let filters = manager["typed_config"]["http_filters"]
                .as_array_mut()
                .unwrap();
            let before = &filter["subFilter"]["name"];
            // Istio leaves out a patch whose filter is not there.
            if let Some(at) = filters.iter().position(|it| it["name"] == *before) {
                filters.insert(at, value.clone());
            }
        }
        other => panic!("{other:?} is not known here"),
    }
}

/// Puts the extensions' configurations, with modules in place of images, into files that stand
/// for Istio's agent: Envoy discovers each filter's there.
pub(super) fn discover(bootstrap: &mut Value, extensions: Vec<Value>, dir: &Path) {
    let manager = &mut bootstrap["static_resources"]["listeners"][0]["filter_chains"][0];
    let filters = &mut manager["filters"][0]["typed_config"]["http_filters"];
    for filter in filters.as_array_mut().unwrap() {
        if filter.get("config_discovery").is_none() {
            continue;
        }
        let named = extensions.iter().find(|it| it["name"] == filter["name"]);
        let mut extension = named
            .unwrap_or_else(|| panic!("no configuration of {filter}"))
            .clone();
        let code = &mut extension["typed_config"]["config"]["vm_config"]["code"];
        let uri = text(&code["remote"]["http_uri"]["uri"]);
        let image = uri.strip_prefix("oci://").expect("an image");
        *code = json!({"local": {"filename": module_in(image)}});
        extension["@type"] = json!("type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig");
        let file = extension_file(dir, text(&filter["name"]));
        let resources = json!({"version_info": "1", "resources": [extension]});
        std::fs::write(&file, resources.to_string()).unwrap();
        let source = filter["config_discovery"]["config_source"]
            .as_object_mut()
            .unwrap();
        assert!(source.remove("ads").is_some(), "only ADS has an agent");
        source.insert("path_config_source".to_owned(), json!({"path": file}));
    }
}

fn extension_file(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("{}.json", name.replace('/', "_")))
}
