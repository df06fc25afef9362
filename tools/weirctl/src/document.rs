//! YAML and JSON as trees in which everything knows where it stands.
//!
//! A configuration of a filter often is JSON inside a YAML scalar: [`Frame`] says where a place of
//! the inner text stands in the file. What is read is bounded in depth and size, so that no file
//! makes this program fall over.

mod json;
mod yaml;

use std::fmt::Write;

pub use json::read as read_json;
pub use yaml::read as read_yaml;

/// Deeper documents are refused. `serde_json`, which reads the filters' configurations, has the
/// same bound.
const MAX_DEPTH: usize = 128;
/// Aliases may repeat what they stand for, up to so many nodes in all.
const MAX_NODES: usize = 500_000;

/// A place in a text; both numbers begin at 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// The line.
    pub line: usize,
    /// The character in it.
    pub column: usize,
}

impl Mark {
    /// Where every text begins.
    pub const START: Self = Self { line: 1, column: 1 };
}

/// A text that is no YAML or JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Where it cannot be read any more.
    pub mark: Mark,
    /// Why.
    pub message: String,
}

/// A value and where it stands.
#[derive(Clone, Debug)]
pub struct Node {
    /// Where it begins.
    pub mark: Mark,
    /// What it is.
    pub value: Value,
}

/// What stands somewhere.
#[derive(Clone, Debug)]
pub enum Value {
    /// Nothing.
    Null,
    /// A truth value.
    Bool(bool),
    /// A number as JSON writes it.
    Number(String),
    /// A text, and where its inside stands.
    Text(String, Frame),
    /// A list.
    List(Vec<Node>),
    /// A mapping, in the order of the file; a key may stand in it twice.
    Map(Vec<Entry>),
}

/// A member of a mapping.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its name.
    pub key: String,
    /// Where the name stands.
    pub mark: Mark,
    /// Its value.
    pub node: Node,
}

/// How the inside of a text lies in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame {
    /// Line by line, `indent` characters to the right.
    Block {
        /// The file's line of the text's first.
        line: usize,
        /// What every line is indented by.
        indent: usize,
    },
    /// In one line, from here.
    Inline(Mark),
    /// Folded or over several lines: no more is known than where it begins.
    Folded(Mark),
}

impl Frame {
    /// The whole file.
    pub const FILE: Self = Self::Block { line: 1, indent: 0 };

    /// Where a place of the inner text stands in the file.
    pub fn outer(self, inner: Mark) -> Mark {
        match self {
            Self::Block { line, indent } => Mark {
                line: line + inner.line - 1,
                column: indent + inner.column,
            },
            Self::Inline(start) if inner.line == 1 => Mark {
                line: start.line,
                column: start.column + inner.column - 1,
            },
            Self::Inline(start) | Self::Folded(start) => start,
        }
    }
}

impl Node {
    /// The value of a field of a protobuf message, by its name or that name as JSON spells it
    /// (`vmConfig`); Envoy takes both.
    pub fn get(&self, field: &str) -> Option<&Self> {
        self.field(field).map(|entry| &entry.node)
    }

    /// The same with its key.
    pub fn field(&self, field: &str) -> Option<&Entry> {
        self.entries()
            .iter()
            .find(|entry| entry.key == field || is_camel(&entry.key, field))
    }

    /// What lies at the end of a path of fields.
    pub fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |node, field| node.get(field))
    }

    /// The members of a mapping; none of anything else.
    pub fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The elements of a list; none of anything else.
    pub fn elements(&self) -> &[Self] {
        match &self.value {
            Value::List(list) => list,
            _ => &[],
        }
    }

    /// A text, or a number or truth value as it was written.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text, _) => Some(text),
            Value::Number(number) => Some(number),
            Value::Bool(true) => Some("true"),
            Value::Bool(false) => Some("false"),
            _ => None,
        }
    }

    /// A truth value; Envoy also takes the texts.
    pub fn is_true(&self) -> bool {
        self.text() == Some("true")
    }

    /// A whole number; 64-bit ones may be written as texts.
    pub fn number(&self) -> Option<u64> {
        self.text()?.parse().ok()
    }

    /// The text of a field, or nothing.
    pub fn string(&self, field: &str) -> &str {
        self.get(field).and_then(Self::text).unwrap_or_default()
    }

    /// Calls `see` with this and everything below it.
    pub fn walk<'a>(&'a self, see: &mut dyn FnMut(&'a Self)) {
        see(self);
        match &self.value {
            Value::List(list) => list.iter().for_each(|node| node.walk(see)),
            Value::Map(entries) => entries.iter().for_each(|entry| entry.node.walk(see)),
            _ => {}
        }
    }

    /// As JSON, in which keys that stand there twice still do.
    pub fn json(&self) -> String {
        let mut text = String::new();
        self.write(&mut text);
        text
    }

    fn write(&self, out: &mut String) {
        match &self.value {
            Value::Null => out.push_str("null"),
            Value::Bool(value) => {
                let _ = write!(out, "{value}");
            }
            Value::Number(number) => out.push_str(number),
            Value::Text(text, _) => quote(text, out),
            Value::List(list) => {
                out.push('[');
                for (at, node) in list.iter().enumerate() {
                    out.push_str(if at > 0 { "," } else { "" });
                    node.write(out);
                }
                out.push(']');
            }
            Value::Map(entries) => {
                out.push('{');
                for (at, entry) in entries.iter().enumerate() {
                    out.push_str(if at > 0 { "," } else { "" });
                    quote(&entry.key, out);
                    out.push(':');
                    entry.node.write(out);
                }
                out.push('}');
            }
        }
    }

    /// Where the thing at `path` stands, as [`ConfigError`](weir_policy::ConfigError) writes
    /// paths: `rules[2].to.model`. When there is no such thing, where the nearest thing around it
    /// stands. Keys may hold dots.
    pub fn place(&self, path: &str) -> Mark {
        self.longest(path).1
    }

    /// Takes the member of a mapping at `path` out; says whether there was one.
    pub fn remove(&mut self, path: &str) -> bool {
        if let Some(rest) = path.strip_prefix('[') {
            let Some((index, rest)) = rest.split_once(']') else {
                return false;
            };
            let Value::List(list) = &mut self.value else {
                return false;
            };
            let node = index.parse().ok().and_then(|at: usize| list.get_mut(at));
            return node.is_some_and(|node| node.remove(rest));
        }
        let name = path.strip_prefix('.').unwrap_or(path);
        let Value::Map(entries) = &mut self.value else {
            return false;
        };
        if let Some(at) = entries.iter().position(|entry| entry.key == name) {
            entries.remove(at);
            return true;
        }
        entries.iter_mut().any(|entry| {
            let rest = name.strip_prefix(entry.key.as_str());
            rest.filter(|rest| rest.starts_with(['.', '[']))
                .is_some_and(|rest| entry.node.remove(rest))
        })
    }

    /// How much of a path can be followed, and where that leads.
    fn longest(&self, path: &str) -> (usize, Mark) {
        let mut best = (0, self.mark);
        if let Some(rest) = path.strip_prefix('[')
            && let Some((index, rest)) = rest.split_once(']')
            && let Some(node) = index
                .parse()
                .ok()
                .and_then(|at: usize| self.elements().get(at))
        {
            let (followed, mark) = node.longest(rest);
            return (index.len() + 2 + followed, mark);
        }
        let dot = usize::from(path.starts_with('.'));
        let name = path.get(dot..).unwrap_or_default();
        for entry in self.entries() {
            let Some(rest) = name.strip_prefix(entry.key.as_str()) else {
                continue;
            };
            if !(rest.is_empty() || rest.starts_with(['.', '['])) {
                continue;
            }
            let (followed, inner) = entry.node.longest(rest);
            let mark = if followed == 0 { entry.mark } else { inner };
            let length = dot + entry.key.len() + followed;
            if length > best.0 {
                best = (length, mark);
            }
        }
        best
    }
}

fn quote(text: &str, out: &mut String) {
    // A text always can be written as JSON.
    out.push_str(&serde_json::to_string(text).unwrap_or_default());
}

/// Whether `key` is `vmConfig` where `field` is `vm_config`.
fn is_camel(key: &str, field: &str) -> bool {
    let mut key = key.chars();
    let mut upper = false;
    for c in field.chars() {
        if c == '_' {
            upper = true;
            continue;
        }
        let expected = if upper { c.to_ascii_uppercase() } else { c };
        upper = false;
        if key.next() != Some(expected) {
            return false;
        }
    }
    key.next().is_none()
}

#[cfg(test)]
mod tests;
