//! The one reader of server-sent events (WHATWG HTML, section 9.2).
//!
//! A push machine: bytes go in as they come, cut anywhere, and come out at once, in order. Only
//! the data of an event that is an unfinished JSON object is held back, for nobody can use it
//! yet; it is let go the moment its last brace is there, whether or not the line has ended. So
//! a stream that ends without a blank line, or in trailers, loses nothing.
//!
//! Line ends may be `\n`, `\r\n` or `\r`; `data:` may have its space or not; an event's JSON may
//! be spread over several `data:` lines; comments, other fields and a byte order mark pass.
//! Data that is no JSON object passes unread, but for `[DONE]`, which is reported.

use std::ops::Range;

use crate::json::plain_run;
use crate::splice::{Edit, splice};

/// What the reader hands over.
pub trait Sink {
    /// Bytes to go on to the client. A sink that only reads ignores them.
    fn pass(&mut self, bytes: &[u8]);

    /// The JSON object of an event. Returns the edits to make in it, in order; each must stay
    /// within one string.
    fn data(&mut self, json: &[u8]) -> Vec<Edit>;

    /// `[DONE]`, which has been passed.
    fn done(&mut self) {}

    /// The data of an event was longer than the limit and passed unread.
    fn oversize(&mut self) {}
}

/// State between two chunks.
#[derive(Clone, Debug)]
pub struct Reader {
    line: Line,
    /// The field name so far, with room for a byte order mark before `data`.
    field: Vec<u8>,
    event: Event,
    /// Raw bytes held back, from the first byte of the data on.
    held: Vec<u8>,
    /// Where the data stands in `held`: one range per `data:` line.
    pieces: Vec<Range<usize>>,
    nesting: Nesting,
    /// The beginning of data that is not JSON: perhaps `[DONE]`.
    word: Vec<u8>,
    after_cr: bool,
    limit: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    Start,
    Field,
    /// Behind `data:`, where one space may stand.
    Space,
    Data,
    /// The value of any other field, or a comment.
    Other,
}

/// What is known of the current event's data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    /// Nothing yet.
    New,
    /// An unfinished JSON object, held.
    Json,
    /// Something else.
    Word,
    /// Read or given up: the rest passes.
    Over,
}

impl Reader {
    /// A reader that holds at most `limit` bytes of one event.
    pub fn new(limit: usize) -> Self {
        Self {
            line: Line::Start,
            field: Vec::new(),
            event: Event::New,
            held: Vec::new(),
            pieces: Vec::new(),
            nesting: Nesting::default(),
            word: Vec::new(),
            after_cr: false,
            limit,
        }
    }

    /// Feeds the next bytes.
    pub fn feed(&mut self, mut bytes: &[u8], sink: &mut dyn Sink) {
        while let Some(&byte) = bytes.first() {
            let taken = match self.line {
                _ if self.after_cr && byte == b'\n' => {
                    self.after_cr = false;
                    1
                }
                _ if byte == b'\n' || byte == b'\r' => {
                    self.after_cr = byte == b'\r';
                    self.line_end(sink);
                    1
                }
                Line::Data => {
                    self.after_cr = false;
                    let end = line_end(bytes);
                    let line = bytes.get(..end).unwrap_or(bytes);
                    self.data(line, sink);
                    bytes = bytes.get(end..).unwrap_or_default();
                    continue;
                }
                Line::Other => {
                    self.after_cr = false;
                    line_end(bytes)
                }
                Line::Space if byte == b' ' => {
                    self.line = Line::Data;
                    1
                }
                Line::Space => {
                    self.line = Line::Data;
                    continue;
                }
                Line::Start | Line::Field => {
                    self.after_cr = false;
                    self.field_byte(byte);
                    1
                }
            };
            let (passing, rest) = bytes.split_at_checked(taken).unwrap_or((bytes, b""));
            self.emit(passing, sink);
            bytes = rest;
        }
    }

    /// The stream has ended: lets go of what is held.
    pub fn finish(&mut self, sink: &mut dyn Sink) {
        self.word_end(sink);
        self.release(&[], sink);
    }

    /// Whether bytes are held back.
    pub fn is_holding(&self) -> bool {
        !self.held.is_empty()
    }

    fn field_byte(&mut self, byte: u8) {
        self.line = Line::Field;
        if byte == b':' {
            let name = self
                .field
                .strip_prefix(b"\xef\xbb\xbf")
                .unwrap_or(&self.field);
            self.line = if name == b"data" {
                Line::Space
            } else {
                Line::Other
            };
        } else if self.field.len() < 8 {
            self.field.push(byte);
        }
    }

    /// Reports `[DONE]` once its line is known to hold nothing else.
    fn word_end(&mut self, sink: &mut dyn Sink) {
        if self.word.trim_ascii_end() == b"[DONE]" {
            sink.done();
        }
        self.word.clear();
    }

    /// The line ended; a blank one ends the event.
    fn line_end(&mut self, sink: &mut dyn Sink) {
        self.word_end(sink);
        if self.line == Line::Start {
            self.release(&[], sink);
            self.event = Event::New;
        }
        self.line = Line::Start;
        self.field.clear();
    }

    /// Bytes outside of data: passed, or held behind data that is.
    fn emit(&mut self, bytes: &[u8], sink: &mut dyn Sink) {
        if self.held.is_empty() {
            sink.pass(bytes);
        } else {
            self.hold(bytes, sink);
        }
    }

    fn hold(&mut self, bytes: &[u8], sink: &mut dyn Sink) {
        self.held.extend_from_slice(bytes);
        if self.held.len() > self.limit {
            self.release(&[], sink);
            self.event = Event::Over;
            sink.oversize();
        }
    }

    /// A piece of the data of one line.
    fn data(&mut self, line: &[u8], sink: &mut dyn Sink) {
        match self.event {
            Event::New => match line.iter().position(|b| !b.is_ascii_whitespace()) {
                None => self.emit(line, sink),
                Some(at) => {
                    let (space, rest) = line.split_at_checked(at).unwrap_or((line, b""));
                    self.emit(space, sink);
                    if rest.first() == Some(&b'{') {
                        self.event = Event::Json;
                        self.nesting = Nesting::default();
                    } else {
                        self.event = Event::Word;
                    }
                    self.data(rest, sink);
                }
            },
            Event::Json => self.json(line, sink),
            Event::Word => {
                let room = 8_usize.saturating_sub(self.word.len());
                self.word.extend(line.iter().take(room));
                self.emit(line, sink);
            }
            Event::Over => self.emit(line, sink),
        }
    }

    fn json(&mut self, line: &[u8], sink: &mut dyn Sink) {
        let end = self.nesting.feed(line);
        let (json, rest) = line
            .split_at_checked(end.unwrap_or(line.len()))
            .unwrap_or((line, b""));
        let start = self.held.len();
        let piece = start..start + json.len();
        // Bytes of one line that came in two chunks are one piece.
        match self.pieces.last_mut() {
            Some(last) if last.end == start => last.end = piece.end,
            _ => self.pieces.push(piece),
        }
        self.hold(json, sink);
        if self.event == Event::Json && end.is_some() {
            self.event = Event::Over;
            let edits = match self.pieces.as_slice() {
                [whole] if *whole == (0..self.held.len()) => sink.data(&self.held),
                _ => self.joined(sink),
            };
            self.release(&edits, sink);
        }
        self.emit(rest, sink);
    }

    /// Reads data spread over several lines and brings its edits home to the raw bytes.
    fn joined(&self, sink: &mut dyn Sink) -> Vec<Edit> {
        let mut json = Vec::with_capacity(self.held.len());
        let mut starts = Vec::with_capacity(self.pieces.len());
        for piece in &self.pieces {
            if !starts.is_empty() {
                json.push(b'\n');
            }
            starts.push(json.len());
            json.extend_from_slice(self.held.get(piece.clone()).unwrap_or_default());
        }
        let mut edits = sink.data(&json);
        edits.retain_mut(|edit| {
            let home = starts.iter().zip(&self.pieces).find(|(start, piece)| {
                (**start..=**start + piece.len()).contains(&edit.span.start)
                    && edit.span.end <= **start + piece.len()
            });
            if let Some((start, piece)) = home {
                edit.span =
                    edit.span.start - start + piece.start..edit.span.end - start + piece.start;
            }
            home.is_some()
        });
        edits
    }

    fn release(&mut self, edits: &[Edit], sink: &mut dyn Sink) {
        if !self.held.is_empty() {
            if edits.is_empty() {
                sink.pass(&self.held);
            } else {
                sink.pass(&splice(&self.held, edits));
            }
            self.held.clear();
        }
        self.pieces.clear();
    }
}

fn line_end(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .position(|&b| b == b'\n' || b == b'\r')
        .unwrap_or(bytes.len())
}

/// Follows the braces of one JSON object.
#[derive(Clone, Copy, Debug, Default)]
struct Nesting {
    depth: u32,
    in_string: bool,
    escaped: bool,
}

impl Nesting {
    /// Feeds bytes; returns how many belong to the object, when it ends within them.
    fn feed(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            at += 1;
            if self.escaped {
                self.escaped = false;
            } else if self.in_string {
                match byte {
                    b'\\' => self.escaped = true,
                    b'"' => self.in_string = false,
                    _ => at += plain_run(bytes.get(at..).unwrap_or_default()),
                }
            } else {
                match byte {
                    b'"' => self.in_string = true,
                    b'{' | b'[' => self.depth = self.depth.saturating_add(1),
                    b'}' | b']' => {
                        self.depth = self.depth.saturating_sub(1);
                        if self.depth == 0 {
                            return Some(at);
                        }
                    }
                    _ => {}
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Upper-cases the value of `model` and keeps what it saw.
    #[derive(Default)]
    struct Probe {
        out: Vec<u8>,
        seen: Vec<String>,
    }

    impl Sink for Probe {
        fn pass(&mut self, bytes: &[u8]) {
            self.out.extend_from_slice(bytes);
        }

        fn data(&mut self, json: &[u8]) -> Vec<Edit> {
            let text = String::from_utf8_lossy(json).into_owned();
            let edit = text
                .find("\"m\":\"x\"")
                .map(|at| Edit::new(at + 5..at + 6, "LONG"));
            self.seen.push(text);
            edit.into_iter().collect()
        }

        fn done(&mut self) {
            self.seen.push("DONE".into());
        }

        fn oversize(&mut self) {
            self.seen.push("OVER".into());
        }
    }

    fn run(chunks: &[&[u8]]) -> (String, Vec<String>) {
        let (mut reader, mut probe) = (Reader::new(64), Probe::default());
        for chunk in chunks {
            reader.feed(chunk, &mut probe);
        }
        reader.finish(&mut probe);
        (String::from_utf8(probe.out).unwrap(), probe.seen)
    }

    const CASES: &[(&str, &str, &[&str])] = &[
        ("data: {\"a\":1}\n\n", "data: {\"a\":1}\n\n", &["{\"a\":1}"]),
        (
            "data:{\"m\":\"x\"}\n\ndata: [DONE]\n\n",
            "data:{\"m\":\"LONG\"}\n\ndata: [DONE]\n\n",
            &["{\"m\":\"x\"}", "DONE"],
        ),
        (
            "event: e\nid: 7\ndata: {\"m\":\"x\"}\n: ping\n\n",
            "event: e\nid: 7\ndata: {\"m\":\"LONG\"}\n: ping\n\n",
            &["{\"m\":\"x\"}"],
        ),
        (
            "data: {\"b\":\"}\\\"{\",\ndata: \"m\":\"x\"\ndata:}\n\ndata: {}",
            "data: {\"b\":\"}\\\"{\",\ndata: \"m\":\"LONG\"\ndata:}\n\ndata: {}",
            &["{\"b\":\"}\\\"{\",\n\"m\":\"x\"\n}", "{}"],
        ),
        ("\u{feff}data: {}\n\n", "\u{feff}data: {}\n\n", &["{}"]),
        (
            ": only\n\n\n\ndatax: {}\ndata\ndata:\n\n",
            ": only\n\n\n\ndatax: {}\ndata\ndata:\n\n",
            &[],
        ),
        ("data: {\"cut\":", "data: {\"cut\":", &[]),
        (
            "data: {\"cut\":\n\ndata: {}\n\n",
            "data: {\"cut\":\n\ndata: {}\n\n",
            &["{}"],
        ),
        (
            "data: [DONE] no\n\ndata: [DONE",
            "data: [DONE] no\n\ndata: [DONE",
            &[],
        ),
        (
            "data: \"é\"\n\ndata: {\"é\":\"ü\"} \n\n",
            "data: \"é\"\n\ndata: {\"é\":\"ü\"} \n\n",
            &["{\"é\":\"ü\"}"],
        ),
        ("{\"error\":\"no sse\"}", "{\"error\":\"no sse\"}", &[]),
    ];

    #[test]
    fn every_cut_gives_the_same() {
        for (input, out, seen) in CASES {
            for end in ["\n", "\r\n", "\r"] {
                let input = input.replace('\n', end);
                let expected = (
                    out.replace('\n', end),
                    seen.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>(),
                );
                let bytes = input.as_bytes();
                assert_eq!(run(&[bytes]), expected, "whole {input:?}");
                let single: Vec<&[u8]> = bytes.chunks(1).collect();
                assert_eq!(run(&single), expected, "byte by byte {input:?}");
                for at in 0..bytes.len() {
                    assert_eq!(
                        run(&[&bytes[..at], &bytes[at..]]),
                        expected,
                        "cut at {at} {input:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_long_event_passes_unread_and_the_next_is_read() {
        let input = format!(
            "data: {{\"m\":\"x\",\"a\":\"{}\"}}\n\ndata: {{\"m\":\"x\"}}\n\n",
            "a".repeat(100)
        );
        for size in [1, 7, 1000] {
            let chunks: Vec<&[u8]> = input.as_bytes().chunks(size).collect();
            let (out, seen) = run(&chunks);
            assert_eq!(seen, ["OVER", "{\"m\":\"x\"}"]);
            assert!(out.ends_with("data: {\"m\":\"LONG\"}\n\n"));
            assert_eq!(out.len(), input.len() + 3);
        }
    }

    #[test]
    fn only_unfinished_json_is_held() {
        let (mut reader, mut probe) = (Reader::new(64), Probe::default());
        for (chunk, held) in [
            ("da", false),
            ("ta: ", false),
            ("{\"a\"", true),
            (":1}", false),
            ("\n\nevent: x", false),
            ("\ndata: [DO", false),
        ] {
            reader.feed(chunk.as_bytes(), &mut probe);
            assert_eq!(reader.is_holding(), held, "after {chunk:?}");
        }
        assert_eq!(probe.out, b"data: {\"a\":1}\n\nevent: x\ndata: [DO");
    }
}
