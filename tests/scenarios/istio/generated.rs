//! What Istio makes of its resources for an ingress gateway, as far as ours go: a bootstrap with
//! the listener, routes, clusters and extension configurations that istiod would send.
//!
//! The order of filters and patches, names and defaults are Istio's. It knows the fields that
//! our manifests use, and panics at others that would change what is sent.

use std::path::Path;

use serde_json::{Value, json};

use super::clusters::{address, cluster_name, clusters};
use super::patches;
use crate::manifests::{list, of_kind, text};

const WASM: &str = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm";

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
            patches::apply(patch, &mut bootstrap, &mut extensions);
        }
    }
    patches::discover(&mut bootstrap, extensions, dir);
    bootstrap
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
    let mut filters = authentication(manifests);
    filters.extend(plugins(manifests, extensions));
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
                "access_log": access_logs(manifests),
                "http_filters": filters,
                "route_config": {
                    "name": "http.80",
                    "virtual_hosts": virtual_hosts(manifests),
                },
            },
        }]}],
    })
}

/// The filter of a RequestAuthentication, behind which plugins without a phase come. A request
/// without a token passes.
fn authentication(manifests: &[Value]) -> Vec<Value> {
    let policies = of_kind(manifests, "RequestAuthentication");
    let filters = policies.iter().map(|policy| {
        let rule = &policy["spec"]["jwtRules"][0];
        let provider = json!({
            "issuer": rule["issuer"],
            "forward": rule["forwardOriginalToken"],
            "local_jwks": {"inline_string": rule["jwks"]},
            "payload_in_metadata": "payload",
        });
        let either = json!([{"provider_name": "origins-0"}, {"allow_missing": {}}]);
        json!({
            "name": "envoy.filters.http.jwt_authn",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
                "providers": {"origins-0": provider},
                "rules": [{"match": {"prefix": "/"}, "requires": {"requires_any": {"requirements": either}}}],
            },
        })
    });
    filters.collect()
}

/// What a Telemetry turns on of the providers in the mesh's configuration.
fn access_logs(manifests: &[Value]) -> Vec<Value> {
    let wanted = of_kind(manifests, "Telemetry")
        .into_iter()
        .flat_map(|telemetry| {
            let logging = list(&telemetry["spec"]["accessLogging"]).iter();
            logging.flat_map(|it| list(&it["providers"]))
        });
    let mesh: Vec<_> = manifests
        .iter()
        .filter_map(|it| it.get("meshConfig"))
        .collect();
    let logs = wanted.filter_map(|wanted| {
        let mut known = mesh.iter().flat_map(|it| list(&it["extensionProviders"]));
        let provider = known.find(|it| it["name"] == wanted["name"])?;
        let file = &provider["envoyFileAccessLog"];
        Some(json!({
            "name": "envoy.access_loggers.file",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
                "path": file["path"],
                "log_format": {"json_format": file["logFormat"]["labels"]},
            },
        }))
    });
    logs.collect()
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
