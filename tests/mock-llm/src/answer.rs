//! The content of an answer, before a dialect gives it its shape.

use std::cell::OnceCell;

use crate::ask::Ask;
use crate::json::{Json, Object};
use crate::script::{Script, UsageScript};
use crate::usage::{self, Tokens};

/// How many bytes of a tool's arguments go in one delta. Small and blind to words, so
/// that escapes inside the arguments get cut.
const ARGUMENT_FRAGMENT: usize = 8;

/// When every answer was made, in seconds since 1970. Fixed, so that answers are the same
/// on every run.
pub(crate) const CREATED: u64 = 1_760_000_000;

/// What a model has to say to one request.
pub(crate) struct Answer<'a> {
    /// The request.
    pub(crate) ask: &'a Ask,
    /// The model that claims to have answered.
    pub(crate) model: String,
    /// The text, or a tool's arguments as JSON text when there is a tool.
    pub(crate) text: String,
    /// The name of the tool to call.
    pub(crate) tool: Option<&'a str>,
    serial: u64,
    script: &'a Script,
    tokens: OnceCell<Tokens>,
}

impl<'a> Answer<'a> {
    /// The answer of the upstream `name` to its request number `serial`.
    pub(crate) fn new(name: &str, serial: u64, ask: &'a Ask, script: &'a Script) -> Self {
        let tool = ask.first_tool.as_deref().filter(|_| script.tool_call);
        let text = match (&script.text, tool) {
            (Some(text), None) => text.clone(),
            (None, None) => {
                let text = ask.prompt.last_user_text();
                format!("{name} ({}) heard: {text}", ask.model)
            }
            (text, Some(_)) => {
                let text = text.clone();
                let text = text.unwrap_or_else(|| ask.prompt.last_user_text());
                Object::new().field("text", text).end().into_string()
            }
        };
        Self {
            ask,
            model: script.response_model.as_ref().unwrap_or(&ask.model).clone(),
            text,
            tool,
            serial,
            script,
            tokens: OnceCell::new(),
        }
    }

    /// An id that is new in this server, with the vendor's prefix.
    pub(crate) fn id(&self, prefix: &str) -> String {
        format!("{prefix}{:024x}", self.serial)
    }

    /// The pieces in which the text (or the tool's arguments) is streamed.
    pub(crate) fn deltas(&self) -> Vec<&str> {
        let mut starts = Vec::new();
        let mut previous_is_space = true;
        let mut last_start = 0;
        for (at, c) in self.text.char_indices() {
            let starts_here = if self.script.char_deltas {
                true
            } else if self.tool.is_some() {
                at - last_start >= ARGUMENT_FRAGMENT
            } else {
                c.is_whitespace() && !previous_is_space
            };
            if starts_here && at > 0 {
                starts.push(at);
                last_start = at;
            }
            previous_is_space = c.is_whitespace();
        }
        starts.push(self.text.len());
        let mut from = 0;
        let piece = |to: usize| {
            let piece = &self.text[from..to];
            from = to;
            piece
        };
        starts.into_iter().map(piece).collect()
    }

    /// The usage object, or `None` when there is to be no usage. Tokens are only counted
    /// when their number is needed.
    pub(crate) fn usage(&self, shape: impl FnOnce(Tokens) -> Json) -> Option<Json> {
        match &self.script.usage {
            UsageScript::Exact => Some(shape(self.tokens())),
            UsageScript::Absent => None,
            UsageScript::Verbatim(json) => Some(Json::verbatim(json.clone())),
        }
    }

    /// What the answer truly uses, whatever it says of that.
    pub(crate) fn tokens(&self) -> Tokens {
        *self.tokens.get_or_init(|| Tokens {
            input: usage::prompt_tokens(&self.ask.prompt),
            output: usage::text_tokens(&self.text) * self.ask.choices as u64,
        })
    }
}
