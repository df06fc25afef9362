//! What a policy needs of a request's body.

use crate::json::{Cursor, Fault, Kind, Span, Text};
use crate::{Api, Prompt, anthropic, bedrock, gemini, openai};

/// Facts of a request and the spans an edit needs, read in one pass.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request<'a> {
    /// The model, where the body names one.
    pub model: Option<Text<'a>>,
    /// Whether a stream was asked for; `None` when the body does not say.
    pub stream: Option<bool>,
    /// `stream_options` of OpenAI's chat and completions.
    pub stream_options: Option<StreamOptions>,
    /// The tier of service asked for, of OpenAI's APIs.
    pub service_tier: Option<Text<'a>>,
    /// Most output tokens asked for, per choice.
    pub output_cap: Option<u64>,
    /// Answers asked for (`n`, `candidateCount`), at least 1.
    pub choices: u64,
    /// Whether the answer is to be made later and fetched by another request (`background`,
    /// xAI's `deferred`).
    pub detached: bool,
    /// Whether tools are offered.
    pub tools: bool,
    /// Whether there are images (or PDFs, which models see as images).
    pub images: bool,
    /// Whether there is audio, or is to be in the answer.
    pub audio: bool,
    /// Whether the answer is to be JSON: its content is then JSON inside a string.
    pub json_answer: bool,
    /// Just behind the opening brace: where a field can be inserted.
    pub insert_at: usize,
    /// Whether the object has any member, so that an inserted one needs a comma.
    pub has_members: bool,
}

/// `stream_options` as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamOptions {
    /// The whole value.
    pub span: Span,
    /// Where a member can be inserted when it is an object, and whether another follows there.
    pub insert_at: Option<(usize, bool)>,
    /// The value of `include_usage`, if there is one.
    pub include_usage: Option<Span>,
    /// What it says, when it is a boolean.
    pub asked: Option<bool>,
}

impl<'a> Request<'a> {
    /// Reads `body` as a request of `api`, reporting its text to `prompt`.
    ///
    /// # Errors
    /// Whatever makes the body other than one valid, unambiguous JSON object.
    pub fn read(api: Api, body: &'a [u8], prompt: &mut dyn Prompt) -> Result<Self, Fault> {
        let mut cursor = Cursor::strict(body)?;
        let mut request = Self {
            choices: 1,
            insert_at: body.iter().position(|&b| b == b'{').map_or(0, |at| at + 1),
            ..Self::default()
        };
        let rest = body.get(request.insert_at..).unwrap_or_default();
        request.has_members = rest.iter().find(|b| !b.is_ascii_whitespace()) != Some(&b'}');
        match api {
            Api::OpenAiChat => openai::chat(&mut cursor, &mut request, prompt),
            Api::OpenAiCompletions => openai::completions(&mut cursor, &mut request, prompt),
            Api::OpenAiResponses => openai::responses(&mut cursor, &mut request, prompt),
            Api::OpenAiEmbeddings => openai::embeddings(&mut cursor, &mut request, prompt),
            Api::AnthropicMessages | Api::AnthropicCountTokens => {
                anthropic::messages(&mut cursor, &mut request, prompt)
            }
            Api::GeminiGenerate => gemini::generate(&mut cursor, &mut request, prompt),
            Api::BedrockConverse => bedrock::converse(&mut cursor, &mut request, prompt),
            Api::BedrockInvoke => bedrock::invoke(&mut cursor, prompt),
        }?;
        Ok(request)
    }

    /// Most output tokens the whole answer can have, if the request bounds them.
    pub fn total_output_cap(&self) -> Option<u64> {
        self.output_cap.map(|cap| cap.saturating_mul(self.choices))
    }

    pub(crate) fn take_model(&mut self, cursor: &mut Cursor<'a>) -> Result<(), Fault> {
        match cursor.string_or_skip()? {
            // Parsers disagree on what a lone surrogate is: U+FFFD, nothing, an error.
            Some(model) if model.has_lone_surrogate() => {
                Err(Fault::WrongType("model", "a string of valid Unicode"))
            }
            Some(model) => {
                self.model = Some(model);
                Ok(())
            }
            None => Err(Fault::WrongType("model", "a string")),
        }
    }

    pub(crate) fn take_choices(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Fault> {
        let asked = count(cursor)?.unwrap_or(1);
        self.choices = self.choices.max(asked).max(1);
        Ok(())
    }
}

/// Reads a whole number, also one in a string: Protocol Buffers' JSON allows it, and many
/// servers convert.
pub(crate) fn count(cursor: &mut Cursor<'_>) -> Result<Option<u64>, Fault> {
    if cursor.kind()? == Kind::String {
        return Ok(cursor.string()?.decode().trim().parse().ok());
    }
    cursor.count_or_skip()
}
