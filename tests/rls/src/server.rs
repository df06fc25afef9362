//! The listening server, what it was asked, and how it is made to fail.

use std::convert::Infallible;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::{Request, Response};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::task::{JoinHandle, JoinSet};

use crate::address::Address;
use crate::config::Config;
use crate::grpc::{self, Status};
use crate::limiter::{hits, judge};
use crate::proto::{Code, RateLimitRequest, RateLimitResponse};
use crate::redis::Redis;

const METHOD: &str = "/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit";
const MAX_REQUEST_BYTES: usize = 1 << 20;
/// Calls beyond these are answered and not remembered.
const MAX_CALLS: usize = 100_000;

/// How the service fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// Not at all.
    #[default]
    None,
    /// It takes calls and never answers them, nor counts them.
    Hang,
}

/// What it was asked and said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The domain.
    pub domain: String,
    /// The request's own `hits_addend`.
    pub hits_addend: u32,
    /// Its descriptors.
    pub charges: Vec<Charge>,
    /// The judgement over all of them; an error's text when there was none.
    pub outcome: Result<Code, String>,
}

/// One descriptor of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charge {
    /// Keys and values.
    pub entries: Vec<(String, String)>,
    /// What it adds: less than nothing when it takes back.
    pub hits: i64,
    /// Whether it says so itself.
    pub own_hits: bool,
    /// The judgement; `Unknown` when there was none.
    pub code: Code,
}

impl Call {
    /// Whether it only asks.
    pub fn is_check(&self) -> bool {
        self.charges.iter().all(|charge| charge.hits == 0)
    }
}

struct Shared {
    config: Config,
    redis: Redis,
    fault: Mutex<Fault>,
    calls: Mutex<Vec<Call>>,
}

/// A running service. It stops when this value is dropped, and its connections with it.
pub struct Rls {
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
    address: Address,
}

impl Rls {
    /// Starts a service on the current tokio runtime; it is listening when this returns. Redis need
    /// not be there yet.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn start(listen: Address, config: Config, redis: Address) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            config,
            redis: Redis::new(redis),
            fault: Mutex::default(),
            calls: Mutex::default(),
        });
        let service = Arc::clone(&shared);
        let (accepting, address) = match listen {
            Address::Tcp(address) => {
                let listener = TcpListener::bind(address).await?;
                let address = Address::Tcp(listener.local_addr()?);
                (tokio::spawn(accept_tcp(listener, service)), address)
            }
            Address::Unix(path) => {
                remove_stale_socket(&path);
                let listener = UnixListener::bind(&path)?;
                let address = Address::Unix(path);
                (tokio::spawn(accept_unix(listener, service)), address)
            }
        };
        Ok(Self {
            shared,
            accepting,
            address,
        })
    }

    /// Where it listens, with the port that was picked.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// The path of its socket, if it listens on one.
    pub fn socket(&self) -> Option<&PathBuf> {
        match &self.address {
            Address::Unix(path) => Some(path),
            Address::Tcp(_) => None,
        }
    }

    /// The calls that were answered so far, oldest first; those that hang are not among them.
    pub fn calls(&self) -> Vec<Call> {
        lock(&self.shared.calls).clone()
    }

    /// Forgets them.
    pub fn clear(&self) {
        lock(&self.shared.calls).clear();
    }

    /// Fails from now on, or no longer. Calls that hang already go on hanging.
    pub fn set_fault(&self, fault: Fault) {
        *lock(&self.shared.fault) = fault;
    }
}

impl Drop for Rls {
    fn drop(&mut self) {
        self.accepting.abort();
        if let Address::Unix(path) = &self.address {
            // Somebody may have removed the directory already.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// A panic elsewhere has broken none of what these locks guard.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn remove_stale_socket(path: &Path) {
    use std::os::unix::fs::FileTypeExt as _;
    let metadata = std::fs::symlink_metadata(path);
    if metadata.is_ok_and(|it| it.file_type().is_socket()) {
        // Binding says why, if it is still there.
        let _ = std::fs::remove_file(path);
    }
}

async fn accept_tcp(listener: TcpListener, shared: Arc<Shared>) {
    // The connections live in this set, so they end with the task that owns it.
    let mut connections = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let _ = stream.set_nodelay(true);
                connections.spawn(connection(stream, Arc::clone(&shared)));
            }
            Err(_) => out_of_files().await,
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn accept_unix(listener: UnixListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                connections.spawn(connection(stream, Arc::clone(&shared)));
            }
            Err(_) => out_of_files().await,
        }
        while connections.try_join_next().is_some() {}
    }
}

/// Accepting fails when the process has no file descriptors left; trying again at once would only
/// burn a core until some connection ends.
async fn out_of_files() {
    tokio::time::sleep(std::time::Duration::from_millis(10)).await;
}

async fn connection<S>(stream: S, shared: Arc<Shared>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(shared.serve(request).await) }
    });
    let server = http2::Builder::new(TokioExecutor::new());
    // A caller that hangs up is no failure of the service.
    let _ = server.serve_connection(TokioIo::new(stream), service).await;
}

impl Shared {
    async fn serve(&self, request: Request<Incoming>) -> Response<grpc::Body> {
        if request.uri().path() != METHOD {
            return grpc::error(Status::Unimplemented, "there is ShouldRateLimit alone");
        }
        let body = Limited::new(request.into_body(), MAX_REQUEST_BYTES);
        let Ok(body) = body.collect().await else {
            return grpc::error(Status::Internal, "the request broke off, or is too long");
        };
        let request: RateLimitRequest = match grpc::read(&body.to_bytes()) {
            Ok(request) => request,
            Err(what) => return grpc::error(Status::Internal, what),
        };
        let fault = *lock(&self.fault);
        if fault == Fault::Hang {
            return std::future::pending().await;
        }
        let judged = judge(&self.config, &self.redis, &request).await;
        self.remember(&request, judged.as_ref());
        match judged {
            Ok(response) => grpc::answer(&response),
            // What a Go program answers that returns a plain error.
            Err(message) => grpc::error(Status::Unknown, &message),
        }
    }

    fn remember(&self, request: &RateLimitRequest, judged: Result<&RateLimitResponse, &String>) {
        let code = |at: usize| match judged {
            Ok(response) => response
                .statuses
                .get(at)
                .map_or(Code::Unknown, |it| it.code()),
            Err(_) => Code::Unknown,
        };
        let charges = request.descriptors.iter().enumerate();
        let charges = charges.map(|(at, descriptor)| Charge {
            entries: descriptor
                .entries
                .iter()
                .map(|entry| (entry.key.clone(), entry.value.clone()))
                .collect(),
            hits: hits(request, descriptor),
            own_hits: descriptor.hits_addend.is_some(),
            code: code(at),
        });
        let call = Call {
            domain: request.domain.clone(),
            hits_addend: request.hits_addend,
            charges: charges.collect(),
            outcome: judged
                .map(RateLimitResponse::overall_code)
                .map_err(Clone::clone),
        };
        let mut calls = lock(&self.calls);
        if calls.len() < MAX_CALLS {
            calls.push(call);
        }
    }
}
