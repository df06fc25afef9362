//! Remembers the requests that arrived, byte for byte.

use std::collections::VecDeque;
use std::sync::Mutex;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::request::Parts;

/// How many requests are kept.
const MAX_REQUESTS: usize = 20_000;

/// How many body bytes are kept in all, so that a soak test with large bodies does not
/// take the machine's memory.
const MAX_BODY_BYTES: usize = 512 * 1024 * 1024;

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The method, such as `POST`.
    pub method: String,
    /// The path with its query, not decoded.
    pub path: String,
    /// The version of HTTP that the client (for Weir: Envoy) spoke.
    pub version: http::Version,
    /// All headers with their raw values. HTTP/2 pseudo headers are not among them.
    pub headers: HeaderMap,
    /// The body, as many bytes of it as arrived.
    pub body: Bytes,
    /// The trailers, when the request had some.
    pub trailers: Option<HeaderMap>,
    /// `false` when the request was cut off before its end.
    pub complete: bool,
}

/// What a server has answered to the requests with one `x-mock-ledger`: the true usage, whether
/// or not the answers told it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Served {
    /// Answers that were made.
    pub answers: u64,
    /// Tokens of their prompts, as they arrived here.
    pub input_tokens: u64,
    /// Tokens of the answers.
    pub output_tokens: u64,
}

/// The requests of one server, oldest first.
#[derive(Debug)]
pub(crate) struct Log {
    keep: bool,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    requests: VecDeque<Recorded>,
    body_bytes: usize,
    count: usize,
}

impl Log {
    /// A log that keeps requests, or only counts them.
    pub(crate) fn new(keep: bool) -> Self {
        Self {
            keep,
            kept: Mutex::default(),
        }
    }

    /// Copies of all kept requests.
    pub(crate) fn requests(&self) -> Vec<Recorded> {
        self.kept.lock().unwrap().requests.iter().cloned().collect()
    }

    /// How many requests ended since the start or the last `clear`.
    pub(crate) fn count(&self) -> usize {
        self.kept.lock().unwrap().count
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        *self.kept.lock().unwrap() = Kept::default();
    }

    fn push(&self, recorded: Option<Recorded>) {
        let mut kept = self.kept.lock().unwrap();
        kept.count += 1;
        let Some(recorded) = recorded else { return };
        kept.body_bytes += recorded.body.len();
        kept.requests.push_back(recorded);
        while kept.requests.len() > MAX_REQUESTS
            || (kept.body_bytes > MAX_BODY_BYTES && kept.requests.len() > 1)
        {
            let oldest = kept.requests.pop_front();
            kept.body_bytes -= oldest.map_or(0, |o| o.body.len());
        }
    }
}

/// A request that is still arriving. It is logged when this value goes away, so that a
/// request whose connection died is logged as well: hyper drops its future then.
pub(crate) struct Arriving<'a> {
    log: &'a Log,
    head: Option<Recorded>,
    body: BytesMut,
    complete: bool,
    trailers: Option<HeaderMap>,
}

impl<'a> Arriving<'a> {
    /// The head has arrived.
    pub(crate) fn new(log: &'a Log, parts: &Parts) -> Self {
        let head = log.keep.then(|| Recorded {
            method: parts.method.to_string(),
            path: parts
                .uri
                .path_and_query()
                .map_or_else(|| parts.uri.to_string(), ToString::to_string),
            version: parts.version,
            headers: parts.headers.clone(),
            body: Bytes::new(),
            trailers: None,
            complete: false,
        });
        Self {
            log,
            head,
            body: BytesMut::new(),
            complete: false,
            trailers: None,
        }
    }

    /// More of the body has arrived.
    pub(crate) fn data(&mut self, data: &[u8]) {
        self.body.extend_from_slice(data);
    }

    /// Trailers have arrived.
    pub(crate) fn trailers(&mut self, trailers: HeaderMap) {
        self.trailers = Some(trailers);
    }

    /// The request has ended as it should; its body.
    pub(crate) fn end(mut self) -> Bytes {
        self.complete = true;
        let body = std::mem::take(&mut self.body).freeze();
        if let Some(head) = &mut self.head {
            head.body = body.clone();
        }
        body
    }
}

impl Drop for Arriving<'_> {
    fn drop(&mut self) {
        let recorded = self.head.take().map(|mut recorded| {
            if !self.complete {
                recorded.body = std::mem::take(&mut self.body).freeze();
            }
            recorded.trailers = self.trailers.take();
            recorded.complete = self.complete;
            recorded
        });
        self.log.push(recorded);
    }
}
