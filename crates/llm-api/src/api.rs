//! Which API a request is of, by its method and path.
//!
//! Deployments and gateways put prefixes before the paths, so they are matched from their end.
//! Odd spellings that a lax upstream might still accept (`//`, `/./`, `%63ompletions`, another
//! case, a slash at the end) are recognised too: no policy is dodged by spelling a path oddly.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::Deserialize;

/// An API whose requests and answers we can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub enum Api {
    /// OpenAI chat completions, also of Azure and of the many who speak it.
    #[serde(rename = "openai_chat")]
    OpenAiChat,
    /// OpenAI's older text completions.
    #[serde(rename = "openai_completions")]
    OpenAiCompletions,
    /// OpenAI responses.
    #[serde(rename = "openai_responses")]
    OpenAiResponses,
    /// OpenAI embeddings.
    #[serde(rename = "openai_embeddings")]
    OpenAiEmbeddings,
    /// Anthropic messages, also on Vertex (`:rawPredict`).
    #[serde(rename = "anthropic_messages")]
    AnthropicMessages,
    /// Anthropic's token counting.
    #[serde(rename = "anthropic_count_tokens")]
    AnthropicCountTokens,
    /// Gemini `generateContent` and `streamGenerateContent`, also on Vertex.
    #[serde(rename = "gemini_generate")]
    GeminiGenerate,
    /// Bedrock Converse.
    #[serde(rename = "bedrock_converse")]
    BedrockConverse,
    /// Bedrock InvokeModel: the body is the model vendor's own and only checked, not read.
    #[serde(rename = "bedrock_invoke")]
    BedrockInvoke,
}

/// Whose shape of errors and headers the caller expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// OpenAI.
    OpenAi,
    /// Anthropic.
    Anthropic,
    /// Gemini, which is Google's API error model.
    Gemini,
    /// Bedrock.
    Bedrock,
    /// No known API: RFC 9457 problem details.
    Problem,
}

impl Api {
    /// The name used in facts, headers, metrics and configurations.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OpenAiChat => "openai_chat",
            Self::OpenAiCompletions => "openai_completions",
            Self::OpenAiResponses => "openai_responses",
            Self::OpenAiEmbeddings => "openai_embeddings",
            Self::AnthropicMessages => "anthropic_messages",
            Self::AnthropicCountTokens => "anthropic_count_tokens",
            Self::GeminiGenerate => "gemini_generate",
            Self::BedrockConverse => "bedrock_converse",
            Self::BedrockInvoke => "bedrock_invoke",
        }
    }

    /// The API of this name.
    pub fn named(name: &str) -> Option<Self> {
        use serde::de::IntoDeserializer;
        use serde::de::value::{Error, StrDeserializer};
        let name: StrDeserializer<'_, Error> = name.into_deserializer();
        Self::deserialize(name).ok()
    }

    /// The dialect its callers understand.
    pub const fn dialect(self) -> Dialect {
        match self {
            Self::OpenAiChat
            | Self::OpenAiCompletions
            | Self::OpenAiResponses
            | Self::OpenAiEmbeddings => Dialect::OpenAi,
            Self::AnthropicMessages | Self::AnthropicCountTokens => Dialect::Anthropic,
            Self::GeminiGenerate => Dialect::Gemini,
            Self::BedrockConverse | Self::BedrockInvoke => Dialect::Bedrock,
        }
    }

    /// Whether the body of a request names its model (else only the path does).
    pub const fn model_in_body(self) -> bool {
        !matches!(
            self,
            Self::GeminiGenerate | Self::BedrockConverse | Self::BedrockInvoke
        )
    }
}

impl fmt::Display for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A model named by the path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathModel {
    /// The name, percent-decoded.
    pub name: String,
    /// Where it stands in the path.
    pub span: Range<usize>,
}

impl PathModel {
    /// `path` with another model in this place, percent-encoded as needed.
    pub fn replace(&self, path: &str, model: &str) -> String {
        // RFC 3986 pchar without the sub-delimiters, which some routers treat as special.
        const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
            .remove(b'-')
            .remove(b'.')
            .remove(b'_')
            .remove(b'~')
            .remove(b'@');
        let before = path.get(..self.span.start).unwrap_or_default();
        let after = path.get(self.span.end..).unwrap_or_default();
        format!("{before}{}{after}", utf8_percent_encode(model, SEGMENT))
    }
}

/// A recognised request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The API.
    pub api: Api,
    /// The model, where the path names it.
    pub path_model: Option<PathModel>,
    /// Whether the path asks for a stream; `None` where the body says it.
    pub path_stream: Option<bool>,
}

/// Recognises a request by method and `:path`, or says that it is none of ours.
pub fn recognise(method: &str, path: &str) -> Option<Call> {
    // Methods are case-sensitive, but not every server knows.
    if !method.eq_ignore_ascii_case("POST") {
        return None;
    }
    let segments = segments(path);
    let from_end = |n: usize| {
        segments
            .len()
            .checked_sub(n)
            .and_then(|at| segments.get(at))
    };
    let last = from_end(1)?;
    let is = |n: usize, word: &str| from_end(n).is_some_and(|s| s.text.eq_ignore_ascii_case(word));
    let model_at = |n: usize| {
        from_end(n).map(|segment| PathModel {
            name: segment.text.clone().into_owned(),
            span: segment.span.clone(),
        })
    };
    let call = |api| Call {
        api,
        path_model: None,
        path_stream: None,
    };
    // Behind `deployments` or `engines` the path names the model, whatever the body says. A name
    // of several segments, or of none, is read differently by different servers.
    let deployed = |api, verb: usize| {
        let marker = segments.iter().rposition(|segment| {
            let text = &segment.text;
            text.eq_ignore_ascii_case("deployments") || text.eq_ignore_ascii_case("engines")
        });
        let first = segments.len().saturating_sub(verb);
        let path_model = match marker.filter(|&at| at < first) {
            None => None,
            Some(at) if at + 2 == first => model_at(verb + 1),
            Some(_) => return None,
        };
        Some(Call {
            path_model,
            ..call(api)
        })
    };
    let behind_marker = is(3, "deployments") || is(3, "engines");
    // `/v1/completions`, `/openai/…`, Azure, or a gateway's bare `/completions`.
    let rooted = is(2, "v1") || is(2, "openai") || behind_marker || segments.len() == 1;
    let bedrock = |api, stream| Call {
        path_model: model_at(2),
        path_stream: Some(stream),
        api,
    };

    match last.text.to_ascii_lowercase().as_str() {
        "completions" if is(2, "chat") => deployed(Api::OpenAiChat, 2),
        "completions" if rooted => deployed(Api::OpenAiCompletions, 1),
        "embeddings" if rooted => deployed(Api::OpenAiEmbeddings, 1),
        "responses" if rooted => deployed(Api::OpenAiResponses, 1),
        "messages" if is(2, "v1") => Some(call(Api::AnthropicMessages)),
        "count_tokens" if is(2, "messages") => Some(call(Api::AnthropicCountTokens)),
        "converse" if is(3, "model") => Some(bedrock(Api::BedrockConverse, false)),
        "converse-stream" if is(3, "model") => Some(bedrock(Api::BedrockConverse, true)),
        "invoke" if is(3, "model") => Some(bedrock(Api::BedrockInvoke, false)),
        "invoke-with-response-stream" if is(3, "model") => Some(bedrock(Api::BedrockInvoke, true)),
        _ if is(2, "models") || is(2, "tunedModels") || is(2, "endpoints") => {
            let (name, verb) = last.text.rsplit_once(':')?;
            let anthropic = is(3, "anthropic");
            let (api, stream) = match verb.to_ascii_lowercase().as_str() {
                "generatecontent" => (Api::GeminiGenerate, Some(false)),
                "streamgeneratecontent" => (Api::GeminiGenerate, Some(true)),
                "rawpredict" | "streamrawpredict" if anthropic => (Api::AnthropicMessages, None),
                _ => return None,
            };
            // The colon may be percent-encoded itself.
            let raw = path.get(last.span.clone())?.to_ascii_lowercase();
            let end = last.span.start + raw.rfind(':').max(raw.rfind("%3a"))?;
            Some(Call {
                api,
                path_model: Some(PathModel {
                    name: name.to_owned(),
                    span: last.span.start..end,
                }),
                path_stream: stream,
            })
        }
        _ => None,
    }
}

/// The API that some server might still take the path for, when [`recognise`] sees none in it:
/// slashes that are percent-encoded, once or twice, parameters behind a semicolon, white space or
/// control characters at the end of a segment, a model of several segments behind `deployments`
/// or `engines`. Nobody has an honest use for such a path.
pub fn disguised(method: &str, path: &str) -> Option<Api> {
    // Most foreign requests are none of these and need no second look.
    if !method.eq_ignore_ascii_case("POST") {
        return None;
    }
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let once = percent_decode_str(path).decode_utf8_lossy();
    let twice = percent_decode_str(&once).decode_utf8_lossy();
    let plain: String = twice
        .split(['/', '\\'])
        .map(|segment| {
            segment
                .split(['?', '#', ';', '\0'])
                .next()
                .unwrap_or_default()
                .trim()
        })
        .filter(|segment| !segment.is_empty())
        .flat_map(|segment| ["/", segment])
        .collect();
    recognise(method, &plain).map(|call| call.api).or_else(|| {
        // Only a bad model in the path keeps these from being recognised.
        let verb = if plain.to_ascii_lowercase().ends_with("/chat/completions") {
            Api::OpenAiChat
        } else {
            recognise(method, &format!("/v1/{}", plain.rsplit('/').next()?))?.api
        };
        let marked = segments(&plain).iter().any(|segment| {
            let text = segment.text.to_ascii_lowercase();
            text == "deployments" || text == "engines"
        });
        marked.then_some(verb)
    })
}

/// One segment of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment<'a> {
    /// Percent-decoded; bytes that are not UTF-8 become U+FFFD.
    pub text: Cow<'a, str>,
    /// Where it stands in the path.
    pub span: Range<usize>,
}

/// The segments of `path` up to its query, as a lax server would see them: empty ones and `.`
/// left out, `..` taken with the one before it, `\` read as `/`.
pub fn segments(path: &str) -> Vec<Segment<'_>> {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let mut found = Vec::new();
    let mut start = 0;
    for raw in path.split(['/', '\\']) {
        let span = start..start + raw.len();
        start = span.end + 1;
        let text = percent_decode_str(raw).decode_utf8_lossy();
        match text.as_ref() {
            "" | "." => {}
            ".." => {
                found.pop();
            }
            _ => found.push(Segment { text, span }),
        }
    }
    found
}

/// Whether a `content-type` promises JSON in UTF-8. A missing one does: many clients send none.
pub fn is_json(content_type: Option<&[u8]>) -> bool {
    let Some(value) = content_type else {
        return true;
    };
    let Ok(value) = std::str::from_utf8(value) else {
        return false;
    };
    let mut parts = value.split(';');
    let media = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
    let json = media == "application/json"
        || (media.starts_with("application/") && media.ends_with("+json"));
    // A decoder told that the text is UTF-16 would see another document than we do.
    json && parts.all(|parameter| match parameter.split_once('=') {
        Some((name, charset)) if name.trim().eq_ignore_ascii_case("charset") => {
            let charset = charset.trim().trim_matches('"');
            charset.eq_ignore_ascii_case("utf-8") || charset.eq_ignore_ascii_case("utf8")
        }
        _ => true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        use Api::{
            AnthropicCountTokens, AnthropicMessages, BedrockConverse, BedrockInvoke,
            GeminiGenerate, OpenAiChat, OpenAiCompletions, OpenAiEmbeddings, OpenAiResponses,
        };
        for (path, expected) in [
            ("/v1/chat/completions", Some((OpenAiChat, None, None))),
            (
                "/openai/v1/chat/completions?x=/v1/messages",
                Some((OpenAiChat, None, None)),
            ),
            (
                "/v1beta/openai/chat/completions",
                Some((OpenAiChat, None, None)),
            ),
            (
                "/V1//chat/./x/../complet%69ons/",
                Some((OpenAiChat, None, None)),
            ),
            (
                "/openai/deployments/my-gpt/chat/completions?api-version=1",
                Some((OpenAiChat, Some("my-gpt"), None)),
            ),
            (
                "/openai/deployments/emb/embeddings",
                Some((OpenAiEmbeddings, Some("emb"), None)),
            ),
            (
                "/openai/deployments/old/completions",
                Some((OpenAiCompletions, Some("old"), None)),
            ),
            ("/v1/completions", Some((OpenAiCompletions, None, None))),
            ("/v1/responses", Some((OpenAiResponses, None, None))),
            (
                "/openai/responses?api-version=1",
                Some((OpenAiResponses, None, None)),
            ),
            ("/v1/responses/resp_1/cancel", None),
            ("/v1/embeddings", Some((OpenAiEmbeddings, None, None))),
            ("/v1/messages", Some((AnthropicMessages, None, None))),
            (
                "/v1/messages/count_tokens",
                Some((AnthropicCountTokens, None, None)),
            ),
            ("/v1/messages/batches", None),
            ("/v1/threads/t/messages", None),
            (
                "/v1beta/models/gemini-2.5-pro:generateContent",
                Some((GeminiGenerate, Some("gemini-2.5-pro"), Some(false))),
            ),
            (
                "/v1/projects/p/locations/l/publishers/google/models/gemini-2.5-flash:streamGenerateContent?alt=sse",
                Some((GeminiGenerate, Some("gemini-2.5-flash"), Some(true))),
            ),
            (
                "/v1beta/models/g%3AgenerateContent",
                Some((GeminiGenerate, Some("g"), Some(false))),
            ),
            ("/v1beta/models/gemini-2.5-pro:countTokens", None),
            (
                "/v1/projects/p/locations/l/publishers/anthropic/models/claude-sonnet-4@20250514:rawPredict",
                Some((AnthropicMessages, Some("claude-sonnet-4@20250514"), None)),
            ),
            (
                "/model/arn%3Aaws%3Abedrock%3Aeu%3A1%3Ainference-profile%2Feu.x/converse",
                Some((
                    BedrockConverse,
                    Some("arn:aws:bedrock:eu:1:inference-profile/eu.x"),
                    Some(false),
                )),
            ),
            (
                "/model/a.b-v1:0/converse-stream",
                Some((BedrockConverse, Some("a.b-v1:0"), Some(true))),
            ),
            (
                "/model/a.b-v1:0/invoke",
                Some((BedrockInvoke, Some("a.b-v1:0"), Some(false))),
            ),
            (
                "/engines/gpt-5/chat/completions",
                Some((OpenAiChat, Some("gpt-5"), None)),
            ),
            (
                "/v1/engines/gpt-5/completions",
                Some((OpenAiCompletions, Some("gpt-5"), None)),
            ),
            ("/completions", Some((OpenAiCompletions, None, None))),
            ("/embeddings", Some((OpenAiEmbeddings, None, None))),
            ("/responses", Some((OpenAiResponses, None, None))),
            ("/survey/responses", None),
            (
                "/v1/projects/p/locations/l/endpoints/123:generateContent",
                Some((GeminiGenerate, Some("123"), Some(false))),
            ),
            ("/v1/models", None),
            ("/", None),
            ("*", None),
        ] {
            let call = recognise("POST", path);
            let seen = call.as_ref().map(|c| {
                (
                    c.api,
                    c.path_model.as_ref().map(|m| m.name.as_str()),
                    c.path_stream,
                )
            });
            assert_eq!(seen, expected, "{path}");
            assert_eq!(recognise("post", path), call, "{path}");
            assert_eq!(recognise("GET", path), None);
        }
    }

    #[test]
    fn disguises() {
        for (path, expected) in [
            ("/v1%2Fchat/completions", Some(Api::OpenAiChat)),
            ("/v1/chat%252fcompletions", Some(Api::OpenAiChat)),
            ("/v1/chat%5Ccompletions", Some(Api::OpenAiChat)),
            ("/v1;x/messages;y=z", Some(Api::AnthropicMessages)),
            ("/v1/messages%20", Some(Api::AnthropicMessages)),
            ("/v1/messages%00.txt", Some(Api::AnthropicMessages)),
            ("/v1/messages%3Fx", Some(Api::AnthropicMessages)),
            ("/v1/chat/completions%0a", Some(Api::OpenAiChat)),
            (
                "/openai/deployments/azure/gpt-5/chat/completions",
                Some(Api::OpenAiChat),
            ),
            (
                "/openai/deployments/gpt-5/extensions/chat/completions",
                Some(Api::OpenAiChat),
            ),
            ("/engines/chat/completions", Some(Api::OpenAiChat)),
            ("/v1/engines/a/b/completions", Some(Api::OpenAiCompletions)),
            ("/openai/deployments/d/audio/speech", None),
            ("/v1%2Ffiles", None),
            ("/static/a;b/c%20d", None),
        ] {
            assert_eq!(recognise("POST", path), None, "{path}");
            assert_eq!(disguised("POST", path), expected, "{path}");
        }
    }

    #[test]
    fn a_path_model_is_replaced_alone() {
        for (path, model, expected) in [
            (
                "/x/models/gemini-2.5-pro:generateContent?key=a",
                "gemini-2.5-flash",
                "/x/models/gemini-2.5-flash:generateContent?key=a",
            ),
            (
                "/model/a.b-v1:0/converse",
                "arn:aws:x/y",
                "/model/arn%3Aaws%3Ax%2Fy/converse",
            ),
            (
                "/openai/deployments/a%20b/chat/completions?v=1",
                "c",
                "/openai/deployments/c/chat/completions?v=1",
            ),
            (
                "/m/models/g%3agenerateContent",
                "h",
                "/m/models/h%3agenerateContent",
            ),
        ] {
            let call = recognise("POST", path).unwrap();
            assert_eq!(call.path_model.unwrap().replace(path, model), expected);
        }
    }

    #[test]
    fn content_types() {
        for (value, expected) in [
            (None, true),
            (Some("application/json"), true),
            (Some("Application/JSON; charset=UTF-8"), true),
            (Some("application/vnd.api+json"), true),
            (Some("application/json; charset=utf-16"), false),
            (Some("text/plain"), false),
            (Some("multipart/form-data; boundary=x"), false),
            (Some(""), false),
        ] {
            assert_eq!(is_json(value.map(str::as_bytes)), expected, "{value:?}");
        }
        assert!(!is_json(Some(b"application/\xff")));
    }
}
