//! The places in an answer at which text stands.

use crate::json::{Cursor, Fault, Kind, Text};

/// What a piece of an answer's text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Spoken {
    /// What the model says.
    Content,
    /// Why it says nothing.
    Refusal,
    /// What it thought, or a summary of that.
    Reasoning,
    /// The name of a tool it calls.
    Name,
    /// Arguments of a tool call: JSON inside a string, in a stream a fragment of it.
    Arguments,
    /// A string inside arguments that are JSON themselves, or the text that a tool takes instead
    /// of arguments.
    Input,
}

/// Which of the texts of an answer a piece belongs to. The pieces of one channel, joined in the
/// order in which they come, are one text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Channel {
    /// The choice, candidate, output item or content block.
    pub choice: u64,
    /// The part, tool call or summary within it.
    pub part: u64,
    /// What the text is.
    pub spoken: Spoken,
}

impl Channel {
    pub(crate) const fn new(choice: u64, part: u64, spoken: Spoken) -> Self {
        Self {
            choice,
            part,
            spoken,
        }
    }
}

/// Receives the text of an answer, or of one event of it, in the order in which it stands there.
pub trait Output {
    /// A piece of text that comes for the first time.
    fn text(&mut self, channel: Channel, text: Text<'_>);

    /// A whole text that the pieces before it have brought already, as the last events of
    /// OpenAI's responses do.
    fn again(&mut self, _channel: Channel, _text: Text<'_>) {}

    /// After this event nothing more comes of this choice.
    fn finish(&mut self, _choice: u64) {}
}

/// For those who do not want the text.
impl Output for () {
    fn text(&mut self, _: Channel, _: Text<'_>) {}
}

/// Reports a repetition as one.
pub(crate) struct Again<'a>(pub(crate) &'a mut dyn Output);

impl Output for Again<'_> {
    fn text(&mut self, channel: Channel, text: Text<'_>) {
        self.0.again(channel, text);
    }

    fn again(&mut self, channel: Channel, text: Text<'_>) {
        self.0.again(channel, text);
    }

    fn finish(&mut self, choice: u64) {
        self.0.finish(choice);
    }
}

/// Reports the next value if it is a string.
pub(crate) fn piece(
    cursor: &mut Cursor<'_>,
    channel: Channel,
    output: &mut dyn Output,
) -> Result<(), Fault> {
    if let Some(text) = cursor.string_or_skip()? {
        output.text(channel, text);
    }
    Ok(())
}

/// Reports every string below the next value, keys aside.
pub(crate) fn leaves(
    cursor: &mut Cursor<'_>,
    channel: Channel,
    output: &mut dyn Output,
) -> Result<(), Fault> {
    match cursor.kind()? {
        Kind::Object => cursor.members(|cursor, _| leaves(cursor, channel, output)),
        Kind::Array => cursor.items(|cursor| leaves(cursor, channel, output)),
        _ => piece(cursor, channel, output),
    }
}

/// Reports the end of a choice when the next value gives a reason for it. Some providers send an
/// empty one with every event.
pub(crate) fn finish(
    cursor: &mut Cursor<'_>,
    choice: u64,
    output: &mut dyn Output,
) -> Result<(), Fault> {
    if cursor
        .string_or_skip()?
        .is_some_and(|reason| !reason.raw.is_empty())
    {
        output.finish(choice);
    }
    Ok(())
}

/// Reads each object of a list with its position in it; anything else is skipped.
pub(crate) fn objects<'a>(
    cursor: &mut Cursor<'a>,
    mut object: impl FnMut(&mut Cursor<'a>, u64) -> Result<(), Fault>,
) -> Result<(), Fault> {
    if cursor.kind()? != Kind::Array {
        return cursor.skip().map(drop);
    }
    let mut position = 0;
    cursor.items(|cursor| {
        let at = position;
        position += 1;
        match cursor.kind()? {
            Kind::Object => object(cursor, at),
            _ => cursor.skip().map(drop),
        }
    })
}

/// Looks ahead at fields of the object that comes next, wherever they stand in it. In an answer
/// that was cut off they may not have come: who reads on will meet that fault.
pub(crate) fn ahead<'a>(
    mut object: Cursor<'a>,
    known: &[&'static str],
    field: impl FnMut(&mut Cursor<'a>, usize) -> Result<(), Fault>,
) {
    let _ = object.fields(known, field);
}

/// The number at a key of the object that comes next.
pub(crate) fn number_at(object: Cursor<'_>, key: &'static str) -> Option<u64> {
    let mut found = None;
    ahead(object, &[key], |cursor, _| {
        found = cursor.count_or_skip()?;
        Ok(())
    });
    found
}
