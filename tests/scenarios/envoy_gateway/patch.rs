//! An operation of an EnvoyPatchPolicy: a JSON patch whose place is found by a JSONPath.
//!
//! Of JSONPath only what our policies say is understood: `$..list[?(@.name=='…')].a.b`, and
//! anything else panics.

use serde_json::Value;

/// Applies an `add`. A path that finds nothing is a mistake: Envoy Gateway refuses the policy.
pub(crate) fn apply(resource: &mut Value, operation: &Value) {
    assert_eq!(operation["op"], "add", "{operation}");
    let path = operation["jsonPath"].as_str().expect("a JSONPath");
    let member = operation["path"].as_str().expect("a path");
    let member = member.strip_prefix('/').expect("a JSON pointer");
    assert!(!member.contains('/'), "{member}");
    let (list, rest) = path
        .strip_prefix("$..")
        .unwrap()
        .split_once("[?(@.name=='")
        .unwrap();
    let (name, steps) = rest.split_once("')]").unwrap();
    let mut found = find(resource, list, name).unwrap_or_else(|| panic!("nothing is at {path}"));
    for step in steps.split('.').filter(|step| !step.is_empty()) {
        found = found
            .get_mut(step)
            .unwrap_or_else(|| panic!("no {step} at {path}"));
    }
    let object = found.as_object_mut().expect("an object");
    object.insert(member.to_owned(), operation["value"].clone());
}

/// The entry of this name in a list of this name, anywhere.
fn find<'a>(value: &'a mut Value, list: &str, name: &str) -> Option<&'a mut Value> {
    match value {
        Value::Object(map) => map.iter_mut().find_map(|(key, value)| {
            if key == list && value.is_array() {
                let mut entries = value.as_array_mut()?.iter_mut();
                entries.find(|entry| entry["name"] == name)
            } else {
                find(value, list, name)
            }
        }),
        Value::Array(entries) => entries.iter_mut().find_map(|it| find(it, list, name)),
        _ => None,
    }
}
