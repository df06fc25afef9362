//! One plugin: what its filter says of its configuration, and what stands around that.

use weir_policy::ConfigError;

use crate::document::{Mark, Node, Value};
use crate::filter::Filter;
use crate::finding::Findings;
use crate::plugin::{Holder, Plugin, is_type};

/// More unknown fields than this are not told of one configuration.
const MAX_UNKNOWN: usize = 20;

/// Checks a plugin by itself.
pub(super) fn check(plugin: &Plugin<'_>, findings: &mut Findings) {
    which_filter(plugin, findings);
    if plugin.holder == Holder::Envoy {
        configuration_type(plugin.node, findings);
    }
    if let Some(filter) = plugin.filter {
        configuration(plugin, filter, findings);
    }
    if plugin.holder != Holder::Alone {
        holding(plugin, findings);
        failing(plugin, findings);
    }
}

/// What the filter's loader refuses. It ends at the first error; behind an unknown field, which
/// changes nothing else, it is asked again.
fn configuration(plugin: &Plugin<'_>, filter: Filter, findings: &mut Findings) {
    let mut tree = plugin.settings.root().cloned();
    let mut json = plugin.settings.json.clone();
    for turn in 0..MAX_UNKNOWN {
        let Err(error) = filter.configure(json.as_bytes()) else {
            return;
        };
        let unknown = error.message.starts_with("unknown field");
        let path = error.place.clone();
        let (error, mark) = located(plugin, error, turn == 0);
        findings.error(mark, "config", error.to_string());
        let Some(tree) = tree.as_mut().filter(|_| unknown) else {
            return;
        };
        if !tree.remove(&path) {
            return;
        }
        json = tree.json();
    }
}

/// An error of a filter's loader with its place in the file. Where in its own text the loader had
/// got to says nothing to a reader of the file, so it goes.
fn located(plugin: &Plugin<'_>, error: ConfigError, as_written: bool) -> (ConfigError, Mark) {
    let settings = &plugin.settings;
    let (message, within) = position(&error.message);
    let by_loader = within.filter(|_| as_written && settings.has_lines());
    let mark = match by_loader {
        // A key that stands twice is a place with two lines; the loader was at the second.
        Some(within) if error.place.is_empty() || message.ends_with("stands here twice") => {
            settings.outer(within)
        }
        _ => settings.place(&error.place),
    };
    (ConfigError::at(error.place, message), mark)
}

/// `message at line 3 column 7` as its parts.
fn position(message: &str) -> (&str, Option<Mark>) {
    let parts = || {
        let (rest, column) = message.rsplit_once(" column ")?;
        let (rest, line) = rest.rsplit_once(" at line ")?;
        let (line, column): (usize, usize) = (line.parse().ok()?, column.parse().ok()?);
        let mark = Mark {
            line: line.max(1),
            column: column.max(1),
        };
        Some((rest, mark))
    };
    match parts() {
        Some((rest, mark)) => (rest, Some(mark)),
        None => (message, None),
    }
}

fn which_filter(plugin: &Plugin<'_>, findings: &mut Findings) {
    if plugin.holder == Holder::Alone {
        return;
    }
    let (root_id, mark) = plugin.root_id();
    let named = Filter::named(root_id);
    let names = Filter::ALL.map(Filter::name).join(", ");
    match (plugin.filter, named) {
        (None, _) => {
            let message = match root_id {
                "" => format!("no `root_id` says which filter this is; there are {names}"),
                _ => format!("`{root_id}` is no filter; there are {names}"),
            };
            findings.error(mark, "root-id", message);
        }
        (Some(filter), Some(named)) if filter != named => {
            let message = format!(
                "`{root_id}` is not what runs here: the module is that of {}",
                filter.name()
            );
            findings.error(mark, "root-id", message);
        }
        (Some(filter), None) if !root_id.is_empty() && plugin.holder != Holder::Istio => {
            let message = format!(
                "`{root_id}` is no filter; a module of one filter takes any name, the bundle \
                 would not start: `{}` is meant",
                filter.name()
            );
            findings.warning(mark, "root-id", message);
        }
        _ => {}
    }
}

/// The configuration has to reach the filter as text.
fn configuration_type(config: &Node, findings: &mut Findings) {
    let Some(entry) = config.field("configuration") else {
        return;
    };
    let configuration = &entry.node;
    let kind = configuration.string("@type");
    let is_text = |value: &Node| matches!(value.value, Value::Text(..));
    let message = if is_type(configuration, "StringValue") {
        match configuration.get("value") {
            Some(value) if !is_text(value) => {
                "`value` is no text: write the JSON as one, behind `value: |`".to_owned()
            }
            _ => return,
        }
    } else if is_type(configuration, "BytesValue") {
        return;
    } else if kind.is_empty() {
        "has no `@type`: a filter reads JSON in a `google.protobuf.StringValue`".to_owned()
    } else {
        let name = kind.rsplit(['.', '/']).next().unwrap_or_default();
        format!(
            "reaches the filter as a {name} in protobuf's own bytes, which it cannot read: write \
             JSON in a `google.protobuf.StringValue`"
        )
    };
    findings.error(entry.mark, "config-type", message);
}

fn holding(plugin: &Plugin<'_>, findings: &mut Findings) {
    const FLAG: &str = "allow_on_headers_stop_iteration";
    let name = plugin.name();
    let flag = plugin.node.field(FLAG);
    let by_hand = flag.is_some_and(|entry| {
        entry.node.is_true() || entry.node.get("value").is_some_and(Node::is_true)
    });
    let is_set = by_hand || plugin.is_patched;
    let said = plugin.settings.get("hold").is_some_and(Node::is_true);
    if plugin.holds() {
        let (mark, why) = match said {
            true => (
                plugin.settings.place("hold"),
                format!("at `hold`: {name} then holds headers until the body is read"),
            ),
            false => (
                plugin.node.mark,
                format!("{name} holds headers until the body is read"),
            ),
        };
        if is_set {
            return;
        }
        if let Some(why_not) = plugin.holder.cannot_hold() {
            let message = format!("{why}, which needs `{FLAG}: true`; {why_not}");
            findings.error(mark, "hold-flag", message);
        } else {
            let message = format!("{why}, and hangs without `{FLAG}: true` in its plugin");
            findings.error(mark, "hold-flag", message);
        }
    } else if by_hand && plugin.filter.is_some() {
        let mark = flag.map_or(plugin.node.mark, |entry| entry.mark);
        let message = format!("`{FLAG}` is not needed: {name} holds no headers here");
        findings.note(mark, "hold-flag", message);
    }
}

fn failing(plugin: &Plugin<'_>, findings: &mut Findings) {
    let node = plugin.node;
    let fields = ["failure_policy", "failStrategy", "fail_open", "failOpen"];
    let found = fields.iter().filter_map(|field| node.field(field));
    let open = found
        .clone()
        .find(|entry| entry.node.text() == Some("FAIL_OPEN") || entry.node.is_true());
    if let Some(entry) = open {
        let written = entry.node.text().unwrap_or_default();
        let shown = format!("`{}: {written}`", entry.key);
        match plugin.filter {
            Some(Filter::PiiRedact) => {
                let message = format!(
                    "{shown}: after a crash personal data and secrets leave as they are, on that \
                     worker for ever"
                );
                findings.error(entry.mark, "fail-open", message);
            }
            filter => {
                let loss = match filter {
                    Some(Filter::ModelRouter) => "are not routed and obey no access rule",
                    Some(Filter::TokenLimit) => "are under no limit",
                    Some(Filter::Cost) => "are not priced and under no budget",
                    _ => "are not looked at",
                };
                let message =
                    format!("{shown}: after a crash requests {loss}, on that worker for ever");
                findings.warning(entry.mark, "fail-open", message);
            }
        }
        return;
    }
    let reloads = |text: Option<&str>| text == Some("FAIL_RELOAD");
    if plugin.holder == Holder::Envoy && !found.clone().any(|entry| reloads(entry.node.text())) {
        let mark = found.clone().next().map_or(node.mark, |entry| entry.mark);
        let message = "without `failure_policy: FAIL_RELOAD` a crash means 503 on that worker for \
                       ever";
        findings.note(mark, "no-reload", message);
    }
}
