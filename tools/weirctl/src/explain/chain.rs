//! The filters of a file, in the order in which a request meets them, ready to run.

use std::io;
use std::rc::Rc;

use cost::Cost;
use model_router::ModelRouter;
use pii_redact::PiiRedact;
use token_limit::TokenLimit;
use weir_wasm_host::{Driver, Flow};

use crate::check::Source;
use crate::document::{Frame, Node, Value};
use crate::filter::Filter;
use crate::plugin::{Holder, Plugin, Settings, of_envoy, of_gateway, of_istio};

use super::host::{Proxy, Seen};
use super::traced::{Telling, Traced};

/// Finds the filters of a file. In Envoy's own configuration they are those of the first connection
/// manager that has any; in manifests, which need not tell, they are in the order they belong in.
pub(super) fn plugins<'a>(
    config: &'a Source,
    documents: &'a [Node],
    filter: Option<Filter>,
) -> io::Result<Vec<Plugin<'a>>> {
    const NOTHING: &Node = &Node {
        mark: crate::document::Mark::START,
        value: Value::Null,
    };
    if let Some(filter) = filter {
        let json = config.text.trim_start().starts_with('{');
        let settings = match documents.first() {
            Some(document) if !json => Settings::of_node(document),
            _ => Settings::of_text(&config.text, Frame::FILE),
        };
        return Ok(vec![Plugin {
            filter: Some(filter),
            holder: Holder::Alone,
            node: documents.first().unwrap_or(NOTHING),
            settings,
            module: None,
            is_patched: false,
        }]);
    }
    let mut chain = Vec::new();
    for document in documents {
        document.walk(&mut |node| {
            let Some(filters) = node.get("http_filters").filter(|_| chain.is_empty()) else {
                return;
            };
            for filter in filters.elements() {
                filter.walk(&mut |inner| {
                    if inner.get("vm_config").is_some() {
                        chain.extend(of_envoy(inner, filter.string("name")));
                    }
                });
            }
        });
    }
    if chain.is_empty() {
        for document in documents {
            match document.string("kind") {
                "WasmPlugin" | "TrafficExtension" => chain.extend(of_istio(document)),
                "EnvoyExtensionPolicy" => {
                    let wasm = document.at(&["spec", "wasm"]);
                    let wasm = wasm.map_or(&[][..], Node::elements);
                    chain.extend(wasm.iter().filter_map(of_gateway));
                }
                _ => document.walk(&mut |node| {
                    if node.get("vm_config").is_some() {
                        chain.extend(of_envoy(node, ""));
                    }
                }),
            }
        }
        chain.sort_by_key(|plugin| plugin.filter);
    }
    chain.retain(|plugin| plugin.filter.is_some());
    if chain.is_empty() {
        let name = &config.name;
        let message = format!(
            "{name}: holds no filter of Weir's; if it is a filter's own configuration, say whose \
             with `--filter`"
        );
        return Err(io::Error::other(message));
    }
    Ok(chain)
}

/// A filter that an exchange passes. Steps say whether it goes on.
pub(super) trait Station {
    fn request_headers(&mut self, end: bool) -> bool;
    fn request_body(&mut self, size: usize);
    fn response_headers(&mut self, end: bool) -> bool;
    fn response_body(&mut self, size: usize);
    fn log(&mut self);
}

impl<P: Telling> Station for Driver<Traced<P>, Seen> {
    fn request_headers(&mut self, end: bool) -> bool {
        let goes_on = self.request_headers(end) == Flow::Continue;
        self.called(super::CALL, Ok(&[]));
        goes_on
    }

    fn request_body(&mut self, size: usize) {
        self.request_body(size, true);
        self.called(super::CALL, Ok(&[]));
    }

    fn response_headers(&mut self, end: bool) -> bool {
        self.response_headers(end) == Flow::Continue
    }

    fn response_body(&mut self, size: usize) {
        self.response_body(size, true);
    }

    fn log(&mut self) {
        self.log();
    }
}

/// Makes a filter run.
///
/// # Errors
/// What is wrong with its configuration.
pub(super) fn station(
    plugin: &Plugin<'_>,
    at: usize,
    proxy: &Rc<Proxy>,
    file: &str,
) -> io::Result<Box<dyn Station>> {
    proxy.at(at, super::Side::Request, true);
    let made = match plugin.filter {
        Some(Filter::ModelRouter) => made::<ModelRouter>(plugin, proxy),
        Some(Filter::PiiRedact) => made::<PiiRedact>(plugin, proxy),
        Some(Filter::TokenLimit) => made::<TokenLimit>(plugin, proxy),
        Some(Filter::Cost) => made::<Cost>(plugin, proxy),
        None => Err("no filter".to_owned()),
    };
    made.map_err(|error| {
        let line = plugin.settings.mark.line;
        let message = format!(
            "{file}:{line}: the configuration of {} is refused ({error}); see `weirctl check`",
            plugin.name()
        );
        io::Error::other(message)
    })
}

fn made<P: Telling>(plugin: &Plugin<'_>, proxy: &Rc<Proxy>) -> Result<Box<dyn Station>, String> {
    let policy = P::configure(plugin.settings.json.as_bytes()).map_err(|e| e.to_string())?;
    let traced = Traced {
        policy,
        proxy: Rc::clone(proxy),
    };
    Ok(Box::new(Driver::new(
        Rc::new(traced),
        Seen(Rc::clone(proxy)),
    )))
}
