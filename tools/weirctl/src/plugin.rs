//! Filters of the suite as they stand in a file: Envoy's Wasm plugins, Istio's and Envoy Gateway's
//! manifests, a configuration alone.

use crate::document::{Frame, Mark, Node, Value, read_json};
use crate::filter::Filter;

/// What holds the plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// Envoy's own `PluginConfig`.
    Envoy,
    /// Istio's `WasmPlugin` or `TrafficExtension`.
    Istio,
    /// Envoy Gateway's `EnvoyExtensionPolicy`.
    Gateway,
    /// Nothing: the configuration stands alone.
    Alone,
}

impl Holder {
    /// Why a plugin of this holder cannot hold headers; nothing where it can.
    pub const fn cannot_hold(self) -> Option<&'static str> {
        match self {
            Self::Istio => Some("Istio's plugins cannot set it: use an EnvoyFilter"),
            Self::Gateway => {
                Some("an EnvoyExtensionPolicy cannot set it, only an EnvoyPatchPolicy beside it")
            }
            Self::Envoy | Self::Alone => None,
        }
    }
}

/// A plugin that is one of ours.
#[derive(Debug)]
pub struct Plugin<'a> {
    /// Which filter it runs; none when that cannot be told.
    pub filter: Option<Filter>,
    /// What holds it.
    pub holder: Holder,
    /// The mapping that says everything of it.
    pub node: &'a Node,
    /// Its configuration.
    pub settings: Settings<'a>,
    /// The module it runs, as far as its name is known: `token_limit`, or `weir` for the bundle.
    pub module: Option<&'static str>,
    /// A patch beside it sets the flag that lets it hold headers.
    pub is_patched: bool,
}

/// A filter's configuration as written.
#[derive(Debug)]
pub struct Settings<'a> {
    /// Where it stands.
    pub mark: Mark,
    /// As it reaches the filter; none when it does not reach it as text.
    pub json: String,
    tree: Tree<'a>,
}

#[derive(Debug)]
enum Tree<'a> {
    /// It is part of the file.
    Outer(&'a Node),
    /// It is a text in the file.
    Inner(Box<Node>, Frame),
    /// It is no JSON, in this text of the file.
    Broken(Frame),
    /// There is none.
    Missing,
}

impl<'a> Settings<'a> {
    /// A mapping of the file.
    pub fn of_node(node: &'a Node) -> Self {
        let json = match node.value {
            Value::Null => String::new(),
            _ => node.json(),
        };
        Self {
            mark: node.mark,
            json,
            tree: Tree::Outer(node),
        }
    }

    /// JSON that stands somewhere in the file.
    pub fn of_text(text: &str, frame: Frame) -> Self {
        let tree = match read_json(text) {
            Ok(node) => Tree::Inner(Box::new(node), frame),
            Err(_) => Tree::Broken(frame),
        };
        Self {
            mark: frame.outer(Mark::START),
            json: text.to_owned(),
            tree,
        }
    }

    /// Those of a plugin that has none.
    pub fn missing(mark: Mark) -> Self {
        Self {
            mark,
            json: String::new(),
            tree: Tree::Missing,
        }
    }

    /// The tree to look into; none when there is nothing, or nothing that can be read.
    pub fn root(&self) -> Option<&Node> {
        match &self.tree {
            Tree::Outer(node) => Some(node),
            Tree::Inner(node, _) => Some(node),
            Tree::Broken(_) | Tree::Missing => None,
        }
    }

    /// Where something of [`Settings::root`] stands in the file.
    pub fn outer(&self, inner: Mark) -> Mark {
        match &self.tree {
            Tree::Outer(_) => inner,
            Tree::Inner(_, frame) | Tree::Broken(frame) => frame.outer(inner),
            Tree::Missing => self.mark,
        }
    }

    /// Whether a line of the text as the filter reads it is a line of the file.
    pub fn has_lines(&self) -> bool {
        matches!(self.tree, Tree::Inner(..) | Tree::Broken(_))
    }

    /// Where a path leads, as a configuration's errors write it.
    pub fn place(&self, path: &str) -> Mark {
        self.root()
            .map_or(self.mark, |root| self.outer(root.place(path)))
    }

    /// A field of it.
    pub fn get(&self, field: &str) -> Option<&Node> {
        let entries = self.root()?.entries().iter();
        // Of two the filter says that they are two.
        let mut found = entries.filter(|entry| entry.key == field);
        found.next().map(|entry| &entry.node)
    }
}

const MODULES: [(&str, Option<Filter>); 5] = [
    ("model_router", Some(Filter::ModelRouter)),
    ("pii_redact", Some(Filter::PiiRedact)),
    ("token_limit", Some(Filter::TokenLimit)),
    ("cost", Some(Filter::Cost)),
    ("weir", None),
];

/// The module a file or image is named after.
fn module(location: &str) -> Option<&'static str> {
    let last = location.rsplit('/').next().unwrap_or_default();
    let name = last.split(['@', ':']).next().unwrap_or_default();
    let name = name.strip_suffix(".wasm").unwrap_or(name).replace('-', "_");
    let mut known = MODULES.iter().map(|(module, _)| *module);
    known.find(|module| *module == name || name == format!("weir_{module}"))
}

/// Which filter it is: by its module, else by its `root_id`, else by what it is called. The outer
/// answer is none when it is none of ours.
fn which(module: Option<&str>, root_id: &str, names: &[&str]) -> Option<Option<Filter>> {
    let alone = MODULES
        .iter()
        .find(|(name, filter)| Some(*name) == module && filter.is_some());
    if let Some((_, filter)) = alone {
        return Some(*filter);
    }
    if let Some(filter) = Filter::named(root_id) {
        return Some(Some(filter));
    }
    if module == Some("weir") {
        return Some(None);
    }
    let named = names.iter().find_map(|name| name.strip_prefix("weir"));
    named.map(|rest| {
        let name = rest.trim_start_matches(['.', '-', '_', '/']);
        // With a `root_id` that names nothing it is not known what was meant.
        Filter::named(name).filter(|_| root_id.is_empty())
    })
}

/// Envoy's plugin at `config`, which stands in an HTTP filter called `name`, if it is ours.
pub fn of_envoy<'a>(config: &'a Node, name: &str) -> Option<Plugin<'a>> {
    let code = config.at(&["vm_config", "code"]);
    let path = |path: &[&str]| code.and_then(|code| code.at(path)).and_then(Node::text);
    let location = path(&["local", "filename"]).or_else(|| path(&["remote", "http_uri", "uri"]));
    let module = location.and_then(module);
    let names = [config.string("name"), name];
    let filter = which(module, config.string("root_id"), &names)?;
    let settings = match config.get("configuration") {
        None => Settings::missing(config.mark),
        Some(configuration) => match configuration.get("value") {
            Some(Node {
                value: Value::Text(text, frame),
                ..
            }) if is_type(configuration, "StringValue") => Settings::of_text(text, *frame),
            Some(value) => Settings::of_node(value),
            None => Settings::of_node(configuration),
        },
    };
    Some(Plugin {
        filter,
        holder: Holder::Envoy,
        node: config,
        settings,
        module,
        is_patched: false,
    })
}

/// Whether a message says it is of this type.
pub fn is_type(node: &Node, name: &str) -> bool {
    let kind = node.string("@type");
    kind.rsplit(['.', '/']).next() == Some(name)
}

/// The plugin of an Istio manifest, if it is ours.
pub fn of_istio(manifest: &Node) -> Option<Plugin<'_>> {
    let spec = manifest.get("spec")?;
    let wasm = spec.get("wasm").unwrap_or(spec);
    let module = module(wasm.string("url"));
    let root_id = wasm.string("pluginName");
    let name = manifest.at(&["metadata", "name"]).and_then(Node::text);
    let names = [root_id, name.unwrap_or_default()];
    let filter = which(module, root_id, &names)?;
    Some(Plugin {
        filter,
        holder: Holder::Istio,
        node: wasm,
        settings: match wasm.get("pluginConfig") {
            Some(config) => Settings::of_node(config),
            None => Settings::missing(wasm.mark),
        },
        module,
        is_patched: false,
    })
}

/// One of the plugins of an Envoy Gateway manifest, if it is ours.
pub fn of_gateway(wasm: &Node) -> Option<Plugin<'_>> {
    let code = wasm.get("code");
    let url = |kind| code.and_then(|code| code.at(&[kind, "url"]));
    let location = url("image").or_else(|| url("http")).and_then(Node::text);
    let module = location.and_then(module);
    // Kubernetes' names are as they are written, `rootID` is no `root_id` in camel case.
    let root_id = wasm.string("rootID");
    let filter = which(module, root_id, &[wasm.string("name")])?;
    Some(Plugin {
        filter,
        holder: Holder::Gateway,
        node: wasm,
        settings: match wasm.get("config") {
            Some(config) => Settings::of_node(config),
            None => Settings::missing(wasm.mark),
        },
        module,
        is_patched: false,
    })
}

impl Plugin<'_> {
    /// What it is called in messages.
    pub fn name(&self) -> &'static str {
        self.filter.map_or("this filter", Filter::name)
    }

    /// The name of the filter it should be, and where that name stands.
    pub fn root_id(&self) -> (&str, Mark) {
        let field = match self.holder {
            Holder::Istio => "pluginName",
            Holder::Gateway => "rootID",
            Holder::Envoy | Holder::Alone => "root_id",
        };
        let entry = self.node.field(field);
        let text = entry.and_then(|entry| entry.node.text());
        let mark = entry.map_or(self.node.mark, |entry| entry.mark);
        (text.unwrap_or_default(), mark)
    }

    /// The longest body it reads.
    pub fn max_body_bytes(&self) -> u64 {
        const DEFAULT: u64 = 8 << 20;
        let written = self.settings.get("max_body_bytes");
        written.and_then(Node::number).unwrap_or(DEFAULT)
    }

    /// Whether it holds headers.
    pub fn holds(&self) -> bool {
        self.filter == Some(Filter::ModelRouter)
            || self.settings.get("hold").is_some_and(Node::is_true)
    }
}
