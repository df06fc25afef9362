//! YAML as Envoy and Kubernetes read it: aliases are followed, `<<` is a key like any other, and
//! `yes` and `on` are truth values.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, StrInput};

use super::{Entry, Frame, MAX_DEPTH, MAX_NODES, Mark, Node, Unreadable, Value};

/// Reads every document of a text.
///
/// # Errors
/// The first thing that is no YAML, or goes beyond the bounds.
pub fn read(text: &str) -> Result<Vec<Node>, Unreadable> {
    let mut reader = Reader {
        parser: Parser::new_from_str(text),
        anchors: HashMap::new(),
        nodes: 0,
    };
    let mut documents = Vec::new();
    loop {
        match reader.next()? {
            (Event::StreamEnd, _) => return Ok(documents),
            (Event::DocumentStart(_), _) => {
                let (event, span) = reader.next()?;
                documents.push(reader.node(event, span, 0)?);
            }
            _ => {}
        }
    }
}

struct Reader<'a> {
    parser: Parser<'a, StrInput<'a>>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Span), Unreadable> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(unreadable(&error)),
            // The parser ends with an event of its own; this is beyond it.
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn count(&mut self, nodes: usize, mark: Mark) -> Result<(), Unreadable> {
        self.nodes += nodes;
        if self.nodes > MAX_NODES {
            let message = format!("has more than {MAX_NODES} values");
            return Err(Unreadable { mark, message });
        }
        Ok(())
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, Unreadable> {
        let mark = mark(&span);
        if depth > MAX_DEPTH {
            let message = format!("is nested deeper than {MAX_DEPTH}");
            return Err(Unreadable { mark, message });
        }
        self.count(1, mark)?;
        let (anchor, value) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                // `!!str 7` and `! 7` are texts.
                let is_text = tag.is_some_and(|tag| {
                    (tag.handle.is_empty() || tag.handle == "!" || tag.is_yaml_core_schema())
                        && matches!(tag.suffix.as_str(), "" | "!" | "str")
                });
                let value = match style {
                    ScalarStyle::Plain if !is_text => plain(&text, &span),
                    _ => {
                        let frame = frame(&text, style, &span);
                        Value::Text(text.into_owned(), frame)
                    }
                };
                (anchor, value)
            }
            Event::SequenceStart(anchor, _) => {
                let mut list = Vec::new();
                loop {
                    match self.next()? {
                        (Event::SequenceEnd | Event::StreamEnd, _) => break,
                        (event, span) => list.push(self.node(event, span, depth + 1)?),
                    }
                }
                (anchor, Value::List(list))
            }
            Event::MappingStart(anchor, _) => {
                let mut entries = Vec::new();
                loop {
                    let (event, span) = match self.next()? {
                        (Event::MappingEnd | Event::StreamEnd, _) => break,
                        event => event,
                    };
                    let key = self.node(event, span, depth + 1)?;
                    let (event, span) = self.next()?;
                    let node = self.node(event, span, depth + 1)?;
                    entries.push(Entry {
                        mark: key.mark,
                        key: key.text().map_or_else(|| key.json(), str::to_owned),
                        node,
                    });
                }
                (anchor, Value::Map(entries))
            }
            Event::Alias(anchor) => {
                let known = self.anchors.get(&anchor).cloned();
                let node = known.ok_or_else(|| Unreadable {
                    mark,
                    message: "names an anchor that is not there yet".to_owned(),
                })?;
                let mut nodes = 0;
                node.walk(&mut |_| nodes += 1);
                self.count(nodes, mark)?;
                // What an alias stands for stands where it was written first. Its depth counts
                // from here.
                if depth + height(&node) > MAX_DEPTH {
                    let message = format!("is nested deeper than {MAX_DEPTH}");
                    return Err(Unreadable { mark, message });
                }
                return Ok(node);
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::SequenceEnd
            | Event::MappingEnd => (0, Value::Null),
        };
        let node = Node { mark, value };
        if anchor > 0 {
            let mut nodes = 0;
            node.walk(&mut |_| nodes += 1);
            self.count(nodes, mark)?;
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }
}

fn height(node: &Node) -> usize {
    let lists = node.elements().iter();
    let maps = node.entries().iter().map(|entry| &entry.node);
    1 + lists.chain(maps).map(height).max().unwrap_or(0)
}

fn mark(span: &Span) -> Mark {
    Mark {
        line: span.start.line().max(1),
        column: span.start.col() + 1,
    }
}

fn unreadable(error: &ScanError) -> Unreadable {
    Unreadable {
        mark: Mark {
            line: error.marker().line().max(1),
            column: error.marker().col() + 1,
        },
        message: error.info().to_owned(),
    }
}

/// What a scalar without quotes is.
fn plain(text: &str, span: &Span) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => {
            return Value::Bool(true);
        }
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => {
            return Value::Bool(false);
        }
        _ => {}
    }
    let unsigned = text.strip_prefix('+').unwrap_or(text);
    // What JSON takes for a number is one; `007`, `1.` and `.5` stay what they are.
    let begins = unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '-');
    if begins && serde_json::from_str::<serde_json::Number>(unsigned).is_ok() {
        return Value::Number(unsigned.to_owned());
    }
    let frame = frame(text, ScalarStyle::Plain, span);
    Value::Text(text.to_owned(), frame)
}

/// Where the inside of a scalar stands.
fn frame(text: &str, style: ScalarStyle, span: &Span) -> Frame {
    let start = mark(span);
    match style {
        ScalarStyle::Literal => Frame::Block {
            // The span begins at the first line that holds something, the text at the first.
            line: start.line
                - text
                    .chars()
                    .take_while(|&c| c == '\n')
                    .count()
                    .min(start.line - 1),
            indent: start.column - 1,
        },
        ScalarStyle::Folded => Frame::Folded(start),
        _ if span.start.line() != span.end.line() => Frame::Folded(start),
        ScalarStyle::Plain => Frame::Inline(start),
        // An escape in front of a place moves it, which is less wrong than no column at all.
        ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => Frame::Inline(Mark {
            column: start.column + 1,
            ..start
        }),
    }
}
