//! What Istio makes of its resources for an ingress gateway, as far as ours go: a bootstrap with
//! the listener, routes, clusters and extension configurations that istiod would send.
//!
//! The order of filters and patches, names and defaults are Istio's. It knows the fields that
//! our manifests use, and panics at others that would change what is sent.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::manifests::{list, merge, module_in, of_kind, text};

const WASM: &str = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm";

/// The rate limit service of global-limits.yaml.
pub(crate) const RATE_LIMIT: &str = "ratelimit.weir.svc.cluster.local";

/// Istio's own expressions for tags, one in the place of all those with the same prefix, and one
/// as it makes them of `extraStatTags: [model]`.
const ISTIO_TAGS: [(&str, &str); 5] = [
    (
        "cluster_name",
        r"^cluster\.((.+?(\..+?\.svc\.cluster\.local)?)\.)",
    ),
    ("response_code", r"_rq(_(\d{3}))$"),
    ("model", r"(model=\.=(.*?);\.;)"),
    ("component", r"(component\.(.+?)\.)"),
    ("wasm_filter", r"(wasm_filter\.(.+?)\.)"),
];

/// The gateway's bootstrap. Files it needs are written to `dir`.
pub(crate) fn bootstrap(manifests: &[Value], dir: &Path) -> Value {
    let mut extensions = Vec::new();
    let mut bootstrap = json!({
        "node": {"id": "router~10.0.0.1~ingress", "cluster": "istio-ingressgateway"},
        "admin": {"address": address("127.0.0.1", 9901)},
        "stats_config": stats(),
        "static_resources": {
            "listeners": [listener(manifests, &mut extensions)],
            "clusters": clusters(manifests),
        },
    });
    let mut filters = of_kind(manifests, "EnvoyFilter");
    filters.sort_by_key(|it| it["spec"]["priority"].as_i64().unwrap_or(0));
    for filter in filters {
        for patch in list(&filter["spec"]["configPatches"]) {
            apply(patch, &mut bootstrap, &mut extensions);
        }
    }
    discover(&mut bootstrap, extensions, dir);
    bootstrap
}

fn address(host: &str, port: u64) -> Value {
    json!({"socket_address": {"address": host, "port_value": port}})
}

fn stats() -> Value {
    let tags = ISTIO_TAGS.map(|(name, regex)| json!({"tag_name": name, "regex": regex}));
    let shown = [
        "reporter=",
        "cluster_manager",
        "listener_manager",
        "server",
        "cluster.xds-grpc",
        "wasm",
        "component",
        "istio",
    ];
    let shown = shown.map(|prefix| json!({"prefix": prefix}));
    json!({
        "use_all_default_tags": false,
        "stats_tags": tags,
        "stats_matcher": {"inclusion_list": {"patterns": shown}},
    })
}

/// The gateway's listener of port 80, forwarded to 10000.
fn listener(manifests: &[Value], extensions: &mut Vec<Value>) -> Value {
    let mut filters = plugins(manifests, extensions);
    filters.extend(
        [
            (
                "envoy.filters.http.grpc_stats",
                "grpc_stats.v3.FilterConfig",
            ),
            ("envoy.filters.http.fault", "fault.v3.HTTPFault"),
            ("envoy.filters.http.cors", "cors.v3.Cors"),
            ("envoy.filters.http.router", "router.v3.Router"),
        ]
        .map(|(name, config)| {
            let config = format!("type.googleapis.com/envoy.extensions.filters.http.{config}");
            json!({"name": name, "typed_config": {"@type": config}})
        }),
    );
    json!({
        "name": "0.0.0.0_80",
        "address": address("127.0.0.1", 10000),
        "filter_chains": [{"filters": [{
            "name": "envoy.filters.network.http_connection_manager",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.network\
                          .http_connection_manager.v3.HttpConnectionManager",
                "stat_prefix": "outbound_0.0.0.0_80",
                "use_remote_address": true,
                "normalize_path": true,
                "http_filters": filters,
                "route_config": {
                    "name": "http.80",
                    "virtual_hosts": virtual_hosts(manifests),
                },
            },
        }]}],
    })
}

/// The filters of WasmPlugins and TrafficExtensions, in their order: by phase, then the highest
/// priority first.
fn plugins(manifests: &[Value], extensions: &mut Vec<Value>) -> Vec<Value> {
    let mut found: Vec<_> = manifests.iter().filter_map(plugin).collect();
    found.sort_by_key(|(order, _)| *order);
    let mut filters = Vec::new();
    for (_, extension) in found {
        filters.push(json!({
            "name": extension["name"],
            "config_discovery": {
                "config_source": {"ads": {}, "initial_fetch_timeout": "0s", "resource_api_version": "V3"},
                "type_urls": [WASM],
            },
        }));
        extensions.push(extension);
    }
    filters
}

/// What a manifest says to the gateway's Wasm, and where it belongs.
fn plugin(manifest: &Value) -> Option<((usize, i64), Value)> {
    let spec = &manifest["spec"];
    let wasm = match text(&manifest["kind"]) {
        "WasmPlugin" => spec,
        "TrafficExtension" => &spec["wasm"],
        _ => return None,
    };
    let phases = ["AUTHN", "AUTHZ", "STATS"].map(Value::from);
    let phase = phases.iter().position(|it| *it == spec["phase"]);
    let priority = spec["priority"].as_i64().unwrap_or(0);
    let (namespace, name) = (
        &manifest["metadata"]["namespace"],
        &manifest["metadata"]["name"],
    );
    let name = format!("{}.{}", text(namespace), text(name));
    let policy = match wasm["failStrategy"].as_str() {
        None | Some("FAIL_CLOSE") => "FAIL_CLOSED",
        Some(policy) => policy,
    };
    let extension = json!({
        // From 1.30 on, and whichever of the two it was made of.
        "name": format!("extensions.istio.io/trafficextension/{name}"),
        "typed_config": {
            "@type": WASM,
            "config": {
                "name": name,
                "root_id": wasm["pluginName"],
                "failure_policy": policy,
                "vm_config": {
                    "runtime": "envoy.wasm.runtime.v8",
                    "code": {"remote": {"http_uri": {"uri": wasm["url"], "cluster": "_", "timeout": "30s"}}},
                },
                "configuration": {
                    "@type": "type.googleapis.com/google.protobuf.StringValue",
                    "value": wasm["pluginConfig"].to_string(),
                },
            },
        },
    });
    Some(((phase.unwrap_or(3), -priority), extension))
}

fn virtual_hosts(manifests: &[Value]) -> Vec<Value> {
    let services = of_kind(manifests, "VirtualService");
    let hosts = services.iter().map(|service| {
        let spec = &service["spec"];
        let host = text(&spec["hosts"][0]);
        let routes = list(&spec["http"]).iter().flat_map(routes);
        json!({
            "name": format!("{host}:80"),
            "domains": [host, format!("{host}:*")],
            "routes": routes.collect::<Vec<_>>(),
        })
    });
    hosts.collect()
}

/// The routes of one entry of a VirtualService: one for each way it can match.
fn routes(http: &Value) -> Vec<Value> {
    let headers = |it: &Value| {
        let headers = it["headers"].as_object().unwrap();
        let matchers = headers
            .iter()
            .map(|(name, matcher)| json!({"name": name, "string_match": matcher}));
        json!({"prefix": "/", "headers": matchers.collect::<Vec<_>>()})
    };
    let mut matches: Vec<_> = list(&http["match"]).iter().map(headers).collect();
    if matches.is_empty() {
        matches.push(json!({"prefix": "/"}));
    }
    let mut route = json!({"name": http["name"]});
    if let Some(direct) = http.get("directResponse") {
        let body = json!({"inline_string": direct["body"]["string"]});
        route["direct_response"] = json!({"status": direct["status"], "body": body});
    } else {
        let destination = &http["route"][0]["destination"];
        route["route"] = json!({
            "cluster": cluster_name(text(&destination["host"]), &destination["port"]["number"]),
            // Without one there is none.
            "timeout": http.get("timeout").unwrap_or(&json!("0s")),
        });
        if let Some(authority) = http["rewrite"].get("authority") {
            route["route"]["host_rewrite_literal"] = authority.clone();
        }
    }
    if let Some(removed) = http["headers"]["request"].get("remove") {
        route["request_headers_to_remove"] = removed.clone();
    }
    let with = |matched| {
        let mut route = route.clone();
        route["match"] = matched;
        route
    };
    matches.into_iter().map(with).collect()
}

fn cluster_name(host: &str, port: &Value) -> String {
    format!("outbound|{port}||{host}")
}

/// A cluster for each port of a ServiceEntry, and for each other service that is named.
fn clusters(manifests: &[Value]) -> Vec<Value> {
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

/// Applies a patch of an EnvoyFilter.
fn apply(patch: &Value, bootstrap: &mut Value, extensions: &mut Vec<Value>) {
    let value = &patch["patch"]["value"];
    let operation = text(&patch["patch"]["operation"]);
    let listener = &mut bootstrap["static_resources"]["listeners"][0];
    match (text(&patch["applyTo"]), operation) {
        ("BOOTSTRAP", "MERGE") => merge(bootstrap, value),
        ("LISTENER", "MERGE") => merge(listener, value),
        ("EXTENSION_CONFIG", "ADD") => extensions.push(value.clone()),
        ("HTTP_FILTER", "INSERT_BEFORE") => {
            let filter = &patch["match"]["listener"]["filterChain"]["filter"];
            let manager = &mut listener["filter_chains"][0]["filters"][0];
            assert_eq!(filter["name"], manager["name"]);
            let filters = manager["typed_config"]["http_filters"]
                .as_array_mut()
                .unwrap();
            let before = &filter["subFilter"]["name"];
            // Istio leaves out a patch whose filter is not there.
            if let Some(at) = filters.iter().position(|it| it["name"] == *before) {
                filters.insert(at, value.clone());
            }
        }
        other => panic!("{other:?} is not known here"),
    }
}

/// Puts the extensions' configurations, with modules in place of images, into files that stand
/// for Istio's agent: Envoy discovers each filter's there.
fn discover(bootstrap: &mut Value, extensions: Vec<Value>, dir: &Path) {
    let manager = &mut bootstrap["static_resources"]["listeners"][0]["filter_chains"][0];
    let filters = &mut manager["filters"][0]["typed_config"]["http_filters"];
    for filter in filters.as_array_mut().unwrap() {
        if filter.get("config_discovery").is_none() {
            continue;
        }
        let named = extensions.iter().find(|it| it["name"] == filter["name"]);
        let mut extension = named
            .unwrap_or_else(|| panic!("no configuration of {filter}"))
            .clone();
        let code = &mut extension["typed_config"]["config"]["vm_config"]["code"];
        let uri = text(&code["remote"]["http_uri"]["uri"]);
        let image = uri.strip_prefix("oci://").expect("an image");
        *code = json!({"local": {"filename": module_in(image)}});
        extension["@type"] = json!("type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig");
        let file = extension_file(dir, text(&filter["name"]));
        let resources = json!({"version_info": "1", "resources": [extension]});
        std::fs::write(&file, resources.to_string()).unwrap();
        let source = filter["config_discovery"]["config_source"]
            .as_object_mut()
            .unwrap();
        assert!(source.remove("ads").is_some(), "only ADS has an agent");
        source.insert("path_config_source".to_owned(), json!({"path": file}));
    }
}

fn extension_file(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("{}.json", name.replace('/', "_")))
}
