//! Runs a scenario as it is shipped: the configuration's addresses become unix sockets, its files
//! those of this checkout or of the test, and mock LLMs stand where providers would.
//!
//! An address a listener or the admin interface takes becomes a socket of that Envoy alone. Any
//! other address is an upstream's, and all Envoys of a scenario reach it at the same socket,
//! whether or not anybody listens there. What it never does: change anything else in the
//! configuration, unless the test says so by [`Scenario::edit`].

mod config;
mod readme;
mod tls;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use mock_llm::{Listen, MockLlm, Options};
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::sleep;
use tokio_rustls::rustls::ServerConfig;
use weir_testkit::bootstrap::http_socket;
use weir_testkit::client::Client;
use weir_testkit::envoy::Envoy;

use config::Sockets;
pub(crate) use readme::Readme;
pub(crate) use tls::Authority;
use tls::Front;

/// How many threads of an Envoy handle requests: what is agreed between workers is at stake.
const WORKERS: u32 = 2;

/// The checkout.
pub(crate) fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap().to_owned()
}

/// A scenario that is about to start.
pub(crate) struct Scenario {
    folder: String,
    config: Value,
    files: BTreeMap<String, PathBuf>,
    mocks: Vec<Place>,
    sockets: TempDir,
}

/// Where a mock stands.
#[derive(Clone)]
struct Place {
    address: String,
    name: String,
    /// It is spoken to by TLS, and this is who it says it is.
    tls: Option<Arc<ServerConfig>>,
}

impl Scenario {
    /// The scenario in `envoy/<folder>`, with its `envoy.yaml`.
    pub(crate) fn new(folder: &str) -> Self {
        Self::with_config(folder, "envoy.yaml")
    }

    /// The scenario in `envoy/<folder>`, with one of several configurations it has.
    pub(crate) fn with_config(folder: &str, file: &str) -> Self {
        let path = root().join("envoy").join(folder).join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        let config = serde_yaml_ng::from_str(&text);
        let config = config.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self::generated(folder, config)
    }

    /// The scenario in `envoy/<folder>`, with a configuration that a test has made of what lies
    /// there.
    pub(crate) fn generated(folder: &str, config: Value) -> Self {
        let sockets = tempfile::Builder::new().prefix("weir-").tempdir_in("/tmp");
        Self {
            folder: folder.to_owned(),
            config,
            files: BTreeMap::new(),
            mocks: Vec::new(),
            sockets: sockets.unwrap(),
        }
    }

    /// A mock LLM of this name in place of `host:port`.
    pub(crate) fn mock(self, address: &str, name: &str) -> Self {
        self.place(address, name, None)
    }

    /// The same behind TLS.
    pub(crate) fn tls_mock(self, address: &str, name: &str, server: Arc<ServerConfig>) -> Self {
        self.place(address, name, Some(server))
    }

    fn place(mut self, address: &str, name: &str, tls: Option<Arc<ServerConfig>>) -> Self {
        self.mocks.push(Place {
            address: address.to_owned(),
            name: name.to_owned(),
            tls,
        });
        self
    }

    /// Another file in place of the one the configuration names, or a file of the checkout that
    /// it names.
    pub(crate) fn file(mut self, named: &str, really: impl Into<PathBuf>) -> Self {
        self.files.insert(named.to_owned(), really.into());
        self
    }

    /// Changes the configuration before it is started.
    pub(crate) fn edit(mut self, change: impl FnOnce(&mut Value)) -> Self {
        change(&mut self.config);
        self
    }

    /// The configuration as shipped.
    pub(crate) fn config(&self) -> &Value {
        &self.config
    }

    /// The socket at which the Envoys look for the upstream `host:port`, for a test that puts
    /// something of its own there.
    pub(crate) fn upstream_socket(&self, address: &str) -> PathBuf {
        config::upstream_socket(self.sockets.path(), address)
    }

    /// Starts the mocks and the first Envoy.
    pub(crate) async fn start(self) -> Running {
        let mut running = Running {
            scenario: self,
            mocks: BTreeMap::new(),
            fronts: BTreeMap::new(),
            envoys: Vec::new(),
        };
        for Place { name, .. } in running.scenario.mocks.clone() {
            running.start_mock(&name).await;
        }
        running.start_another(0).await;
        running
    }
}

/// A running scenario.
pub(crate) struct Running {
    scenario: Scenario,
    mocks: BTreeMap<String, MockLlm>,
    fronts: BTreeMap<String, Front>,
    /// Each with how much its ports are above those of the configuration, and its sockets.
    envoys: Vec<(Envoy, Sockets)>,
}

impl Running {
    /// Starts one more Envoy of the same configuration, which the README's commands reach at the
    /// configuration's ports plus `shift`.
    pub(crate) async fn start_another(&mut self, shift: u16) -> &Envoy {
        let mut sockets = None;
        let Scenario {
            config,
            files,
            sockets: dir,
            ..
        } = &self.scenario;
        let envoy = Envoy::try_start_as(WORKERS, |own| {
            let (config, bound) = config::rewrite(config, own, dir.path(), files, shift);
            sockets = Some(bound);
            config
        });
        let envoy = match envoy.await {
            Ok(envoy) => envoy,
            Err(log) => panic!("Envoy did not start:\n{log}"),
        };
        self.envoys.push((envoy, sockets.unwrap()));
        &self.envoys.last().unwrap().0
    }

    /// The Envoy that was started as number `index`, from 0.
    pub(crate) fn envoy_at(&self, index: usize) -> &Envoy {
        &self.envoys[index].0
    }

    /// The first Envoy.
    pub(crate) fn envoy(&self) -> &Envoy {
        self.envoy_at(0)
    }

    /// The socket in place of a port (shifted, for a further Envoy) that an Envoy listens on.
    pub(crate) fn socket(&self, port: u16) -> &Path {
        let mut all = self.envoys.iter().flat_map(|(_, sockets)| sockets);
        let found = all.find(|(p, _)| *p == port);
        &found
            .unwrap_or_else(|| panic!("nothing listens on {port}"))
            .1
    }

    /// An HTTP/1.1 client of the first listener.
    pub(crate) fn h1(&self) -> Client {
        Client::h1(&http_socket(self.envoy().dir()))
    }

    /// An HTTP/2 client of the first listener.
    pub(crate) fn h2(&self) -> Client {
        Client::h2(&http_socket(self.envoy().dir()))
    }

    /// The mock of this name.
    pub(crate) fn mock(&self, name: &str) -> &MockLlm {
        let found = self.mocks.get(name);
        found.unwrap_or_else(|| panic!("no mock `{name}` is running"))
    }

    /// The server name in each TLS handshake the mock has seen.
    pub(crate) fn server_names(&self, name: &str) -> Vec<String> {
        self.fronts[name].server_names()
    }

    /// Stops the mock of this name, with all its connections.
    pub(crate) fn stop_mock(&mut self, name: &str) {
        self.fronts.remove(name);
        assert!(self.mocks.remove(name).is_some(), "no mock `{name}`");
    }

    /// Starts the mock of this name, or starts it again.
    pub(crate) async fn start_mock(&mut self, name: &str) {
        let mut known = self.scenario.mocks.iter();
        let place = known.find(|place| place.name == name);
        let Place { address, tls, .. } = place.expect("a mock's name").clone();
        let options = Options {
            name: name.to_owned(),
            record: true,
        };
        let socket = self.scenario.upstream_socket(&address);
        let own = match &tls {
            Some(_) => socket.with_extension("behind-tls"),
            None => socket.clone(),
        };
        let mock = MockLlm::start(Listen::Unix(own.clone()), options);
        let mock = mock.await.expect("a mock LLM");
        self.mocks.insert(name.to_owned(), mock);
        if let Some(server) = tls {
            let front = Front::start(&socket, server, own);
            self.fronts.insert(name.to_owned(), front);
        }
    }

    /// Runs every command of `README.md` and compares what it prints.
    pub(crate) async fn readme(&self) {
        self.open_readme().finish(self).await;
    }

    /// What a command prints whose `curl` reaches the scenario as a README's does.
    pub(crate) async fn bash(&self, command: &str) -> String {
        readme::run(&self.ports(), &[command]).await.remove(0)
    }

    /// The README, for a test that does something between its blocks.
    pub(crate) fn open_readme(&self) -> Readme {
        let folder = root().join("envoy").join(&self.scenario.folder);
        Readme::open(&folder.join("README.md"))
    }

    /// The first line of the first Envoy's access log on standard output, in JSON, that is so.
    ///
    /// # Panics
    /// When there is none in ten seconds.
    pub(crate) async fn access_log(&self, is_it: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..500 {
            let log = self.envoy().log();
            let mut lines = log.lines().filter_map(|it| serde_json::from_str(it).ok());
            if let Some(line) = lines.find(&is_it) {
                return line;
            }
            sleep(Duration::from_millis(20)).await;
        }
        panic!("no such line in the access log:\n{}", self.envoy().log());
    }

    /// Makes sure that no Envoy has crashed.
    pub(crate) fn assert_no_crash(&self) {
        for (envoy, _) in &self.envoys {
            envoy.assert_no_crash();
        }
    }

    /// Every port that a README's commands can reach.
    fn ports(&self) -> Vec<(u16, PathBuf)> {
        let mut ports: Vec<_> = self.envoys.iter().flat_map(|(_, it)| it.clone()).collect();
        for Place { address, .. } in &self.scenario.mocks {
            if let Some(port) = address.strip_prefix("127.0.0.1:") {
                let socket = self.scenario.upstream_socket(address);
                ports.push((port.parse().unwrap(), socket));
            }
        }
        ports
    }
}
