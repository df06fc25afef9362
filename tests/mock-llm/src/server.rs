//! The listening server.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

use http::HeaderValue;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Notify;
use tokio::task::{JoinHandle, JoinSet};

use crate::exchange::{Upstream, serve};
use crate::record::{Log, Recorded, Served};

/// The largest header list over HTTP/2, in bytes: scripted bodies travel in headers.
const MAX_HEADER_LIST: u32 = 1 << 20;

/// How many requests may share an HTTP/2 connection, so that a load test is not queued.
const MAX_STREAMS: u32 = 10_000;

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// A TCP address; port 0 picks a free port.
    Tcp(SocketAddr),
    /// The path of a unix socket. A socket left there by an earlier run is replaced.
    Unix(PathBuf),
}

/// An address that is neither `IP:PORT` nor `unix:PATH`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseListenError(String);

impl fmt::Display for ParseListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is neither IP:PORT nor unix:PATH", self.0)
    }
}

impl Error for ParseListenError {}

impl FromStr for Listen {
    type Err = ParseListenError;

    fn from_str(text: &str) -> Result<Self, ParseListenError> {
        let error = || ParseListenError(text.to_owned());
        match text.strip_prefix("unix:") {
            Some("") => Err(error()),
            Some(path) => Ok(Self::Unix(path.into())),
            None => text.parse().map(Self::Tcp).map_err(|_| error()),
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// What a server is told at its start.
#[derive(Clone, Debug)]
pub struct Options {
    /// The upstream's name: in every answer's `x-mock-name` header and in its text.
    pub name: String,
    /// Whether requests are kept. Without it they are only counted.
    pub record: bool,
}

/// A running server. It stops when this value is dropped, and its connections with it.
#[derive(Debug)]
pub struct MockLlm {
    upstream: Arc<Upstream>,
    accepting: JoinHandle<()>,
    local_addr: Option<SocketAddr>,
    socket: Option<PathBuf>,
}

impl MockLlm {
    /// Starts a server on the current tokio runtime; it is listening when this returns.
    ///
    /// # Errors
    ///
    /// When the address cannot be listened on, or the name cannot stand in a header.
    pub async fn start(listen: Listen, options: Options) -> io::Result<Self> {
        let name_header = HeaderValue::from_str(&options.name)
            .map_err(|e| io::Error::new(io::ErrorKind::InvalidInput, e))?;
        let upstream = Arc::new(Upstream {
            name: options.name,
            name_header,
            log: Log::new(options.record),
            refused: Mutex::new(HashMap::new()),
            ledgers: Mutex::default(),
            serial: AtomicU64::new(1),
            stop: Notify::new(),
        });
        let shared = Arc::clone(&upstream);
        let (accepting, local_addr, socket) = match listen {
            Listen::Tcp(address) => {
                let listener = TcpListener::bind(address).await?;
                let local = listener.local_addr()?;
                (
                    tokio::spawn(accept_tcp(listener, shared)),
                    Some(local),
                    None,
                )
            }
            Listen::Unix(path) => {
                remove_stale_socket(&path)?;
                let listener = UnixListener::bind(&path)?;
                (
                    tokio::spawn(accept_unix(listener, shared)),
                    None,
                    Some(path),
                )
            }
        };
        Ok(Self {
            upstream,
            accepting,
            local_addr,
            socket,
        })
    }

    /// The requests that ended so far, oldest first. Only the last 20,000 are kept, and of
    /// them as many as have bodies of 512 MiB together.
    pub fn requests(&self) -> Vec<Recorded> {
        self.upstream.log.requests()
    }

    /// Forgets all requests.
    pub fn clear(&self) {
        self.upstream.log.clear();
    }

    /// How many requests ended since the start or the last [`clear`](Self::clear), kept
    /// or not.
    pub fn count(&self) -> usize {
        self.upstream.log.count()
    }

    /// What has been answered to the requests with this `x-mock-ledger`.
    pub fn served(&self, ledger: &str) -> Served {
        let ledgers = self.upstream.ledgers.lock().unwrap();
        ledgers.get(ledger).copied().unwrap_or_default()
    }

    /// The TCP address, with the port that was picked.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.local_addr
    }
}

impl Drop for MockLlm {
    fn drop(&mut self) {
        self.accepting.abort();
        self.upstream.stop.notify_waiters();
        if let Some(path) = &self.socket {
            // Somebody may have removed the directory already.
            let _ = std::fs::remove_file(path);
        }
    }
}

fn remove_stale_socket(path: &PathBuf) -> io::Result<()> {
    use std::os::unix::fs::FileTypeExt as _;
    match std::fs::symlink_metadata(path) {
        Ok(metadata) if metadata.file_type().is_socket() => std::fs::remove_file(path),
        _ => Ok(()),
    }
}

async fn accept_tcp(listener: TcpListener, upstream: Arc<Upstream>) {
    // The connections live in this set, so they end with the task that owns it.
    let mut connections = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Without it, the kernel would join small writes that are meant to be apart.
                let _ = stream.set_nodelay(true);
                connections.spawn(connection(stream, Arc::clone(&upstream)));
            }
            Err(_) => out_of_files().await,
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn accept_unix(listener: UnixListener, upstream: Arc<Upstream>) {
    let mut connections = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                connections.spawn(connection(stream, Arc::clone(&upstream)));
            }
            Err(_) => out_of_files().await,
        }
        while connections.try_join_next().is_some() {}
    }
}

/// Accepting fails when the process has no file descriptors left; trying again at once
/// would only burn a core until some connection ends.
async fn out_of_files() {
    tokio::time::sleep(std::time::Duration::from_millis(10)).await;
}

async fn connection<S>(stream: S, upstream: Arc<Upstream>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut server = auto::Builder::new(TokioExecutor::new());
    server
        .http2()
        .max_header_list_size(MAX_HEADER_LIST)
        .max_concurrent_streams(MAX_STREAMS);
    let service = service_fn(move |request| serve(Arc::clone(&upstream), request));
    // An error means that the client is gone or that a reset was scripted.
    let _ = server
        .serve_connection_with_upgrades(TokioIo::new(stream), service)
        .await;
}

#[cfg(test)]
mod tests {
    use super::Listen;

    #[test]
    fn addresses() {
        let table = [
            ("127.0.0.1:8000", Some("127.0.0.1:8000")),
            ("[::1]:1", Some("[::1]:1")),
            ("unix:/run/a b.sock", Some("unix:/run/a b.sock")),
            ("unix:", None),
            ("localhost:1", None),
            ("", None),
        ];
        for (text, expected) in table {
            let listen = text.parse::<Listen>().ok().map(|l| l.to_string());
            assert_eq!(listen.as_deref(), expected, "{text}");
        }
    }
}
