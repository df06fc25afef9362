//! The answer, with the values put back.

use std::rc::Rc;

use weir_intake::plain_encoding;
use weir_llm_api::error::{Reason, Refusal};
use weir_llm_api::json;
use weir_llm_api::sse::{Fate, Reader, Sink};
use weir_llm_api::{Answer, Api, Edit, splice};
use weir_pii::Restorer;
use weir_policy::{ChunkAnswer, Headers, ResponseAnswer};

use crate::channels::Channels;
use crate::config::Action;
use crate::leak::Leaks;
use crate::tally::Tally;

/// An answer as far as it has come.
#[derive(Debug)]
pub(crate) struct Restoring {
    api: Api,
    channels: Channels,
    shape: Shape,
    limit: usize,
    /// Why placeholders may be left in it.
    unread: Option<&'static str>,
}

#[derive(Debug)]
enum Shape {
    /// Server-sent events.
    Events(Box<Reader>),
    /// JSON, to be shown as a whole.
    Json,
    /// Ended by us: nothing of what still comes passes.
    Blocked,
    /// Nothing to be read, or no more.
    None,
}

impl Restoring {
    /// Before any answer, which is to be `json` or not. `limit`: the longest event read, and by
    /// how much the answer may grow.
    pub(crate) fn new(
        api: Api,
        json: bool,
        restorer: Restorer,
        leaks: Option<(Rc<Leaks>, bool)>,
        limit: usize,
    ) -> Self {
        Self {
            api,
            channels: Channels::new(api, json, restorer, leaks, limit),
            shape: Shape::None,
            limit,
            unread: None,
        }
    }

    /// The answer's headers are there.
    pub(crate) fn begin(&mut self, headers: &Headers, end: bool) -> ResponseAnswer {
        if end {
            return ResponseAnswer::Pass;
        }
        let media = headers.text("content-type").unwrap_or_default();
        let media = media.split(';').next().unwrap_or_default().trim();
        let is = |expected: &str| media.eq_ignore_ascii_case(expected);
        if !plain_encoding(headers) {
            self.unread = Some("it is compressed");
        } else if is("text/event-stream") {
            self.shape = Shape::Events(Box::new(Reader::new(self.limit)));
            return ResponseAnswer::Edit;
        } else if is("application/json") || media.ends_with("+json") {
            self.shape = Shape::Json;
            return ResponseAnswer::Whole;
        } else if is("application/vnd.amazon.eventstream") {
            self.unread = Some("it is a binary event stream");
        } else {
            self.unread = Some("its type is unknown");
        }
        ResponseAnswer::Pass
    }

    pub(crate) fn chunk(&mut self, chunk: &[u8], end: bool) -> ChunkAnswer {
        match &mut self.shape {
            Shape::None => ChunkAnswer::Finished,
            Shape::Blocked => ChunkAnswer::Replace(Vec::new()),
            Shape::Json => {
                self.shape = Shape::None;
                let edits = self.edits(chunk);
                if self.channels.blocks() {
                    let (_, body) = self.refusal().render(self.api.dialect());
                    return ChunkAnswer::Replace(body);
                }
                if edits.is_empty() {
                    return ChunkAnswer::Pass;
                }
                ChunkAnswer::Replace(splice(chunk, &edits))
            }
            Shape::Events(reader) => {
                let mut sink = Passing {
                    api: self.api,
                    channels: &mut self.channels,
                    unread: &mut self.unread,
                    out: Vec::with_capacity(chunk.len()),
                };
                reader.feed(chunk, &mut sink);
                if end {
                    reader.finish(&mut sink);
                    let rest = sink.rest();
                    if !rest.is_empty() && !reader.is_between_events() {
                        sink.out.extend_from_slice(b"\n\n");
                    }
                    sink.out.extend(rest);
                }
                let mut out = sink.out;
                if self.channels.blocks() {
                    self.shape = Shape::Blocked;
                    out.extend(self.refusal().event(self.api));
                }
                ChunkAnswer::Replace(out)
            }
        }
    }

    /// Whether the answer is JSON, as a whole.
    pub(crate) fn is_json(&self) -> bool {
        matches!(self.shape, Shape::None | Shape::Json)
    }

    /// Whether the answer was ended by us.
    pub(crate) fn blocks(&self) -> bool {
        self.channels.blocks()
    }

    /// What the caller is told in place of an answer.
    fn refusal(&self) -> Refusal {
        let blocked = self.channels.tally.by_type(Some(Action::Block));
        let shown = blocked.replace('=', ": ").replace(',', ", ");
        let text = format!("The answer holds data that must not be sent on ({shown}).");
        Refusal::new(Reason::PermissionDenied, text)
    }

    /// What was found in the answer itself.
    pub(crate) fn tally(&self) -> &Tally {
        &self.channels.tally
    }

    /// Why placeholders may be left in an answer that is over, `complete` or broken off.
    pub(crate) fn unread(&self, complete: bool) -> Option<&'static str> {
        match self.shape {
            // It was never shown.
            Shape::Json if complete => Some("it is too long"),
            _ => self.unread,
        }
    }

    /// The edits of a JSON answer.
    fn edits(&mut self, body: &[u8]) -> Vec<Edit> {
        let Some(elements) = json::elements(body) else {
            let mut event = self.channels.event(false);
            let read = Answer::read(self.api, body, &mut event);
            let (_, edits) = event.finish(body);
            if read.is_err() {
                self.unread = Some("it is no JSON object");
            }
            return edits;
        };
        // Gemini streams a list of answers when it is not asked for events. Its texts run on from
        // one to the next.
        let mut edits = Vec::new();
        let mut ends = Vec::new();
        for element in elements {
            let json = body.get(element.clone()).unwrap_or_default();
            let mut event = self.channels.event(true);
            if Answer::read(self.api, json, &mut event).is_err() {
                self.unread = Some("it is no JSON object");
            }
            event.ends(element.start, &mut ends);
            let (_, of_element) = event.finish(json);
            ends.retain(|(channel, _)| self.channels.is_open(*channel));
            let moved = |edit: Edit| {
                let span = edit.span.start + element.start..edit.span.end + element.start;
                Edit::new(span, edit.with)
            };
            edits.extend(of_element.into_iter().map(moved));
        }
        for (channel, rest) in self.channels.leftovers() {
            let last = ends.iter().find(|(known, _)| *known == channel);
            edits.extend(last.map(|&(_, end)| Edit::new(end..end, rest)));
        }
        edits.sort_by_key(|edit| edit.span.start);
        edits
    }
}

/// Passes events on with the values in them.
struct Passing<'a> {
    api: Api,
    channels: &'a mut Channels,
    unread: &'a mut Option<&'static str>,
    out: Vec<u8>,
}

impl Passing<'_> {
    /// Events with all that is held back, unless it must not be let out.
    fn rest(&mut self) -> Vec<u8> {
        let rest = self.channels.flush();
        match self.channels.blocks() {
            true => Vec::new(),
            false => rest,
        }
    }
}

impl Sink for Passing<'_> {
    fn pass(&mut self, bytes: &[u8]) {
        if !self.channels.blocks() {
            self.out.extend_from_slice(bytes);
        }
    }

    fn data(&mut self, json: &[u8]) -> Fate {
        if self.channels.blocks() {
            return Fate::Drop;
        }
        let mut event = self.channels.event(true);
        // What was read before a fault has been taken in, and so has to be written.
        if Answer::read(self.api, json, &mut event).is_err() {
            *self.unread = Some("an event of it is no JSON object");
        }
        let (before, edits) = event.finish(json);
        if self.channels.blocks() {
            return Fate::Drop;
        }
        if self.channels.crowded {
            *self.unread = Some("it has too many texts at a time");
        }
        match (before.is_empty(), edits.is_empty()) {
            (true, true) => Fate::Pass,
            (true, false) => Fate::Edit(edits),
            (false, _) => Fate::Insert(before, edits),
        }
    }

    fn word(&mut self) {
        let rest = self.rest();
        self.out.extend(rest);
    }

    fn oversize(&mut self) {
        *self.unread = Some("an event of it is too long");
    }
}
