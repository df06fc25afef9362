//! `envoy/observability`: what the dashboard, the alerts and the access log show of real traffic
//! through `envoy/compose`, asked of a real Prometheus.

// Deadlines are kept by the real clock.
#![allow(clippy::disallowed_methods)]

mod access_log;
mod prometheus;
mod queries;
mod traffic;

use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::time::sleep;
use weir_testkit::client::Request;

use crate::harness::{Running, root};
use prometheus::{Prometheus, promtool, shipped};
use queries::Query;
use traffic::{connection_manager, round, start};

/// How long the queries have until each has returned something.
const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(100);

/// Metrics of what must not happen, and cannot be made to happen here: a query that looks at
/// nothing else may return nothing. Each is a name the modules know, or Envoy's.
const EMPTY_IN_HEALTH: &[(&str, &str)] = &[
    (
        "envoy_cluster_ratelimit_ok",
        "no rate limit service is running",
    ),
    (
        "envoy_cluster_ratelimit_over_limit",
        "no rate limit service is running",
    ),
    (
        "weir_global_calls_total",
        "no filter asks a rate limit service by itself",
    ),
    ("weir_global_lost_total", "nothing has to be reported"),
    ("weir_store_conflicts_total", "workers do not always meet"),
    (
        "weir_store_failures_total",
        "Envoy's shared data does not fail",
    ),
    (
        "weir_host_failures_total",
        "Envoy refuses no call that it should grant",
    ),
];
/// The same for a part of a metric: four thousand owners are needed before they overflow.
const EMPTY_PART: &str = "placement=\"overflow\"";

/// What the traffic below must set off.
const FIRING: &[&str] = &[
    "WeirBudgetNearlySpent",
    "WeirBudgetSpent",
    "WeirPluginReloaded",
    "WeirUnpricedModel",
];
/// What it also may, for it sends more in a second than others in a day.
const MAY_FIRE: &str = "WeirPersonalDataSpike";

fn yaml(name: &str) -> Value {
    serde_yaml_ng::from_str(&std::fs::read_to_string(shipped().join(name)).unwrap()).unwrap()
}

#[tokio::test]
async fn log_dashboard_and_alerts_tell_of_real_traffic() {
    let running = start().await;
    let client = running.h1();
    for (request, status) in round() {
        let answer = client.send(request.clone()).await;
        assert_eq!(answer.status, status, "{request:?}: {answer:#?}");
    }
    access_log::check(&running).await;
    running.assert_no_crash();
    if !prometheus::missing() {
        check_queries(&running).await;
    }
}

/// Every query returns data, and the alerts that have a reason fire, and no others.
async fn check_queries(running: &Running) {
    let prometheus = Prometheus::start(running.envoy().admin_socket()).await;
    // Not before Prometheus has seen that nothing has been made anew.
    while prometheus.query("envoy_wasm_vm_reload_success").await == Ok(Vec::new()) {
        sleep(POLL).await;
    }
    let trap = Request::get("/").header("x-probe-trap", "yes");
    assert_eq!(running.h2().send(trap).await.status, 503);

    let asked: Vec<Query> = queries::of_dashboard()
        .into_iter()
        .chain(queries::selectors_of_alerts())
        .collect();
    assert!(asked.len() > 60, "{}", asked.len());
    let deadline = Instant::now() + PATIENCE;
    loop {
        // What is counted for the first time has no rate: it needs a second round.
        sleep(Duration::from_millis(700)).await;
        let client = running.h1();
        for (request, _) in round() {
            let answer = client.send(request.clone()).await;
            // The worker whose VM has trapped says 503 until it has another.
            assert!(
                answer.status < 500 || answer.status == 503,
                "{request:?}: {answer:#?}"
            );
        }
        let mut without = Vec::new();
        for query in &asked {
            let series = prometheus.query(&query.expression).await;
            let series = series.unwrap_or_else(|why| panic!("{}: {why}", query.of));
            without.extend(lacks(query, &series));
        }
        if without.is_empty() {
            break;
        }
        assert!(Instant::now() < deadline, "{without:#?}");
    }
    let firing = loop {
        let mut firing = prometheus.firing().await;
        firing.retain(|name| name != MAY_FIRE);
        if firing.len() >= FIRING.len() || Instant::now() > deadline {
            break firing;
        }
        sleep(POLL).await;
    };
    assert_eq!(firing, FIRING);
    for alert in queries::alerts() {
        let expression = alert["expr"].as_str().unwrap();
        let result = prometheus.query(expression).await;
        assert!(result.is_ok(), "{}: {result:?}", alert["alert"]);
    }
}

/// What is missing of a query's result, if anything is.
fn lacks(query: &Query, series: &[Value]) -> Option<String> {
    let Query {
        of,
        expression,
        labels,
    } = query;
    let number = |one: &Value| one["value"][1].as_str().unwrap().parse::<f64>();
    if series
        .iter()
        .any(|one| number(one).is_ok_and(f64::is_finite))
    {
        for label in labels {
            let has = |one: &Value| one["metric"].get(label).is_some();
            if !series.iter().any(has) {
                return Some(format!("{of}: no label `{label}`: {series:?}"));
            }
        }
        return None;
    }
    let may_be_empty = |name: &str| EMPTY_IN_HEALTH.iter().any(|(empty, _)| *empty == name);
    let all_empty = queries::metrics(expression).all(|(name, _)| may_be_empty(name));
    let excused = all_empty || expression.contains(EMPTY_PART);
    (!excused).then(|| format!("{of}: no data: {expression}"))
}

/// The metrics that the suite names are on the dashboard, each of them, and nothing is there that
/// it does not name.
#[test]
fn the_dashboard_shows_every_metric() {
    let names = std::fs::read_to_string(root().join("crates/policy/src/names.rs")).unwrap();
    let names = names.split("pub mod metric {").nth(1).unwrap();
    let known: Vec<_> = names
        .split('"')
        .filter(|it| it.starts_with("weir_"))
        .collect();
    assert!(known.len() > 10, "{known:?}");
    let asked: Vec<Query> = queries::of_dashboard();
    let alerts = queries::selectors_of_alerts();
    for name in &known {
        let shown = asked.iter().any(|query| query.expression.contains(name));
        assert!(shown, "`{name}` is on no panel");
    }
    for query in asked.iter().chain(&alerts) {
        for (name, _) in queries::metrics(&query.expression) {
            let base = name.trim_end_matches("_bucket");
            let is_known = known.contains(&base) || name.starts_with("envoy_");
            assert!(is_known, "{}: no metric is called `{name}`", query.of);
        }
    }
    for (name, _) in EMPTY_IN_HEALTH {
        assert!(known.contains(name) || name.starts_with("envoy_"), "{name}");
    }
}

#[test]
fn the_dashboard_can_be_provisioned() {
    let dashboard = queries::dashboard();
    let mut ids = Vec::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        let title = &panel["title"];
        ids.push(panel["id"].as_u64().unwrap());
        let place = &panel["gridPos"];
        let right = place["x"].as_u64().unwrap() + place["w"].as_u64().unwrap();
        assert!(right <= 24, "{title}");
        if panel["type"] != "row" {
            assert_eq!(panel["datasource"]["uid"], "${datasource}", "{title}");
            assert!(
                panel["fieldConfig"]["defaults"]["unit"].is_string(),
                "{title}"
            );
        }
    }
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count);
    let variables: Vec<_> = dashboard["templating"]["list"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["name"].as_str().unwrap())
        .collect();
    assert_eq!(variables, ["datasource", "instance", "budget_usd"]);
    // Grafana reads the dashboard from the folder its provider names.
    let provider = yaml("grafana/dashboards.yml");
    assert_eq!(
        provider["providers"][0]["options"]["path"],
        "/etc/grafana/dashboards"
    );
    let source = yaml("grafana/datasources.yml");
    assert_eq!(source["datasources"][0]["type"], "prometheus");
}

#[test]
fn promtool_accepts_the_rules_and_each_alert_fires() {
    if prometheus::missing() {
        return;
    }
    for arguments in [
        &["check", "rules", "alerts.yml"][..],
        &["check", "config", "prometheus.yml"],
        &["test", "rules", "alerts_test.yml"],
    ] {
        let output = promtool(arguments);
        let text = String::from_utf8_lossy(&output.stdout);
        let why = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {text}{why}");
    }
    let tests = yaml("alerts_test.yml");
    let tests = tests["tests"].as_array().unwrap().iter();
    let cases: Vec<_> = tests
        .flat_map(|test| test["alert_rule_test"].as_array().unwrap())
        .collect();
    for alert in queries::alerts() {
        let name = &alert["alert"];
        let of_it = || cases.iter().filter(|case| &case["alertname"] == name);
        let fires = |case: &&&Value| !case["exp_alerts"].as_array().unwrap().is_empty();
        assert_eq!(of_it().filter(fires).count(), 1, "{name} has to fire once");
        assert_eq!(of_it().count(), 2, "{name} has to be quiet in health");
        assert!(
            ["page", "ticket"]
                .map(Value::from)
                .contains(&alert["labels"]["severity"]),
            "{name}"
        );
    }
}

/// What is to be copied is what is tested.
#[test]
fn the_blocks_to_copy_are_those_of_the_compose_file() {
    let path = root().join("envoy/compose/envoy.yaml");
    let mut config: Value =
        serde_yaml_ng::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let tags = yaml("stats-tags.yml");
    assert_eq!(config["stats_config"], tags);
    let log = yaml("access-log.yml");
    assert_eq!(connection_manager(&mut config)["access_log"], log);
    // Whoever has the quickstart's labels has no other ones than these.
    let quickstart = std::fs::read_to_string(root().join("envoy/quickstart/envoy.yaml")).unwrap();
    let quickstart: Value = serde_yaml_ng::from_str(&quickstart).unwrap();
    for tag in quickstart["stats_config"]["stats_tags"].as_array().unwrap() {
        assert!(
            tags["stats_tags"].as_array().unwrap().contains(tag),
            "{tag}"
        );
    }
}
