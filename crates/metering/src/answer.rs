//! The answer: read for its usage and its text, rid of the usage nobody asked for.

use std::fmt;
use std::rc::Rc;

use weir_intake::plain_encoding;
use weir_llm_api::json::{self, Text};
use weir_llm_api::sse::{self, Fate, Sink};
use weir_llm_api::{Answer, Api, Channel, Edit, Output, Usage, eventstream, splice};
use weir_policy::{ChunkAnswer, Cx, Headers, ResponseAnswer};
use weir_tokens::Count;

use crate::spent::{AnswerCounter, Spent};

/// Says what is to be added to a usage object: a member without its comma, like `"cost":1`. Gets
/// the usage so far and the tier served.
pub type Note = Rc<dyn Fn(&Usage, Option<&str>) -> String>;

/// An answer as far as it has come.
#[derive(Debug)]
pub struct Reading {
    shape: Shape,
    limit: usize,
    whole: bool,
    seen: Seen,
}

/// What an answer has told.
pub struct Seen {
    api: Api,
    /// The usage reported, however odd.
    pub usage: Option<Usage>,
    /// Something could not be read: too long, compressed, of a type nobody knows.
    pub unread: bool,
    answered: Option<Answered>,
    /// Text came after the last report of usage, which is then not the last word.
    text_since: bool,
    text: AnswerCounter,
    /// The answer is an error, or ended in one.
    failed: bool,
    service_tier: Option<String>,
    /// Take out the usage that the caller did not ask for.
    strip: bool,
    note: Option<Note>,
}

impl fmt::Debug for Seen {
    /// Without the text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { usage, unread, .. } = self;
        write!(f, "Seen({usage:?}, unread: {unread})")
    }
}

/// An answer whose headers have come.
#[derive(Clone, Copy, Debug)]
struct Answered {
    /// HTTP status; 0 when there is none that can be read.
    status: u16,
    /// It is the upstream's, not one that the proxy or another filter gave.
    by_upstream: bool,
}

/// What is known of an exchange before there is an answer.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// Tokens of the prompt.
    pub prompt: Count,
    /// Output tokens to be reckoned with when nothing of the answer can be read.
    pub output: u64,
}

#[derive(Debug)]
enum Shape {
    /// Server-sent events.
    Events(Box<sse::Reader>),
    /// AWS's binary framing.
    Binary(Box<eventstream::Reader>),
    /// JSON, gathered while it passes.
    Json(Vec<u8>),
    /// Nothing to be read, or no longer.
    None,
}

impl Reading {
    /// Before any answer; nothing longer than `limit` bytes is read. `strip`: take out the usage
    /// that was asked for on behalf of the caller alone.
    pub fn new(api: Api, text: AnswerCounter, strip: bool, limit: usize) -> Self {
        Self {
            shape: Shape::None,
            limit,
            whole: false,
            seen: Seen {
                api,
                usage: None,
                unread: false,
                answered: None,
                text_since: false,
                text,
                failed: false,
                service_tier: None,
                strip,
                note: None,
            },
        }
    }

    /// Holds JSON answers back until they are whole, so that what they tell can be told in their
    /// headers.
    pub fn hold_json(&mut self) {
        self.whole = true;
    }

    /// Adds a note to every report of usage but a stream's first.
    pub fn note_in_usage(&mut self, note: Note) {
        self.whole = true;
        self.seen.note = Some(note);
    }

    /// Whether the answer is a stream that is read.
    pub fn streams(&self) -> bool {
        matches!(self.shape, Shape::Events(_) | Shape::Binary(_))
    }

    /// What the answer has told so far.
    pub fn seen(&self) -> &Seen {
        &self.seen
    }

    /// The answer's headers are there.
    pub fn begin(&mut self, cx: &Cx<'_>, headers: &Headers, end: bool) -> ResponseAnswer {
        let details = cx.attributes.get(&["response", "code_details"]);
        let status = headers.text(":status").and_then(|s| s.parse().ok());
        self.seen.answered = Some(Answered {
            status: status.unwrap_or(0),
            by_upstream: details.as_deref() == Some(b"via_upstream"),
        });
        if let Some(usage) = invoke_usage(self.seen.api, headers) {
            self.seen.usage = Some(usage);
        }
        if end {
            return ResponseAnswer::Pass;
        }
        let media = headers.text("content-type").unwrap_or_default();
        let media = media.split(';').next().unwrap_or_default().trim();
        let is = |expected: &str| media.eq_ignore_ascii_case(expected);
        if !plain_encoding(headers) || self.seen.api == Api::BedrockInvoke {
            self.seen.unread = true;
        } else if is("text/event-stream") {
            self.shape = Shape::Events(Box::new(sse::Reader::new(self.limit)));
            if self.seen.edits() {
                return ResponseAnswer::Edit;
            }
        } else if is("application/vnd.amazon.eventstream") {
            self.shape = Shape::Binary(Box::new(eventstream::Reader::new(self.limit)));
        } else if is("application/json") || media.ends_with("+json") {
            self.shape = Shape::Json(Vec::new());
            if self.whole {
                return ResponseAnswer::Whole;
            }
        } else {
            self.seen.unread = true;
        }
        match self.shape {
            Shape::None => ResponseAnswer::Pass,
            _ => ResponseAnswer::Watch,
        }
    }

    /// A piece of the answer's body.
    pub fn chunk(&mut self, chunk: &[u8], end: bool) -> ChunkAnswer {
        let seen = &mut self.seen;
        match &mut self.shape {
            Shape::None => return ChunkAnswer::Finished,
            Shape::Json(body) => {
                if body.len() + chunk.len() > self.limit {
                    seen.unread = true;
                    self.shape = Shape::None;
                    return ChunkAnswer::Finished;
                }
                if !end {
                    body.extend_from_slice(chunk);
                } else if body.is_empty() {
                    let edits = seen.json(chunk, true);
                    self.shape = Shape::None;
                    if self.whole && !edits.is_empty() {
                        return ChunkAnswer::Replace(splice(chunk, &edits));
                    }
                } else {
                    body.extend_from_slice(chunk);
                    let body = std::mem::take(body);
                    seen.json(&body, true);
                    self.shape = Shape::None;
                }
            }
            Shape::Binary(reader) => {
                let read = reader.feed(chunk, |message| {
                    seen.read(message);
                });
                seen.unread |= !read;
            }
            Shape::Events(reader) => {
                let editing = seen.edits();
                let mut sink = Passing {
                    out: Vec::with_capacity(if editing { chunk.len() } else { 0 }),
                    editing,
                    seen,
                };
                reader.feed(chunk, &mut sink);
                if end {
                    reader.finish(&mut sink);
                }
                if editing {
                    return ChunkAnswer::Replace(sink.out);
                }
            }
        }
        ChunkAnswer::Pass
    }

    /// The exchange is over.
    pub fn end(mut self) -> Seen {
        if let Shape::Json(body) = &self.shape {
            self.seen.json(body, false);
        }
        self.seen
    }
}

impl Seen {
    /// What the exchange has used, given what was known of it before.
    pub fn spent(&self, cx: &Cx<'_>, known: &Known) -> Spent {
        Spent {
            service_tier: self.service_tier.clone(),
            ..self.tokens(known, upstream_broke_off(cx))
        }
    }

    fn tokens(&self, known: &Known, upstream_broke_off: bool) -> Spent {
        let Count {
            tokens: input,
            exact,
        } = known.prompt;
        let reserved = known.output;
        let Some(answered) = self.answered else {
            // The caller hung up while the upstream was at work on the prompt.
            return match upstream_broke_off {
                true => Spent::nothing(false),
                false => Spent::counted(input, 0, exact),
            };
        };
        let nothing = Spent::nothing(answered.by_upstream);
        let error = !(200..300).contains(&answered.status);
        match &self.usage {
            Some(usage) if !usage.odd && !self.text_since => return Spent::of(usage),
            None if error => return nothing,
            Some(usage) if error && usage.odd => return nothing,
            _ => {}
        }
        let (text, text_exact) = self.text.count();
        let output = if self.unread {
            reserved.max(text)
        } else {
            text
        };
        let exact = exact && text_exact && !self.unread;
        match &self.usage {
            // Broken off behind a report of usage: what came after it is counted.
            Some(usage) if !usage.odd => {
                let mut usage = *usage;
                usage.output = usage.output.max(output);
                Spent {
                    usage,
                    ..Spent::counted(0, 0, exact)
                }
            }
            // Numbers that make no sense are believed as far as they take nothing away, and no
            // further than was reserved.
            Some(usage) => Spent::counted(input, output.max(usage.output.min(reserved)), false),
            None if text == 0 && !self.unread && (self.failed || upstream_broke_off) => nothing,
            None => Spent::counted(input, output, exact),
        }
    }

    /// What was wrong with the usage of an exchange that came to `spent`.
    pub fn fault(&self, spent: &Spent) -> Option<&'static str> {
        match &self.usage {
            Some(usage) if usage.odd => Some("odd"),
            Some(_) => None,
            None if spent.usage.total() == 0 => None,
            None if self.unread => Some("unread"),
            None if spent.usage.output > 0 => Some("missing"),
            None => None,
        }
    }

    fn edits(&self) -> bool {
        self.strip || self.note.is_some()
    }

    /// The whole of a JSON answer, or the beginning of one that broke off. Returns the notes to be
    /// written into it.
    fn json(&mut self, body: &[u8], complete: bool) -> Vec<Edit> {
        let valid = match std::str::from_utf8(body) {
            Ok(_) => body.len(),
            Err(error) => {
                self.unread |= complete;
                error.valid_up_to()
            }
        };
        let body = body.get(..valid).unwrap_or_default();
        // Gemini streams a list of answers when it is not asked for events.
        let whole = std::iter::once(0..body.len());
        let elements = json::elements(body);
        let mut edits = Vec::new();
        for span in elements.unwrap_or_else(|| whole.collect()) {
            let element = body.get(span.clone()).unwrap_or_default();
            match self.read(element) {
                Some(answer) => edits.extend(self.noted(&answer).map(|mut edit| {
                    edit.span = edit.span.start + span.start..edit.span.end + span.start;
                    edit
                })),
                None => self.unread |= complete,
            }
        }
        edits
    }

    /// One JSON text of the answer; none when it could not be read.
    fn read<'a>(&mut self, json: &'a [u8]) -> Option<Answer<'a>> {
        let mut text = Counting {
            counter: &mut self.text,
            any: false,
        };
        let answer = Answer::read(self.api, json, &mut text);
        self.text_since |= text.any;
        let answer = answer.ok()?;
        self.failed |= answer.failed;
        if let Some(tier) = &answer.service_tier {
            self.service_tier = Some(tier.decode().chars().take(32).collect());
        }
        if answer.usage(self.api).is_some() {
            answer.add_usage(&mut self.usage, self.api);
            self.text_since = false;
        }
        Some(answer)
    }

    /// The edit that writes the note into an answer's usage.
    fn noted(&self, answer: &Answer<'_>) -> Option<Edit> {
        let (note, usage) = (self.note.as_ref()?, self.usage.filter(|usage| !usage.odd)?);
        let span = answer.usage_span.clone()?;
        let end = span.end.checked_sub(1)?;
        let note = note(&usage, self.service_tier.as_deref());
        Some(Edit::new(end..end, format!(",{note}")))
    }
}

/// Whether the upstream ended an exchange before its time, not the caller.
fn upstream_broke_off(cx: &Cx<'_>) -> bool {
    let details = cx.attributes.get(&["response", "code_details"]);
    let details = String::from_utf8_lossy(&details.unwrap_or_default()).into_owned();
    // Envoy's `%RESPONSE_CODE_DETAILS%`: `upstream_reset_after_response_started{…}`,
    // `upstream_response_timeout`, `stream_idle_timeout`, ….
    details.starts_with("upstream_") || details.contains("timeout")
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

/// Passes events on, without the usage that was not asked for and with the note.
struct Passing<'a> {
    seen: &'a mut Seen,
    out: Vec<u8>,
    editing: bool,
}

impl Sink for Passing<'_> {
    fn pass(&mut self, bytes: &[u8]) {
        if self.editing {
            self.out.extend_from_slice(bytes);
        }
    }

    fn data(&mut self, json: &[u8]) -> Fate {
        let api = self.seen.api;
        let Some(answer) = self.seen.read(json) else {
            return Fate::Pass;
        };
        if self.seen.strip {
            if answer.no_choices && answer.usage(api).is_some() {
                return Fate::Drop;
            }
            let null = answer.null_usage.clone();
            if let Some(span) = null.and_then(|span| json::member(json, span)) {
                return Fate::Edit(vec![Edit::new(span, "")]);
            }
        }
        // The usage at the beginning of Anthropic's streams is not the last.
        if answer.model.is_some() && api == Api::AnthropicMessages {
            return Fate::Pass;
        }
        let noted = self.seen.noted(&answer);
        noted.map_or(Fate::Pass, |edit| Fate::Edit(vec![edit]))
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
