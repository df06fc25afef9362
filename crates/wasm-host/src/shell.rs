//! Contexts of proxy-wasm around drivers, and the choice of policy by `root_id`.

use std::rc::Rc;
use std::sync::OnceLock;

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, ContextType};
use weir_policy::names::metric;
use weir_policy::{ConfigError, Policy, UnixNanos, short_hash};

use crate::raw::{self, Proxy};
use crate::{Driver, Flow, Host};

/// A policy of a module.
pub struct Entry {
    name: &'static str,
    configure: Configure,
}

type Configure = fn(&[u8]) -> Result<Box<dyn Plugin>, ConfigError>;

impl Entry {
    /// The entry of a policy.
    pub const fn of<P: Policy>() -> Self {
        Self {
            name: P::NAME,
            configure: |json| Ok(Box::new(Rc::new(P::configure(json)?))),
        }
    }
}

/// The policies of a module.
#[derive(Clone, Copy)]
pub enum Module {
    /// One, whatever the `root_id`.
    Single(&'static [Entry]),
    /// The one the `root_id` names.
    Bundle(&'static [Entry]),
}

impl Module {
    fn entry(self, root_id: &[u8]) -> Result<&'static Entry, String> {
        let entries = match self {
            Self::Single([only]) => return Ok(only),
            Self::Single(entries) | Self::Bundle(entries) => entries,
        };
        let named = entries
            .iter()
            .find(|entry| entry.name.as_bytes() == root_id);
        named.ok_or_else(|| {
            let names: Vec<_> = entries.iter().map(|entry| entry.name).collect();
            format!(
                "root_id `{}` names no filter of this module; it has {}",
                String::from_utf8_lossy(root_id),
                names.join(", ")
            )
        })
    }
}

static MODULE: OnceLock<Module> = OnceLock::new();

/// Registers a module's policies with the proxy. Called by [`module!`](crate::module).
pub fn start(module: Module) {
    MODULE.get_or_init(|| module);
    // Fails only when a logger is there already, which is ours.
    let _ = log::set_logger(&Logger);
    std::panic::set_hook(Box::new(|panic| raw::log(5, &panic.to_string())));
    proxy_wasm::set_root_context(|_| Box::new(Root { plugin: None }));
}

/// A configured policy, whatever its type.
trait Plugin {
    fn stream(&self) -> Box<dyn Stream>;
}

impl<P: Policy> Plugin for Rc<P> {
    fn stream(&self) -> Box<dyn Stream> {
        Box::new(Driver::new(Self::clone(self), Proxy))
    }
}

/// One exchange, whatever its policy.
trait Stream {
    fn request_headers(&mut self, end: bool) -> Flow;
    fn request_body(&mut self, size: usize, end: bool) -> Flow;
    fn request_trailers(&mut self) -> Flow;
    fn response_headers(&mut self, end: bool) -> Flow;
    fn response_body(&mut self, size: usize, end: bool) -> Flow;
    fn response_trailers(&mut self) -> Flow;
    fn log(&mut self);
}

impl<P: Policy> Stream for Driver<P, Proxy> {
    fn request_headers(&mut self, end: bool) -> Flow {
        self.request_headers(end)
    }
    fn request_body(&mut self, size: usize, end: bool) -> Flow {
        self.request_body(size, end)
    }
    fn request_trailers(&mut self) -> Flow {
        self.request_trailers()
    }
    fn response_headers(&mut self, end: bool) -> Flow {
        self.response_headers(end)
    }
    fn response_body(&mut self, size: usize, end: bool) -> Flow {
        self.response_body(size, end)
    }
    fn response_trailers(&mut self) -> Flow {
        self.response_trailers()
    }
    fn log(&mut self) {
        self.log();
    }
}

struct Root {
    plugin: Option<Box<dyn Plugin>>,
}

impl Context for Root {}

impl RootContext for Root {
    fn on_configure(&mut self, size: usize) -> bool {
        log::set_max_level(match raw::log_level() {
            0 => log::LevelFilter::Trace,
            1 => log::LevelFilter::Debug,
            2 => log::LevelFilter::Info,
            3 => log::LevelFilter::Warn,
            4 => log::LevelFilter::Error,
            _ => log::LevelFilter::Off,
        });
        let root_id = raw::property(&["plugin_root_id"]).unwrap_or_default();
        let module = MODULE.get().copied().unwrap_or(Module::Bundle(&[]));
        let entry = match module.entry(&root_id) {
            Ok(entry) => entry,
            Err(message) => {
                log::error!("{message}");
                return false;
            }
        };
        let name = entry.name;
        let json = match size {
            0 => Vec::new(),
            _ => match raw::configuration(size) {
                Ok(json) => json,
                Err(status) => {
                    log::error!("{name}: the configuration could not be read: {status:?}");
                    return false;
                }
            },
        };
        let began = Proxy.now();
        match (entry.configure)(&json) {
            Ok(plugin) => {
                announce(name, &json, began);
                self.plugin = Some(plugin);
                true
            }
            Err(error) => {
                log::error!("{name}: bad configuration {error}");
                false
            }
        }
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }

    fn create_http_context(&self, _: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Http(self.plugin.as_ref().map(|p| p.stream()))))
    }
}

/// Says which build runs on which configuration, in the log and as a metric.
fn announce(name: &str, json: &[u8], began: UnixNanos) {
    let version = env!("CARGO_PKG_VERSION");
    let commit = option_env!("WEIR_COMMIT").unwrap_or("unknown");
    let config = short_hash(json);
    let now = Proxy.now();
    let micros = now.0.saturating_sub(began.0) / 1000;
    log::info!(
        "{name}: weir {version} ({commit}) configured in {}.{} ms, configuration {config}",
        micros / 1000,
        micros % 1000 / 100
    );
    let build = format!(
        "{};filter={name};version={version};commit={commit};config={config}",
        metric::BUILD_INFO
    );
    raw::gauge(&build, now.millis() / 1000);
}

/// Without a stream (there is no configuration yet) everything waits for ever, which Envoy never
/// lets happen: it starts no stream on a plugin that has not been configured.
struct Http(Option<Box<dyn Stream>>);

impl Http {
    fn run(&mut self, step: impl FnOnce(&mut (dyn Stream + 'static)) -> Flow) -> Action {
        match self.0.as_deref_mut().map(step) {
            Some(Flow::Continue) => Action::Continue,
            Some(Flow::Pause) | None => Action::Pause,
        }
    }
}

impl Context for Http {}

impl HttpContext for Http {
    fn on_http_request_headers(&mut self, _: usize, end: bool) -> Action {
        self.run(|stream| stream.request_headers(end))
    }
    fn on_http_request_body(&mut self, size: usize, end: bool) -> Action {
        self.run(|stream| stream.request_body(size, end))
    }
    fn on_http_request_trailers(&mut self, _: usize) -> Action {
        self.run(|stream| stream.request_trailers())
    }
    fn on_http_response_headers(&mut self, _: usize, end: bool) -> Action {
        self.run(|stream| stream.response_headers(end))
    }
    fn on_http_response_body(&mut self, size: usize, end: bool) -> Action {
        self.run(|stream| stream.response_body(size, end))
    }
    fn on_http_response_trailers(&mut self, _: usize) -> Action {
        self.run(|stream| stream.response_trailers())
    }
    fn on_log(&mut self) {
        if let Some(stream) = self.0.as_deref_mut() {
            stream.log();
        }
    }
}

struct Logger;

impl log::Log for Logger {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            let level = match record.level() {
                log::Level::Trace => 0,
                log::Level::Debug => 1,
                log::Level::Info => 2,
                log::Level::Warn => 3,
                log::Level::Error => 4,
            };
            raw::log(level, &record.args().to_string());
        }
    }

    fn flush(&self) {}
}
