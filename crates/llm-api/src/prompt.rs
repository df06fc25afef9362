//! The places in a request at which text stands.

use crate::json::{Cursor, Fault, Key, Kind, Text};

/// What a piece of text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// `role` of a message.
    Role,
    /// `name` of a message's author, or of a tool that is called.
    Name,
    /// System prompt or instructions.
    System,
    /// Content of a message, of a tool's result, a prompt, an input.
    Content,
    /// Arguments of a tool call: JSON inside a string.
    Arguments,
    /// A string inside the arguments of a tool call that are JSON themselves.
    Input,
    /// What a model thought, as the provider signed it: readable, but not to be changed.
    Thinking,
    /// Free text that describes a tool.
    Description,
    /// What tells the provider of the user, or labels the request; no part of the prompt.
    Label,
}

/// Receives the text of a request in the order in which it stands there.
pub trait Prompt {
    /// The next pieces of text belong to a new message.
    fn message(&mut self) {}

    /// A piece of text.
    fn text(&mut self, place: Place, text: Text<'_>);

    /// A number in the arguments of a tool call that are JSON themselves.
    fn number(&mut self, _number: Text<'_>) {}

    /// The next pieces of text stand under this key, which is none of the API's own, or under
    /// none any more.
    fn key(&mut self, _key: Option<Text<'_>>) {}

    /// A token given as its number.
    fn token(&mut self) {}

    /// A tool's definition, or the schema of the answer: this many bytes of JSON, with the
    /// descriptions in them.
    fn tool(&mut self, _bytes: usize) {}

    /// An image, or a document that a model sees as images.
    fn image(&mut self) {}
}

/// For those who want the request's facts alone.
impl Prompt for () {
    fn text(&mut self, _: Place, _: Text<'_>) {}
}

/// The size of a prompt, as good as can be known without counting tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PromptSize {
    bytes: u64,
    tokens: u64,
}

impl PromptSize {
    /// Estimated tokens: four bytes to a token, which is about right for English prose, low for
    /// code and high for text in other scripts; three for each message; images count nothing.
    pub fn estimated_tokens(&self) -> u64 {
        self.tokens + self.bytes.div_ceil(4)
    }
}

impl Prompt for PromptSize {
    fn message(&mut self) {
        self.tokens += 3;
    }

    fn text(&mut self, place: Place, text: Text<'_>) {
        // Descriptions stand in a tool, whose bytes are counted.
        if !matches!(place, Place::Description | Place::Label) {
            self.bytes += text.decode().len() as u64;
        }
    }

    fn token(&mut self) {
        self.tokens += 1;
    }

    fn tool(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
    }
}

/// Reports every string below the next value, keys aside.
pub(crate) fn leaves(
    cursor: &mut Cursor<'_>,
    place: Place,
    prompt: &mut dyn Prompt,
) -> Result<(), Fault> {
    match cursor.kind()? {
        Kind::String => {
            prompt.text(place, cursor.string()?);
            Ok(())
        }
        Kind::Object => cursor.members(|cursor, key| {
            prompt.key(Some(key));
            leaves(cursor, place, prompt)?;
            prompt.key(None);
            Ok(())
        }),
        Kind::Array => cursor.items(|cursor| leaves(cursor, place, prompt)),
        Kind::Number if place == Place::Input => {
            prompt.number(cursor.number_text()?);
            Ok(())
        }
        _ => cursor.skip().map(drop),
    }
}

/// Keys whose values are never a human's text, wherever they stand: ids, links, signatures,
/// encoded media, markers.
const OPAQUE: &[&str] = &[
    "id",
    "type",
    "status",
    "call_id",
    "tool_call_id",
    "tool_use_id",
    "toolUseId",
    "approval_request_id",
    "container_id",
    "caller_id",
    "file_id",
    "file_data",
    "file_url",
    "url",
    "uri",
    "image_url",
    "video_url",
    "audio_url",
    "data",
    "bytes",
    "format",
    "detail",
    "mimeType",
    "mime_type",
    "cache_control",
    "cachePoint",
    "signature",
    "fingerprint",
    "thoughtSignature",
    "thought_signature",
    "redactedContent",
    "encrypted_content",
    "encrypted_index",
    "encrypted_stdout",
    "logprobs",
    "language",
    "outcome",
    "error_code",
    "file_type",
    "page_age",
    "retrieved_at",
    "server_label",
    "server_name",
];

/// Reports the member of an object that is none we know: string by string, but for what is
/// known to be no text.
pub(crate) fn unknown(
    cursor: &mut Cursor<'_>,
    key: Text<'_>,
    place: Place,
    prompt: &mut dyn Prompt,
) -> Result<(), Fault> {
    if OPAQUE.contains(&key.decode().as_ref()) {
        return cursor.skip().map(drop);
    }
    prompt.key(Some(key));
    unknown_value(cursor, place, prompt)?;
    prompt.key(None);
    Ok(())
}

fn unknown_value(
    cursor: &mut Cursor<'_>,
    place: Place,
    prompt: &mut dyn Prompt,
) -> Result<(), Fault> {
    match cursor.kind()? {
        Kind::Object => cursor.members(|cursor, key| unknown(cursor, key, place, prompt)),
        Kind::Array => cursor.items(|cursor| unknown_value(cursor, place, prompt)),
        _ => leaves(cursor, place, prompt),
    }
}

/// Reports a string; a shape nobody documents string by string.
pub(crate) fn text(
    cursor: &mut Cursor<'_>,
    place: Place,
    prompt: &mut dyn Prompt,
) -> Result<(), Fault> {
    match (cursor.kind()?, place) {
        (Kind::String, _) => leaves(cursor, place, prompt),
        // Some providers take arguments as JSON instead of as JSON in a string.
        (_, Place::Arguments) => leaves(cursor, Place::Input, prompt),
        _ => unknown_value(cursor, place, prompt),
    }
}

/// What providers accept where a list of objects is expected: the list, with strings among its
/// objects, or just one of these.
pub(crate) fn list<'a>(
    cursor: &mut Cursor<'a>,
    place: Place,
    prompt: &mut dyn Prompt,
    object: &mut dyn FnMut(&mut Cursor<'a>, &mut dyn Prompt) -> Result<(), Fault>,
) -> Result<(), Fault> {
    match cursor.kind()? {
        Kind::Array => cursor.items(|cursor| match cursor.kind()? {
            Kind::Object => object(cursor, prompt),
            _ => leaves(cursor, place, prompt),
        }),
        Kind::Object => object(cursor, prompt),
        _ => leaves(cursor, place, prompt),
    }
}

/// Reads the fields of an object which may hold text at keys we do not know.
pub(crate) fn open_fields<'a>(
    cursor: &mut Cursor<'a>,
    known: &[&'static str],
    place: Place,
    prompt: &mut dyn Prompt,
    mut field: impl FnMut(&mut Cursor<'a>, usize, &mut dyn Prompt) -> Result<(), Fault>,
) -> Result<(), Fault> {
    cursor.all_fields(known, |cursor, key| match key {
        Key::Known(index) => field(cursor, index, prompt),
        Key::Other(key) => unknown(cursor, key, place, prompt),
    })
}

/// Reports a string, or each string and token number of a list of any depth.
pub(crate) fn strings_or_tokens(
    cursor: &mut Cursor<'_>,
    prompt: &mut dyn Prompt,
) -> Result<(), Fault> {
    match cursor.kind()? {
        Kind::String => {
            prompt.text(Place::Content, cursor.string()?);
            Ok(())
        }
        Kind::Array => cursor.items(|cursor| strings_or_tokens(cursor, prompt)),
        Kind::Number => {
            prompt.token();
            cursor.skip().map(drop)
        }
        _ => leaves(cursor, Place::Content, prompt),
    }
}

/// Reports a list of tool definitions; says whether it holds any.
pub(crate) fn tools(cursor: &mut Cursor<'_>, prompt: &mut dyn Prompt) -> Result<bool, Fault> {
    match cursor.kind()? {
        Kind::Array => {}
        Kind::Object => return schema(cursor, prompt).map(|()| true),
        _ => return cursor.skip().map(|_| false),
    }
    let mut any = false;
    cursor.items(|cursor| {
        any = true;
        schema(cursor, prompt)
    })?;
    Ok(any)
}

/// Reports a tool's definition, or a schema: its descriptions and its size.
pub(crate) fn schema(cursor: &mut Cursor<'_>, prompt: &mut dyn Prompt) -> Result<(), Fault> {
    cursor.kind()?;
    let start = cursor.position();
    descriptions(cursor, prompt)?;
    prompt.tool(cursor.position() - start);
    Ok(())
}

/// Reports the schema in the format that is asked of the answer; says whether it is JSON.
/// Without a schema (`{"type": "text"}`) a format costs nothing.
pub(crate) fn format(cursor: &mut Cursor<'_>, prompt: &mut dyn Prompt) -> Result<bool, Fault> {
    if cursor.kind()? != Kind::Object {
        return cursor.skip().map(|_| false);
    }
    let mut json = false;
    cursor.members(|cursor, key| match cursor.kind()? {
        Kind::Object => schema(cursor, prompt),
        Kind::String if key.raw == "type" => {
            json = cursor.string()?.decode().starts_with("json");
            Ok(())
        }
        _ => cursor.skip().map(drop),
    })?;
    Ok(json)
}

/// Reports the `description` and `title` strings below the next value. Names, enum values and
/// keys of a schema are part of an interface and no place for free text.
pub(crate) fn descriptions(cursor: &mut Cursor<'_>, prompt: &mut dyn Prompt) -> Result<(), Fault> {
    match cursor.kind()? {
        Kind::Object => cursor.members(|cursor, key| {
            let free = matches!(key.decode().as_ref(), "description" | "title");
            if free && cursor.kind()? == Kind::String {
                prompt.text(Place::Description, cursor.string()?);
                return Ok(());
            }
            descriptions(cursor, prompt)
        }),
        Kind::Array => cursor.items(|cursor| descriptions(cursor, prompt)),
        _ => cursor.skip().map(drop),
    }
}
