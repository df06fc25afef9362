//! The model in the answer: read for the fact, put back as asked when the operator wants it.

use weir_llm_api::json::escape;
use weir_llm_api::sse::{Fate, Reader, Sink};
use weir_llm_api::{Answer, Api, Edit, splice};
use weir_policy::names::{fact, metric};
use weir_policy::{ChunkAnswer, Cx, Headers, Policy, ResponseAnswer};

use crate::ModelRouter;

/// How much of a JSON answer is read for its model when nothing is to be changed in it. The
/// model is among the first fields of every provider but Gemini.
const PREFIX: usize = 16 << 10;
/// Longest event held while its model is put back; a longer one passes as it came.
const MAX_EVENT: usize = 1 << 20;

/// Finds the model in an answer.
#[derive(Debug)]
pub(crate) struct ModelInAnswer {
    api: Api,
    /// What to put in its place.
    restore: Option<String>,
    found: bool,
    shape: Shape,
}

#[derive(Debug)]
enum Shape {
    /// Server-sent events.
    Events(Box<Reader>),
    /// JSON, shown as it passes: the beginning of it.
    Prefix(Vec<u8>),
    /// JSON, shown whole.
    Whole,
}

impl ModelInAnswer {
    /// For an answer with these headers; none when it is nothing we can read. `array`: JSON would
    /// be a list of answers, which is not read.
    pub(crate) fn new(
        api: Api,
        headers: &Headers,
        restore: Option<String>,
        array: bool,
    ) -> (Option<Self>, ResponseAnswer) {
        let media = headers.text("content-type").unwrap_or_default();
        let media = media.split(';').next().unwrap_or_default().trim();
        let editing = restore.is_some();
        let json = media.eq_ignore_ascii_case("application/json");
        let (shape, answer) = if media.eq_ignore_ascii_case("text/event-stream") {
            let reader = Box::new(Reader::new(MAX_EVENT));
            let answer = if editing {
                ResponseAnswer::Edit
            } else {
                ResponseAnswer::Watch
            };
            (Shape::Events(reader), answer)
        } else if json && !array {
            if editing {
                (Shape::Whole, ResponseAnswer::Whole)
            } else {
                (Shape::Prefix(Vec::new()), ResponseAnswer::Watch)
            }
        } else {
            return (None, ResponseAnswer::Pass);
        };
        let reader = Self {
            api,
            restore,
            found: false,
            shape,
        };
        (Some(reader), answer)
    }

    pub(crate) fn chunk(&mut self, cx: &mut Cx<'_>, chunk: &[u8], end: bool) -> ChunkAnswer {
        match &mut self.shape {
            Shape::Whole => match self.restored(cx, chunk) {
                edits if edits.is_empty() => ChunkAnswer::Pass,
                edits => ChunkAnswer::Replace(splice(chunk, &edits)),
            },
            Shape::Prefix(prefix) => {
                let room = PREFIX.saturating_sub(prefix.len());
                prefix.extend(chunk.iter().take(room));
                if !end && prefix.len() < PREFIX {
                    return ChunkAnswer::Pass;
                }
                let prefix = std::mem::take(prefix);
                if let Some(model) = Answer::model_in_prefix(self.api, &prefix) {
                    note(cx, &model);
                }
                ChunkAnswer::Finished
            }
            Shape::Events(reader) => {
                let mut reader = std::mem::replace(reader, Box::new(Reader::new(0)));
                let editing = self.restore.is_some();
                let mut events = Events {
                    answer: self,
                    cx,
                    out: Vec::new(),
                    editing,
                };
                reader.feed(chunk, &mut events);
                if end {
                    reader.finish(&mut events);
                }
                let out = events.out;
                self.shape = Shape::Events(reader);
                match (editing, self.found) {
                    (true, _) => ChunkAnswer::Replace(out),
                    (false, false) => ChunkAnswer::Pass,
                    (false, true) => ChunkAnswer::Finished,
                }
            }
        }
    }

    /// Notes the model of one JSON text and says how to restore it there.
    fn restored(&mut self, cx: &mut Cx<'_>, json: &[u8]) -> Vec<Edit> {
        let Ok(answer) = Answer::read(self.api, json, &mut ()) else {
            return Vec::new();
        };
        let Some(model) = answer.model else {
            return Vec::new();
        };
        if !self.found {
            self.found = true;
            note(cx, &model.decode());
        }
        match &self.restore {
            Some(asked) if *asked != model.decode() => {
                vec![Edit::new(model.span(), escape(asked))]
            }
            _ => Vec::new(),
        }
    }
}

/// Leaves the fact. What a provider sends is bounded and cleaned like anything from outside.
fn note(cx: &mut Cx<'_>, model: &str) {
    let clean: String = model
        .chars()
        .filter(|c| !c.is_control())
        .take(256)
        .collect();
    cx.effects.fact(fact::RESPONSE_MODEL, clean);
}

struct Events<'a, 'b, 'c> {
    answer: &'a mut ModelInAnswer,
    cx: &'b mut Cx<'c>,
    out: Vec<u8>,
    editing: bool,
}

impl Sink for Events<'_, '_, '_> {
    fn pass(&mut self, bytes: &[u8]) {
        if self.editing {
            self.out.extend_from_slice(bytes);
        }
    }

    fn data(&mut self, json: &[u8]) -> Fate {
        if self.answer.found && !self.editing {
            return Fate::Pass;
        }
        Fate::Edit(self.answer.restored(self.cx, json))
    }

    fn oversize(&mut self) {
        self.cx.effects.count(
            metric::UNREADABLE,
            &[
                ("filter", ModelRouter::NAME),
                ("api", self.answer.api.name()),
                ("direction", "response"),
            ],
            1,
        );
    }
}
