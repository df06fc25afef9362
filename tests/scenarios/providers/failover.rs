//! A provider that is dead, slow or refuses is left within one request, streams included, and the
//! next one gets its own path, host and key.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::time::sleep;
use weir_testkit::client::{Request, Response};

use super::{CHAT, Files, chat, last_seen, only_model_router};
use crate::harness::Running;

/// Lets a caller script what OpenAI does, and nobody else: `x-openai-status: 429`.
fn scripted(config: &mut Value) {
    let listeners = config["static_resources"]["listeners"].as_array_mut();
    let openai = listeners
        .unwrap()
        .iter_mut()
        .find(|it| it["name"] == "openai");
    let hcm = &mut openai.unwrap()["filter_chains"][0]["filters"][0]["typed_config"];
    let scripts = ["status", "delay-ms", "abort"].map(|script| {
        let value = format!("%REQ(x-openai-{script})%");
        json!({"header": {"key": format!("x-mock-{script}"), "value": value}})
    });
    hcm["route_config"]["request_headers_to_add"] = json!(scripts);
}

/// The route that has somewhere else to go.
fn failover_route(config: &mut Value) -> &mut Value {
    let hcm = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
    let routes = format!("{hcm}/route_config/virtual_hosts/0/routes");
    let routes = config.pointer_mut(&routes).unwrap().as_array_mut();
    let route = routes
        .unwrap()
        .iter_mut()
        .find(|it| it["route"]["cluster"] == "openai-then-azure");
    route.unwrap()
}

fn outliers(config: &mut Value) -> &mut Value {
    let clusters = config["static_resources"]["clusters"].as_array_mut();
    let cluster = clusters
        .unwrap()
        .iter_mut()
        .find(|it| it["name"] == "openai-then-azure");
    &mut cluster.unwrap()["outlier_detection"]
}

/// A request that is answered by one stream.
fn stream(model: &str) -> Request {
    let messages = json!([{"role": "user", "content": "hi there"}]);
    Request::post(CHAT)
        .header("authorization", "Bearer callers-own")
        .json(&json!({"model": model, "messages": messages, "stream": true}))
}

/// What Azure answers to a request that was OpenAI's, whole.
fn assert_by_azure(running: &Running, answer: &Response, what: &str) {
    assert_eq!(answer.status, 200, "{what}: {answer:#?}");
    assert!(!answer.aborted, "{what}: {answer:#?}");
    assert_eq!(answer.header("x-mock-name"), Some("azure"), "{what}");
    let events = answer.text().starts_with("data:").then(|| answer.sse());
    match events {
        Some(events) => assert_eq!(events.last().unwrap().1, "[DONE]", "{what}"),
        None => assert_eq!(answer.json()["object"], "chat.completion", "{what}"),
    }
    let seen = last_seen(running, "azure");
    let path = "/openai/deployments/my-gpt-4-1-mini/chat/completions?api-version=2024-10-21";
    assert_eq!(seen.path, path, "{what}");
    assert_eq!(seen.headers["api-key"], "key-of-azure", "{what}");
    assert!(
        !seen.headers.contains_key("authorization"),
        "{what}: {seen:#?}"
    );
    let body: Value = serde_json::from_slice(&seen.body).unwrap();
    assert_eq!(body["model"], "gpt-4.1-mini", "{what}");
}

/// One Envoy for what follows, in which nobody is left out: each request finds out by itself.
#[tokio::test]
async fn a_provider_that_fails_before_the_first_byte_is_left_within_the_request() {
    let files = Files::new();
    let scenario = files.scenario().edit(|config| {
        scripted(config);
        outliers(config)["consecutive_5xx"] = json!(1_000_000);
        failover_route(config)["route"]["retry_policy"]["per_try_timeout"] = json!("2s");
    });
    let mut running = scenario.start().await;
    an_exchange_with_two_attempts_counts_once(&running).await;
    failing(&running).await;
    refusing(&running).await;
    alone(&running).await;
    breaking_off(&running).await;
    hanging(&running).await;
    dying(&mut running).await;
    a_weighted_test_keeps_a_caller_where_it_is(&running).await;
    running.stop_mock("selfhosted-1");
    // One of two servers of your own is dead: the other is asked.
    for _ in 0..10 {
        let answer = running.h1().send(chat("llama-3.3-70b")).await.ok();
        assert_eq!(
            (answer.status, answer.header("x-mock-name")),
            (200, Some("selfhosted"))
        );
    }
    nobody_left(&mut running).await;
    // What the README says to look at.
    for stat in [
        "cluster.openai-then-azure.upstream_rq_retry",
        "cluster.openai-then-azure.upstream_rq_retry_success",
        "http.openai.downstream_rq_4xx",
        "http.openai.downstream_rq_5xx",
        "http.azure.downstream_rq_5xx",
        "cluster.openai-tls.upstream_cx_connect_fail",
    ] {
        assert!(running.envoy().stat(stat).await > Some(0), "{stat}");
    }
    running.assert_no_crash();
}

/// However many attempts it took, an answer is counted once, and the log tells of all.
async fn an_exchange_with_two_attempts_counts_once(running: &Running) {
    let request = chat("fast").header("x-openai-status", "429");
    let answer = running.h1().send(request).await.ok();
    let usage = &answer.json()["usage"];
    let line = running.access_log(|line| line["path"] == CHAT).await;
    assert_eq!(line["attempts"], 2);
    assert_eq!(line["upstream"], "envoy://azure/");
    assert_eq!(line["total_tokens"], usage["total_tokens"].to_string());
    for (kind, tokens) in [("input", "prompt_tokens"), ("output", "completion_tokens")] {
        let name = format!(r"^wasmcustom\.weir_tokens_total.*type={kind};");
        let stats = running.envoy().stats(&name).await;
        let sum = stats.values().sum::<u64>();
        assert_eq!(Some(sum), usage[tokens].as_u64(), "{kind}: {stats:?}");
    }
}

async fn failing(running: &Running) {
    for status in ["429", "500", "503", "529"] {
        for client in [running.h1(), running.h2()] {
            for request in [chat("fast"), stream("fast")] {
                let what = format!("{status}, {request:?}");
                let before = running.mock("openai").count();
                let answer = client.send(request.header("x-openai-status", status)).await;
                assert_by_azure(running, &answer, &what);
                assert_eq!(running.mock("openai").count(), before + 1, "{what}");
            }
        }
    }
}

/// What the caller has done wrong, the next provider would refuse too; and no caller makes Envoy
/// see it otherwise.
async fn refusing(running: &Running) {
    let before = running.mock("azure").count();
    for status in ["400", "401", "403", "404", "422"] {
        let request = chat("fast")
            .header("x-openai-status", status)
            .header("x-envoy-retry-on", "retriable-status-codes")
            .header("x-envoy-retriable-status-codes", status)
            .header("x-envoy-max-retries", "9");
        let answer = running.h1().send(request).await;
        assert_eq!(answer.status.to_string(), status);
        assert_eq!(answer.header("x-mock-name"), Some("openai"), "{status}");
    }
    assert_eq!(running.mock("azure").count(), before);
}

/// With no other provider to ask: once more after a failure, and not after a 429. Of a server of
/// your own, the other one is asked.
async fn alone(running: &Running) {
    let own = ["selfhosted", "selfhosted-1"];
    for (model, names, status, attempts) in [
        ("gemini-2.5-flash", &["gemini"][..], "500", 2),
        ("gemini-2.5-flash", &["gemini"], "429", 1),
        ("llama-3.3-70b", &own, "500", 2),
        ("llama-3.3-70b", &own, "429", 1),
    ] {
        // Health checks are requests too.
        let is_chat = |name: &&str| {
            let seen = running.mock(name).requests();
            seen.iter()
                .filter(|it| it.path.ends_with("/chat/completions"))
                .count()
        };
        let before: usize = names.iter().map(is_chat).sum();
        let request = chat(model).header("x-mock-status", status);
        let answer = running.h1().send(request).await;
        assert_eq!(answer.status.to_string(), status, "{model}");
        let after: usize = names.iter().map(is_chat).sum();
        assert_eq!(after - before, attempts, "{model} {status}");
    }
}

/// A stream that has begun cannot be taken over: its caller sees that it broke off, and never
/// takes it for whole.
async fn breaking_off(running: &Running) {
    let before = running.mock("azure").count();
    for client in [running.h1(), running.h2()] {
        let answer = client
            .send(stream("fast").header("x-openai-abort", "400"))
            .await;
        assert_eq!(answer.status, 200);
        assert!(answer.aborted && !answer.body.is_empty(), "{answer:#?}");
    }
    assert_eq!(running.mock("azure").count(), before);
}

/// It never answers.
async fn hanging(running: &Running) {
    let begun = Instant::now();
    let request = chat("fast").header("x-openai-delay-ms", "60000");
    let answer = running.h1().send(request).await;
    assert_by_azure(running, &answer, "hanging");
    assert!(begun.elapsed() >= Duration::from_millis(1900));
}

/// It dies while callers wait, is dead, and comes back.
async fn dying(running: &mut Running) {
    let client = running.h2();
    let asked = running.mock("openai").count() + 2;
    let waiting = tokio::spawn(async move {
        let request = |it: Request| client.send(it.header("x-openai-delay-ms", "1500"));
        tokio::join!(request(chat("fast")), request(stream("fast")))
    });
    while running.mock("openai").count() < asked {
        sleep(Duration::from_millis(5)).await;
    }
    running.stop_mock("openai");
    let (json, answer) = waiting.await.unwrap();
    assert_by_azure(running, &json, "JSON that was waited for");
    assert_by_azure(running, &answer, "a stream that was waited for");
    for client in [running.h1(), running.h2()] {
        for request in [chat("fast"), stream("fast")] {
            let what = format!("dead, {request:?}");
            let answer = client.send(request).await;
            assert_by_azure(running, &answer, &what);
        }
    }
    running.start_mock("openai").await;
    let answer = running.h1().send(chat("fast")).await.ok();
    assert_eq!(answer.header("x-mock-name"), Some("openai"));
    let key = &last_seen(running, "openai").headers["authorization"];
    assert_eq!(key, "Bearer key-of-openai");
}

/// Nobody is left to ask: the caller learns it at once, and is charged nothing.
async fn nobody_left(running: &mut Running) {
    running.stop_mock("openai");
    running.stop_mock("azure");
    let tokens = async || running.envoy().stats("weir_tokens_total").await;
    let before = tokens().await;
    for request in [chat("fast"), stream("fast")] {
        let begun = Instant::now();
        let answer = running.h1().send(request).await;
        assert_eq!(answer.status, 503, "{answer:#?}");
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
    assert_eq!(tokens().await, before);
    // The others go on.
    running.h1().send(chat("llama-3.3-70b")).await.ok();
}

/// The split is by caller, so that a caller keeps its model, and about as asked for.
async fn a_weighted_test_keeps_a_caller_where_it_is(running: &Running) {
    let client = running.h2();
    let ask = async |caller: usize| {
        let messages = json!([{"role": "user", "content": "hi"}]);
        let request = Request::post(CHAT)
            .header("authorization", format!("Bearer caller-{caller}"))
            .json(&json!({"model": "assistant", "messages": messages}));
        let answer = client.send(request).await.ok();
        let name = answer.header("x-mock-name").map(str::to_owned);
        name.unwrap().starts_with("selfhosted")
    };
    let mut tried = 0;
    for caller in 0..200 {
        let first = ask(caller).await;
        tried += usize::from(first);
        if caller % 10 == 0 {
            assert_eq!(ask(caller).await, first, "caller {caller} was moved");
        }
    }
    // Ten in a hundred are meant: 200 callers give 20, give or take three deviations.
    assert!((8..=33).contains(&tried), "{tried} of 200");
}

/// After five failures in a row a provider is left out, and asked again later.
#[tokio::test]
async fn a_provider_that_keeps_failing_is_left_out_for_a_while() {
    let files = Files::new();
    let scenario = files.scenario().edit(only_model_router).edit(|config| {
        scripted(config);
        let outliers = outliers(config);
        assert_eq!(outliers["consecutive_5xx"], 5);
        outliers["base_ejection_time"] = json!("2s");
        outliers["interval"] = json!("0.2s");
    });
    let running = scenario.start().await;
    let failing = || chat("fast").header("x-openai-status", "500");
    for _ in 0..5 {
        let answer = running.h1().send(failing()).await;
        assert_by_azure(&running, &answer, "failing");
    }
    assert_eq!(running.mock("openai").count(), 5);
    for _ in 0..5 {
        let answer = running.h1().send(failing()).await;
        assert_by_azure(&running, &answer, "left out");
    }
    assert_eq!(running.mock("openai").count(), 5, "it was asked again");
    let active = "cluster.openai-then-azure.outlier_detection.ejections_active";
    assert_eq!(running.envoy().stat(active).await, Some(1));
    let deadline = Instant::now() + Duration::from_secs(20);
    while running.mock("openai").count() == 5 {
        assert!(Instant::now() < deadline, "it was never asked again");
        running.h1().send(chat("fast")).await.ok();
        sleep(Duration::from_millis(100)).await;
    }
    running.assert_no_crash();
}
