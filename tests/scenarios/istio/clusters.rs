//! The clusters that Istio makes of ServiceEntries, services and DestinationRules.

use serde_json::{Value, json};

use crate::manifests::{list, merge, of_kind, text};

/// The rate limit service of global-limits.yaml.
pub(super) const RATE_LIMIT: &str = "ratelimit.weir.svc.cluster.local";

pub(super) fn address(host: &str, port: u64) -> Value {
    json!({"socket_address": {"address": host, "port_value": port}})
}

pub(super) fn cluster_name(host: &str, port: &Value) -> String {
    format!("outbound|{port}||{host}")
}

/// A cluster for each port of a ServiceEntry, and for each other service that is named.
pub(super) fn clusters(manifests: &[Value]) -> Vec<Value> {
    let mut clusters = Vec::new();
    for entry in of_kind(manifests, "ServiceEntry") {
        for host in list(&entry["spec"]["hosts"]) {
            for port in list(&entry["spec"]["ports"]) {
                clusters.push(cluster(text(host), &port["number"]));
            }
        }
    }
    for service in of_kind(manifests, "VirtualService") {
        for http in list(&service["spec"]["http"]) {
            for route in list(&http["route"]) {
                let destination = &route["destination"];
                let cluster = cluster(text(&destination["host"]), &destination["port"]["number"]);
                if clusters.iter().all(|it| it["name"] != cluster["name"]) {
                    clusters.push(cluster);
                }
            }
        }
    }
    // The service that the patches call has a port named `grpc-…`.
    if manifests
        .iter()
        .any(|it| it.to_string().contains(RATE_LIMIT))
    {
        let mut cluster = cluster(RATE_LIMIT, &json!(8081));
        cluster["typed_extension_protocol_options"] = json!({
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": {"http2_protocol_options": {}},
            },
        });
        clusters.push(cluster);
    }
    for rule in of_kind(manifests, "DestinationRule") {
        let host = text(&rule["spec"]["host"]);
        let of_host = |name: &Value| text(name).ends_with(&format!("||{host}"));
        let mut found = clusters.iter_mut().filter(|it| of_host(&it["name"]));
        let cluster = found
            .next()
            .unwrap_or_else(|| panic!("no cluster for {host}"));
        merge(cluster, &traffic_policy(&rule["spec"]["trafficPolicy"]));
    }
    clusters
}

/// What a DestinationRule adds to its cluster.
fn traffic_policy(policy: &Value) -> Value {
    let mut added = json!({});
    if let Some(settings) = policy.get("tls") {
        added["transport_socket"] = tls(settings);
    }
    if let Some(pool) = policy.get("connectionPool") {
        added["circuit_breakers"] = json!({"thresholds": [{
            "max_requests": pool["http"]["http2MaxRequests"],
            "max_pending_requests": pool["http"]["http1MaxPendingRequests"],
        }]});
    }
    if let Some(detection) = policy.get("outlierDetection") {
        added["outlier_detection"] = json!({
            "consecutive_5xx": detection["consecutive5xxErrors"],
            "interval": detection["interval"],
            "base_ejection_time": detection["baseEjectionTime"],
            "max_ejection_percent": detection["maxEjectionPercent"],
        });
        let panic = json!({"value": detection["minHealthPercent"]});
        added["common_lb_config"] = json!({"healthy_panic_threshold": panic});
    }
    added
}

fn cluster(host: &str, port: &Value) -> Value {
    let name = cluster_name(host, port);
    let address = address(host, port.as_u64().unwrap());
    json!({
        "name": name,
        "type": "STRICT_DNS",
        "connect_timeout": "10s",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
    })
}

fn tls(settings: &Value) -> Value {
    assert_eq!(settings["mode"], "SIMPLE");
    let names = list(&settings["subjectAltNames"]).iter();
    let names = names.map(|name| json!({"san_type": "DNS", "matcher": {"exact": name}}));
    json!({
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
            "sni": settings["sni"],
            "common_tls_context": {"validation_context": {
                "trusted_ca": {"filename": "/etc/ssl/certs/ca-certificates.crt"},
                "match_typed_subject_alt_names": names.collect::<Vec<_>>(),
            }},
        },
    })
}
