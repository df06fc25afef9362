//! Budgets: what they admit, what they lose, what is said of them.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::sleep;
use weir_prices::PicoUsd;
use weir_testkit::bootstrap::Bootstrap;
use weir_testkit::client::Client;
use weir_testkit::rig::{Rig, cost};

use super::*;

/// 5,000 requests over 64 connections want more than there is: what is admitted fits, what fits is
/// admitted, and what is left is right to the pico-dollar.
async fn no_overspending(workers: u32) {
    let limit = picos("0.06");
    let setup = |b: Bootstrap| b.wasm(cost(budget("0.06")));
    let rig = Rig::start_with(&["openai"], workers, false, setup).await;
    let clients: Vec<Client> = (0..64).map(|_| rig.h2().pinned()).collect();
    let mut sending = JoinSet::new();
    for (n, client) in (0_u64..).zip(clients) {
        sending.spawn(async move {
            let (mut spent, mut refused) = (0, 0);
            for turn in 0_u64..79 {
                // Sizes and shares of the cap that differ by connection and turn.
                let cap = 1 + (n * 31 + turn * 17) % 40;
                let tokens = cap * ((n + turn) % 4) / 3;
                let answer = client
                    .send(chat(tokens, json!({"max_tokens": cap})))
                    .await
                    .ok();
                match answer.status {
                    200 => {
                        let usage = &answer.json()["usage"];
                        let tokens = |of: &str| u128::from(usage[of].as_u64().unwrap());
                        spent +=
                            (tokens("prompt_tokens") + 4 * tokens("completion_tokens")) * MICRO;
                    }
                    403 => {
                        let error = answer.json()["error"]["message"]
                            .as_str()
                            .unwrap()
                            .to_owned();
                        let usd: Vec<u128> = error
                            .split(' ')
                            .filter_map(|w| Some(w.parse::<PicoUsd>().ok()?.0))
                            .collect();
                        let wanted = u128::from(8 + 4 * cap) * MICRO;
                        assert!(
                            usd[0] == limit && usd[1] < wanted && usd[2] == wanted,
                            "{error}"
                        );
                        refused += 1;
                    }
                    other => panic!("{other}: {answer:?}"),
                }
            }
            (spent, refused)
        });
    }
    let outcomes = sending.join_all().await;
    let spent: u128 = outcomes.iter().map(|(spent, _)| spent).sum();
    let refused: u32 = outcomes.iter().map(|(_, refused)| refused).sum();
    assert!(spent <= limit, "{spent} of {limit}");
    let left = settled(&rig, limit, limit - spent).await;
    assert_eq!(left, limit - spent);
    // The largest request wants 168 micro-dollars: more than that is never left over.
    assert!(
        left < 168 * MICRO && refused > 500,
        "{left} left, {refused} refused"
    );
    rig.envoy.assert_no_crash();
}

#[tokio::test]
async fn no_overspending_among_two_workers() {
    no_overspending(2).await;
}

#[tokio::test]
async fn no_overspending_among_four_workers() {
    no_overspending(4).await;
}

/// However an exchange ends, the budget loses what it has cost and gets the rest back.
#[tokio::test]
async fn every_ending_is_settled() {
    let limit = picos("1");
    let route = json!({"match": {"prefix": "/slow"}, "route": {"cluster": "openai", "timeout": "0.3s", "prefix_rewrite": "/"}});
    let rig = Rig::start(&["openai"], |b| b.raw_route(route).wasm(cost(budget("1")))).await;
    let stream = |tokens| chat(tokens, json!({"stream": true}));
    let mut spent = 0;
    let mut ends = async |what: &str, micros: u128| {
        spent += micros * MICRO;
        assert_eq!(
            settled(&rig, limit, limit - spent).await,
            limit - spent,
            "{what}"
        );
    };
    for status in ["400", "429", "500", "503"] {
        rig.h1()
            .send(chat(50, json!({})).header("x-mock-status", status))
            .await;
        ends(status, 0).await;
    }
    rig.h1().send(stream(50).header("x-mock-abort", "0")).await;
    ends("reset behind the headers", 0).await;
    let body = json!({"model": "gpt-4o", "messages": []});
    let slow = ask(&format!("/slow{CHAT}"), &body).header("x-mock-delay-ms", "3000");
    assert_eq!(rig.h1().send(slow).await.status, 504);
    ends("timeout", 0).await;
    rig.h1().send(chat(21, json!({}))).await.ok();
    ends("an answer", 8 + 4 * 21).await;
    rig.h1()
        .send(chat(21, json!({})).header("x-mock-usage", "none"))
        .await
        .ok();
    ends("an answer without usage", 8 + 4 * 21).await;
    rig.h1()
        .send(stream(37).header("x-mock-usage", "none"))
        .await
        .ok();
    ends("a stream without usage", 8 + 4 * 37).await;
    // Compressed without being asked: what the request allows.
    let zipped = chat(21, json!({"max_tokens": 50})).header("x-mock-encoding", "gzip");
    rig.h1().send(zipped).await.ok();
    ends("an answer nobody can read", 8 + 4 * 50).await;
    // More than was reserved.
    rig.h1()
        .send(chat(90, json!({"max_tokens": 10})))
        .await
        .ok();
    ends("a cap that nobody kept", 8 + 4 * 90).await;

    for client in [rig.h1(), rig.h2()] {
        let whole = client.send(stream(40)).await.ok();
        ends("a whole stream", 8 + 4 * 40).await;
        let half = (whole.body.len() / 2).to_string();
        let broken = client.send(stream(40).header("x-mock-abort", half)).await;
        assert!(broken.aborted);
        let events = broken.sse();
        let texts = events.iter().filter_map(|(_, data)| {
            let event: Value = serde_json::from_str(data).ok()?;
            Some(event["choices"][0]["delta"]["content"].as_str()?.to_owned())
        });
        let words = texts.collect::<String>().split_whitespace().count() as u128;
        assert!((10..35).contains(&words), "{words}");
        ends("the upstream breaks off in the middle", 8 + 4 * words).await;

        // The caller hangs up before the answer: the prompt.
        let seen = rig.upstream("openai").count();
        let waiting = client.clone();
        let never = chat(50, json!({})).header("x-mock-delay-ms", "20000");
        let task = tokio::spawn(async move { waiting.send_streaming(never).await });
        while rig.upstream("openai").count() == seen {
            sleep(Duration::from_millis(10)).await;
        }
        task.abort();
        ends("hung up before the answer", 8).await;
    }
    // The caller hangs up in the middle: the prompt and what was sent.
    let request = stream(200).header("x-mock-event-delay-ms", "30");
    let mut streaming = rig.h2().send_streaming(request).await;
    for _ in 0..8 {
        streaming.chunk().await.unwrap();
    }
    drop(streaming);
    let mut lines = Vec::new();
    for _ in 0..250 {
        lines = rig.envoy.access_log(1).await;
        lines.retain(|line| line["stream"] == "true" && line["response_code"] == 200);
        lines.retain(|line| line["response_code_details"] == "http2.remote_reset");
        if !lines.is_empty() {
            break;
        }
        sleep(Duration::from_millis(20)).await;
    }
    let line = lines.pop().unwrap();
    let micros = number(&line, "cost_picousd") / MICRO;
    assert!((8 + 4 * 5..8 + 4 * 30).contains(&micros), "{line}");
    ends("hung up in the middle", micros).await;
    rig.envoy.assert_no_crash();
}

/// No usage makes a cost negative, or gives back more than was reserved.
#[tokio::test]
async fn broken_usage_never_makes_money() {
    let limit = picos("1");
    let mut config = budget("1");
    config["hold"] = true.into();
    config["cost_in_usage"] = true.into();
    let rig = rig(config).await;
    let mut spent = 0;
    let mut faults = 0;
    let counted = 8 + 4 * 21;
    for (usage, micros) in [
        (
            json!({"prompt_tokens": -1_000_000, "completion_tokens": -5, "total_tokens": -1_000_005}),
            counted,
        ),
        (
            json!({"prompt_tokens": "8", "completion_tokens": "-3"}),
            counted,
        ),
        (
            json!({"prompt_tokens": 8.5, "completion_tokens": 1e300}),
            counted,
        ),
        (
            json!({"prompt_tokens": 18_446_744_073_709_551_615_u64, "completion_tokens": 1}),
            counted,
        ),
        (
            json!({"prompt_tokens": [], "completion_tokens": {}}),
            counted,
        ),
        (json!("free of charge"), counted),
        // More cached, and more thought, than there is.
        (
            json!({"prompt_tokens": 8, "completion_tokens": 21, "total_tokens": 29, "prompt_tokens_details": {"cached_tokens": 900}}),
            counted,
        ),
        (
            json!({"prompt_tokens": 8, "completion_tokens": 21, "total_tokens": 29, "completion_tokens_details": {"reasoning_tokens": -4}}),
            counted,
        ),
        // Less in all than in its parts: no more than was reserved.
        (
            json!({"prompt_tokens": 8, "completion_tokens": 999_999, "total_tokens": 3}),
            8 + 4 * 50,
        ),
    ] {
        for stream in [false, true] {
            let fields = json!({"max_tokens": 50, "stream": stream, "stream_options": {"include_usage": true}});
            let request = chat(21, fields).header("x-mock-usage", usage.to_string());
            let answer = rig.h2().send(request).await.ok();
            // What makes no sense is not priced for the caller to see. A part that makes none leaves
            // the rest as it is.
            let only_a_part = usage.to_string().contains("_details");
            let told = answer.text().contains("\"cost\"");
            assert_eq!(told, only_a_part, "{usage}: {answer:?}");
            if !stream {
                assert_eq!(
                    answer.header("x-ai-cost-usd").map(picos),
                    Some(micros * MICRO),
                    "{usage}"
                );
            }
            spent += micros * MICRO;
            faults += 1;
            assert_eq!(
                settled(&rig, limit, limit - spent).await,
                limit - spent,
                "{usage} {stream}"
            );
        }
    }
    let stats = rig
        .envoy
        .stats("^wasmcustom\\.weir_usage_faults_total")
        .await;
    assert_eq!(stats.values().sum::<u64>(), faults, "{stats:?}");
    rig.envoy.assert_no_crash();
}

/// A budget that is used up, in the words of each API; nobody comes back in vain.
#[tokio::test]
async fn what_does_not_fit_is_refused_for_good() {
    let mut config = budget("0.0002");
    config["hold"] = true.into();
    config["cost_in_usage"] = true.into();
    config["budgets"][0]["window"] = "month".into();
    let rig = rig(config).await;
    for (path, body) in every_api(false) {
        let mut body = body;
        body["max_tokens"] = 1000.into();
        body["max_output_tokens"] = 1000.into();
        let answer = rig.h1().send(ask(path, &body)).await.ok();
        assert_eq!(answer.status, 403, "{path}");
        assert_eq!(answer.header("x-should-retry"), Some("false"), "{path}");
        // More than the budget ever holds: no month brings it.
        assert_eq!(answer.header("retry-after"), None, "{path}");
        let text = answer.text();
        assert!(
            text.contains("your current budget of 0.0002 USD per month: 0.0002 USD are left"),
            "{text}"
        );
        if path == CHAT {
            let error = &answer.json()["error"];
            assert_eq!(
                (&error["type"], &error["code"]),
                (&json!("insufficient_quota"), &json!("insufficient_quota"))
            );
        }
    }
    let log = rig.envoy.access_log(6).await;
    for line in log {
        let found = [
            "response_code_details",
            "verdict",
            "rule",
            "cost_usd",
            "priced",
        ]
        .map(|n| line[n].as_str().unwrap().to_owned());
        assert_eq!(
            found,
            ["weir_budget_exceeded", "limited", "b", "0", "false"],
            "{line}"
        );
    }
    weir_testkit::sdk::run("budgets.py", rig.envoy.socket()).await;
    rig.envoy.assert_no_crash();
}

/// What is spent outlives the configuration.
#[tokio::test]
async fn budgets_survive_updates() {
    let (rig, plain) = Rig::start_dynamic(&["openai"], |b| b.wasm(cost(budget("1")))).await;
    rig.h1().send(chat(23, json!({}))).await.ok();
    let spent = 100 * MICRO;
    assert_eq!(
        settled(&rig, picos("1"), picos("1") - spent).await,
        picos("1") - spent
    );
    for usd in ["2", "0.5"] {
        rig.envoy
            .update_listener(&plain.clone().wasm(cost(budget(usd))))
            .await;
        assert_eq!(left(&rig, picos(usd)).await, picos(usd) - spent);
    }
    rig.envoy.assert_no_crash();
}
