//! What nobody should send: refused clearly, in the caller's dialect, and the worker lives on.

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use tokio::time::timeout;
use weir_testkit::client::{Client, Request, Response, raw};
use weir_testkit::rig::{Rig, model_router};

use crate::{CHAT, chat, counted, last_seen};

const MESSAGES: &str = "/v1/messages";
const GEMINI: &str = "/v1beta/models/gemini-2.5-flash:generateContent";
const MIB: usize = 1 << 20;

async fn start() -> Rig {
    let config = json!({
        "identity": [{"header": "x-team"}],
        "on_missing_identity": "skip",
        "models": {"gpt": {"provider": "openai"}, "claude": {"provider": "anthropic"}},
        "unknown_models": "pass",
        "access": [{"deny": "secret"}],
    });
    Rig::start(&["openai", "anthropic"], |b| {
        b.wasm(model_router(config))
            .hcm(json!({"upgrade_configs": [{"upgrade_type": "websocket"}]}))
    })
    .await
}

fn post(path: &str, body: impl Into<Bytes>) -> Request {
    Request::post(path)
        .header("content-type", "application/json")
        .body(body)
}

/// The answer is Weir's own refusal in the dialect of the path.
fn assert_refused(answer: &Response, status: u16, path: &str, what: &str) {
    assert_eq!(answer.status, status, "{what}: {answer:?}");
    assert_eq!(
        answer.header("x-mock-name"),
        None,
        "{what} has reached the upstream"
    );
    assert_eq!(
        answer.header("content-type"),
        Some("application/json"),
        "{what}"
    );
    let body = answer.json();
    let error = &body["error"];
    let message = error["message"].as_str().unwrap_or_default();
    assert!(message.len() > 10, "{what}: {body}");
    let in_shape = match path {
        GEMINI => error["code"] == status && error["status"].is_string(),
        MESSAGES => body["type"] == "error" && error["type"].is_string(),
        _ => {
            error["type"].is_string() && error.get("param").is_some() && error.get("code").is_some()
        }
    };
    assert!(in_shape, "{what}: {body}");
}

/// The worker behind this client still serves, and still routes by model.
async fn assert_serves(client: &Client, what: &str) {
    for (model, upstream) in [("gpt", "openai"), ("claude", "anthropic")] {
        let answer = client.send(chat(model)).await;
        assert_eq!(answer.status, 200, "after {what}: {answer:?}");
        assert_eq!(answer.header("x-mock-name"), Some(upstream), "after {what}");
    }
}

/// Bodies that are nobody's JSON object.
fn bad_bodies() -> Vec<(&'static str, u16, Vec<u8>)> {
    let nested = |levels: usize| format!(r#"{{"x":{}{}}}"#, "[".repeat(levels), "]".repeat(levels));
    vec![
        ("empty", 400, Vec::new()),
        ("white space", 400, b" \r\n\t ".into()),
        (
            "not UTF-8",
            400,
            b"{\"model\":\"gpt\",\"x\":\"\xff\xfe\"}".into(),
        ),
        ("not UTF-8 key", 400, b"{\"\xc3\":1}".into()),
        ("overlong UTF-8", 400, b"{\"x\":\"\xc0\xaf\"}".into()),
        ("encoded surrogate", 400, b"{\"x\":\"\xed\xa0\x80\"}".into()),
        ("UTF-16", 400, b"\xff\xfe{\0}\0".into()),
        (
            "byte order mark",
            400,
            b"\xef\xbb\xbf{\"model\":\"gpt\"}".into(),
        ),
        ("array bomb", 400, b"[".repeat(100_000)),
        ("object bomb", 400, br#"{"a":"#.repeat(100_000)),
        ("closed bomb", 400, nested(100_000).into()),
        ("65 levels", 400, nested(64).into()),
        ("array", 400, br#"[{"model":"gpt"}]"#.into()),
        ("string", 400, br#""{\"model\":\"gpt\"}""#.into()),
        ("number", 400, b"1".into()),
        ("null", 400, b"null".into()),
        ("garbage behind", 400, br#"{"model":"gpt"} x"#.into()),
        (
            "two objects",
            400,
            br#"{"model":"gpt"}{"model":"secret"}"#.into(),
        ),
        ("NUL behind", 400, b"{\"model\":\"gpt\"}\0".into()),
        (
            "cut off",
            400,
            br#"{"model":"gpt","messages":[{"role":"#.into(),
        ),
        ("cut off in an escape", 400, br#"{"model":"gp\u00"#.into()),
        ("a comment", 400, br#"{"model":"gpt"/* x */}"#.into()),
        ("a comma too many", 400, br#"{"model":"gpt",}"#.into()),
        ("single quotes", 400, br#"{'model':'gpt'}"#.into()),
        ("a bare key", 400, br#"{model:"gpt"}"#.into()),
        (
            "a raw line end in a string",
            400,
            b"{\"x\":\"a\nb\"}".into(),
        ),
        ("NaN", 400, br#"{"x":NaN}"#.into()),
        ("a leading zero", 400, br#"{"x":01}"#.into()),
        ("too large by one", 413, {
            let mut body = br#"{"model":"gpt"}"#.to_vec();
            body.resize(8 * MIB + 1, b' ');
            body
        }),
        ("9 MiB", 413, vec![b'x'; 9 * MIB]),
    ]
}

/// Bodies that are JSON but name no model, or more than one.
fn bad_models() -> Vec<(&'static str, Vec<u8>)> {
    let named = |model: &str| format!(r#"{{"model":{model}}}"#).into_bytes();
    vec![
        ("no model", b"{}".into()),
        ("empty model", named(r#""""#)),
        ("number", named("4.1")),
        ("null", named("null")),
        ("bool", named("true")),
        ("array", named(r#"["gpt"]"#)),
        ("object", named(r#"{"id":"gpt"}"#)),
        ("257 bytes", named(&format!("{:?}", "m".repeat(257)))),
        ("1 MiB", named(&format!("{:?}", "m".repeat(MIB)))),
        ("NUL", named(r#""gpt\u0000""#)),
        ("CR LF", named(r#""gpt\r\nx-ai-provider: anthropic""#)),
        ("LF", named(r#""gpt\nx""#)),
        ("DEL", named(r#""gpt\u007f""#)),
        ("C1 control", named(r#""gpt\u0085""#)),
        ("lone surrogate", named(r#""gpt\ud800""#)),
        ("swapped surrogates", named(r#""gpt\ude00\ud83d""#)),
        ("replacement character", named("\"gpt\u{fffd}\"")),
        ("twice", br#"{"model":"gpt","model":"secret"}"#.into()),
        ("twice the same", br#"{"model":"gpt","model":"gpt"}"#.into()),
        (
            "twice, far apart",
            br#"{"model":"gpt","x":[{"model":1}],"model":"secret"}"#.into(),
        ),
        (
            "twice, one escaped",
            br#"{"model":"gpt","m\u006fdel":"secret"}"#.into(),
        ),
        (
            "twice, both escaped",
            br#"{"\u006dodel":"gpt","mode\u006C":"secret"}"#.into(),
        ),
        ("capital M", br#"{"Model":"secret"}"#.into()),
        (
            "Model and model",
            br#"{"Model":"secret","model":"gpt"}"#.into(),
        ),
        (
            "model and MODEL",
            br#"{"model":"gpt","MODEL":"secret"}"#.into(),
        ),
    ]
}

/// Headers under which a good body is not one we can read or may believe.
const BAD_HEADERS: &[(&str, u16, &[(&str, &[u8])])] = &[
    ("gzip", 400, &[("content-encoding", b"gzip")]),
    ("brotli", 400, &[("content-encoding", b"br")]),
    (
        "gzip in a list",
        400,
        &[("content-encoding", b"identity, gzip")],
    ),
    (
        "two encodings",
        400,
        &[
            ("content-encoding", b"identity"),
            ("content-encoding", b"GZIP"),
        ],
    ),
    (
        "not UTF-8 encoding",
        400,
        &[("content-encoding", b"gz\xffip")],
    ),
    ("plain text", 415, &[("content-type", b"text/plain")]),
    (
        "a form",
        415,
        &[("content-type", b"multipart/form-data; boundary=x")],
    ),
    (
        "UTF-16",
        415,
        &[("content-type", b"application/json; charset=utf-16")],
    ),
    (
        "UTF-16 quoted",
        415,
        &[("content-type", b"application/json;CHARSET=\"UTF-16LE\"")],
    ),
    (
        "not UTF-8 type",
        415,
        &[("content-type", b"application/j\xffson")],
    ),
    (
        "two types",
        415,
        &[
            ("content-type", b"application/json"),
            ("content-type", b"text/plain"),
        ],
    ),
    (
        "two equal types",
        415,
        &[
            ("content-type", b"application/json"),
            ("content-type", b"application/json"),
        ],
    ),
    (
        "two authorizations",
        400,
        &[
            ("authorization", b"Bearer a"),
            ("authorization", b"Bearer b"),
        ],
    ),
    (
        "two api keys",
        400,
        &[("x-api-key", b"a"), ("x-api-key", b"b")],
    ),
    (
        "two google keys",
        400,
        &[("x-goog-api-key", b"a"), ("x-goog-api-key", b"a")],
    ),
    ("two identities", 400, &[("x-team", b"a"), ("x-team", b"b")]),
];

fn with_headers(path: &str, body: &'static [u8], headers: &[(&str, &[u8])]) -> Request {
    let mut request = Request::post(path).body(body);
    if headers.iter().all(|(name, _)| *name != "content-type") {
        request = request.header("content-type", "application/json");
    }
    headers.iter().fold(request, |request, (name, value)| {
        request.header(name, value)
    })
}

/// Every bad request, the path whose dialect it speaks, and the status it deserves.
fn bad_requests() -> Vec<(String, &'static str, u16, Request)> {
    let mut all = Vec::new();
    for path in [CHAT, MESSAGES, GEMINI] {
        for (name, status, body) in bad_bodies() {
            let body = Bytes::from(body);
            let pieces: Vec<_> = body.chunks(MIB).map(Bytes::copy_from_slice).collect();
            let chunked = post(path, "").chunks(pieces).gap(Duration::ZERO);
            all.push((format!("{path}: {name}"), path, status, post(path, body)));
            all.push((format!("{path}: {name}, chunked"), path, status, chunked));
        }
        for (name, status, headers) in BAD_HEADERS {
            let request = with_headers(path, br#"{"model":"gpt"}"#, headers);
            all.push((format!("{path}: {name}"), path, *status, request));
        }
        for (name, body) in bad_models().into_iter().filter(|_| path != GEMINI) {
            all.push((
                format!("{path}: model: {name}"),
                path,
                400,
                post(path, body),
            ));
        }
    }
    let twice = r#"{"contents":[],"contents":[{"parts":[{"text":"x"}]}]}"#;
    all.push(("two contents".to_owned(), GEMINI, 400, post(GEMINI, twice)));
    let path = "/v1beta/models/g%0d%0ax-ai-provider:%20x:generateContent";
    all.push(("CR LF in the path".to_owned(), path, 400, post(path, "{}")));
    let path = "/v1beta/models/g%ff:generateContent";
    all.push((
        "not UTF-8 model in the path".to_owned(),
        path,
        400,
        post(path, "{}"),
    ));
    all
}

#[tokio::test]
async fn bad_requests_are_refused_in_dialect_and_the_worker_lives_on() {
    let rig = start().await;
    // Open at the same time, so on both workers.
    let workers = [rig.h2().pinned(), rig.h2().pinned()];
    for client in &workers {
        assert_serves(client, "nothing").await;
    }
    let seen = rig.upstream("openai").count() + rig.upstream("anthropic").count();
    let requests = bad_requests();
    let refused = requests.len();
    for (what, path, status, request) in requests {
        let path = if path.starts_with("/v1beta/models/") {
            GEMINI
        } else {
            path
        };
        for client in workers.iter().chain([&rig.h1()]) {
            let answer = client.send(request.clone()).await;
            assert_refused(&answer, status, path, &what);
        }
    }
    let now = rig.upstream("openai").count() + rig.upstream("anthropic").count();
    assert_eq!(now, seen, "a refused request has reached an upstream");
    for client in &workers {
        assert_serves(client, "all of them").await;
    }
    let log = rig.envoy.access_log(refused * 3 + 8).await;
    let ours = |line: &&Value| {
        line["response_code_details"]
            .as_str()
            .is_some_and(|it| it.starts_with("weir_"))
    };
    assert_eq!(log.iter().filter(ours).count(), refused * 3);
    rig.envoy.assert_no_crash();
}

/// Envoy itself joins them into one value with a comma, so counting them is not enough.
#[tokio::test]
async fn two_authorization_headers_are_refused() {
    let rig = start().await;
    for client in [rig.h1(), rig.h2()] {
        for path in [CHAT, MESSAGES, GEMINI] {
            let request = post(path, r#"{"model":"gpt"}"#);
            let twice = request.header("authorization", "Bearer a").header("authorization", "Bearer b");
            assert_refused(&client.send(twice).await, 400, path, path);
        }
    }
    rig.envoy.assert_no_crash();
}

#[tokio::test]
async fn what_is_merely_odd_passes() {
    let rig = start().await;
    let long = "m".repeat(256);
    let many: Vec<_> = (0..85).map(|i| format!("x-many-{i}")).collect();
    let nested = format!(
        r#"{{"model":"gpt","x":{}{}}}"#,
        "[".repeat(63),
        "]".repeat(63)
    );
    let requests = [
        ("64 levels", post(CHAT, nested)),
        ("the longest model", chat(&long)),
        ("a model in any script", chat("模型/ü:1@2 x")),
        (
            "no content type",
            Request::post(CHAT).body(r#"{"model":"gpt"}"#),
        ),
        (
            "identity encoding",
            chat("gpt").header("content-encoding", "identity"),
        ),
        (
            "not UTF-8 header",
            chat("gpt").header("x-raw", b"\xff\x80\xfe"),
        ),
        (
            "not UTF-8 identity",
            chat("gpt").header("x-team", b"a\xffb"),
        ),
        (
            "not UTF-8 credential",
            chat("gpt").header("authorization", b"Bearer \xff"),
        ),
        (
            "not UTF-8 accept",
            chat("gpt").header("accept-encoding", b"\xff"),
        ),
        (
            "not UTF-8 routing header",
            chat("gpt").header("x-ai-provider", b"\xff"),
        ),
        (
            "huge header",
            chat("gpt").header("x-huge", "h".repeat(50_000)),
        ),
        (
            "many headers",
            many.iter().fold(chat("gpt"), |r, name| r.header(name, "v")),
        ),
        (
            "one header often",
            many.iter()
                .fold(chat("gpt"), |r, _| r.header("x-same", "v")),
        ),
        ("empty header", chat("gpt").header("x-team", "")),
    ];
    for client in [rig.h1(), rig.h2().pinned()] {
        for (what, request) in &requests {
            let answer = client.send(request.clone()).await;
            assert_eq!(answer.status, 200, "{what}: {answer:?}");
        }
    }
    let raw = rig.upstream("openai").requests();
    let raw = raw
        .iter()
        .find_map(|seen| seen.headers.get("x-raw"))
        .unwrap();
    assert_eq!(raw.as_bytes(), b"\xff\x80\xfe");
    rig.envoy.assert_no_crash();
}

/// Asks for a model nobody may use by these paths.
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
    assert_serves(&client, "odd paths").await;
    rig.envoy.assert_no_crash();
    assert!(around.is_empty(), "a denied model got through by {around:#?}");
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
    let body = r#"{"model":"gpt"}"#;
    let json = "host: a\r\ncontent-type: application/json\r\nconnection: close\r\n";
    let table: &[(&str, String, &[&str])] = &[
        (
            "length and chunked",
            format!(
                "POST {CHAT} HTTP/1.1\r\n{json}content-length: 15\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
            ),
            &["400"],
        ),
        (
            "two lengths",
            format!(
                "POST {CHAT} HTTP/1.1\r\n{json}content-length: 15\r\ncontent-length: 16\r\n\r\n{body}"
            ),
            &["400"],
        ),
        (
            "a negative length",
            format!("POST {CHAT} HTTP/1.1\r\n{json}content-length: -1\r\n\r\n{body}"),
            &["400"],
        ),
        (
            "a huge length",
            format!(
                "POST {CHAT} HTTP/1.1\r\n{json}content-length: 99999999999999999999\r\n\r\n{body}"
            ),
            &["400"],
        ),
        (
            "a large length",
            format!(
                "POST {CHAT} HTTP/1.1\r\n{json}content-length: 18446744073709551615\r\n\r\n{body}"
            ),
            &["400", "413"],
        ),
        (
            "a folded header",
            format!("POST {CHAT} HTTP/1.1\r\n{json}x: a\r\n b\r\ncontent-length: 15\r\n\r\n{body}"),
            &["200", "400"],
        ),
        (
            "a NUL in a header",
            format!("POST {CHAT} HTTP/1.1\r\n{json}x: a\0b\r\ncontent-length: 15\r\n\r\n{body}"),
            &["400"],
        ),
        (
            "a space before the colon",
            format!("POST {CHAT} HTTP/1.1\r\n{json}content-length : 15\r\n\r\n{body}"),
            &["400"],
        ),
        (
            "a bad chunk size",
            format!(
                "POST {CHAT} HTTP/1.1\r\n{json}transfer-encoding: chunked\r\n\r\nzz\r\n{body}\r\n0\r\n\r\n"
            ),
            &["400"],
        ),
        (
            "a late bad chunk",
            format!(
                "POST {CHAT} HTTP/1.1\r\n{json}transfer-encoding: chunked\r\n\r\nf\r\n{body}\r\nzz\r\n\r\n"
            ),
            &["400"],
        ),
        (
            "an upgrade",
            format!(
                "POST {CHAT} HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\ncontent-length: 15\r\n\r\n{body}"
            ),
            &["400"],
        ),
        (
            "an unknown upgrade",
            format!(
                "POST {CHAT} HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: h2c\r\ncontent-length: 15\r\n\r\n{body}"
            ),
            &["400", "403"],
        ),
        (
            "no length at all",
            format!("POST {CHAT} HTTP/1.1\r\n{json}\r\n"),
            &["400"],
        ),
        (
            "HTTP/1.0",
            format!("POST {CHAT} HTTP/1.0\r\n{json}content-length: 15\r\n\r\n{body}"),
            &["200", "426"],
        ),
        (
            "an absolute target",
            format!(
                "POST http://b{CHAT} HTTP/1.1\r\n{json}content-length: 18\r\n\r\n{{\"model\":\"secret\"}}"
            ),
            &["403"],
        ),
        (
            "a fragment",
            format!(
                "POST {CHAT}#x HTTP/1.1\r\n{json}content-length: 18\r\n\r\n{{\"model\":\"secret\"}}"
            ),
            &["400", "403"],
        ),
        (
            "a lower-case method",
            format!(
                "post {CHAT} HTTP/1.1\r\n{json}content-length: 18\r\n\r\n{{\"model\":\"secret\"}}"
            ),
            &["400"],
        ),
    ];
    for (what, request, expected) in table {
        let answer = raw(
            rig.envoy.socket(),
            request.as_bytes(),
            Duration::from_millis(300),
        )
        .await;
        let answer = String::from_utf8_lossy(&answer);
        let status = answer.split(' ').nth(1).unwrap_or_default();
        assert!(expected.contains(&status), "{what}: {answer:?}");
        assert!(
            !answer.contains("HTTP/1.1 200") || expected.contains(&"200"),
            "{what}: {answer:?}"
        );
    }
    for path in ["/v1/ch\u{e4}t/completions", "/\u{ff}/v1/chat/completions"] {
        // As Latin-1: bytes that are not UTF-8.
        let head = format!(
            "POST {path} HTTP/1.1\r\n{json}content-length: 18\r\n\r\n{{\"model\":\"secret\"}}"
        );
        let bytes: Vec<u8> = head.chars().map(|c| u8::try_from(c).unwrap()).collect();
        let answer = raw(rig.envoy.socket(), &bytes, Duration::from_millis(300)).await;
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.starts_with("HTTP/1.1 4"), "{path}: {answer:?}");
    }
    let many = (0..150).fold(chat("gpt"), |r, i| r.header(&format!("x-many-{i}"), "v"));
    assert_eq!(rig.h1().send(many).await.status, 431);
    assert_serves(&rig.h1(), "malformed HTTP").await;
    rig.envoy.assert_no_crash();
}

#[tokio::test]
async fn a_clients_own_routing_headers_neither_arrive_nor_decide() {
    let rig = start().await;
    let ours = [
        "x-ai-model",
        "x-ai-provider",
        "x-ai-api",
        "x-ai-route",
        "x-ai-anything",
        "x-ai-",
    ];
    let spoofed = |mut request: Request| {
        for name in ours {
            request = request
                .header(name, "anthropic")
                .header(name, b"anthropic\xff");
        }
        request.header("x-air", "kept")
    };
    for client in [rig.h1(), rig.h2()] {
        let ai = [
            ("gpt", "openai"),
            ("claude", "anthropic"),
            ("unknown", "openai"),
        ];
        for (model, upstream) in ai {
            client.send(spoofed(chat(model))).await.ok();
            let seen = last_seen(&rig, upstream);
            let header = |name: &str| seen.headers.get(name).map(|v| v.to_str().unwrap());
            assert_eq!(header("x-ai-model"), Some(model));
            assert_eq!(header("x-ai-api"), Some("openai_chat"));
            assert_eq!(
                header("x-ai-provider"),
                (model != "unknown").then_some(upstream)
            );
            let others = ["x-ai-route", "x-ai-anything", "x-ai-"].map(header);
            assert_eq!(others, [None; 3], "{model}");
            assert_eq!(header("x-air"), Some("kept"));
        }
        for request in [
            Request::get("/any"),
            Request::post("/v1/files").body("x"),
            Request::new(Method::PUT, CHAT),
        ] {
            let answer = client.send(spoofed(request.clone())).await.ok();
            assert_eq!(answer.header("x-mock-name"), Some("openai"), "{request:?}");
            let seen = last_seen(&rig, "openai");
            let left: Vec<_> = seen
                .headers
                .keys()
                .filter(|n| n.as_str().starts_with("x-ai-"))
                .collect();
            assert!(left.is_empty(), "{request:?}: {left:?}");
        }
    }
    rig.envoy.assert_no_crash();
}

#[tokio::test]
async fn clients_that_hang_up_or_dawdle() {
    let rig = start().await;
    let client = rig.h2().pinned();
    assert_serves(&client, "nothing").await;
    let body = br#"{"model":"gpt","messages":[{"role":"user","content":"slowly"}]}"#;
    let bytes = || body.chunks(1).map(Bytes::from_static).collect();
    let half = || {
        body.chunks(1)
            .take(20)
            .map(Bytes::from_static)
            .collect::<Vec<_>>()
    };
    let hung = [half(), vec![Bytes::from_static(b"x"); 3]].concat();
    for client in [rig.h1(), client.clone()] {
        let request = post(CHAT, "").chunks(bytes()).gap(Duration::from_millis(2));
        client.send(request).await.ok();
        assert_eq!(last_seen(&rig, "openai").body, &body[..]);
        let request = post(CHAT, "")
            .chunks(hung.clone())
            .gap(Duration::from_millis(10));
        for _ in 0..5 {
            let sent = timeout(Duration::from_millis(60), client.send(request.clone())).await;
            sent.expect_err("it is not sent yet");
            // A pinned HTTP/1.1 connection ends with the request it was pinned for.
        }
    }
    let head = format!(
        "POST {CHAT} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{{\"model\":"
    );
    for cut in [head.len(), head.len() - 5, head.len() - 9, 40] {
        let answer = raw(
            rig.envoy.socket(),
            &head.as_bytes()[..cut],
            Duration::from_millis(20),
        )
        .await;
        assert!(answer.is_empty(), "{}", String::from_utf8_lossy(&answer));
    }
    assert_serves(&client, "hang-ups").await;
    // All that went through: two slow ones, and one to `openai` each time it was asked to serve.
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
        for (what, status, body) in bad_bodies() {
            let chunks: Vec<_> = body.chunks(MIB).map(Bytes::copy_from_slice).collect();
            let spoofed = || post(CHAT, body.clone()).header("x-ai-provider", "anthropic");
            let framed = [spoofed(), spoofed().chunks(chunks).gap(Duration::ZERO)];
            for request in framed {
                let answer = client.send(request.header("x-mock-body", "e30=")).await;
                assert_eq!(answer.status, 200, "{what} ({status}): {answer:?}");
                let seen = last_seen(&rig, "openai");
                assert!(seen.body == body, "{what}");
                assert_eq!(seen.headers["x-ai-api"], "openai_chat", "{what}");
                assert!(!seen.headers.contains_key("x-ai-provider"), "{what}");
                passed += 1;
            }
            rig.upstream("openai").clear();
        }
        for (what, status, headers) in BAD_HEADERS
            .iter()
            .filter(|(what, ..)| !what.starts_with("two a"))
        {
            let body = br#"{"model":"gpt"}"#;
            let answer = client.send(with_headers(CHAT, body, headers)).await;
            let refused = what.contains("keys");
            assert_eq!(
                answer.status,
                if refused { 400 } else { 200 },
                "{what} ({status}): {answer:?}"
            );
            passed += u64::from(!refused);
        }
    }
    assert_eq!(
        counted(&rig.envoy, "weir_unreadable_bodies_total", passed).await,
        passed
    );
    rig.envoy.assert_no_crash();
}
