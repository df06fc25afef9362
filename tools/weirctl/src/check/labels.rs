//! `stats_tags`: without them the labels of metrics stay in their names.

use regex::Regex;

use crate::document::{Mark, Node};
use crate::filter::Filter;
use crate::finding::Findings;

/// The labels of the build, which every filter tells.
const OF_ALL: [&str; 3] = ["version", "commit", "config"];

/// The labels of a filter's other metrics, the shell's among them.
fn labels(filter: Filter) -> &'static [&'static str] {
    match filter {
        Filter::ModelRouter => &[
            "filter",
            "api",
            "model",
            "provider",
            "rule",
            "verdict",
            "direction",
            "call",
        ],
        Filter::PiiRedact => &[
            "filter",
            "api",
            "rule",
            "verdict",
            "direction",
            "call",
            "type",
            "action",
        ],
        Filter::TokenLimit => &[
            "filter",
            "api",
            "model",
            "identity",
            "rule",
            "verdict",
            "direction",
            "call",
            "type",
            "source",
            "fault",
            "placement",
        ],
        Filter::Cost => &[
            "filter",
            "api",
            "model",
            "provider",
            "identity",
            "rule",
            "verdict",
            "direction",
            "call",
            "fault",
            "placement",
        ],
    }
}

/// Checks the `stats_config` of a bootstrap that runs these filters.
pub(super) fn check(bootstrap: &Node, filters: &[Filter], findings: &mut Findings) {
    let mut wanted: Vec<&str> = filters.iter().flat_map(|f| labels(*f)).copied().collect();
    let order = [
        "filter", "api", "model", "provider", "identity", "rule", "verdict",
    ];
    let rank = |label: &&str| order.iter().position(|known| known == label);
    wanted.extend(OF_ALL);
    wanted.sort_by_key(|label| (rank(label).unwrap_or(order.len()), *label));
    wanted.dedup();
    let stats = bootstrap.field("stats_config");
    let tags = stats.and_then(|entry| entry.node.get("stats_tags"));
    let patterns: Vec<Regex> = tags
        .map_or(&[][..], Node::elements)
        .iter()
        .filter_map(|tag| Regex::new(tag.string("regex")).ok())
        .collect();
    let missing: Vec<&str> = wanted
        .into_iter()
        .filter(|label| !patterns.iter().any(|pattern| extracts(pattern, label)))
        .collect();
    if missing.is_empty() {
        return;
    }
    let mark = stats.map_or(Mark::START, |entry| entry.mark);
    let message = format!(
        "no `stats_tags` make labels of {}: they stay in the names of Weir's metrics",
        missing.join(", ")
    );
    findings.warning(mark, "stats-tags", message);
}

/// Whether Envoy, by this regular expression, takes a label's value out of a metric's name: the
/// first group is cut out, the second is the value.
fn extracts(pattern: &Regex, label: &str) -> bool {
    [("", ""), (";before=a", ""), ("", ";behind=b")]
        .iter()
        .all(|(before, behind)| {
            let name = format!("wasmcustom.weir_metric{before};{label}=value{behind}");
            let found = pattern.captures(&name);
            let value = found.and_then(|groups| groups.get(2).or_else(|| groups.get(1)));
            value.is_some_and(|value| value.as_str() == "value")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The shipped file has a tag for each, so that a new label is not forgotten here.
    #[test]
    fn the_shipped_tags_are_for_these_labels() {
        let text = include_str!("../../../../envoy/quickstart/envoy.yaml");
        let document = crate::document::read_yaml(text).unwrap().remove(0);
        let tags = document.at(&["stats_config", "stats_tags"]).unwrap();
        let tags = tags.elements().iter().map(|tag| tag.string("tag_name"));
        let shipped: std::collections::BTreeSet<&str> = tags.collect();
        let known = Filter::ALL.iter().flat_map(|filter| labels(*filter));
        assert_eq!(shipped, known.copied().chain(OF_ALL).collect());
    }

    #[test]
    fn what_a_tag_extracts() {
        for (pattern, expected) in [
            (r"^wasmcustom\..*?(;model=([^;]*))", true),
            (r"^wasmcustom\.weir_.*?(;model=([^;]*))", true),
            (r"(;model=([^;]*))", true),
            (r"^wasmcustom\..*?(;model=(.*))", false),
            (r"^wasmcustom\.weir_metric(;model=([^;]*))", false),
            (r"^wasmcustom\..*?(;modle=([^;]*))", false),
            (r"^cluster\.((.+?)\.)", false),
        ] {
            let regex = Regex::new(pattern).unwrap();
            assert_eq!(extracts(&regex, "model"), expected, "{pattern}");
        }
    }
}
