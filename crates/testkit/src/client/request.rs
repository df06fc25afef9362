//! What a test sends: a description that can be turned into a message more than once.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use http_body_util::channel::Sender;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Channel, Full};
use serde_json::Value;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

/// Between two chunks, so that the other side reads each on its own.
const DEFAULT_GAP: Duration = Duration::from_millis(5);
/// How long to wait for `100 Continue` before the body is sent anyway.
const CONTINUE_PATIENCE: Duration = Duration::from_secs(1);
/// The same with HTTP/2, where hyper does not tell that it came.
const HTTP2_CONTINUE_PATIENCE: Duration = Duration::from_millis(100);

pub(super) type Body = BoxBody<Bytes, Infallible>;

/// A request to send.
///
/// ```
/// use serde_json::json;
/// use weir_testkit::client::Request;
///
/// let request = Request::post("/v1/chat/completions")
///     .header("authorization", "Bearer k")
///     .json(&json!({ "model": "gpt-4o", "messages": [] }));
/// ```
#[derive(Clone, Debug)]
pub struct Request {
    method: Method,
    path: String,
    authority: String,
    headers: HeaderMap,
    chunks: Vec<Bytes>,
    /// Whether the length is unknown beforehand.
    chunked: bool,
    gap: Duration,
    trailers: Option<HeaderMap>,
    expect_continue: bool,
}

impl Request {
    /// Any method, for a path with its query.
    pub fn new(method: Method, path: &str) -> Self {
        Self {
            method,
            path: path.to_owned(),
            authority: "weir.test".to_owned(),
            headers: HeaderMap::new(),
            chunks: Vec::new(),
            chunked: false,
            gap: DEFAULT_GAP,
            trailers: None,
            expect_continue: false,
        }
    }

    /// A GET without a body.
    pub fn get(path: &str) -> Self {
        Self::new(Method::GET, path)
    }

    /// A POST, with an empty body until told otherwise.
    pub fn post(path: &str) -> Self {
        Self::new(Method::POST, path)
    }

    /// Adds a header. The value may be any bytes a header can hold; `host` sets the
    /// authority.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let name: HeaderName = name.parse().expect("a header name");
        let value = HeaderValue::from_bytes(value.as_ref()).expect("a header value");
        if name == header::HOST {
            self.authority = value.to_str().expect("an ASCII host").to_owned();
        } else {
            self.headers.append(name, value);
        }
        self
    }

    /// A JSON body with its content type and length.
    pub fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json")
            .body(body.to_string())
    }

    /// A body sent at once, with its length.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.chunks = vec![body.into()];
        self.chunked = false;
        self
    }

    /// A body without a length, each chunk sent on its own with a [`gap`](Self::gap).
    pub fn chunks(mut self, chunks: Vec<Bytes>) -> Self {
        self.chunks = chunks;
        self.chunked = true;
        self
    }

    /// The time between two chunks, 5 ms unless told otherwise.
    pub fn gap(mut self, gap: Duration) -> Self {
        self.gap = gap;
        self
    }

    /// Trailers after the body, which then has no length, not even with HTTP/2. Trailers
    /// of the response are another matter: a hyper upstream sends them over HTTP/1.1
    /// only to requests with `te: trailers`.
    pub fn trailers(mut self, trailers: HeaderMap) -> Self {
        self.trailers = Some(trailers);
        self
    }

    /// Asks for `100 Continue` and sends the body once it came, or after a second (with
    /// HTTP/2 always after 0.1 s).
    pub fn expect_continue(mut self) -> Self {
        self.expect_continue = true;
        self
    }

    /// The message, and a flag that tells later whether `100 Continue` came.
    pub(super) fn message(&self, http2: bool) -> (http::Request<Body>, Arc<AtomicBool>) {
        let uri = if http2 {
            format!("http://{}{}", self.authority, self.path)
        } else {
            self.path.clone()
        };
        let mut message = http::Request::new(());
        *message.method_mut() = self.method.clone();
        *message.uri_mut() = uri.parse().expect("a path");
        *message.headers_mut() = self.headers.clone();
        self.add_own_headers(message.headers_mut(), http2);

        let go_on = Arc::new(Notify::new());
        let continued = Arc::new(AtomicBool::new(false));
        if self.expect_continue {
            let (go_on, continued) = (Arc::clone(&go_on), Arc::clone(&continued));
            hyper::ext::on_informational(&mut message, move |response| {
                if response.status() == http::StatusCode::CONTINUE {
                    continued.store(true, Ordering::Relaxed);
                    go_on.notify_one();
                }
            });
        }
        let body = if self.is_streamed() {
            let patience = match http2 {
                true => HTTP2_CONTINUE_PATIENCE,
                false => CONTINUE_PATIENCE,
            };
            let (sender, body) = Channel::new(1);
            tokio::spawn(self.clone().feed(sender, go_on, patience));
            body.boxed()
        } else {
            Full::new(self.chunks.concat().into()).boxed()
        };
        (message.map(|()| body), continued)
    }

    fn is_streamed(&self) -> bool {
        self.chunked || self.trailers.is_some() || self.expect_continue
    }

    fn add_own_headers(&self, headers: &mut HeaderMap, http2: bool) {
        let mut add = |name, value: &str| {
            headers.insert(name, value.parse().expect("a header value"));
        };
        if !http2 {
            add(header::HOST, &self.authority);
        }
        if self.expect_continue {
            add(header::EXPECT, "100-continue");
        }
        if let Some(trailers) = &self.trailers {
            // hyper sends only the HTTP/1 trailers that are announced.
            let names: Vec<_> = trailers.keys().map(HeaderName::as_str).collect();
            add(header::TRAILER, &names.join(", "));
        } else if self.is_streamed() && !self.chunked {
            let length: usize = self.chunks.iter().map(Bytes::len).sum();
            add(header::CONTENT_LENGTH, &length.to_string());
        }
    }

    /// Sends the body piece by piece, until done or until nobody wants it any more.
    async fn feed(self, mut sender: Sender<Bytes>, go_on: Arc<Notify>, patience: Duration) {
        if self.expect_continue {
            let _ = timeout(patience, go_on.notified()).await;
        }
        for (index, chunk) in self.chunks.into_iter().enumerate() {
            if index > 0 && !self.gap.is_zero() {
                sleep(self.gap).await;
            }
            if sender.send_data(chunk).await.is_err() {
                return;
            }
        }
        if let Some(trailers) = self.trailers {
            let _ = sender.send_trailers(trailers).await;
        }
    }
}
