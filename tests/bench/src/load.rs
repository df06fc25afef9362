//! Sends work to an Envoy over connections that stay open, and takes what it cost: the processor
//! time of Envoy, of the upstream and of this client, and how long each exchange took.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tempfile::TempDir;
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio::task::JoinSet;
use weir_testkit::envoy::Envoy;

use crate::chain::Chain;
use crate::machine::{cpu_ns, pin};

/// How long an exchange may take before it counts as a hang.
const PATIENCE: Duration = Duration::from_secs(60);

/// Requests to send, in turn.
#[derive(Debug)]
pub(crate) struct Work {
    /// What it is called in the report.
    pub(crate) name: &'static str,
    pub(crate) path: &'static str,
    /// What the upstream is told to do.
    pub(crate) script: Vec<(&'static str, String)>,
    pub(crate) bodies: Vec<Bytes>,
    pub(crate) connections: usize,
    pub(crate) stream: bool,
    /// What to look for in answers; they are only kept when there is something.
    pub(crate) seek: Option<&'static str>,
}

/// What some requests cost.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) envoy_ns: u64,
    pub(crate) client_ns: u64,
    pub(crate) mock_ns: u64,
    pub(crate) wall: Duration,
    pub(crate) exchanges: Vec<Exchange>,
}

impl Batch {
    /// Nanoseconds of all requests as microseconds of each.
    pub(crate) fn each_us(&self, ns: u64) -> f64 {
        ns as f64 / 1000.0 / self.exchanges.len() as f64
    }
}

/// One of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exchange {
    /// From before it was sent to the end of the answer.
    pub(crate) whole: Duration,
    /// To the first bytes of the answer's body.
    pub(crate) first: Duration,
    /// Whether what was sought was in the answer.
    pub(crate) found: bool,
}

/// The upstream, a process of its own.
pub(crate) struct Mock {
    child: Child,
    socket: PathBuf,
    _dir: TempDir,
}

impl Mock {
    /// Starts the `mock-llm` that lies beside this program.
    pub(crate) async fn start() -> Self {
        let program = std::env::current_exe().expect("this program has a path");
        let program = program.with_file_name("mock-llm");
        let dir = tempfile::tempdir().expect("a temporary directory");
        let socket = dir.path().join("mock.sock");
        // Nobody else would end it when this program is killed.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]).arg(&program);
        command
            .arg("--listen")
            .arg(format!("unix:{}", socket.display()));
        command.stdout(Stdio::null()).kill_on_drop(true);
        let child = command
            .spawn()
            .expect("setpriv, of util-linux, is installed");
        let deadline = Instant::now() + PATIENCE;
        while UnixStream::connect(&socket).await.is_err() {
            assert!(Instant::now() < deadline, "the mock LLM does not listen");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Self {
            child,
            socket,
            _dir: dir,
        }
    }

    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id().expect("the mock LLM is running")
    }
}

/// An Envoy under load.
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) envoy: Envoy,
    /// How long it took until it was ready.
    pub(crate) start: Duration,
    connections: Vec<SendRequest<Full<Bytes>>>,
    mock_pid: u32,
    sent: usize,
}

impl Target {
    /// Starts an Envoy with this chain, on one core if told which.
    ///
    /// # Errors
    /// What Envoy logged first about it, when it refuses the chain.
    pub(crate) async fn start(
        chain: &Chain,
        mock: &Mock,
        workers: u32,
        core: Option<usize>,
    ) -> Result<Self, String> {
        let started = Instant::now();
        let envoy = Envoy::try_start(&chain.bootstrap(mock.socket()), workers).await;
        let envoy = envoy.map_err(|log| {
            let said = log
                .lines()
                .find(|line| line.contains("[critical]") || line.contains("[error]"));
            let said = said.and_then(|line| line.rsplit("] ").next());
            said.unwrap_or("no word about why").to_owned()
        })?;
        let start = started.elapsed();
        if let Some(core) = core {
            pin(envoy.pid(), core);
        }
        Ok(Self {
            name: chain.name.clone(),
            envoy,
            start,
            connections: Vec::new(),
            mock_pid: mock.pid(),
            sent: 0,
        })
    }

    /// Envoy's resident memory.
    pub(crate) fn rss_mib(&self) -> f64 {
        self.envoy.rss_kib() as f64 / 1024.0
    }

    /// Sends work until the time is over: at least one request on each connection, and none is
    /// broken off.
    pub(crate) async fn run(&mut self, work: &Arc<Work>, slice: Duration) -> Batch {
        while self.connections.len() < work.connections {
            self.connections.push(connect(self.envoy.socket()).await);
        }
        let idle = self.connections.split_off(work.connections);
        let pids = [self.envoy.pid(), std::process::id(), self.mock_pid];
        let before = pids.map(cpu_ns);
        let started = Instant::now();
        let mut tasks = JoinSet::new();
        for (index, connection) in self.connections.drain(..).enumerate() {
            let from = self.sent + index;
            tasks.spawn(drive(connection, Arc::clone(work), from, started + slice));
        }
        let mut batch = Batch::default();
        while let Some(done) = tasks.join_next().await {
            let (connection, exchanges) =
                done.unwrap_or_else(|error| panic!("{}, {}: {error}", self.name, work.name));
            self.connections.push(connection);
            batch.exchanges.extend(exchanges);
        }
        batch.wall = started.elapsed();
        let after = pids.map(cpu_ns);
        let [envoy, client, mock] = std::array::from_fn(|i| after[i] - before[i]);
        (batch.envoy_ns, batch.client_ns, batch.mock_ns) = (envoy, client, mock);
        self.connections.extend(idle);
        self.sent += batch.exchanges.len();
        batch
    }
}

async fn connect(socket: &Path) -> SendRequest<Full<Bytes>> {
    let stream = UnixStream::connect(socket).await.expect("Envoy listens");
    let (sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .expect("HTTP/1.1");
    tokio::spawn(connection);
    sender
}

/// Sends one request after the other on a connection.
async fn drive(
    mut connection: SendRequest<Full<Bytes>>,
    work: Arc<Work>,
    from: usize,
    until: Instant,
) -> (SendRequest<Full<Bytes>>, Vec<Exchange>) {
    let mut exchanges = Vec::new();
    loop {
        let at = (from + exchanges.len() * work.connections) % work.bodies.len();
        let exchange = exchange(&mut connection, &work, work.bodies[at].clone());
        let exchange = tokio::time::timeout(PATIENCE, exchange).await;
        exchanges.push(exchange.expect("an answer in time"));
        if Instant::now() >= until {
            return (connection, exchanges);
        }
    }
}

async fn exchange(connection: &mut SendRequest<Full<Bytes>>, work: &Work, body: Bytes) -> Exchange {
    let mut request = Request::post(work.path)
        .header(header::HOST, "bench.test")
        .header(header::CONTENT_TYPE, "application/json")
        .header("x-team", "bench");
    for (name, value) in &work.script {
        request = request.header(*name, value);
    }
    let request = request.body(Full::new(body)).expect("a request");
    connection
        .ready()
        .await
        .expect("Envoy keeps the connection");

    let started = Instant::now();
    let response = connection.send_request(request).await.expect("an answer");
    let status = response.status();
    let mut body = response.into_body();
    let (mut first, mut kept) = (None, Vec::new());
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.expect("a whole answer").into_data() else {
            continue;
        };
        first.get_or_insert_with(|| started.elapsed());
        if work.seek.is_some() || status != 200 {
            kept.extend_from_slice(&data);
        }
    }
    let whole = started.elapsed();
    let kept = String::from_utf8_lossy(&kept);
    assert_eq!(status, 200, "{kept}");
    Exchange {
        whole,
        first: first.unwrap_or(whole),
        found: work.seek.is_some_and(|seek| kept.contains(seek)),
    }
}
