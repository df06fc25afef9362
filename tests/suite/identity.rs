//! Bodies reach the upstream byte for byte, but for the span that was to be changed.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use serde_json::json;
use weir_testkit::client::{Client, Request};
use weir_testkit::rig::{Rig, model_router};

use crate::{CHAT, last_seen};

/// The filter's own limit, which a body may reach and not exceed.
const LIMIT: usize = 8 << 20;

/// Of one byte more than a frame, a buffer slice or a read, and of one less.
const SIZES: &[usize] = &[
    13,
    14,
    97,
    16_383,
    16_385,
    65_537,
    1_048_579,
    LIMIT - 1,
    LIMIT,
];

/// Bodies a parser would write differently.
const ODD: &[&str] = &[
    "{\"model\":\"a\"}",
    "\r\n\t {\t\"model\" :\r\n\"a\"\n}\n\n ",
    r#"{"m\u006fdel":"\u0061","x":"\/\u00e9\ud83d\ude00\"\\é😀"}"#,
    r#"{"x":1.0,"y":-0.0e-0,"z":123456789012345678901234567890,"w":1E400,"model":"a","x":2}"#,
    r#"{"stream":false,"model":"a","messages":[{"role":"user","content":[ ]}],"":null}"#,
];

/// How a body is sent.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Framing {
    Length,
    Chunked,
    Trailers,
}

const ALL: &[Framing] = &[Framing::Length, Framing::Chunked, Framing::Trailers];
const BARE: &[Framing] = &[Framing::Length, Framing::Chunked];

/// A JSON object of exactly so many bytes, no two regions of which look the same.
fn sized(len: usize) -> Bytes {
    let (head, tail) = (r#"{"model":"a","x":""#, r#""}"#);
    let Some(room) = len.checked_sub(head.len() + tail.len()) else {
        return format!("{:<width$}}}", r#"{"model":"a""#, width = len - 1).into();
    };
    let filler = (0_u32..)
        .flat_map(|i| format!("{i:x},").into_bytes())
        .take(room);
    let mut body = Vec::from(head);
    body.extend(filler);
    body.extend_from_slice(tail.as_bytes());
    body.into()
}

fn framed(path: &str, body: &Bytes, framing: Framing) -> Request {
    // The mock is not to read what it gets: it would stumble over the odd ones.
    let request = Request::post(path)
        .header("content-type", "application/json")
        .header("x-mock-body", "e30=");
    // Odd pieces, but not so many that the small gaps between them add up.
    let pieces = || {
        body.chunks(body.len() / 3 + 1)
            .map(Bytes::copy_from_slice)
            .collect()
    };
    match framing {
        Framing::Length => request.body(body.clone()),
        Framing::Chunked => request.chunks(pieces()),
        Framing::Trailers => request.chunks(pieces()).trailers(trailers()),
    }
}

fn trailers() -> HeaderMap {
    let sum = (
        "x-checksum".parse().unwrap(),
        HeaderValue::from_static("0123"),
    );
    HeaderMap::from_iter([sum])
}

/// A body as sent and as it is to arrive.
struct Case<'a> {
    path: &'a str,
    body: &'a Bytes,
    expected: &'a [u8],
}

impl Case<'_> {
    /// Sends the body in these framings and sees it arrive.
    async fn arrives(&self, rig: &Rig, client: &Client, framings: &[Framing]) {
        for &framing in framings {
            self.arrives_in(rig, client, framing).await;
        }
        rig.upstream("openai").clear();
    }

    async fn arrives_in(&self, rig: &Rig, client: &Client, framing: Framing) {
        let Self {
            path,
            body,
            expected,
        } = *self;
        let start = String::from_utf8_lossy(&body[..body.len().min(60)]);
        let what = format!("{path} {framing:?} {} bytes {start}", body.len());
        let answer = client.send(framed(path, body, framing)).await.ok();
        assert_eq!(answer.status, 200, "{what}: {answer:?}");
        let seen = last_seen(rig, "openai");
        assert!(seen.complete, "{what}");
        let differs = seen.body.iter().zip(expected).position(|(a, b)| a != b);
        assert_eq!(differs, None, "{what}");
        assert_eq!(seen.body.len(), expected.len(), "{what}");
        let length = seen
            .headers
            .get("content-length")
            .map(|v| v.to_str().unwrap());
        let right = expected.len().to_string();
        match framing {
            Framing::Length => assert_eq!(length, Some(right.as_str()), "{what}"),
            _ => assert!(length.is_none_or(|it| it == right), "{what}: {length:?}"),
        }
        let sent = (framing == Framing::Trailers).then(trailers);
        assert_eq!(
            seen.trailers, sent,
            "{what}: trailers, with length {length:?}"
        );
    }
}

async fn untouched(http2_upstream: bool) {
    let rig = Rig::start_with(&["openai"], 2, http2_upstream, |b| {
        b.wasm(model_router(json!({})))
    });
    let rig = rig.await;
    let same = async |path: &str, body: Bytes| {
        for client in [rig.h1(), rig.h2()] {
            let case = Case {
                path,
                body: &body,
                expected: &body,
            };
            case.arrives(&rig, &client, ALL).await;
        }
    };
    for &size in SIZES {
        let body = sized(size);
        assert_eq!(body.len(), size);
        same(CHAT, body).await;
    }
    for body in ODD {
        same(CHAT, Bytes::from_static(body.as_bytes())).await;
    }
    for size in [1, 2, 4095, 65_536, 999_983, LIMIT] {
        let bytes = (0..size).map(|i| u8::try_from((i * 7 + i / 251) % 256).unwrap());
        same("/v1/files", bytes.collect()).await;
    }
    rig.envoy.assert_no_crash();
}

#[tokio::test]
async fn bodies_arrive_untouched_over_http1() {
    untouched(false).await;
}

#[tokio::test]
async fn bodies_arrive_untouched_over_http2() {
    untouched(true).await;
}

async fn edited(http2_upstream: bool, framings: &[Framing]) {
    let config = json!({
        "models": {
            "long": {"aliases": ["a"], "upstream_model": "a-much-longer-name-than-asked-for"},
            "short": {"aliases": ["a-long-name-for-a-model*"], "upstream_model": "s"},
            "same": {"aliases": ["abcd"], "upstream_model": "dcba"},
            "quoted": {"upstream_model": "a\"b\\c/é"},
        },
        "default_model": "short",
    });
    let rig = Rig::start_with(&["openai"], 2, http2_upstream, |b| {
        b.wasm(model_router(config))
    });
    let rig = rig.await;
    let long = "a-much-longer-name-than-asked-for";
    let mut table: Vec<(Bytes, Vec<u8>)> = [
        (r#"{"model":"§"}"#, "a", long),
        (r#" { "x" : "a", "model"  :  "§" , "y":[1.0] } "#, "a", long),
        (r#"{"model":"§","é":"😀"}"#, r"\u0061", long),
        (
            r#"{"y":{"model":"a"},"m\u006fdel":"§"}"#,
            "a-long-name-for-a-model-1",
            "s",
        ),
        (r#"{"model":"§"}"#, "abcd", "dcba"),
        (r#"{"model":"§"}"#, "quoted", r#"a\"b\\c/é"#),
        (r#"{§}"#, "", r#""model":"s""#),
        (" {§ \n}", "", r#""model":"s""#),
        (r#"{§ "x":1,"y":"model"}"#, "", r#""model":"s","#),
    ]
    .map(|(body, asked, sent)| {
        (
            body.replace('§', asked).into(),
            body.replace('§', sent).into(),
        )
    })
    .into();
    // The longest body there may be, and longer than that once it is edited.
    let longest = sized(LIMIT);
    let behind = longest.slice(r#"{"model":"a"#.len()..);
    let expected = [br#"{"model":""#, long.as_bytes(), &behind].concat();
    table.push((longest, expected));
    for client in [rig.h1(), rig.h2()] {
        for (body, expected) in &table {
            let case = Case {
                path: CHAT,
                body,
                expected,
            };
            case.arrives(&rig, &client, framings).await;
        }
    }
    rig.envoy.assert_no_crash();
}

#[tokio::test]
async fn an_edit_changes_its_span_alone_over_http1() {
    edited(false, BARE).await;
}

#[tokio::test]
async fn an_edit_changes_its_span_alone_over_http2() {
    edited(true, ALL).await;
}

#[tokio::test]
async fn trailers_survive_an_edit_over_http1() {
    edited(false, &[Framing::Trailers]).await;
}
