//! Failover is Envoy's, driven by our headers: a dead or failing provider is left within one
//! request, and the rewritten body goes to the next.

use serde_json::{Value, json};
use weir_testkit::rig::{Rig, model_router};

use crate::{chat, last_seen};

/// A cluster of two priorities: the mock `first`, then the mock `second`.
fn cluster(sockets: [String; 2]) -> Value {
    let endpoint = |socket: &String, priority: u32| json!({"priority": priority, "lb_endpoints": [{"endpoint": {"address": {"pipe": {"path": socket}}}}]});
    json!({
        "name": "ha",
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {
            "cluster_name": "ha",
            "endpoints": [endpoint(&sockets[0], 0), endpoint(&sockets[1], 1)],
        },
        "outlier_detection": {"consecutive_5xx": 2, "base_ejection_time": "30s"},
    })
}

#[tokio::test]
async fn a_dead_or_failing_provider_is_left_within_one_request() {
    let config = json!({"models": {"m": {"provider": "ha", "upstream_model": "m-2025"}}});
    let mut rig = Rig::start_by_sockets(&["first", "second"], |b, socket| {
        b.wasm(model_router(config))
            .raw_cluster(cluster(["first", "second"].map(socket)))
            .raw_route(json!({
                "match": {"prefix": "/", "headers": [{"name": "x-ai-model", "string_match": {"exact": "m"}}]},
                "route": {
                    "cluster": "ha",
                    "retry_policy": {
                        "retry_on": "connect-failure,refused-stream,reset-before-request,5xx,retriable-status-codes",
                        "retriable_status_codes": [429],
                        "num_retries": 2,
                        "retry_priority": {
                            "name": "envoy.retry_priorities.previous_priorities",
                            "typed_config": {
                                "@type": "type.googleapis.com/envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig",
                                "update_frequency": 1,
                            },
                        },
                    },
                },
            }))
    })
    .await;
    let client = rig.h2();
    let answer = client.send(chat("m")).await.ok();
    assert_eq!(answer.header("x-mock-name"), Some("first"));

    // A failing answer of the first provider never reaches the caller. Each mock fails once for
    // an id, so the second attempt goes to the second provider and fails, and the third is served.
    let failing = chat("m")
        .header("x-mock-fail-first", "1")
        .header("x-mock-id", "a");
    assert_eq!(client.send(failing).await.ok().status, 200);

    rig.stop_upstream("first");
    for _ in 0..5 {
        let answer = client.send(chat("m")).await.ok();
        assert_eq!(
            (answer.status, answer.header("x-mock-name")),
            (200, Some("second"))
        );
        let body: Value = serde_json::from_slice(&last_seen(&rig, "second").body).unwrap();
        assert_eq!(body["model"], "m-2025");
    }
    rig.envoy.assert_no_crash();
}
