//! Models and providers that are named where nobody declares them.
//!
//! Only where model-router has a list of models and refuses others is it known which there are.

use crate::document::{Mark, Node, Value};
use crate::filter::Filter;
use crate::finding::Findings;
use crate::plugin::Plugin;

use super::glob::{alike, overlap};
use super::settings::texts;

/// Checks the plugins of a chain, in its order.
pub(super) fn check(plugins: &[&Plugin<'_>], findings: &mut Findings) {
    let router = |plugin: &&&Plugin<'_>| plugin.filter == Some(Filter::ModelRouter);
    let Some(router) = plugins.iter().find(router) else {
        return;
    };
    let Some(declared) = Declared::of(router) else {
        return;
    };
    declared.check_rules(router, findings);
    declared.check_access(router, findings);
    for plugin in plugins {
        let list = match plugin.filter {
            Some(Filter::PiiRedact) => "rules",
            Some(Filter::TokenLimit) => "limits",
            Some(Filter::Cost) => "budgets",
            Some(Filter::ModelRouter) | None => continue,
        };
        declared.check_others(plugin, list, findings);
    }
}

/// What model-router declares.
struct Declared<'a> {
    models: Vec<Model<'a>>,
    providers: Vec<&'a str>,
    /// What rules say of models, which are names too.
    ruled: Vec<&'a str>,
}

struct Model<'a> {
    name: &'a str,
    upstream: &'a str,
    aliases: Vec<&'a str>,
}

impl<'a> Declared<'a> {
    /// None when a model need not be declared.
    fn of(router: &'a Plugin<'_>) -> Option<Self> {
        let settings = &router.settings;
        let passes = settings
            .get("unknown_models")
            .is_some_and(|node| node.text() == Some("pass"));
        let models: Vec<Model<'a>> = settings
            .get("models")?
            .entries()
            .iter()
            .map(|entry| Model {
                name: &entry.key,
                upstream: match entry.node.string("upstream_model") {
                    "" => &entry.key,
                    upstream => upstream,
                },
                aliases: entry.node.get("aliases").map(texts).unwrap_or_default(),
            })
            .collect();
        if models.is_empty() || passes {
            return None;
        }
        let entries = settings.get("models")?.entries().iter();
        let mut providers: Vec<&str> = entries.map(|e| e.node.string("provider")).collect();
        let mut ruled = Vec::new();
        for rule in settings.get("rules").map_or(&[][..], Node::elements) {
            // What is refused is no model that others could see.
            if let Some(to) = rule.get("to") {
                to.walk(&mut |node| providers.push(node.string("provider")));
                ruled.extend(rule.at(&["match", "model"]).map(texts).unwrap_or_default());
            }
        }
        providers.retain(|provider| !provider.is_empty());
        Some(Self {
            models,
            providers,
            ruled,
        })
    }

    /// Names and aliases as they are written.
    fn written(&self) -> impl Iterator<Item = &'a str> {
        let plain = |alias: &&str| !alias.contains(['*', '?']);
        self.models.iter().flat_map(move |m| {
            std::iter::once(m.name).chain(m.aliases.iter().copied().filter(plain))
        })
    }

    /// Everything a model can be called in a request or towards the upstream.
    fn all(&self) -> impl Iterator<Item = &'a str> {
        let names = |m: &Model<'a>| {
            let aliases = m.aliases.clone();
            [m.name, m.upstream].into_iter().chain(aliases)
        };
        self.models.iter().flat_map(names)
    }

    fn is_known(&self, glob: &str) -> bool {
        let glob = glob.to_lowercase();
        self.all()
            .chain(self.ruled.iter().copied())
            .any(|name| overlap(&glob, &name.to_lowercase()))
    }

    fn check_rules(&self, router: &Plugin<'_>, findings: &mut Findings) {
        let rules = router.settings.get("rules").map_or(&[][..], Node::elements);
        for (at, rule) in rules.iter().enumerate() {
            let Some(model) = rule.at(&["match", "model"]) else {
                continue;
            };
            let denies = rule.get("deny").is_some();
            for (place, mark, glob) in globs(model, &format!("rules[{at}].match.model")) {
                let mark = router.settings.outer(mark);
                if self.written().any(|name| overlap(glob, name)) {
                    continue;
                }
                let at = format!("at `{place}`: no model is declared as `{glob}`");
                if denies {
                    if !self.all().any(|name| overlap(glob, name)) {
                        let message = format!("{at}, and what is not declared is refused already");
                        findings.warning(mark, "undeclared-model", message);
                    }
                    continue;
                }
                let pattern = self.models.iter().find_map(|model| {
                    let mut aliases = model.aliases.iter();
                    let alias = aliases.find(|alias| overlap(glob, alias))?;
                    Some((alias, model.name))
                });
                // A rule may name a model of its own, as `auto`: one that it sends somewhere.
                let targets = rule.get("to").is_some_and(|to| {
                    let mut found = false;
                    to.walk(&mut |node| {
                        let fields = ["model", "cheapest_of", "provider"];
                        found |= fields.iter().any(|field| node.get(field).is_some());
                    });
                    found
                });
                let meant = self.written().find(|name| alike(glob, name));
                let message = match (pattern, meant) {
                    (Some((alias, name)), _) => format!(
                        "{at}: a request for what `{alias}` takes in is one for `{name}` to rules"
                    ),
                    (None, Some(meant)) => format!("{at}; is `{meant}` meant?"),
                    (None, None) if !targets => {
                        format!("{at}, and the rule names neither a model nor a provider for it")
                    }
                    (None, None) => continue,
                };
                findings.warning(mark, "undeclared-model", message);
            }
        }
    }

    fn check_access(&self, router: &Plugin<'_>, findings: &mut Findings) {
        let entries = router
            .settings
            .get("access")
            .map_or(&[][..], Node::elements);
        for (at, entry) in entries.iter().enumerate() {
            for field in ["allow", "deny"] {
                let Some(written) = entry.get(field) else {
                    continue;
                };
                for (place, mark, glob) in globs(written, &format!("access[{at}].{field}")) {
                    if !self.is_known(glob) {
                        let message = format!("at `{place}`: no model is declared as `{glob}`");
                        let mark = router.settings.outer(mark);
                        findings.warning(mark, "undeclared-model", message);
                    }
                }
            }
        }
    }

    fn check_others(&self, plugin: &Plugin<'_>, list: &str, findings: &mut Findings) {
        let entries = plugin.settings.get(list).map_or(&[][..], Node::elements);
        for (at, entry) in entries.iter().enumerate() {
            let written = |field| entry.at(&["match", field]);
            let place = |field| format!("{list}[{at}].match.{field}");
            for (place, mark, glob) in written("model")
                .map(|node| globs(node, &place("model")))
                .unwrap_or_default()
            {
                if !self.is_known(glob) {
                    let message =
                        format!("at `{place}`: model-router declares no model that is `{glob}`");
                    findings.warning(plugin.settings.outer(mark), "undeclared-model", message);
                }
            }
            for (place, mark, glob) in written("provider")
                .map(|node| globs(node, &place("provider")))
                .unwrap_or_default()
            {
                if !self.providers.iter().any(|name| overlap(glob, name)) {
                    let message =
                        format!("at `{place}`: model-router knows no provider that is `{glob}`");
                    findings.warning(plugin.settings.outer(mark), "undeclared-model", message);
                }
            }
        }
    }
}

/// Every glob of a setting that is one or a list of them, with its place.
fn globs<'a>(node: &'a Node, place: &str) -> Vec<(String, Mark, &'a str)> {
    match &node.value {
        Value::List(list) => {
            let each = list.iter().enumerate();
            each.filter_map(|(at, node)| Some((format!("{place}[{at}]"), node.mark, node.text()?)))
                .collect()
        }
        _ => node
            .text()
            .map(|text| (place.to_owned(), node.mark, text))
            .into_iter()
            .collect(),
    }
}
