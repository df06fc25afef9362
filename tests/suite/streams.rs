//! Answers: what comes out is what the upstream sent, but for the model where it is put back.
//!
//! The measure is a second mock of the same name that is asked the same in the same order
//! without Envoy, so that even ids agree.

use std::collections::BTreeMap;
use std::time::Duration;

use mock_llm::{Listen, MockLlm, Options};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio::time::timeout;
use weir_testkit::client::{Client, Request, Response};
use weir_testkit::rig::{Rig, model_router};

use crate::{chat, counted};

const ASKED: &str = "asked-model";

/// What upstreams call themselves: longer, shorter, and in need of escapes.
const SNAPSHOTS: [&str; 3] = ["some-snapshot-of-2026-01-01", "s", "q\"uo\\te"];

const CUTS: [&str; 7] = ["", "1", "2", "3", "5", "7", "13"];

/// How a stream can be written, each a list of the mock's headers.
const STYLES: &[&str] = &[
    "",
    "x-mock-line-end: crlf",
    "x-mock-line-end: cr",
    "x-mock-comments: true",
    "x-mock-no-final-newline: true",
    "x-mock-multi-data: true",
    "x-mock-multi-data: true\nx-mock-line-end: crlf",
    "x-mock-bom: true\nx-mock-no-space: true",
    "x-mock-deltas: chars\nx-mock-text: %F0%9F%98%80%22%0A%C3%A9",
    "x-mock-usage: none",
    "x-mock-length: true",
    "x-mock-trailers: true\nte: trailers",
    "x-mock-trailers: true\nte: trailers\nx-mock-no-final-newline: true",
];

/// Each API's path and body, for a stream or not; Gemini says it in the path.
fn apis(stream: bool) -> Vec<(String, Value)> {
    let said = json!([{"role": "user", "content": "hi there"}]);
    let contents = json!({"contents": [{"role": "user", "parts": [{"text": "hi there"}]}]});
    let verb = if stream {
        "streamGenerateContent"
    } else {
        "generateContent"
    };
    let gemini = format!("/v1beta/models/{ASKED}:{verb}");
    let mut apis = vec![
        ("/v1/chat/completions", json!({"n": 2, "messages": said})),
        (
            "/v1/chat/completions",
            json!({"messages": said, "stream_options": {"include_usage": true}}),
        ),
        ("/v1/completions", json!({"prompt": "hi there"})),
        ("/v1/responses", json!({"input": "hi there"})),
        ("/v1/messages", json!({"max_tokens": 9, "messages": said})),
    ];
    for (_, body) in &mut apis {
        body["model"] = ASKED.into();
        body["stream"] = stream.into();
    }
    let mut apis: Vec<_> = apis
        .into_iter()
        .map(|(path, body)| (path.to_owned(), body))
        .collect();
    if stream {
        // Without `alt=sse`, one array.
        apis.push((gemini.clone() + "?alt=sse", contents.clone()));
    }
    apis.push((gemini, contents));
    apis
}

/// Envoy before a mock, and another such mock.
struct Pair {
    rig: Rig,
    _reference: MockLlm,
    direct: Client,
    restore: bool,
    _dir: TempDir,
}

impl Pair {
    async fn start(restore: bool, http2: bool) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("mock.sock");
        let options = Options {
            name: "openai".to_owned(),
            record: false,
        };
        let config = json!({"restore_model": restore});
        // By default Envoy keeps an HTTP/1 client a second before it tells of an abort.
        let soon = json!({"delayed_close_timeout": "0.02s"});
        Self {
            rig: Rig::start_with(&["openai"], 2, http2, |b| {
                b.wasm(model_router(config)).hcm(soon)
            })
            .await,
            _reference: MockLlm::start(Listen::Unix(socket.clone()), options)
                .await
                .unwrap(),
            direct: if http2 {
                Client::h2(&socket)
            } else {
                Client::h1(&socket)
            },
            restore,
            _dir: dir,
        }
    }

    /// Asks by way of Envoy and directly; the upstream's model as it should come out.
    async fn ask(&self, client: &Client, request: &Request, model: &str) -> [Response; 2] {
        let request = |model: &str| request.clone().header("x-mock-response-model", model);
        let expected = if self.restore { ASKED } else { model };
        let got = client.send(request(model)).await;
        [got, self.direct.send(request(expected)).await]
    }

    async fn compare(&self, client: &Client, request: &Request, model: &str) -> Response {
        let [got, expected] = self.ask(client, request, model).await;
        let what = format!("{request:?}");
        assert_eq!(got.status, expected.status, "{what}");
        assert_eq!(got.aborted, expected.aborted, "{what}: {got:?}");
        assert_eq!(got.trailers, expected.trailers, "{what}");
        assert!(
            got.body == expected.body,
            "{what}\n     got {:?}\nexpected {:?}",
            got.body,
            expected.body
        );
        let (length, right) = (got.header("content-length"), got.body.len().to_string());
        assert!(
            length.is_none_or(|it| it == right),
            "{what}: {length:?} of {right}"
        );
        for name in ["content-type", "content-encoding"] {
            assert_eq!(got.headers.get(name), expected.headers.get(name), "{what}");
        }
        got
    }

    /// Every request was counted once, and every answer's model noted.
    async fn settle(&self, noted: &BTreeMap<&str, usize>) {
        let all = self.rig.upstream("openai").count();
        let count = counted(&self.rig.envoy, "weir_requests_total", all as u64).await;
        assert_eq!(count, all as u64);
        assert_eq!(
            counted(&self.rig.envoy, "weir_host_failures_total", 0).await,
            0
        );
        let log = self.rig.envoy.access_log(all).await;
        assert_eq!(log.len(), all);
        for (model, times) in noted {
            let found = log.iter().filter(|line| line["response_model"] == *model);
            assert_eq!(found.count(), *times, "{model}");
        }
        assert!(log.iter().all(|line| line["model"] == ASKED), "{log:#?}");
        self.rig.envoy.assert_no_crash();
    }
}

fn scripted(request: Request, script: &str) -> Request {
    script.lines().fold(request, |request, line| {
        let (name, value) = line.split_once(": ").unwrap();
        request.header(name, value)
    })
}

async fn streams(restore: bool, http2: bool) {
    let pair = Pair::start(restore, http2).await;
    let clients = [pair.rig.h1(), pair.rig.h2()];
    let mut noted = BTreeMap::new();
    let mut turn = 0;
    for (path, body) in apis(true) {
        for style in STYLES {
            for client in &clients {
                turn += 1;
                let (cut, model) = (CUTS[turn % CUTS.len()], SNAPSHOTS[turn % SNAPSHOTS.len()]);
                let request = scripted(Request::post(&path).json(&body), style);
                let request = request.header("x-mock-cut", cut);
                // An array of answers is not one answer: it passes, and its model stays.
                let is_array = path.ends_with("Content");
                let model = if is_array { ASKED } else { model };
                pair.compare(client, &request, model).await;
                *noted.entry(model).or_insert(0) += usize::from(!is_array);
            }
        }
    }
    pair.settle(&noted).await;
}

#[tokio::test]
async fn streams_pass_byte_for_byte_over_http1() {
    streams(false, false).await;
}

#[tokio::test]
async fn streams_pass_byte_for_byte_over_http2() {
    streams(false, true).await;
}

#[tokio::test]
async fn every_event_has_the_model_put_back_over_http1() {
    streams(true, false).await;
}

#[tokio::test]
async fn every_event_has_the_model_put_back_over_http2() {
    streams(true, true).await;
}

async fn whole_answers(restore: bool, http2: bool) {
    let pair = Pair::start(restore, http2).await;
    let mut noted = BTreeMap::new();
    for (path, body) in apis(false) {
        for client in [pair.rig.h1(), pair.rig.h2()] {
            let request = Request::post(&path).json(&body);
            for model in SNAPSHOTS {
                let got = pair.compare(&client, &request, model).await;
                assert!(got.headers.contains_key("content-length"), "{got:?}");
                for script in ["x-mock-cut: 7", "x-mock-trailers: true\nte: trailers"] {
                    pair.compare(&client, &scripted(request.clone(), script), model)
                        .await;
                }
                *noted.entry(model).or_insert(0) += 3;
            }
            let unnoted = [
                "x-mock-encoding: gzip",
                "x-mock-encoding: gzip\nx-mock-cut: 5",
                "x-mock-body: eyJtb2RlbCI6\nx-mock-content-type: application/json",
                "x-mock-body: eyJtb2RlbCI6IngifQ==\nx-mock-content-type: text/plain",
                "x-mock-body: \nx-mock-content-type: application/json",
                "x-mock-status: 400",
                "x-mock-status: 429",
                "x-mock-status: 500",
                "x-mock-status: 503\nx-mock-cut: 3",
            ];
            for script in unnoted {
                let request = scripted(request.clone(), script);
                pair.compare(&client, &request, ASKED).await;
            }
        }
    }
    pair.settle(&noted).await;
}

#[tokio::test]
async fn whole_answers_pass_byte_for_byte() {
    whole_answers(false, false).await;
}

#[tokio::test]
async fn whole_answers_have_the_model_put_back_over_http1() {
    whole_answers(true, false).await;
}

#[tokio::test]
async fn whole_answers_have_the_model_put_back_over_http2() {
    whole_answers(true, true).await;
}

#[tokio::test]
async fn events_are_not_kept_waiting() {
    let pair = Pair::start(true, false).await;
    let mut asked = JoinSet::new();
    for client in [pair.rig.h1(), pair.rig.h2()] {
        for (path, body) in apis(true) {
            let request = Request::post(&path).json(&body);
            let request = request.header("x-mock-event-delay-ms", "60");
            let request = request.header("x-mock-response-model", "s");
            let client = client.clone();
            // The array that Gemini streams without `alt=sse` is gathered.
            if !path.ends_with("Content") {
                asked.spawn(async move { client.send(request).await.ok() });
            }
        }
    }
    for got in asked.join_all().await {
        // Each event came by itself, none of them with the next.
        assert_eq!(got.chunks.len(), got.sse().len(), "{:#?}", got.chunks);
        let mut whole = got.chunks.iter().map(|chunk| chunk.ends_with(b"\n\n"));
        assert!(whole.all(|it| it), "{:#?}", got.chunks);
    }
    pair.rig.envoy.assert_no_crash();
}

async fn breaking_off(restore: bool, http2: bool) {
    let pair = Pair::start(restore, http2).await;
    let mut requests = 0;
    for client in [pair.rig.h1(), pair.rig.h2()] {
        for stream in [true, false] {
            for (path, body) in apis(stream) {
                let request = Request::post(&path)
                    .json(&body)
                    .header("x-mock-response-model", "s");
                // The upstream breaks off, …
                for at in ["0", "1", "100", "300"] {
                    let abort = request.clone().header("x-mock-abort", at);
                    let got = client.send(abort).await;
                    assert!(got.aborted || got.status == 502, "{path} at {at}: {got:?}");
                }
                // … the client does before there is an answer, …
                let late = request.clone().header("x-mock-delay-ms", "500");
                let late = timeout(Duration::from_millis(30), client.send(late));
                late.await.expect_err("too early");
                requests += 5;
                // … or within it.
                if stream && !path.ends_with("Content") {
                    let slow = request.header("x-mock-event-delay-ms", "40");
                    let mut streaming = client.send_streaming(slow).await;
                    assert_eq!(streaming.status(), 200);
                    streaming.chunk().await.expect("a first chunk");
                    requests += 1;
                }
            }
        }
    }
    pair.rig.h1().send(chat(ASKED)).await.ok();
    requests += 1;
    let log = pair.rig.envoy.access_log(requests).await;
    assert_eq!(log.len(), requests);
    for line in &log {
        for fact in ["api", "model", "upstream_model", "stream", "verdict"] {
            assert!(line[fact].is_string(), "{fact} of {line:#}");
        }
    }
    let count = counted(&pair.rig.envoy, "weir_requests_total", requests as u64).await;
    assert_eq!(count, requests as u64);
    pair.rig.envoy.assert_no_crash();
}

#[tokio::test]
async fn whoever_breaks_off_is_counted_once_over_http1() {
    breaking_off(true, false).await;
}

#[tokio::test]
async fn whoever_breaks_off_is_counted_once_over_http2() {
    breaking_off(false, true).await;
}
