//! The answer: read for its usage and its text, rid of the usage nobody asked for.

use weir_intake::plain_encoding;
use weir_llm_api::json::{self, Text};
use weir_llm_api::sse::{self, Fate, Sink};
use weir_llm_api::{Answer, Api, Channel, Edit, Output, Usage, eventstream};
use weir_policy::{ChunkAnswer, Headers, ResponseAnswer};

use crate::spent::AnswerCounter;

/// An answer as far as it has come.
#[derive(Debug)]
pub(crate) struct Reading {
    api: Api,
    shape: Shape,
    limit: usize,
    seen: Seen,
}

/// What an answer has told.
#[derive(Debug)]
pub(crate) struct Seen {
    api: Api,
    pub(crate) usage: Option<Usage>,
    /// Text came after the last report of usage, which is then not the last word.
    pub(crate) text_since: bool,
    /// The text, counted.
    pub(crate) text: AnswerCounter,
    /// The answer is an error, or ended in one.
    pub(crate) failed: bool,
    /// Something could not be read: too long, compressed, of a type nobody knows.
    pub(crate) unread: bool,
    /// Take out the usage that the caller did not ask for.
    strip: bool,
}

#[derive(Debug)]
enum Shape {
    /// Server-sent events.
    Events(Box<sse::Reader>),
    /// AWS's binary framing.
    Binary(Box<eventstream::Reader>),
    /// JSON, gathered while it passes.
    Json(Vec<u8>),
    /// Nothing to be read.
    None,
}

impl Reading {
    /// Before any answer.
    pub(crate) fn new(api: Api, text: AnswerCounter, strip: bool, limit: usize) -> Self {
        Self {
            api,
            shape: Shape::None,
            limit,
            seen: Seen {
                api,
                usage: None,
                text_since: false,
                text,
                failed: false,
                unread: false,
                strip,
            },
        }
    }

    /// The answer's headers are there.
    pub(crate) fn begin(&mut self, headers: &Headers, end: bool) -> ResponseAnswer {
        if let Some(usage) = invoke_usage(self.api, headers) {
            self.seen.usage = Some(usage);
        }
        if end {
            return ResponseAnswer::Pass;
        }
        let media = headers.text("content-type").unwrap_or_default();
        let media = media.split(';').next().unwrap_or_default().trim();
        let is = |expected: &str| media.eq_ignore_ascii_case(expected);
        if !plain_encoding(headers) || self.api == Api::BedrockInvoke {
            self.seen.unread = true;
        } else if is("text/event-stream") {
            self.shape = Shape::Events(Box::new(sse::Reader::new(self.limit)));
            if self.seen.strip {
                return ResponseAnswer::Edit;
            }
        } else if is("application/vnd.amazon.eventstream") {
            self.shape = Shape::Binary(Box::new(eventstream::Reader::new(self.limit)));
        } else if is("application/json") || media.ends_with("+json") {
            self.shape = Shape::Json(Vec::new());
        } else {
            self.seen.unread = true;
        }
        match self.shape {
            Shape::None => ResponseAnswer::Pass,
            _ => ResponseAnswer::Watch,
        }
    }

    pub(crate) fn chunk(&mut self, chunk: &[u8], end: bool) -> ChunkAnswer {
        let seen = &mut self.seen;
        match &mut self.shape {
            Shape::None => return ChunkAnswer::Finished,
            Shape::Json(body) => {
                if body.len() + chunk.len() > self.limit {
                    seen.unread = true;
                    self.shape = Shape::None;
                    return ChunkAnswer::Finished;
                }
                body.extend_from_slice(chunk);
            }
            Shape::Binary(reader) => {
                let read = reader.feed(chunk, |message| {
                    seen.event(message);
                });
                seen.unread |= !read;
            }
            Shape::Events(reader) => {
                let mut sink = Passing {
                    out: Vec::with_capacity(if seen.strip { chunk.len() } else { 0 }),
                    seen,
                };
                reader.feed(chunk, &mut sink);
                if end {
                    reader.finish(&mut sink);
                }
                let Passing { out, seen } = sink;
                if seen.strip {
                    return ChunkAnswer::Replace(out);
                }
            }
        }
        ChunkAnswer::Pass
    }

    /// All that can be told, `complete` or broken off.
    pub(crate) fn end(mut self, complete: bool) -> Seen {
        if let Shape::Json(body) = &self.shape {
            self.seen.json(body, complete);
        }
        self.seen
    }
}

impl Seen {
    /// The whole of a JSON answer, or the beginning of one that broke off.
    fn json(&mut self, body: &[u8], complete: bool) {
        let valid = match std::str::from_utf8(body) {
            Ok(_) => body.len(),
            Err(error) if complete => {
                self.unread |= error.valid_up_to() < body.len();
                error.valid_up_to()
            }
            Err(error) => error.valid_up_to(),
        };
        let body = body.get(..valid).unwrap_or_default();
        let read = match json::elements(body) {
            // Gemini streams a list of answers when it is not asked for events.
            Some(elements) => {
                let elements = elements.into_iter().filter_map(|span| body.get(span));
                elements.filter(|element| !self.event(element)).count() == 0
            }
            None => self.event(body),
        };
        self.unread |= complete && !read;
    }

    /// One JSON text of the answer. Says whether it could be read.
    fn event(&mut self, json: &[u8]) -> bool {
        self.read(json).is_some()
    }

    fn read<'a>(&mut self, json: &'a [u8]) -> Option<Answer<'a>> {
        let mut text = Counting {
            counter: &mut self.text,
            any: false,
        };
        let answer = Answer::read(self.api, json, &mut text);
        self.text_since |= text.any;
        let answer = answer.ok()?;
        self.failed |= answer.failed;
        if answer.usage(self.api).is_some() {
            answer.add_usage(&mut self.usage, self.api);
            self.text_since = false;
        }
        Some(answer)
    }
}

/// Notes that there is text, and has it counted.
struct Counting<'a> {
    counter: &'a mut AnswerCounter,
    any: bool,
}

impl Output for Counting<'_> {
    fn text(&mut self, channel: Channel, text: Text<'_>) {
        self.any |= !text.raw.is_empty();
        self.counter.text(channel, text);
    }
}

/// Passes events on, without the usage that was not asked for.
struct Passing<'a> {
    seen: &'a mut Seen,
    out: Vec<u8>,
}

impl Sink for Passing<'_> {
    fn pass(&mut self, bytes: &[u8]) {
        if self.seen.strip {
            self.out.extend_from_slice(bytes);
        }
    }

    fn data(&mut self, json: &[u8]) -> Fate {
        let strip = self.seen.strip;
        let api = self.seen.api;
        match self.seen.read(json) {
            Some(answer) if strip => {
                if answer.no_choices && answer.usage(api).is_some() {
                    return Fate::Drop;
                }
                let null = answer.null_usage.and_then(|span| json::member(json, span));
                null.map_or(Fate::Pass, |span| Fate::Edit(vec![Edit::new(span, "")]))
            }
            _ => Fate::Pass,
        }
    }

    fn oversize(&mut self) {
        self.seen.unread = true;
    }
}

/// What Bedrock tells of InvokeModel in headers: its bodies are the vendors' own.
fn invoke_usage(api: Api, headers: &Headers) -> Option<Usage> {
    if api != Api::BedrockInvoke {
        return None;
    }
    let count = |name: &str| headers.text(name)?.parse::<u64>().ok();
    Usage::of_counts(
        count("x-amzn-bedrock-input-token-count")?,
        count("x-amzn-bedrock-output-token-count")?,
    )
}
