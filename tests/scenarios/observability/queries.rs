//! The queries of the dashboard and of the alerts, as they stand in the files people copy.

use serde_json::Value;

use super::prometheus::shipped;

/// A query and what it is for.
pub(super) struct Query {
    /// Panel or alert.
    pub(super) of: String,
    /// As Prometheus is asked.
    pub(super) expression: String,
    /// The labels that the panel's legend names.
    pub(super) labels: Vec<String>,
}

/// What Grafana puts in place of the dashboard's variables.
const VARIABLES: &[(&str, &str)] = &[
    ("$__rate_interval", "1m"),
    ("$__range", "1m"),
    ("$instance", ".*"),
    ("$budget_usd", "100"),
];

pub(super) fn dashboard() -> Value {
    let text = std::fs::read_to_string(shipped().join("grafana/weir.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

pub(super) fn alerts() -> Vec<Value> {
    let text = std::fs::read_to_string(shipped().join("alerts.yml")).unwrap();
    let file: Value = serde_yaml_ng::from_str(&text).unwrap();
    let groups = file["groups"].as_array().unwrap().iter();
    let rules = groups.flat_map(|group| group["rules"].as_array().unwrap().clone());
    rules.collect()
}

/// Every query of the dashboard's panels.
pub(super) fn of_dashboard() -> Vec<Query> {
    let dashboard = dashboard();
    let mut queries = Vec::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        let title = panel["title"].as_str().unwrap();
        for target in panel["targets"].as_array().into_iter().flatten() {
            let mut expression = target["expr"].as_str().unwrap().to_owned();
            for (variable, value) in VARIABLES {
                expression = expression.replace(variable, value);
            }
            assert!(!expression.contains('$'), "{title}: {expression}");
            let legend = target["legendFormat"].as_str().unwrap();
            let parts = legend.split("{{").skip(1);
            let label = |part: &str| part.split("}}").next().unwrap().to_owned();
            queries.push(Query {
                of: title.to_owned(),
                expression,
                labels: parts.map(label).collect(),
            });
        }
    }
    queries
}

/// Every selector in the alerts' expressions, as a query of its own: an alert in health returns
/// nothing, but what it looks at is there.
pub(super) fn selectors_of_alerts() -> Vec<Query> {
    let mut queries = Vec::new();
    for alert in alerts() {
        let expression = alert["expr"].as_str().unwrap();
        let metrics: Vec<_> = metrics(expression).collect();
        assert!(!metrics.is_empty(), "{expression}");
        for (name, rest) in metrics {
            let matchers = rest.strip_prefix('{').and_then(|rest| rest.split_once('}'));
            let matchers = matchers.map(|(matchers, _)| format!("{{{matchers}}}"));
            queries.push(Query {
                of: alert["alert"].as_str().unwrap().to_owned(),
                expression: format!("{name}{}", matchers.unwrap_or_default()),
                labels: Vec::new(),
            });
        }
    }
    queries
}

/// The metrics in an expression, each with what follows it. All of ours and of Envoy's have a
/// prefix that nothing else in PromQL has.
pub(super) fn metrics(expression: &str) -> impl Iterator<Item = (&str, &str)> {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let starts = ["weir_", "envoy_"]
        .iter()
        .flat_map(move |prefix| expression.match_indices(prefix))
        .map(|(at, _)| at)
        .filter(move |at| *at == 0 || !is_name(expression.as_bytes()[at - 1]));
    starts.filter_map(move |at| {
        let rest = &expression[at..];
        let end = rest.bytes().position(|byte| !is_name(byte));
        let (name, rest) = rest.split_at(end.unwrap_or(rest.len()));
        // A label's name is followed by its matcher.
        (!rest.starts_with('=') && !rest.starts_with('!')).then_some((name, rest))
    })
}
