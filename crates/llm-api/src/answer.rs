//! What a policy needs of an answer: a JSON body, or the data of one event of a stream.

use crate::json::{Cursor, Fault, Kind, Span, Text};
use crate::usage::Reported;
use crate::{Api, Output, Usage, anthropic, bedrock, gemini, openai};

/// Facts of one JSON answer or one event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer<'a> {
    /// The model that answered, as the provider names it.
    pub model: Option<Text<'a>>,
    /// The tier that was served and is billed.
    pub service_tier: Option<Text<'a>>,
    /// It is an error, or has one in it.
    pub failed: bool,
    /// `choices` stands there and is empty, as beside the usage at the end of a stream.
    pub no_choices: bool,
    /// The value of a `usage` that is null, as in every other chunk of a stream with usage.
    pub null_usage: Option<Span>,
    /// Where the usage object stands.
    pub usage_span: Option<Span>,
    pub(crate) reported: Reported,
}

impl<'a> Answer<'a> {
    /// Reads `json`, leniently: providers are sloppy. Its text goes to `output`, which is `()`
    /// for those who do not want it.
    ///
    /// # Errors
    /// What makes it other than a JSON object; the caller passes it on untouched. What was read
    /// before the fault has been reported.
    pub fn read(api: Api, json: &'a [u8], output: &mut dyn Output) -> Result<Self, Fault> {
        let mut cursor = Cursor::lenient(json)?;
        let mut answer = Self::default();
        answer.fill(api, &mut cursor, output)?;
        Ok(answer)
    }

    fn fill(
        &mut self,
        api: Api,
        cursor: &mut Cursor<'a>,
        output: &mut dyn Output,
    ) -> Result<(), Fault> {
        match api {
            Api::OpenAiChat | Api::OpenAiCompletions | Api::OpenAiEmbeddings => {
                openai::answer(cursor, self, output)
            }
            Api::OpenAiResponses => openai::responses_answer(cursor, self, output),
            Api::AnthropicMessages | Api::AnthropicCountTokens => {
                anthropic::answer(cursor, self, output)
            }
            Api::GeminiGenerate => gemini::answer(cursor, self, output),
            Api::BedrockConverse => bedrock::answer(cursor, self, output),
            Api::BedrockInvoke => bedrock::invoke_answer(cursor, output),
        }
    }

    pub(crate) fn take_error(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Fault> {
        self.failed |= cursor.kind()? != Kind::Null;
        cursor.skip().map(drop)
    }

    /// Takes the model, unless it is empty as in the first event of Azure's streams.
    pub(crate) fn take_model(&mut self, cursor: &mut Cursor<'a>) -> Result<(), Fault> {
        let model = cursor.string_or_skip()?;
        self.model = model.filter(|model| !model.raw.is_empty()).or(self.model);
        Ok(())
    }

    /// The model named in the beginning of a JSON answer, which may be cut off anywhere.
    pub fn model_in_prefix(api: Api, prefix: &[u8]) -> Option<String> {
        let valid = match std::str::from_utf8(prefix) {
            Ok(text) => text.len(),
            Err(error) => error.valid_up_to(),
        };
        let mut cursor = Cursor::lenient(prefix.get(..valid)?).ok()?;
        let mut answer = Self::default();
        // The fault at the cut is expected; what was read before it stands.
        let _ = answer.fill(api, &mut cursor, &mut ());
        answer.model.map(|model| model.decode().into_owned())
    }

    /// Adds what this answer reports to `total`. Providers report cumulatively: a later number
    /// replaces an earlier one.
    pub fn add_usage(&self, total: &mut Option<Usage>, api: Api) {
        let mut merged = total.as_ref().map(|u| u.reported).unwrap_or_default();
        merged.merge(&self.reported, api);
        *total = merged.normalise(api);
    }

    /// The usage of a whole JSON answer.
    pub fn usage(&self, api: Api) -> Option<Usage> {
        self.reported.normalise(api)
    }
}
