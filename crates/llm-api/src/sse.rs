//! The one reader of server-sent events (WHATWG HTML, section 9.2).
//!
//! A push machine: bytes go in as they come, cut anywhere, and come out at once, in order. Only
//! an event that may have a JSON object for its data is held back, from its first field on, for
//! nobody can use it yet; it is let go the moment the object's last brace is there, whether or
//! not the line has ended. So a stream that ends without a blank line, or in trailers, loses
//! nothing that anybody could have read. Comments between events, and what is no event at all,
//! pass at once.
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

    /// The JSON object of an event: says what becomes of the event.
    fn data(&mut self, json: &[u8]) -> Fate;

    /// Data that is no JSON object has begun, `[DONE]` most often. Nothing of its event has been
    /// passed, so that what belongs before it can be.
    fn word(&mut self) {}

    /// `[DONE]`, which has been passed.
    fn done(&mut self) {}

    /// An event was longer than the limit and passed unread.
    fn oversize(&mut self) {}
}

/// What becomes of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It passes as it came.
    Pass,
    /// It passes with these edits to its JSON, in order. One that would reach over a line end of
    /// the event is not made.
    Edit(Vec<Edit>),
    /// These bytes, whole events, pass before it; then it passes with these edits.
    Insert(Vec<u8>, Vec<Edit>),
    /// It is left out, from its first field to the blank line behind it.
    Drop,
}

/// State between two chunks.
#[derive(Clone, Debug)]
pub struct Reader {
    line: Line,
    /// The field name so far, with room for a byte order mark before it.
    field: Vec<u8>,
    event: Event,
    /// Raw bytes held back, from the first byte of the event on.
    held: Vec<u8>,
    /// Where the JSON stands in `held`: one range per `data:` line.
    pieces: Vec<Range<usize>>,
    nesting: Nesting,
    /// The beginning of data that is not JSON: perhaps `[DONE]`.
    word: Vec<u8>,
    /// The last byte was a `\r`, so that a `\n` would be a part of its line end.
    after_cr: After,
    /// Something other than white space has been fed.
    began: bool,
    limit: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    Start,
    Field,
    /// Behind `data:`, where one space may stand.
    Space,
    Data,
    /// The value of any other field.
    Value,
    /// A comment, or a line that is no field of an event.
    Foreign,
}

/// What is known of the current event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    /// Its data has not begun; what there is of it is held.
    New,
    /// An unfinished JSON object, held.
    Json,
    /// Something else.
    Word,
    /// Read or given up: the rest passes.
    Over,
    /// Left out, with the rest of it.
    Dropped,
}

/// What a line feed would be part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum After {
    /// A line end of its own.
    Other,
    /// A line end whose `\r` has been dealt with as all of this event.
    Cr,
    /// The end of an event that is left out.
    DroppedCr,
}

/// The fields of an event. What else begins a line is none.
const FIELDS: [&[u8]; 4] = [b"data", b"event", b"id", b"retry"];
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

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
            after_cr: After::Other,
            began: false,
            limit,
        }
    }

    /// Feeds the next bytes.
    pub fn feed(&mut self, mut bytes: &[u8], sink: &mut dyn Sink) {
        self.began |= !bytes.iter().all(u8::is_ascii_whitespace);
        while let Some(&byte) = bytes.first() {
            let after_cr = std::mem::replace(&mut self.after_cr, After::Other);
            let taken = match (byte, self.line) {
                (b'\n', _) if after_cr != After::Other => {
                    if after_cr == After::Cr {
                        self.emit(b"\n", sink);
                    }
                    1
                }
                (b'\n' | b'\r', _) => {
                    self.line_end(byte, sink);
                    1
                }
                (b' ', Line::Space) => {
                    self.line = Line::Data;
                    self.emit(b" ", sink);
                    1
                }
                (_, Line::Space | Line::Data) => {
                    self.line = Line::Data;
                    let line = rest_of_line(bytes);
                    self.data(line, sink);
                    line.len()
                }
                (_, Line::Value | Line::Foreign) => {
                    let line = rest_of_line(bytes);
                    self.emit(line, sink);
                    line.len()
                }
                (_, Line::Start | Line::Field) => {
                    self.field_byte(byte, sink);
                    self.emit(&[byte], sink);
                    1
                }
            };
            bytes = bytes.get(taken..).unwrap_or_default();
        }
    }

    /// The stream has ended: lets go of what is held.
    pub fn finish(&mut self, sink: &mut dyn Sink) {
        self.word_end(sink);
        self.release(&[], sink);
    }

    /// Whether the last event is over: an event could begin here.
    pub fn is_between_events(&self) -> bool {
        self.line == Line::Start && self.event == Event::New && self.held.is_empty()
    }

    /// Whether bytes are held back.
    pub fn is_holding(&self) -> bool {
        !self.held.is_empty()
    }

    /// Whether nothing has been fed but white space.
    pub fn is_new(&self) -> bool {
        !self.began
    }

    /// How many bytes of memory it takes to hold them.
    pub fn memory(&self) -> usize {
        self.held.capacity()
    }

    /// The JSON of an event that has not ended, as far as it came.
    pub fn unfinished(&self) -> Option<Vec<u8>> {
        (!self.pieces.is_empty()).then(|| self.joined())
    }

    /// A byte of a field's name, or the colon behind it.
    fn field_byte(&mut self, byte: u8, sink: &mut dyn Sink) {
        self.line = Line::Field;
        let name = |field: &[u8]| {
            let bare = field.strip_prefix(BYTE_ORDER_MARK).unwrap_or(field);
            FIELDS.iter().find(|known| known.starts_with(bare)).copied()
        };
        if byte == b':' {
            self.line = match name(&self.field) {
                _ if self.field.is_empty() => Line::Foreign,
                Some(b"data") if self.field.ends_with(b"data") => Line::Space,
                _ => Line::Value,
            };
            return;
        }
        self.field.push(byte);
        if name(&self.field).is_none() && !BYTE_ORDER_MARK.starts_with(&self.field) {
            self.line = Line::Foreign;
            if self.event == Event::New {
                self.release(&[], sink);
            }
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
    fn line_end(&mut self, end: u8, sink: &mut dyn Sink) {
        self.word_end(sink);
        self.after_cr = match (end, self.event) {
            (b'\n', _) => After::Other,
            (_, Event::Dropped) => After::DroppedCr,
            _ => After::Cr,
        };
        if self.line == Line::Start {
            if self.event != Event::Dropped {
                self.release(&[], sink);
                sink.pass(&[end]);
            }
            self.event = Event::New;
        } else {
            self.emit(&[end], sink);
        }
        self.line = Line::Start;
        self.field.clear();
    }

    /// Bytes that are no JSON: passed, held behind what is, or left out.
    fn emit(&mut self, bytes: &[u8], sink: &mut dyn Sink) {
        let between = matches!(self.line, Line::Start | Line::Foreign) && self.held.is_empty();
        match self.event {
            Event::New if between => sink.pass(bytes),
            Event::New | Event::Json => self.hold(bytes, sink),
            // Behind a last brace what was held has been let go.
            Event::Word | Event::Over => sink.pass(bytes),
            Event::Dropped => {}
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
                        sink.word();
                        self.release(&[], sink);
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
            Event::Over | Event::Dropped => self.emit(line, sink),
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
            let fate = match self.pieces.as_slice() {
                [whole] => sink.data(self.held.get(whole.clone()).unwrap_or_default()),
                _ => sink.data(&self.joined()),
            };
            match fate {
                Fate::Pass => self.release(&[], sink),
                Fate::Edit(edits) => self.release(&self.brought_home(edits), sink),
                Fate::Insert(before, edits) => {
                    sink.pass(&before);
                    self.release(&self.brought_home(edits), sink);
                }
                Fate::Drop => {
                    self.event = Event::Dropped;
                    self.held.clear();
                    self.pieces.clear();
                }
            }
        }
        self.emit(rest, sink);
    }

    /// Data spread over several lines, in one.
    fn joined(&self) -> Vec<u8> {
        let lines: Vec<&[u8]> = self
            .pieces
            .iter()
            .map(|piece| self.held.get(piece.clone()).unwrap_or_default())
            .collect();
        lines.join(&b'\n')
    }

    /// Edits of the JSON as edits of the raw bytes, as far as each stands within one line.
    fn brought_home(&self, mut edits: Vec<Edit>) -> Vec<Edit> {
        edits.retain_mut(|edit| {
            let mut start = 0;
            for piece in &self.pieces {
                let end = start + piece.len();
                if start <= edit.span.start && edit.span.end <= end {
                    edit.span =
                        edit.span.start - start + piece.start..edit.span.end - start + piece.start;
                    return true;
                }
                start = end + 1;
            }
            false
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

fn rest_of_line(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().position(|&b| b == b'\n' || b == b'\r');
    bytes.get(..end.unwrap_or(bytes.len())).unwrap_or(bytes)
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

    /// Makes the value of `m` longer, leaves out events with a `drop`, puts one in before those
    /// with a `late` and before words, and keeps what it saw.
    #[derive(Default)]
    struct Probe {
        out: Vec<u8>,
        seen: Vec<String>,
    }

    impl Sink for Probe {
        fn pass(&mut self, bytes: &[u8]) {
            self.out.extend_from_slice(bytes);
        }

        fn data(&mut self, json: &[u8]) -> Fate {
            let text = String::from_utf8_lossy(json).into_owned();
            let fate = match text.find("\"m\":\"x\"") {
                Some(at) => Fate::Edit(vec![Edit::new(at + 5..at + 6, "LONG")]),
                None if text.contains("drop") => Fate::Drop,
                None if text.contains("late") => {
                    let at = text.find("1").unwrap();
                    Fate::Insert(b"IN;".to_vec(), vec![Edit::new(at..at + 1, "22")])
                }
                None => Fate::Pass,
            };
            self.seen.push(text);
            fate
        }

        fn word(&mut self) {
            if self.seen.iter().any(|seen| seen.contains("held")) {
                self.pass(b"REST;");
            }
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
        (
            "data: {\"a\":1}\n\nevent: e\nid: 7\ndata: {\"drop\":1} \nretry: 1\n: gone\n\ndata: {}\n\n",
            "data: {\"a\":1}\n\ndata: {}\n\n",
            &["{\"a\":1}", "{\"drop\":1}", "{}"],
        ),
        (
            ": ping\ndata: {\"drop\":\ndata: 1}\n\n: ping\n\ndata: [DONE]\n\n",
            ": ping\n: ping\n\ndata: [DONE]\n\n",
            &["{\"drop\":\n1}", "DONE"],
        ),
        ("data: {\"drop\":1}", "", &["{\"drop\":1}"]),
        (
            "data: {}\n\n: ping\nevent: e\nid: 7\ndata: {\"late\":1}\n\n",
            "data: {}\n\n: ping\nIN;event: e\nid: 7\ndata: {\"late\":22}\n\n",
            &["{}", "{\"late\":1}"],
        ),
        (
            "data: {\"held\":1}\n\nid: 7\ndata: [DONE]\n\n",
            "data: {\"held\":1}\n\nREST;id: 7\ndata: [DONE]\n\n",
            &["{\"held\":1}", "DONE"],
        ),
        (
            "data: {\"drop\":1}\n\n\n\ndata: {}\n\n",
            "\n\ndata: {}\n\n",
            &["{\"drop\":1}", "{}"],
        ),
        (
            "event: e\nfoo: bar\ndata: {}\n\nevent: f\n\nid\n\n",
            "event: e\nfoo: bar\ndata: {}\n\nevent: f\n\nid\n\n",
            &["{}"],
        ),
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
    fn an_event_can_begin_between_events_alone() {
        let (mut reader, mut probe) = (Reader::new(64), Probe::default());
        assert!(reader.is_between_events());
        for (chunk, between) in [
            ("data: {}", false),
            ("\n", false),
            ("\n", true),
            (": ping", false),
            ("\n", true),
            ("event: x\n", false),
            ("data: [DONE]\r\r", true),
        ] {
            reader.feed(chunk.as_bytes(), &mut probe);
            assert_eq!(reader.is_between_events(), between, "after {chunk:?}");
        }
    }

    #[test]
    fn only_unfinished_json_is_held() {
        let (mut reader, mut probe) = (Reader::new(64), Probe::default());
        for (chunk, held) in [
            (": ping", false),
            ("\n\nda", true),
            ("ta: ", true),
            ("{\"a\"", true),
            (":1}", false),
            ("\n\nevent: x", true),
            ("\n: ping", true),
            ("\ndata: [", false),
            ("DO", false),
            ("\n\n{\"no\": ", false),
        ] {
            reader.feed(chunk.as_bytes(), &mut probe);
            assert_eq!(reader.is_holding(), held, "after {chunk:?}");
        }
        let expected = ": ping\n\ndata: {\"a\":1}\n\nevent: x\n: ping\ndata: [DO\n\n{\"no\": ";
        assert_eq!(String::from_utf8_lossy(&probe.out), expected);
    }
}
