//! Manifests of Istio and Envoy Gateway. What the cluster adds to them cannot be seen here.

use crate::document::{Mark, Node};
use crate::finding::Findings;
use crate::plugin::{Plugin, of_envoy, of_gateway, of_istio};

use super::chain::{alone, is_plugin, one_store, order};

/// Checks all manifests of a file. Returns how many of our filters stand in them.
pub(super) fn check(documents: &[Node], beside: &[&Node], findings: &mut Findings) -> usize {
    let mut istio: Vec<(Rank<'_>, Plugin<'_>)> = Vec::new();
    let mut patched: Vec<Patched<'_>> = Vec::new();
    let mut gateway = Vec::new();
    for document in documents {
        match document.string("kind") {
            "WasmPlugin" | "TrafficExtension" => {
                let plugin = of_istio(document);
                istio.extend(plugin.map(|plugin| (Rank::of(document), plugin)));
            }
            "EnvoyExtensionPolicy" => {
                let wasm = document.at(&["spec", "wasm"]);
                let wasm = wasm.map_or(&[][..], Node::elements);
                let plugins = wasm.iter().enumerate().filter_map(|(at, wasm)| {
                    let is_patched = beside.iter().any(|other| sets_flag(other, document, at));
                    of_gateway(wasm).map(|plugin| Plugin {
                        is_patched,
                        ..plugin
                    })
                });
                let plugins: Vec<Plugin<'_>> = plugins.collect();
                order(&plugins.iter().collect::<Vec<_>>(), findings);
                gateway.extend(plugins);
            }
            // An EnvoyFilter, an EnvoyPatchPolicy, a ConfigMap.
            _ if document.get("apiVersion").is_some() => patched.extend(patches(document)),
            _ => {}
        }
    }
    let in_patches: Vec<&Plugin<'_>> = patched.iter().map(|patch| &patch.plugin).collect();
    for plugin in &in_patches {
        alone(plugin, findings);
    }
    one_store(&in_patches, findings);
    in_order(&patched, findings);
    istio_order(&istio, &patched, findings);
    for (_, plugin) in &istio {
        alone(plugin, findings);
    }
    for plugin in &gateway {
        alone(plugin, findings);
    }
    let all: Vec<&Plugin<'_>> = istio
        .iter()
        .map(|(_, plugin)| plugin)
        .chain(&gateway)
        .collect();
    let all: Vec<&Plugin<'_>> = all.into_iter().chain(in_patches).collect();
    limits(documents, &all, findings);
    if let Some(first) = gateway.first()
        && !beside.iter().any(|other| limits_bodies(other))
    {
        let message = "no ClientTrafficPolicy here raises Envoy Gateway's limit of 32 KiB: longer \
                       prompts are answered with 413";
        findings.warning(first.node.mark, "buffer-limit", message);
    }
    all.len()
}

/// Whether a document patches the flag that lets headers be held into what Envoy Gateway makes of
/// the plugin at this place of a policy.
fn sets_flag(document: &Node, policy: &Node, at: usize) -> bool {
    let name = |field| policy.at(&["metadata", field]).and_then(Node::text);
    let (namespace, name) = (name("namespace").unwrap_or("default"), name("name"));
    let filter = format!("/{namespace}/{}/wasm/{at}'", name.unwrap_or_default());
    let patches = document.at(&["spec", "jsonPatches"]);
    document.string("kind") == "EnvoyPatchPolicy"
        && patches.map_or(&[][..], Node::elements).iter().any(|patch| {
            let Some(operation) = patch.get("operation") else {
                return false;
            };
            let place = operation.string("jsonPath").replace('"', "'");
            operation.string("path").trim_start_matches('/') == "allow_on_headers_stop_iteration"
                && operation.get("value").is_some_and(Node::is_true)
                && place.contains(&filter)
        })
}

/// Whether a document is the policy that sets Envoy Gateway's limit of bodies.
fn limits_bodies(document: &Node) -> bool {
    document.string("kind") == "ClientTrafficPolicy"
        && document
            .at(&["spec", "connection", "bufferLimit"])
            .is_some()
}

/// Limits of bodies that are set here and too low.
fn limits(documents: &[Node], plugins: &[&Plugin<'_>], findings: &mut Findings) {
    let greedy = plugins.iter().max_by_key(|plugin| plugin.max_body_bytes());
    let Some((needed, name)) = greedy.map(|p| (p.max_body_bytes(), p.name())) else {
        return;
    };
    let mut tell = |mark: Mark, limit: u64| {
        if limit < needed {
            let message = format!(
                "Envoy answers bodies beyond {limit} bytes by itself, before {name} has read the \
                 {needed} it is set to read"
            );
            findings.warning(mark, "buffer-limit", message);
        }
    };
    for document in documents {
        match document.string("kind") {
            "ClientTrafficPolicy" => {
                let connection = document.at(&["spec", "connection"]);
                let entry = connection.and_then(|node| node.field("bufferLimit"));
                if let Some(entry) = entry
                    && let Some(limit) = quantity(entry.node.text().unwrap_or_default())
                {
                    tell(entry.mark, limit);
                }
            }
            "EnvoyFilter" => document.walk(&mut |node| {
                for field in [
                    "per_connection_buffer_limit_bytes",
                    "request_body_buffer_limit",
                ] {
                    if let Some(entry) = node.field(field)
                        && let Some(limit) = entry.node.number()
                    {
                        tell(entry.mark, limit);
                    }
                }
            }),
            _ => {}
        }
    }
}

/// A quantity of Kubernetes in bytes.
fn quantity(text: &str) -> Option<u64> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(digits)?;
    let factor: u64 = match unit {
        "" => 1,
        "k" => 1000,
        "M" => 1_000_000,
        "G" => 1_000_000_000,
        "Ki" => 1 << 10,
        "Mi" => 1 << 20,
        "Gi" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

/// Where Istio puts a plugin among others.
struct Rank<'a> {
    /// The sort of the phase.
    phase: u8,
    priority: i64,
    /// Plugins for other workloads have nothing to do with each other.
    target: Option<(String, &'a str)>,
}

impl<'a> Rank<'a> {
    fn of(manifest: &'a Node) -> Self {
        let spec = manifest.get("spec");
        let text = |field| spec.and_then(|spec| spec.get(field)).and_then(Node::text);
        let whom = |field| spec.and_then(|spec| spec.get(field)).map(Node::json);
        let namespace = manifest.at(&["metadata", "namespace"]);
        Self {
            phase: match text("phase") {
                Some("AUTHN") => 0,
                Some("AUTHZ") => 1,
                Some("STATS") => 2,
                _ => 3,
            },
            priority: text("priority").and_then(|p| p.parse().ok()).unwrap_or(0),
            target: Some((
                format!("{:?}{:?}", whom("selector"), whom("targetRefs")),
                namespace.and_then(Node::text).unwrap_or_default(),
            )),
        }
    }
}

/// Plugins of one file for one workload: their phases and priorities are their order.
fn istio_order(istio: &[(Rank<'_>, Plugin<'_>)], patched: &[Patched<'_>], findings: &mut Findings) {
    for (at, (rank, plugin)) in istio.iter().enumerate() {
        for (other, earlier) in istio.get(..at).unwrap_or_default() {
            let known = plugin.filter.is_some() && earlier.filter.is_some();
            if !known || rank.target != other.target || plugin.filter == earlier.filter {
                continue;
            }
            let place = |rank: &Rank<'_>| (rank.phase, -rank.priority);
            let (first, second) = match earlier.filter < plugin.filter {
                true => ((other, earlier), (rank, plugin)),
                false => ((rank, plugin), (other, earlier)),
            };
            let names = (first.1.name(), second.1.name());
            match place(first.0).cmp(&place(second.0)) {
                std::cmp::Ordering::Less => {}
                std::cmp::Ordering::Equal => {
                    let message = format!(
                        "{} and {} have the same `phase` and `priority`: give {} the higher \
                         `priority`, it has to come first",
                        names.0, names.1, names.0
                    );
                    findings.warning(plugin.node.mark, "order", message);
                }
                std::cmp::Ordering::Greater => {
                    let message = format!(
                        "{} comes before {} by its `phase` and `priority`; the order is \
                         model-router, pii-redact, token-limit, cost",
                        names.1, names.0
                    );
                    findings.error(plugin.node.mark, "order", message);
                }
            }
        }
    }
    for patch in patched.iter().filter(|patch| patch.before_router) {
        let late = istio.iter().find(|(_, p)| p.filter > patch.plugin.filter);
        if let Some((_, early)) = late {
            let message = format!(
                "Istio puts what an EnvoyFilter inserts before the router behind every plugin of \
                 its own, so {} comes behind {}: put both into the EnvoyFilter",
                patch.plugin.name(),
                early.name()
            );
            findings.error(patch.plugin.node.mark, "order", message);
        }
    }
}

/// A plugin that a manifest patches into Envoy's configuration.
struct Patched<'a> {
    plugin: Plugin<'a>,
    /// Its place among those that are inserted before the router; none when it is not known.
    turn: Option<usize>,
    before_router: bool,
}

/// The plugins of a manifest's patches.
fn patches(manifest: &Node) -> Vec<Patched<'_>> {
    let list = manifest.at(&["spec", "configPatches"]);
    let list = list.map_or(&[][..], Node::elements);
    let mut found = Vec::new();
    manifest.walk(&mut |node| {
        if !is_plugin(node) {
            return;
        }
        let Some(plugin) = of_envoy(node, "") else {
            return;
        };
        // The filter that is inserted says it all itself, or names what another patch adds.
        let holds = |patch: &Node| {
            let mut holds = false;
            patch.walk(&mut |inner| holds |= std::ptr::eq(inner, node));
            holds
        };
        let name = list
            .iter()
            .find(|patch| holds(patch))
            .and_then(|patch| patch.at(&["patch", "value", "name"]))
            .and_then(Node::text);
        let inserted = list.iter().enumerate().find(|(_, patch)| {
            let value = patch.at(&["patch", "value"]);
            let same = value.map(|value| value.string("name")) == name;
            patch.string("applyTo") == "HTTP_FILTER" && (same && name.is_some() || holds(patch))
        });
        let operation = inserted.and_then(|(_, patch)| patch.at(&["patch", "operation"]));
        let before = operation.and_then(Node::text) == Some("INSERT_BEFORE");
        let target = inserted.and_then(|(_, patch)| {
            patch.at(&[
                "match",
                "listener",
                "filterChain",
                "filter",
                "subFilter",
                "name",
            ])
        });
        let router = target.and_then(Node::text) == Some("envoy.filters.http.router");
        found.push(Patched {
            plugin,
            turn: inserted.map(|(at, _)| at).filter(|_| before && router),
            before_router: before && router,
        });
    });
    found
}

/// Those inserted before the router stand in the order of their patches.
fn in_order(patched: &[Patched<'_>], findings: &mut Findings) {
    let mut inserted: Vec<&Patched<'_>> = patched.iter().filter(|p| p.turn.is_some()).collect();
    inserted.sort_by_key(|patch| patch.turn);
    let plugins: Vec<&Plugin<'_>> = inserted.iter().map(|patch| &patch.plugin).collect();
    order(&plugins, findings);
}
