//! The configuration of a scenario, on unix sockets.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use weir_testkit::bootstrap::{admin_socket, http_socket};
use weir_testkit::envoy::module;

use super::root;

/// The ports an Envoy would listen on, and the sockets it listens on instead.
pub(super) type Sockets = Vec<(u16, PathBuf)>;

/// Where an upstream that is said to be at `host:port` is looked for.
pub(super) fn upstream_socket(dir: &Path, address: &str) -> PathBuf {
    dir.join(address.replace(':', "_"))
}

/// The configuration for an Envoy that lives in `own`, whose upstreams have their sockets in
/// `upstreams`; and where it listens, the ports moved by `shift`.
pub(super) fn rewrite(
    config: &Value,
    own: &Path,
    upstreams: &Path,
    files: &BTreeMap<String, PathBuf>,
    shift: u16,
) -> (Value, Sockets) {
    let mut config = config.clone();
    let mut bound = BTreeMap::new();
    let mut bind = |address: &mut Value, socket: PathBuf| {
        if let Some((host, port)) = socket_address(address) {
            bound.insert(format!("{host}:{port}"), (port, socket.clone()));
            *address = pipe(&socket);
        }
    };
    bind(&mut config["admin"]["address"], admin_socket(own));
    let listeners = config["static_resources"]["listeners"].as_array_mut();
    for (index, listener) in listeners.into_iter().flatten().enumerate() {
        let port = socket_address(&listener["address"]).map_or(0, |(_, port)| port);
        let socket = match index {
            0 => http_socket(own),
            _ => own.join(format!("{port}.sock")),
        };
        bind(&mut listener["address"], socket);
    }
    let places = Places {
        bound: &bound,
        upstreams,
        files,
    };
    places.rewrite(&mut config);
    let sockets = bound.values();
    let sockets = sockets.map(|(port, socket)| (port + shift, socket.clone()));
    let sockets = sockets.collect();
    (config, sockets)
}

/// What stands where.
struct Places<'a> {
    bound: &'a BTreeMap<String, (u16, PathBuf)>,
    upstreams: &'a Path,
    files: &'a BTreeMap<String, PathBuf>,
}

impl Places<'_> {
    fn rewrite(&self, value: &mut Value) {
        match value {
            Value::String(text) => {
                if let Some(file) = self.file(text) {
                    *text = file.display().to_string();
                }
            }
            Value::Array(list) => list.iter_mut().for_each(|it| self.rewrite(it)),
            Value::Object(map) => {
                if map.contains_key("load_assignment") {
                    resolve_nothing(map);
                }
                if let Some(endpoint) = map.get_mut("endpoint") {
                    self.endpoint(endpoint);
                }
                map.values_mut().for_each(|it| self.rewrite(it));
            }
            _ => {}
        }
    }

    /// Puts a socket in place of an endpoint's address. A name stays the endpoint's name, as it
    /// does when Envoy resolves it, so that `auto_host_rewrite` and `auto_sni` find it.
    fn endpoint(&self, endpoint: &mut Value) {
        let Some((host, port)) = socket_address(&endpoint["address"]) else {
            return;
        };
        let address = format!("{host}:{port}");
        let socket = match self.bound.get(&address) {
            Some((_, socket)) => socket.clone(),
            None => upstream_socket(self.upstreams, &address),
        };
        endpoint["address"] = pipe(&socket);
        if host.parse::<std::net::IpAddr>().is_err() && endpoint.get("hostname").is_none() {
            endpoint["hostname"] = json!(host);
        }
    }

    /// The file in place of a path: the test's own, a module, or what lies in the scenario's
    /// folder of the checkout, from which people start Envoy.
    fn file(&self, text: &str) -> Option<PathBuf> {
        if let Some(file) = self.files.get(text) {
            return Some(file.clone());
        }
        if let Some(name) = text.strip_prefix("target/weir/") {
            return Some(module(name.strip_suffix(".wasm")?));
        }
        let file = root().join(text);
        if !text.starts_with("envoy/") || !file.is_file() {
            return None;
        }
        match file.extension()?.to_str()? {
            "yaml" => Some(self.watched(&file)),
            _ => Some(file),
        }
    }

    /// What Envoy reads by itself, such as secrets, with its own files replaced.
    fn watched(&self, file: &Path) -> PathBuf {
        let mut content = serde_yaml_ng::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        self.rewrite(&mut content);
        let copy = self.upstreams.join(file.file_name().unwrap());
        std::fs::write(&copy, content.to_string()).unwrap();
        copy
    }
}

/// A socket has no name to look up.
fn resolve_nothing(cluster: &mut serde_json::Map<String, Value>) {
    let by_name = ["STRICT_DNS", "LOGICAL_DNS"].map(Value::from);
    if cluster.get("type").is_some_and(|it| by_name.contains(it)) {
        cluster.insert("type".to_owned(), json!("STATIC"));
        cluster.retain(|key, _| !key.contains("dns_"));
    }
}

fn socket_address(address: &Value) -> Option<(String, u16)> {
    let address = address.get("socket_address")?;
    let port = address["port_value"].as_u64()?;
    Some((
        address["address"].as_str()?.to_owned(),
        port.try_into().ok()?,
    ))
}

fn pipe(socket: &Path) -> Value {
    json!({"pipe": {"path": socket}})
}
