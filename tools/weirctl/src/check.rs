//! `weirctl check`: are configurations right, alone and in what is around them.
//!
//! A file is read with the place of everything in it. What the filters' own loaders refuse is told
//! at its line; then come the things no loader can see: Envoy's flags, the order of filters, what
//! one filter says of another. It sees one file at a time and nothing that is fetched by discovery,
//! and it knows nothing of the traffic.

mod chain;
mod clusters;
mod glob;
mod kubernetes;
mod labels;
mod models;
mod plugin;
mod routes;
mod settings;

use std::io;
use std::path::Path;

use crate::document::{Frame, Mark, Node, Unreadable, Value, read_json, read_yaml};
use crate::filter::Filter;
use crate::finding::{Finding, Findings};
use crate::plugin::{Holder, Plugin, Settings};

/// A file that can be checked.
#[derive(Debug)]
pub struct Source {
    /// As it was named.
    pub name: String,
    /// What stands in it.
    pub text: String,
}

impl Source {
    /// Reads a file.
    ///
    /// # Errors
    /// What keeps it from being read; the file is named.
    pub fn read(path: &Path) -> io::Result<Self> {
        let name = path.display().to_string();
        let named = |e: io::Error| io::Error::new(e.kind(), format!("{name}: {e}"));
        let bytes = std::fs::read(path).map_err(named)?;
        let text = String::from_utf8(bytes)
            .map_err(|_| io::Error::other(format!("{name}: is no UTF-8")))?;
        Ok(Self { name, text })
    }

    /// Its documents.
    ///
    /// # Errors
    /// The first thing in it that cannot be read.
    pub fn documents(&self) -> Result<Vec<Node>, Unreadable> {
        // All JSON is YAML, but not for every reader of it: tabs, long keys, escapes.
        match read_json(&self.text) {
            Ok(node) => Ok(vec![node]),
            Err(error) if self.name.ends_with(".json") => Err(error),
            Err(_) => read_yaml(&self.text),
        }
    }
}

/// Checks files. With `filter` each is a configuration of that filter, else what it is is told by
/// what stands in it.
pub fn check(sources: &[Source], filter: Option<Filter>) -> Vec<Finding> {
    let read: Vec<_> = sources
        .iter()
        .map(|source| (source, source.documents()))
        .collect();
    // What one manifest needs another may say.
    let beside: Vec<&Node> = read
        .iter()
        .filter_map(|(_, documents)| documents.as_ref().ok())
        .flatten()
        .collect();
    let mut found = Vec::new();
    let (mut filters, mut strange) = (0, Vec::new());
    for (source, documents) in &read {
        let mut findings = Findings::new(&source.name);
        match (documents, filter) {
            (documents, Some(filter)) => {
                filters += 1;
                alone(source, documents.as_deref(), filter, &mut findings);
            }
            (Err(error), None) => {
                filters += 1;
                findings.error(error.mark, "syntax", &error.message);
            }
            (Ok(documents), None) => {
                let here = whole(documents, &beside, &mut findings);
                filters += here;
                strange.extend(Some((source, documents)).filter(|_| here == 0));
            }
        }
        found.extend(findings.without(&allowed(&source.text)).sorted());
    }
    // Beside files with filters in them there may be others.
    for (source, documents) in strange.into_iter().filter(|_| filters == 0) {
        let mut findings = Findings::new(&source.name);
        if documents.iter().any(is_known) {
            findings.note(Mark::START, "nothing", "holds no filter of Weir's");
        } else {
            let message = "is no configuration of Envoy, Istio or Envoy Gateway; if it is a \
                           filter's own, say whose with `--filter`";
            findings.error(Mark::START, "unrecognised", message);
        }
        found.extend(findings.sorted());
    }
    found
}

/// What comments of a file say is meant as it is: `# weirctl: allow forgeable-identity`.
fn allowed(text: &str) -> Vec<&str> {
    text.lines()
        .filter_map(|line| {
            line.split_once('#')?
                .1
                .trim()
                .strip_prefix("weirctl: allow ")
        })
        .flat_map(|codes| codes.split([',', ' ']))
        .filter(|code| !code.is_empty())
        .collect()
}

/// A configuration of one filter.
fn alone(
    source: &Source,
    documents: Result<&[Node], &Unreadable>,
    filter: Filter,
    findings: &mut Findings,
) {
    let nothing = Node {
        mark: Mark::START,
        value: Value::Null,
    };
    let json = source.text.trim_start().starts_with('{') || source.name.ends_with(".json");
    let settings = match documents {
        // Its own loader says best what is wrong with JSON.
        _ if json => Settings::of_text(&source.text, Frame::FILE),
        Err(error) => {
            findings.error(error.mark, "syntax", &error.message);
            return;
        }
        Ok([]) => Settings::missing(Mark::START),
        Ok([document]) => Settings::of_node(document),
        Ok([_, second, ..]) => {
            let message = "one document is one configuration; there are more in this file";
            findings.error(second.mark, "syntax", message);
            return;
        }
    };
    let plugin = Plugin {
        filter: Some(filter),
        holder: Holder::Alone,
        node: &nothing,
        settings,
        module: None,
        is_patched: false,
    };
    plugin::check(&plugin, findings);
    settings::check(&plugin, findings);
    models::check(&[&plugin], findings);
}

/// A file in which filters stand among other things. Returns how many there are.
fn whole(documents: &[Node], beside: &[&Node], findings: &mut Findings) -> usize {
    let mut seen = 0;
    for document in documents {
        if document.get("apiVersion").is_none() {
            seen += chain::check(document, findings);
        }
    }
    seen += kubernetes::check(documents, beside, findings);
    if seen > 0 {
        for document in documents {
            duplicates(document, findings);
        }
    }
    seen
}

/// Whether a document is of a kind that can hold filters.
fn is_known(document: &Node) -> bool {
    [
        "apiVersion",
        "@type",
        "admin",
        "configs",
        "dynamic_resources",
        "filter_chains",
        "resources",
        "static_resources",
    ]
    .iter()
    .any(|field| document.get(field).is_some())
}

/// Keys that stand twice in a mapping: of those readers take one in silence.
fn duplicates(document: &Node, findings: &mut Findings) {
    document.walk(&mut |node| {
        let mut earlier = std::collections::BTreeMap::new();
        for entry in node.entries() {
            if let Some(line) = earlier.insert(entry.key.as_str(), entry.mark.line) {
                let message = format!(
                    "`{}` stands in this mapping twice, first in line {line}: one of them counts \
                     for nothing",
                    entry.key
                );
                findings.warning(entry.mark, "duplicate-key", message);
            }
        }
    });
}
