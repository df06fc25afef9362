//! Bedrock: Converse, and what can be said of InvokeModel. Source: botocore's service model.
//!
//! Streams (`converse-stream`) are AWS event streams, which are binary: they are passed and
//! counted as unread.

use crate::json::{Cursor, Fault, Kind};
use crate::openai::{list, text};
use crate::prompt::{leaves, tools};
use crate::{Answer, Place, Prompt, Request};

type Done = Result<(), Fault>;

pub(crate) fn converse<'a>(
    cursor: &mut Cursor<'a>,
    request: &mut Request<'a>,
    prompt: &mut dyn Prompt,
) -> Done {
    const FIELDS: &[&str] = &["messages", "system", "inferenceConfig", "toolConfig"];
    cursor.document(FIELDS, |cursor, field| match field {
        0 => list(cursor, Place::Content, prompt, &mut |cursor, prompt| {
            prompt.message();
            cursor.fields(&["role", "content"], |cursor, field| match field {
                0 => text(cursor, Place::Role, prompt),
                _ => blocks(cursor, Place::Content, request, prompt),
            })
        }),
        1 => blocks(cursor, Place::System, request, prompt),
        2 if cursor.kind()? == Kind::Object => cursor.fields(&["maxTokens"], |cursor, _| {
            request.output_cap = cursor.count_or_skip()?;
            Ok(())
        }),
        3 if cursor.kind()? == Kind::Object => cursor.fields(&["tools"], |cursor, _| {
            request.tools |= tools(cursor, prompt)?;
            Ok(())
        }),
        _ => cursor.skip().map(drop),
    })
}

fn blocks<'a>(
    cursor: &mut Cursor<'a>,
    place: Place,
    request: &mut Request<'a>,
    prompt: &mut dyn Prompt,
) -> Done {
    const FIELDS: &[&str] = &["text", "image", "document", "toolUse", "toolResult"];
    list(cursor, place, prompt, &mut |cursor, prompt| {
        cursor.fields(FIELDS, |cursor, field| match field {
            0 => text(cursor, place, prompt),
            1 | 2 => {
                request.images = true;
                cursor.skip().map(drop)
            }
            _ if cursor.kind()? != Kind::Object => cursor.skip().map(drop),
            _ => cursor.fields(&["name", "input", "content"], |cursor, field| match field {
                0 => text(cursor, Place::Name, prompt),
                1 => leaves(cursor, Place::Input, prompt),
                _ => tool_result(cursor, place, request, prompt),
            }),
        })
    })
}

fn tool_result<'a>(
    cursor: &mut Cursor<'a>,
    place: Place,
    request: &mut Request<'a>,
    prompt: &mut dyn Prompt,
) -> Done {
    list(cursor, place, prompt, &mut |cursor, prompt| {
        cursor.fields(&["text", "json", "image", "document"], |cursor, field| match field {
            0 => text(cursor, place, prompt),
            1 => leaves(cursor, Place::Input, prompt),
            _ => {
                request.images = true;
                cursor.skip().map(drop)
            }
        })
    })
}

/// InvokeModel: each vendor has a shape of its own, so every string is text.
pub(crate) fn invoke(cursor: &mut Cursor<'_>, prompt: &mut dyn Prompt) -> Done {
    let mut whole = cursor.clone();
    whole.document(&[], |_, _| Ok(()))?;
    leaves(cursor, Place::Content, prompt)
}

/// A JSON answer of Converse. It names no model.
pub(crate) fn answer<'a>(cursor: &mut Cursor<'a>, answer: &mut Answer<'a>) -> Done {
    const FIELDS: &[&str] = &[
        "inputTokens",
        "outputTokens",
        "totalTokens",
        "cacheReadInputTokens",
        "cacheWriteInputTokens",
    ];
    let reported = &mut answer.reported;
    cursor.document(&["usage"], |cursor, _| {
        if cursor.kind()? != Kind::Object {
            return cursor.skip().map(drop);
        }
        cursor.fields(FIELDS, |cursor, field| match field {
            0 => reported.input.take(cursor),
            1 => reported.output.take(cursor),
            2 => reported.total.take(cursor),
            3 => reported.cache_read.take(cursor),
            _ => reported.cache_write.take(cursor),
        })
    })
}
