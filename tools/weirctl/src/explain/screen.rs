//! What may be shown of an exchange: everything but credentials and what the detectors find.
//!
//! All detectors look, also those a configuration has switched off, for a shadow rule or a missing
//! filter must not turn this program into what lets a value out. What no detector finds is shown.

use weir_pii::{Custom, Kind, Scanner, Settings, Terms, detectors};

use crate::document::{Node, Value, read_json};
use crate::filter::Filter;
use crate::finding::printable;
use crate::plugin::Plugin;

/// Headers that carry credentials, whatever a configuration says of them.
const CREDENTIALS: &[&str] = &[
    "api-key",
    "authorization",
    "cookie",
    "proxy-authorization",
    "set-cookie",
    "x-amz-security-token",
    "x-api-key",
    "x-goog-api-key",
];
/// JSON in strings of JSON is looked into so many times.
const MAX_INNER: usize = 4;

/// Hides values.
pub(super) struct Screen {
    scanner: Option<Scanner>,
    /// Some filter takes a credential for an identity as it is.
    plain_credentials: bool,
    secret_headers: Vec<String>,
}

impl Screen {
    pub(super) fn new(plugins: &[Plugin<'_>]) -> Self {
        let mut secret_headers: Vec<String> =
            CREDENTIALS.iter().map(|name| (*name).to_owned()).collect();
        let mut settings = Settings {
            kinds: detectors().map(weir_pii::Detector::kind).collect(),
            ..Settings::default()
        };
        let mut plain_credentials = false;
        for plugin in plugins {
            for source in elements(plugin, "identity") {
                let header = source.string("header").to_ascii_lowercase();
                if source.get("secret").is_some_and(Node::is_true) {
                    secret_headers.push(header);
                } else {
                    plain_credentials |= CREDENTIALS.contains(&header.as_str());
                }
            }
            if plugin.filter == Some(Filter::PiiRedact) {
                own(plugin, &mut settings);
            }
        }
        Self {
            scanner: Scanner::new(&settings).ok(),
            plain_credentials,
            secret_headers,
        }
    }

    /// Who is calling. An address or a name is what an operator has chosen to see; a credential is
    /// shown by its digest alone.
    pub(super) fn identity(&self, identity: &str) -> String {
        match self.plain_credentials && !identity.starts_with("sha256:") {
            true => "(not shown)".to_owned(),
            false => printable(identity),
        }
    }

    /// A text with every value in it replaced by its type. `hint`: the key it stands under.
    pub(super) fn text(&self, text: &str, hint: Option<&str>) -> String {
        let Some(scanner) = &self.scanner else {
            return "(not shown)".to_owned();
        };
        let mut found = Vec::new();
        scanner.scan(text, hint, &mut found);
        let (mut shown, mut end) = (String::new(), 0);
        for finding in found {
            shown.push_str(text.get(end..finding.span.start).unwrap_or_default());
            shown.push_str(&format!("‹{}›", finding.kind));
            end = finding.span.end;
        }
        shown.push_str(text.get(end..).unwrap_or_default());
        shown
    }

    /// The same for one line of a terminal.
    pub(super) fn line(&self, text: &str) -> String {
        printable(&self.text(text, None))
    }

    /// A header's value.
    pub(super) fn header(&self, name: &str, value: &str) -> String {
        if self.secret_headers.iter().any(|secret| secret == name) {
            return "(not shown)".to_owned();
        }
        if name == ":path"
            && let Some((path, query)) = value.split_once('?')
        {
            // Some providers take their key there.
            let shown: Vec<String> = query
                .split('&')
                .map(|pair| match pair.split_once('=') {
                    Some((name, _)) if name != "alt" => format!("{name}=(not shown)"),
                    _ => pair.to_owned(),
                })
                .collect();
            return format!("{}?{}", self.line(path), shown.join("&"));
        }
        self.line(value)
    }

    /// A body, when it is JSON.
    pub(super) fn body(&self, body: &[u8]) -> Option<String> {
        let node = read_json(std::str::from_utf8(body).ok()?).ok()?;
        Some(printable(&self.json(&node, None, 0)))
    }

    fn json(&self, node: &Node, key: Option<&str>, depth: usize) -> String {
        match &node.value {
            Value::Text(text, _) => {
                let inner = read_json(text).ok().filter(|inner| {
                    depth < MAX_INNER && matches!(inner.value, Value::Map(_) | Value::List(_))
                });
                let shown = match inner {
                    Some(inner) => self.json(&inner, key, depth + 1),
                    None => self.text(text, key),
                };
                quoted(&shown)
            }
            Value::Number(number) => {
                let shown = self.text(number, key);
                match shown == *number {
                    true => shown,
                    false => quoted(&shown),
                }
            }
            Value::List(list) => {
                let items: Vec<String> = list.iter().map(|n| self.json(n, key, depth)).collect();
                format!("[{}]", items.join(","))
            }
            Value::Map(entries) => {
                let member = |entry: &crate::document::Entry| {
                    let name = quoted(&self.text(&entry.key, None));
                    let value = self.json(&entry.node, Some(&entry.key), depth);
                    format!("{name}:{value}")
                };
                let members: Vec<String> = entries.iter().map(member).collect();
                format!("{{{}}}", members.join(","))
            }
            Value::Null | Value::Bool(_) => node.json(),
        }
    }
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}

fn elements<'a>(plugin: &'a Plugin<'_>, list: &str) -> &'a [Node] {
    plugin.settings.get(list).map_or(&[], Node::elements)
}

/// What pii-redact's own configuration finds beside the table.
fn own(plugin: &Plugin<'_>, settings: &mut Settings) {
    for custom in elements(plugin, "custom") {
        let Ok(kind) = Kind::custom(custom.string("type")) else {
            continue;
        };
        settings.custom.push(Custom {
            kind,
            pattern: custom.string("pattern").to_owned(),
            // Rather too much is hidden than too little.
            validator: None,
            context: Vec::new(),
        });
    }
    for terms in elements(plugin, "terms") {
        let Ok(kind) = Kind::custom(terms.string("type")) else {
            continue;
        };
        let words = terms.get("terms").map_or(&[][..], Node::elements);
        settings.terms.push(Terms {
            kind,
            terms: words
                .iter()
                .filter_map(Node::text)
                .map(str::to_owned)
                .collect(),
        });
    }
}
