//! What Envoy Gateway makes of its resources, as far as ours go: a bootstrap with the listener,
//! routes and clusters that it would send to its proxies.
//!
//! The names, the order of filters and routes, and the defaults are Envoy Gateway's. Two of them
//! matter to filters that steer by headers: each Wasm filter is disabled in the chain and enabled
//! by the routes its policy is for, and the first route a request meets decides that.

use serde_json::{Value, json};

use super::patch;
use crate::manifests::{list, merge, module_in, of_kind, text};

const HCM: &str = "type.googleapis.com/envoy.extensions.filters.network\
                   .http_connection_manager.v3.HttpConnectionManager";
const FILTERS: &str = "type.googleapis.com/envoy.extensions.filters.http";
/// What Envoy Gateway lets Envoy buffer of a body unless told otherwise.
const BUFFER_BYTES: u64 = 32 * 1024;

/// The bootstrap of a proxy of the one Gateway in these manifests.
pub(crate) fn bootstrap(manifests: &[Value]) -> Value {
    let mut listener = listener(manifests);
    for policy in of_kind(manifests, "EnvoyPatchPolicy") {
        for each in list(&policy["spec"]["jsonPatches"]) {
            assert_eq!(
                each["type"],
                "type.googleapis.com/envoy.config.listener.v3.Listener"
            );
            assert_eq!(each["name"], listener["name"]);
            patch::apply(&mut listener, &each["operation"]);
        }
    }
    // A manager takes its routes from elsewhere; here they stand in it.
    let manager = &mut listener["default_filter_chain"]["filters"][0]["typed_config"];
    manager["route_config"] = route_config(manifests);
    let mut bootstrap = json!({
        "node": {"id": "ai", "cluster": "default/ai"},
        "admin": {"address": address("127.0.0.1", 9901)},
        "static_resources": {"listeners": [listener], "clusters": clusters(manifests)},
    });
    for proxy in of_kind(manifests, "EnvoyProxy") {
        let own = &proxy["spec"]["bootstrap"];
        assert_eq!(own["type"], "Merge");
        merge(
            &mut bootstrap,
            &serde_yaml_ng::from_str(text(&own["value"])).unwrap(),
        );
    }
    bootstrap
}

fn address(host: &str, port: u64) -> Value {
    json!({"socket_address": {"address": host, "port_value": port}})
}

/// `<namespace>/<name>` of a resource.
fn key(manifest: &Value) -> String {
    let metadata = &manifest["metadata"];
    format!(
        "{}/{}",
        text(&metadata["namespace"]),
        text(&metadata["name"])
    )
}

/// The listener of port 80, forwarded to 10000.
fn listener(manifests: &[Value]) -> Value {
    let gateway = of_kind(manifests, "Gateway")[0];
    let name = format!(
        "{}/{}",
        key(gateway),
        text(&gateway["spec"]["listeners"][0]["name"])
    );
    let traffic = of_kind(manifests, "ClientTrafficPolicy");
    let limit = traffic
        .first()
        .map(|it| &it["spec"]["connection"]["bufferLimit"]);
    let mut filters = filters(manifests);
    filters.push(json!({
        "name": "envoy.filters.http.router",
        "typed_config": {"@type": format!("{FILTERS}.router.v3.Router"), "suppress_envoy_headers": true},
    }));
    json!({
        "name": name,
        "address": address("127.0.0.1", 10000),
        "per_connection_buffer_limit_bytes": limit.map_or(BUFFER_BYTES, bytes),
        "default_filter_chain": {"name": name, "filters": [{
            "name": "envoy.filters.network.http_connection_manager",
            "typed_config": {
                "@type": HCM,
                "stat_prefix": "http-10080",
                "use_remote_address": true,
                "normalize_path": true,
                "merge_slashes": true,
                "path_with_escaped_slashes_action": "UNESCAPE_AND_REDIRECT",
                "server_header_transformation": "PASS_THROUGH",
                "common_http_protocol_options": {"headers_with_underscores_action": "REJECT_REQUEST"},
                "access_log": access_logs(manifests),
                "http_filters": filters,
            },
        }]},
    })
}

/// A quantity of Kubernetes in whole mebibytes.
fn bytes(quantity: &Value) -> u64 {
    let mebibytes: u64 = text(quantity).strip_suffix("Mi").unwrap().parse().unwrap();
    mebibytes * 1024 * 1024
}

fn access_logs(manifests: &[Value]) -> Vec<Value> {
    let proxies = of_kind(manifests, "EnvoyProxy");
    let settings = proxies
        .iter()
        .flat_map(|it| list(&it["spec"]["telemetry"]["accessLog"]["settings"]));
    let logs = settings.map(|setting| {
        let format = json!({"json_format": setting["format"]["json"]});
        json!({
            "name": "envoy.access_loggers.file",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
                "path": setting["sinks"][0]["file"]["path"],
                "log_format": format,
            },
        })
    });
    logs.collect()
}

/// The name of a policy's filter, and what enables it.
fn filter_name(policy: &Value, index: usize) -> String {
    format!("envoy.filters.http.wasm/{}", vm_id(policy, index))
}

/// No two filters have the same.
fn vm_id(policy: &Value, index: usize) -> String {
    format!("envoyextensionpolicy/{}/wasm/{index}", key(policy))
}

fn filters(manifests: &[Value]) -> Vec<Value> {
    let mut filters = Vec::new();
    for policy in of_kind(manifests, "EnvoyExtensionPolicy") {
        for (index, wasm) in list(&policy["spec"]["wasm"]).iter().enumerate() {
            assert_eq!(wasm["code"]["type"], "Image");
            let module = module_in(text(&wasm["code"]["image"]["url"]));
            filters.push(json!({
                "name": filter_name(policy, index),
                "disabled": true,
                "typed_config": {
                    "@type": format!("{FILTERS}.wasm.v3.Wasm"),
                    "config": {
                        "name": wasm["name"],
                        "root_id": wasm["rootID"],
                        "vm_config": {
                            "vm_id": vm_id(policy, index),
                            "runtime": "envoy.wasm.runtime.v8",
                            // Envoy Gateway itself fetches the image and serves what is in it.
                            "code": {"local": {"filename": module}},
                        },
                        "configuration": {
                            "@type": "type.googleapis.com/google.protobuf.StringValue",
                            "value": wasm["config"].to_string(),
                        },
                    },
                },
            }));
        }
    }
    filters
}

fn route_config(manifests: &[Value]) -> Value {
    let mut routes = Vec::new();
    let mut host = Value::Null;
    for route in of_kind(manifests, "HTTPRoute") {
        host = route["spec"]["hostnames"][0].clone();
        for (index, rule) in list(&route["spec"]["rules"]).iter().enumerate() {
            for matched in list(&rule["matches"]) {
                let cluster = format!("httproute/{}/rule/{index}", key(route));
                routes.push(one_route(manifests, route, rule, matched, &cluster));
            }
        }
    }
    // The longer path first, then the one with more headers.
    routes.sort_by_key(|route| {
        let path = route["match"]["prefix"].as_str().map_or(0, str::len);
        let headers = list(&route["match"]["headers"]).len();
        (std::cmp::Reverse(path), std::cmp::Reverse(headers))
    });
    json!({
        "name": "routes",
        "ignore_port_in_host_matching": true,
        "virtual_hosts": [{"name": "ai", "domains": [host], "routes": routes}],
    })
}

fn one_route(
    manifests: &[Value],
    of: &Value,
    rule: &Value,
    matched: &Value,
    cluster: &str,
) -> Value {
    let headers = list(&matched["headers"]).iter().map(|header| {
        let matcher = match header["type"].as_str() {
            Some("RegularExpression") => json!({"safe_regex": {"regex": header["value"]}}),
            _ => json!({"exact": header["value"]}),
        };
        json!({"name": header["name"], "string_match": matcher})
    });
    let prefix = matched["path"].get("value").cloned();
    let mut route = json!({
        "name": format!("{cluster}/match/0/ai_example_com"),
        "match": {
            "prefix": prefix.unwrap_or_else(|| json!("/")),
            "headers": headers.collect::<Vec<_>>(),
        },
        "route": {"cluster": cluster},
        "typed_per_filter_config": enabled(manifests, of),
    });
    if let Some(timeout) = rule["timeouts"].get("request") {
        route["route"]["timeout"] = timeout.clone();
    }
    for filter in list(&rule["filters"]) {
        match text(&filter["type"]) {
            "URLRewrite" => {
                route["route"]["host_rewrite_literal"] = filter["urlRewrite"]["hostname"].clone();
            }
            "RequestHeaderModifier" => {
                let removed = &filter["requestHeaderModifier"]["remove"];
                route["request_headers_to_remove"] = removed.clone();
            }
            "ExtensionRef" => {
                let mut found = of_kind(manifests, "HTTPRouteFilter").into_iter();
                let name = &filter["extensionRef"]["name"];
                let found = found.find(|it| it["metadata"]["name"] == *name).unwrap();
                let direct = &found["spec"]["directResponse"];
                let body = json!({"inline_string": direct["body"]["inline"]});
                route["direct_response"] = json!({"status": direct["statusCode"], "body": body});
                route.as_object_mut().unwrap().remove("route");
            }
            other => panic!("{other} is not known here"),
        }
    }
    route
}

/// What enables the filters of each policy that is for this route, or for the Gateway.
fn enabled(manifests: &[Value], route: &Value) -> Value {
    let mut enabled = json!({});
    for policy in of_kind(manifests, "EnvoyExtensionPolicy") {
        let target = &policy["spec"]["targetRefs"][0];
        let is_for = target["kind"] == "Gateway" || target["name"] == route["metadata"]["name"];
        for index in 0..list(&policy["spec"]["wasm"]).len() {
            if is_for {
                enabled[filter_name(policy, index)] = json!({
                    "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig",
                    "config": {},
                });
            }
        }
    }
    enabled
}

/// A cluster for each rule with a Backend.
fn clusters(manifests: &[Value]) -> Vec<Value> {
    let mut clusters = Vec::new();
    for route in of_kind(manifests, "HTTPRoute") {
        for (index, rule) in list(&route["spec"]["rules"]).iter().enumerate() {
            for reference in list(&rule["backendRefs"]) {
                let name = format!("httproute/{}/rule/{index}", key(route));
                clusters.push(cluster(manifests, &name, &reference["name"]));
            }
        }
    }
    clusters
}

fn cluster(manifests: &[Value], name: &str, backend: &Value) -> Value {
    let named = |kind: &str| {
        let found = of_kind(manifests, kind).into_iter();
        found
            .filter(|it| it["metadata"]["name"] == *backend)
            .collect::<Vec<_>>()
    };
    let endpoint = &named("Backend")[0]["spec"]["endpoints"][0]["fqdn"];
    let address = address(
        text(&endpoint["hostname"]),
        endpoint["port"].as_u64().unwrap(),
    );
    let mut cluster = json!({
        "name": name,
        "type": "STRICT_DNS",
        "connect_timeout": "10s",
        "per_connection_buffer_limit_bytes": BUFFER_BYTES,
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
    });
    if let Some(policy) = named("BackendTLSPolicy").first() {
        let validation = &policy["spec"]["validation"];
        assert_eq!(validation["wellKnownCACertificates"], "System");
        cluster["transport_socket"] = json!({
            "name": "envoy.transport_sockets.tls",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
                "sni": validation["hostname"],
                "common_tls_context": {"validation_context": {
                    "trusted_ca": {"filename": "/etc/ssl/certs/ca-certificates.crt"},
                    "match_typed_subject_alt_names": [
                        {"san_type": "DNS", "matcher": {"exact": validation["hostname"]}},
                    ],
                }},
            },
        });
    }
    cluster
}
