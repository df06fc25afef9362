//! A whole Envoy configuration: the filters of a connection manager together, and what of Envoy's
//! own settings they need.

use crate::document::{Mark, Node, Value};
use crate::filter::Filter;
use crate::finding::Findings;
use crate::plugin::{Plugin, of_envoy};

use super::settings::texts;
use super::{clusters, labels, models, plugin, routes, settings};

/// Envoy's default of `per_connection_buffer_limit_bytes`.
const ENVOY_BUFFER: u64 = 1 << 20;

/// Checks a document of Envoy's. Returns how many of our filters stand in it.
pub(super) fn check(document: &Node, findings: &mut Findings) -> usize {
    let mut managers: Vec<(&Node, Option<&Node>)> = Vec::new();
    let mut listeners = Vec::new();
    document.walk(&mut |node| {
        let chains = ["filter_chains", "default_filter_chain"];
        if chains.iter().any(|field| node.get(field).is_some()) {
            listeners.push(node);
        }
    });
    let known = |managers: &[(&Node, Option<&Node>)], node: &Node| {
        managers.iter().any(|(known, _)| std::ptr::eq(*known, node))
    };
    for listener in listeners.into_iter().map(Some).chain([None]) {
        listener.unwrap_or(document).walk(&mut |node| {
            if node.get("http_filters").is_some() && !known(&managers, node) {
                managers.push((node, listener));
            }
        });
    }
    let mut seen: Vec<&Node> = Vec::new();
    let mut all: Vec<Plugin<'_>> = Vec::new();
    for (manager, listener) in managers {
        let chain = Chain::of(manager, listener);
        seen.extend(chain.links.iter().filter_map(|link| link.config));
        chain.check(findings);
        all.extend(chain.links.into_iter().filter_map(|link| link.plugin));
    }
    // Those that stand elsewhere: an extension that is fetched by discovery, a patch.
    document.walk(&mut |node| {
        if is_plugin(node) && !seen.iter().any(|known| std::ptr::eq(*known, node)) {
            all.extend(of_envoy(node, ""));
            if let Some(found) = of_envoy(node, "") {
                alone(&found, findings);
            }
        }
    });
    one_store(&all.iter().collect::<Vec<_>>(), findings);
    let is_bootstrap = [
        "static_resources",
        "dynamic_resources",
        "admin",
        "stats_config",
    ];
    let is_bootstrap = is_bootstrap.iter().any(|f| document.get(f).is_some());
    let filters: Vec<Filter> = all.iter().filter_map(|plugin| plugin.filter).collect();
    if is_bootstrap && !all.is_empty() {
        labels::check(document, &filters, findings);
        clusters::check(document, &all, findings);
    }
    all.len()
}

/// What can be said of a plugin of which no chain is known.
pub(super) fn alone(found: &Plugin<'_>, findings: &mut Findings) {
    plugin::check(found, findings);
    settings::check(found, findings);
    models::check(&[found], findings);
}

/// Whether a mapping is the configuration of a Wasm plugin.
pub(super) fn is_plugin(node: &Node) -> bool {
    node.get("vm_config").is_some()
}

/// Our filters agree through shared data, whose scope is the `vm_id`.
pub(super) fn one_store(plugins: &[&Plugin<'_>], findings: &mut Findings) {
    let id = |plugin: &Plugin<'_>| {
        let vm = plugin.node.get("vm_config");
        let entry = vm.and_then(|vm| vm.field("vm_id"));
        let text = entry.and_then(|entry| entry.node.text());
        let mark = entry.or_else(|| plugin.node.field("vm_config"));
        (
            text.unwrap_or_default().to_owned(),
            mark.map_or(plugin.node.mark, |entry| entry.mark),
        )
    };
    let ids: Vec<(String, Mark)> = plugins.iter().map(|plugin| id(plugin)).collect();
    // What most of them have; of equals the first.
    let count = |wanted: &str| ids.iter().filter(|(id, _)| id == wanted).count();
    let Some((usual, mark)) = ids.iter().rev().max_by_key(|(id, _)| count(id)) else {
        return;
    };
    for ((id, at), plugin) in ids.iter().zip(plugins) {
        if id != usual {
            let message = format!(
                "{} has the `vm_id` `{id}`, another in line {} has `{usual}`: filters with \
                 different ones share no store",
                plugin.name(),
                mark.line
            );
            findings.warning(*at, "vm-id", message);
        }
    }
}

/// Filters that stand in another order than they have to.
pub(super) fn order(plugins: &[&Plugin<'_>], findings: &mut Findings) {
    for (at, later) in plugins.iter().enumerate() {
        let before = plugins.get(..at).unwrap_or_default();
        let Some(filter) = later.filter else {
            continue;
        };
        let mut behind = before
            .iter()
            .filter(|earlier| earlier.filter > Some(filter));
        if let Some(earlier) = behind.next() {
            let why = match filter {
                Filter::ModelRouter => "which knows neither model nor provider yet",
                Filter::PiiRedact => "which counts what is not what leaves",
                Filter::TokenLimit | Filter::Cost => "which then counts the tokens again",
            };
            let message = format!(
                "{} stands behind {} in line {}, {why}; the order is model-router, pii-redact, \
                 token-limit, cost",
                later.name(),
                earlier.name(),
                earlier.node.mark.line
            );
            findings.error(later.node.mark, "order", message);
        }
    }
}

/// A connection manager and its HTTP filters.
struct Chain<'a> {
    manager: &'a Node,
    listener: Option<&'a Node>,
    links: Vec<Link<'a>>,
}

/// An HTTP filter.
struct Link<'a> {
    node: &'a Node,
    /// The configuration of a Wasm plugin in it.
    config: Option<&'a Node>,
    /// It is ours.
    plugin: Option<Plugin<'a>>,
}

impl<'a> Link<'a> {
    fn is(&self, name: &str) -> bool {
        self.node
            .at(&["typed_config", "@type"])
            .and_then(Node::text)
            .is_some_and(|kind| kind.contains(name))
    }
}

impl<'a> Chain<'a> {
    fn of(manager: &'a Node, listener: Option<&'a Node>) -> Self {
        let filters = manager.get("http_filters");
        let links = filters.map_or(&[][..], Node::elements).iter().map(|node| {
            let mut config = None;
            node.walk(&mut |inner| {
                if is_plugin(inner) {
                    config.get_or_insert(inner);
                }
            });
            Link {
                node,
                config,
                plugin: config.and_then(|config| of_envoy(config, node.string("name"))),
            }
        });
        Self {
            manager,
            listener,
            links: links.collect(),
        }
    }

    fn plugins(&self) -> Vec<&Plugin<'a>> {
        let links = self.links.iter();
        links.filter_map(|link| link.plugin.as_ref()).collect()
    }

    fn check(&self, findings: &mut Findings) {
        let plugins = self.plugins();
        if plugins.is_empty() {
            return;
        }
        for found in &plugins {
            plugin::check(found, findings);
            settings::check(found, findings);
        }
        models::check(&plugins, findings);
        order(&plugins, findings);
        self.behind_router(findings);
        for (at, link) in self.links.iter().enumerate() {
            if let Some(found) = &link.plugin {
                self.identity(found, self.links.get(..at).unwrap_or_default(), findings);
            }
        }
        self.buffers(&plugins, findings);
        let router = plugins
            .iter()
            .find(|plugin| plugin.filter == Some(Filter::ModelRouter));
        if let (Some(router), Some(config)) = (router, self.manager.get("route_config")) {
            routes::check(config, router, findings);
        }
    }

    fn behind_router(&self, findings: &mut Findings) {
        let end = self.links.iter().position(|link| link.is(".router."));
        let behind = end
            .and_then(|end| self.links.get(end..))
            .unwrap_or_default();
        for found in behind.iter().filter_map(|link| link.plugin.as_ref()) {
            let message = format!(
                "{} stands behind Envoy's router, which has to be the last",
                found.name()
            );
            findings.error(found.node.mark, "order", message);
        }
    }

    /// Sources of identities are worth what stands before them.
    fn identity(&self, found: &Plugin<'_>, before: &[Link<'_>], findings: &mut Findings) {
        let sources = found.settings.get("identity");
        for (at, source) in sources.map_or(&[][..], Node::elements).iter().enumerate() {
            let place = format!("identity[{at}]");
            let mark = found.settings.outer(source.mark);
            let by_address = source.get("source_ip").is_some_and(Node::is_true);
            let own_means = "original_ip_detection_extensions";
            let trusted = |field| self.manager.get(field);
            if by_address
                && !trusted("use_remote_address").is_some_and(Node::is_true)
                && trusted(own_means).is_none()
            {
                let message = format!(
                    "at `{place}`: without `use_remote_address: true` a caller says by \
                     `x-forwarded-for` which address it has"
                );
                findings.warning(mark, "client-address", message);
            }
            if let Some(claim) = source.get("jwt_claim")
                && !before.iter().any(|link| link.is(".jwt_authn."))
                && !before
                    .iter()
                    .any(|link| link.node.get("config_discovery").is_some())
            {
                let message = format!(
                    "at `{place}`: no `jwt_authn` filter before this one verifies the claim `{}`",
                    texts(claim).join(".")
                );
                findings.warning(mark, "unverified-identity", message);
            }
            let secret = source.get("secret").is_some_and(Node::is_true);
            if let Some(header) = source.get("header").and_then(Node::text)
                && !secret
                && !self.is_set_here(header, before)
            {
                let message = format!(
                    "at `{place}`: nothing before this filter sets or removes `{header}`: callers \
                     say by it who they are"
                );
                findings.warning(mark, "forgeable-identity", message);
            }
        }
    }

    /// Whether something before our filter deals with a header, as far as can be seen.
    fn is_set_here(&self, header: &str, before: &[Link<'_>]) -> bool {
        let early = self.manager.get("early_header_mutation_extensions");
        let named = |node: &Node| {
            let mut found = false;
            node.walk(&mut |inner| {
                found |= match &inner.value {
                    Value::Text(text, _) => text
                        .to_ascii_lowercase()
                        .contains(&header.to_ascii_lowercase()),
                    _ => false,
                }
            });
            found
        };
        // What these do is said elsewhere.
        let opaque = |link: &Link<'_>| {
            [
                ".ext_authz.",
                ".ext_proc.",
                ".wasm.",
                ".golang.",
                ".dynamic_modules.",
            ]
            .iter()
            .any(|kind| link.plugin.is_none() && link.is(kind))
                || link.node.get("config_discovery").is_some()
        };
        early.is_some_and(named)
            || before
                .iter()
                .any(|link| opaque(link) || (link.plugin.is_none() && named(link.node)))
    }

    /// Envoy answers bodies beyond its own limits before a filter can.
    fn buffers(&self, plugins: &[&Plugin<'_>], findings: &mut Findings) {
        let greedy = plugins.iter().max_by_key(|plugin| plugin.max_body_bytes());
        let Some((needed, name)) = greedy.map(|p| (p.max_body_bytes(), p.name())) else {
            return;
        };
        let mut on_hosts = Vec::new();
        let hosts = self.manager.at(&["route_config", "virtual_hosts"]);
        for host in hosts.map_or(&[][..], Node::elements) {
            let routes = host.get("routes").map_or(&[][..], Node::elements);
            for node in std::iter::once(host).chain(routes) {
                on_hosts.extend(node.field("request_body_buffer_limit"));
            }
        }
        for entry in &on_hosts {
            let limit = entry.node.number().unwrap_or(u64::MAX);
            if limit < needed {
                let message = format!(
                    "Envoy answers requests beyond {limit} bytes with 413 by itself, before {name} \
                     has read the {needed} it is set to read"
                );
                findings.warning(entry.mark, "buffer-limit", message);
            }
        }
        let Some(listener) = self.listener else {
            return;
        };
        let entry = listener.field("per_connection_buffer_limit_bytes");
        let limit = entry.map_or(Some(ENVOY_BUFFER), |entry| entry.node.number());
        let Some(limit) = limit.filter(|limit| *limit < needed) else {
            return;
        };
        let (mark, set) = match entry {
            Some(entry) => (entry.mark, "at"),
            None => (listener.mark, "missing, which means"),
        };
        let message = format!(
            "`per_connection_buffer_limit_bytes` is {set} {limit}: Envoy fails longer requests and \
             held answers by itself, before {name} has read the {needed} bytes it is set to read"
        );
        findings.warning(mark, "buffer-limit", message);
    }
}
