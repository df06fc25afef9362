//! `envoy/istio`: the manifests, turned into what Istio sends to a gateway, in a real Envoy.

mod generated;

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::{Running, Scenario};
use crate::manifests::read;

const ALL: [&str; 3] = ["gateway.yaml", "chain.yaml", "providers.yaml"];

/// A gateway with these manifests before mock LLMs; the directory holds files it needs.
async fn gateway(manifests: &[Value]) -> (Running, TempDir) {
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
    (scenario.start().await, dir)
}

#[tokio::test]
async fn the_readme_is_true() {
    let (running, _dir) = gateway(&read("istio", &ALL)).await;
    running.readme().await;
    running.assert_no_crash();
}
