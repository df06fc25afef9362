//! What nobody should send: refused clearly, in the caller's dialect, and the worker lives on.
//!
//! Tables of bodies and headers are written in Latin-1, so that any byte can stand in them.

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::timeout;
use weir_testkit::client::{Client, Request, Response, raw};
use weir_testkit::rig::{Rig, model_router};

use crate::{CHAT, chat, counted, last_seen};

const MESSAGES: &str = "/v1/messages";
const GEMINI: &str = "/v1beta/models/gemini-2.5-flash:generateContent";
const MIB: usize = 1 << 20;
const SOON: Duration = Duration::from_millis(300);

/// Bodies that are no JSON object to everybody.
const BAD_BODIES: &[&str] = &[
    "",
    " \r\n\t ",
    "{\"model\":\"gpt\",\"x\":\"ÿþ\"}",
    "{\"Ã\":1}",
    // An overlong slash, an encoded surrogate, UTF-16, a byte order mark.
    "{\"x\":\"À¯\"}",
    "{\"x\":\"í\u{a0}\u{80}\"}",
    "ÿþ{\0}\0",
    "ï»¿{\"model\":\"gpt\"}",
    "[{\"model\":\"gpt\"}]",
    r#""{\"model\":\"gpt\"}""#,
    "1",
    "null",
    r#"{"model":"gpt"} x"#,
    r#"{"model":"gpt"}{"model":"secret"}"#,
    "{\"model\":\"gpt\"}\0",
    r#"{"model":"gpt","messages":[{"role":"#,
    r#"{"model":"gp\u00"#,
    r#"{"model":"gpt"/* x */}"#,
    r#"{"model":"gpt",}"#,
    "{'model':'gpt'}",
    r#"{model:"gpt"}"#,
    "{\"x\":\"a\nb\"}",
    r#"{"x":NaN}"#,
    r#"{"x":01}"#,
];

/// Bodies that name no usable model, or more than one.
const BAD_MODELS: &[&str] = &[
    "{}",
    r#"{"model":""}"#,
    r#"{"model":4.1}"#,
    r#"{"model":null}"#,
    r#"{"model":true}"#,
    r#"{"model":["gpt"]}"#,
    r#"{"model":{"id":"gpt"}}"#,
    r#"{"model":"gpt\u0000"}"#,
    r#"{"model":"gpt\r\nx-ai-provider: anthropic"}"#,
    r#"{"model":"gpt\nx"}"#,
    r#"{"model":"gpt\u007f"}"#,
    r#"{"model":"gpt\u0085"}"#,
    r#"{"model":"gpt\ud800"}"#,
    r#"{"model":"gpt\ude00\ud83d"}"#,
    "{\"model\":\"gptï¿½\"}",
    r#"{"model":"gpt","model":"secret"}"#,
    r#"{"model":"gpt","model":"gpt"}"#,
    r#"{"model":"gpt","x":[{"model":1}],"model":"secret"}"#,
    r#"{"model":"gpt","m\u006fdel":"secret"}"#,
    r#"{"\u006dodel":"gpt","mode\u006C":"secret"}"#,
    r#"{"Model":"secret"}"#,
    r#"{"Model":"secret","model":"gpt"}"#,
    r#"{"model":"gpt","MODEL":"secret"}"#,
];

/// Headers under which a good body is not one we can read, with the status they deserve.
const UNREADABLE: &[&str] = &[
    "400 content-encoding: gzip",
    "400 content-encoding: br",
    "400 content-encoding: identity, gzip",
    "400 content-encoding: identity\ncontent-encoding: GZIP",
    "400 content-encoding: gzÿip",
    "415 content-type: text/plain",
    "415 content-type: multipart/form-data; boundary=x",
    "415 content-type: application/json; charset=utf-16",
    "415 content-type: application/json;CHARSET=\"UTF-16LE\"",
    "415 content-type: application/jÿson",
    "415 content-type: application/json\ncontent-type: text/plain",
    "415 content-type: application/json\ncontent-type: application/json",
];

/// Headers of which nobody knows which one counts.
const AMBIGUOUS: &[&str] = &[
    "400 x-api-key: a\nx-api-key: b",
    "400 x-goog-api-key: a\nx-goog-api-key: a",
    "400 api-key: a\napi-key: ÿ",
    "400 x-team: a\nx-team: b",
];

fn latin1(text: &str) -> Bytes {
    let byte = |char| u8::try_from(char).expect("a Latin-1 character");
    text.chars().map(byte).collect()
}

async fn start() -> Rig {
    let config = json!({
        "identity": [{"header": "x-team"}],
        "on_missing_identity": "skip",
        "models": {"gpt": {"provider": "openai"}, "claude": {"provider": "anthropic"}},
        "unknown_models": "pass",
        "access": [{"deny": "secret"}],
    });
    let hcm = json!({
        "upgrade_configs": [{"upgrade_type": "websocket"}],
        // How long an HTTP/1 client that still sends may take to read its refusal.
        "delayed_close_timeout": "0.1s",
    });
    Rig::start(&["openai", "anthropic"], |b| {
        b.wasm(model_router(config)).hcm(hcm)
    })
    .await
}

fn post(path: &str, body: impl Into<Bytes>) -> Request {
    Request::post(path)
        .header("content-type", "application/json")
        .body(body)
}

/// The same body with its length and without.
fn framings(path: &str, body: &Bytes) -> [Request; 2] {
    let pieces = body.chunks(MIB).map(Bytes::copy_from_slice).collect();
    let chunked = post(path, "").chunks(pieces).gap(Duration::ZERO);
    [post(path, body.clone()), chunked]
}

/// A good body under the headers of a table's line, and the status of that line.
fn under(path: &str, line: &str) -> (u16, Request) {
    let (status, headers) = line.split_once(' ').unwrap();
    let mut request = Request::post(path).body(r#"{"model":"gpt"}"#);
    if !headers.contains("content-type") {
        request = request.header("content-type", "application/json");
    }
    for header in headers.lines() {
        let (name, value) = header.split_once(": ").unwrap();
        request = request.header(name, latin1(value));
    }
    (status.parse().unwrap(), request)
}

/// What is not worth a line of its own: bombs, and a byte too many.
fn heavy_bodies() -> Vec<(u16, Bytes)> {
    let nested = |n| format!(r#"{{"x":{}{}}}"#, "[".repeat(n), "]".repeat(n));
    let mut too_large = br#"{"model":"gpt"}"#.to_vec();
    too_large.resize(8 * MIB + 1, b' ');
    vec![
        (400, "[".repeat(100_000).into()),
        (400, r#"{"a":"#.repeat(100_000).into()),
        (400, nested(100_000).into()),
        (400, nested(64).into()),
        (413, too_large.into()),
        (413, vec![b'x'; 9 * MIB].into()),
    ]
}

fn bad_bodies() -> Vec<(u16, Bytes)> {
    let light = BAD_BODIES.iter().map(|body| (400, latin1(body)));
    light.chain(heavy_bodies()).collect()
}

/// Every bad request, with the path whose dialect it speaks and the status it deserves.
fn bad_requests() -> Vec<(&'static str, u16, Request)> {
    let mut all = Vec::new();
    for path in [CHAT, MESSAGES, GEMINI] {
        for (status, body) in bad_bodies() {
            all.extend(framings(path, &body).map(|request| (path, status, request)));
        }
        for line in UNREADABLE.iter().chain(AMBIGUOUS) {
            let (status, request) = under(path, line);
            all.push((path, status, request));
        }
    }
    for path in [CHAT, MESSAGES] {
        let long = [257, MIB].map(|n| format!(r#"{{"model":"{}"}}"#, "m".repeat(n)));
        let long = long.into_iter().map(Bytes::from);
        for body in BAD_MODELS.iter().map(|body| latin1(body)).chain(long) {
            all.push((path, 400, post(path, body)));
        }
    }
    let twice = r#"{"contents":[],"contents":[{"parts":[{"text":"x"}]}]}"#;
    all.push((GEMINI, 400, post(GEMINI, twice)));
    for model in ["g%0d%0ax-ai-provider:%20x", "g%ff", "%00", ""] {
        let path = format!("/v1beta/models/{model}:generateContent");
        all.push((GEMINI, 400, post(&path, "{}")));
    }
    all
}

/// The answer is Weir's own refusal in the dialect of the path.
fn assert_refused(answer: &Response, status: u16, path: &str, request: &Request) {
    let what = || format!("{request:?}\n{answer:?}");
    assert_eq!(answer.status, status, "{}", what());
    assert_eq!(answer.header("x-mock-name"), None, "{}", what());
    let media = answer.header("content-type");
    assert_eq!(media, Some("application/json"), "{}", what());
    let body = answer.json();
    let error = &body["error"];
    let is_text = |name: &str| error[name].as_str().is_some_and(|text| text.len() > 10);
    let in_shape = is_text("message")
        && match path {
            GEMINI => error["code"] == status && is_text("status"),
            MESSAGES => body["type"] == "error" && is_text("type"),
            _ => is_text("type") && error.get("param").is_some() && error.get("code").is_some(),
        };
    assert!(in_shape, "{}", what());
}

/// The worker behind this client still serves, and still routes by model.
async fn assert_serves(client: &Client) {
    for (model, upstream) in [("gpt", "openai"), ("claude", "anthropic")] {
        let answer = client.send(chat(model)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.header("x-mock-name"), Some(upstream));
    }
}

#[tokio::test]
async fn bad_requests_are_refused_in_dialect_and_the_worker_lives_on() {
    let rig = start().await;
    // Open at the same time, so on both workers. A refusal closes an HTTP/1 connection.
    let workers = [rig.h2().pinned(), rig.h2().pinned()];
    let h1 = rig.h1();
    for client in &workers {
        assert_serves(client).await;
    }
    let count = || rig.upstream("openai").count() + rig.upstream("anthropic").count();
    let seen = count();
    let requests = bad_requests();
    for (path, status, request) in &requests {
        for client in workers.iter().chain([&h1]) {
            let answer = client.send(request.clone()).await;
            assert_refused(&answer, *status, path, request);
        }
    }
    assert_eq!(count(), seen, "a refused request has reached an upstream");
    for client in &workers {
        assert_serves(client).await;
    }
    let log = rig.envoy.access_log(requests.len() * 3 + 8).await;
    let details = log.iter().map(|line| &line["response_code_details"]);
    let ours = details.filter(|it| it.as_str().is_some_and(|it| it.starts_with("weir_")));
    assert_eq!(ours.count(), requests.len() * 3);
    rig.envoy.assert_no_crash();
}

/// Envoy itself joins them into one value with a comma, so counting them is not enough.
#[tokio::test]
async fn two_authorization_headers_are_refused() {
    let rig = start().await;
    for client in [rig.h1(), rig.h2()] {
        for path in [CHAT, MESSAGES, GEMINI] {
            let line = "400 authorization: Bearer a\nauthorization: Bearer b";
            let (status, request) = under(path, line);
            let answer = client.send(request.clone()).await;
            assert_refused(&answer, status, path, &request);
        }
    }
    rig.envoy.assert_no_crash();
}

#[tokio::test]
async fn what_is_merely_odd_passes() {
    let rig = start().await;
    let nested = format!(
        r#"{{"model":"gpt","x":{}{}}}"#,
        "[".repeat(63),
        "]".repeat(63)
    );
    let headers = |name: &dyn Fn(usize) -> String| {
        (0..85).fold(chat("gpt"), |request, i| request.header(&name(i), "v"))
    };
    let requests = [
        post(CHAT, nested),
        Request::post(CHAT).body(r#"{"model":"gpt"}"#),
        chat(&"m".repeat(256)),
        chat("模型/ü:1@2 x"),
        headers(&|i| format!("x-many-{i}")),
        headers(&|_| "x-same".to_owned()),
        chat("gpt").header("content-encoding", "identity"),
        chat("gpt").header("x-raw", b"\xff\x80\xfe"),
        chat("gpt").header("x-team", b"a\xffb"),
        chat("gpt").header("x-team", ""),
        chat("gpt").header("authorization", b"Bearer \xff"),
        chat("gpt").header("accept-encoding", b"\xff"),
        chat("gpt").header("x-ai-provider", b"\xff"),
        chat("gpt").header("x-huge", "h".repeat(50_000)),
    ];
    for client in [rig.h1(), rig.h2().pinned()] {
        for request in &requests {
            let answer = client.send(request.clone()).await;
            assert_eq!(answer.status, 200, "{request:?}: {answer:?}");
        }
    }
    let seen = rig.upstream("openai").requests();
    let raw = seen.iter().find_map(|seen| seen.headers.get("x-raw"));
    assert_eq!(raw.unwrap().as_bytes(), b"\xff\x80\xfe");
    rig.envoy.assert_no_crash();
}

/// Asks by these paths for a model that nobody may use.
async fn assert_none_gets_around(paths: &[&str]) {
    let rig = start().await;
    let client = rig.h2().pinned();
    let mut around = Vec::new();
    for path in paths {
        let answer = client.send(post(path, r#"{"model":"secret"}"#)).await;
        if answer.header("x-mock-name").is_some() || !(400..500).contains(&answer.status) {
            around.push((path, answer.status));
        }
    }
    assert_serves(&client).await;
    rig.envoy.assert_no_crash();
    assert!(around.is_empty(), "a denied model got through: {around:?}");
}

#[tokio::test]
async fn no_usual_spelling_of_a_path_gets_around_a_policy() {
    assert_none_gets_around(&[
        "//v1/chat/completions",
        "/v1//chat///completions",
        "/v1/chat/completions/",
        "/v1/chat/completions//",
        "/v1/ch%61t/completion%73",
        "/V1/Chat/COMPLETIONS",
        "/v1/./chat/completions",
        "/v1/chat/x/../completions",
        "/v1/chat/x/%2e%2E/completions",
        "/v1/chat/completions?x=/healthz",
        "/v1/chat/completions?",
        "/healthz/../v1/chat/completions",
        "/any/prefix/v1/chat/completions",
    ])
    .await;
}

/// What Tomcat (parameters), nginx (an escaped slash), IIS (a backslash, a space at the end) and
/// servers written in C (a NUL) make of a path.
#[tokio::test]
async fn no_servers_own_reading_of_a_path_gets_around_a_policy() {
    assert_none_gets_around(&[
        "/v1%2Fchat/completions",
        "/v1/chat%2fcompletions",
        "/v1/chat%5Ccompletions",
        "/v1/chat/completions;x=y",
        "/v1;x/chat;y/completions",
        "/v1/chat/completions%20",
        "/v1/chat/completions%00",
    ])
    .await;
}

#[tokio::test]
async fn malformed_http_ends_at_envoy_or_at_us() {
    let rig = start().await;
    // The statuses allowed, then the request line, then what follows a host and a content type;
    // all bodies ask for a model that nobody may use.
    let table = [
        "400|POST § HTTP/1.1|content-length: 18\ntransfer-encoding: chunked\n\n0\n\n",
        "400|POST § HTTP/1.1|content-length: 18\ncontent-length: 19\n\n¤",
        "400|POST § HTTP/1.1|content-length: -1\n\n¤",
        "400|POST § HTTP/1.1|content-length: 99999999999999999999\n\n¤",
        "400,413|POST § HTTP/1.1|content-length: 18446744073709551615\n\n¤",
        "400,403|POST § HTTP/1.1|content-length: 18\nx: a\n b\n\n¤",
        "400|POST § HTTP/1.1|content-length: 18\nx: a\0b\n\n¤",
        "400|POST § HTTP/1.1|content-length : 18\n\n¤",
        "400|POST § HTTP/1.1|transfer-encoding: chunked\n\nzz\n¤\n0\n\n",
        "400|POST § HTTP/1.1|transfer-encoding: chunked\n\n12\n¤\nzz\n\n",
        "400|POST § HTTP/1.1|connection: upgrade\nupgrade: websocket\ncontent-length: 18\n\n¤",
        "400,403|POST § HTTP/1.1|connection: upgrade\nupgrade: x\ncontent-length: 18\n\n¤",
        "400,403|POST § HTTP/1.1|connection: upgrade\nupgrade: h2c\ncontent-length: 18\n\n¤",
        "400|POST § HTTP/1.1|\n",
        "403,426|POST § HTTP/1.0|content-length: 18\n\n¤",
        "403|POST http://b§ HTTP/1.1|content-length: 18\n\n¤",
        "400,403|POST §#x HTTP/1.1|content-length: 18\n\n¤",
        "400|post § HTTP/1.1|content-length: 18\n\n¤",
        "400|POST /v1/chät/../chat/completions HTTP/1.1|content-length: 18\n\n¤",
        "400|POST /ÿ§ HTTP/1.1|content-length: 18\n\n¤",
    ];
    let mut sending = JoinSet::new();
    for case in table {
        let socket = rig.envoy.socket().to_owned();
        let always = "\nhost: a\ncontent-type: application/json\n";
        let (_, request) = case.split_once('|').unwrap();
        let request = request.replace('|', always).replace('\n', "\r\n");
        let request = request
            .replace('§', CHAT)
            .replace('¤', r#"{"model":"secret"}"#);
        sending.spawn(async move { (case, raw(&socket, &latin1(&request), SOON).await) });
    }
    for (case, answer) in sending.join_all().await {
        let answer = String::from_utf8_lossy(&answer);
        let status = answer.split(' ').nth(1).unwrap_or_default();
        let (expected, _) = case.split_once('|').unwrap();
        let expected = expected.split(',').any(|it| it == status);
        assert!(
            expected && !answer.contains(" 200 OK"),
            "{case:?}: {answer:?}"
        );
    }
    let many = (0..150).fold(chat("gpt"), |r, i| r.header(&format!("x-many-{i}"), "v"));
    assert_eq!(rig.h1().send(many).await.status, 431);
    assert_eq!(rig.upstream("openai").count(), 0);
    assert_serves(&rig.h1()).await;
    rig.envoy.assert_no_crash();
}

#[tokio::test]
async fn a_clients_own_routing_headers_neither_arrive_nor_decide() {
    let rig = start().await;
    let ours = ["model", "provider", "api", "route", "anything", ""].map(|it| format!("x-ai-{it}"));
    let spoofed = |request: Request| {
        let twice = |request: Request, name: &String| {
            let request = request.header(name, "anthropic");
            request.header(name, b"anthropic\xff")
        };
        ours.iter().fold(request.header("x-air", "kept"), twice)
    };
    for client in [rig.h1(), rig.h2()] {
        let ai = [
            ("gpt", "openai"),
            ("claude", "anthropic"),
            ("else", "openai"),
        ];
        for (model, upstream) in ai {
            client.send(spoofed(chat(model))).await.ok();
            let seen = last_seen(&rig, upstream).headers;
            let seen = |name: &String| seen.get(name).map(|v| v.to_str().unwrap());
            let provider = (model != "else").then_some(upstream);
            let expected = [Some(model), provider, Some("openai_chat"), None, None, None];
            assert_eq!(ours.each_ref().map(seen), expected);
            assert_eq!(seen(&"x-air".to_owned()), Some("kept"));
        }
        let put = Request::new(Method::PUT, CHAT).body("x");
        for request in [Request::get("/any"), post("/v1/files", "x"), put] {
            let answer = client.send(spoofed(request.clone())).await.ok();
            assert_eq!(answer.header("x-mock-name"), Some("openai"), "{request:?}");
            let mut left = last_seen(&rig, "openai").headers;
            ours.iter()
                .for_each(|name| assert!(left.remove(name).is_none()));
            assert!(left.contains_key("x-air"));
        }
    }
    rig.envoy.assert_no_crash();
}

#[tokio::test]
async fn clients_that_hang_up_or_dawdle() {
    let rig = start().await;
    let client = rig.h2().pinned();
    assert_serves(&client).await;
    let body = br#"{"model":"gpt","messages":[{"role":"user","content":"slowly"}]}"#;
    let bytes: Vec<_> = body.chunks(1).map(Bytes::from_static).collect();
    for client in [rig.h1(), client.clone()] {
        let slow = post(CHAT, "").chunks(bytes.clone());
        let answer = client.send(slow.clone().gap(Duration::from_millis(2)));
        assert_eq!(answer.await.ok().status, 200);
        assert_eq!(last_seen(&rig, "openai").body, &body[..]);
        for _ in 0..5 {
            let answer = client.send(slow.clone().gap(Duration::from_millis(20)));
            timeout(Duration::from_millis(60), answer)
                .await
                .expect_err("too early");
        }
    }
    let head = format!("POST {CHAT} HTTP/1.1\r\nhost: a\r\ncontent-length: 99\r\n\r\n{{\"model\":");
    for cut in [head.len(), head.len() - 9, head.len() - 11, 40] {
        let answer = raw(
            rig.envoy.socket(),
            &head.as_bytes()[..cut],
            Duration::from_millis(20),
        );
        assert_eq!(answer.await, b"", "{cut}");
    }
    assert_serves(&client).await;
    // All that got through: two slow ones, and one each time it was asked to serve.
    assert_eq!(rig.upstream("openai").count(), 4);
    rig.envoy.assert_no_crash();
}

#[tokio::test]
async fn unreadable_bodies_pass_where_the_operator_wants_it() {
    let config = json!({
        "models": {"gpt": {"provider": "anthropic"}},
        "on_unreadable": "pass",
    });
    let rig = Rig::start(&["openai", "anthropic"], |b| b.wasm(model_router(config))).await;
    let mut passed = 0;
    for client in [rig.h1(), rig.h2()] {
        let bodies = bad_bodies().into_iter().flat_map(|(_, body)| {
            let requests = framings(CHAT, &body);
            requests.map(|request| (body.clone(), request))
        });
        let lines = UNREADABLE.iter().map(|line| {
            let (_, request) = under(CHAT, line);
            (Bytes::from_static(br#"{"model":"gpt"}"#), request)
        });
        for (body, request) in bodies.chain(lines) {
            let spoofed = request.header("x-ai-provider", "anthropic");
            let answer = client.send(spoofed.header("x-mock-body", "e30=")).await;
            let start = String::from_utf8_lossy(&body[..body.len().min(80)]);
            assert_eq!(answer.status, 200, "{start}: {answer:?}");
            passed += 1;
            let upstream = answer.header("x-mock-name").unwrap();
            let seen = last_seen(&rig, upstream);
            assert!(seen.body == body, "{start}");
            assert_eq!(seen.headers["x-ai-api"], "openai_chat", "{start}");
            rig.upstream(upstream).clear();
        }
    }
    let name = "weir_unreadable_bodies_total";
    assert_eq!(counted(&rig.envoy, name, passed).await, passed);
    rig.envoy.assert_no_crash();
}
