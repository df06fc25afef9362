//! What a request's `x-mock-*` headers ask of the answer.
//!
//! Every header is optional, and a value that makes no sense counts as absent: a test
//! of a filter should fail on what the filter did, not on a quarrel with its upstream.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};
use percent_encoding::percent_decode_str;

use crate::sse::Style;

/// The most words `x-mock-tokens` can ask for.
const MAX_WORDS: usize = 1_000_000;

/// The words of a `x-mock-tokens` answer, each one token of `o200k_base` with its space.
const WORDS: [&str; 16] = [
    "the", "water", "falls", "over", "a", "low", "wall", "and", "every", "fish", "knows", "when",
    "to", "wait", "or", "swim",
];

/// What to say about usage.
#[derive(Clone, Debug, Default)]
pub(crate) enum UsageScript {
    /// The true numbers.
    #[default]
    Exact,
    /// Nothing.
    Absent,
    /// This JSON text in place of the usage object.
    Verbatim(String),
}

/// `x-mock-fail-first` and `x-mock-id`: refuse the first `count` requests with this id.
#[derive(Clone, Debug)]
pub(crate) struct FailFirst {
    /// How many requests fail.
    pub(crate) count: u64,
    /// Whose requests are counted together.
    pub(crate) id: String,
}

/// `x-mock-body` and `x-mock-content-type`: an answer given byte for byte.
#[derive(Clone, Debug)]
pub(crate) struct GivenBody {
    /// The body.
    pub(crate) bytes: Bytes,
    /// Its content type.
    pub(crate) content_type: HeaderValue,
}

/// Everything a request may script, each field with the header that sets it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Script {
    /// `x-mock-status`: from 400 on an error in the dialect of the path; below it, the
    /// usual answer under this status.
    pub(crate) status: Option<StatusCode>,
    /// `x-mock-fail-first` with `x-mock-id`.
    pub(crate) fail_first: Option<FailFirst>,
    /// `x-mock-delay-ms`: the wait before the response headers.
    pub(crate) delay: Duration,
    /// `x-mock-event-delay-ms`: the wait between SSE events, or between cut pieces.
    pub(crate) event_delay: Duration,
    /// `x-mock-cut`: the size in bytes of each write.
    pub(crate) cut: Option<usize>,
    /// `x-mock-abort`: reset after this many body bytes.
    pub(crate) abort: Option<usize>,
    /// `x-mock-usage`.
    pub(crate) usage: UsageScript,
    /// `x-mock-text`, or the words of `x-mock-tokens`.
    pub(crate) text: Option<String>,
    /// `x-mock-deltas: chars`.
    pub(crate) char_deltas: bool,
    /// `x-mock-response-model`.
    pub(crate) response_model: Option<String>,
    /// `x-mock-tool-call`.
    pub(crate) tool_call: bool,
    /// `x-mock-line-end`, `-no-final-newline`, `-comments`, `-no-space`, `-bom`, `-multi-data`.
    pub(crate) sse: Style,
    /// `x-mock-trailers`. Over HTTP/1.1 they are only sent to a client with `te: trailers`.
    pub(crate) trailers: bool,
    /// `x-mock-length`: a content-length, also on a stream.
    pub(crate) length: bool,
    /// `x-mock-body` with `x-mock-content-type`.
    pub(crate) body: Option<GivenBody>,
    /// `x-mock-encoding: gzip`.
    pub(crate) gzip: bool,
    /// `x-mock-ledger`: the ledger this answer's true usage is added to.
    pub(crate) ledger: Option<String>,
    /// `x-mock-echo`: describe the request instead of answering it.
    pub(crate) echo: bool,
}

impl Script {
    /// Reads the script out of a request's headers.
    pub(crate) fn from_headers(headers: &HeaderMap) -> Self {
        if !headers.keys().any(|n| n.as_str().starts_with("x-mock-")) {
            return Self::default();
        }
        let text = |name: &str| -> Option<&str> {
            let value = headers.get(name)?.as_bytes();
            std::str::from_utf8(value).ok().map(str::trim)
        };
        let number = |name: &str| -> Option<u64> { text(name)?.parse().ok() };
        let size = |name: &str| -> Option<usize> { text(name)?.parse().ok() };
        let flag = |name: &str| text(name).is_some_and(|v| v.eq_ignore_ascii_case("true"));

        Self {
            status: text("x-mock-status")
                .and_then(|v| v.parse::<StatusCode>().ok())
                .filter(|s| (200..600).contains(&s.as_u16())),
            fail_first: number("x-mock-fail-first").map(|count| FailFirst {
                count,
                id: text("x-mock-id").unwrap_or("").to_owned(),
            }),
            delay: Duration::from_millis(number("x-mock-delay-ms").unwrap_or(0)),
            event_delay: Duration::from_millis(number("x-mock-event-delay-ms").unwrap_or(0)),
            cut: size("x-mock-cut").filter(|n| *n > 0),
            abort: size("x-mock-abort"),
            usage: text("x-mock-usage").map_or(UsageScript::Exact, usage),
            text: text("x-mock-text")
                .map(|v| percent_decode_str(v).decode_utf8_lossy().into_owned())
                .or_else(|| size("x-mock-tokens").map(words)),
            char_deltas: text("x-mock-deltas") == Some("chars"),
            response_model: text("x-mock-response-model").map(str::to_owned),
            tool_call: flag("x-mock-tool-call"),
            sse: Style {
                line_end: match text("x-mock-line-end") {
                    Some("crlf") => "\r\n",
                    Some("cr") => "\r",
                    _ => "\n",
                },
                final_newline: !flag("x-mock-no-final-newline"),
                comments: flag("x-mock-comments"),
                space: !flag("x-mock-no-space"),
                bom: flag("x-mock-bom"),
                multi_data: flag("x-mock-multi-data"),
            },
            trailers: flag("x-mock-trailers"),
            length: flag("x-mock-length"),
            body: text("x-mock-body")
                .and_then(|v| STANDARD.decode(v).ok())
                .map(|bytes| GivenBody {
                    bytes: bytes.into(),
                    content_type: headers
                        .get("x-mock-content-type")
                        .cloned()
                        .unwrap_or(HeaderValue::from_static("application/json")),
                }),
            gzip: text("x-mock-encoding") == Some("gzip"),
            ledger: text("x-mock-ledger").map(str::to_owned),
            echo: flag("x-mock-echo"),
        }
    }
}

/// JSON is only checked for its grammar: numbers beyond any type are a case worth playing.
fn usage(value: &str) -> UsageScript {
    if value == "none" {
        UsageScript::Absent
    } else if serde_json::from_str::<serde::de::IgnoredAny>(value).is_ok() {
        UsageScript::Verbatim(value.to_owned())
    } else {
        UsageScript::Exact
    }
}

/// `count` words; the stride makes neighbouring sentences differ.
fn words(count: usize) -> String {
    let word = |i: usize| WORDS[(i * 7 + i / WORDS.len()) % WORDS.len()];
    (0..count.min(MAX_WORDS))
        .map(word)
        .collect::<Vec<_>>()
        .join(" ")
}
