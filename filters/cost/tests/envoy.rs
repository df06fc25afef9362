//! The promises of README.md, in real Envoy with two and four workers.

#![allow(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::sleep;
use weir_prices::PicoUsd;
use weir_testkit::bootstrap::{Bootstrap, Wasm};
use weir_testkit::client::{Client, Request, Response};
use weir_testkit::rig::{Rig, cost, model_router, token_limit};

const CHAT: &str = "/v1/chat/completions";
const MESSAGES: &str = "/v1/messages";
/// A micro-dollar, in pico-dollars. In these tests a token of the prompt of `gpt-4o` costs one, a
/// token of the answer four.
const MICRO: u128 = 1_000_000;

/// The filter by team and with these prices.
fn priced(fields: Value) -> Value {
    let mut config = json!({"identity": [{"header": "x-team"}], "prices": [
        {"match": "gpt-4o", "input_usd_per_mtok": 1, "output_usd_per_mtok": 4}]});
    for (key, value) in fields.as_object().unwrap() {
        config[key] = value.clone();
    }
    config
}

/// A budget that tells in every answer what is left.
fn budget(usd: &str) -> Value {
    priced(json!({"budgets": [{"name": "b", "usd": usd, "window": "forever", "warn_at": 0}]}))
}

async fn rig(config: Value) -> Rig {
    Rig::start(&["openai"], |b| b.wasm(cost(config))).await
}

fn ask(path: &str, body: &Value) -> Request {
    Request::post(path).header("x-team", "a").json(body)
}

/// A chat of 8 tokens with so many in its answer.
fn chat(tokens: u64, fields: Value) -> Request {
    let messages = json!([{"role": "user", "content": "hi"}]);
    let mut body = json!({"model": "gpt-4o", "messages": messages});
    for (key, value) in fields.as_object().unwrap() {
        body[key] = value.clone();
    }
    ask(CHAT, &body).header("x-mock-tokens", tokens.to_string())
}

fn picos(usd: &str) -> u128 {
    usd.parse::<PicoUsd>()
        .unwrap_or_else(|e| panic!("{usd}: {e:?}"))
        .0
}

/// Tokens as an answer tells them in its headers.
fn tokens(answer: &Response, of: &str) -> Option<u128> {
    let told = answer.header(&format!("x-ai-{of}-tokens"))?;
    Some(told.parse().unwrap())
}

/// A number of the access log.
fn number(line: &Value, name: &str) -> u128 {
    let text = line[name]
        .as_str()
        .unwrap_or_else(|| panic!("{name} in {line}"));
    text.parse().unwrap()
}

/// What is left of the team's budget of so many pico-dollars, by a request that costs nothing.
async fn left(rig: &Rig, budget: u128) -> u128 {
    let probe = ask(
        "/v1/messages/count_tokens",
        &json!({"model": "gpt-4o", "messages": []}),
    );
    let answer = rig.h1().send(probe).await.ok();
    assert_eq!(answer.status, 200, "{answer:?}");
    // Of a budget that nobody has touched there is nothing to be told.
    answer
        .header("x-ai-budget-remaining-usd")
        .map_or(budget, picos)
}

/// What is left once it is as expected: settling comes after the answer. Else after five seconds.
async fn settled(rig: &Rig, budget: u128, expected: u128) -> u128 {
    let mut found = left(rig, budget).await;
    for _ in 0..250 {
        if found == expected {
            break;
        }
        sleep(Duration::from_millis(20)).await;
        found = left(rig, budget).await;
    }
    found
}

/// A request of each API, asking for a stream or not.
fn every_api(stream: bool) -> Vec<(&'static str, Value)> {
    let user = json!([{"role": "user", "content": "hi"}]);
    let parts = json!([{"parts": [{"text": "hi"}]}]);
    let converse = json!([{"role": "user", "content": [{"text": "hi"}]}]);
    let usage = json!({"include_usage": true});
    let gemini = match stream {
        true => "/v1beta/models/gpt-4o:streamGenerateContent?alt=sse",
        false => "/v1beta/models/gpt-4o:generateContent",
    };
    let bedrock = match stream {
        true => "/model/gpt-4o/converse-stream",
        false => "/model/gpt-4o/converse",
    };
    let mut all = vec![
        (CHAT, json!({"messages": user})),
        ("/v1/completions", json!({"prompt": "hi"})),
        ("/v1/responses", json!({"input": "hi"})),
        (MESSAGES, json!({"messages": user, "max_tokens": 50})),
        (gemini, json!({"contents": parts})),
        (bedrock, json!({"messages": converse})),
    ];
    for (path, body) in &mut all {
        body["model"] = "gpt-4o".into();
        if stream && !path.contains("gpt-4o") {
            body["stream"] = true.into();
        }
        if stream && [CHAT, "/v1/completions"].contains(path) {
            body["stream_options"] = usage.clone();
        }
    }
    all
}

/// The note in a body, and the body without it.
fn without_note(body: &str) -> (Vec<u128>, String) {
    let (mut notes, mut rest) = (Vec::new(), String::new());
    for (at, piece) in body.split(",\"cost\":").enumerate() {
        let end = if at == 0 { 0 } else { piece.find('}').unwrap() };
        notes.extend((at > 0).then(|| picos(&piece[..end])));
        rest.push_str(&piece[end..]);
    }
    (notes, rest)
}

#[tokio::test]
async fn answers_tell_their_cost() {
    let noting = priced(json!({"hold": true, "cost_in_usage": true}));
    let rigs = [
        rig(priced(json!({"hold": true}))).await,
        rig(noting).await,
        rig(priced(json!({"cost_in_usage": true}))).await,
    ];
    for (at, rig) in rigs.iter().enumerate() {
        let bare = Rig::start(&["openai"], |b| b).await;
        for (path, body) in every_api(false) {
            let request = || ask(path, &body).header("x-mock-tokens", "21");
            for (client, plain) in [(rig.h1(), bare.h1()), (rig.h2(), bare.h2())] {
                let got = client.send(request()).await.ok();
                let plain = plain.send(request()).await.ok();
                assert_eq!(got.status, 200, "{path}");
                let (notes, rest) = without_note(got.text());
                assert_eq!(rest, plain.text(), "{path}");
                let (headers, in_usage) = (at < 2, at > 0);
                let costs = got.header("x-ai-cost-usd").map(picos);
                assert_eq!(costs.is_some(), headers, "{path}");
                assert_eq!(notes.len(), usize::from(in_usage), "{path}: {got:?}");
                let costs = costs.or(notes.first().copied()).unwrap();
                assert!(notes.iter().all(|note| *note == costs), "{path}");
                if headers {
                    let tokens = ["input", "output", "total"].map(|of| tokens(&got, of).unwrap());
                    assert_eq!(tokens[1..], [21, tokens[0] + 21], "{path}");
                    assert_eq!(costs, (tokens[0] + 4 * 21) * MICRO, "{path}");
                }
                if let Some(length) = got.header("content-length") {
                    assert_eq!(length, got.body.len().to_string(), "{path}");
                }
            }
        }
    }
    // The facts say the same, also where no other filter leaves those of tokens.
    for rig in &rigs {
        for line in rig.envoy.access_log(12).await {
            let [input, output, costs] =
                ["input_tokens", "output_tokens", "cost_picousd"].map(|n| number(&line, n));
            assert_eq!(costs, (input + 4 * output) * MICRO, "{line}");
            assert_eq!(picos(line["cost_usd"].as_str().unwrap()), costs, "{line}");
            assert_eq!(
                (&line["priced"], &line["tokens_source"]),
                (&json!("true"), &json!("usage")),
                "{line}"
            );
        }
        rig.envoy.assert_no_crash();
    }
}

/// By HTTP/1.1 and HTTP/2 on either side, whether or not the upstream has trailers of its own, and
/// whether or not another filter reads the stream behind us.
#[tokio::test]
async fn streams_tell_their_cost_at_their_end() {
    for (upstream_http2, chained) in [(false, false), (true, false), (false, true), (true, true)] {
        let config = priced(json!({"cost_in_usage": true, "trailers": true}));
        let chain = |b: Bootstrap| match chained {
            true => b.wasm(token_limit(json!({}))).wasm(cost(config)),
            false => b.wasm(cost(config)),
        };
        let rig = Rig::start_with(&["openai"], 2, upstream_http2, chain).await;
        let bare = Rig::start_with(&["openai"], 2, upstream_http2, |b| b).await;
        let mut requests = every_api(true);
        // What was not asked for is not told in the stream.
        let mut silent = requests[0].clone();
        silent.1.as_object_mut().unwrap().remove("stream_options");
        requests.push(silent);
        for (path, body) in requests {
            for (client, plain) in [(rig.h1(), bare.h1()), (rig.h2(), bare.h2())] {
                for (trailers, cut) in [
                    ("false", "7"),
                    ("true", "7"),
                    ("true", "1000000"),
                    ("false", "1000000"),
                ] {
                    let request = || {
                        ask(path, &body)
                            .header("x-mock-tokens", "21")
                            .header("x-mock-trailers", trailers)
                            .header("x-mock-cut", cut)
                            .header("te", "trailers")
                    };
                    let place = format!(
                        "{path} http2: {upstream_http2}, chained: {chained}, {trailers} {body}"
                    );
                    let got = client.send(request()).await.ok();
                    let plain = plain.send(request()).await.ok();
                    assert_eq!(got.status, 200, "{place}");
                    let binary = path.ends_with("converse-stream");
                    let notes = match std::str::from_utf8(&got.body) {
                        Ok(text) => {
                            let (notes, rest) = without_note(text);
                            assert_eq!(rest, plain.text(), "{place}");
                            notes
                        }
                        Err(_) => {
                            assert_eq!(got.body, plain.body, "{place}");
                            Vec::new()
                        }
                    };
                    let trailer = |name: &str| -> Option<u128> {
                        let value = got.trailers.as_ref()?.get(name)?;
                        Some(picos(value.to_str().unwrap()))
                    };
                    let costs = trailer("x-ai-cost-usd")
                        .unwrap_or_else(|| panic!("{place}: {:?}", got.trailers));
                    let input = trailer("x-ai-input-tokens").unwrap() / picos("1");
                    assert_eq!(costs, (input + 4 * 21) * MICRO, "{place}");
                    let asked = body["stream_options"].is_object() || !path.contains("completions");
                    assert_eq!(
                        notes.last(),
                        (asked && !binary).then_some(&costs),
                        "{place}"
                    );
                    // Those of the upstream stay.
                    let theirs = |answer: &Response| {
                        answer
                            .trailers
                            .as_ref()
                            .is_some_and(|t| t.contains_key("x-mock-trailer"))
                    };
                    assert_eq!(theirs(&got), theirs(&plain), "{place}");
                }
            }
        }
        rig.envoy.assert_no_crash();
    }
}

/// A thousand mixed requests: the access log, Prometheus and the budget say the same.
#[tokio::test]
async fn log_metrics_and_budget_agree_to_the_picodollar() {
    let limit = picos("10");
    let mut config = budget("10");
    config["models"] = json!([{"match": "gpt-4o*"}, {"match": "claude*"}]);
    config["identity_labels"] = json!(["a"]);
    // A price whose sums need every digit.
    config["prices"][0]["cache_read_usd_per_mtok"] = json!("0.123457");
    let chain = |b: Bootstrap| {
        b.wasm(token_limit(json!({"identity": [{"header": "x-team"}]})))
            .wasm(cost(config))
    };
    let rig = Rig::start_with(&["openai"], 4, false, chain).await;
    let clients: Vec<Client> = (0..20).map(|_| rig.h2().pinned()).collect();
    let mut sending = JoinSet::new();
    for (n, client) in (0_usize..).zip(clients) {
        sending.spawn(async move {
            for turn in 0_usize..50 {
                let kind = (n + turn) % 8;
                let (path, model) = [
                    (MESSAGES, "claude-sonnet-4-5"),
                    (CHAT, "gpt-4o"),
                    ("/v1/embeddings", "text-embedding-3-small"),
                    ("/v1/responses", "gpt-5"),
                    (CHAT, "gpt-4o"),
                    (CHAT, "gpt-4o"),
                    (CHAT, "nobody-knows"),
                    (CHAT, "gpt-4o"),
                ][kind];
                let text = format!("{n} and {turn}");
                let body = json!({"model": model, "max_tokens": 60, "input": text, "stream": turn % 2 == 0,
                    "messages": [{"role": "user", "content": text}]});
                let mut request = ask(path, &body).header("x-mock-tokens", (1 + turn % 50).to_string());
                request = match kind {
                    4 => request.header("x-mock-usage", "none"),
                    5 if turn % 3 == 0 => request.header("x-mock-status", "503"),
                    5 => request.header("x-mock-usage", json!({"prompt_tokens": 100 + turn,
                        "completion_tokens": 7, "total_tokens": 107 + turn,
                        "prompt_tokens_details": {"cached_tokens": turn}}).to_string()),
                    7 if turn % 2 == 0 => request.header("x-mock-abort", "400"),
                    _ => request,
                };
                client.send(request).await;
            }
        });
    }
    sending.join_all().await;
    let log = rig.envoy.access_log(1000).await;
    assert_eq!(log.len(), 1000);
    let spent: u128 = log.iter().map(|line| number(line, "cost_picousd")).sum();
    let in_usd: u128 = log
        .iter()
        .map(|line| picos(line["cost_usd"].as_str().unwrap()))
        .sum();
    assert!(spent > 50_000 * MICRO && spent % MICRO > 0, "{spent}");
    assert_eq!(in_usd, spent);
    assert_eq!(settled(&rig, limit, limit - spent).await, limit - spent);
    let stats = rig
        .envoy
        .stats("^wasmcustom\\.weir_cost_picousd_total")
        .await;
    assert_eq!(
        stats.values().map(|n| u128::from(*n)).sum::<u128>(),
        spent,
        "{stats:?}"
    );
    let unpriced = log.iter().filter(|line| line["priced"] == "false").count();
    let asked = log.iter().filter(|line| line["model"] == "nobody-knows");
    assert_eq!((unpriced, true), (asked.count(), unpriced > 100));
    let metrics = rig.envoy.prometheus().await;
    for line in [
        &format!(
            r#"weir_unpriced_requests_total{{api="openai_chat",provider="other"}} {unpriced}"#
        ),
        r#"weir_cost_picousd_total{model="claude*",provider="other",identity="a"}"#,
    ] {
        assert!(metrics.contains(line), "{line} in\n{metrics}");
    }
    rig.envoy.assert_no_crash();
}

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
            // What makes no sense is not priced for the caller to see.
            assert!(!answer.text().contains("\"cost\""), "{usage}: {answer:?}");
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
        let found = ["response_code_details", "verdict", "rule", "cost_usd"]
            .map(|n| line[n].as_str().unwrap().to_owned());
        assert_eq!(
            found,
            ["weir_budget_exceeded", "limited", "b", "0"],
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
        stats.retain(|name, _| !name.contains("_ms") && !name.contains("conflicts"));
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
