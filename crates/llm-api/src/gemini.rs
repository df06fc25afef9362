//! Gemini: `generateContent` and `streamGenerateContent`.
//! Source: Google's discovery document and the types of its Python SDK. The API reads Protocol
//! Buffers' JSON, in which every field may also be written in snake case.

use crate::json::{Cursor, Fault, Kind};
use crate::output::{ahead, finish, leaves as leaves_of, number_at, objects, piece};
use crate::prompt::{leaves, list, open_fields, schema, text, tools};
use crate::request::count;
use crate::usage::Reported;
use crate::{Answer, Channel, Output, Place, Prompt, Request, Spoken};

type Done = Result<(), Fault>;

pub(crate) fn generate<'a>(
    cursor: &mut Cursor<'a>,
    request: &mut Request<'a>,
    prompt: &mut dyn Prompt,
) -> Done {
    const FIELDS: &[&str] = &[
        "contents",
        "systemInstruction",
        "system_instruction",
        "tools",
        "generationConfig",
        "generation_config",
        "labels",
    ];
    const CAPS: &[&str] = &[
        "maxOutputTokens",
        "max_output_tokens",
        "candidateCount",
        "candidate_count",
        "responseSchema",
        "response_schema",
        "responseJsonSchema",
        "response_json_schema",
        "_responseJsonSchema",
        "responseMimeType",
        "response_mime_type",
    ];
    cursor.document(FIELDS, |cursor, field| match field {
        0 => contents(cursor, Place::Content, request, prompt),
        1 | 2 => contents(cursor, Place::System, request, prompt),
        3 => {
            request.tools |= tools(cursor, prompt)?;
            Ok(())
        }
        6 => leaves(cursor, Place::Label, prompt),
        _ if cursor.kind()? != Kind::Object => cursor.skip().map(drop),
        _ => cursor.fields(CAPS, |cursor, field| {
            match field {
                0 | 1 => request.output_cap = request.output_cap.max(count(cursor)?),
                2 | 3 => request.take_choices(cursor)?,
                9 | 10 => {
                    let mime = cursor.string_or_skip()?;
                    request.json_answer |=
                        mime.is_some_and(|mime| mime.decode() == "application/json");
                }
                _ if cursor.kind()? == Kind::Object => schema(cursor, prompt)?,
                _ => cursor.skip().map(drop)?,
            }
            Ok(())
        }),
    })
}

/// A content object, or a list of them.
fn contents<'a>(
    cursor: &mut Cursor<'a>,
    place: Place,
    request: &mut Request<'a>,
    prompt: &mut dyn Prompt,
) -> Done {
    list(cursor, place, prompt, &mut |cursor, prompt| {
        content(cursor, place, request, prompt)
    })
}

fn content<'a>(
    cursor: &mut Cursor<'a>,
    place: Place,
    request: &mut Request<'a>,
    prompt: &mut dyn Prompt,
) -> Done {
    prompt.message();
    open_fields(
        cursor,
        &["role", "parts"],
        place,
        prompt,
        |cursor, field, prompt| match field {
            0 => text(cursor, Place::Role, prompt),
            _ => parts(cursor, place, request, prompt),
        },
    )
}

fn parts<'a>(
    cursor: &mut Cursor<'a>,
    place: Place,
    request: &mut Request<'a>,
    prompt: &mut dyn Prompt,
) -> Done {
    list(cursor, place, prompt, &mut |cursor, prompt| {
        part(cursor, place, request, prompt)
    })
}

fn part<'a>(
    cursor: &mut Cursor<'a>,
    place: Place,
    request: &mut Request<'a>,
    prompt: &mut dyn Prompt,
) -> Done {
    const FIELDS: &[&str] = &[
        "text",
        "functionCall",
        "function_call",
        "functionResponse",
        "function_response",
        "inlineData",
        "inline_data",
        "fileData",
        "file_data",
    ];
    open_fields(
        cursor,
        FIELDS,
        Place::Input,
        prompt,
        |cursor, field, prompt| match field {
            0 => text(cursor, place, prompt),
            1..=4 if cursor.kind()? == Kind::Object => cursor.fields(
                &["name", "args", "response", "parts"],
                |cursor, field| match field {
                    0 => text(cursor, Place::Name, prompt),
                    3 => parts(cursor, place, request, prompt),
                    _ => leaves(cursor, Place::Input, prompt),
                },
            ),
            5..=8 if cursor.kind()? == Kind::Object => {
                cursor.fields(&["mimeType", "mime_type"], |cursor, _| {
                    if let Some(mime) = cursor.string_or_skip()? {
                        let mime = mime.decode();
                        if mime.starts_with("image/") || mime == "application/pdf" {
                            request.images = true;
                            prompt.image();
                        }
                        request.audio |= mime.starts_with("audio/");
                    }
                    Ok(())
                })
            }
            _ => cursor.skip().map(drop),
        },
    )
}

/// A JSON answer, one event of an SSE stream, or one element of a stream that is an array.
pub(crate) fn answer<'a>(
    cursor: &mut Cursor<'a>,
    answer: &mut Answer<'a>,
    output: &mut dyn Output,
) -> Done {
    const FIELDS: &[&str] = &["modelVersion", "usageMetadata", "error", "candidates"];
    cursor.document(FIELDS, |cursor, field| match field {
        0 => answer.take_model(cursor),
        1 => {
            cursor.kind()?;
            let start = cursor.position();
            usage(cursor, &mut answer.reported)?;
            answer.usage_span = Some(start..cursor.position());
            Ok(())
        }
        2 => answer.take_error(cursor),
        _ => objects(cursor, |cursor, at| {
            let index = number_at(cursor.clone(), "index").unwrap_or(at);
            cursor.fields(&["content", "finishReason"], |cursor, field| {
                match cursor.kind()? {
                    _ if field == 1 => finish(cursor, index, output),
                    Kind::Object => cursor.fields(&["parts"], |cursor, _| {
                        objects(cursor, |cursor, at| {
                            part_of_answer(cursor, index, at, output)
                        })
                    }),
                    _ => cursor.skip().map(drop),
                }
            })
        }),
    })
}

fn part_of_answer(
    cursor: &mut Cursor<'_>,
    candidate: u64,
    at: u64,
    output: &mut dyn Output,
) -> Done {
    let mut thought = false;
    ahead(cursor.clone(), &["thought"], |cursor, _| {
        thought = cursor.bool_or_skip()?.unwrap_or(false);
        Ok(())
    });
    let spoken = if thought {
        Spoken::Reasoning
    } else {
        Spoken::Content
    };
    cursor.fields(
        &["text", "functionCall", "executableCode"],
        |cursor, field| match field {
            // The parts of a stream come one by one, and go on where the one before ended.
            0 => piece(cursor, Channel::new(candidate, 0, spoken), output),
            _ if cursor.kind()? != Kind::Object => cursor.skip().map(drop),
            _ => cursor.fields(&["name", "args", "code"], |cursor, field| {
                let spoken = match field {
                    0 => Spoken::Name,
                    1 => Spoken::Input,
                    _ => Spoken::Content,
                };
                leaves_of(cursor, Channel::new(candidate, at, spoken), output)
            }),
        },
    )
}

fn usage(cursor: &mut Cursor<'_>, reported: &mut Reported) -> Done {
    const FIELDS: &[&str] = &[
        "promptTokenCount",
        "candidatesTokenCount",
        "totalTokenCount",
        "cachedContentTokenCount",
        "thoughtsTokenCount",
        "toolUsePromptTokenCount",
    ];
    if cursor.kind()? != Kind::Object {
        return cursor.skip().map(drop);
    }
    cursor.fields(FIELDS, |cursor, field| match field {
        0 => reported.input.take(cursor),
        1 => reported.output.take(cursor),
        2 => reported.total.take(cursor),
        3 => reported.cache_read.take(cursor),
        4 => reported.reasoning.take(cursor),
        _ => reported.tool_use.take(cursor),
    })
}
