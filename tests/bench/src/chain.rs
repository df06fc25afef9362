//! The chains compared: which filters stand in each and how they are configured.

use std::path::Path;

use serde_json::{Value, json};
use weir_testkit::bootstrap::{Bootstrap, Wasm};
use weir_testkit::envoy::find_module;
use weir_testkit::rig::stats_tags;

/// The filters in the order of a chain, by module, with what they are given. Every limit is there
/// and far away, so that everything is reckoned and nothing refused.
fn filters() -> [(&'static str, Value); 4] {
    let identity = json!([{"header": "x-team"}]);
    let far = 1_000_000_000_000_u64;
    let router = json!({
        "identity": identity,
        "models": {
            "gpt-4.1": {"provider": "openai", "context_window": 1_047_576},
            "gpt-4.1-mini": {"provider": "openai", "aliases": ["fast"]},
            "text-embedding-3-small": {"provider": "openai"},
        },
        "access": [{"identity": "*"}],
        "rules": [
            {"name": "huge", "match": {"prompt_tokens": {"min": 100_000_000}},
             "deny": {"message": "Too long."}},
            {"name": "auto", "match": {"model": "auto"}, "to": {"model": "gpt-4.1"}},
        ],
        "restore_model": true,
    });
    let limits = json!([
        {"name": "minute", "tokens": far, "window": "minute"},
        {"name": "requests", "requests": far, "window": "minute"},
        {"name": "day", "tokens": far, "window": "day"},
    ]);
    let budgets = json!([{"name": "day", "usd": 1_000_000, "window": "day"}]);
    [
        ("model_router", router),
        ("pii_redact", json!({})),
        (
            "token_limit",
            json!({"identity": identity, "limits": limits}),
        ),
        ("cost", json!({"identity": identity, "budgets": budgets})),
    ]
}

/// What stands between the client and the upstream.
#[derive(Clone, Debug)]
pub(crate) struct Chain {
    pub(crate) name: String,
    filters: Vec<Wasm>,
}

/// The name of the chain all others are compared with.
pub(crate) const PLAIN: &str = "plain Envoy";

impl Chain {
    /// Every chain whose modules have been built, plain Envoy first, and the names of what is
    /// missing.
    pub(crate) fn all() -> (Vec<Self>, Vec<String>) {
        let mut missing = Vec::new();
        let mut built = |module: &str| {
            let found = find_module(module);
            if found.is_none() {
                missing.push(format!("{module}.wasm"));
            }
            found
        };
        let mut chains = vec![Self::new(PLAIN, Vec::new())];
        if let Some(probe) = built("probe") {
            let probe = wasm("probe", &probe, json!({}));
            chains.push(Self::new("no-op wasm filter", vec![probe]));
        }
        let bundle = built("weir");
        let (mut separate, mut bundled) = (Vec::new(), Vec::new());
        for (name, config) in filters() {
            let Some(module) = built(name) else { continue };
            let root_id = name.replace('_', "-");
            let filter = wasm(&root_id, &module, config.clone());
            chains.push(Self::new(&root_id, vec![filter.clone()]));
            separate.push(filter);
            bundled.extend(bundle.as_ref().map(|bundle| wasm(&root_id, bundle, config)));
        }
        let count = separate.len();
        chains.push(Self::new(
            &format!("all {count}, separate modules"),
            separate,
        ));
        if bundle.is_some() {
            chains.push(Self::new(&format!("all {count}, one module"), bundled));
        }
        (chains, missing)
    }

    fn new(name: &str, filters: Vec<Wasm>) -> Self {
        Self {
            name: name.to_owned(),
            filters,
        }
    }

    /// Envoy's configuration with this chain before the upstream at `socket`.
    pub(crate) fn bootstrap(&self, socket: &Path) -> Bootstrap {
        let plain = Bootstrap::new()
            .stats_tags(stats_tags())
            .cluster("openai", socket, false);
        self.filters.iter().cloned().fold(plain, Bootstrap::wasm)
    }
}

/// A filter, loaded as the shipped configurations load it.
fn wasm(root_id: &str, module: &Path, config: Value) -> Wasm {
    Wasm {
        config,
        hold: root_id == "model-router",
        failure_policy: Some("FAIL_RELOAD".to_owned()),
        ..Wasm::new(root_id, module)
    }
}
