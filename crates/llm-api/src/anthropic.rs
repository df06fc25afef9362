//! Anthropic: messages and token counting.
//! Source: Anthropic's API reference and the types of its Python SDK.

use crate::json::{Cursor, Fault, Kind};
use crate::openai::{list, text};
use crate::prompt::{leaves, tools};
use crate::usage::Reported;
use crate::{Answer, Place, Prompt, Request};

type Done = Result<(), Fault>;

pub(crate) fn messages<'a>(
    cursor: &mut Cursor<'a>,
    request: &mut Request<'a>,
    prompt: &mut dyn Prompt,
) -> Done {
    const FIELDS: &[&str] = &["model", "system", "messages", "max_tokens", "stream", "tools"];
    cursor.document(FIELDS, |cursor, field| {
        match field {
            0 => request.take_model(cursor)?,
            1 => blocks(cursor, Place::System, request, prompt)?,
            2 => list(cursor, Place::Content, prompt, &mut |cursor, prompt| {
                prompt.message();
                cursor.fields(&["role", "content"], |cursor, field| match field {
                    0 => text(cursor, Place::Role, prompt),
                    _ => blocks(cursor, Place::Content, request, prompt),
                })
            })?,
            3 => request.output_cap = cursor.count_or_skip()?,
            4 => request.stream = cursor.bool_or_skip()?,
            _ => request.tools |= tools(cursor, prompt)?,
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
        "type", "text", "input", "content", "thinking", "source", "title", "context", "name",
    ];
    list(cursor, place, prompt, &mut |cursor, prompt| {
        cursor.fields(FIELDS, |cursor, field| match field {
            0 => {
                if let Some(kind) = cursor.string_or_skip()? {
                    request.images |= matches!(kind.decode().as_ref(), "image" | "document");
                }
                Ok(())
            }
            1 | 6 | 7 => text(cursor, place, prompt),
            2 => leaves(cursor, Place::Input, prompt),
            3 => blocks(cursor, place, request, prompt),
            4 => text(cursor, Place::Thinking, prompt),
            5 => source(cursor, place, request, prompt),
            _ => text(cursor, Place::Name, prompt),
        })
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
            0 => plain = cursor.string_or_skip()?.is_some_and(|kind| kind.decode() == "text"),
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

/// A JSON answer, or one event: the answer stands inside `message` of `message_start`.
pub(crate) fn answer<'a>(cursor: &mut Cursor<'a>, answer: &mut Answer<'a>) -> Done {
    const FIELDS: &[&str] = &["model", "usage", "input_tokens", "message"];
    cursor.document(FIELDS, |cursor, field| {
        if field == 3 && cursor.kind()? == Kind::Object {
            return cursor.fields(FIELDS, |cursor, field| answer_field(cursor, field, answer));
        }
        answer_field(cursor, field, answer)
    })
}

fn answer_field<'a>(cursor: &mut Cursor<'a>, field: usize, answer: &mut Answer<'a>) -> Done {
    match field {
        0 => answer.model = cursor.string_or_skip()?.or(answer.model),
        1 => usage(cursor, &mut answer.reported)?,
        // The whole answer of `count_tokens`.
        2 => answer.reported.input.take(cursor)?,
        _ => cursor.skip().map(drop)?,
    }
    Ok(())
}

fn usage(cursor: &mut Cursor<'_>, reported: &mut Reported) -> Done {
    const FIELDS: &[&str] = &[
        "input_tokens",
        "output_tokens",
        "cache_read_input_tokens",
        "cache_creation_input_tokens",
        "cache_creation",
    ];
    if cursor.kind()? != Kind::Object {
        return cursor.skip().map(drop);
    }
    cursor.fields(FIELDS, |cursor, field| match field {
        0 => reported.input.take(cursor),
        1 => reported.output.take(cursor),
        2 => reported.cache_read.take(cursor),
        3 => reported.cache_write.take(cursor),
        _ if cursor.kind()? == Kind::Object => cursor
            .fields(&["ephemeral_1h_input_tokens"], |cursor, _| {
                reported.cache_write_1h.take(cursor)
            }),
        _ => cursor.skip().map(drop),
    })
}
