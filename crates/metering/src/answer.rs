//! The answer: read for its usage and its text, rid of the usage nobody asked for.

use std::fmt;
use std::ops::Range;
use std::rc::Rc;

use weir_intake::plain_encoding;
use weir_llm_api::json::{self, Text};
use weir_llm_api::sse::{self, Fate, Sink};
use weir_llm_api::{Answer, Api, Channel, Edit, Output, Usage, eventstream, splice};
use weir_policy::names::metric;
use weir_policy::{ChunkAnswer, Cx, Headers, ResponseAnswer};
use weir_tokens::Count;

use crate::memory::{Memory, Taken};
use crate::spent::{AnswerCounter, Source, Spent};

/// Says what is to be added to a usage object: a member without its comma, like `"cost":1`. Gets
/// the usage so far and the tier served.
pub type Note = Rc<dyn Fn(&Usage, Option<&str>) -> String>;

/// An answer as far as it has come.
#[derive(Debug)]
pub struct Reading {
    shape: Shape,
    limit: usize,
    whole: bool,
    held: Taken,
    seen: Seen,
}

/// What an answer has told.
pub struct Seen {
    api: Api,
    /// The usage reported, however odd.
    pub usage: Option<Usage>,
    /// Something could not be read: too long, compressed, of a type nobody knows.
    pub unread: bool,
    /// JSON texts that could be read.
    read: u64,
    /// The end of the body has come.
    ended: bool,
    /// The answer is made later and fetched by another request.
    keeps: bool,
    answered: Option<Answered>,
    /// Text came after the last report of usage, which is then not the last word.
    text_since: bool,
    any_text: bool,
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
    /// Whether the request makes tokens at all.
    pub generates: bool,
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
    pub fn new(api: Api, text: AnswerCounter, strip: bool, limit: usize, memory: &Memory) -> Self {
        Self {
            shape: Shape::None,
            limit,
            whole: false,
            held: memory.share(),
            seen: Seen {
                api,
                usage: None,
                unread: false,
                read: 0,
                ended: false,
                keeps: false,
                answered: None,
                text_since: false,
                any_text: false,
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

    /// The answer will be made later and fetched by another request, which nobody here can tell from
    /// others: what is reserved for it is kept.
    pub fn expect_later(&mut self) {
        self.seen.keeps = true;
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
        self.seen.ended = end;
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
        self.seen.ended |= end;
        self.believe_the_bytes(chunk);
        let answer = self.take(chunk, end);
        let memory = match &self.shape {
            Shape::Json(body) => body.capacity(),
            Shape::Events(reader) => reader.memory(),
            Shape::Binary(reader) => reader.memory(),
            Shape::None => 0,
        };
        if self.held.hold(memory) {
            return answer;
        }
        // There is no room for it: what is there is counted, the rest passes unread.
        self.seen.unread = true;
        let mut out = match answer {
            ChunkAnswer::Replace(out) => out,
            _ => chunk.to_vec(),
        };
        match std::mem::replace(&mut self.shape, Shape::None) {
            Shape::Json(body) => self.seen.beginning(&body),
            Shape::Events(mut reader) => {
                let editing = self.seen.edits();
                let mut sink = Passing {
                    out: Vec::new(),
                    editing,
                    seen: &mut self.seen,
                };
                reader.finish(&mut sink);
                if editing {
                    out.extend(sink.out);
                    return ChunkAnswer::Replace(out);
                }
            }
            Shape::Binary(_) | Shape::None => {}
        }
        ChunkAnswer::Pass
    }

    /// What is called a stream may be plain JSON, as errors often are.
    fn believe_the_bytes(&mut self, chunk: &[u8]) {
        let first = chunk.iter().find(|byte| !byte.is_ascii_whitespace());
        if let Shape::Events(reader) = &self.shape
            && reader.is_new()
            && matches!(first, Some(b'{' | b'['))
        {
            self.shape = Shape::Json(Vec::new());
        }
    }

    fn take(&mut self, chunk: &[u8], end: bool) -> ChunkAnswer {
        let seen = &mut self.seen;
        match &mut self.shape {
            Shape::None => return ChunkAnswer::Finished,
            Shape::Json(body) => {
                if body.len() + chunk.len() > self.limit {
                    seen.unread = true;
                    let body = std::mem::take(body);
                    seen.beginning(&body);
                    self.shape = Shape::None;
                    return ChunkAnswer::Finished;
                }
                if !end {
                    body.extend_from_slice(chunk);
                } else if body.is_empty() {
                    let edits = seen.json(chunk);
                    self.shape = Shape::None;
                    if self.whole && !edits.is_empty() {
                        return ChunkAnswer::Replace(splice(chunk, &edits));
                    }
                } else {
                    body.extend_from_slice(chunk);
                    let body = std::mem::take(body);
                    seen.json(&body);
                    self.shape = Shape::None;
                }
            }
            Shape::Binary(reader) => {
                let read = reader.feed(chunk, |message| {
                    seen.unread |= !message.is_empty() && seen.read(message).is_none();
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
                    // Nothing of it was an event that could be read.
                    sink.seen.unread |= sink.seen.read == 0;
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
        match &self.shape {
            Shape::Json(body) => self.seen.beginning(body),
            // What was held back never reached the caller.
            Shape::Events(reader) if !self.seen.edits() => {
                if let Some(json) = reader.unfinished() {
                    self.seen.beginning(&json);
                }
            }
            Shape::Events(_) | Shape::Binary(_) | Shape::None => {}
        }
        self.seen
    }
}

impl Seen {
    /// What the exchange has used, given what was known of it before.
    pub fn spent(&self, cx: &Cx<'_>, known: &Known) -> Spent {
        let spent = self.tokens(known, upstream_broke_off(cx));
        if !known.generates {
            return Spent::nothing(spent.answered);
        }
        Spent {
            service_tier: self.service_tier.clone(),
            ..spent
        }
    }

    /// What the exchange has used, now that it is over; counts what was wrong with its usage.
    pub fn settled(&self, cx: &mut Cx<'_>, filter: &str, api: Api, known: &Known) -> Spent {
        let spent = self.spent(cx, known);
        if let Some(fault) = self.fault(&spent).filter(|_| known.generates) {
            let labels = [("filter", filter), ("api", api.name()), ("fault", fault)];
            cx.effects.count(metric::USAGE_FAULTS, &labels, 1);
        }
        spent
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
        let usage = match &self.usage {
            Some(usage) if usage.odd && error => return nothing,
            Some(usage) if !self.contradicts(usage, input) && !self.text_since => {
                return Spent::of(usage);
            }
            // What another filter or the proxy answers by itself costs nothing.
            None if error || !answered.by_upstream => return nothing,
            usage => usage,
        };
        let (text, text_exact) = self.text.count();
        let silent = text == 0 && usage.is_none();
        if silent && (self.failed || upstream_broke_off) {
            return nothing;
        }
        // An answer that ended without a word of text or usage tells nothing of what was made.
        let keeps = self.unread || self.keeps || (silent && self.ended && reserved > 0);
        let output = if keeps { reserved.max(text) } else { text };
        let exact = exact && text_exact && !keeps;
        let spent = match usage {
            // Broken off behind a report of usage: what came after it is counted.
            Some(usage) if !self.contradicts(usage, input) => {
                let mut usage = *usage;
                usage.output = usage.output.max(output);
                Spent {
                    usage,
                    ..Spent::counted(0, 0, exact)
                }
            }
            // Numbers that make no sense are believed as far as they take nothing away; the answer's
            // no further than was reserved.
            Some(usage) => {
                let told = usage.output_at_most().min(reserved);
                Spent::counted(input.max(usage.input), output.max(told), false)
            }
            None => Spent::counted(input, output, exact),
        };
        Spent { keeps, ..spent }
    }

    /// Whether a usage contradicts itself, or what was seen: there is no text of no tokens.
    fn contradicts(&self, usage: &Usage, prompt: u64) -> bool {
        usage.odd || (usage.output == 0 && self.any_text) || (usage.input == 0 && prompt > 0)
    }

    /// What was wrong with the usage of an exchange that came to `spent`.
    fn fault(&self, spent: &Spent) -> Option<&'static str> {
        match &self.usage {
            Some(usage) if usage.odd_part || usage.odd => Some("odd"),
            Some(_) if spent.source != Source::Usage && !self.text_since => Some("odd"),
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

    /// The whole of a JSON answer. Returns the notes to be written into it.
    fn json(&mut self, body: &[u8]) -> Vec<Edit> {
        let mut edits = Vec::new();
        for span in elements(body) {
            let element = body.get(span.clone()).unwrap_or_default();
            match self.read(element) {
                Some(answer) => edits.extend(self.noted(&answer).map(|mut edit| {
                    edit.span = edit.span.start + span.start..edit.span.end + span.start;
                    edit
                })),
                None => self.unread = true,
            }
        }
        edits
    }

    /// As much of a JSON text as came before it broke off.
    fn beginning(&mut self, body: &[u8]) {
        for span in elements(body) {
            let element = body.get(span).unwrap_or_default();
            let ends = element.ends_with(b"}");
            let closed = if ends {
                None
            } else {
                Some(json::closed(element))
            };
            // The fault at the cut is expected; what was read before it stands.
            let _ = self.read(closed.as_deref().unwrap_or(element));
        }
    }

    /// One JSON text of the answer; none when it could not be read.
    fn read<'a>(&mut self, json: &'a [u8]) -> Option<Answer<'a>> {
        let mut text = Counting {
            counter: &mut self.text,
            any: false,
        };
        let answer = Answer::read(self.api, json, &mut text);
        self.text_since |= text.any;
        self.any_text |= text.any;
        let answer = answer.ok()?;
        self.read += 1;
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

/// Where the texts stand that an answer is made of: Gemini streams a list of them when it is not
/// asked for events.
fn elements(body: &[u8]) -> Vec<Range<usize>> {
    let whole = std::iter::once(0..body.len());
    json::elements(body).unwrap_or_else(|| whole.collect())
}

/// Whether the upstream ended an exchange before its time, not the caller.
fn upstream_broke_off(cx: &Cx<'_>) -> bool {
    let details = cx.attributes.get(&["response", "code_details"]);
    let details = String::from_utf8_lossy(&details.unwrap_or_default()).into_owned();
    // Envoy's `%RESPONSE_CODE_DETAILS%`: `upstream_reset_after_response_started{…}`,
    // `upstream_response_timeout`, `stream_idle_timeout`, …. After a redirect that the proxy follows
    // by itself another exchange begins.
    details.starts_with("upstream_")
        || details.contains("timeout")
        || details.contains("internal_redirect")
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
            self.seen.unread = true;
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
