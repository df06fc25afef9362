//! An HTTP client over a unix socket that shows what really came back.
//!
//! Unlike an ordinary client it neither follows nor repairs anything: it reports chunks
//! as they arrived, trailers, `100 Continue`, and a body that broke off. Every wait is
//! bounded, so a proxy that hangs fails the test with the request that hung.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body_util::BodyExt;
use hyper::body::{Frame, Incoming};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

mod connection;
mod request;
mod response;

pub use request::Request;
pub use response::Response;

use connection::{Lease, Pool};

/// How long anything may take before the client calls it a hang.
const PATIENCE: Duration = Duration::from_secs(30);

/// Sends requests to a unix socket. Clones share their connections.
#[derive(Clone, Debug)]
pub struct Client {
    pool: Arc<Pool>,
}

impl Client {
    /// Speaks HTTP/1.1. A request takes a connection that is free, or opens one.
    pub fn h1(socket: &Path) -> Self {
        let pool = Arc::new(Pool::new(socket, false, false));
        Self { pool }
    }

    /// Speaks HTTP/2 with prior knowledge. A request takes a connection that is free, or
    /// opens one: only a [pinned](Self::pinned) client multiplexes.
    pub fn h2(socket: &Path) -> Self {
        let pool = Arc::new(Pool::new(socket, true, false));
        Self { pool }
    }

    /// A client whose requests all use one connection, hence one worker: one after the
    /// other with HTTP/1.1, multiplexed with HTTP/2. Rather than move to another worker
    /// unnoticed, it panics when that connection is gone. Envoy spreads connections that
    /// are open at the same time evenly: two pinned clients sit on two workers.
    pub fn pinned(self) -> Self {
        let pool = Arc::new(Pool::new(&self.pool.socket, self.pool.http2, true));
        Self { pool }
    }

    /// Sends a request and reads the response to its end.
    ///
    /// # Panics
    /// When nobody listens, or nothing comes for 30 seconds.
    pub async fn send(&self, request: Request) -> Response {
        self.send_streaming(request).await.finish().await
    }

    /// Sends a request and returns as soon as the response's headers are there.
    ///
    /// # Panics
    /// When nobody listens, or there are no headers within 30 seconds.
    pub async fn send_streaming(&self, request: Request) -> Streaming {
        match timeout(PATIENCE, self.exchange(&request)).await {
            Ok(streaming) => streaming,
            Err(_) => panic!("no response headers within {PATIENCE:?}: {request:?}"),
        }
    }

    async fn exchange(&self, request: &Request) -> Streaming {
        let started = Instant::now();
        loop {
            let mut lease = self.pool.lease().await;
            let (message, continued) = request.message(self.pool.http2);
            let mut response = Response::none();
            let body = match lease.connection().send(message).await {
                Ok(answer) => {
                    let (head, body) = answer.into_parts();
                    response.status = head.status.as_u16();
                    response.headers = head.headers;
                    Some(body)
                }
                // Envoy closed the idle connection just now: nothing was sent.
                Err(error) if error.is_canceled() && lease.may_move() => continue,
                Err(error) => {
                    response.abort(&error);
                    None
                }
            };
            return Streaming {
                response,
                body,
                lease,
                started,
                continued,
            };
        }
    }
}

/// A response whose headers are there and whose body may still be on its way. Dropping
/// it hangs up: the connection closes with HTTP/1.1, the stream is reset with HTTP/2.
#[derive(Debug)]
pub struct Streaming {
    response: Response,
    body: Option<Incoming>,
    lease: Lease,
    started: Instant,
    continued: Arc<AtomicBool>,
}

impl Streaming {
    /// The status; 0 if the connection ended before there was one.
    pub fn status(&self) -> u16 {
        self.response.status
    }

    /// The headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.response.headers
    }

    /// The next chunk of the body as it arrives; `None` at the end and after an abort.
    ///
    /// # Panics
    /// When nothing arrives within 30 seconds.
    pub async fn chunk(&mut self) -> Option<Bytes> {
        loop {
            let body = self.body.as_mut()?;
            let Ok(frame) = timeout(PATIENCE, body.frame()).await else {
                panic!("no chunk within {PATIENCE:?} after {:?}", self.response);
            };
            match frame.map(|frame| frame.map(Frame::into_data)) {
                Some(Ok(Ok(chunk))) if chunk.is_empty() => {}
                Some(Ok(Ok(chunk))) => {
                    let elapsed = self.started.elapsed();
                    self.response.first_chunk_at.get_or_insert(elapsed);
                    self.response.chunks.push(chunk.clone());
                    return Some(chunk);
                }
                Some(Ok(Err(frame))) => self.response.trailers = frame.into_trailers().ok(),
                Some(Err(error)) => {
                    self.response.abort(&error);
                    self.body = None;
                }
                None => {
                    self.body = None;
                    self.lease.give_back().await;
                }
            }
        }
    }

    /// Reads the rest. The response also holds what [`chunk`](Self::chunk) has returned.
    pub async fn finish(mut self) -> Response {
        while self.chunk().await.is_some() {}
        let mut body = BytesMut::new();
        self.response.chunks.iter().for_each(|it| body.extend(it));
        Response {
            body: body.freeze(),
            continued: self.continued.load(Ordering::Relaxed),
            ..self.response
        }
    }
}

/// Writes bytes as they are and returns what comes back until the other side closes or
/// the time is over. For malformed HTTP, and for protocols after an upgrade.
///
/// # Panics
/// When nobody listens.
pub async fn raw(socket: &Path, bytes: &[u8], read_for: Duration) -> Vec<u8> {
    let mut stream = connection::connect(socket).await;
    let mut answer = Vec::new();
    // Closing early, even before it has read everything, is the other side's right:
    // what it said until then is the answer.
    let _ = timeout(read_for, async {
        let (mut reader, mut writer) = stream.split();
        tokio::join!(writer.write_all(bytes), reader.read_to_end(&mut answer))
    })
    .await;
    answer
}
