//! Failover is Envoy's, driven by our headers: a dead or failing provider is left within one
//! request, and the rewritten body goes to the next. What is tested is the configuration people
//! copy, `envoy/failover/envoy.yaml`, on other sockets.

use serde_json::{Value, json};
use weir_testkit::rig::{Rig, model_router};

use crate::packaging::yaml;
use crate::schemas::root;
use crate::{chat, last_seen};

#[tokio::test]
async fn a_dead_or_failing_provider_is_left_within_one_request() {
    let shipped = yaml(&root().join("envoy/failover/envoy.yaml"));
    let resources = &shipped["static_resources"];
    let hcm = &resources["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"];
    let plugin = &hcm["http_filters"][0]["typed_config"]["config"];
    let config = plugin["configuration"]["value"].as_str().unwrap();
    let route = hcm["route_config"]["virtual_hosts"][0]["routes"][0].clone();
    let mut cluster = resources["clusters"][0].clone();
    let mut rig = Rig::start_by_sockets(&["first", "second"], |b, socket| {
        for (priority, name) in ["first", "second"].into_iter().enumerate() {
            let endpoints = &mut cluster["load_assignment"]["endpoints"][priority];
            assert_eq!(endpoints["priority"], priority);
            endpoints["lb_endpoints"][0]["endpoint"]["address"] =
                json!({"pipe": {"path": socket(name)}});
        }
        b.wasm(model_router(serde_json::from_str(config).unwrap()))
            .raw_cluster(cluster)
            .raw_route(route)
    })
    .await;
    let client = rig.h2();
    let answer = client.send(chat("fast")).await.ok();
    assert_eq!(answer.header("x-mock-name"), Some("first"));

    // A failing answer of the first provider never reaches the caller. Each mock fails once for
    // an id, so the second attempt goes to the second provider and fails, and the third is served.
    let failing = chat("fast")
        .header("x-mock-fail-first", "1")
        .header("x-mock-id", "a");
    assert_eq!(client.send(failing).await.ok().status, 200);

    rig.stop_upstream("first");
    for _ in 0..5 {
        let answer = client.send(chat("fast")).await.ok();
        assert_eq!(
            (answer.status, answer.header("x-mock-name")),
            (200, Some("second"))
        );
        let body: Value = serde_json::from_slice(&last_seen(&rig, "second").body).unwrap();
        assert_eq!(body["model"], "gpt-4.1-mini");
    }
    rig.envoy.assert_no_crash();
}
