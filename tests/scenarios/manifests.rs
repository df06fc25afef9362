//! Kubernetes manifests of `envoy/istio` and `envoy/envoy-gateway`, read as a control plane would.

use std::path::{Path, PathBuf};

use serde_json::Value;
use weir_testkit::envoy::module;

use crate::harness::root;

/// Every document of these files of `envoy/<folder>`.
pub(crate) fn read(folder: &str, files: &[&str]) -> Vec<Value> {
    let folder = root().join("envoy").join(folder);
    let files = files.iter().map(|file| folder.join(file));
    files.flat_map(|file| documents(&file)).collect()
}

/// The documents of a YAML file.
pub(crate) fn documents(file: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(file).unwrap();
    let parsed = text.split("\n---\n").map(|document| {
        let value = serde_yaml_ng::from_str(document);
        value.unwrap_or_else(|error| panic!("{}: {error}", file.display()))
    });
    parsed.collect()
}

/// Those of a kind.
pub(crate) fn of_kind<'a>(manifests: &'a [Value], kind: &str) -> Vec<&'a Value> {
    let found = manifests.iter().filter(|it| it["kind"] == kind);
    found.collect()
}

/// The members of a list, none if there is no list.
pub(crate) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// A string that has to be there.
pub(crate) fn text(value: &Value) -> &str {
    let text = value.as_str();
    text.unwrap_or_else(|| panic!("{value} is not a string"))
}

/// The module that lies in an image, `registry/weir/<module>`, with a tag or a digest.
pub(crate) fn module_in(image: &str) -> PathBuf {
    let name = image.rsplit('/').next().unwrap();
    let name = name.split([':', '@']).next().unwrap();
    module(name)
}

/// What protobuf's merge does: objects by field, lists appended.
pub(crate) fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (Value::Array(into), Value::Array(from)) => into.extend(from.iter().cloned()),
        (into, from) => *into = from.clone(),
    }
}

/// What stands at a JSON pointer.
pub(crate) fn in_path<'a>(value: &'a Value, pointer: &str) -> &'a Value {
    let found = value.pointer(pointer);
    found.unwrap_or_else(|| panic!("nothing at {pointer}"))
}

/// The same without any member of this name.
pub(crate) fn without(mut manifests: Vec<Value>, name: &str) -> Vec<Value> {
    let removed: usize = manifests.iter_mut().map(|it| remove(it, name)).sum();
    assert!(removed > 0, "there is no {name}");
    manifests
}

/// Removes each member of this name, and says how many there were.
fn remove(value: &mut Value, name: &str) -> usize {
    match value {
        Value::Object(map) => {
            let here = usize::from(map.remove(name).is_some());
            here + map.values_mut().map(|it| remove(it, name)).sum::<usize>()
        }
        Value::Array(list) => list.iter_mut().map(|it| remove(it, name)).sum(),
        _ => 0,
    }
}
