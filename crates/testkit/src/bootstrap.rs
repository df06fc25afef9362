//! An Envoy configuration for a test, as a value.
//!
//! One HTTP listener, any number of clusters, all on unix sockets, so that tests run in
//! parallel without choosing ports. The defaults are generous where Envoy's would get
//! in the way of a test (16 MiB of buffered body, HTTP/1.1 trailers) and Envoy's own
//! everywhere else. What the builder does not know goes in by the `raw_` methods.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

const BODY_LIMIT_BYTES: u64 = 16 * 1024 * 1024;

/// What one Envoy runs on. Hand it to [`Envoy::start`](crate::envoy::Envoy::start).
///
/// ```
/// use std::path::Path;
/// use weir_testkit::bootstrap::Bootstrap;
///
/// let bootstrap = Bootstrap::new()
///     .cluster("small", Path::new("/tmp/small.sock"), false)
///     .cluster("large", Path::new("/tmp/large.sock"), true)
///     .route_on_header("x-model", "gpt-4o", "large")
///     .default_cluster("small");
/// let config = bootstrap.build(Path::new("/tmp/envoy"));
/// assert_eq!(config["static_resources"]["clusters"][1]["name"], "large");
/// ```
#[derive(Clone, Debug, Default)]
pub struct Bootstrap {
    clusters: Vec<Value>,
    filters: Vec<Value>,
    routes: Vec<Value>,
    default_cluster: Option<String>,
    hcm: Vec<Value>,
    access_log_format: Vec<Value>,
    stats_tags: Vec<Value>,
    dynamic_listener: bool,
    clock_ahead_s: u64,
}

impl Bootstrap {
    /// No clusters, no filters but the router, no routes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets Envoy's clock so many seconds ahead of ours.
    pub fn clock_ahead_s(mut self, seconds: u64) -> Self {
        self.clock_ahead_s = seconds;
        self
    }

    pub(crate) fn is_ahead_by_s(&self) -> u64 {
        self.clock_ahead_s
    }

    /// Adds a cluster whose only endpoint is a unix socket. With `http2`, Envoy speaks
    /// HTTP/2 with prior knowledge to it, otherwise HTTP/1.1 with trailers.
    pub fn cluster(self, name: &str, socket: &Path, http2: bool) -> Self {
        let protocol = if http2 {
            json!({ "http2_protocol_options": {} })
        } else {
            json!({ "http_protocol_options": { "enable_trailers": true } })
        };
        self.raw_cluster(json!({
            "name": name,
            "type": "STATIC",
            "connect_timeout": "2s",
            "per_connection_buffer_limit_bytes": BODY_LIMIT_BYTES,
            "load_assignment": {
                "cluster_name": name,
                "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": pipe(socket) } }] }],
            },
            "typed_extension_protocol_options": {
                "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                    "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                    "explicit_http_config": protocol,
                },
            },
        }))
    }

    /// Adds a cluster as written.
    pub fn raw_cluster(mut self, cluster: Value) -> Self {
        self.clusters.push(cluster);
        self
    }

    /// Merges fields into every cluster that is already there, as [`hcm`](Self::hcm) does.
    pub fn clusters(mut self, fields: &Value) -> Self {
        self.clusters
            .iter_mut()
            .for_each(|cluster| merge(cluster, fields.clone()));
        self
    }

    /// Adds an HTTP filter as written, after those already there and before the router.
    pub fn filter(mut self, filter: Value) -> Self {
        self.filters.push(filter);
        self
    }

    /// Adds a wasm filter, after those already there and before the router.
    pub fn wasm(self, wasm: Wasm) -> Self {
        self.filter(wasm.filter())
    }

    /// Adds a route: requests whose `header` is exactly `value` go to `cluster`. Routes
    /// are tried in the order they were added.
    pub fn route_on_header(self, header: &str, value: &str, cluster: &str) -> Self {
        let exact = json!({ "name": header, "string_match": { "exact": value } });
        self.raw_route(json!({
            "match": { "prefix": "/", "headers": [exact] },
            "route": { "cluster": cluster, "timeout": "60s" },
        }))
    }

    /// Adds a route as written.
    pub fn raw_route(mut self, route: Value) -> Self {
        self.routes.push(route);
        self
    }

    /// Where requests go that no route takes. Without it, to the first cluster.
    pub fn default_cluster(mut self, name: &str) -> Self {
        self.default_cluster = Some(name.to_owned());
        self
    }

    /// Merges fields into the HTTP connection manager: objects field by field, anything
    /// else replaces what was there.
    pub fn hcm(mut self, fields: Value) -> Self {
        self.hcm.push(fields);
        self
    }

    /// Adds keys to the access log, as an Envoy `json_format` object.
    pub fn access_log_format(mut self, keys: Value) -> Self {
        self.access_log_format.push(keys);
        self
    }

    /// Adds `stats_config.stats_tags`: one tag specifier, or an array of them.
    pub fn stats_tags(mut self, tags: Value) -> Self {
        match tags {
            Value::Array(tags) => self.stats_tags.extend(tags),
            tag => self.stats_tags.push(tag),
        }
        self
    }

    /// Whether the listener comes from a file that Envoy watches, so that
    /// [`Envoy::update_listener`](crate::envoy::Envoy::update_listener) can replace it.
    pub fn dynamic_listener(mut self, dynamic: bool) -> Self {
        self.dynamic_listener = dynamic;
        self
    }

    /// The bootstrap of an Envoy that lives in `dir`.
    pub fn build(&self, dir: &Path) -> Value {
        let mut config = json!({
            "node": { "id": "weir-test", "cluster": "weir-test" },
            "admin": { "address": pipe(&admin_socket(dir)) },
            "static_resources": { "clusters": self.clusters },
        });
        if !self.stats_tags.is_empty() {
            config["stats_config"] = json!({ "stats_tags": self.stats_tags });
        }
        if self.dynamic_listener {
            config["dynamic_resources"] = json!({
                "lds_config": {
                    "resource_api_version": "V3",
                    "path_config_source": { "path": listener_file(dir) },
                },
            });
        } else {
            config["static_resources"]["listeners"] = json!([self.listener(dir)]);
        }
        config
    }

    /// The content of [`listener_file`] for this bootstrap, under the given version.
    pub fn build_listener_file(&self, dir: &Path, version: u64) -> Value {
        let mut listener = self.listener(dir);
        listener["@type"] = json!("type.googleapis.com/envoy.config.listener.v3.Listener");
        json!({ "version_info": version.to_string(), "resources": [listener] })
    }

    pub(crate) fn is_dynamic(&self) -> bool {
        self.dynamic_listener
    }

    fn listener(&self, dir: &Path) -> Value {
        json!({
            "name": "http",
            "address": pipe(&http_socket(dir)),
            "per_connection_buffer_limit_bytes": BODY_LIMIT_BYTES,
            // Connections held open at the same time are spread evenly over the workers.
            "connection_balance_config": { "exact_balance": {} },
            "filter_chains": [{ "filters": [{
                "name": "envoy.filters.network.http_connection_manager",
                "typed_config": self.connection_manager(dir),
            }] }],
        })
    }

    fn connection_manager(&self, dir: &Path) -> Value {
        let mut filters = self.filters.clone();
        filters.push(json!({
            "name": "envoy.filters.http.router",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
            },
        }));
        let mut hcm = json!({
            "@type": "type.googleapis.com/envoy.extensions.filters.network\
                      .http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "http",
            "codec_type": "AUTO",
            "http_protocol_options": { "enable_trailers": true },
            "http_filters": filters,
            "route_config": {
                "name": "routes",
                "virtual_hosts": [{
                    "name": "all",
                    "domains": ["*"],
                    "request_body_buffer_limit": BODY_LIMIT_BYTES,
                    "routes": self.all_routes(),
                }],
            },
            "access_log": [{
                "name": "envoy.access_loggers.file",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
                    "path": access_log(dir),
                    "log_format": { "json_format": self.access_log_keys() },
                },
            }],
        });
        self.hcm
            .iter()
            .for_each(|fields| merge(&mut hcm, fields.clone()));
        hcm
    }

    fn all_routes(&self) -> Vec<Value> {
        let first = || self.clusters.first().map(|it| it["name"].clone());
        let last_resort = self.default_cluster.clone().map(Value::String);
        let mut routes = self.routes.clone();
        routes.extend(last_resort.or_else(first).map(|cluster| {
            json!({
                "match": { "prefix": "/" },
                "route": { "cluster": cluster, "timeout": "60s" },
            })
        }));
        routes
    }

    fn access_log_keys(&self) -> Value {
        let mut keys = json!({
            "method": "%REQ(:METHOD)%",
            "path": "%REQ(:PATH)%",
            "protocol": "%PROTOCOL%",
            "response_code": "%RESPONSE_CODE%",
            "response_code_details": "%RESPONSE_CODE_DETAILS%",
            "response_flags": "%RESPONSE_FLAGS%",
            "bytes_received": "%BYTES_RECEIVED%",
            "bytes_sent": "%BYTES_SENT%",
            "duration_ms": "%DURATION%",
            "upstream_cluster": "%UPSTREAM_CLUSTER%",
        });
        self.access_log_format
            .iter()
            .for_each(|extra| merge(&mut keys, extra.clone()));
        keys
    }
}

/// A wasm filter in the chain.
///
/// ```
/// # use serde_json::json;
/// use weir_testkit::bootstrap::Wasm;
///
/// let router = Wasm {
///     config: json!({ "routes": {} }),
///     hold: true,
///     ..Wasm::new("model-router", "target/weir/model-router.wasm")
/// };
/// ```
#[derive(Clone, Debug)]
pub struct Wasm {
    /// The name of the filter, and of the plugin.
    pub name: String,
    /// Which of the module's filters to run.
    pub root_id: String,
    /// The `.wasm` file.
    pub module: PathBuf,
    /// The plugin's configuration, sent as a JSON string; none if `null`.
    pub config: Value,
    /// A configuration to send exactly as it is, instead of `config`.
    pub raw_config: Option<String>,
    /// Sets `allow_on_headers_stop_iteration`, without which pausing in the request
    /// headers hangs.
    pub hold: bool,
    /// Plugins with the same id share their shared data, and their VM if their modules
    /// are the same too.
    pub vm_id: String,
    /// `FAIL_CLOSED`, `FAIL_OPEN` or `FAIL_RELOAD` (with a back-off of 0.1 s); Envoy's
    /// default if `None`.
    pub failure_policy: Option<String>,
}

impl Wasm {
    /// The filter `name` of a module: its `root_id` is its name, it has no
    /// configuration, and its `vm_id` is `weir`.
    pub fn new(name: &str, module: impl Into<PathBuf>) -> Self {
        Self {
            name: name.to_owned(),
            root_id: name.to_owned(),
            module: module.into(),
            config: Value::Null,
            raw_config: None,
            hold: false,
            vm_id: "weir".to_owned(),
            failure_policy: None,
        }
    }

    fn filter(&self) -> Value {
        let mut plugin = json!({
            "name": self.name,
            "root_id": self.root_id,
            "vm_config": {
                "vm_id": self.vm_id,
                "runtime": "envoy.wasm.runtime.v8",
                "code": { "local": { "filename": self.module } },
            },
        });
        let written = (!self.config.is_null()).then(|| self.config.to_string());
        if let Some(config) = self.raw_config.clone().or(written) {
            plugin["configuration"] = json!({
                "@type": "type.googleapis.com/google.protobuf.StringValue",
                "value": config,
            });
        }
        if self.hold {
            plugin["allow_on_headers_stop_iteration"] = json!(true);
        }
        if let Some(policy) = &self.failure_policy {
            plugin["failure_policy"] = json!(policy);
            if policy == "FAIL_RELOAD" {
                plugin["reload_config"] = json!({ "backoff": { "base_interval": "0.1s" } });
            }
        }
        json!({
            "name": self.name,
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
                "config": plugin,
            },
        })
    }
}

/// Where the Envoy living in `dir` takes requests.
pub fn http_socket(dir: &Path) -> PathBuf {
    dir.join("http.sock")
}

/// Where the Envoy living in `dir` is administered.
pub fn admin_socket(dir: &Path) -> PathBuf {
    dir.join("admin.sock")
}

/// Where the Envoy living in `dir` logs requests, one JSON object a line.
pub fn access_log(dir: &Path) -> PathBuf {
    dir.join("access.log")
}

/// Where the Envoy living in `dir` reads a dynamic listener from.
pub fn listener_file(dir: &Path) -> PathBuf {
    dir.join("listener.json")
}

fn pipe(socket: &Path) -> Value {
    json!({ "pipe": { "path": socket } })
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}
