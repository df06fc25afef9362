//! One request and its answer.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, TRAILER};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::sync::Notify;

use crate::answer::Answer;
use crate::ask::Ask;
use crate::body::Body;
use crate::dialect::{Shaped, shape};
use crate::json::{Json, Object};
use crate::record::{Arriving, Log, Served};
use crate::route::{Route, Vendor};
use crate::script::{FailFirst, Script};
use crate::{error, sse, websocket};

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const MOCK_NAME: HeaderName = HeaderName::from_static("x-mock-name");
const MOCK_TRAILER: &str = "x-mock-trailer";

/// What the connections of one server share.
#[derive(Debug)]
pub(crate) struct Upstream {
    /// The name in answers.
    pub(crate) name: String,
    /// The same, as a header value.
    pub(crate) name_header: HeaderValue,
    /// The requests so far.
    pub(crate) log: Log,
    /// How many requests with each `x-mock-id` have been refused.
    pub(crate) refused: Mutex<HashMap<String, u64>>,
    /// What has been served, by `x-mock-ledger`.
    pub(crate) ledgers: Mutex<HashMap<String, Served>>,
    /// The number of the next answer.
    pub(crate) serial: AtomicU64,
    /// Wakes websocket echoes when the server stops.
    pub(crate) stop: Notify,
}

/// An answer whose body has not been cut yet.
struct Draft {
    status: StatusCode,
    content_type: Option<HeaderValue>,
    pieces: Vec<Bytes>,
    /// Whether the length is unknown when the head is sent.
    streamed: bool,
    trailers: HeaderMap,
}

impl Draft {
    fn new(status: StatusCode, content_type: Option<HeaderValue>, body: Bytes) -> Self {
        Self {
            status,
            content_type,
            pieces: vec![body],
            streamed: false,
            trailers: HeaderMap::new(),
        }
    }

    fn json(status: StatusCode, json: Json) -> Self {
        Self::new(status, Some(JSON), json.into_string().into())
    }

    fn stream(content_type: &'static str, pieces: Vec<Bytes>) -> Self {
        Self {
            status: StatusCode::OK,
            content_type: Some(HeaderValue::from_static(content_type)),
            pieces,
            streamed: true,
            trailers: HeaderMap::new(),
        }
    }
}

/// Answers one request.
pub(crate) async fn serve(
    upstream: Arc<Upstream>,
    mut request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    if websocket::is_asked_for(request.headers(), request.method()) {
        let upgrade = hyper::upgrade::on(&mut request);
        let (parts, _) = request.into_parts();
        Arriving::new(&upstream.log, &parts).end();
        let mut response = websocket::accept(&parts.headers, upgrade, Arc::clone(&upstream));
        response
            .headers_mut()
            .insert(MOCK_NAME, upstream.name_header.clone());
        return Ok(response);
    }

    let (parts, mut incoming) = request.into_parts();
    let mut arriving = Arriving::new(&upstream.log, &parts);
    while let Some(frame) = incoming.frame().await {
        let Ok(frame) = frame else {
            // The client is gone; `arriving` logs what there is of its request.
            drop(arriving);
            return Ok(Response::new(Body::default()));
        };
        match frame.into_data() {
            Ok(data) => arriving.data(&data),
            Err(frame) => {
                if let Ok(trailers) = frame.into_trailers() {
                    arriving.trailers(trailers);
                }
            }
        }
    }
    let body = arriving.end();

    let script = Script::from_headers(&parts.headers);
    if !script.delay.is_zero() {
        tokio::time::sleep(script.delay).await;
    }
    let draft = draft(&upstream, &parts, body, &script);
    let mut response = finish(draft, &script);
    response
        .headers_mut()
        .insert(MOCK_NAME, upstream.name_header.clone());
    Ok(response)
}

/// Decides what to answer. Earlier rules win: a description of the request, a refusal,
/// a given body, a scripted error, and only then what the path asks for.
fn draft(upstream: &Upstream, parts: &Parts, body: Bytes, script: &Script) -> Draft {
    let (path, query) = (parts.uri.path(), parts.uri.query());
    let route = Route::find(path, query);
    let vendor = route.as_ref().map_or(Vendor::OpenAi, |r| r.api.vendor());
    let fail = |status: StatusCode, message: &str| {
        Draft::json(status, error::body(vendor, status, message))
    };

    if script.echo {
        return Draft::json(StatusCode::OK, describe(parts, &body));
    }
    if script
        .fail_first
        .as_ref()
        .is_some_and(|f| refuse(upstream, f))
    {
        return fail(
            StatusCode::SERVICE_UNAVAILABLE,
            "refused at first, as scripted",
        );
    }
    if let Some(given) = &script.body {
        let status = script.status.unwrap_or(StatusCode::OK);
        let content_type = Some(given.content_type.clone());
        return Draft::new(status, content_type, given.bytes.clone());
    }
    if let Some(status) = script.status.filter(|s| s.as_u16() >= 400) {
        return fail(status, "failed, as scripted");
    }
    let mut draft = match route.filter(|_| parts.method == Method::POST) {
        Some(route) => match Ask::read(&route, &body) {
            Ok(ask) => {
                let serial = upstream.serial.fetch_add(1, Ordering::Relaxed);
                let answer = Answer::new(&upstream.name, serial, &ask, script);
                if let Some(ledger) = &script.ledger {
                    let tokens = answer.tokens();
                    let mut ledgers = upstream.ledgers.lock().unwrap();
                    let served = ledgers.entry(ledger.clone()).or_default();
                    served.answers += 1;
                    served.input_tokens += tokens.input;
                    served.output_tokens += tokens.output;
                }
                match shape(route.api, &answer) {
                    Shaped::Json(json) => Draft::json(StatusCode::OK, json),
                    Shaped::Events(events) => {
                        let pieces = sse::write(&events, &script.sse);
                        Draft::stream("text/event-stream; charset=utf-8", pieces)
                    }
                    Shaped::Pieces(content_type, pieces) => Draft::stream(content_type, pieces),
                }
            }
            Err(message) => return fail(StatusCode::BAD_REQUEST, &message),
        },
        None => other(upstream, parts, body),
    };
    if let Some(status) = script.status {
        draft.status = status;
    }
    draft
}

/// Answers on the paths of no LLM API: health, the list of models, gRPC, and an echo.
fn other(upstream: &Upstream, parts: &Parts, body: Bytes) -> Draft {
    let content_type = parts.headers.get(CONTENT_TYPE);
    let read = matches!(parts.method, Method::GET | Method::HEAD);
    let path = parts.uri.path();
    if read && path.ends_with("/v1/models") {
        return Draft::json(StatusCode::OK, models());
    }
    if read && (path.ends_with("/healthz") || body.is_empty()) {
        let plain = HeaderValue::from_static("text/plain");
        let text = format!("{} is here\n", upstream.name);
        return Draft::new(StatusCode::OK, Some(plain), text.into());
    }
    let grpc = content_type.is_some_and(|v| v.as_bytes().starts_with(b"application/grpc"));
    let mut draft = Draft::new(StatusCode::OK, content_type.cloned(), body);
    if grpc {
        let ok = HeaderValue::from_static("0");
        draft.trailers.insert("grpc-status", ok);
    }
    draft
}

/// Turns a draft into a response: compressed, cut, with its length or trailers, or with
/// a reset at its end.
fn finish(draft: Draft, script: &Script) -> Response<Body> {
    let mut response = Response::new(Body::default());
    *response.status_mut() = draft.status;
    let headers = response.headers_mut();
    if let Some(content_type) = draft.content_type {
        headers.insert(CONTENT_TYPE, content_type);
    }
    let mut trailers = draft.trailers;
    if script.trailers {
        // HTTP/1.1 only carries the trailers that the head announces.
        headers.insert(TRAILER, HeaderValue::from_static(MOCK_TRAILER));
        trailers.insert(MOCK_TRAILER, HeaderValue::from_static("yes"));
    }
    let mut pieces = draft.pieces;
    if script.gzip {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        pieces = compress(&pieces);
    }
    let mut body = Body::new(pieces);
    body.delay = script.event_delay;
    let length = body.remaining();
    let streamed = draft.streamed || script.cut.is_some() || !trailers.is_empty();
    // With a length, all bytes are a whole answer, and a reset after them is none.
    let reset_at_end = script.abort.is_some_and(|sent| sent >= length);
    if (script.length || !streamed) && !reset_at_end {
        headers.insert(CONTENT_LENGTH, length.into());
    }
    if !trailers.is_empty() {
        body.trailers = Some(trailers);
    }
    if let Some(size) = script.cut {
        body.cut(size);
    }
    if let Some(sent) = script.abort {
        body.reset_after(sent);
    }
    *response.body_mut() = body;
    response
}

/// Compresses piece by piece, so that a reader can have each event when it was sent.
fn compress(pieces: &[Bytes]) -> Vec<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let mut compressed = Vec::with_capacity(pieces.len() + 1);
    for piece in pieces {
        encoder.write_all(piece).unwrap();
        encoder.flush().unwrap();
        compressed.push(std::mem::take(encoder.get_mut()).into());
    }
    compressed.push(encoder.finish().unwrap().into());
    compressed
}

/// Counts this request against `x-mock-fail-first`; whether it is to fail.
fn refuse(upstream: &Upstream, script: &FailFirst) -> bool {
    let mut refused = upstream.refused.lock().unwrap();
    let refused = refused.entry(script.id.clone()).or_default();
    let fails = *refused < script.count;
    *refused += u64::from(fails);
    fails
}

/// The request as JSON. A body that is not UTF-8 has no `body_text`.
fn describe(parts: &Parts, body: &Bytes) -> Json {
    let headers: Vec<[String; 2]> = parts
        .headers
        .iter()
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes());
            [name.to_string(), value.into_owned()]
        })
        .collect();
    Object::new()
        .field("method", parts.method.as_str())
        .field(
            "path",
            parts.uri.path_and_query().map_or("*", |p| p.as_str()),
        )
        .field("headers", headers)
        .field("body_length", body.len())
        .field_if("body_text", std::str::from_utf8(body).ok())
        .end()
}

fn models() -> Json {
    let model = |id: &str| {
        Object::new()
            .field("id", id)
            .field("object", "model")
            .field("created", crate::answer::CREATED)
            .field("owned_by", "mock")
            .end()
    };
    let list = ["gpt-4o", "gpt-4o-mini", "text-embedding-3-small"].map(model);
    Object::new()
        .field("object", "list")
        .field("data", list)
        .end()
}
