//! Bedrock: Converse, and what can be said of InvokeModel. Source: botocore's service model.
//!
//! Streams (`converse-stream`) are AWS event streams: [`crate::eventstream`] reads them.

use crate::json::{Cursor, Fault, Kind};
use crate::output::{leaves as leaves_of, number_at, objects, piece};
use crate::prompt::{leaves, list, open_fields, text, tools};
use crate::request::count;
use crate::{Answer, Channel, Output, Place, Prompt, Request, Spoken};

type Done = Result<(), Fault>;

pub(crate) fn converse<'a>(
    cursor: &mut Cursor<'a>,
    request: &mut Request<'a>,
    prompt: &mut dyn Prompt,
) -> Done {
    const FIELDS: &[&str] = &[
        "messages",
        "system",
        "inferenceConfig",
        "toolConfig",
        "promptVariables",
        "requestMetadata",
    ];
    cursor.document(FIELDS, |cursor, field| match field {
        0 => list(cursor, Place::Content, prompt, &mut |cursor, prompt| {
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
        }),
        1 => blocks(cursor, Place::System, request, prompt),
        2 if cursor.kind()? == Kind::Object => cursor.fields(&["maxTokens"], |cursor, _| {
            request.output_cap = count(cursor)?;
            Ok(())
        }),
        3 if cursor.kind()? == Kind::Object => cursor.fields(&["tools"], |cursor, _| {
            request.tools |= tools(cursor, prompt)?;
            Ok(())
        }),
        4 => leaves(cursor, Place::Content, prompt),
        5 => leaves(cursor, Place::Label, prompt),
        _ => cursor.skip().map(drop),
    })
}

/// Blocks of a message, of the system prompt, of a tool's result, of a document.
fn blocks<'a>(
    cursor: &mut Cursor<'a>,
    place: Place,
    request: &mut Request<'a>,
    prompt: &mut dyn Prompt,
) -> Done {
    const FIELDS: &[&str] = &[
        "text",
        "image",
        "document",
        "toolUse",
        "toolResult",
        "json",
        "guardContent",
        "reasoningContent",
    ];
    list(cursor, place, prompt, &mut |cursor, prompt| {
        open_fields(cursor, FIELDS, place, prompt, |cursor, field, prompt| {
            match field {
                0 => return text(cursor, place, prompt),
                5 => return leaves(cursor, Place::Input, prompt),
                1 | 2 => {
                    request.images = true;
                    prompt.image();
                }
                _ => {}
            }
            if cursor.kind()? != Kind::Object {
                return cursor.skip().map(drop);
            }
            match field {
                1 => cursor.skip().map(drop),
                2 => document(cursor, place, request, prompt),
                3 | 4 => {
                    cursor.fields(&["name", "input", "content"], |cursor, field| match field {
                        0 => text(cursor, Place::Name, prompt),
                        1 => leaves(cursor, Place::Input, prompt),
                        _ => blocks(cursor, place, request, prompt),
                    })
                }
                6 => cursor.fields(&["text", "image"], |cursor, field| {
                    if field == 0 && cursor.kind()? == Kind::Object {
                        return cursor.fields(&["text"], |cursor, _| text(cursor, place, prompt));
                    }
                    request.images |= field == 1;
                    cursor.skip().map(drop)
                }),
                _ => cursor.fields(&["reasoningText"], |cursor, _| {
                    if cursor.kind()? != Kind::Object {
                        return text(cursor, Place::Thinking, prompt);
                    }
                    cursor.fields(&["text"], |cursor, _| text(cursor, Place::Thinking, prompt))
                }),
            }
        })
    })
}

/// A document: its name and context, and its source where that is text.
fn document<'a>(
    cursor: &mut Cursor<'a>,
    place: Place,
    request: &mut Request<'a>,
    prompt: &mut dyn Prompt,
) -> Done {
    cursor.fields(
        &["name", "context", "source"],
        |cursor, field| match field {
            2 if cursor.kind()? == Kind::Object => {
                cursor.fields(&["text", "content"], |cursor, field| match field {
                    0 => text(cursor, place, prompt),
                    _ => blocks(cursor, place, request, prompt),
                })
            }
            2 => cursor.skip().map(drop),
            _ => text(cursor, place, prompt),
        },
    )
}

/// InvokeModel: each vendor has a shape of its own, so every string is text.
pub(crate) fn invoke(cursor: &mut Cursor<'_>, prompt: &mut dyn Prompt) -> Done {
    let mut whole = cursor.clone();
    whole.document(&[], |_, _| Ok(()))?;
    leaves(cursor, Place::Content, prompt)
}

/// A JSON answer of InvokeModel, which is the vendor's own: string by string.
pub(crate) fn invoke_answer(cursor: &mut Cursor<'_>, output: &mut dyn Output) -> Done {
    let mut whole = cursor.clone();
    whole.document(&[], |_, _| Ok(()))?;
    leaves_of(cursor, Channel::new(0, 0, Spoken::Content), output)
}

/// A JSON answer of Converse, or the payload of one event of its stream. It names no model.
pub(crate) fn answer<'a>(
    cursor: &mut Cursor<'a>,
    answer: &mut Answer<'a>,
    output: &mut dyn Output,
) -> Done {
    const FIELDS: &[&str] = &["usage", "output", "delta", "start"];
    const USAGE: &[&str] = &[
        "inputTokens",
        "outputTokens",
        "totalTokens",
        "cacheReadInputTokens",
        "cacheWriteInputTokens",
    ];
    let mut index = 0;
    let mut event = cursor.clone();
    if event.kind()? == Kind::Object {
        index = number_at(event, "contentBlockIndex").unwrap_or(0);
    }
    cursor.document(FIELDS, |cursor, field| match field {
        _ if cursor.kind()? != Kind::Object => cursor.skip().map(drop),
        0 => {
            let start = cursor.position();
            let reported = &mut answer.reported;
            cursor.fields(USAGE, |cursor, field| match field {
                0 => reported.input.take(cursor),
                1 => reported.output.take(cursor),
                2 => reported.total.take(cursor),
                3 => reported.cache_read.take(cursor),
                _ => reported.cache_write.take(cursor),
            })?;
            answer.usage_span = Some(start..cursor.position());
            Ok(())
        }
        1 => cursor.fields(&["message"], |cursor, _| match cursor.kind()? {
            Kind::Object => cursor.fields(&["content"], |cursor, _| {
                objects(cursor, |cursor, at| block_of_answer(cursor, at, output))
            }),
            _ => cursor.skip().map(drop),
        }),
        _ => block_of_answer(cursor, index, output),
    })
}

/// A content block, the start of one, or a delta of one.
fn block_of_answer(cursor: &mut Cursor<'_>, index: u64, output: &mut dyn Output) -> Done {
    let channel = |spoken| Channel::new(index, 0, spoken);
    cursor.fields(
        &["text", "toolUse", "reasoningContent"],
        |cursor, field| match field {
            0 => piece(cursor, channel(Spoken::Content), output),
            _ if cursor.kind()? != Kind::Object => cursor.skip().map(drop),
            1 => cursor.fields(&["name", "input"], |cursor, field| match field {
                0 => piece(cursor, channel(Spoken::Name), output),
                _ if cursor.kind()? == Kind::String => {
                    piece(cursor, channel(Spoken::Arguments), output)
                }
                _ => leaves_of(cursor, channel(Spoken::Input), output),
            }),
            _ => cursor.fields(&["text", "reasoningText"], |cursor, field| match field {
                1 if cursor.kind()? == Kind::Object => cursor.fields(&["text"], |cursor, _| {
                    piece(cursor, channel(Spoken::Reasoning), output)
                }),
                _ => piece(cursor, channel(Spoken::Reasoning), output),
            }),
        },
    )
}
