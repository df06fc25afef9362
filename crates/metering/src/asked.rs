//! A request: what it is for, what it costs to send, the most it may answer.

use weir_llm_api::json::Fault;
use weir_llm_api::{Api, Call, Edit, Request};
use weir_policy::Cx;
use weir_policy::names::fact;
use weir_tokens::Count;

use crate::prompt::Counter;
use crate::{Models, Source};

/// What is known of a request before it leaves.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The model as it is sent.
    pub model: String,
    /// Tokens of the prompt.
    pub prompt: Count,
    /// Most output tokens over all its answers, when it says so.
    pub output_cap: Option<u64>,
    /// Output tokens to reckon with in each answer when it does not.
    pub expected_output: u64,
    /// Answers asked for, at least 1.
    pub choices: u64,
    /// Whether anything is generated or embedded, and so billed by tokens.
    pub generates: bool,
    /// Whether a stream is asked for.
    pub stream: bool,
    /// Whether the answer is made later and fetched by another request.
    pub detached: bool,
    /// Whether there is sound in it, or to be in the answer.
    pub audio: bool,
    /// The tier of service asked for, where the body says it.
    pub service_tier: Option<String>,
    /// What has to be changed in the body so that its stream tells the usage; none when it does.
    pub usage_edit: Option<Edit>,
}

impl Asked {
    /// Reads and counts a body.
    ///
    /// # Errors
    /// What makes the body unreadable.
    pub fn read(cx: &Cx<'_>, models: &Models, call: &Call, body: &[u8]) -> Result<Self, Fault> {
        let request = Request::read(call.api, body, &mut ())?;
        let model = sent_model(cx, call, &request);
        let prompt = match counted_earlier(cx) {
            Some(prompt) => prompt,
            None => {
                // What to count with is known only now. A request that is refused for its shape
                // has cost no counting.
                let mut counter = Counter::new(models.family(&model));
                Request::read(call.api, body, &mut counter)?;
                let mut prompt = counter.finish();
                prompt.exact &= !request.audio && call.api != Api::BedrockInvoke;
                prompt
            }
        };
        Ok(Self::new(models, call, &request, model, prompt))
    }

    /// A request whose body cannot be read: its prompt counts nothing until the answer tells.
    pub fn unread(cx: &Cx<'_>, models: &Models, call: &Call) -> Self {
        let request = Request::default();
        let model = sent_model(cx, call, &request);
        let prompt = Count {
            tokens: 0,
            exact: false,
        };
        let asked = Self::new(models, call, &request, model, prompt);
        Self {
            usage_edit: None,
            ..asked
        }
    }

    fn new(
        models: &Models,
        call: &Call,
        request: &Request<'_>,
        model: String,
        prompt: Count,
    ) -> Self {
        let stream = call.path_stream.or(request.stream).unwrap_or(false);
        let silent = stream
            && matches!(call.api, Api::OpenAiChat | Api::OpenAiCompletions)
            && request.stream_options.as_ref().and_then(|o| o.asked) != Some(true);
        let answers = !matches!(call.api, Api::OpenAiEmbeddings | Api::AnthropicCountTokens);
        Self {
            expected_output: models.expected_output(&model),
            model,
            prompt,
            output_cap: match answers {
                true => request.total_output_cap(),
                false => Some(0),
            },
            choices: request.choices.max(1),
            generates: call.api != Api::AnthropicCountTokens,
            stream,
            detached: request.detached,
            audio: request.audio,
            service_tier: request
                .service_tier
                .as_ref()
                .map(|tier| tier.decode().into_owned()),
            usage_edit: silent.then(|| ask_for_usage(request)),
        }
    }

    /// The model's name as a fact: bounded and clean, like everything from traffic.
    pub fn model_fact(&self) -> String {
        let clean = self.model.chars().filter(|c| !c.is_control());
        clean.take(256).collect()
    }

    /// Output tokens to be reserved: what the request allows, else what is expected.
    pub fn output(&self) -> u64 {
        let expected = self.expected_output.saturating_mul(self.choices);
        self.output_cap.unwrap_or(expected)
    }
}

/// The prompt as an earlier filter has counted it: counting is the dearest thing there is to do.
fn counted_earlier(cx: &Cx<'_>) -> Option<Count> {
    let tokens = cx.attributes.fact(fact::INPUT_TOKENS)?.parse().ok()?;
    let source = cx.attributes.fact(fact::TOKENS_SOURCE);
    (tokens > 0).then(|| Count {
        tokens,
        exact: source.as_deref() == Some(Source::Counted.name()),
    })
}

/// The model as it goes to the upstream: as an earlier filter says, as the path, as the body.
fn sent_model(cx: &Cx<'_>, call: &Call, request: &Request<'_>) -> String {
    let told = cx.attributes.fact(fact::UPSTREAM_MODEL);
    let in_path = || call.path_model.as_ref().map(|model| model.name.clone());
    let in_body = || request.model.map(|model| model.decode().into_owned());
    told.filter(|model| !model.is_empty())
        .or_else(in_path)
        .or_else(in_body)
        .unwrap_or_default()
}

/// Where and how `include_usage` has to be written so that a stream tells its usage.
fn ask_for_usage(request: &Request<'_>) -> Edit {
    let comma = |more: bool| if more { "," } else { "" };
    match &request.stream_options {
        None => {
            let member = r#""stream_options":{"include_usage":true}"#;
            let at = request.insert_at;
            Edit::new(at..at, format!("{member}{}", comma(request.has_members)))
        }
        Some(options) => match (&options.include_usage, options.insert_at) {
            (Some(value), _) => Edit::new(value.clone(), "true"),
            (None, Some((at, more))) => {
                Edit::new(at..at, format!(r#""include_usage":true{}"#, comma(more)))
            }
            // `null`, or nothing that could be added to.
            (None, None) => Edit::new(options.span.clone(), r#"{"include_usage":true}"#),
        },
    }
}
