//! A real Envoy for the length of a test.
//!
//! Each lives in a directory of its own under `/tmp` (a socket's path has to be short),
//! dies with the value that stands for it, and dies with the test run even when that is
//! killed. Its log is shown only when the test fails.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use http::Method;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::{sleep, timeout};

use crate::bootstrap::{self, Bootstrap};
use crate::client::{Client, Request};

mod process;

pub use process::{envoy_binary, find_module, module};

const START_PATIENCE: Duration = Duration::from_secs(120);
const LOG_PATIENCE: Duration = Duration::from_secs(10);
/// An Envoy that is still starting, or stopping, may accept a connection and not answer.
const POLL_PATIENCE: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(10);
/// How many lines of Envoy's log a failing test shows.
const TAIL_LINES: usize = 80;

/// A running Envoy. Dropping it kills the process and waits for its end; if the test is
/// failing, the end of Envoy's log is printed.
#[derive(Debug)]
pub struct Envoy {
    dir: TempDir,
    child: Mutex<Child>,
    http: PathBuf,
    admin: PathBuf,
    listener_version: AtomicU64,
}

impl Envoy {
    /// Starts an Envoy and waits until it takes requests.
    ///
    /// # Panics
    /// With Envoy's log, if it refuses the configuration or is not ready in two minutes.
    pub async fn start(bootstrap: &Bootstrap, workers: u32) -> Self {
        match Self::try_start(bootstrap, workers).await {
            Ok(envoy) => envoy,
            Err(log) => panic!("Envoy did not start:\n{log}"),
        }
    }

    /// Like [`start`](Self::start), for configurations that may be refused.
    ///
    /// # Errors
    /// Envoy's whole log, if it does not become ready.
    pub async fn try_start(bootstrap: &Bootstrap, workers: u32) -> Result<Self, String> {
        let write_config = |dir: &Path| {
            if bootstrap.is_dynamic() {
                let listener = bootstrap.build_listener_file(dir, 0);
                write(&bootstrap::listener_file(dir), &listener);
            }
            bootstrap.build(dir)
        };
        Self::start_ahead(workers, bootstrap.is_ahead_by_s(), write_config).await
    }

    /// Starts an Envoy with a configuration of any making: `config` is told the directory the
    /// Envoy will live in. It has to put the admin interface on [`bootstrap::admin_socket`]
    /// there, and a listener on [`bootstrap::http_socket`] if [`socket`](Self::socket) is to
    /// mean anything.
    ///
    /// # Errors
    /// Envoy's whole log, if it does not become ready.
    pub async fn try_start_as(
        workers: u32,
        config: impl FnOnce(&Path) -> Value,
    ) -> Result<Self, String> {
        Self::start_ahead(workers, 0, config).await
    }

    async fn start_ahead(
        workers: u32,
        clock_ahead_s: u64,
        config: impl FnOnce(&Path) -> Value,
    ) -> Result<Self, String> {
        let dir = tempfile::Builder::new().prefix("weir-").tempdir_in("/tmp");
        let dir = dir.expect("a directory under /tmp");
        write(&dir.path().join("envoy.json"), &config(dir.path()));
        let envoy = Self {
            child: Mutex::new(process::spawn(dir.path(), workers, clock_ahead_s)),
            http: bootstrap::http_socket(dir.path()),
            admin: bootstrap::admin_socket(dir.path()),
            listener_version: AtomicU64::new(0),
            dir,
        };
        match envoy.becomes_ready().await {
            true => Ok(envoy),
            false => Err(envoy.log()),
        }
    }

    /// Where it takes requests.
    pub fn socket(&self) -> &Path {
        &self.http
    }

    /// Where it is administered.
    pub fn admin_socket(&self) -> &Path {
        &self.admin
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.lock().unwrap().id()
    }

    /// The directory it lives in: configuration, logs, sockets.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Asks the admin interface and returns the body.
    ///
    /// # Panics
    /// When the answer is not a 200.
    pub async fn admin(&self, method: Method, path: &str) -> String {
        let request = Request::new(method, path);
        let response = Client::h1(&self.admin).send(request).await;
        assert_eq!(response.status, 200, "{path}: {response:#?}");
        response.text().to_owned()
    }

    /// A counter or gauge by its full name, if there is one.
    pub async fn stat(&self, name: &str) -> Option<u64> {
        let escaped = name.chars().fold(String::new(), |mut regex, char| {
            if !char.is_ascii_alphanumeric() && char.is_ascii() {
                regex.push('\\');
            }
            regex.push(char);
            regex
        });
        self.stats(&format!("^{escaped}$")).await.remove(name)
    }

    /// The counters and gauges whose name the regular expression finds.
    pub async fn stats(&self, filter_regex: &str) -> BTreeMap<String, u64> {
        let filter: String = filter_regex.bytes().map(|b| format!("%{b:02X}")).collect();
        let path = format!("/stats?filter={filter}");
        let text = self.admin(Method::GET, &path).await;
        text.lines()
            .filter_map(|line| {
                let (name, value) = line.rsplit_once(": ")?;
                Some((name.to_owned(), value.parse().ok()?))
            })
            .collect()
    }

    /// All statistics as Prometheus would read them.
    pub async fn prometheus(&self) -> String {
        self.admin(Method::GET, "/stats/prometheus").await
    }

    /// The access log, once it has that many entries; after ten seconds as it is.
    pub async fn access_log(&self, at_least: usize) -> Vec<Value> {
        let deadline = Instant::now() + LOG_PATIENCE;
        loop {
            let text = read(&bootstrap::access_log(self.dir()));
            let complete = text
                .split_inclusive('\n')
                .filter(|line| line.ends_with('\n'));
            let entries: Vec<_> = complete
                .map(|line| serde_json::from_str(line).expect("a JSON line"))
                .collect();
            if entries.len() >= at_least || Instant::now() >= deadline {
                return entries;
            }
            sleep(POLL).await;
        }
    }

    /// Empties the access log, which Envoy goes on to append to: for tests that run so long that
    /// reading it all again would be what they do.
    pub fn forget_access_log(&self) {
        let log = std::fs::OpenOptions::new()
            .write(true)
            .open(bootstrap::access_log(self.dir()));
        log.and_then(|file| file.set_len(0))
            .expect("the access log can be emptied");
    }

    /// What Envoy itself has logged so far.
    pub fn log(&self) -> String {
        read(&process::log_file(self.dir()))
    }

    /// Its resident memory.
    ///
    /// # Panics
    /// When it is not running any more.
    pub fn rss_kib(&self) -> u64 {
        let status = read(Path::new(&format!("/proc/{}/status", self.pid())));
        let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        rss.and_then(|rss| rss.trim().trim_end_matches(" kB").parse().ok())
            .expect("Envoy is running")
    }

    /// The linear memory of each wasm VM, in KiB: what its module has grown to, a multiple of a
    /// page of 64 KiB. V8 reserves 8 GiB of addresses for a VM and makes the first of them
    /// usable as the module grows, which `/proc` shows as two mappings side by side. Unlike the
    /// resident memory of the process it does not depend on allocators and compilers.
    ///
    /// # Panics
    /// When it is not running any more.
    pub fn vm_memories_kib(&self) -> Vec<u64> {
        const RESERVED: u64 = 8 << 30;
        /// No VM of ours comes near.
        const LARGEST: u64 = 1 << 30;
        let maps = read(Path::new(&format!("/proc/{}/maps", self.pid())));
        let mappings: Vec<_> = maps.lines().filter_map(mapping).collect();
        let vms = mappings.windows(2).filter_map(|pair| {
            let [(from, middle, access), (begins, end, rest)] = pair else {
                return None;
            };
            // The kernel makes one of two neighbours that are alike: what can be used may begin
            // before the VM does.
            let begin = end.checked_sub(RESERVED)?.max(*from);
            let size = middle.checked_sub(begin)?;
            let is_vm = access.starts_with("rw")
                && rest.starts_with("---")
                && middle == begins
                && end - from >= RESERVED
                && size <= LARGEST;
            is_vm.then_some(size / 1024)
        });
        vms.collect()
    }

    /// Makes sure that Envoy is alive and that nothing in it has trapped or panicked.
    ///
    /// # Panics
    /// With the log, otherwise.
    pub fn assert_no_crash(&self) {
        let log = self.log();
        let crash = log.lines().find(|line| is_crash(line));
        assert_eq!(crash, None, "in Envoy's log:\n{log}");
        assert!(self.is_running(), "Envoy has ended:\n{log}");
    }

    /// Replaces the listener, which has to be a
    /// [dynamic](Bootstrap::dynamic_listener) one, by that of `bootstrap`. New
    /// connections get the new one; old ones keep the old one and have five seconds.
    ///
    /// # Panics
    /// When Envoy refuses it.
    pub async fn update_listener(&self, bootstrap: &Bootstrap) {
        if let Err(log) = self.try_update_listener(bootstrap).await {
            panic!("Envoy refused the update:\n{log}");
        }
    }

    /// Like [`update_listener`](Self::update_listener), for updates that may be refused.
    ///
    /// # Errors
    /// What Envoy has logged about it, if it keeps the old listener.
    pub async fn try_update_listener(&self, bootstrap: &Bootstrap) -> Result<(), String> {
        const OK: &str = "listener_manager.lds.update_success";
        const REJECTED: &str = "listener_manager.lds.update_rejected";
        let seen = self.log().len();
        let before = self.stats("^listener_manager").await;
        let version = self.listener_version.fetch_add(1, Ordering::Relaxed) + 1;
        let file = bootstrap::listener_file(self.dir());
        let new = file.with_extension("new");
        write(&new, &bootstrap.build_listener_file(self.dir(), version));
        std::fs::rename(&new, &file).expect("the listener file is replaced");

        let deadline = Instant::now() + START_PATIENCE;
        while Instant::now() < deadline {
            let now = self.stats("^listener_manager").await;
            if now[REJECTED] > before[REJECTED] {
                return Err(self.log().split_off(seen));
            }
            if now[OK] > before[OK] && now["listener_manager.total_listeners_warming"] == 0 {
                return Ok(());
            }
            sleep(POLL).await;
        }
        panic!("Envoy did not notice the update:\n{}", self.log());
    }

    async fn becomes_ready(&self) -> bool {
        let deadline = Instant::now() + START_PATIENCE;
        while Instant::now() < deadline && self.is_running() {
            if matches!(timeout(POLL_PATIENCE, self.is_live()).await, Ok(Ok(true))) {
                let stats = self.stats("^listener_manager").await;
                let is_set = |name| stats.get(name).is_some_and(|count| *count > 0);
                if is_set("listener_manager.total_listeners_active") {
                    return true;
                }
                if is_set("listener_manager.lds.update_rejected") {
                    return false;
                }
            }
            sleep(POLL).await;
        }
        false
    }

    /// What `/ready` says. Until Envoy is ready it may refuse connections, keep them
    /// waiting, or end.
    async fn is_live(&self) -> std::io::Result<bool> {
        let mut stream = UnixStream::connect(&self.admin).await?;
        let request = b"GET /ready HTTP/1.1\r\nhost: admin\r\nconnection: close\r\n\r\n";
        stream.write_all(request).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok(answer.starts_with("HTTP/1.1 200"))
    }

    fn is_running(&self) -> bool {
        matches!(self.child.lock().unwrap().try_wait(), Ok(None))
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        let child = self.child.get_mut().unwrap_or_else(|it| it.into_inner());
        let _ = child.kill();
        let _ = child.wait();
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<_> = log.lines().collect();
            let tail = &lines[lines.len().saturating_sub(TAIL_LINES)..];
            eprintln!("--- the end of Envoy's log:\n{}\n---", tail.join("\n"));
        }
    }
}

/// Whether a line of Envoy's log says that a filter has trapped (`Function:
/// proxy_on_request_headers failed: Uncaught RuntimeError: unreachable`), that it has
/// panicked, or that Envoy itself is in trouble. A refused plugin is critical to Envoy
/// too, but those who start or update it are told.
fn is_crash(line: &str) -> bool {
    let any = |marks: &[&str]| marks.iter().any(|mark| line.contains(mark));
    any(&["panicked", "Uncaught", "Function: proxy_"])
        || any(&["[critical]"]) && !any(&[" failed to load"])
}

/// Beginning, end and access rights in a line of `/proc/<pid>/maps`.
fn mapping(line: &str) -> Option<(u64, u64, &str)> {
    let (range, rest) = line.split_once(' ')?;
    let (from, to) = range.split_once('-')?;
    let address = |hex| u64::from_str_radix(hex, 16).ok();
    Some((address(from)?, address(to)?, rest.get(..4)?))
}

fn write(path: &Path, content: &Value) {
    std::fs::write(path, content.to_string()).expect("a file in Envoy's directory");
}

/// A file's text, empty while there is none.
fn read(path: &Path) -> String {
    match std::fs::read(path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        Err(error) => panic!("{}: {error}", path.display()),
    }
}
