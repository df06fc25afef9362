//! The body state machine in real Envoy, held and not held: what every filter stands on.

use bytes::Bytes;
use http::HeaderMap;
use serde_json::json;
use weir_testkit::bootstrap::Wasm;
use weir_testkit::client::Request;
use weir_testkit::envoy::module;
use weir_testkit::rig::Rig;

use crate::counted;

fn probe(hold: bool, limit: usize) -> Wasm {
    Wasm {
        config: json!({"hold": u8::from(hold), "limit": limit}),
        hold,
        ..Wasm::new("probe", module("probe"))
    }
}

/// The ways a body can come.
fn shapes(body: &str) -> Vec<(&'static str, Request)> {
    let bytes = Bytes::copy_from_slice(body.as_bytes());
    let halves = vec![bytes.slice(..body.len() / 2), bytes.slice(body.len() / 2..)];
    let mut trailers = HeaderMap::new();
    trailers.insert("x-trailer", "t".parse().unwrap());
    let post = || Request::post("/echo").header("content-type", "text/plain");
    vec![
        ("length", post().body(bytes)),
        ("chunked", post().chunks(halves.clone())),
        ("trailers", post().chunks(halves).trailers(trailers)),
    ]
}

/// Every edit of a request's body, in every way it can come, arrives exactly, with the right
/// length or none.
#[tokio::test]
async fn request_bodies() {
    for (hold, http2) in [(true, false), (true, true), (false, false), (false, true)] {
        let rig = Rig::start_with(&["up"], 2, http2, |b| b.wasm(probe(hold, 100))).await;
        for client in [rig.h1(), rig.h2()] {
            for (edit, sent) in [
                ("pass", "0123456789"),
                ("append", "0123456789+more"),
                ("halve", "01234"),
                ("empty", ""),
            ] {
                for (shape, request) in shapes("0123456789") {
                    let what = format!("hold {hold}, http2 upstream {http2}, {edit}, {shape}");
                    let answer = client
                        .send(request.header("x-probe-request", edit))
                        .await
                        .ok();
                    assert_eq!(answer.text(), sent, "{what}");
                    let seen = rig.upstream("up").requests().pop().unwrap();
                    assert_eq!(seen.body, sent, "{what}");
                    if let Some(length) = seen.headers.get("content-length") {
                        assert_eq!(length, &sent.len().to_string(), "{what}");
                    }
                    assert!(
                        hold || !seen.headers.contains_key("content-length"),
                        "{what}"
                    );
                    if shape == "trailers" {
                        let trailers = seen.trailers.unwrap_or_default();
                        assert_eq!(trailers.get("x-trailer").unwrap(), "t", "{what}");
                    }
                }
            }
        }
        for client in [rig.h2()] {
            rig.upstream("up").clear();
            for (shape, request) in shapes("0123456789") {
                let what = format!("hold {hold}, {shape}");
                let answer = client
                    .send(request.header("x-probe-request", "reply"))
                    .await;
                assert_eq!((answer.status, answer.text()), (418, "saw 10"), "{what}");
            }
            for (shape, request) in shapes(&"x".repeat(101)) {
                let what = format!("hold {hold}, {shape}");
                let answer = client.send(request.header("x-probe-request", "pass")).await;
                assert_eq!((answer.status, answer.text()), (413, "too large"), "{what}");
            }
            // Without a body there is an empty one to judge.
            let answer = client
                .send(Request::post("/echo").header("x-probe-request", "reply"))
                .await;
            assert_eq!((answer.status, answer.text()), (418, "saw 0"));
            assert!(
                rig.upstream("up").requests().iter().all(|r| !r.complete),
                "{hold}: something was sent"
            );
        }
        rig.envoy.assert_no_crash();
    }
}

/// Every way to look at a response, held and not, with and without trailers.
#[tokio::test]
async fn response_bodies() {
    let mut ends = 0;
    for hold in [true, false] {
        let rig = Rig::start_with(&["up"], 2, true, |b| b.wasm(probe(hold, 1000))).await;
        ends = 0;
        for client in [rig.h1(), rig.h2()] {
            for trailers in [false, true] {
                for (mode, got) in [
                    ("pass", "abcdefghij"),
                    ("watch", "abcdefghij"),
                    (
                        "edit",
                        if trailers {
                            "ABCDEFGHIJ"
                        } else {
                            "ABCDEFGHIJ!"
                        },
                    ),
                    ("whole", "abcdefghij+whole"),
                ] {
                    for cut in [None, Some("3")] {
                        let mut request = Request::post("/v1/x")
                            .header("x-mock-body", "YWJjZGVmZ2hpag==")
                            .header("te", "trailers")
                            .header("x-probe-response", mode);
                        if let Some(cut) = cut {
                            request = request
                                .header("x-mock-cut", cut)
                                .header("x-mock-event-delay-ms", "3");
                        }
                        if trailers {
                            request = request.header("x-mock-trailers", "true");
                        }
                        let what = format!("hold {hold}, {mode}, trailers {trailers}, cut {cut:?}");
                        let answer = client.send(request).await.ok();
                        ends += 1;
                        // The last piece of an edited body may be an empty one: then no `!`.
                        let plain = answer.text().trim_end_matches('!');
                        assert_eq!(plain, got.trim_end_matches('!'), "{what}");
                        assert_eq!(answer.header("x-probe"), Some("seen"), "{what}");
                        if let Some(length) = answer.header("content-length") {
                            assert_eq!(length, answer.body.len().to_string(), "{what}");
                        }
                    }
                }
            }
        }
        // A body larger than may be held passes as it is.
        let text = "x".repeat(5000);
        let request = Request::post("/echo")
            .body(text.clone())
            .header("x-probe-response", "whole");
        assert_eq!(rig.h1().send(request).await.ok().text(), text);
        assert_eq!(
            counted(&rig.envoy, "weir_probe_ends_total", ends + 1).await,
            ends + 1
        );
        assert_eq!(counted(&rig.envoy, "weir_host_failures", 0).await, 0);
        rig.envoy.assert_no_crash();
    }
    assert!(ends > 0);
}
