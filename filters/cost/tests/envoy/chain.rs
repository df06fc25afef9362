//! Together with the other filters.

use serde_json::json;
use weir_testkit::bootstrap::{Bootstrap, Wasm};
use weir_testkit::rig::{Rig, cost, model_router, token_limit};

use super::*;

/// A model without a price, one that is free, and one that the router knows under another name.
#[tokio::test]
async fn prices_are_those_of_the_model_that_is_sent() {
    let router = json!({
        "identity": [{"header": "x-team"}],
        "models": {
            "fast": {"provider": "openai", "upstream_model": "gpt-4o-mini-2024-07-18"},
            "claude-sonnet-4-5": {"provider": "vertex"},
            "llama": {"provider": "openai", "upstream_model": "my-llama-3"},
            "mystery": {"provider": "openai"},
        },
    });
    let prices = json!([{"match": "my-llama*", "input_usd_per_mtok": 0, "output_usd_per_mtok": 0}]);
    for deny in [false, true] {
        let config = json!({"hold": true, "prices": prices, "on_unpriced": if deny { "deny" } else { "allow" },
            "budgets": [{"name": "tiny", "usd": "0.00001", "window": "day", "match": {"model": "mystery"}}]});
        let chain = |b: Bootstrap| b.wasm(model_router(router.clone())).wasm(cost(config));
        let rig = Rig::start(&["openai", "vertex"], chain).await;
        // gpt-4o-mini: 0.15 and 0.60 dollars a million; claude-sonnet-4-5 at Vertex AI: 3 and 15.
        for (model, rates, provider) in [
            ("fast", Some([150_000, 600_000]), "openai"),
            ("claude-sonnet-4-5", Some([3 * MICRO, 15 * MICRO]), "vertex"),
            ("llama", Some([0, 0]), "openai"),
            ("mystery", None, "openai"),
        ] {
            let answer = rig.h2().send(chat(21, json!({"model": model}))).await.ok();
            let told = answer.header("x-ai-cost-usd").map(picos);
            let denied = deny && rates.is_none();
            assert_eq!(answer.status, if denied { 403 } else { 200 }, "{model}");
            let usage = answer
                .header("x-ai-input-tokens")
                .map(|n| picos(n) / picos("1"));
            assert_eq!(usage.is_some(), !denied, "{model}");
            assert_eq!(
                told,
                rates.map(|[i, o]| usage.unwrap() * i + 21 * o),
                "{model}"
            );
            if denied {
                let error = &answer.json()["error"];
                assert_eq!(error["param"], "model", "{error}");
            } else {
                assert_eq!(answer.header("x-mock-name"), Some(provider), "{model}");
            }
        }
        let log = rig.envoy.access_log(4).await;
        let priced: Vec<_> = log
            .iter()
            .map(|line| line["priced"].as_str().unwrap())
            .collect();
        assert_eq!(priced, ["true", "true", "true", "false"]);
        let (details, rule, verdict) = match deny {
            true => ("weir_unpriced", "on_unpriced", "denied"),
            false => ("via_upstream", "-", "allowed"),
        };
        let text = |name: &str| log[3][name].as_str().unwrap_or("-").to_owned();
        assert_eq!(
            ["response_code_details", "rule", "verdict"].map(text),
            [details, rule, verdict]
        );
        assert_eq!(number(&log[3], "cost_picousd"), 0);
        let metrics = rig.envoy.prometheus().await;
        let line = r#"weir_unpriced_requests_total{api="openai_chat",provider="openai"} 1"#;
        assert!(metrics.contains(line), "{metrics}");
        rig.envoy.assert_no_crash();
    }
}

/// What token-limit has counted is not counted again, whichever of the two holds headers: here it
/// takes each token of a text for three.
#[tokio::test]
async fn the_prompt_is_counted_once() {
    let counted = json!({"models": [{"match": "gpt-4o", "factor_permille": 3000}]});
    let costs = async |first: Option<bool>, second: bool| {
        let chain = |b: Bootstrap| {
            let mut counted = counted.clone();
            let b = match first {
                Some(hold) => {
                    counted["hold"] = json!(hold);
                    b.wasm(token_limit(counted))
                }
                None => b,
            };
            b.wasm(cost(priced(json!({"hold": second}))))
        };
        let rig = Rig::start(&["openai"], chain).await;
        let request = chat(21, json!({})).header("x-mock-usage", "none");
        assert_eq!(rig.h1().send(request).await.ok().status, 200);
        rig.envoy.assert_no_crash();
        number(&rig.envoy.access_log(1).await[0], "cost_picousd")
    };
    let alone = costs(None, false).await;
    // `user` and `hi`, of which each costs two more.
    for (first, second) in [(false, false), (false, true), (true, false), (true, true)] {
        let both = costs(Some(first), second).await;
        assert_eq!(both, alone + 4 * MICRO, "holding: {first}, {second}");
    }
}

/// What another filter refuses is neither priced nor counted as let through.
#[tokio::test]
async fn what_others_refuse_costs_nothing() {
    let limits = json!({"identity": [{"header": "x-team"}],
        "limits": [{"name": "one", "requests": 1, "window": "12h"}]});
    let rig = Rig::start(&["openai"], |b| {
        b.wasm(token_limit(limits)).wasm(cost(budget("1")))
    })
    .await;
    for status in [200, 429] {
        assert_eq!(rig.h1().send(chat(21, json!({}))).await.status, status);
    }
    let log = rig.envoy.access_log(2).await;
    let costs = log.iter().map(|line| number(line, "cost_picousd"));
    assert_eq!(costs.collect::<Vec<_>>(), [92 * MICRO, 0]);
    let stats = rig.envoy.stats("weir_requests_total;filter=cost").await;
    let allowed =
        "wasmcustom.weir_requests_total;filter=cost;api=openai_chat;model=other;verdict=allowed";
    assert_eq!(
        stats.into_iter().collect::<Vec<_>>(),
        [(allowed.to_owned(), 1)]
    );
    rig.envoy.assert_no_crash();
}

/// `weir.wasm` by `root_id` and a module for each filter come to the same numbers.
#[tokio::test]
async fn the_bundle_and_the_modules_agree() {
    let router = json!({
        "identity": [{"header": "x-team"}],
        "models": {"fast": {"provider": "openai", "upstream_model": "gpt-4o"}, "claude-sonnet-4-5": {"provider": "openai"}, "mystery": {"provider": "openai"}},
        "restore_model": true,
    });
    let limits = json!({"limits": [{"name": "day", "tokens": 100_000, "window": "day"}]});
    let money = json!({"hold": true, "cost_in_usage": true, "trailers": true, "budgets": [
        {"name": "b", "usd": "0.01", "window": "forever", "warn_at": 0}]});
    let bundled = |wasm: Wasm| Wasm {
        module: weir_testkit::envoy::module("weir"),
        ..wasm
    };
    let chain = [model_router(router), token_limit(limits), cost(money)];
    let modules = Rig::start(&["openai"], |b| {
        chain.iter().cloned().fold(b, Bootstrap::wasm)
    })
    .await;
    let bundle = Rig::start(&["openai"], |b| {
        chain.iter().cloned().map(bundled).fold(b, Bootstrap::wasm)
    })
    .await;
    let seen = async |rig: &Rig| {
        let mut answers = Vec::new();
        for n in 0_u64..60 {
            let model = ["fast", "claude-sonnet-4-5", "mystery"][(n % 3) as usize];
            let fields = json!({"model": model, "stream": n % 2 == 0, "max_tokens": 40 + n * 20});
            let mut request = chat(1 + n, fields).header("te", "trailers");
            if n % 5 == 4 {
                request = request.header("x-mock-usage", "none");
            }
            let answer = rig.h2().send(request).await.ok();
            let told = |answer: &http::HeaderMap| -> Vec<String> {
                let ours = answer
                    .iter()
                    .filter(|(name, _)| name.as_str().starts_with("x-"));
                ours.filter(|(name, _)| {
                    !name.as_str().contains("reset") && !name.as_str().contains("envoy")
                })
                .map(|(name, value)| format!("{name}: {value:?}"))
                .collect()
            };
            let trailers = answer.trailers.as_ref().map(told);
            answers.push((
                answer.status,
                told(&answer.headers),
                answer.text().to_owned(),
                trailers,
            ));
            // Settled before the next one asks.
            rig.envoy.access_log(answers.len()).await;
        }
        let mut log = rig.envoy.access_log(60).await;
        for line in &mut log {
            for field in ["duration_ms", "ttft_ms"] {
                line.as_object_mut().unwrap().remove(field);
            }
        }
        let mut stats = rig.envoy.stats("^wasmcustom\\.weir_").await;
        // When each was configured is told, too.
        let differs = ["_ms", "conflicts", "build_info"];
        stats.retain(|name, _| !differs.iter().any(|part| name.contains(part)));
        (answers, log, stats)
    };
    let (modules_seen, bundle_seen) = (seen(&modules).await, seen(&bundle).await);
    for (one, other) in modules_seen.0.iter().zip(&bundle_seen.0) {
        assert_eq!(one, other);
    }
    for (one, other) in modules_seen.1.iter().zip(&bundle_seen.1) {
        assert_eq!(one, other);
    }
    assert_eq!(modules_seen.2, bundle_seen.2);
    // There was something to agree on.
    let statuses: std::collections::BTreeSet<u16> =
        modules_seen.0.iter().map(|answer| answer.0).collect();
    assert_eq!(statuses.into_iter().collect::<Vec<_>>(), [200, 403]);
    assert!(
        modules_seen
            .2
            .keys()
            .any(|name| name.contains("weir_cost_picousd_total"))
    );
    modules.envoy.assert_no_crash();
    bundle.envoy.assert_no_crash();
}
