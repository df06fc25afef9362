//! The server as a client meets it, over a unix socket.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test asserts by panicking"
)]

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, Version};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Frame;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use mock_llm::{Listen, MockLlm, Options};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

const CHAT: &str = "/v1/chat/completions";

/// A server of its own for each test.
struct Fixture {
    mock: MockLlm,
    directory: TempDir,
}

/// An answer that was read to its end.
#[derive(Debug)]
struct Answer {
    status: u16,
    headers: HeaderMap,
    pieces: Vec<Bytes>,
    trailers: Option<HeaderMap>,
    failed: bool,
}

impl Answer {
    async fn read<B>(response: Response<B>) -> Self
    where
        B: hyper::body::Body<Data = Bytes> + Unpin,
    {
        let (parts, mut body) = response.into_parts();
        let mut answer = Self {
            status: parts.status.as_u16(),
            headers: parts.headers,
            pieces: Vec::new(),
            trailers: None,
            failed: false,
        };
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else {
                answer.failed = true;
                break;
            };
            match frame.into_data() {
                Ok(data) => answer.pieces.push(data),
                Err(frame) => answer.trailers = frame.into_trailers().ok(),
            }
        }
        answer
    }

    fn text(&self) -> String {
        String::from_utf8(self.pieces.concat()).unwrap()
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.text()).unwrap()
    }

    /// The JSON of every event, without `[DONE]`.
    fn events(&self) -> Vec<Value> {
        let text = self.text();
        let data = text.lines().filter_map(|l| l.strip_prefix("data: "));
        data.filter(|d| *d != "[DONE]")
            .map(|d| serde_json::from_str(d).unwrap())
            .collect()
    }
}

impl Fixture {
    async fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let options = Options {
            name: "fake".to_owned(),
            record: true,
        };
        let listen = Listen::Unix(directory.path().join("s"));
        let mock = MockLlm::start(listen, options).await.unwrap();
        Self { mock, directory }
    }

    async fn connect(&self) -> UnixStream {
        let path = self.directory.path().join("s");
        UnixStream::connect(path).await.unwrap()
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Answer {
        let io = TokioIo::new(self.connect().await);
        let (mut sender, connection) = http1::handshake(io).await.unwrap();
        tokio::spawn(connection);
        Answer::read(sender.send_request(request).await.unwrap()).await
    }

    async fn post(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        self.send(request(path, headers, body)).await
    }
}

fn request(path: &str, headers: &[(&str, &str)], body: &Value) -> Request<Full<Bytes>> {
    let mut request = Request::post(path).header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Full::from(body.to_string())).unwrap()
}

fn hello() -> Value {
    json!({"model": "m", "messages": [{"role": "user", "content": "hello world"}]})
}

fn hello_stream() -> Value {
    json!({
        "model": "m", "stream": true, "stream_options": {"include_usage": true},
        "messages": [{"role": "user", "content": "hello world"}],
    })
}

/// What each API says to "hello world": where the text is, where the usage.
#[tokio::test]
async fn whole_answers() {
    let fixture = Fixture::new().await;
    let gemini = json!({"contents": [{"parts": [{"text": "hello world"}]}]});
    let converse = json!({"messages": [{"role": "user", "content": [{"text": "hello world"}]}]});
    let messages = json!({"model": "m", "max_tokens": 9, "system": "Be kind", "messages": [
        {"role": "user", "content": [{"type": "text", "text": "hello world"}]},
    ]});
    // The prompt of a chat is 3 + 1 (role) + 2 (text) + 3; the answer has 8 tokens.
    let table = [
        (
            CHAT,
            hello(),
            "/choices/0/message/content",
            "/usage/prompt_tokens",
            9,
        ),
        (
            "/openai/deployments/m/chat/completions?api-version=1",
            json!({"messages": [{"role": "user", "name": "Ann", "content": "hello world"}]}),
            "/choices/0/message/content",
            "/usage/prompt_tokens",
            11,
        ),
        (
            "/v1/completions",
            json!({"model": "m", "prompt": "hello world"}),
            "/choices/0/text",
            "/usage/prompt_tokens",
            2,
        ),
        (
            "/v1/responses",
            json!({"model": "m", "input": "hello world"}),
            "/output/0/content/0/text",
            "/usage/input_tokens",
            2,
        ),
        (
            "/v1/messages",
            messages,
            "/content/0/text",
            "/usage/input_tokens",
            11,
        ),
        (
            "/v1beta/models/m:generateContent",
            gemini,
            "/candidates/0/content/parts/0/text",
            "/usageMetadata/promptTokenCount",
            9,
        ),
        (
            "/model/m/converse",
            converse,
            "/output/message/content/0/text",
            "/usage/inputTokens",
            9,
        ),
    ];
    for (path, body, text, usage, tokens) in table {
        let answer = fixture.post(path, &[], &body).await;
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.headers["x-mock-name"], "fake");
        assert!(answer.headers.contains_key("content-length"), "{path}");
        let json = answer.json();
        let text = json.pointer(text).unwrap();
        assert_eq!(text, "fake (m) heard: hello world", "{path}");
        assert_eq!(json.pointer(usage).unwrap(), tokens, "{path}");

        let without = fixture.post(path, &[("x-mock-usage", "none")], &body).await;
        assert!(!without.text().contains("\"usage"), "{path}");

        let verbatim = r#"{"prompt_tokens":1e999, "b":-1.50,"a":{}}"#;
        let given = fixture
            .post(path, &[("x-mock-usage", verbatim)], &body)
            .await;
        assert!(given.text().contains(&format!(":{verbatim}")), "{path}");

        let failed = fixture.post(path, &[("x-mock-status", "429")], &body).await;
        assert_eq!(failed.status, 429, "{path}");
        let error = failed.json();
        let shape = match path {
            "/v1/messages" => error["error"]["type"] == "rate_limit_error",
            p if p.contains("generate") => error["error"]["status"] == "RESOURCE_EXHAUSTED",
            p if p.contains("converse") => error["message"].is_string(),
            _ => error["error"]["code"] == "rate_limit_exceeded",
        };
        assert!(shape, "{path}: {error}");
    }
}

#[tokio::test]
async fn odd_bodies_get_an_answer() {
    let fixture = Fixture::new().await;
    for (body, status) in [
        ("{", 400),
        ("[]", 400),
        ("", 400),
        ("\"\\ud800\"", 400),
        ("{}", 200),
        (
            r#"{"messages":7,"n":-1,"tools":[],"stream":"yes","model":[]}"#,
            200,
        ),
        (
            r#"{"messages":[null,{"content":null},{"role":1,"content":[1,{}]}]}"#,
            200,
        ),
        (
            r#"{"input":[[1,2],"a",null],"prompt":{},"dimensions":1e30}"#,
            200,
        ),
    ] {
        for path in [
            CHAT,
            "/v1/completions",
            "/v1/responses",
            "/v1/embeddings",
            "/v1/messages",
            "/v1/messages/count_tokens",
            "/v1beta/models/:generateContent",
            "/v1beta/models/g:streamGenerateContent",
            "/model/%ff/converse",
            "/model/x/converse-stream",
        ] {
            let headers = Request::post(path).header("x-mock-tool-call", "true");
            let answer = fixture.send(headers.body(Full::from(body)).unwrap()).await;
            assert_eq!(answer.status, status, "{path} {body}");
        }
    }
}

#[tokio::test]
async fn chat_stream() {
    let fixture = Fixture::new().await;
    let mut body = hello_stream();
    body["n"] = json!(2);
    let answer = fixture.post(CHAT, &[], &body).await;
    assert!(answer.text().ends_with("data: [DONE]\n\n"));
    assert!(!answer.headers.contains_key("content-length"));
    let mut texts = [String::new(), String::new()];
    let events = answer.events();
    let (last, others) = events.split_last().unwrap();
    for event in others {
        assert_eq!(event["usage"], Value::Null);
        assert!(event.get("usage").is_some());
        let choice = &event["choices"][0];
        let index = usize::try_from(choice["index"].as_u64().unwrap()).unwrap();
        texts[index] += choice["delta"]["content"].as_str().unwrap_or("");
    }
    assert_eq!(texts, ["fake (m) heard: hello world"; 2]);
    assert_eq!(last["choices"], json!([]));
    assert_eq!(last["usage"]["total_tokens"], 9 + 2 * 8);

    body["stream_options"] = Value::Null;
    let answer = fixture.post(CHAT, &[], &body).await;
    assert!(!answer.text().contains("usage"));
}

#[tokio::test]
async fn other_streams() {
    let fixture = Fixture::new().await;
    let mut body = hello_stream();
    let messages = fixture.post("/v1/messages", &[], &body).await;
    let kinds = |answer: &Answer| -> Vec<String> {
        let kind = |e: Value| e["type"].as_str().unwrap().to_owned();
        let mut kinds: Vec<String> = answer.events().into_iter().map(kind).collect();
        kinds.dedup();
        kinds
    };
    let expected = [
        "message_start",
        "content_block_start",
        "ping",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ];
    assert_eq!(kinds(&messages), expected);
    assert_eq!(
        messages.text().matches("event: ").count(),
        messages.events().len()
    );

    body["input"] = json!("hello world");
    let responses = fixture.post("/v1/responses", &[], &body).await;
    let expected = [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ];
    assert_eq!(kinds(&responses), expected);
    let last = responses.events().pop().unwrap();
    assert_eq!(last["response"]["usage"]["output_tokens"], 8);

    let body = json!({"contents": [{"parts": [{"text": "hello world"}]}]});
    let path = "/v1beta/models/g:streamGenerateContent";
    let sse = fixture.post(&format!("{path}?alt=sse"), &[], &body).await;
    let array = fixture.post(path, &[], &body).await;
    let array: Vec<Value> = serde_json::from_str(&array.text()).unwrap();
    assert_eq!(sse.events().len(), array.len());
    assert_eq!(
        array.last().unwrap()["candidates"][0]["finishReason"],
        "STOP"
    );
}

#[tokio::test]
async fn tool_calls_in_fragments() {
    let fixture = Fixture::new().await;
    let body = json!({
        "stream": true, "messages": [{"role": "user", "content": "a \"b\"\n\u{1F600}"}],
        "tools": [{"function": {"name": "f"}}],
    });
    let answer = fixture
        .post(CHAT, &[("x-mock-tool-call", "true")], &body)
        .await;
    let call = |e: &Value| e["choices"][0]["delta"]["tool_calls"][0]["function"].clone();
    let calls: Vec<Value> = answer.events().iter().map(call).collect();
    assert_eq!(calls[0]["name"], "f");
    let arguments: String = calls
        .iter()
        .filter_map(|c| c["arguments"].as_str())
        .collect();
    let arguments: Value = serde_json::from_str(&arguments).unwrap();
    assert_eq!(arguments, json!({"text": "a \"b\"\n\u{1F600}"}));
}

#[tokio::test]
async fn embeddings_in_both_encodings() {
    use base64::Engine as _;
    let fixture = Fixture::new().await;
    let body = json!({"model": "e", "input": ["a", "b"], "dimensions": 3});
    let floats = fixture.post("/v1/embeddings", &[], &body).await.json();
    let mut body = body;
    body["encoding_format"] = json!("base64");
    let packed = fixture.post("/v1/embeddings", &[], &body).await.json();
    let packed = packed["data"][1]["embedding"].as_str().unwrap().to_owned();
    let packed = base64::engine::general_purpose::STANDARD
        .decode(packed)
        .unwrap();
    let unpacked: Vec<Value> = packed
        .chunks(4)
        .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]).into())
        .collect();
    let floats = floats["data"][1]["embedding"].as_array().unwrap().clone();
    let close = |(a, b): (&Value, &Value)| (a.as_f64().unwrap() - b.as_f64().unwrap()).abs() < 1e-6;
    assert_eq!(floats.len(), 3);
    assert!(
        floats.iter().zip(&unpacked).all(close),
        "{floats:?} {unpacked:?}"
    );
}

#[tokio::test]
async fn scripted_texts() {
    let fixture = Fixture::new().await;
    let content = async |headers: &[(&str, &str)]| -> (String, Value) {
        let json = fixture.post(CHAT, headers, &hello()).await.json();
        let text = json["choices"][0]["message"]["content"].clone();
        (text.as_str().unwrap().to_owned(), json)
    };
    let (text, _) = content(&[("x-mock-text", "Zo%C3%AB%20%F0%9F%98%80")]).await;
    assert_eq!(text, "Zoë 😀");
    let (text, json) = content(&[("x-mock-tokens", "300")]).await;
    assert_eq!(text.split(' ').count(), 300);
    assert_eq!(json["usage"]["completion_tokens"], 300);
    let (_, json) = content(&[("x-mock-response-model", "other")]).await;
    assert_eq!(json["model"], "other");

    let headers = [("x-mock-text", "h%C3%A9!"), ("x-mock-deltas", "chars")];
    let answer = fixture.post(CHAT, &headers, &hello_stream()).await;
    let delta = |e: &Value| e["choices"][0]["delta"]["content"].clone();
    let deltas: Vec<Value> = answer.events().iter().map(delta).collect();
    assert_eq!(deltas[..4], ["", "h", "é", "!"]);

    let fails = [("x-mock-fail-first", "2"), ("x-mock-id", "k")];
    for status in [503, 503, 200, 200] {
        assert_eq!(fixture.post(CHAT, &fails, &hello()).await.status, status);
    }
}

#[tokio::test]
async fn cut_reset_and_given_bodies() {
    let fixture = Fixture::new().await;
    // The wait keeps a slow reader from getting two writes at once.
    let cut = [("x-mock-cut", "7"), ("x-mock-event-delay-ms", "2")];
    for body in [hello(), hello_stream()] {
        let whole = fixture.post(CHAT, &[], &body).await;
        let answer = fixture.post(CHAT, &cut, &body).await;
        assert!(!answer.headers.contains_key("content-length"));
        assert_eq!(answer.text().len(), whole.text().len());
        let (_, full) = answer.pieces.split_last().unwrap();
        assert!(full.iter().all(|p| p.len() == 7), "{:?}", answer.pieces);

        for (sent, arrive) in [("0", 0), ("30", 30), ("999999", whole.text().len())] {
            let answer = fixture.post(CHAT, &[("x-mock-abort", sent)], &body).await;
            assert!(answer.failed, "{sent}");
            assert_eq!(answer.text().len(), arrive, "{sent}");
        }
    }
    let given = [
        ("x-mock-body", "/wAB"),
        ("x-mock-content-type", "image/x"),
        ("x-mock-cut", "1"),
        ("x-mock-status", "418"),
    ];
    let answer = fixture.post(CHAT, &given, &hello()).await;
    assert_eq!(answer.status, 418);
    assert_eq!(answer.headers["content-type"], "image/x");
    assert_eq!(answer.pieces.concat(), b"\xff\x00\x01");

    let with_length = [("x-mock-length", "true")];
    let answer = fixture.post(CHAT, &with_length, &hello_stream()).await;
    let length = answer.headers["content-length"].to_str().unwrap();
    assert_eq!(length.parse(), Ok(answer.text().len()));

    let gzip = [("x-mock-encoding", "gzip")];
    let answer = fixture.post(CHAT, &gzip, &hello()).await;
    assert_eq!(answer.headers["content-encoding"], "gzip");
    let packed = answer.pieces.concat();
    let mut text = String::new();
    let mut reader = flate2::read::GzDecoder::new(packed.as_slice());
    std::io::Read::read_to_string(&mut reader, &mut text).unwrap();
    assert!(text.contains("heard: hello world"));
}

#[tokio::test]
async fn http2_with_trailers() {
    let fixture = Fixture::new().await;
    let io = TokioIo::new(fixture.connect().await);
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);

    let mut trailers = HeaderMap::new();
    trailers.insert("x-end", HeaderValue::from_bytes(b"\xfe").unwrap());
    let frames = [
        Frame::data(Bytes::from_static(b"\0\0\0\0\x01\xff")),
        Frame::trailers(trailers),
    ];
    let request = Request::post("http://x/pkg.Service/Call?q=1")
        .header("content-type", "application/grpc+proto")
        .header("x-mock-trailers", "true")
        .header("x-raw", HeaderValue::from_bytes(b"\xff\x80").unwrap())
        .body(Frames(frames.into()))
        .unwrap();
    let answer = Answer::read(sender.send_request(request).await.unwrap()).await;
    assert_eq!(answer.headers["content-type"], "application/grpc+proto");
    assert_eq!(answer.pieces.concat(), b"\0\0\0\0\x01\xff");
    let trailers = answer.trailers.unwrap();
    assert_eq!(trailers["grpc-status"], "0");
    assert_eq!(trailers["x-mock-trailer"], "yes");

    let recorded = fixture.mock.requests().pop().unwrap();
    assert_eq!(recorded.version, Version::HTTP_2);
    assert_eq!(recorded.method, "POST");
    assert_eq!(recorded.path, "/pkg.Service/Call?q=1");
    assert_eq!(recorded.headers["x-raw"].as_bytes(), b"\xff\x80");
    assert_eq!(recorded.body, b"\0\0\0\0\x01\xff".as_slice());
    assert_eq!(recorded.trailers.unwrap()["x-end"].as_bytes(), b"\xfe");
    assert!(recorded.complete);

    let frame = Frame::data(Bytes::from(hello_stream().to_string()));
    let request = Request::post(format!("http://x{CHAT}")).header("x-mock-abort", "100");
    let request = request.body(Frames([frame].into())).unwrap();
    let answer = Answer::read(sender.send_request(request).await.unwrap()).await;
    assert!(answer.failed);
    assert_eq!(answer.pieces.concat().len(), 100);
}

/// A body's frames, all ready.
struct Frames(VecDeque<Frame<Bytes>>);

impl hyper::body::Body for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(Ok))
    }
}

#[tokio::test]
async fn websocket_echoes_bytes() {
    let fixture = Fixture::new().await;
    let mut socket = fixture.connect().await;
    let head = "GET /v1/realtime HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: WebSocket\r\n\
                sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut read = Vec::new();
    while !read.ends_with(b"\r\n\r\n") {
        read.push(socket.read_u8().await.unwrap());
    }
    let text = String::from_utf8(read).unwrap().to_lowercase();
    assert!(text.starts_with("http/1.1 101 "), "{text}");
    // The key and its proof are the example of RFC 6455.
    assert!(text.contains("s3pplmbitxaq9kygzzhzrbk+xoo="), "{text}");
    socket.write_all(b"\x81\x02hi").await.unwrap();
    let mut echo = [0; 4];
    socket.read_exact(&mut echo).await.unwrap();
    assert_eq!(&echo, b"\x81\x02hi");
    drop(fixture.mock);
    assert_eq!(socket.read(&mut echo).await.unwrap(), 0);
}

#[tokio::test]
async fn recording() {
    let fixture = Fixture::new().await;
    let answer = fixture.post("/any?x=%20", &[], &json!(1)).await;
    assert_eq!(answer.text(), "1");
    assert_eq!(answer.headers["content-type"], "application/json");

    let mut socket = fixture.connect().await;
    let head = b"POST /cut HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nabc";
    socket.write_all(head).await.unwrap();
    tokio::time::sleep(Duration::from_millis(20)).await;
    drop(socket);
    while fixture.mock.count() < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let recorded = fixture.mock.requests();
    assert_eq!(recorded[0].path, "/any?x=%20");
    assert!(recorded[0].complete);
    assert_eq!(recorded[1].path, "/cut");
    assert_eq!(recorded[1].body, "abc");
    assert!(!recorded[1].complete);

    fixture.mock.clear();
    assert_eq!(
        (fixture.mock.count(), fixture.mock.requests().len()),
        (0, 0)
    );

    let echo = fixture
        .post("/x?y", &[("x-mock-echo", "true")], &json!("é"))
        .await;
    let echo = echo.json();
    assert_eq!(echo["path"], "/x?y");
    assert_eq!(echo["body_length"], 4);
    assert_eq!(echo["body_text"], "\"é\"");
}

/// Usage is booked as it truly is, whatever the answer says of it, and only that of answers.
#[tokio::test]
async fn a_ledger_has_the_true_usage() {
    let fixture = Fixture::new().await;
    let body = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
    let scripts: [&[(&str, &str)]; 4] = [
        &[("x-mock-tokens", "5")],
        &[("x-mock-tokens", "7"), ("x-mock-usage", "none")],
        &[("x-mock-tokens", "9"), ("x-mock-status", "503")],
        &[("x-mock-tokens", "11"), ("x-mock-ledger", "other")],
    ];
    for script in scripts {
        let mut headers = vec![("x-mock-ledger", "a")];
        headers.retain(|(name, _)| script.iter().all(|(other, _)| other != name));
        headers.extend_from_slice(script);
        fixture.post(CHAT, &headers, &body).await;
    }
    let served = fixture.mock.served("a");
    assert_eq!((served.answers, served.output_tokens), (2, 12));
    assert_eq!(
        served.input_tokens,
        2 * fixture.mock.served("other").input_tokens
    );
    assert_eq!(fixture.mock.served("nobody").answers, 0);
}
