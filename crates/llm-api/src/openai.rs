//! OpenAI: requests of chat completions, completions, responses, embeddings.
//! Source: OpenAI's OpenAPI description and the types of its Python SDK.

mod answer;

pub(crate) use answer::{answer, responses_answer};

use crate::json::{Cursor, Fault, Key, Kind};
use crate::prompt::{format, leaves, list, open_fields, strings_or_tokens, text, tools};
use crate::request::count;
use crate::{Place, Prompt, Request, StreamOptions};

type Done = Result<(), Fault>;

pub(crate) fn chat<'a>(
    cursor: &mut Cursor<'a>,
    request: &mut Request<'a>,
    prompt: &mut dyn Prompt,
) -> Done {
    const FIELDS: &[&str] = &[
        "model",
        "messages",
        "stream",
        "stream_options",
        "max_completion_tokens",
        "max_tokens",
        "n",
        "tools",
        "functions",
        "response_format",
        "prediction",
        "service_tier",
        "audio",
        "deferred",
        "user",
        "safety_identifier",
        "metadata",
    ];
    let mut older_cap = None;
    cursor.document(FIELDS, |cursor, field| {
        match field {
            0 => request.take_model(cursor)?,
            1 => list(cursor, Place::Content, prompt, &mut |cursor, prompt| {
                message(cursor, request, prompt)
            })?,
            2 => request.stream = cursor.bool_or_null("stream")?,
            3 => request.stream_options = stream_options(cursor)?,
            4 => request.output_cap = count(cursor)?,
            5 => older_cap = count(cursor)?,
            6 => request.take_choices(cursor)?,
            7 | 8 => request.tools |= tools(cursor, prompt)?,
            9 => request.json_answer = format(cursor, prompt)?,
            // What the answer is expected to be: a text of the user's, or parts of one.
            10 => content(cursor, request, prompt)?,
            11 => request.service_tier = cursor.string_or_skip()?,
            12 => {
                request.audio |= cursor.kind()? == Kind::Object;
                cursor.skip().map(drop)?;
            }
            13 => request.detached = detached(cursor)?,
            _ => leaves(cursor, Place::Label, prompt)?,
        }
        Ok(())
    })?;
    // OpenAI refuses both; a server that knows one of them obeys that.
    request.output_cap = request.output_cap.max(older_cap);
    Ok(())
}

/// A flag that is no boolean may still be one to a lax server.
fn detached(cursor: &mut Cursor<'_>) -> Result<bool, Fault> {
    if cursor.kind()? == Kind::Null {
        return cursor.skip().map(|_| false);
    }
    Ok(cursor.bool_or_skip()?.unwrap_or(true))
}

fn message<'a>(
    cursor: &mut Cursor<'a>,
    request: &mut Request<'a>,
    prompt: &mut dyn Prompt,
) -> Done {
    const FIELDS: &[&str] = &[
        "role",
        "content",
        "name",
        "tool_calls",
        "function_call",
        "refusal",
        "reasoning_content",
        "reasoning",
    ];
    prompt.message();
    open_fields(
        cursor,
        FIELDS,
        Place::Content,
        prompt,
        |cursor, field, prompt| match field {
            0 => text(cursor, Place::Role, prompt),
            1 => content(cursor, request, prompt),
            2 => text(cursor, Place::Name, prompt),
            3 => list(cursor, Place::Input, prompt, &mut |cursor, prompt| {
                cursor.fields(&["function", "custom"], |cursor, _| {
                    function_call(cursor, prompt)
                })
            }),
            4 => function_call(cursor, prompt),
            5 => text(cursor, Place::Content, prompt),
            _ => text(cursor, Place::Thinking, prompt),
        },
    )
}

/// `{"name": …, "arguments": "<JSON>"}`, or `{"name": …, "input": "<text>"}` of a custom tool.
fn function_call(cursor: &mut Cursor<'_>, prompt: &mut dyn Prompt) -> Done {
    if cursor.kind()? != Kind::Object {
        return leaves(cursor, Place::Input, prompt);
    }
    cursor.fields(
        &["name", "arguments", "input"],
        |cursor, field| match field {
            0 => text(cursor, Place::Name, prompt),
            1 => text(cursor, Place::Arguments, prompt),
            _ => text(cursor, Place::Content, prompt),
        },
    )
}

/// Content of a message: text, a list of parts, or null.
fn content<'a>(
    cursor: &mut Cursor<'a>,
    request: &mut Request<'a>,
    prompt: &mut dyn Prompt,
) -> Done {
    const FIELDS: &[&str] = &[
        "type",
        "text",
        "refusal",
        "content",
        "image_url",
        "file",
        "input_audio",
    ];
    list(cursor, Place::Content, prompt, &mut |cursor, prompt| {
        open_fields(
            cursor,
            FIELDS,
            Place::Content,
            prompt,
            |cursor, field, prompt| match field {
                0 => {
                    if let Some(kind) = cursor.string_or_skip()? {
                        match kind.decode().as_ref() {
                            "image_url"
                            | "input_image"
                            | "computer_screenshot"
                            | "file"
                            | "input_file" => {
                                request.images = true;
                                prompt.image();
                            }
                            "input_audio" => request.audio = true,
                            _ => {}
                        }
                    }
                    Ok(())
                }
                1 | 2 => text(cursor, Place::Content, prompt),
                3 => content(cursor, request, prompt),
                4 => {
                    request.images = true;
                    cursor.skip().map(drop)
                }
                5 if cursor.kind()? == Kind::Object => {
                    request.images = true;
                    // The model sees the name of a file, too.
                    cursor.fields(&["filename"], |cursor, _| {
                        text(cursor, Place::Content, prompt)
                    })
                }
                _ => {
                    request.audio |= field == 6;
                    cursor.skip().map(drop)
                }
            },
        )
    })
}

pub(crate) fn completions<'a>(
    cursor: &mut Cursor<'a>,
    request: &mut Request<'a>,
    prompt: &mut dyn Prompt,
) -> Done {
    const FIELDS: &[&str] = &[
        "model",
        "prompt",
        "suffix",
        "stream",
        "stream_options",
        "max_tokens",
        "n",
        "best_of",
        "user",
    ];
    let mut prompts = 1;
    cursor.document(FIELDS, |cursor, field| {
        match field {
            0 => request.take_model(cursor)?,
            1 => {
                prompts = prompts_in(cursor.clone())?;
                strings_or_tokens(cursor, prompt)?;
            }
            2 => text(cursor, Place::Content, prompt)?,
            3 => request.stream = cursor.bool_or_null("stream")?,
            4 => request.stream_options = stream_options(cursor)?,
            5 => request.output_cap = count(cursor)?,
            // `best_of` makes and bills more answers than it returns.
            6 | 7 => request.take_choices(cursor)?,
            _ => leaves(cursor, Place::Label, prompt)?,
        }
        Ok(())
    })?;
    request.choices = request.choices.saturating_mul(prompts);
    Ok(())
}

/// How many prompts there are: each is answered. A list of numbers is one, given as tokens.
fn prompts_in(mut cursor: Cursor<'_>) -> Result<u64, Fault> {
    let mut prompts = 0;
    if cursor.kind()? == Kind::Array {
        cursor.items(|cursor| {
            prompts += u64::from(cursor.kind()? != Kind::Number);
            cursor.skip().map(drop)
        })?;
    }
    Ok(prompts.max(1))
}

pub(crate) fn embeddings<'a>(
    cursor: &mut Cursor<'a>,
    request: &mut Request<'a>,
    prompt: &mut dyn Prompt,
) -> Done {
    cursor.document(&["model", "input", "user"], |cursor, field| match field {
        0 => request.take_model(cursor),
        2 => leaves(cursor, Place::Label, prompt),
        _ => strings_or_tokens(cursor, prompt),
    })
}

pub(crate) fn responses<'a>(
    cursor: &mut Cursor<'a>,
    request: &mut Request<'a>,
    prompt: &mut dyn Prompt,
) -> Done {
    const FIELDS: &[&str] = &[
        "model",
        "input",
        "instructions",
        "stream",
        "max_output_tokens",
        "tools",
        "text",
        "prompt",
        "service_tier",
        "background",
        "user",
        "safety_identifier",
        "metadata",
    ];
    cursor.document(FIELDS, |cursor, field| {
        match field {
            0 => request.take_model(cursor)?,
            1 => list(cursor, Place::Content, prompt, &mut |cursor, prompt| {
                item(cursor, request, prompt)
            })?,
            2 => leaves(cursor, Place::System, prompt)?,
            3 => request.stream = cursor.bool_or_null("stream")?,
            4 => request.output_cap = count(cursor)?,
            5 => request.tools |= tools(cursor, prompt)?,
            8 => request.service_tier = cursor.string_or_skip()?,
            9 => request.detached = detached(cursor)?,
            6 if cursor.kind()? == Kind::Object => {
                cursor.fields(&["format"], |cursor, _| {
                    request.json_answer = format(cursor, prompt)?;
                    Ok(())
                })?;
            }
            // A stored prompt: its variables are filled into it, texts or parts.
            7 if cursor.kind()? == Kind::Object => cursor.fields(&["variables"], |cursor, _| {
                if cursor.kind()? != Kind::Object {
                    return leaves(cursor, Place::Content, prompt);
                }
                cursor.members(|cursor, _| content(cursor, request, prompt))
            })?,
            6 | 7 => cursor.skip().map(drop)?,
            _ => leaves(cursor, Place::Label, prompt)?,
        }
        Ok(())
    })
}

/// An item of `input`: a message, a tool call, its output, a reasoning summary, or one of the
/// many kinds of calls of built-in tools, which are read string by string.
fn item<'a>(cursor: &mut Cursor<'a>, request: &mut Request<'a>, prompt: &mut dyn Prompt) -> Done {
    const FIELDS: &[&str] = &[
        "role",
        "content",
        "name",
        "arguments",
        "output",
        "input",
        "summary",
        "tools",
        "result",
    ];
    prompt.message();
    let start = cursor.clone();
    open_fields(
        cursor,
        FIELDS,
        Place::Input,
        prompt,
        |cursor, field, prompt| match field {
            0 => text(cursor, Place::Role, prompt),
            1 | 4 => content(cursor, request, prompt),
            2 => text(cursor, Place::Name, prompt),
            3 => text(cursor, Place::Arguments, prompt),
            5 => text(cursor, Place::Content, prompt),
            6 => list(cursor, Place::Thinking, prompt, &mut |cursor, prompt| {
                cursor.fields(&["text"], |cursor, _| text(cursor, Place::Thinking, prompt))
            }),
            7 => {
                request.tools |= tools(cursor, prompt)?;
                Ok(())
            }
            // An image in base64, or what a program printed.
            _ if has_type(start.clone(), "image_generation_call")? => cursor.skip().map(drop),
            _ => text(cursor, Place::Input, prompt),
        },
    )
}

/// Whether the object is of this `type`, wherever that stands in it.
fn has_type(mut object: Cursor<'_>, expected: &str) -> Result<bool, Fault> {
    let mut found = false;
    object.fields(&["type"], |cursor, _| {
        found = cursor
            .string_or_skip()?
            .is_some_and(|kind| kind.decode() == expected);
        Ok(())
    })?;
    Ok(found)
}

fn stream_options(cursor: &mut Cursor<'_>) -> Result<Option<StreamOptions>, Fault> {
    if cursor.kind()? != Kind::Object {
        let span = cursor.skip()?;
        return Ok(Some(StreamOptions {
            span,
            insert_at: None,
            include_usage: None,
            asked: None,
        }));
    }
    let start = cursor.position();
    let (mut include_usage, mut asked) = (None, None);
    let mut members = false;
    cursor.all_fields(&["include_usage"], |cursor, key| {
        members = true;
        if matches!(key, Key::Other(_)) {
            return cursor.skip().map(drop);
        }
        cursor.kind()?;
        let start = cursor.position();
        asked = cursor.bool_or_skip()?;
        include_usage = Some(start..cursor.position());
        Ok(())
    })?;
    Ok(Some(StreamOptions {
        span: start..cursor.position(),
        insert_at: Some((start + 1, members)),
        include_usage,
        asked,
    }))
}
