//! Contexts of proxy-wasm around drivers, and the choice of policy by `root_id`.

use std::rc::Rc;
use std::sync::OnceLock;

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, ContextType};
use weir_policy::names::metric;
use weir_policy::{
    Attributes, Background, ConfigError, Cx, Effect, Effects, GrpcStatus, Policy, UnixNanos,
    short_hash,
};

use crate::raw::{self, Proxy};
use crate::{Driver, Flow, Host, Status};

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
    proxy_wasm::set_root_context(|id| Box::new(Root::new(id)));
}

/// A configured policy, whatever its type.
trait Plugin {
    fn stream(&self, proxy: Proxy) -> Box<dyn Stream>;
    fn tick_ms(&self) -> Option<u32>;
    /// Returns the call that was made, if any.
    fn tick(&self, proxy: Proxy) -> Option<u32>;
    /// Returns whether the next tick should be now.
    fn called(&self, proxy: Proxy, answer: Result<&[u8], GrpcStatus>) -> bool;
    fn is_left(&self) -> bool;
    fn give_up(&self, proxy: Proxy);
}

impl<P: Policy> Plugin for Rc<P> {
    fn stream(&self, proxy: Proxy) -> Box<dyn Stream> {
        Box::new(Driver::new(Self::clone(self), proxy))
    }

    fn tick_ms(&self) -> Option<u32> {
        self.background().map(Background::tick_ms)
    }

    fn tick(&self, proxy: Proxy) -> Option<u32> {
        let background = self.background()?;
        match outside(proxy, |cx| background.tick(cx))? {
            Ok(call) => Some(call),
            Err(status) => {
                log::warn!("{}: the host refused grpc_call with {status:?}", P::NAME);
                self.called(proxy, Err(GrpcStatus::UNAVAILABLE));
                None
            }
        }
    }

    fn called(&self, proxy: Proxy, answer: Result<&[u8], GrpcStatus>) -> bool {
        let mut again = false;
        if let Some(background) = self.background() {
            outside(proxy, |cx| again = background.called(cx, answer));
        }
        again
    }

    fn is_left(&self) -> bool {
        self.background().is_some_and(Background::is_left)
    }

    fn give_up(&self, proxy: Proxy) {
        if let Some(background) = self.background() {
            outside(proxy, |cx| background.give_up(cx));
        }
    }
}

/// Runs a step that belongs to no exchange; returns what became of its call.
fn outside(proxy: Proxy, step: impl FnOnce(&mut Cx<'_>)) -> Option<Result<u32, Status>> {
    struct Nowhere;
    impl Attributes for Nowhere {
        fn get(&self, _: &[&str]) -> Option<Vec<u8>> {
            None
        }
    }
    let mut effects = Effects::default();
    let (now, random) = (proxy.now(), proxy.random());
    step(&mut Cx::new(
        &now,
        random,
        &Nowhere,
        proxy.store(),
        &mut effects,
    ));
    let mut called = None;
    for effect in effects.drain() {
        match effect {
            Effect::Count(name, by) => proxy.count(&name, by),
            Effect::Observe(name, value) => proxy.observe(&name, value),
            Effect::Log(level, line) => proxy.log(level, &line),
            Effect::Call(call) => called = Some(proxy.call(&call)),
            // There is no exchange that they could be about.
            Effect::SetRequestHeader(..)
            | Effect::RemoveRequestHeader(_)
            | Effect::SetResponseHeader(..)
            | Effect::SetResponseTrailer(..)
            | Effect::Fact(..) => {}
        }
    }
    called
}

/// One exchange, whatever its policy.
trait Stream {
    fn request_headers(&mut self, end: bool) -> Flow;
    fn request_body(&mut self, size: usize, end: bool) -> Flow;
    fn request_trailers(&mut self) -> Flow;
    fn response_headers(&mut self, end: bool) -> Flow;
    fn response_body(&mut self, size: usize, end: bool) -> Flow;
    fn response_trailers(&mut self) -> Flow;
    fn called(&mut self, call: u32, answer: Result<&[u8], GrpcStatus>);
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
    fn called(&mut self, call: u32, answer: Result<&[u8], GrpcStatus>) {
        self.called(call, answer);
    }
    fn log(&mut self) {
        self.log();
    }
}

/// How long a context that has to go is kept for what it has left to say.
const LAST_WORDS_MS: u64 = 60_000;

struct Root {
    proxy: Proxy,
    plugin: Option<Box<dyn Plugin>>,
    /// The call whose answer is waited for; there is one at a time.
    call: Option<u32>,
    /// Since when the proxy would like to be rid of this context.
    ending: Option<UnixNanos>,
}

impl Root {
    fn new(id: u32) -> Self {
        Self {
            proxy: Proxy { root: id, own: id },
            plugin: None,
            call: None,
            ending: None,
        }
    }

    fn tick(&mut self) {
        if self.call.is_none() {
            let plugin = self.plugin.as_ref();
            self.call = plugin.and_then(|plugin| plugin.tick(self.proxy));
        }
    }

    fn is_left(&self) -> bool {
        self.call.is_some() || self.plugin.as_ref().is_some_and(|plugin| plugin.is_left())
    }
}

impl Context for Root {
    fn on_grpc_call_response(&mut self, call: u32, status: u32, size: usize) {
        if self.call != Some(call) {
            return;
        }
        self.call = None;
        let mut again = false;
        if let Some(plugin) = &self.plugin {
            let proxy = self.proxy;
            with_message(proxy, status, size, |answer| {
                again = plugin.called(proxy, answer);
            });
        }
        if again {
            self.tick();
        }
    }

    /// What is left to be said is said before the context goes; see `on_tick`.
    fn on_done(&mut self) -> bool {
        self.tick();
        let is_left = self.is_left();
        self.ending = is_left.then(|| self.proxy.now());
        !is_left
    }
}

/// Reads the answer to the call whose callback is running.
fn with_message(
    proxy: Proxy,
    status: u32,
    size: usize,
    run: impl FnOnce(Result<&[u8], GrpcStatus>),
) {
    match (status, size) {
        (0, 0) => run(Ok(&[])),
        (0, size) => match proxy.grpc_message(size) {
            Ok(message) => run(Ok(&message)),
            Err(_) => run(Err(GrpcStatus::UNAVAILABLE)),
        },
        (status, _) => run(Err(GrpcStatus(status))),
    }
}

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
        let began = self.proxy.now();
        match (entry.configure)(&json) {
            Ok(plugin) => {
                announce(name, &json, began, self.proxy.now());
                if let Some(period) = plugin.tick_ms()
                    && let Err(status) = raw::tick_every(period)
                {
                    log::error!("{name}: no ticks: {status:?}");
                    return false;
                }
                self.plugin = Some(plugin);
                true
            }
            Err(error) => {
                log::error!("{name}: bad configuration {error}");
                false
            }
        }
    }

    fn on_tick(&mut self) {
        self.tick();
        let Some(since) = self.ending else {
            return;
        };
        let patient = self.proxy.now().millis_since(since) < LAST_WORDS_MS;
        if self.is_left() && patient {
            return;
        }
        if let Some(plugin) = &self.plugin {
            plugin.give_up(self.proxy);
        }
        self.ending = None;
        raw::done();
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }

    fn create_http_context(&self, id: u32) -> Option<Box<dyn HttpContext>> {
        let proxy = Proxy {
            own: id,
            ..self.proxy
        };
        let stream = self.plugin.as_ref().map(|plugin| plugin.stream(proxy));
        Some(Box::new(Http { proxy, stream }))
    }
}

/// Says which build runs on which configuration, in the log and as a metric.
fn announce(name: &str, json: &[u8], began: UnixNanos, now: UnixNanos) {
    let version = env!("CARGO_PKG_VERSION");
    let commit = option_env!("WEIR_COMMIT").unwrap_or("unknown");
    let config = short_hash(json);
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
struct Http {
    proxy: Proxy,
    stream: Option<Box<dyn Stream>>,
}

impl Http {
    fn run(&mut self, step: impl FnOnce(&mut (dyn Stream + 'static)) -> Flow) -> Action {
        match self.stream.as_deref_mut().map(step) {
            Some(Flow::Continue) => Action::Continue,
            Some(Flow::Pause) | None => Action::Pause,
        }
    }
}

impl Context for Http {
    fn on_grpc_call_response(&mut self, call: u32, status: u32, size: usize) {
        if let Some(stream) = self.stream.as_deref_mut() {
            let proxy = self.proxy;
            with_message(proxy, status, size, |answer| stream.called(call, answer));
        }
    }
}

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
        if let Some(stream) = self.stream.as_deref_mut() {
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
