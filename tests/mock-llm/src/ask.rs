//! What a request asks: the few members of a body that an answer depends on.
//!
//! Everything is read leniently. A member that is missing or of an odd type is treated
//! as absent, so that any JSON object gets an answer.

use serde_json::Value;

use crate::route::{Api, Route};

/// The model in answers to requests that name none.
const NO_MODEL: &str = "mock-model";

/// OpenAI's own bound on `n`.
const MAX_CHOICES: u64 = 128;

/// One message of a conversation.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    /// Who speaks, such as `user`.
    pub(crate) role: String,
    /// The speaker's name, which OpenAI's messages may have.
    pub(crate) name: Option<String>,
    /// The texts of its content, without images and the like.
    pub(crate) texts: Vec<String>,
}

/// What is sent to a model.
#[derive(Clone, Debug, Default)]
pub(crate) struct Prompt {
    /// The conversation, oldest message first.
    pub(crate) messages: Vec<Message>,
    /// Texts outside of messages: system texts, plain prompts, texts to embed.
    pub(crate) texts: Vec<String>,
    /// How many token ids were given in place of text.
    pub(crate) token_ids: u64,
}

impl Prompt {
    /// What the user said last; without a user, the last text there is.
    pub(crate) fn last_user_text(&self) -> String {
        let spoken = |m: &&Message| !m.texts.is_empty();
        let mut latest = self.messages.iter().rev().filter(spoken);
        latest
            .clone()
            .find(|m| m.role == "user")
            .map(|m| m.texts.join("\n"))
            .or_else(|| self.texts.last().cloned())
            .or_else(|| latest.next().map(|m| m.texts.join("\n")))
            .unwrap_or_default()
    }
}

/// A request for an answer.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    /// The model asked for.
    pub(crate) model: String,
    /// What is sent to it.
    pub(crate) prompt: Prompt,
    /// Whether the body asks for a stream.
    pub(crate) stream: bool,
    /// Whether `stream_options.include_usage` is set.
    pub(crate) include_usage: bool,
    /// How many answers, at least 1.
    pub(crate) choices: usize,
    /// The name of the first tool offered.
    pub(crate) first_tool: Option<String>,
    /// The tier of service in the answer.
    pub(crate) service_tier: String,
    /// The whole body.
    pub(crate) body: Value,
}

impl Ask {
    /// Reads a request of this API.
    ///
    /// # Errors
    ///
    /// A message for the client when the body is not a JSON object.
    pub(crate) fn read(route: &Route, body: &[u8]) -> Result<Self, String> {
        let body: Value = serde_json::from_slice(body)
            .map_err(|e| format!("We could not parse the JSON body of your request: {e}"))?;
        if !body.is_object() {
            return Err("The JSON body of your request is not an object.".to_owned());
        }
        let model = route
            .model
            .as_deref()
            .or_else(|| body["model"].as_str())
            .unwrap_or(NO_MODEL)
            .to_owned();
        let choices = body["n"]
            .as_u64()
            .or_else(|| body["generationConfig"]["candidateCount"].as_u64())
            .unwrap_or(1);
        let tier = body["service_tier"].as_str().filter(|t| *t != "auto");
        Ok(Self {
            model,
            prompt: prompt(route.api, &body),
            stream: body["stream"].as_bool().unwrap_or(false),
            include_usage: body["stream_options"]["include_usage"]
                .as_bool()
                .unwrap_or(false),
            choices: usize::try_from(choices.clamp(1, MAX_CHOICES)).unwrap_or(1),
            first_tool: first_tool(route.api, &body),
            service_tier: tier.unwrap_or("default").to_owned(),
            body,
        })
    }
}

fn prompt(api: Api, body: &Value) -> Prompt {
    let mut prompt = Prompt::default();
    match api {
        Api::Chat => prompt.messages = messages(&body["messages"], "content"),
        Api::Completions => plain(&body["prompt"], &mut prompt),
        Api::Embeddings => plain(&body["input"], &mut prompt),
        Api::Responses => {
            prompt.texts = texts(&body["instructions"]);
            match &body["input"] {
                Value::String(text) => prompt.texts.push(text.clone()),
                items => prompt.messages = messages(items, "content"),
            }
        }
        Api::Messages | Api::CountTokens | Api::Converse | Api::ConverseStream => {
            prompt.texts = texts(&body["system"]);
            prompt.messages = messages(&body["messages"], "content");
        }
        Api::Gemini | Api::GeminiStream { .. } => {
            // Both spellings are accepted by Google.
            for name in ["systemInstruction", "system_instruction"] {
                prompt.texts.extend(texts(&body[name]["parts"]));
            }
            prompt.messages = messages(&body["contents"], "parts");
        }
    }
    prompt
}

/// A list of messages whose texts are in `member`. A message without a role is the user's.
fn messages(list: &Value, member: &str) -> Vec<Message> {
    let list = list.as_array().map_or(&[][..], Vec::as_slice);
    list.iter()
        .filter(|item| item.get(member).is_some())
        .map(|item| Message {
            role: item["role"].as_str().unwrap_or("user").to_owned(),
            name: item["name"].as_str().map(str::to_owned),
            texts: texts(&item[member]),
        })
        .collect()
}

/// The texts of a content: a string, or parts with a `text`.
fn texts(content: &Value) -> Vec<String> {
    match content {
        Value::String(text) => vec![text.clone()],
        Value::Array(parts) => parts
            .iter()
            .filter_map(|part| part["text"].as_str().or_else(|| part.as_str()))
            .map(str::to_owned)
            .collect(),
        _ => Vec::new(),
    }
}

/// A string, strings, token ids, or lists of token ids.
fn plain(input: &Value, prompt: &mut Prompt) {
    match input {
        Value::String(text) => prompt.texts.push(text.clone()),
        Value::Number(_) => prompt.token_ids += 1,
        Value::Array(items) => items.iter().for_each(|item| plain(item, prompt)),
        _ => {}
    }
}

fn first_tool(api: Api, body: &Value) -> Option<String> {
    let name = match api {
        Api::Chat => &body["tools"][0]["function"]["name"],
        Api::Converse | Api::ConverseStream => &body["toolConfig"]["tools"][0]["toolSpec"]["name"],
        Api::Gemini | Api::GeminiStream { .. } => {
            let tool = &body["tools"][0];
            // Both spellings are accepted by Google.
            let declared = tool.get("functionDeclarations");
            &declared.unwrap_or(&tool["function_declarations"])[0]["name"]
        }
        _ => &body["tools"][0]["name"],
    };
    name.as_str().map(str::to_owned)
}
