//! A delta nobody sent: what was held back of a text when it ends without another one.

use weir_llm_api::json::{Cursor, Fault, Kind, Span, escape};
use weir_llm_api::{Api, Channel, Spoken};

/// Members with longer values are not repeated.
const MAX_MEMBER: usize = 256;

/// An event, whole but for its text.
#[derive(Debug)]
pub(crate) struct Delta {
    before: Vec<u8>,
    after: Vec<u8>,
}

impl Delta {
    /// An event like that of `json`, whose text for the channel is at `span`.
    pub(crate) fn like(api: Api, channel: Channel, json: &[u8], span: &Span) -> Self {
        let mut made = Self {
            before: Vec::new(),
            after: Vec::new(),
        };
        if api == Api::AnthropicMessages {
            made.anthropic(channel);
            return made;
        }
        let mut kind = None;
        if let Ok(mut cursor) = Cursor::lenient(json) {
            let at_type = cursor.clone().fields(&["type"], |cursor, _| {
                kind = cursor.string_or_skip()?;
                Ok(())
            });
            // The names of the responses API's events stand before their data, too.
            if let (Ok(()), Some(kind)) = (at_type, kind)
                && api == Api::OpenAiResponses
            {
                made.before.extend_from_slice(b"event: ");
                made.before
                    .extend_from_slice(escape(&kind.decode()).as_bytes());
                made.before.push(b'\n');
            }
            made.before.extend_from_slice(b"data: ");
            let mut place = Place {
                json,
                span,
                made: &mut made,
                found: false,
            };
            // It has been read before.
            let _ = place.copy(&mut cursor, true);
        }
        made.after.extend_from_slice(b"\n\n");
        made
    }

    /// Events of blocks carry no more than their block and text.
    fn anthropic(&mut self, channel: Channel) {
        let (kind, key) = match channel.spoken {
            Spoken::Reasoning => ("thinking_delta", "thinking"),
            Spoken::Arguments => ("input_json_delta", "partial_json"),
            _ => ("text_delta", "text"),
        };
        let index = channel.choice;
        let before = format!(
            "event: content_block_delta\n\
             data: {{\"type\":\"content_block_delta\",\"index\":{index},\"delta\":{{\"type\":\"{kind}\",\"{key}\":\""
        );
        self.before = before.into_bytes();
        self.after = b"\"}}\n\n".to_vec();
    }

    /// The event with this for its text, as it stands between quotes.
    pub(crate) fn with(&self, raw: &[u8]) -> Vec<u8> {
        [&self.before, raw, &self.after].concat()
    }
}

/// Copies what leads to a text, and leaves its siblings out: what was said once (other texts, a
/// role, a tool's name, usage) must not be said again, for clients add it up. What is kept at the
/// top is short and single; further down it is numbers, null, true, false and the type.
struct Place<'a> {
    json: &'a [u8],
    span: &'a Span,
    made: &'a mut Delta,
    found: bool,
}

impl Place<'_> {
    fn copy(&mut self, cursor: &mut Cursor<'_>, top: bool) -> Result<(), Fault> {
        match cursor.kind()? {
            Kind::Object => {
                self.put(b"{");
                let mut first = true;
                cursor.members(|cursor, key| {
                    let kind = cursor.kind()?;
                    let value = cursor.clone().skip()?;
                    let leads = self.leads(&value);
                    let short = value.len() <= MAX_MEMBER;
                    let kept = match kind {
                        Kind::Object | Kind::Array => false,
                        Kind::String => short && (top || key.raw == "type"),
                        _ => short,
                    };
                    if !leads && !kept {
                        return cursor.skip().map(drop);
                    }
                    let comma = if first { "\"" } else { ",\"" };
                    first = false;
                    self.put(comma.as_bytes());
                    self.put(key.raw.as_bytes());
                    self.put(b"\":");
                    if leads {
                        return self.copy(cursor, false);
                    }
                    self.put(self.json.get(value).unwrap_or_default());
                    cursor.skip().map(drop)
                })?;
                self.put(b"}");
            }
            Kind::Array => {
                self.put(b"[");
                cursor.items(|cursor| {
                    let value = cursor.clone().skip()?;
                    match self.leads(&value) {
                        true => self.copy(cursor, false),
                        false => cursor.skip().map(drop),
                    }
                })?;
                self.put(b"]");
            }
            _ => {
                self.put(b"\"");
                self.found = true;
                self.put(b"\"");
                cursor.skip()?;
            }
        }
        Ok(())
    }

    fn leads(&self, value: &Span) -> bool {
        value.start <= self.span.start && self.span.end < value.end
    }

    fn put(&mut self, bytes: &[u8]) {
        let side = match self.found {
            false => &mut self.made.before,
            true => &mut self.made.after,
        };
        side.extend_from_slice(bytes);
    }
}
