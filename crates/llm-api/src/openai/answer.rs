//! OpenAI: answers, whole and in the events of a stream.
//! Source: OpenAI's OpenAPI description and the types of its Python SDK.

use crate::json::{Cursor, Fault, Kind};
use crate::output::{Again, ahead, finish, leaves, number_at, objects, piece};
use crate::usage::Reported;
use crate::{Answer, Channel, Output, Spoken};

type Done = Result<(), Fault>;

/// A JSON answer, or the data of one event of a stream, of chat, completions or embeddings.
pub(crate) fn answer<'a>(
    cursor: &mut Cursor<'a>,
    answer: &mut Answer<'a>,
    output: &mut dyn Output,
) -> Done {
    const FIELDS: &[&str] = &["model", "usage", "service_tier", "error", "choices"];
    cursor.document(FIELDS, |cursor, field| {
        if field < 4 {
            return answer_field(cursor, field, answer);
        }
        answer.no_choices = cursor.kind()? == Kind::Array;
        objects(cursor, |cursor, at| {
            answer.no_choices = false;
            choice(cursor, at, output)
        })
    })
}

/// A choice: its `message`, its `delta`, or the `text` of a completion.
fn choice(cursor: &mut Cursor<'_>, at: u64, output: &mut dyn Output) -> Done {
    let index = number_at(cursor.clone(), "index").unwrap_or(at);
    const FIELDS: &[&str] = &["delta", "message", "text", "finish_reason"];
    cursor.fields(FIELDS, |cursor, field| {
        if field == 3 {
            return finish(cursor, index, output);
        }
        if field < 2 && cursor.kind()? == Kind::Object {
            return spoken(cursor, index, output);
        }
        piece(cursor, Channel::new(index, 0, Spoken::Content), output)
    })
}

fn spoken(cursor: &mut Cursor<'_>, index: u64, output: &mut dyn Output) -> Done {
    const FIELDS: &[&str] = &[
        "content",
        "refusal",
        "reasoning_content",
        "reasoning",
        "function_call",
        "tool_calls",
    ];
    cursor.fields(FIELDS, |cursor, field| {
        let channel = |spoken| Channel::new(index, 0, spoken);
        match field {
            0 if cursor.kind()? == Kind::Array => objects(cursor, |cursor, _| {
                cursor.fields(&["text"], |cursor, _| {
                    piece(cursor, channel(Spoken::Content), output)
                })
            }),
            0 => piece(cursor, channel(Spoken::Content), output),
            1 => piece(cursor, channel(Spoken::Refusal), output),
            2 | 3 => piece(cursor, channel(Spoken::Reasoning), output),
            4 if cursor.kind()? == Kind::Object => called(cursor, index, 0, output),
            5 => objects(cursor, |cursor, at| {
                let call = number_at(cursor.clone(), "index").unwrap_or(at);
                cursor.fields(&["function", "custom"], |cursor, _| {
                    match cursor.kind()? {
                        Kind::Object => called(cursor, index, call, output),
                        _ => cursor.skip().map(drop),
                    }
                })
            }),
            _ => cursor.skip().map(drop),
        }
    })
}

/// `{"name": …, "arguments": "<JSON>"}`, or `{"name": …, "input": "<text>"}` of a custom tool.
fn called(cursor: &mut Cursor<'_>, index: u64, call: u64, output: &mut dyn Output) -> Done {
    cursor.fields(&["name", "arguments", "input"], |cursor, field| {
        let spoken = match field {
            0 => Spoken::Name,
            1 if cursor.kind()? == Kind::String => Spoken::Arguments,
            _ => Spoken::Input,
        };
        leaves(cursor, Channel::new(index, call, spoken), output)
    })
}

/// A JSON answer of the responses API, or one event of its stream, where the answer stands
/// inside `response`, its text piece by piece in `delta` and then again in other places.
pub(crate) fn responses_answer<'a>(
    cursor: &mut Cursor<'a>,
    answer: &mut Answer<'a>,
    output: &mut dyn Output,
) -> Done {
    const FIELDS: &[&str] = &[
        "model",
        "usage",
        "service_tier",
        "error",
        "output",
        "response",
        "item",
        "part",
        "delta",
        "text",
        "refusal",
        "arguments",
        "input",
        "code",
    ];
    let event = Event::read(cursor.clone())?;
    answer.failed |= event.failed;
    cursor.document(FIELDS, |cursor, field| match field {
        0..=3 => answer_field(cursor, field, answer),
        4 => objects(cursor, |cursor, at| output_item(cursor, at, output)),
        5 if cursor.kind()? == Kind::Object => cursor.fields(FIELDS, |cursor, field| match field {
            0..=3 => answer_field(cursor, field, answer),
            4 => objects(cursor, |cursor, at| {
                output_item(cursor, at, &mut Again(output))
            }),
            _ => cursor.skip().map(drop),
        }),
        // An item that is announced has no text yet, but for the name of its tool.
        6 if event.added && cursor.kind()? == Kind::Object => {
            output_item(cursor, event.item, output)
        }
        6 if cursor.kind()? == Kind::Object => output_item(cursor, event.item, &mut Again(output)),
        7 if cursor.kind()? == Kind::Object => content_part(
            cursor,
            event.item,
            event.part,
            Spoken::Content,
            &mut Again(output),
        ),
        8 if event.text => piece(cursor, event.channel(), output),
        9..=13 if event.text && !event.failed => piece(cursor, event.channel(), &mut Again(output)),
        _ => cursor.skip().map(drop),
    })
}

/// What must be known of an event of the responses API before its text can be told.
#[derive(Default)]
struct Event {
    item: u64,
    part: u64,
    spoken: Option<Spoken>,
    /// The event is an error.
    failed: bool,
    /// The event announces an item.
    added: bool,
    /// Its fields hold text, not sound or images.
    text: bool,
}

impl Event {
    fn read(mut cursor: Cursor<'_>) -> Result<Self, Fault> {
        const FIELDS: &[&str] = &["type", "output_index", "content_index", "summary_index"];
        let mut event = Self::default();
        if cursor.kind()? != Kind::Object {
            return Ok(event);
        }
        ahead(cursor, FIELDS, |cursor, field| {
            match field {
                0 => {
                    let kind = cursor.string_or_skip()?.map(|kind| kind.decode());
                    let kind = kind.unwrap_or_default();
                    event.failed = kind == "error";
                    event.added = kind == "response.output_item.added";
                    event.text = !kind.contains("audio.") && !kind.contains("image");
                    event.spoken = Some(if kind.contains("refusal") {
                        Spoken::Refusal
                    } else if kind.contains("arguments") {
                        Spoken::Arguments
                    } else if kind.contains("tool_call_input") {
                        Spoken::Input
                    } else if kind.contains("reasoning") {
                        Spoken::Reasoning
                    } else {
                        Spoken::Content
                    });
                }
                1 => event.item = cursor.count_or_skip()?.unwrap_or(0),
                _ => event.part = cursor.count_or_skip()?.unwrap_or(0),
            }
            Ok(())
        });
        Ok(event)
    }

    fn channel(&self) -> Channel {
        Channel::new(self.item, self.part, self.spoken.unwrap_or(Spoken::Content))
    }
}

/// An item of `output`: a message, a tool call, reasoning.
fn output_item(cursor: &mut Cursor<'_>, item: u64, output: &mut dyn Output) -> Done {
    const FIELDS: &[&str] = &["content", "summary", "name", "arguments", "input", "code"];
    cursor.fields(FIELDS, |cursor, field| {
        let spoken = match field {
            0 => Spoken::Content,
            1 => Spoken::Reasoning,
            2 => Spoken::Name,
            3 => Spoken::Arguments,
            4 => Spoken::Input,
            _ => Spoken::Content,
        };
        if field < 2 {
            return objects(cursor, |cursor, at| {
                content_part(cursor, item, at, spoken, output)
            });
        }
        piece(cursor, Channel::new(item, 0, spoken), output)
    })
}

fn content_part(
    cursor: &mut Cursor<'_>,
    item: u64,
    part: u64,
    spoken: Spoken,
    output: &mut dyn Output,
) -> Done {
    let mut reasoning = false;
    ahead(cursor.clone(), &["type"], |cursor, _| {
        let kind = cursor.string_or_skip()?;
        reasoning = kind.is_some_and(|kind| kind.decode() == "reasoning_text");
        Ok(())
    });
    cursor.fields(&["text", "refusal"], |cursor, field| {
        let spoken = match field {
            0 if reasoning => Spoken::Reasoning,
            0 => spoken,
            _ => Spoken::Refusal,
        };
        piece(cursor, Channel::new(item, part, spoken), output)
    })
}

fn answer_field<'a>(cursor: &mut Cursor<'a>, field: usize, answer: &mut Answer<'a>) -> Done {
    match field {
        0 => answer.take_model(cursor)?,
        1 if cursor.kind()? == Kind::Null => answer.null_usage = Some(cursor.skip()?),
        1 => {
            cursor.kind()?;
            let start = cursor.position();
            usage(cursor, &mut answer.reported)?;
            answer.usage_span = Some(start..cursor.position());
        }
        2 => answer.service_tier = cursor.string_or_skip()?.or(answer.service_tier),
        _ => answer.take_error(cursor)?,
    }
    Ok(())
}

fn usage(cursor: &mut Cursor<'_>, reported: &mut Reported) -> Done {
    const FIELDS: &[&str] = &[
        "prompt_tokens",
        "completion_tokens",
        "total_tokens",
        "prompt_tokens_details",
        "completion_tokens_details",
        "input_tokens",
        "output_tokens",
        "input_tokens_details",
        "output_tokens_details",
    ];
    const DETAILS: &[&str] = &[
        "cached_tokens",
        "cache_write_tokens",
        "reasoning_tokens",
        "audio_tokens",
    ];
    if cursor.kind()? != Kind::Object {
        return cursor.skip().map(drop);
    }
    cursor.fields(FIELDS, |cursor, field| {
        match field {
            0 | 5 => reported.input.take(cursor)?,
            1 | 6 => reported.output.take(cursor)?,
            2 => reported.total.take(cursor)?,
            _ if cursor.kind()? != Kind::Object => cursor.skip().map(drop)?,
            _ => cursor.fields(DETAILS, |cursor, detail| match (detail, field) {
                (0, _) => reported.cache_read.take(cursor),
                (1, _) => reported.cache_write.take(cursor),
                (2, _) => reported.reasoning.take(cursor),
                (_, 3 | 7) => reported.input_audio.take(cursor),
                _ => reported.output_audio.take(cursor),
            })?,
        }
        Ok(())
    })
}
