//! The chains compared: which filters stand in each and how they are configured.

use std::path::Path;

use serde_json::{Value, json};
use weir_testkit::bootstrap::{Bootstrap, Wasm};
use weir_testkit::envoy::find_module;
use weir_testkit::rig::stats_tags;

/// A filter of the suite as it is measured: its module, its `root_id`, its configuration. Every
/// limit is there and far away, so that everything is reckoned and nothing refused.
struct Filter {
    module: &'static str,
    root_id: &'static str,
    config: fn() -> Value,
}

/// In the order of a chain.
const FILTERS: [Filter; 4] = [
    Filter {
        module: "model_router",
        root_id: "model-router",
        config: || {
            json!({
                "identity": [{"header": "x-team"}],
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
            })
        },
    },
    Filter {
        module: "pii_redact",
        root_id: "pii-redact",
        config: || json!({}),
    },
    Filter {
        module: "token_limit",
        root_id: "token-limit",
        config: || {
            json!({
                "identity": [{"header": "x-team"}],
                "limits": [
                    {"name": "minute", "tokens": 1_000_000_000_000_u64, "window": "minute"},
                    {"name": "requests", "requests": 1_000_000_000, "window": "minute"},
                    {"name": "day", "tokens": 1_000_000_000_000_u64, "window": "day"},
                ],
            })
        },
    },
    Filter {
        module: "cost",
        root_id: "cost",
        config: || {
            json!({
                "identity": [{"header": "x-team"}],
                "budgets": [{"name": "day", "usd": 1_000_000, "window": "day"}],
            })
        },
    },
];

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
        let mut built = |module: &'static str| {
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
        let filters = FILTERS.iter();
        let filters: Vec<_> = filters
            .filter_map(|it| Some((it, built(it.module)?)))
            .collect();
        let separate = filters.iter();
        let separate: Vec<_> = separate
            .map(|(filter, module)| wasm(filter.root_id, module, (filter.config)()))
            .collect();
        for filter in &separate {
            chains.push(Self::new(&filter.root_id, vec![filter.clone()]));
        }
        let count = separate.len();
        chains.push(Self::new(
            &format!("all {count}, separate modules"),
            separate,
        ));
        if let Some(bundle) = built("weir") {
            let bundled = filters.iter();
            let bundled = bundled
                .map(|(it, _)| wasm(it.root_id, &bundle, (it.config)()))
                .collect();
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
