//! The places in a request at which text stands.

use crate::json::{Cursor, Fault, Kind, Text};

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
}

/// Receives the text of a request in the order in which it stands there.
pub trait Prompt {
    /// The next pieces of text belong to a new message.
    fn message(&mut self) {}

    /// A piece of text.
    fn text(&mut self, place: Place, text: Text<'_>);

    /// A token given as its number.
    fn token(&mut self) {}

    /// A tool's definition: this many bytes of JSON.
    fn tool(&mut self, _bytes: usize) {}
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

    fn text(&mut self, _: Place, text: Text<'_>) {
        self.bytes += text.raw.len() as u64;
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
        Kind::Object => cursor.members(|cursor, _| leaves(cursor, place, prompt)),
        Kind::Array => cursor.items(|cursor| leaves(cursor, place, prompt)),
        _ => cursor.skip().map(drop),
    }
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
    if cursor.kind()? != Kind::Array {
        let span = cursor.skip()?;
        prompt.tool(span.len());
        return Ok(span.len() > "null".len());
    }
    let mut any = false;
    cursor.items(|cursor| {
        any = true;
        let start = cursor.position();
        descriptions(cursor, prompt)?;
        prompt.tool(cursor.position() - start);
        Ok(())
    })?;
    Ok(any)
}

/// Reports the `description` and `title` strings below the next value. Names, enum values and
/// keys of a schema are part of an interface and no place for free text.
pub(crate) fn descriptions(
    cursor: &mut Cursor<'_>,
    prompt: &mut dyn Prompt,
) -> Result<(), Fault> {
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
