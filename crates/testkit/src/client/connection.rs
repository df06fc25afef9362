//! Connections: kept open, reused when free, and closed when a request hangs up.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::UnixStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::AbortHandle;
use tokio::time::timeout;

use super::request::Body;

/// The connections of one client.
#[derive(Debug)]
pub(super) struct Pool {
    pub(super) socket: PathBuf,
    pub(super) http2: bool,
    /// Whether the first connection is also the last.
    pinned: bool,
    opened: AtomicBool,
    idle: Mutex<Vec<Connection>>,
    /// Whose turn it is on the one connection of a pinned client.
    turn: Arc<Semaphore>,
}

impl Pool {
    pub(super) fn new(socket: &Path, http2: bool, pinned: bool) -> Self {
        Self {
            socket: socket.to_owned(),
            http2,
            pinned,
            opened: AtomicBool::new(false),
            idle: Mutex::default(),
            turn: Arc::new(Semaphore::new(1)),
        }
    }

    pub(super) async fn lease(self: &Arc<Self>) -> Lease {
        let turn = if self.pinned {
            Arc::clone(&self.turn).acquire_owned().await.ok()
        } else {
            None
        };
        let free = self.free().await;
        let reused = free.is_some();
        let connection = match free {
            Some(connection) => connection,
            None => self.open().await,
        };
        let mut lease = Lease {
            connection: Some(connection),
            reused,
            pool: Arc::clone(self),
            turn,
        };
        if self.is_multiplexed() {
            lease.share();
        }
        lease
    }

    async fn free(&self) -> Option<Connection> {
        loop {
            let mut connection = self.idle.lock().unwrap().pop()?;
            if connection.is_usable().await {
                return Some(connection);
            }
        }
    }

    async fn open(&self) -> Connection {
        let again = self.opened.swap(true, Ordering::Relaxed);
        assert!(
            !(self.pinned && again),
            "the pinned connection is gone: it was closed after an earlier response"
        );
        Connection::open(&self.socket, self.http2).await
    }

    fn is_multiplexed(&self) -> bool {
        self.pinned && self.http2
    }

    fn put(&self, connection: Connection) {
        self.idle.lock().unwrap().push(connection);
    }
}

/// A connection while a request uses it. Dropped before it is given back, it closes.
#[derive(Debug)]
pub(super) struct Lease {
    connection: Option<Connection>,
    reused: bool,
    pool: Arc<Pool>,
    turn: Option<OwnedSemaphorePermit>,
}

impl Lease {
    pub(super) fn connection(&mut self) -> &mut Connection {
        self.connection.as_mut().expect("given back at the end")
    }

    /// Whether a request that was not sent may be sent on another connection.
    pub(super) fn may_move(&self) -> bool {
        self.reused && !self.pool.pinned
    }

    /// Lets other requests use the connection at the same time.
    fn share(&mut self) {
        if let Some(Connection::Http2(sender)) = &self.connection {
            self.pool.put(Connection::Http2(sender.clone()));
            self.turn = None;
        }
    }

    pub(super) async fn give_back(&mut self) {
        if let Some(mut connection) = self.connection.take()
            && !self.pool.is_multiplexed()
            && connection.is_usable().await
        {
            self.pool.put(connection);
        }
        self.turn = None;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(Connection::Http1(_, task)) = &self.connection {
            task.abort();
        }
    }
}

#[derive(Debug)]
pub(super) enum Connection {
    Http1(http1::SendRequest<Body>, AbortHandle),
    /// Its task ends by itself when the last stream has ended.
    Http2(http2::SendRequest<Body>),
}

impl Connection {
    async fn open(socket: &Path, http2: bool) -> Self {
        let stream = TokioIo::new(connect(socket).await);
        if http2 {
            let shaken = http2::handshake(TokioExecutor::new(), stream).await;
            let (sender, task) = shaken.expect("an HTTP/2 handshake");
            tokio::spawn(task);
            Self::Http2(sender)
        } else {
            let shaken = http1::handshake(stream).await;
            let (sender, task) = shaken.expect("an HTTP/1 connection");
            Self::Http1(sender, tokio::spawn(task).abort_handle())
        }
    }

    pub(super) async fn send(
        &mut self,
        message: http::Request<Body>,
    ) -> hyper::Result<http::Response<Incoming>> {
        match self {
            Self::Http1(sender, _) => sender.send_request(message).await,
            Self::Http2(sender) => sender.send_request(message).await,
        }
    }

    /// Whether another request can be sent, which an HTTP/1 connection knows a moment
    /// after the last response has ended.
    async fn is_usable(&mut self) -> bool {
        let ready = timeout(Duration::from_secs(1), async {
            match self {
                Self::Http1(sender, _) => sender.ready().await,
                Self::Http2(sender) => sender.ready().await,
            }
        });
        matches!(ready.await, Ok(Ok(())))
    }
}

pub(super) async fn connect(socket: &Path) -> UnixStream {
    match UnixStream::connect(socket).await {
        Ok(stream) => stream,
        Err(error) => panic!("nobody listens on {}: {error}", socket.display()),
    }
}
