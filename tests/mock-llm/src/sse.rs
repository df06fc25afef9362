//! Writes server-sent events, in the tidy form and in every odd form seen in the wild.

use bytes::Bytes;

/// One event before it is written.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    /// The `event:` line, for the vendors that send one.
    pub(crate) name: Option<&'static str>,
    /// The `data:` text, on one line.
    pub(crate) data: String,
}

impl Event {
    /// An event with data alone.
    pub(crate) fn data(data: impl Into<String>) -> Self {
        Self {
            name: None,
            data: data.into(),
        }
    }

    /// An event with a name.
    pub(crate) fn named(name: &'static str, data: impl Into<String>) -> Self {
        Self {
            name: Some(name),
            data: data.into(),
        }
    }
}

/// How events are written.
#[derive(Clone, Debug)]
pub(crate) struct Style {
    /// The line end: `\n`, `\r\n` or `\r`.
    pub(crate) line_end: &'static str,
    /// Whether the body ends with an event's blank line, or right after the last data.
    pub(crate) final_newline: bool,
    /// Whether a comment stands between any two events.
    pub(crate) comments: bool,
    /// Whether a space follows `data:` and `event:`.
    pub(crate) space: bool,
    /// Whether the body starts with a byte order mark.
    pub(crate) bom: bool,
    /// Whether the data is split over two `data:` lines, where it has a comma to split at.
    pub(crate) multi_data: bool,
}

impl Default for Style {
    fn default() -> Self {
        Self {
            line_end: "\n",
            final_newline: true,
            comments: false,
            space: true,
            bom: false,
            multi_data: false,
        }
    }
}

/// Writes all events, one piece per event.
pub(crate) fn write(events: &[Event], style: &Style) -> Vec<Bytes> {
    let end = style.line_end;
    let space = if style.space { " " } else { "" };
    let mut pieces = Vec::with_capacity(events.len());
    for (index, event) in events.iter().enumerate() {
        let mut piece = String::with_capacity(event.data.len() + 64);
        if index == 0 && style.bom {
            piece.push('\u{feff}');
        }
        if index > 0 && style.comments {
            piece.push_str(": ping");
            piece.push_str(end);
            piece.push_str(end);
        }
        let mut line = |field: &str, value: &str| {
            for part in [field, ":", space, value, end] {
                piece.push_str(part);
            }
        };
        if let Some(name) = event.name {
            line("event", name);
        }
        match outer_comma(&event.data).filter(|_| style.multi_data) {
            Some(comma) => {
                let (first, second) = event.data.split_at(comma + 1);
                line("data", first);
                line("data", second);
            }
            None => line("data", &event.data),
        }
        if index + 1 < events.len() || style.final_newline {
            piece.push_str(end);
        } else {
            piece.truncate(piece.len() - end.len());
        }
        pieces.push(Bytes::from(piece));
    }
    pieces
}

/// The first comma of a JSON text that is not inside a string. A line end may follow it
/// without changing what the JSON means.
fn outer_comma(json: &str) -> Option<usize> {
    let mut in_string = false;
    let mut escaped = false;
    for (at, byte) in json.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b',' if !in_string => return Some(at),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{Event, Style, write};

    #[test]
    fn styles() {
        let events = [
            Event::named("a", r#"{"x":"1,\",","y":2}"#),
            Event::data("[DONE]"),
        ];
        let table = [
            (
                Style::default(),
                "event: a\ndata: {\"x\":\"1,\\\",\",\"y\":2}\n\ndata: [DONE]\n\n",
            ),
            (
                Style {
                    line_end: "\r\n",
                    final_newline: false,
                    comments: true,
                    space: false,
                    bom: true,
                    multi_data: true,
                },
                "\u{feff}event:a\r\ndata:{\"x\":\"1,\\\",\",\r\ndata:\"y\":2}\r\n\r\n: ping\r\n\r\ndata:[DONE]",
            ),
        ];
        for (style, expected) in table {
            let written = write(&events, &style).concat();
            assert_eq!(String::from_utf8(written).unwrap(), expected, "{style:?}");
        }
    }
}
