//! Entries of lists in which the first that fits decides, behind one that always fits first.
//!
//! One entry is compared with one before it. What two together leave nothing of is not seen.

use crate::document::{Node, Value};
use crate::filter::Filter;
use crate::finding::Findings;
use crate::plugin::Plugin;

use super::glob::covers;

/// Checks a plugin's lists.
pub(super) fn check(plugin: &Plugin<'_>, findings: &mut Findings) {
    let lists: &[(&str, Kind)] = match plugin.filter {
        Some(Filter::ModelRouter) => &[("rules", Kind::Routing), ("access", Kind::Access)],
        Some(Filter::PiiRedact) => &[("rules", Kind::Matching)],
        Some(Filter::TokenLimit) => &[("models", Kind::Known)],
        Some(Filter::Cost) => &[("models", Kind::Known), ("prices", Kind::Known)],
        None => &[],
    };
    for (list, kind) in lists {
        let entries = plugin.settings.get(list).map_or(&[][..], Node::elements);
        for (at, entry) in entries.iter().enumerate() {
            let before = entries.get(..at).unwrap_or_default();
            let hidden = before.iter().position(|earlier| kind.hides(earlier, entry));
            if let Some(earlier) = hidden {
                let line = before
                    .get(earlier)
                    .map_or(0, |node| plugin.settings.outer(node.mark).line);
                let message = format!(
                    "at `{list}[{at}]`: never reached: `{list}[{earlier}]` in line {line} is for \
                     all that this is for"
                );
                let mark = plugin.settings.outer(entry.mark);
                findings.warning(mark, "unreachable", message);
            }
        }
    }
}

/// How entries of a list are chosen.
#[derive(Clone, Copy)]
enum Kind {
    /// By `match`, of routing rules.
    Routing,
    /// By `match`, of all other rules.
    Matching,
    /// By `identity`.
    Access,
    /// By `match` alone, a list of models, and a provider.
    Known,
}

impl Kind {
    /// Whether nothing that `later` is for gets past `earlier`.
    fn hides(self, earlier: &Node, later: &Node) -> bool {
        let on = |node: &Node| node.get("shadow").is_some_and(Node::is_true);
        // The loaders themselves refuse what stands behind an entry for everything.
        let for_all = |field| {
            let conditions = earlier.get(field);
            conditions.is_none_or(|node| {
                node.entries().is_empty() && node.elements().is_empty() && node.text().is_none()
            })
        };
        match self {
            Self::Routing if for_all("match") => false,
            Self::Access if for_all("identity") => false,
            Self::Routing => {
                let denies = |node: &Node| node.get("deny").is_some();
                // A rule that denies looks at more names of a model than one that routes.
                let by_name = earlier.at(&["match", "model"]).is_none();
                let names = by_name || denies(earlier) || !denies(later);
                !on(earlier) && names && wider(earlier.get("match"), later.get("match"), false)
            }
            Self::Matching => wider(earlier.get("match"), later.get("match"), true),
            Self::Access => {
                !on(earlier) && any_of(earlier.get("identity"), later.get("identity"), false)
            }
            Self::Known => {
                any_of(earlier.get("match"), later.get("match"), true)
                    && any_of(earlier.get("provider"), later.get("provider"), false)
            }
        }
    }
}

/// Whether the conditions `wide` hold wherever `narrow` do.
fn wider(wide: Option<&Node>, narrow: Option<&Node>, fold: bool) -> bool {
    let Some(wide) = wide else {
        return true;
    };
    wide.entries().iter().all(|condition| {
        let other = narrow.and_then(|narrow| {
            let mut entries = narrow.entries().iter();
            entries.find(|entry| entry.key == condition.key)
        });
        let (wide, narrow) = (&condition.node, other.map(|entry| &entry.node));
        match condition.key.as_str() {
            "model" => any_of(Some(wide), narrow, fold),
            "headers" => wide.entries().iter().all(|header| {
                let value = narrow.and_then(|narrow| {
                    let mut entries = narrow.entries().iter();
                    entries.find(|entry| entry.key.eq_ignore_ascii_case(&header.key))
                });
                value.is_some_and(|value| any_of(Some(&header.node), Some(&value.node), false))
            }),
            "prompt_tokens" => {
                let range = |node: &Node| {
                    let bound = |field| node.get(field).and_then(Node::number);
                    (bound("min").unwrap_or(0), bound("max").unwrap_or(u64::MAX))
                };
                let (least, most) = range(wide);
                let (min, max) = narrow.map_or((0, u64::MAX), range);
                least <= min && max <= most
            }
            "stream" | "tools" | "images" => {
                narrow.is_some_and(|narrow| narrow.text() == wide.text())
            }
            _ => any_of(Some(wide), narrow, false),
        }
    })
}

/// Whether a list of globs takes in all that another does. None at all is everything.
fn any_of(wide: Option<&Node>, narrow: Option<&Node>, fold: bool) -> bool {
    let globs = |node: Option<&Node>| -> Vec<String> {
        let node = node.filter(|node| !matches!(node.value, Value::Null));
        let written = node.map(texts).unwrap_or_default();
        let folded = |text: &&str| match fold {
            true => text.to_lowercase(),
            false => (*text).to_owned(),
        };
        written.iter().map(folded).collect()
    };
    let (wide, narrow) = (globs(wide), globs(narrow));
    let taken_in = |glob: &String| wide.iter().any(|wide| covers(wide, glob));
    wide.is_empty() || (!narrow.is_empty() && narrow.iter().all(taken_in))
}

/// What is written as one text or as a list of them.
pub(super) fn texts(node: &Node) -> Vec<&str> {
    match &node.value {
        Value::List(list) => list.iter().filter_map(Node::text).collect(),
        _ => node.text().into_iter().collect(),
    }
}
