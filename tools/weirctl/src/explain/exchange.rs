//! Requests and answers as they are written down: `request.json`, `answer.json`. YAML will do too.

use std::io;

use crate::document::{Node, Value};

/// One side of an exchange.
#[derive(Clone, Debug, Default)]
pub(super) struct Message {
    pub(super) headers: Vec<(String, Vec<u8>)>,
    pub(super) body: Vec<u8>,
}

impl Message {
    /// The first value of a header as text, or nothing.
    pub(super) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(n, _)| n == name);
        found.map_or("", |(_, v)| std::str::from_utf8(v).unwrap_or_default())
    }
}

/// What Envoy knows of a caller beside the request.
#[derive(Debug, Default)]
pub(super) struct Surroundings {
    source_ip: Option<String>,
    spiffe: Option<String>,
    route: Option<String>,
    jwt: Option<Node>,
    metadata: Option<Node>,
    filter_state: Option<Node>,
}

impl Surroundings {
    /// An attribute of Envoy's.
    pub(super) fn get(&self, path: &[&str]) -> Option<Vec<u8>> {
        const JWT: &str = "envoy.filters.http.jwt_authn";
        let text = |text: &Option<String>| text.clone().map(String::into_bytes);
        let within = |node: Option<&Node>, path: &[&str]| {
            let found = path.iter().try_fold(node?, |node, name| {
                let mut entries = node.entries().iter();
                entries.find(|entry| entry.key == *name).map(|e| &e.node)
            })?;
            found.text().map(|text| text.as_bytes().to_vec())
        };
        match path {
            ["source", "address"] => text(&self.source_ip),
            ["connection", "uri_san_peer_certificate"] => text(&self.spiffe),
            ["xds", "route_name"] => text(&self.route),
            ["filter_state", key] => within(self.filter_state.as_ref(), &[key]),
            // Whatever `payload_in_metadata` is called.
            ["metadata", "filter_metadata", JWT, _, claim @ ..] if self.jwt.is_some() => {
                within(self.jwt.as_ref(), claim)
            }
            ["metadata", "filter_metadata", rest @ ..] => within(self.metadata.as_ref(), rest),
            _ => None,
        }
    }
}

/// Reads a request.
///
/// # Errors
/// What is not as documented, with the file and line.
pub(super) fn request(documents: &[Node], file: &str) -> io::Result<(Message, Surroundings)> {
    const FIELDS: [&str; 10] = [
        "method",
        "path",
        "headers",
        "body",
        "source_ip",
        "spiffe",
        "route",
        "jwt",
        "metadata",
        "filter_state",
    ];
    let node = only(documents, file, &FIELDS)?;
    let text = |field: &str| node.get(field).and_then(Node::text).map(str::to_owned);
    let Some(path) = text("path") else {
        return wrong(file, node, "says no `path`");
    };
    let method = text("method").unwrap_or_else(|| "POST".to_owned());
    let pseudo = [(":method", method), (":path", path)];
    let mut headers: Vec<(String, Vec<u8>)> = pseudo
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.into_bytes()))
        .collect();
    let host = headers_of(node, file, &mut headers)?;
    if !host {
        headers.insert(2, (":authority".to_owned(), b"localhost".to_vec()));
    }
    let body = node.get("body").map(body_of).unwrap_or_default();
    frame(&mut headers, &body, node.get("body"));
    let surroundings = Surroundings {
        source_ip: text("source_ip"),
        spiffe: text("spiffe"),
        route: text("route"),
        jwt: node.get("jwt").cloned(),
        metadata: node.get("metadata").cloned(),
        filter_state: node.get("filter_state").cloned(),
    };
    Ok((Message { headers, body }, surroundings))
}

/// Reads an answer.
///
/// # Errors
/// What is not as documented, with the file and line.
pub(super) fn answer(documents: &[Node], file: &str) -> io::Result<Message> {
    let node = only(documents, file, &["status", "headers", "body", "events"])?;
    let status = node.get("status").and_then(Node::text).unwrap_or("200");
    let mut headers = vec![(":status".to_owned(), status.as_bytes().to_vec())];
    headers_of(node, file, &mut headers)?;
    let mut body = node.get("body").map(body_of).unwrap_or_default();
    if let Some(events) = node.get("events") {
        for event in events.elements() {
            // Anthropic's events have a name, which stands in their data too.
            if let Some(kind) = event.get("type").and_then(Node::text) {
                body.extend(format!("event: {kind}\n").as_bytes());
            }
            body.extend(b"data: ");
            body.extend(body_of(event));
            body.extend(b"\n\n");
        }
        if !headers.iter().any(|(name, _)| name == "content-type") {
            let stream = b"text/event-stream".to_vec();
            headers.push(("content-type".to_owned(), stream));
        }
    } else {
        frame(&mut headers, &body, node.get("body"));
    }
    Ok(Message { headers, body })
}

/// The one document of a file, with nothing in it but these fields.
fn only<'a>(documents: &'a [Node], file: &str, fields: &[&str]) -> io::Result<&'a Node> {
    let [node] = documents else {
        let message = format!("{file}: is not one document");
        return Err(io::Error::other(message));
    };
    if !matches!(node.value, Value::Map(_)) {
        return wrong(file, node, "is no object");
    }
    for entry in node.entries() {
        if !fields.contains(&entry.key.as_str()) {
            let message = format!(
                "unknown field `{}`, expected one of {}",
                entry.key,
                fields.join(", ")
            );
            let place = Node {
                mark: entry.mark,
                value: Value::Null,
            };
            return wrong(file, &place, &message);
        }
    }
    Ok(node)
}

fn wrong<T>(file: &str, node: &Node, message: &str) -> io::Result<T> {
    let line = node.mark.line;
    Err(io::Error::other(format!("{file}:{line}: {message}")))
}

/// Adds the headers that are written; says whether the host is among them.
fn headers_of(node: &Node, file: &str, headers: &mut Vec<(String, Vec<u8>)>) -> io::Result<bool> {
    let mut host = false;
    for entry in node.get("headers").map_or(&[][..], Node::entries) {
        let mut name = entry.key.to_ascii_lowercase();
        if name == "host" {
            name = ":authority".to_owned();
        }
        host |= name == ":authority";
        let values = match &entry.node.value {
            Value::List(list) => list.iter().collect(),
            _ => vec![&entry.node],
        };
        for value in values {
            let Some(text) = value.text() else {
                return wrong(file, value, "a header is a text or a list of them");
            };
            headers.push((name.clone(), text.as_bytes().to_vec()));
        }
    }
    Ok(host)
}

/// A text as it is, anything else as JSON.
fn body_of(node: &Node) -> Vec<u8> {
    match &node.value {
        Value::Text(text, _) => text.clone().into_bytes(),
        Value::Null => Vec::new(),
        _ => node.json().into_bytes(),
    }
}

/// Adds the headers of a body that nobody wrote down.
fn frame(headers: &mut Vec<(String, Vec<u8>)>, body: &[u8], written: Option<&Node>) {
    let has = |headers: &[(String, Vec<u8>)], name: &str| headers.iter().any(|(n, _)| n == name);
    let json = written.is_some_and(|node| !matches!(node.value, Value::Null));
    if json && !has(headers, "content-type") {
        let kind = b"application/json".to_vec();
        headers.push(("content-type".to_owned(), kind));
    }
    if json && !has(headers, "content-length") {
        let length = body.len().to_string().into_bytes();
        headers.push(("content-length".to_owned(), length));
    }
}
