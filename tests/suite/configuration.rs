//! What an operator wrote is run as written, or refused with the place named.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use weir_testkit::bootstrap::{Bootstrap, Wasm};
use weir_testkit::envoy::{Envoy, module};
use weir_testkit::rig::{Rig, model_router};

use crate::{chat, last_seen};

/// A configuration under which `model` goes to this provider.
fn routing(model: &str, provider: &str) -> Value {
    json!({"models": {model: {"provider": provider}}})
}

/// Refused configurations, and what is said of them.
const BAD: &[&str] = &[
    r#"{"modles":{}} at `modles`: unknown field"#,
    r#"{"models":{"gpt":{"provder":"x"}}} at `models.gpt.provder`: unknown field"#,
    r#"{"models":{"gpt":{"provider":7}}} at `models.gpt.provider`: invalid type: integer `7`"#,
    r#"{"models":{"gpt":{},"gpt":{}}} at `models`: `gpt` stands here twice"#,
    r#"{"hold":false} at `hold`: this filter"#,
    r#"{"hold":"yes"} at `hold`: invalid type"#,
    r#"{"max_body_bytes":0} at `max_body_bytes`: must be between"#,
    r#"{"max_body_bytes":-1} at `max_body_bytes`: invalid value"#,
    r#"{"default_model":"gpt"} at `default_model`: `gpt` is not in `models`"#,
    r#"{"access":[{"allow":["a*","[b]"]}]} at `access[0].allow"#,
    r#"{"rules":[{"name":"a","to":{"model":"x"}}]} at `rules[0].to.model`: `x` is not in"#,
    r#"{"rules":[{"name":"a","to":[{}]}]} at `rules[0].to[0]`: a target in a list needs"#,
    r#"{"rules":[{"name":"a","to":{"cheapest_of":["x"]}}]} at `rules[0].to.cheapest_of[0]`: "#,
    r#"{"rules":[{"name":"a"}]} at `rules[0]`: exactly one of"#,
    r#"{"rules":[{"name":"a","match":{"api":"x"}}]} at `rules[0].match.api`: unknown variant"#,
    r#"{"identity":[{"header":"a:b"}]} at `identity[0]"#,
    r#"{"headers":{"model":"a","api":"a"}} at `headers`: two of the names"#,
    r#"{"on_unreadable":"ignore"} at `on_unreadable`: unknown variant `ignore`"#,
    "models:{} expected value at line 1",
    "{ EOF while parsing",
    "{}{} trailing characters",
];

/// Each of them in a chain, and what is said of it.
fn bad(plain: &Bootstrap) -> impl Iterator<Item = (Bootstrap, &'static str)> {
    BAD.iter().map(|line| {
        let (config, expected) = line.split_once(' ').unwrap();
        let wasm = Wasm {
            raw_config: Some(config.to_owned()),
            ..model_router(Value::Null)
        };
        (plain.clone().wasm(wasm), expected)
    })
}

fn assert_said(log: &str, expected: &str) {
    let said = format!("model-router: bad configuration {expected}");
    assert!(log.contains(&said), "{expected}:\n{log}");
}

fn nowhere() -> Bootstrap {
    Bootstrap::new().cluster("openai", Path::new("/tmp/nowhere.sock"), false)
}

#[tokio::test]
async fn a_bad_configuration_stops_the_start_and_names_its_place() {
    // A start is expensive: the whole table is gone through with live updates.
    for (bootstrap, expected) in bad(&nowhere()).step_by(11) {
        let log = Envoy::try_start(&bootstrap, 2).await;
        assert_said(&log.expect_err(expected), expected);
    }
}

#[tokio::test]
async fn a_live_update_takes_effect_or_changes_nothing() {
    let upstreams = ["openai", "anthropic"];
    let first = |b: Bootstrap| b.wasm(model_router(routing("gpt", "anthropic")));
    let (rig, plain) = Rig::start_dynamic(&upstreams, first).await;
    let serves = async |model: &str, upstream: &str| {
        for client in [rig.h1(), rig.h2()] {
            let answer = client.send(chat(model)).await.ok();
            assert_eq!(answer.status, 200, "{model}: {answer:?}");
            assert_eq!(answer.header("x-mock-name"), Some(upstream), "{model}");
        }
    };
    serves("gpt", "anthropic").await;
    for (bad, expected) in bad(&plain) {
        let log = rig.envoy.try_update_listener(&bad).await;
        assert_said(&log.expect_err(expected), expected);
        serves("gpt", "anthropic").await;
    }
    let good = plain.clone().wasm(model_router(routing("gpt", "openai")));
    rig.envoy.update_listener(&good).await;
    serves("gpt", "openai").await;
    let other = plain.wasm(model_router(routing("claude", "anthropic")));
    rig.envoy.update_listener(&other).await;
    serves("claude", "anthropic").await;
    assert_eq!(rig.h1().send(chat("gpt")).await.status, 404);
    rig.envoy.assert_no_crash();
}

/// Where an object belongs, serde also takes an array of its fields in their order.
/// Which build runs on which configuration is told by the log and by a metric, whose value is the
/// time: of several the newest is what runs.
#[tokio::test]
#[allow(clippy::disallowed_methods, reason = "the metric tells the real time")]
async fn what_runs_is_told() {
    let config = |model| routing(model, "openai");
    let (rig, plain) =
        Rig::start_dynamic(&["openai"], |b| b.wasm(model_router(config("first")))).await;
    let changed = plain.wasm(model_router(config("second")));
    rig.envoy.update_listener(&changed).await;
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let version = env!("CARGO_PKG_VERSION");
    for model in ["first", "second"] {
        let hash = weir_policy::short_hash(config(model).to_string().as_bytes());
        let metrics = rig.envoy.prometheus().await;
        let told = metrics.lines().find_map(|line| {
            let (name, value) = line.split_once(' ')?;
            let of =
                format!(r#"weir_build_info{{filter="model-router",version="{version}",commit=""#);
            let this = name.starts_with(&of) && name.ends_with(&format!(r#"",config="{hash}"}}"#));
            this.then(|| value.parse::<u64>().unwrap())
        });
        let told = told.unwrap_or_else(|| panic!("no build info of {model}: {metrics}"));
        assert!(now - told < 60, "{model}: {told} at {now}");
        let line = format!(" ms, configuration {hash}");
        assert!(rig.envoy.log().contains(&line), "{line}");
    }
}

#[tokio::test]
async fn an_array_is_no_configuration() {
    let (rig, plain) = Rig::start_dynamic(&["openai"], |b| b.wasm(model_router(json!({})))).await;
    let mut taken = Vec::new();
    for config in [
        json!([]),
        json!([true]),
        json!({"models": {"gpt": ["openai"]}}),
    ] {
        let odd = plain.clone().wasm(model_router(config.clone()));
        if rig.envoy.try_update_listener(&odd).await.is_ok() {
            taken.push(config.to_string());
        }
    }
    assert!(taken.is_empty(), "{taken:?}");
}

fn bundle(root_id: &str) -> Wasm {
    Wasm {
        module: module("weir"),
        root_id: root_id.to_owned(),
        ..model_router(routing("claude", "anthropic"))
    }
}

#[tokio::test]
async fn the_bundle_routes_like_the_module() {
    let rig = Rig::start(&["openai", "anthropic"], |b| b.wasm(bundle("model-router"))).await;
    for client in [rig.h1(), rig.h2()] {
        let answer = client.send(chat("claude")).await.ok();
        assert_eq!(answer.header("x-mock-name"), Some("anthropic"));
        let seen = last_seen(&rig, "anthropic");
        assert_eq!(seen.headers["x-ai-model"], "claude");
        assert_eq!(client.send(chat("gpt")).await.status, 404);
    }
    rig.envoy.assert_no_crash();
}

#[tokio::test]
async fn the_bundle_refuses_a_filter_it_does_not_have() {
    for root_id in ["", "tokens"] {
        let log = Envoy::try_start(&nowhere().wasm(bundle(root_id)), 2).await;
        let log = log
            .map(|envoy| envoy.log())
            .expect_err("Envoy does not start");
        let named = format!("root_id `{root_id}` names no filter of this module; it has ");
        assert!(
            log.contains(&named) && log.contains("model-router"),
            "{log}"
        );
    }
}
