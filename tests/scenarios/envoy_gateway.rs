//! `envoy/envoy-gateway`: the manifests, turned into what Envoy Gateway sends to its proxies, in a
//! real Envoy.

mod generated;
mod patch;

use serde_json::Value;

use crate::harness::{Running, Scenario};
use crate::manifests::read;

const ALL: [&str; 3] = ["gateway.yaml", "chain.yaml", "routes.yaml"];

/// A proxy with these manifests before mock LLMs.
async fn gateway(manifests: &[Value]) -> Running {
    Scenario::generated("envoy-gateway", generated::bootstrap(manifests))
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
        .start()
        .await
}

#[tokio::test]
async fn the_readme_is_true() {
    let running = gateway(&read("envoy-gateway", &ALL)).await;
    running.readme().await;
    running.assert_no_crash();
}
