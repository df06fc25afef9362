//! What is no business of ours passes as if there were no filter at all.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method};
use mock_llm::Recorded;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use weir_testkit::client::{Request, Response};
use weir_testkit::rig::{Rig, model_router};

use crate::{CHAT, chat, last_seen};

/// With the filter or without, but alike in everything else.
async fn start(http2_upstream: bool, filtered: bool) -> Rig {
    let upgrades = json!({"upgrade_configs": [{"upgrade_type": "websocket"}]});
    Rig::start_with(&["openai"], 2, http2_upstream, |b| {
        let b = b.hcm(upgrades);
        if filtered {
            b.wasm(model_router(json!({"restore_model": true})))
        } else {
            b
        }
    })
    .await
}

fn gzip() -> Bytes {
    Bytes::from_static(b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x03\0\0\0\0\0\0\0\0\0")
}

fn foreign_requests() -> Vec<Request> {
    let json = r#"{"Model":1,"model":"a","model":"#;
    let form = "--x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"\u{e9}\"\r\n\r\n\0\r\n--x--\r\n";
    let frame = Bytes::from_static(b"\0\0\0\0\x05\x0a\x03abc");
    let checksum = ("x-checksum".parse().unwrap(), HeaderValue::from_static("1"));
    let trailers = HeaderMap::from_iter([checksum]);
    vec![
        Request::get("/"),
        Request::get("/healthz?x=%20&y=%ff"),
        Request::get("/v1/models").header("accept-encoding", "gzip"),
        Request::get(CHAT).header("accept-encoding", "gzip, br"),
        Request::new(Method::HEAD, "/v1/files/1"),
        Request::new(Method::HEAD, CHAT),
        Request::new(Method::OPTIONS, CHAT)
            .header("origin", "https://a")
            .header("access-control-request-method", "POST"),
        Request::new(Method::DELETE, "/v1/files/1"),
        Request::new(Method::PUT, CHAT).body(json),
        Request::new(Method::PATCH, "/v1/responses").body(json),
        Request::post("/v1/files")
            .header("content-type", "multipart/form-data; boundary=x")
            .body(form),
        Request::post("/v1/files")
            .chunks(vec![Bytes::from(form)])
            .trailers(trailers),
        Request::post("/v1/responses/resp_1/cancel").body(json),
        Request::post("/v1/audio/transcriptions")
            .header("content-encoding", "gzip")
            .body(gzip()),
        Request::post("/nothing/we/know").body(""),
        Request::post("/raw")
            .header("x-raw", b"\xff\xfe")
            .header("x-twice", "a")
            .header("x-twice", "b"),
        Request::post("/pkg.Service/Method")
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .chunks(vec![frame]),
        Request::post("/any")
            .body("x")
            .header("x-mock-trailers", "true")
            .header("te", "trailers"),
        Request::post("/any")
            .body("x")
            .header("x-mock-status", "429"),
        Request::post("/any")
            .body("x")
            .header("x-mock-status", "503"),
        Request::post("/any")
            .body("x")
            .header("x-mock-encoding", "gzip"),
        Request::post("/any").expect_continue().body("x"),
    ]
}

fn sorted(headers: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    // What Envoy makes anew for every request.
    const FRESH: &[&str] = &["date", "x-envoy-upstream-service-time", "x-request-id"];
    let mut all: Vec<_> = headers
        .iter()
        .filter(|(name, _)| !FRESH.contains(&name.as_str()))
        .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()))
        .collect();
    all.sort();
    all
}

/// All that an upstream and a client can see of an exchange.
fn visible(seen: &Recorded, answer: &Response) -> BTreeMap<&'static str, String> {
    let sent = format!("{} {} {:?}", seen.method, seen.path, sorted(&seen.headers));
    let trailers = [&seen.trailers, &answer.trailers].map(|t| t.as_ref().map(sorted));
    let got = format!("{} {:?}", answer.status, sorted(&answer.headers));
    BTreeMap::from([
        ("request", sent),
        ("request body", format!("{} {:?}", seen.complete, seen.body)),
        ("response", got),
        (
            "response body",
            format!("{} {:?}", answer.aborted, answer.body),
        ),
        ("trailers", format!("{trailers:?}")),
        ("continued", answer.continued.to_string()),
    ])
}

async fn passes_as_without_us(http2_upstream: bool) {
    let with = start(http2_upstream, true).await;
    let without = start(http2_upstream, false).await;
    for http2 in [false, true] {
        for request in foreign_requests() {
            let mut both = Vec::new();
            for rig in [&with, &without] {
                let client = if http2 { rig.h2() } else { rig.h1() };
                let answer = client.send(request.clone()).await;
                both.push(visible(&last_seen(rig, "openai"), &answer));
            }
            assert_eq!(both[0], both[1], "HTTP/2 {http2}: {request:?}");
        }
    }
    assert_eq!(
        with.upstream("openai").count(),
        without.upstream("openai").count()
    );
    let log = with.envoy.access_log(2 * foreign_requests().len()).await;
    assert!(
        log.iter().all(|line| line["api"] == Value::Null),
        "{log:#?}"
    );
    with.envoy.assert_no_crash();
}

#[tokio::test]
async fn foreign_requests_pass_as_without_us_over_http1() {
    passes_as_without_us(false).await;
}

#[tokio::test]
async fn foreign_requests_pass_as_without_us_over_http2() {
    passes_as_without_us(true).await;
}

#[tokio::test]
async fn websockets_pass() {
    let rig = start(false, true).await;
    // Also on a path that would be ours by its name.
    for path in ["/v1/realtime?model=gpt", "/v1/responses", CHAT] {
        let mut stream = UnixStream::connect(rig.envoy.socket()).await.unwrap();
        let ask = format!(
            "GET {path} HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(ask.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.expect("more of the head"));
        }
        let head = String::from_utf8(head).unwrap();
        assert!(head.starts_with("HTTP/1.1 101 "), "{path}: {head}");
        assert!(
            head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
            "{path}: {head}"
        );
        for frame in [
            b"\x81\x05hello".to_vec(),
            vec![0xff; 100_000],
            b"\x88\0".to_vec(),
        ] {
            stream.write_all(&frame).await.unwrap();
            let mut echo = vec![0; frame.len()];
            stream.read_exact(&mut echo).await.unwrap();
            assert!(echo == frame, "{path}");
        }
    }
    rig.envoy.assert_no_crash();
}

#[tokio::test]
async fn expect_continue_works_on_our_paths() {
    let rig = start(false, true).await;
    for client in [rig.h1(), rig.h2()] {
        for request in [chat("gpt").expect_continue(), chat("gpt")] {
            let answer = client.send(request).await.ok();
            assert_eq!(answer.status, 200);
            assert_eq!(answer.json()["model"], "gpt");
        }
    }
    let answer = rig.h1().send(chat("gpt").expect_continue()).await;
    assert!(answer.continued, "{answer:?}");
    let refused = Request::post(CHAT).body("{").expect_continue();
    assert_eq!(rig.h1().send(refused).await.status, 400);
    rig.envoy.assert_no_crash();
}
