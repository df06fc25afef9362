//! `docker-compose.yml` and `envoy/compose`: what they say of each other, and the README.
//! `make compose-test` runs the whole in containers.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::harness::{Scenario, root};

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn yaml(path: &str) -> Value {
    serde_yaml_ng::from_str(&read(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn services() -> BTreeMap<String, Value> {
    let compose = yaml("docker-compose.yml");
    let services = compose["services"].as_object().unwrap();
    services.clone().into_iter().collect()
}

fn strings(list: &Value) -> Vec<&str> {
    let list = list.as_array().into_iter().flatten();
    list.map(|one| one.as_str().unwrap()).collect()
}

/// Every `{address, port_value}` below a value.
fn addresses(value: &Value, found: &mut Vec<(String, u64)>) {
    if let (Some(host), Some(port)) = (value["address"].as_str(), value["port_value"].as_u64()) {
        found.push((host.to_owned(), port));
    }
    match value {
        Value::Object(map) => map.values().for_each(|value| addresses(value, found)),
        Value::Array(list) => list.iter().for_each(|value| addresses(value, found)),
        _ => {}
    }
}

#[tokio::test]
async fn the_readme_is_true() {
    let running = Scenario::new("compose")
        .mock("mock-llm:18080", "openai")
        .mock("mock-llm:18081", "anthropic")
        .mock("mock-llm:18082", "gemini")
        .start()
        .await;
    running.readme().await;
    running.assert_no_crash();
}

/// It runs the Envoy that the tests run, and mounts what is there or what `make` makes.
#[test]
fn the_compose_file_fits_the_checkout() {
    let services = services();
    let makefile = read("Makefile");
    let mut lines = makefile.lines();
    let version = lines.find_map(|line| line.strip_prefix("ENVOY_VERSION := "));
    let image = format!("envoyproxy/envoy:v{}", version.unwrap());
    assert_eq!(services["envoy"]["image"], image);
    let built = ["./target/weir", "./target/release/mock-llm"];
    for (name, service) in &services {
        for volume in strings(&service["volumes"]) {
            let host = volume.split(':').next().unwrap();
            let is_there = built.contains(&host) || root().join(host).exists();
            assert!(is_there, "{name} mounts {host}");
            assert!(host == "./" || volume.ends_with(":ro"), "{name}: {volume}");
        }
        let command = service["command"].as_str().unwrap_or_default();
        // Compose v2 drops it.
        assert!(!command.contains('\\'), "{name}: {command}");
        for port in strings(&service["ports"]) {
            assert!(
                port.starts_with("127.0.0.1:"),
                "{name} is open to all: {port}"
            );
        }
    }
}

/// The services find each other: names and ports of one file are those of the other.
#[test]
fn the_services_know_each_other() {
    let services = services();
    let config = yaml("envoy/compose/envoy.yaml");
    let mut listens = Vec::new();
    addresses(&config["admin"], &mut listens);
    addresses(&config["static_resources"]["listeners"], &mut listens);
    let published: Vec<_> = strings(&services["envoy"]["ports"])
        .into_iter()
        .map(|port| {
            (
                "0.0.0.0".to_owned(),
                port.rsplit(':').next().unwrap().parse().unwrap(),
            )
        })
        .collect();
    listens.sort_unstable();
    let mut expected = published.clone();
    expected.sort_unstable();
    assert_eq!(listens, expected);

    let mut upstreams = Vec::new();
    addresses(&config["static_resources"]["clusters"], &mut upstreams);
    assert_eq!(upstreams.len(), 4);
    let mock = services["mock-llm"]["command"].as_str().unwrap();
    for (host, port) in upstreams {
        assert!(services.contains_key(&host), "{host}");
        let is_mock = host == "mock-llm" && mock.contains(&format!("--listen 0.0.0.0:{port}="));
        // Where envoyproxy/ratelimit listens for gRPC unless told otherwise.
        assert!(
            is_mock || (host.as_str(), port) == ("ratelimit", 8081),
            "{host}:{port}"
        );
    }
    let scraped = &yaml("envoy/observability/prometheus.yml")["scrape_configs"][0];
    assert_eq!(scraped["static_configs"][0]["targets"][0], "envoy:9901");
    assert!(published.iter().any(|(_, port)| *port == 9901));
    let source = yaml("envoy/observability/grafana/datasources.yml");
    assert_eq!(source["datasources"][0]["url"], "http://prometheus:9090");
    assert!(services.contains_key("prometheus") && services.contains_key("redis"));
    assert_eq!(
        services["ratelimit"]["environment"]["REDIS_URL"],
        "redis:6379"
    );
    let boards = yaml("envoy/observability/grafana/dashboards.yml");
    let boards = boards["providers"][0]["options"]["path"].as_str().unwrap();
    let mounted = format!(":{boards}/weir.json:ro");
    let grafana = strings(&services["grafana"]["volumes"]);
    assert!(
        grafana.iter().any(|volume| volume.ends_with(&mounted)),
        "{grafana:?}"
    );
}
