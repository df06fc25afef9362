//! What a test gets back.

use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;

/// A response as it came, complete or not.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status; 0 if the connection ended before there was one.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body, or what came of it.
    pub body: Bytes,
    /// The body's chunks as they arrived; HTTP/1.1 chunks that arrive together can also
    /// be one.
    pub chunks: Vec<Bytes>,
    /// When the first chunk arrived, counted from the start of the request.
    pub first_chunk_at: Option<Duration>,
    /// The trailers, if there were any.
    pub trailers: Option<HeaderMap>,
    /// Whether `100 Continue` came first. hyper does not tell with HTTP/2.
    pub continued: bool,
    /// Whether the response ended with an error instead of its end.
    pub aborted: bool,
    /// What hyper said about that.
    pub error: Option<String>,
}

impl Response {
    /// Nothing has arrived yet.
    pub(super) fn none() -> Self {
        Self {
            status: 0,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            chunks: Vec::new(),
            first_chunk_at: None,
            trailers: None,
            continued: false,
            aborted: false,
            error: None,
        }
    }

    pub(super) fn abort(&mut self, error: &hyper::Error) {
        self.aborted = true;
        let cause = error.source().map(|cause| format!(": {cause}"));
        self.error = Some(format!("{error}{}", cause.unwrap_or_default()));
    }

    /// The response itself.
    ///
    /// # Panics
    /// With the whole response, when the status is 500 or more, or it was aborted.
    pub fn ok(self) -> Self {
        assert!(self.status < 500 && !self.aborted, "{self:#?}");
        self
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is something else.
    pub fn json(&self) -> Value {
        match serde_json::from_slice(&self.body) {
            Ok(value) => value,
            Err(error) => panic!("not JSON: {error}: {self:#?}"),
        }
    }

    /// The body as text.
    ///
    /// # Panics
    /// When it is not UTF-8.
    pub fn text(&self) -> &str {
        match std::str::from_utf8(&self.body) {
            Ok(text) => text,
            Err(error) => panic!("not UTF-8: {error}: {self:#?}"),
        }
    }

    /// The first header of that name, unless it is not text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as server-sent events: of each its name, if any, and its data.
    ///
    /// # Panics
    /// When it is not UTF-8.
    pub fn sse(&self) -> Vec<(Option<String>, String)> {
        let text = self.text().trim_start_matches('\u{feff}');
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        text.split("\n\n").filter_map(sse_event).collect()
    }
}

fn sse_event(block: &str) -> Option<(Option<String>, String)> {
    let values = |field: &str| -> Vec<&str> {
        block
            .lines()
            .filter_map(|line| line.strip_prefix(field)?.strip_prefix(':'))
            .map(|value| value.strip_prefix(' ').unwrap_or(value))
            .collect()
    };
    let data = values("data");
    let name = values("event").last().map(ToString::to_string);
    (!data.is_empty() || name.is_some()).then(|| (name, data.join("\n")))
}
