//! A real Prometheus before a running scenario. It scrapes nothing but TCP, so a forwarder on a
//! random port stands before Envoy's admin socket; its own port is random too.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::harness::root;

const PATIENCE: Duration = Duration::from_secs(30);
/// What the shipped configuration says, and what a test has no time for.
const SHIPPED_INTERVAL: &str = "_interval: 5s";
const SHIPPED_TARGET: &str = "envoy:9901";

/// The folder of what is shipped.
pub(super) fn shipped() -> PathBuf {
    root().join("envoy/observability")
}

/// Whether there is no Prometheus, and the test is to be skipped. In CI there has to be one.
pub(super) fn missing() -> bool {
    let is_there = ["prometheus", "promtool"]
        .iter()
        .all(|it| tool(it).is_file());
    if !is_there {
        eprintln!("skipped: no Prometheus at .tools/prometheus (`make prometheus`)");
        assert!(std::env::var_os("CI").is_none(), "CI has a Prometheus");
    }
    !is_there
}

/// Runs promtool in the folder of what is shipped.
pub(super) fn promtool(arguments: &[&str]) -> Output {
    Command::new(tool("promtool"))
        .args(arguments)
        .current_dir(shipped())
        .output()
        .unwrap()
}

fn tool(name: &str) -> PathBuf {
    root().join(".tools/prometheus").join(name)
}

/// A running Prometheus; dropping it ends it.
pub(super) struct Prometheus {
    child: Child,
    address: SocketAddr,
    forwarder: JoinHandle<()>,
    _dir: TempDir,
}

impl Prometheus {
    /// Starts one with the shipped configuration and alerts, twice a second, for the Envoy that is
    /// administered at this socket.
    pub(super) async fn start(admin: &Path) -> Self {
        let (target, forwarder) = forward(admin.to_owned()).await;
        let dir = tempfile::Builder::new().prefix("weir-").tempdir_in("/tmp");
        let dir = dir.unwrap();
        let config = std::fs::read_to_string(shipped().join("prometheus.yml")).unwrap();
        assert!(config.contains(SHIPPED_INTERVAL) && config.contains(SHIPPED_TARGET));
        let config = config
            .replace(SHIPPED_INTERVAL, "_interval: 500ms")
            .replace(SHIPPED_TARGET, &target.to_string());
        std::fs::write(dir.path().join("prometheus.yml"), config).unwrap();
        std::fs::copy(shipped().join("alerts.yml"), dir.path().join("alerts.yml")).unwrap();
        let mut child = Command::new(tool("prometheus"))
            .arg("--config.file=prometheus.yml")
            .arg("--storage.tsdb.path=data")
            .arg("--web.listen-address=127.0.0.1:0")
            .current_dir(dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        let (tell, told) = tokio::sync::oneshot::channel();
        // Reads on to the end: a full pipe would stop Prometheus.
        std::thread::spawn(move || {
            let mut tell = Some(tell);
            for line in log.lines().map_while(Result::ok) {
                let address = line.split("Listening on").nth(1);
                let address = address.and_then(|rest| rest.split("address=").nth(1));
                if let (Some(address), true) = (address, tell.is_some()) {
                    let address = address.split_whitespace().next().unwrap();
                    let _ = tell.take().unwrap().send(address.parse().unwrap());
                }
            }
        });
        let address = timeout(PATIENCE, told).await;
        Self {
            child,
            address: address.expect("in time").expect("Prometheus listens"),
            forwarder,
            _dir: dir,
        }
    }

    /// What a query returns now: its series, or why it is none.
    pub(super) async fn query(&self, query: &str) -> Result<Vec<Value>, String> {
        let encoded: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let answer = self.api(&format!("query?query={encoded}")).await;
        match answer["data"]["result"].as_array() {
            Some(series) if answer["status"] == "success" => Ok(series.clone()),
            _ => Err(answer.to_string()),
        }
    }

    /// The names of the alerts that fire.
    pub(super) async fn firing(&self) -> Vec<String> {
        let answer = self.api("alerts").await;
        let alerts = answer["data"]["alerts"].as_array().unwrap().iter();
        let firing = alerts.filter(|alert| alert["state"] == "firing");
        let name = |alert: &Value| alert["labels"]["alertname"].as_str().unwrap().to_owned();
        let mut names: Vec<_> = firing.map(name).collect();
        names.sort();
        names.dedup();
        names
    }

    async fn api(&self, what: &str) -> Value {
        let path = format!("/api/v1/{what}");
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = timeout(PATIENCE, get(self.address, &path)).await;
            let answer = answer.expect("in time").unwrap_or_default();
            // Until it is ready it says so in plain text.
            if let Ok(answer) = serde_json::from_str(&answer) {
                return answer;
            }
            assert!(Instant::now() < deadline, "{what}: {answer}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        self.forwarder.abort();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The body of an answer. HTTP/1.0: the connection's end is the body's, and nothing is chunked.
async fn get(address: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.0\r\nhost: prometheus\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let body = answer
        .split_once("\r\n\r\n")
        .map(|(_, body)| body.to_owned());
    Ok(body.unwrap_or_default())
}

/// Connects every caller of a random port to the socket.
async fn forward(socket: PathBuf) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        while let Ok((mut caller, _)) = listener.accept().await {
            let socket = socket.clone();
            tokio::spawn(async move {
                let mut envoy = UnixStream::connect(&socket).await?;
                copy_bidirectional(&mut caller, &mut envoy).await
            });
        }
    });
    (address, task)
}
