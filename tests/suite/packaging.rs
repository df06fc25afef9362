//! What people copy: each shipped configuration is loaded by Envoy and has the settings without
//! which a filter hangs or leaks. Those with a README are scenarios, loaded by the tests of those.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use weir_testkit::client::Request;
use weir_testkit::envoy::{envoy_binary, module};
use weir_testkit::rig::{Rig, cost, pii_redact, token_limit};

use crate::chat;
use crate::schemas::{documents, files, root};

pub(crate) fn yaml(path: &Path) -> Value {
    serde_yaml_ng::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Every Wasm plugin configuration below a value.
fn plugins(value: &Value, found: &mut Vec<Value>) {
    match value {
        Value::Object(map) => {
            if map.contains_key("vm_config") {
                found.push(value.clone());
            }
            map.values().for_each(|value| plugins(value, found));
        }
        Value::Array(list) => list.iter().for_each(|value| plugins(value, found)),
        _ => {}
    }
}

#[test]
fn shipped_configurations_are_loaded_by_envoy() {
    module("model_router");
    module("pii_redact");
    module("token_limit");
    module("cost");
    let shipped = files(&root().join("envoy"), "yaml");
    let is_bootstrap = |path: &&PathBuf| documents(path)[0]["static_resources"].is_object();
    let is_scenario = |path: &&PathBuf| path.with_file_name("README.md").exists();
    let bootstraps: Vec<_> = shipped.iter().filter(is_bootstrap).collect();
    assert!(!bootstraps.is_empty());
    for path in bootstraps.into_iter().filter(|path| !is_scenario(path)) {
        let output = Command::new(envoy_binary())
            .args(["--mode", "validate", "--log-level", "error", "-c"])
            .arg(path)
            .current_dir(root())
            .output()
            .unwrap();
        let log = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {log}", path.display());
        let mut found = Vec::new();
        plugins(&yaml(path), &mut found);
        assert!(!found.is_empty(), "{}", path.display());
        // Without this a client chooses its own address.
        let text = std::fs::read_to_string(path).unwrap();
        if found
            .iter()
            .any(|it| settings(it).to_string().contains("source_ip"))
        {
            assert!(
                text.contains("use_remote_address: true"),
                "{}",
                path.display()
            );
        }
    }
    // In bootstraps and in the patches of EnvoyFilters.
    for path in &shipped {
        let mut found = Vec::new();
        plugins(&Value::from(documents(path)), &mut found);
        for plugin in found {
            let place = format!("{}: {}", path.display(), plugin["name"]);
            assert_eq!(plugin["vm_config"]["vm_id"], "weir", "{place}");
            assert_eq!(plugin["failure_policy"], "FAIL_RELOAD", "{place}");
            let flag = plugin["allow_on_headers_stop_iteration"] == true;
            assert_eq!(
                holds(&plugin["root_id"], &settings(&plugin)),
                flag,
                "{place}"
            );
        }
    }
}

/// What a plugin of Envoy's is configured with.
fn settings(plugin: &Value) -> Value {
    serde_json::from_str(plugin["configuration"]["value"].as_str().unwrap()).unwrap()
}

/// Held headers hang without the flag: model-router's always, others' when they say so.
fn holds(name: &Value, settings: &Value) -> bool {
    name == "model-router" || settings["hold"] == true
}

/// What cannot have the flag has no need for it, and what can reload does.
#[test]
fn manifests_without_the_flag_hold_nothing() {
    let mut seen = Vec::new();
    for path in files(&root().join("envoy"), "yaml") {
        for document in documents(&path) {
            let kind = document["kind"].as_str().unwrap_or_default();
            let plugin = match kind {
                "WasmPlugin" => &document["spec"],
                "TrafficExtension" => &document["spec"]["wasm"],
                _ => continue,
            };
            let place = format!("{}: {kind}", path.display());
            assert!(
                !holds(&plugin["pluginName"], &plugin["pluginConfig"]),
                "{place}"
            );
            assert_eq!(plugin["failStrategy"], "FAIL_RELOAD", "{place}");
            seen.push(kind.to_owned());
        }
    }
    seen.sort();
    assert_eq!(seen, [["TrafficExtension"; 3], ["WasmPlugin"; 3]].concat());
}

/// Envoy Gateway's patches set the flag where it is needed and nowhere else, and let every filter
/// reload.
#[test]
fn envoy_gateways_patches_fit_its_policy() {
    for (file, patched) in [("chain.yaml", true), ("filters.yaml", false)] {
        let documents = documents(&root().join("envoy/envoy-gateway").join(file));
        let of_kind = |kind: &str| documents.iter().find(|it| it["kind"] == kind);
        let operation = |index: usize, path: &str| {
            let name =
                format!("'envoy.filters.http.wasm/envoyextensionpolicy/default/weir/wasm/{index}'");
            let patches = of_kind("EnvoyPatchPolicy")?["spec"]["jsonPatches"].as_array()?;
            let mut operations = patches.iter().map(|it| &it["operation"]);
            let found = operations
                .find(|it| it["path"] == path && it["jsonPath"].as_str().unwrap().contains(&name));
            found.map(|it| &it["value"])
        };
        let policy = of_kind("EnvoyExtensionPolicy").unwrap();
        assert_eq!(policy["spec"]["targetRefs"][0]["kind"], "Gateway");
        for (index, wasm) in policy["spec"]["wasm"]
            .as_array()
            .unwrap()
            .iter()
            .enumerate()
        {
            let place = format!("{file}: {}", wasm["name"]);
            let flag = operation(index, "/allow_on_headers_stop_iteration");
            assert_eq!(
                flag.is_some(),
                holds(&wasm["rootID"], &wasm["config"]),
                "{place}"
            );
            let reload = operation(index, "/failure_policy");
            assert_eq!(
                reload.is_some_and(|it| it == "FAIL_RELOAD"),
                patched,
                "{place}"
            );
        }
    }
}

/// Wherever people get their metrics' labels from, they get all of them.
#[test]
fn labels_are_the_same_everywhere() {
    fn tags(value: &Value, found: &mut Vec<Value>) {
        match value {
            Value::Object(map) => map.iter().for_each(|(key, value)| match key.as_str() {
                "stats_tags" => found.push(value.clone()),
                _ => tags(value, found),
            }),
            Value::Array(list) => list.iter().for_each(|value| tags(value, found)),
            // A bootstrap in a text.
            Value::String(text) if text.contains("stats_tags:") => {
                tags(&serde_yaml_ng::from_str(text).unwrap(), found);
            }
            _ => {}
        }
    }
    let of = |file: &str| {
        let mut found = Vec::new();
        tags(
            &Value::from(documents(&root().join("envoy").join(file))),
            &mut found,
        );
        found
    };
    let expected = of("quickstart/envoy.yaml");
    assert_eq!(expected.len(), 1);
    for file in ["istio/gateway.yaml", "envoy-gateway/gateway.yaml"] {
        assert_eq!(of(file), expected, "{file}");
    }
}

/// A tag can be moved, a digest cannot; a placeholder is none that exists.
#[test]
fn images_are_named_by_their_digest() {
    let mut seen = 0;
    for path in files(&root().join("envoy"), "yaml") {
        let text = std::fs::read_to_string(&path).unwrap();
        let zeros = "0".repeat(64);
        for line in text
            .lines()
            .filter(|line| line.contains("registry.example.com/"))
        {
            let pinned = line.contains(&format!("@sha256:{zeros}"))
                || text.contains(&format!(
                    "{}\n          sha256: \"{zeros}\"",
                    line.trim_start()
                ));
            assert!(pinned, "{}: {line}", path.display());
            seen += 1;
        }
    }
    assert!(seen >= 18, "{seen}");
}

/// The patches of the Istio manifest, put where Istio puts them, route a request.
#[tokio::test]
async fn the_istio_manifest_works_in_envoy() {
    let manifest = yaml(&root().join("envoy/istio/model-router.yaml"));
    assert_eq!(manifest["kind"], "EnvoyFilter");
    let patches = manifest["spec"]["configPatches"].as_array().unwrap();
    let patch = |apply_to: &str| {
        let found = patches.iter().find(|patch| patch["applyTo"] == apply_to);
        &found.unwrap()["patch"]["value"]
    };
    // The filter in the chain asks for the configuration by its name and type.
    let (mut filter, inserted) = (patch("EXTENSION_CONFIG").clone(), patch("HTTP_FILTER"));
    assert_eq!(filter["name"], inserted["name"]);
    let types = inserted["config_discovery"]["type_urls"]
        .as_array()
        .unwrap();
    assert!(types.contains(&filter["typed_config"]["@type"]));
    // What Istio's agent does: the image becomes a file.
    filter["typed_config"]["config"]["vm_config"]["code"] =
        json!({"local": {"filename": module("model_router")}});
    let rig = Rig::start(&["openai", "anthropic"], |b| b.filter(filter)).await;
    for (model, provider) in [
        ("fast", "openai"),
        ("claude-sonnet-4-20250514", "anthropic"),
    ] {
        let request = chat(model).header("authorization", "Bearer sk-1");
        let answer = rig.h1().send(request).await.ok();
        assert_eq!(answer.header("x-mock-name"), Some(provider), "{model}");
    }
    rig.envoy.assert_no_crash();
}

/// The configurations of the WasmPlugins, as Istio hands them on, work without the flag.
#[tokio::test]
async fn the_istio_plugins_work_in_envoy() {
    let manifest = yaml(&root().join("envoy/istio/token-limit.yaml"));
    let plugin = &manifest["spec"];
    assert_eq!(plugin["pluginName"], "token-limit");
    let wasm = token_limit(plugin["pluginConfig"].clone());
    assert!(!wasm.hold);
    let rig = Rig::start(&["openai"], |b| b.wasm(wasm)).await;
    let request = || chat("gpt-4o").header("authorization", "Bearer sk-1");
    let answer = rig.h1().send(request()).await.ok();
    assert_eq!(answer.header("x-ratelimit-limit-tokens"), Some("200000"));
    assert_eq!(answer.header("x-ratelimit-remaining-requests"), Some("599"));
    assert_eq!(rig.h1().send(chat("gpt-4o")).await.status, 401);
    rig.envoy.assert_no_crash();

    let manifest = yaml(&root().join("envoy/istio/cost.yaml"));
    let plugin = &manifest["spec"];
    assert_eq!(plugin["pluginName"], "cost");
    let wasm = cost(plugin["pluginConfig"].clone());
    assert!(!wasm.hold);
    let rig = Rig::start(&["openai"], |b| b.wasm(wasm)).await;
    let answer = rig.h1().send(request()).await.ok();
    let cost = answer.json()["usage"]["cost"].as_f64().unwrap();
    assert!(cost > 0.0 && cost < 0.01, "{cost}");
    assert_eq!(rig.h1().send(chat("gpt-4o")).await.status, 401);
    rig.envoy.assert_no_crash();
}

/// So does that of pii-redact.
#[tokio::test]
async fn the_istio_plugin_redacts_in_envoy() {
    let manifest = yaml(&root().join("envoy/istio/pii-redact.yaml"));
    let plugin = &manifest["spec"];
    assert_eq!(plugin["pluginName"], "pii-redact");
    let wasm = pii_redact(plugin["pluginConfig"].clone());
    assert!(!wasm.hold);
    let rig = Rig::start(&["openai"], |b| b.wasm(wasm)).await;
    let request = |text: &str| {
        let messages = json!([{"role": "user", "content": text}]);
        Request::post("/v1/chat/completions")
            .json(&json!({"model": "gpt-4o", "messages": messages}))
    };
    let answer = rig
        .h1()
        .send(request("mail jane.roe@example.org"))
        .await
        .ok();
    assert!(
        answer.text().contains("heard: mail jane.roe@example.org"),
        "{answer:?}"
    );
    let sent = String::from_utf8(rig.upstream("openai").requests()[0].body.to_vec()).unwrap();
    assert!(sent.contains("mail [EMAIL_1]"), "{sent}");
    let answer = rig.h1().send(request("password: Tr0ub4dor&3")).await;
    assert_eq!(answer.status, 400);
    rig.envoy.assert_no_crash();
}
