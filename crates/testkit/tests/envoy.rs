//! The test kit against a real Envoy: what every other test in this workspace relies on.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Channel};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use serde_json::json;
use tempfile::TempDir;
use tokio::net::UnixListener;
use weir_testkit::bootstrap::{Bootstrap, Wasm};
use weir_testkit::client::{Client, Request, raw};
use weir_testkit::envoy::Envoy;

type Error = Box<dyn std::error::Error + Send + Sync>;
type Body = UnsyncBoxBody<Bytes, Error>;

#[tokio::test]
async fn proxies_and_logs_over_http1_and_http2() {
    let up = Upstream::start();
    let bootstrap = Bootstrap::new()
        .cluster("one", &up.socket, false)
        .cluster("two", &up.socket, true)
        .route_on_header("x-to", "two", "two")
        .access_log_format(json!({ "tenant": "%REQ(X-TENANT)%" }));
    let envoy = Envoy::start(&bootstrap, 2).await;

    for client in [Client::h1(envoy.socket()), Client::h2(envoy.socket())] {
        for to in ["one", "two"] {
            let request = Request::post("/echo").header("x-to", to);
            let request = request.header("x-tenant", "acme").json(&json!({ "n": 1 }));
            let response = client.send(request).await.ok();
            assert_eq!(response.status, 200);
            assert_eq!(response.json(), json!({ "n": 1 }));
            assert_eq!(response.header("x-length"), Some("7"));
        }
    }

    let log = envoy.access_log(4).await;
    let clusters: Vec<_> = log
        .iter()
        .map(|it| it["upstream_cluster"].clone())
        .collect();
    assert_eq!(clusters, ["one", "two", "one", "two"], "{log:#?}");
    let protocols: Vec<_> = log.iter().map(|it| it["protocol"].clone()).collect();
    assert_eq!(protocols, ["HTTP/1.1", "HTTP/1.1", "HTTP/2", "HTTP/2"]);
    for entry in &log {
        assert_eq!(entry["response_code"], 200);
        assert_eq!(entry["response_code_details"], "via_upstream");
        assert_eq!(entry["bytes_sent"], 7);
        assert_eq!(entry["tenant"], "acme");
    }

    assert_eq!(envoy.stat("cluster.two.upstream_rq_200").await, Some(2));
    assert_eq!(envoy.stat("cluster.two.upstream_rq_20").await, None);
    let stats = envoy.stats(r"^cluster\.(one|two)\.upstream_rq_200$").await;
    assert_eq!(stats.values().sum::<u64>(), 4, "{stats:?}");
    let prometheus = envoy.prometheus().await;
    assert!(prometheus.contains("envoy_cluster_upstream_rq{"));
    assert!(
        envoy
            .admin(Method::GET, "/server_info")
            .await
            .contains("LIVE")
    );
    assert!(envoy.rss_kib() > 1_000);
    envoy.assert_no_crash();
}

#[tokio::test]
async fn shows_chunks_trailers_and_large_bodies() {
    let up = Upstream::start();
    let bootstrap = Bootstrap::new().cluster("up", &up.socket, false);
    let envoy = Envoy::start(&bootstrap, 2).await;
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", "42".parse().unwrap());

    for client in [Client::h1(envoy.socket()), Client::h2(envoy.socket())] {
        let pieces: Vec<Bytes> = [
            "data: a\n\n",
            "event: e\r\ndata: b\r\n\r\n",
            "da",
            "ta: c\n\n",
        ]
        .map(Bytes::from)
        .into();
        let request = Request::post("/echo")
            .header("te", "trailers")
            .chunks(pieces.clone());
        let response = client.send(request.trailers(trailers.clone())).await.ok();
        assert_eq!(response.chunks, pieces);
        assert!(response.first_chunk_at.unwrap() < Duration::from_secs(2));
        assert_eq!(response.trailers.as_ref(), Some(&trailers));
        let event = |name: Option<&str>, data: &str| (name.map(str::to_owned), data.to_owned());
        let expected = [event(None, "a"), event(Some("e"), "b"), event(None, "c")];
        assert_eq!(response.sse(), expected);

        let large = vec![b'x'; 8 * 1024 * 1024];
        let response = client
            .send(Request::post("/echo").body(large.clone()))
            .await;
        assert!(response.ok().body == large);
    }
}

#[tokio::test]
async fn sees_continue_aborts_and_hang_ups() {
    let up = Upstream::start();
    let bootstrap = Bootstrap::new().cluster("up", &up.socket, false);
    let envoy = Envoy::start(&bootstrap, 2).await;

    let h1 = Client::h1(envoy.socket());
    let request = Request::post("/echo").body("hello").expect_continue();
    let response = h1.send(request.clone()).await.ok();
    assert!(response.continued, "{response:#?}");
    assert_eq!(response.text(), "hello");
    assert_eq!(response.header("x-length"), Some("5"));
    let h2 = Client::h2(envoy.socket());
    assert_eq!(h2.send(request).await.ok().text(), "hello");

    for client in [&h1, &h2] {
        let response = client.send(Request::get("/abort")).await;
        assert_eq!((response.status, response.text()), (200, "begun"));
        assert!(
            response.aborted && response.error.is_some(),
            "{response:#?}"
        );

        let mut streaming = client.send_streaming(Request::get("/endless")).await;
        assert_eq!(streaming.status(), 200);
        assert_eq!(streaming.headers()["x-length"], "0");
        assert_eq!(streaming.chunk().await.as_deref(), Some(&b"tick"[..]));
        drop(streaming);
    }
    let log = envoy.access_log(6).await;
    let flags: Vec<_> = log.iter().map(|it| it["response_flags"].clone()).collect();
    assert_eq!(flags, ["-", "-", "UPE", "DC", "UPE", "DR"], "{log:#?}");

    let answer = raw(envoy.socket(), b"NOT HTTP\r\n\r\n", Duration::from_secs(5)).await;
    assert!(answer.starts_with(b"HTTP/1.1 400 "), "{answer:?}");
}

#[tokio::test]
async fn pinned_clients_sit_on_different_workers() {
    let up = Upstream::start();
    let bootstrap = Bootstrap::new().cluster("up", &up.socket, false);
    let envoy = Envoy::start(&bootstrap, 2).await;

    let one = Client::h1(envoy.socket()).pinned();
    let two = Client::h2(envoy.socket()).pinned();
    for client in [&one, &two] {
        let send = |n: u32| {
            let client = client.clone();
            tokio::spawn(async move {
                client
                    .send(Request::post("/echo").body(n.to_string()))
                    .await
            })
        };
        for (n, task) in (0..20)
            .map(send)
            .collect::<Vec<_>>()
            .into_iter()
            .enumerate()
        {
            assert_eq!(task.await.unwrap().ok().text(), n.to_string());
        }
    }

    let stats = envoy
        .stats(r"^listener\..*worker_\d\.downstream_cx_total$")
        .await;
    assert_eq!(stats.into_values().collect::<Vec<_>>(), [1, 1]);
}

#[tokio::test]
async fn refuses_a_bad_configuration_with_the_log() {
    let unknown = Bootstrap::new().filter(json!({ "name": "nonsense" }));
    let log = Envoy::try_start(&unknown, 1).await.unwrap_err();
    assert!(log.contains("nonsense"), "{log}");

    let dynamic = unknown.dynamic_listener(true);
    let log = Envoy::try_start(&dynamic, 1).await.unwrap_err();
    assert!(log.contains("nonsense"), "{log}");

    let dir = TempDir::new().unwrap();
    let not_wasm = dir.path().join("broken.wasm");
    std::fs::write(&not_wasm, "not wasm").unwrap();
    let broken = Bootstrap::new().wasm(Wasm::new("broken", &not_wasm));
    let log = Envoy::try_start(&broken, 1).await.unwrap_err();
    assert!(log.contains("Unable to create Wasm"), "{log}");

    // On a live update the old listener stays, and nothing has crashed.
    let working = Bootstrap::new().dynamic_listener(true);
    let envoy = Envoy::start(&working, 2).await;
    let broken = working.wasm(Wasm::new("broken", &not_wasm));
    let log = envoy.try_update_listener(&broken).await.unwrap_err();
    assert!(log.contains("Unable to create Wasm"), "{log}");
    envoy.assert_no_crash();
}

#[tokio::test]
async fn replaces_a_dynamic_listener() {
    let bootstrap = |status: u32| {
        Bootstrap::new().dynamic_listener(true).raw_route(json!({
            "match": { "prefix": "/" },
            "direct_response": { "status": status },
        }))
    };
    let envoy = Envoy::start(&bootstrap(201), 2).await;
    let status = async || {
        Client::h1(envoy.socket())
            .send(Request::get("/"))
            .await
            .status
    };
    assert_eq!(status().await, 201);

    envoy.update_listener(&bootstrap(202)).await;
    assert_eq!(status().await, 202);

    let bad = bootstrap(203).filter(json!({ "name": "nonsense" }));
    let log = envoy.try_update_listener(&bad).await.unwrap_err();
    assert!(log.contains("nonsense"), "{log}");
    assert_eq!(status().await, 202);

    envoy.update_listener(&bootstrap(204)).await;
    assert_eq!(status().await, 204);
}

#[tokio::test]
async fn a_dropped_envoy_is_gone() {
    let envoy = Envoy::start(&Bootstrap::new(), 1).await;
    let (process, dir) = (format!("/proc/{}", envoy.pid()), envoy.dir().to_owned());
    assert!(Path::new(&process).exists() && dir.exists());
    drop(envoy);
    assert!(!Path::new(&process).exists() && !dir.exists());
}

#[tokio::test]
async fn a_trap_does_not_go_unnoticed() {
    let dir = TempDir::new().unwrap();
    let module = dir.path().join("trap.wasm");
    std::fs::write(&module, TRAPPING_MODULE).unwrap();
    for policy in [None, Some("FAIL_OPEN"), Some("FAIL_RELOAD")] {
        let up = Upstream::start();
        let trap = Wasm {
            failure_policy: policy.map(str::to_owned),
            config: json!({ "any": "thing" }),
            hold: true,
            ..Wasm::new("trap", &module)
        };
        let bootstrap = Bootstrap::new().cluster("up", &up.socket, false).wasm(trap);
        let envoy = Envoy::start(&bootstrap, 2).await;
        envoy.assert_no_crash();
        let response = Client::h1(envoy.socket()).send(Request::get("/")).await;
        assert_eq!(response.status, 503, "{policy:?}");
        let noticed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            envoy.assert_no_crash();
        }));
        assert!(noticed.is_err(), "{policy:?}: {}", envoy.log());
    }
}

/// The smallest plugin that traps: `proxy_on_request_headers` is `unreachable`.
const TRAPPING_MODULE: &[u8] = b"\0asm\x01\0\0\0\
    \x01\x10\x03\x60\0\0\x60\x01\x7f\x01\x7f\x60\x03\x7f\x7f\x7f\x01\x7f\
    \x03\x04\x03\0\x01\x02\
    \x05\x03\x01\0\x01\
    \x07\x5a\x04\x06memory\x02\0\x17proxy_abi_version_0_2_1\0\0\
    \x18proxy_on_memory_allocate\0\x01\x18proxy_on_request_headers\0\x02\
    \x0a\x0d\x03\x02\0\x0b\x04\0\x41\0\x0b\x03\0\0\x0b";

/// A server that echoes, aborts, or never ends, as the path says.
struct Upstream {
    socket: PathBuf,
    _dir: TempDir,
}

impl Upstream {
    fn start() -> Self {
        let dir = TempDir::new().unwrap();
        let socket = dir.path().join("up.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let server = Builder::new(TokioExecutor::new());
                    let io = TokioIo::new(stream);
                    let _ = server.serve_connection(io, service_fn(answer)).await;
                });
            }
        });
        Self { socket, _dir: dir }
    }
}

async fn answer(request: http::Request<Incoming>) -> Result<http::Response<Body>, Infallible> {
    let length = request.headers().get("content-length").cloned();
    let trailer = request.headers().get("trailer").cloned();
    let body = match request.uri().path() {
        "/abort" => ticking(&["begun"], Some("on purpose".into())),
        "/endless" => ticking(&["tick"; 10_000], None),
        _ => request.into_body().map_err(Into::into).boxed_unsync(),
    };
    let mut response = http::Response::new(body);
    let headers = response.headers_mut();
    headers.insert("x-length", length.unwrap_or_else(|| "0".parse().unwrap()));
    // hyper sends only the HTTP/1 trailers that are announced.
    headers.extend(trailer.map(|names| (http::header::TRAILER, names)));
    Ok(response)
}

fn ticking(chunks: &'static [&'static str], error: Option<Error>) -> Body {
    let (mut sender, body) = Channel::new(1);
    tokio::spawn(async move {
        for chunk in chunks {
            if sender.send_data(Bytes::from(*chunk)).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        if let Some(error) = error {
            sender.abort(error);
        }
    });
    body.boxed_unsync()
}
