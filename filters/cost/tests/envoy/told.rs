//! What callers, logs and metrics are told.

use serde_json::json;
use tokio::task::JoinSet;
use weir_testkit::bootstrap::Bootstrap;
use weir_testkit::client::{Client, Response};
use weir_testkit::rig::{Rig, cost, token_limit};

use super::*;

/// The notes in a body, and the body without them.
fn without_note(body: &str) -> (Vec<u128>, String) {
    let (mut notes, mut rest) = (Vec::new(), String::new());
    for (at, piece) in body.split(",\"cost\":").enumerate() {
        let (note, behind) = match at {
            0 => ("", piece),
            _ => piece.split_at(piece.find('}').unwrap()),
        };
        notes.extend((at > 0).then(|| picos(note)));
        rest.push_str(behind);
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
                    assert_eq!(
                        [theirs(&got), theirs(&plain)],
                        [trailers == "true"; 2],
                        "{place}"
                    );
                }
            }
        }
        rig.envoy.assert_no_crash();
    }
}

/// Over HTTP/1.1 Envoy sends trailers if it may, to whoever; if it may not, it leaves them out.
#[tokio::test]
async fn trailers_over_http_1_need_leave() {
    for leave in [true, false] {
        let hcm = json!({"http_protocol_options": {"enable_trailers": leave}});
        let config = priced(json!({"trailers": true}));
        let rig = Rig::start(&["openai"], |b| b.hcm(hcm).wasm(cost(config))).await;
        let request = chat(21, json!({"stream": true}));
        let answer = rig.h1().send(request).await.ok();
        assert!(answer.text().ends_with("data: [DONE]\n\n"), "{answer:?}");
        let told = answer
            .trailers
            .is_some_and(|t| t["x-ai-cost-usd"] == "0.000092");
        assert_eq!(told, leave);
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
    assert!(
        spent > 50_000 * MICRO && !spent.is_multiple_of(MICRO),
        "{spent}"
    );
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
