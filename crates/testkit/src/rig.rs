//! An Envoy and its mock upstreams, put together.

use std::path::{Path, PathBuf};

use mock_llm::{Listen, MockLlm, Options};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::bootstrap::{Bootstrap, Wasm};
use crate::client::Client;
use crate::envoy::Envoy;

/// A running Envoy before mock upstreams. Each upstream is a cluster of its name, to which
/// requests go that carry `x-ai-provider: <name>`; all others go to the first.
pub struct Rig {
    /// The Envoy.
    pub envoy: Envoy,
    upstreams: Vec<(String, MockLlm)>,
    _dir: TempDir,
}

/// Every fact a filter leaves, as keys of the access log.
const FACTS: &[&str] = &[
    "api",
    "model",
    "upstream_model",
    "response_model",
    "provider",
    "identity",
    "stream",
    "input_tokens",
    "output_tokens",
    "total_tokens",
    "cached_tokens",
    "reasoning_tokens",
    "tokens_source",
    "cost_picousd",
    "cost_usd",
    "priced",
    "ttft_ms",
    "verdict",
    "rule",
    "redacted",
];

/// Labels of the suite's metrics.
const LABELS: &[&str] = &[
    "filter",
    "api",
    "model",
    "provider",
    "identity",
    "rule",
    "verdict",
    "direction",
    "call",
    "type",
    "source",
    "fault",
    "placement",
    "version",
    "commit",
    "config",
    "action",
];

impl Rig {
    /// Starts upstreams of these names and an Envoy with two workers before them; `setup` adds
    /// the filters under test.
    pub async fn start(upstreams: &[&str], setup: impl FnOnce(Bootstrap) -> Bootstrap) -> Self {
        Self::start_with(upstreams, 2, false, setup).await
    }

    /// As [`Rig::start`], with as many workers as given, speaking HTTP/2 to the upstreams if so.
    pub async fn start_with(
        upstreams: &[&str],
        workers: u32,
        http2: bool,
        setup: impl FnOnce(Bootstrap) -> Bootstrap,
    ) -> Self {
        let (upstreams, dir) = start_upstreams(upstreams).await;
        let bootstrap = setup(bootstrap(&upstreams, dir.path(), http2));
        Self {
            envoy: Envoy::start(&bootstrap, workers).await,
            upstreams,
            _dir: dir,
        }
    }

    /// As [`Rig::start`]; `setup` also gets the sockets of the upstreams, by name.
    pub async fn start_by_sockets(
        upstreams: &[&str],
        setup: impl FnOnce(Bootstrap, &dyn Fn(&str) -> String) -> Bootstrap,
    ) -> Self {
        let (upstreams, dir) = start_upstreams(upstreams).await;
        let path = |name: &str| socket(dir.path(), name).display().to_string();
        let bootstrap = setup(bootstrap(&upstreams, dir.path(), false), &path);
        Self {
            envoy: Envoy::start(&bootstrap, 2).await,
            upstreams,
            _dir: dir,
        }
    }

    /// As [`Rig::start`] with a listener that can be replaced; returns its bootstrap too, made
    /// by `setup` again for the replacement.
    pub async fn start_dynamic(
        upstreams: &[&str],
        setup: impl Fn(Bootstrap) -> Bootstrap,
    ) -> (Self, Bootstrap) {
        let (upstreams, dir) = start_upstreams(upstreams).await;
        let plain = bootstrap(&upstreams, dir.path(), false).dynamic_listener(true);
        let rig = Self {
            envoy: Envoy::start(&setup(plain.clone()), 2).await,
            upstreams,
            _dir: dir,
        };
        (rig, plain)
    }

    /// The upstream of this name.
    pub fn upstream(&self, name: &str) -> &MockLlm {
        let found = self.upstreams.iter().find(|(n, _)| n == name);
        &found.unwrap_or_else(|| panic!("no upstream `{name}`")).1
    }

    /// Stops the upstream of this name.
    pub fn stop_upstream(&mut self, name: &str) {
        self.upstreams.retain(|(n, _)| n != name);
    }

    /// An HTTP/1.1 client.
    pub fn h1(&self) -> Client {
        Client::h1(self.envoy.socket())
    }

    /// An HTTP/2 client.
    pub fn h2(&self) -> Client {
        Client::h2(self.envoy.socket())
    }
}

async fn start_upstreams(names: &[&str]) -> (Vec<(String, MockLlm)>, TempDir) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut upstreams = Vec::new();
    for name in names {
        let options = Options {
            name: (*name).to_owned(),
            record: true,
        };
        let listen = Listen::Unix(socket(dir.path(), name));
        let mock = MockLlm::start(listen, options)
            .await
            .expect("a mock upstream");
        upstreams.push(((*name).to_owned(), mock));
    }
    (upstreams, dir)
}

fn socket(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("{name}.sock"))
}

fn bootstrap(upstreams: &[(String, MockLlm)], dir: &Path, http2: bool) -> Bootstrap {
    let mut bootstrap = Bootstrap::new()
        .access_log_format(facts())
        .stats_tags(stats_tags());
    for (name, _) in upstreams {
        bootstrap = bootstrap
            .cluster(name, &socket(dir, name), http2)
            .route_on_header("x-ai-provider", name, name);
    }
    bootstrap
}

/// Access log keys for every fact.
fn facts() -> Value {
    let keys = FACTS.iter().map(|fact| {
        let value = format!("%FILTER_STATE(wasm.weir.{fact}:PLAIN)%");
        ((*fact).to_owned(), Value::from(value))
    });
    Value::Object(keys.collect())
}

/// The `stats_tags` that turn our metric names into Prometheus labels.
pub fn stats_tags() -> Value {
    LABELS
        .iter()
        .map(|label| json!({"tag_name": label, "regex": format!(r"^wasmcustom\..*?(;{label}=([^;]*))")}))
        .collect()
}

/// token-limit with this configuration.
pub fn token_limit(config: Value) -> Wasm {
    Wasm {
        root_id: "token-limit".to_owned(),
        hold: config["hold"] == true,
        config,
        ..Wasm::new("weir.token-limit", crate::envoy::module("token_limit"))
    }
}

/// pii-redact with this configuration.
pub fn pii_redact(config: Value) -> Wasm {
    Wasm {
        root_id: "pii-redact".to_owned(),
        hold: config["hold"] == true,
        config,
        ..Wasm::new("weir.pii-redact", crate::envoy::module("pii_redact"))
    }
}

/// cost with this configuration.
pub fn cost(config: Value) -> Wasm {
    Wasm {
        root_id: "cost".to_owned(),
        hold: config["hold"] == true,
        config,
        ..Wasm::new("weir.cost", crate::envoy::module("cost"))
    }
}

/// model-router with this configuration.
pub fn model_router(config: Value) -> Wasm {
    Wasm {
        root_id: "model-router".to_owned(),
        config,
        hold: true,
        ..Wasm::new("weir.model-router", crate::envoy::module("model_router"))
    }
}
