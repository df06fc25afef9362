//! `envoy/istio`: the manifests, turned into what Istio sends to a gateway, in a real Envoy.

mod clusters;
mod generated;
mod limits;
mod patches;

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::timeout;
use weir_testkit::client::Request;
use weir_testkit::envoy::envoy_binary;

use crate::access_log;
use crate::harness::{Running, Scenario, root};
use crate::manifests::{in_path, list, read, without};

const ALL: [&str; 3] = ["gateway.yaml", "chain.yaml", "providers.yaml"];
const PLUGINS: [&str; 3] = ["pii-redact.yaml", "token-limit.yaml", "cost.yaml"];

/// A gateway with these manifests, about to be started before mock LLMs; the directory holds
/// files it needs.
fn scenario(manifests: &[Value]) -> (Scenario, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let config = generated::bootstrap(manifests, dir.path());
    let scenario = Scenario::generated("istio", config)
        // The mocks do not speak TLS.
        .edit(|config| {
            let clusters = config["static_resources"]["clusters"].as_array_mut();
            for cluster in clusters.unwrap() {
                cluster.as_object_mut().unwrap().remove("transport_socket");
            }
        })
        .mock("api.openai.com:443", "openai")
        .mock("api.anthropic.com:443", "anthropic")
        .mock("vllm.models.svc.cluster.local:8000", "vllm");
    (scenario, dir)
}

async fn gateway(manifests: &[Value]) -> (Running, TempDir) {
    let (scenario, dir) = scenario(manifests);
    (scenario.start().await, dir)
}

fn chat(model: &str, text: &str) -> Request {
    chat_as("Bearer sk-1", model, text)
}

fn chat_as(key: &str, model: &str, text: &str) -> Request {
    let messages = json!([{"role": "user", "content": text}]);
    Request::post("/v1/chat/completions")
        .header("host", "ai.example.com")
        .header("authorization", key)
        .json(&json!({"model": model, "messages": messages}))
}

/// The names of the filters in the order a request meets them.
fn chain(manifests: &[Value]) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let config = generated::bootstrap(manifests, dir.path());
    let filters = in_path(
        &config,
        "/static_resources/listeners/0/filter_chains/0/filters/0",
    );
    let filters = list(&filters["typed_config"]["http_filters"]).iter();
    filters
        .map(|it| it["name"].as_str().unwrap().to_owned())
        .collect()
}

/// The mesh's configuration as the README has it.
fn mesh_config() -> Value {
    let readme = std::fs::read_to_string(root().join("envoy/istio/README.md")).unwrap();
    let (_, rest) = readme.split_once("```yaml\n").unwrap();
    let (snippet, _) = rest.split_once("```").unwrap();
    let mut config: Value = serde_yaml_ng::from_str(snippet).unwrap();
    assert!(config["meshConfig"].is_object(), "{snippet}");
    config["kind"] = json!("Values");
    config
}

#[tokio::test]
async fn the_whole_chain() {
    let mut manifests = read("istio", &ALL);
    manifests.push(mesh_config());
    let (scenario, _dir) = scenario(&manifests);
    let (scenario, log) = access_log::to_file(scenario);
    let running = scenario.start().await;
    running.readme().await;
    let line = access_log::line_with(&log, "gpt-4.1-mini").await;
    assert_eq!(line["model"], "fast", "{line}");
    assert_eq!(line["total_tokens"], "32", "{line}");
    assert_eq!(line["cost_usd"], "0.0000356", "{line}");
    requests_go_where_model_router_says_and_nowhere_else(&running).await;
    // A prompt of more than Envoy's own megabyte is read, counted, and more than this caller may
    // use in a minute.
    let answer = running.h1().send(chat("private", &long_text())).await;
    assert_eq!(answer.status, 429, "{}", answer.text());
    assert_eq!(answer.header("x-should-retry"), Some("false"));
    let metrics = running.envoy().prometheus().await;
    assert!(metrics.contains("weir_requests_total{"), "{metrics}");
    running.assert_no_crash();
}

async fn requests_go_where_model_router_says_and_nowhere_else(running: &Running) {
    let client = running.h1();
    for (model, provider) in [
        ("fast", "openai"),
        ("claude-sonnet-4-20250514", "anthropic"),
        ("private", "vllm"),
    ] {
        // A client cannot choose: what it says itself is removed.
        let request = chat(model, "hi").header("x-ai-provider", "anthropic");
        let answer = client.send(request).await.ok();
        assert_eq!(answer.header("x-mock-name"), Some(provider), "{model}");
        let seen = running.mock(provider).requests().pop().unwrap();
        let names = seen.headers.keys().map(|name| name.as_str());
        let ours: Vec<_> = names.filter(|name| name.starts_with("x-ai-")).collect();
        assert!(ours.is_empty(), "{ours:?}");
    }
    let seen = running.mock("openai").requests().pop().unwrap();
    assert_eq!(seen.headers["host"], "api.openai.com");
    for path in ["/", "/v1/files", "/healthz"] {
        let request = Request::get(path).header("host", "ai.example.com");
        let answer = client.send(request.header("x-ai-provider", "openai")).await;
        // Nor on paths that no filter knows.
        assert_eq!(answer.status, 404, "{path}");
    }
}

/// A token's claims, under the name that Istio gives them, say who is calling.
#[tokio::test]
async fn a_token_says_who_is_calling() {
    const KEYS: &str = r#"{"keys": [{"kty": "oct", "alg": "HS256",
        "k": "YSBrZXkgb2YgYSB0ZXN0LCBsb25nIGVub3VnaCBmb3IgSFMyNTY"}]}"#;
    const ALICES: &str = "Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.\
        eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlLmNvbSIsInN1YiI6ImFsaWNlIn0.\
        Kmy9IK6XpGdWSzRsgRivibd7vxEd0MybXgTFuy3v5mc";
    let mut manifests = read(
        "istio",
        &["gateway.yaml", "model-router.yaml", "providers.yaml"],
    );
    manifests.push(mesh_config());
    let issuer = "https://issuer.example.com";
    let rule = json!({"issuer": issuer, "jwks": KEYS, "forwardOriginalToken": true});
    manifests.push(json!({"kind": "RequestAuthentication", "spec": {"jwtRules": [rule]}}));
    let (scenario, _dir) = scenario(&manifests);
    let (scenario, log) = access_log::to_file(scenario);
    let running = scenario.start().await;
    let client = running.h1();
    client.send(chat_as(ALICES, "fast", "hi")).await.ok();
    let line = access_log::line_with(&log, "gpt-4.1-mini").await;
    assert_eq!(line["identity"], "alice", "{line}");
    let forged = ALICES.replace("Kmy9", "Kmy8");
    assert_eq!(
        client.send(chat_as(&forged, "fast", "hi")).await.status,
        401
    );
    running.assert_no_crash();
}

/// Which is why model-router is an EnvoyFilter.
#[tokio::test]
async fn without_the_flag_model_router_hangs() {
    let manifests = read(
        "istio",
        &["gateway.yaml", "model-router.yaml", "providers.yaml"],
    );
    let (running, _dir) = gateway(&manifests).await;
    running.h1().send(chat("fast", "hi")).await.ok();

    let manifests = without(manifests, "allow_on_headers_stop_iteration");
    let (running, _dir) = gateway(&manifests).await;
    let client = running.h1();
    let answer = timeout(Duration::from_secs(2), client.send(chat("fast", "hi"))).await;
    assert!(answer.is_err(), "{answer:?}");
    assert!(running.mock("openai").requests().is_empty());
}

/// Which is what gateway.yaml is for.
#[tokio::test]
async fn without_room_for_bodies_envoy_refuses_long_prompts() {
    let (running, _dir) = gateway(&read("istio", &["model-router.yaml", "providers.yaml"])).await;
    let client = running.h1();
    client.send(chat("fast", "hi")).await.ok();
    assert_eq!(client.send(chat("fast", &long_text())).await.status, 413);
    // Nor has it labels: they stand in the names.
    let metrics = running.envoy().prometheus().await;
    assert!(!metrics.contains("weir_requests_total{"), "{metrics}");
    assert!(metrics.contains("weir_requests_total_filter_"), "{metrics}");
}

/// More than a megabyte.
fn long_text() -> String {
    "word ".repeat(300_000)
}

/// The three that need no flag, one manifest each.
#[tokio::test]
async fn the_wasm_plugins_work_together() {
    let manifests = read(
        "istio",
        &[&PLUGINS[..], &["gateway.yaml", "providers.yaml"]].concat(),
    );
    let (running, _dir) = gateway(&manifests).await;
    let client = running.h1();
    let request = || chat("gpt-4o", "mail jane.roe@example.org").header("x-ai-provider", "openai");
    let answer = client.send(request()).await.ok();
    assert!(
        answer.text().contains("heard: mail jane.roe@example.org"),
        "{answer:?}"
    );
    assert_eq!(answer.header("x-ratelimit-limit-tokens"), Some("200000"));
    assert!(answer.json()["usage"]["cost"].as_f64().unwrap() > 0.0);
    let seen = running.mock("openai").requests().pop().unwrap();
    let sent = String::from_utf8_lossy(&seen.body).into_owned();
    assert!(sent.contains("mail [EMAIL_1]"), "{sent}");
    let messages = json!([{"role": "user", "content": "hi"}]);
    let unknown = Request::post("/v1/chat/completions")
        .header("host", "ai.example.com")
        .header("x-ai-provider", "openai")
        .json(&json!({"model": "gpt-4o", "messages": messages}));
    assert_eq!(client.send(unknown).await.status, 401);
    running.assert_no_crash();
}

#[test]
fn filters_come_in_their_order() {
    let router = "envoy.filters.http.router";
    let ours = |files: &[&str]| {
        let manifests = read("istio", &[files, &["providers.yaml"]].concat());
        let names = chain(&manifests).into_iter();
        let known = names.filter(|name| name.contains("weir") || name == router);
        known
            .map(|name| name.rsplit(['/', '.']).next().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let of_four = ["model-router", "pii-redact", "token-limit", "cost"];
    assert_eq!(ours(&["chain.yaml"]), [&of_four[..], &["router"]].concat());
    // Whichever is applied first.
    for files in [
        ["chain.yaml", "global-limits.yaml"],
        ["global-limits.yaml", "chain.yaml"],
    ] {
        let expected = [&of_four[..], &["global-limits", "router"]].concat();
        assert_eq!(ours(&files), expected);
    }
    let of_three = ["weir-pii-redact", "weir-token-limit", "weir-cost", "router"];
    let reversed = ["cost.yaml", "token-limit.yaml", "pii-redact.yaml"];
    assert_eq!(ours(&reversed), of_three);
    // Why chain.yaml has all four: an EnvoyFilter comes behind every WasmPlugin.
    assert_eq!(
        ours(&["model-router.yaml", "token-limit.yaml"]),
        ["weir-token-limit", "model-router", "router"]
    );
}

/// Envoy gets the same of the one as of the other.
#[test]
fn traffic_extensions_are_the_wasm_plugins() {
    let made = |files: &[&str]| {
        let dir = tempfile::tempdir().unwrap();
        let config = generated::bootstrap(&read("istio", files), dir.path());
        let mut written: Vec<_> = std::fs::read_dir(dir.path())
            .unwrap()
            .map(|entry| {
                let path = entry.unwrap().path();
                (
                    path.file_name().unwrap().to_owned(),
                    std::fs::read_to_string(path).unwrap(),
                )
            })
            .collect();
        written.sort();
        let here = dir.path().display().to_string();
        (config.to_string().replace(&here, "<dir>"), written)
    };
    let (extensions, plugins) = (made(&["traffic-extensions.yaml"]), made(&PLUGINS));
    assert_eq!(extensions.1.len(), 3);
    assert_eq!(extensions, plugins);
}

/// The mocks do not speak TLS, but Envoy takes what the DestinationRules say about it.
#[test]
fn tls_to_providers_is_taken_by_envoy() {
    let dir = tempfile::tempdir().unwrap();
    let config = generated::bootstrap(&read("istio", &ALL), dir.path());
    let clusters = list(&config["static_resources"]["clusters"]).iter();
    let by_tls = clusters.filter(|it| it.get("transport_socket").is_some());
    assert_eq!(by_tls.count(), 2);
    let file = dir.path().join("envoy.json");
    std::fs::write(&file, config.to_string()).unwrap();
    let output = Command::new(envoy_binary())
        .args(["--mode", "validate", "--log-level", "error", "-c"])
        .arg(&file)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
