//! `envoy/envoy-gateway`: the manifests, turned into what Envoy Gateway sends to its proxies, in a
//! real Envoy.

mod generated;
mod patch;

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::timeout;
use weir_testkit::client::Request;
use weir_testkit::envoy::envoy_binary;

use crate::access_log;
use crate::harness::{Running, Scenario};
use crate::manifests::{list, read};

const ALL: [&str; 3] = ["gateway.yaml", "chain.yaml", "routes.yaml"];

/// A proxy with these manifests before mock LLMs.
async fn gateway(manifests: &[Value]) -> Running {
    started(generated::bootstrap(manifests)).await
}

async fn started(config: Value) -> Running {
    scenario(config).start().await
}

fn scenario(config: Value) -> Scenario {
    Scenario::generated("envoy-gateway", config)
        // The mocks do not speak TLS.
        .edit(|config| {
            let clusters = config["static_resources"]["clusters"].as_array_mut();
            for cluster in clusters.unwrap() {
                cluster.as_object_mut().unwrap().remove("transport_socket");
            }
        })
        .mock("api.openai.com:443", "openai")
        .mock("api.anthropic.com:443", "anthropic")
        .mock("vllm.models.svc.cluster.local:8000", "vllm")
}

fn chat(model: &str, text: &str) -> Request {
    let messages = json!([{"role": "user", "content": text}]);
    Request::post("/v1/chat/completions")
        .header("host", "ai.example.com")
        .header("authorization", "Bearer sk-1")
        .json(&json!({"model": model, "messages": messages}))
}

/// All manifests, the policy with model-router alone, without those of a kind.
fn model_router_without(kind: &str) -> Vec<Value> {
    let mut manifests = read("envoy-gateway", &ALL);
    for manifest in &mut manifests {
        let spec = &mut manifest["spec"];
        if let Some(wasm) = spec["wasm"].as_array_mut() {
            wasm.truncate(1);
        }
        if let Some(patches) = spec["jsonPatches"].as_array_mut() {
            patches.retain(|it| it.to_string().contains("/wasm/0'"));
        }
    }
    manifests.retain(|it| it["kind"] != kind);
    manifests
}

#[tokio::test]
async fn the_whole_chain() {
    let config = generated::bootstrap(&read("envoy-gateway", &ALL));
    let (scenario, log) = access_log::to_file(scenario(config.clone()));
    let running = scenario.start().await;
    running.readme().await;
    let line = access_log::line_with(&log, "EMAIL").await;
    facts_pass_between_filters_that_share_no_store(&config, &line);
    requests_go_where_model_router_says_and_nowhere_else(&running).await;
    let client = running.h1();
    client.send(chat("fast", &pages())).await.ok();
    // A prompt of more than Envoy's own megabyte is read, counted, and more than this caller may
    // use in a minute.
    let answer = client.send(chat("private", &"word ".repeat(300_000))).await;
    assert_eq!(answer.status, 429, "{}", answer.text());
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
        assert_eq!(answer.status, 404, "{path}");
    }
}

/// token-limit and cost know who is calling by model-router alone.
fn facts_pass_between_filters_that_share_no_store(config: &Value, line: &Value) {
    let mut ids = Vec::new();
    collect(config, "vm_id", &mut ids);
    let all = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!((all, ids.len()), (4, 4), "{ids:?}");

    assert!(
        line["identity"].as_str().unwrap().starts_with("sha256:"),
        "{line}"
    );
    assert_eq!(line["upstream_model"], "gpt-4.1-mini", "{line}");
    assert_eq!(line["redacted"], "EMAIL=1", "{line}");
    assert_eq!(
        line["route"],
        "httproute/default/openai/rule/0/match/0/ai_example_com"
    );
    assert!(
        line["cost_usd"].as_str().unwrap().starts_with("0.0000"),
        "{line}"
    );
}

/// More than 32 KiB.
fn pages() -> String {
    "word ".repeat(8_000)
}

/// Every value of this name.
fn collect(value: &Value, name: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| match value {
            Value::String(text) if key == name => found.push(text.clone()),
            value => collect(value, name, found),
        }),
        Value::Array(list) => list.iter().for_each(|it| collect(it, name, found)),
        _ => {}
    }
}

/// Which is why chain.yaml has an EnvoyPatchPolicy.
#[tokio::test]
async fn without_the_patch_model_router_hangs() {
    let running = gateway(&model_router_without("EnvoyPatchPolicy")).await;
    let client = running.h1();
    let answer = timeout(Duration::from_secs(2), client.send(chat("fast", "hi"))).await;
    assert!(answer.is_err(), "{answer:?}");
    assert!(running.mock("openai").requests().is_empty());
}

/// Which is what the ClientTrafficPolicy is for.
#[tokio::test]
async fn without_room_for_bodies_envoy_refuses_a_few_pages() {
    let running = gateway(&model_router_without("ClientTrafficPolicy")).await;
    let client = running.h1();
    client.send(chat("fast", "hi")).await.ok();
    assert_eq!(client.send(chat("fast", &pages())).await.status, 413);
}

/// Which is what the route `unknown` is for, beside its 404.
#[tokio::test]
async fn without_a_route_for_everything_no_filter_runs() {
    let mut manifests = model_router_without("none");
    manifests.retain(|it| it["kind"] != "HTTPRoute" || it["metadata"]["name"] != "unknown");
    let running = gateway(&manifests).await;
    let answer = running.h1().send(chat("fast", "hi")).await;
    assert_eq!((answer.status, answer.text()), (404, ""));
}

/// Which is why the policy is for the Gateway: filters are chosen by the first route a request
/// meets, and a client can choose that by a header.
#[tokio::test]
async fn a_policy_for_one_route_can_be_gone_around() {
    let mut manifests = model_router_without("none");
    let unjudged = || chat("gpt-2", "hi").header("x-ai-provider", "openai");
    let running = gateway(&manifests).await;
    assert_eq!(running.h1().send(unjudged()).await.status, 404);

    for manifest in &mut manifests {
        if manifest["kind"] == "EnvoyExtensionPolicy" {
            manifest["spec"]["targetRefs"][0]["kind"] = json!("HTTPRoute");
            manifest["spec"]["targetRefs"][0]["name"] = json!("unknown");
        }
    }
    let running = gateway(&manifests).await;
    let client = running.h1();
    assert_eq!(client.send(chat("gpt-2", "hi")).await.status, 404);
    client.send(unjudged()).await.ok();
    running.assert_no_crash();
}

/// So a filter that only a provider's route enables (`credentialInjection` is one) stays off.
#[tokio::test]
async fn a_filter_of_one_route_is_not_enabled_by_routing_to_it() {
    let mut config = generated::bootstrap(&model_router_without("none"));
    let listener = &mut config["static_resources"]["listeners"][0];
    let manager = &mut listener["default_filter_chain"]["filters"][0]["typed_config"];
    let filters = manager["http_filters"].as_array_mut().unwrap();
    let marker = json!({"append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
                        "header": {"key": "x-marked", "value": "yes"}});
    let before_router = filters.len() - 1;
    filters.insert(before_router, json!({
        "name": "of-one-route",
        "disabled": true,
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation",
            "mutations": {"request_mutations": [{"append": marker}]},
        },
    }));
    for route in manager["route_config"]["virtual_hosts"][0]["routes"]
        .as_array_mut()
        .unwrap()
    {
        if route["name"].as_str().unwrap().contains("default/openai") {
            route["typed_per_filter_config"]["of-one-route"] = json!({
                "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig",
                "config": {},
            });
        }
    }
    let running = started(config).await;
    let client = running.h1();
    client.send(chat("fast", "hi")).await.ok();
    let seen = running.mock("openai").requests().pop().unwrap();
    assert!(!seen.headers.contains_key("x-marked"), "{seen:?}");
    // Met first, the route enables it.
    client
        .send(chat("fast", "hi").header("x-ai-provider", "openai"))
        .await
        .ok();
    let seen = running.mock("openai").requests().pop().unwrap();
    assert!(seen.headers.contains_key("x-marked"), "{seen:?}");
    running.assert_no_crash();
}

/// The three that need no flag, and a route by path.
#[tokio::test]
async fn without_model_router_no_patch_is_needed() {
    let mut manifests = read(
        "envoy-gateway",
        &["gateway.yaml", "filters.yaml", "routes.yaml"],
    );
    for manifest in &mut manifests {
        if manifest["kind"] == "HTTPRoute" && manifest["metadata"]["name"] == "openai" {
            let path = json!({"path": {"type": "PathPrefix", "value": "/v1/chat"}});
            manifest["spec"]["rules"][0]["matches"] = json!([path]);
        }
    }
    let running = gateway(&manifests).await;
    let client = running.h1();
    let answer = client
        .send(chat("gpt-4o", "mail jane.roe@example.org"))
        .await
        .ok();
    assert!(
        answer.text().contains("heard: mail jane.roe@example.org"),
        "{answer:?}"
    );
    assert_eq!(answer.header("x-ratelimit-remaining-requests"), Some("599"));
    assert!(answer.json()["usage"]["cost"].as_f64().unwrap() > 0.0);
    let seen = running.mock("openai").requests().pop().unwrap();
    let sent = String::from_utf8_lossy(&seen.body).into_owned();
    assert!(sent.contains("mail [EMAIL_1]"), "{sent}");
    running.assert_no_crash();
}

/// The mocks do not speak TLS, but Envoy takes what the BackendTLSPolicies say about it.
#[test]
fn tls_to_providers_is_taken_by_envoy() {
    let config = generated::bootstrap(&read("envoy-gateway", &ALL));
    let clusters = list(&config["static_resources"]["clusters"]).iter();
    let by_tls = clusters.filter(|it| it.get("transport_socket").is_some());
    assert_eq!(by_tls.count(), 2);
    let dir = tempfile::tempdir().unwrap();
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
