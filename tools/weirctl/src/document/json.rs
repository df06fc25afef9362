//! JSON with places. It takes what `serde_json` takes, and keeps keys that stand there twice.

use super::{Entry, Frame, MAX_DEPTH, Mark, Node, Unreadable, Value};

/// Reads a text that is one JSON value.
///
/// # Errors
/// The first thing that is no JSON.
pub fn read(text: &str) -> Result<Node, Unreadable> {
    let mut reader = Reader {
        rest: text,
        mark: Mark::START,
    };
    reader.space();
    let node = reader.node(0)?;
    reader.space();
    match reader.rest {
        "" => Ok(node),
        _ => reader.fail("something stands behind the end"),
    }
}

struct Reader<'a> {
    rest: &'a str,
    mark: Mark,
}

impl<'a> Reader<'a> {
    fn fail<T>(&self, message: &str) -> Result<T, Unreadable> {
        Err(Unreadable {
            mark: self.mark,
            message: message.to_owned(),
        })
    }

    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    /// Takes so many bytes.
    fn take(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, ""));
        for c in taken.chars() {
            if c == '\n' {
                self.mark = Mark {
                    line: self.mark.line + 1,
                    column: 1,
                };
            } else {
                self.mark.column += 1;
            }
        }
        self.rest = rest;
        taken
    }

    fn space(&mut self) {
        let space = |c: char| matches!(c, ' ' | '\t' | '\n' | '\r');
        let length = self.rest.find(|c| !space(c)).unwrap_or(self.rest.len());
        self.take(length);
    }

    fn token(&mut self, token: &str) -> bool {
        let found = self.rest.starts_with(token);
        if found {
            self.take(token.len());
            self.space();
        }
        found
    }

    fn node(&mut self, depth: usize) -> Result<Node, Unreadable> {
        if depth > MAX_DEPTH {
            return self.fail("nested too deep");
        }
        let mark = self.mark;
        let value = match self.peek() {
            Some('{') => self.map(depth)?,
            Some('[') => self.list(depth)?,
            Some('"') => {
                let inside = Mark {
                    column: mark.column + 1,
                    ..mark
                };
                Value::Text(self.string()?, Frame::Inline(inside))
            }
            _ => self.word()?,
        };
        Ok(Node { mark, value })
    }

    fn map(&mut self, depth: usize) -> Result<Value, Unreadable> {
        self.token("{");
        let mut entries = Vec::new();
        if self.token("}") {
            return Ok(Value::Map(entries));
        }
        loop {
            let mark = self.mark;
            let key = self.string()?;
            self.space();
            if !self.token(":") {
                return self.fail("a `:` is missing");
            }
            let node = self.node(depth + 1)?;
            entries.push(Entry { key, mark, node });
            self.space();
            if self.token("}") {
                return Ok(Value::Map(entries));
            }
            if !self.token(",") {
                return self.fail("a `,` or `}` is missing");
            }
        }
    }

    fn list(&mut self, depth: usize) -> Result<Value, Unreadable> {
        self.token("[");
        let mut list = Vec::new();
        if self.token("]") {
            return Ok(Value::List(list));
        }
        loop {
            list.push(self.node(depth + 1)?);
            self.space();
            if self.token("]") {
                return Ok(Value::List(list));
            }
            if !self.token(",") {
                return self.fail("a `,` or `]` is missing");
            }
        }
    }

    fn string(&mut self) -> Result<String, Unreadable> {
        if self.peek() != Some('"') {
            return self.fail("a text in quotes is missing");
        }
        let mut escaped = false;
        let inside = self.rest.char_indices().skip(1);
        let end = inside.into_iter().find(|(_, c)| {
            let ends = *c == '"' && !escaped;
            escaped = *c == '\\' && !escaped;
            ends
        });
        let Some((end, _)) = end else {
            return self.fail("a text does not end");
        };
        let quoted = self.rest.get(..=end).unwrap_or_default();
        let Ok(text) = serde_json::from_str(quoted) else {
            return self.fail("a text cannot be read");
        };
        self.take(end + 1);
        Ok(text)
    }

    fn word(&mut self) -> Result<Value, Unreadable> {
        let ends = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
        let length = self.rest.find(ends).unwrap_or(self.rest.len());
        let word = self.rest.get(..length).unwrap_or_default();
        let value = match word {
            "null" => Value::Null,
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            _ if serde_json::from_str::<serde_json::Number>(word).is_ok() => {
                Value::Number(word.to_owned())
            }
            _ => return self.fail("this is no value"),
        };
        self.take(length);
        Ok(value)
    }
}
