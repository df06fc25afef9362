//! The reader of server-sent events.

use serde_json::Value;
use weir_llm_api::Edit;
use weir_llm_api::sse::{Fate, Reader, Sink};

use crate::{choice, pieces};

/// The longest event that is held.
const LIMIT: usize = 200;

/// Writes down all that a reader says, and decides about events by their contents.
#[derive(Default, PartialEq, Eq, Debug)]
struct Seen {
    out: Vec<u8>,
    events: Vec<Vec<u8>>,
    words: usize,
    done: usize,
    oversize: usize,
    edits: bool,
}

impl Sink for Seen {
    fn pass(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    fn data(&mut self, json: &[u8]) -> Fate {
        self.events.push(json.to_vec());
        if !self.edits {
            return Fate::Pass;
        }
        // The byte before the brace decides, as good as chance.
        let end = json.len().saturating_sub(1);
        match json.get(end.saturating_sub(1)).map(|byte| byte % 5) {
            Some(1) => Fate::Edit(vec![Edit::new(end..end, ",\"x\":1")]),
            Some(2) => Fate::Insert(b"data: {}\n\n".to_vec(), vec![Edit::new(0..1, "{ ")]),
            Some(3) => Fate::Drop,
            _ => Fate::Pass,
        }
    }

    fn word(&mut self) {
        self.words += 1;
    }

    fn done(&mut self) {
        self.done += 1;
    }

    fn oversize(&mut self) {
        self.oversize += 1;
    }
}

fn read<'a>(limit: usize, edits: bool, chunks: impl IntoIterator<Item = &'a [u8]>) -> Seen {
    let mut reader = Reader::new(limit);
    let mut seen = Seen {
        edits,
        ..Seen::default()
    };
    let (mut fed, mut most) = (0, 0);
    for chunk in chunks {
        reader.feed(chunk, &mut seen);
        fed += chunk.len();
        most = most.max(chunk.len());
        // What is held is never more than an event may have, and never more than came.
        assert!(
            edits || fed - seen.out.len() <= limit + most,
            "{} of {fed} held",
            fed - seen.out.len()
        );
    }
    reader.finish(&mut seen);
    assert!(!reader.is_holding(), "holds after the end");
    seen
}

/// The JSON objects of a stream, as the standard has them read: WHATWG HTML, section 9.2.6. What
/// is not ended by a blank line counts too, for there are clients that read it.
fn objects(stream: &str) -> Vec<Value> {
    let lines = stream.replace("\r\n", "\n").replace('\r', "\n");
    let lines = lines.strip_prefix('\u{feff}').unwrap_or(&lines);
    let mut found = Vec::new();
    for event in lines.split("\n\n") {
        let fields = event.split('\n').filter_map(|line| match line {
            "data" => Some(""),
            _ => line.strip_prefix("data:"),
        });
        let data: Vec<&str> = fields
            .map(|value| value.strip_prefix(' ').unwrap_or(value))
            .collect();
        let data = serde_json::from_str::<Value>(&data.join("\n"));
        found.extend(data.ok().filter(Value::is_object));
    }
    found
}

/// A stream that is not edited passes to the byte; every JSON object in it is seen; and however it is cut and edited it is read and
/// written the same.
pub fn sse(mut bytes: &[u8]) {
    let limit = [LIMIT, 1 << 20][choice(&mut bytes, 2)];
    let mut rest = bytes;
    let cut = pieces(&mut rest);
    let stream = cut.concat();
    for edits in [false, true] {
        let whole = read(limit, edits, [&stream[..]]);
        if !edits {
            assert_eq!(whole.out, stream, "a byte was changed");
        }
        for json in &whole.events {
            // Brackets are counted and not matched: what is no JSON is for who reads it to say.
            assert!(json.first() == Some(&b'{') && matches!(json.last(), Some(b'}' | b']')));
        }
        assert_eq!(
            read(limit, edits, cut.iter().copied()),
            whole,
            "cut {cut:?}"
        );
        assert_eq!(read(limit, edits, stream.chunks(1)), whole, "byte by byte");
    }
    // None of what clients read is missed; what the reader takes beyond that is no event to them.
    if limit > LIMIT
        && let Ok(text) = std::str::from_utf8(&stream)
    {
        let events = read(limit, false, [&stream[..]]).events;
        let mut read = events
            .iter()
            .map(|json| serde_json::from_slice::<Value>(json));
        for object in objects(text) {
            let found = read.any(|read| read.is_ok_and(|read| read == object));
            assert!(found, "{object} of {text:?}");
        }
    }
}
