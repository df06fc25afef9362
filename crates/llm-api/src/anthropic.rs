//! Anthropic: messages and token counting.
//! Source: Anthropic's API reference and the types of its Python SDK.

use crate::json::{Cursor, Fault, Kind};
use crate::output::{leaves as leaves_of, number_at, objects, piece};
use crate::prompt::{format, leaves, list, open_fields, text, tools};
use crate::request::count;
use crate::{Answer, Channel, Output, Place, Prompt, Request, Spoken};

type Done = Result<(), Fault>;

pub(crate) fn messages<'a>(
    cursor: &mut Cursor<'a>,
    request: &mut Request<'a>,
    prompt: &mut dyn Prompt,
) -> Done {
    const FIELDS: &[&str] = &[
        "model",
        "system",
        "messages",
        "max_tokens",
        "stream",
        "tools",
        "output_config",
        "output_format",
        "metadata",
    ];
    cursor.document(FIELDS, |cursor, field| {
        match field {
            0 => request.take_model(cursor)?,
            1 => blocks(cursor, Place::System, request, prompt)?,
            2 => list(cursor, Place::Content, prompt, &mut |cursor, prompt| {
                prompt.message();
                const FIELDS: &[&str] = &["role", "content"];
                open_fields(
                    cursor,
                    FIELDS,
                    Place::Content,
                    prompt,
                    |cursor, field, prompt| match field {
                        0 => text(cursor, Place::Role, prompt),
                        _ => blocks(cursor, Place::Content, request, prompt),
                    },
                )
            })?,
            3 => request.output_cap = count(cursor)?,
            4 => request.stream = cursor.bool_or_null("stream")?,
            5 => request.tools |= tools(cursor, prompt)?,
            6 if cursor.kind()? == Kind::Object => {
                cursor.fields(&["format"], |cursor, _| {
                    request.json_answer |= format(cursor, prompt)?;
                    Ok(())
                })?;
            }
            6 => cursor.skip().map(drop)?,
            7 => request.json_answer |= format(cursor, prompt)?,
            _ => leaves(cursor, Place::Label, prompt)?,
        }
        Ok(())
    })
}

/// Text or a list of content blocks.
fn blocks<'a>(
    cursor: &mut Cursor<'a>,
    place: Place,
    request: &mut Request<'a>,
    prompt: &mut dyn Prompt,
) -> Done {
    const FIELDS: &[&str] = &[
        "type",
        "text",
        "input",
        "content",
        "thinking",
        "source",
        "title",
        "context",
        "name",
        "citations",
    ];
    list(cursor, place, prompt, &mut |cursor, prompt| {
        open_fields(
            cursor,
            FIELDS,
            place,
            prompt,
            |cursor, field, prompt| match field {
                0 => {
                    if let Some(kind) = cursor.string_or_skip()? {
                        request.images |= kind.decode() == "image";
                    }
                    Ok(())
                }
                1 | 6 | 7 => text(cursor, place, prompt),
                2 => leaves(cursor, Place::Input, prompt),
                3 => blocks(cursor, place, request, prompt),
                4 => text(cursor, Place::Thinking, prompt),
                5 => source(cursor, place, request, prompt),
                8 => text(cursor, Place::Name, prompt),
                _ => citations(cursor, place, prompt),
            },
        )
    })
}

/// Citations in a block that is sent again repeat text of the documents.
fn citations(cursor: &mut Cursor<'_>, place: Place, prompt: &mut dyn Prompt) -> Done {
    const FIELDS: &[&str] = &["cited_text", "document_title", "title"];
    list(cursor, place, prompt, &mut |cursor, prompt| {
        cursor.fields(FIELDS, |cursor, _| text(cursor, place, prompt))
    })
}

/// The source of an image or document. Only a plain-text document holds text to read; whatever
/// order its fields stand in, `data` of another type is base64 and passed over.
fn source<'a>(
    cursor: &mut Cursor<'a>,
    place: Place,
    request: &mut Request<'a>,
    prompt: &mut dyn Prompt,
) -> Done {
    if cursor.kind()? != Kind::Object {
        return cursor.skip().map(drop);
    }
    let (mut plain, mut data) = (false, None);
    cursor.fields(&["type", "data", "content"], |cursor, field| {
        match field {
            0 => {
                let kind = cursor
                    .string_or_skip()?
                    .map(|kind| kind.decode())
                    .unwrap_or_default();
                plain = kind == "text";
                if !plain && kind != "content" {
                    request.images = true;
                    prompt.image();
                }
            }
            1 => data = cursor.string_or_skip()?,
            _ => blocks(cursor, place, request, prompt)?,
        }
        Ok(())
    })?;
    if let Some(data) = data.filter(|_| plain) {
        prompt.text(place, data);
    }
    Ok(())
}

/// A JSON answer, or one event: the answer stands inside `message` of `message_start`, its text
/// in `content_block` and `delta`.
pub(crate) fn answer<'a>(
    cursor: &mut Cursor<'a>,
    answer: &mut Answer<'a>,
    output: &mut dyn Output,
) -> Done {
    const FIELDS: &[&str] = &[
        "model",
        "usage",
        "input_tokens",
        "error",
        "content",
        "message",
        "content_block",
        "delta",
        "type",
    ];
    let mut index = 0;
    let mut events = cursor.clone();
    if events.kind()? == Kind::Object {
        index = number_at(events, "index").unwrap_or(0);
    }
    cursor.document(FIELDS, |cursor, field| match field {
        0..=3 => answer_field(cursor, field, answer),
        4 => objects(cursor, |cursor, at| block_of_answer(cursor, at, output)),
        8 => {
            let kind = cursor.string_or_skip()?.map(|kind| kind.decode());
            if kind.is_some_and(|kind| kind == "content_block_stop") {
                output.finish(index);
            }
            Ok(())
        }
        _ if cursor.kind()? != Kind::Object => cursor.skip().map(drop),
        5 => cursor.fields(FIELDS, |cursor, field| match field {
            0..=3 => answer_field(cursor, field, answer),
            4 => objects(cursor, |cursor, at| block_of_answer(cursor, at, output)),
            _ => cursor.skip().map(drop),
        }),
        _ => block_of_answer(cursor, index, output),
    })
}

/// A content block, the beginning of one, or a delta of one.
fn block_of_answer(cursor: &mut Cursor<'_>, index: u64, output: &mut dyn Output) -> Done {
    const FIELDS: &[&str] = &["text", "thinking", "name", "partial_json", "input"];
    cursor.fields(FIELDS, |cursor, field| {
        let channel = |spoken| Channel::new(index, 0, spoken);
        match field {
            0 => piece(cursor, channel(Spoken::Content), output),
            1 => piece(cursor, channel(Spoken::Reasoning), output),
            2 => piece(cursor, channel(Spoken::Name), output),
            3 => piece(cursor, channel(Spoken::Arguments), output),
            _ => leaves_of(cursor, channel(Spoken::Input), output),
        }
    })
}

fn answer_field<'a>(cursor: &mut Cursor<'a>, field: usize, answer: &mut Answer<'a>) -> Done {
    match field {
        0 => answer.take_model(cursor)?,
        1 => {
            cursor.kind()?;
            let start = cursor.position();
            usage(cursor, answer)?;
            answer.usage_span = Some(start..cursor.position());
        }
        // The whole answer of `count_tokens`.
        2 => answer.reported.input.take(cursor)?,
        _ => answer.take_error(cursor)?,
    }
    Ok(())
}

fn usage<'a>(cursor: &mut Cursor<'a>, answer: &mut Answer<'a>) -> Done {
    const FIELDS: &[&str] = &[
        "input_tokens",
        "output_tokens",
        "cache_read_input_tokens",
        "cache_creation_input_tokens",
        "cache_creation",
        "output_tokens_details",
        "service_tier",
    ];
    if cursor.kind()? != Kind::Object {
        return cursor.skip().map(drop);
    }
    let reported = &mut answer.reported;
    cursor.fields(FIELDS, |cursor, field| match field {
        0 => reported.input.take(cursor),
        1 => reported.output.take(cursor),
        2 => reported.cache_read.take(cursor),
        3 => reported.cache_write.take(cursor),
        4 if cursor.kind()? == Kind::Object => cursor
            .fields(&["ephemeral_1h_input_tokens"], |cursor, _| {
                reported.cache_write_1h.take(cursor)
            }),
        5 if cursor.kind()? == Kind::Object => cursor.fields(&["thinking_tokens"], |cursor, _| {
            reported.reasoning.take(cursor)
        }),
        6 => {
            answer.service_tier = cursor.string_or_skip()?.or(answer.service_tier);
            Ok(())
        }
        _ => cursor.skip().map(drop),
    })
}
