//! What people copy: each shipped configuration is loaded by Envoy and has the settings without
//! which a filter hangs or leaks.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use weir_testkit::client::Request;
use weir_testkit::envoy::{envoy_binary, module};
use weir_testkit::rig::{Rig, cost, pii_redact, token_limit};

use crate::chat;
use crate::schemas::{files, root};

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
    let (manifests, bootstraps): (Vec<_>, Vec<_>) = shipped
        .into_iter()
        .partition(|path| yaml(path)["apiVersion"].is_string());
    assert!(!bootstraps.is_empty() && !manifests.is_empty());
    for path in &bootstraps {
        let output = Command::new(envoy_binary())
            .args(["--mode", "validate", "--log-level", "error", "-c"])
            .arg(path)
            .current_dir(root())
            .output()
            .unwrap();
        let log = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {log}", path.display());
    }
    for path in bootstraps.iter().chain(&manifests) {
        let mut found = Vec::new();
        let manifest = yaml(path);
        if manifest["kind"] == "WasmPlugin" {
            // It cannot set the flag, and says the rest in words of its own.
            assert_ne!(manifest["spec"]["pluginName"], "model-router");
            continue;
        }
        plugins(&manifest, &mut found);
        assert!(!found.is_empty(), "{}", path.display());
        for plugin in found {
            let place = format!("{}: {}", path.display(), plugin["name"]);
            assert_eq!(plugin["vm_config"]["vm_id"], "weir", "{place}");
            assert_eq!(plugin["failure_policy"], "FAIL_RELOAD", "{place}");
            // Without this a client chooses its own address.
            let config = plugin["configuration"]["value"].as_str().unwrap();
            if config.contains("source_ip") {
                let text = std::fs::read_to_string(path).unwrap();
                assert!(text.contains("use_remote_address: true"), "{place}");
            }
            // Held headers hang without the flag: model-router's always, others' when they say so.
            let settings: Value = serde_json::from_str(config).unwrap();
            let holds = plugin["root_id"] == "model-router" || settings["hold"] == true;
            let flag = plugin["allow_on_headers_stop_iteration"] == true;
            assert_eq!(holds, flag, "{place}");
        }
    }
}

/// The compose file mounts what the Makefile makes, and runs the Envoy the tests run.
#[test]
fn the_compose_file_fits_the_makefile() {
    let compose = yaml(&root().join("docker-compose.yml"));
    let makefile = std::fs::read_to_string(root().join("Makefile")).unwrap();
    let version = makefile
        .lines()
        .find_map(|line| line.strip_prefix("ENVOY_VERSION := "))
        .unwrap();
    let services = compose["services"].as_object().unwrap();
    assert_eq!(
        services["envoy"]["image"],
        format!("envoyproxy/envoy:v{version}")
    );
    let made = [
        "./",
        "./envoy",
        "./target/weir",
        "./target/release/mock-llm",
    ];
    for (name, service) in services {
        for volume in service["volumes"].as_array().unwrap() {
            let host = volume.as_str().unwrap().split(':').next().unwrap();
            assert!(made.contains(&host), "{name} mounts {host}");
        }
    }
    // The ports it publishes are those the configuration listens on, opened to the container.
    let config = std::fs::read_to_string(root().join("envoy/quickstart/envoy.yaml")).unwrap();
    for port in services["envoy"]["ports"].as_array().unwrap() {
        let port = port.as_str().unwrap().rsplit(':').next().unwrap();
        let listens = format!("address: 127.0.0.1, port_value: {port} ");
        assert_eq!(config.matches(&listens).count(), 1, "{port}");
        assert!(
            services["envoy"]["command"]
                .as_str()
                .unwrap()
                .contains(port),
            "{port}"
        );
    }
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
    // Open, it would let out what it is there to keep.
    assert_eq!(plugin["failStrategy"], "FAIL_CLOSE");
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
