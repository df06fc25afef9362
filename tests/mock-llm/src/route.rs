//! Which API a path belongs to. Paths are matched by their end, because gateways and
//! deployments put prefixes before them.

use percent_encoding::percent_decode_str;

/// An API that this server plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Api {
    /// OpenAI chat completions, also on Azure paths.
    Chat,
    /// OpenAI's older completions.
    Completions,
    /// OpenAI responses.
    Responses,
    /// OpenAI embeddings.
    Embeddings,
    /// Anthropic messages.
    Messages,
    /// Anthropic token counting.
    CountTokens,
    /// Gemini `generateContent`.
    Gemini,
    /// Gemini `streamGenerateContent`, as SSE or as one JSON array.
    GeminiStream {
        /// Whether `alt=sse` was in the query.
        sse: bool,
    },
    /// Bedrock `converse`.
    Converse,
    /// Bedrock `converse-stream`.
    ConverseStream,
}

/// Whose error bodies to speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Vendor {
    /// OpenAI and everything unknown.
    OpenAi,
    /// Anthropic.
    Anthropic,
    /// Google.
    Gemini,
    /// AWS.
    Bedrock,
}

impl Api {
    /// The vendor of this API.
    pub(crate) fn vendor(self) -> Vendor {
        match self {
            Self::Chat | Self::Completions | Self::Responses | Self::Embeddings => Vendor::OpenAi,
            Self::Messages | Self::CountTokens => Vendor::Anthropic,
            Self::Gemini | Self::GeminiStream { .. } => Vendor::Gemini,
            Self::Converse | Self::ConverseStream => Vendor::Bedrock,
        }
    }
}

/// An API together with what the path says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    /// The API.
    pub(crate) api: Api,
    /// The model or deployment named in the path, decoded.
    pub(crate) model: Option<String>,
}

impl Route {
    /// Finds the API of a path, or `None` for a path of no known API.
    pub(crate) fn find(path: &str, query: Option<&str>) -> Option<Self> {
        let mut segments = path.rsplit('/');
        let last = percent_decode_str(segments.next()?)
            .decode_utf8_lossy()
            .into_owned();
        let before = segments.next().unwrap_or("");
        let earlier = segments.next().unwrap_or("");
        let named = |api, name: &str| {
            let model = percent_decode_str(name).decode_utf8_lossy().into_owned();
            let model = Some(model).filter(|m| !m.is_empty());
            Some(Self { api, model })
        };
        let unnamed = |api| Some(Self { api, model: None });

        match (earlier, before, last.as_str()) {
            (deployment, "chat", "completions") => {
                let azure = segments.next() == Some("deployments");
                named(Api::Chat, if azure { deployment } else { "" })
            }
            ("deployments", deployment, "completions") => named(Api::Completions, deployment),
            ("deployments", deployment, "embeddings") => named(Api::Embeddings, deployment),
            (_, "v1", "completions") => unnamed(Api::Completions),
            (_, "v1" | "openai", "responses") => unnamed(Api::Responses),
            (_, "v1", "embeddings") => unnamed(Api::Embeddings),
            (_, "v1", "messages") => unnamed(Api::Messages),
            ("v1", "messages", "count_tokens") => unnamed(Api::CountTokens),
            ("model", model, "converse") => named(Api::Converse, model),
            ("model", model, "converse-stream") => named(Api::ConverseStream, model),
            (_, "models", action) => {
                let (model, verb) = action.rsplit_once(':')?;
                let sse = query.is_some_and(|q| q.split('&').any(|p| p == "alt=sse"));
                match verb {
                    "generateContent" => named(Api::Gemini, model),
                    "streamGenerateContent" => named(Api::GeminiStream { sse }, model),
                    _ => None,
                }
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Api, Route};

    #[test]
    fn paths() {
        let table = [
            ("/v1/chat/completions", Some((Api::Chat, None))),
            ("/x/v1/chat/completions", Some((Api::Chat, None))),
            (
                "/openai/deployments/my%20gpt/chat/completions?api-version=1",
                Some((Api::Chat, Some("my gpt"))),
            ),
            (
                "/openai/deployments/e/embeddings",
                Some((Api::Embeddings, Some("e"))),
            ),
            ("/v1/completions", Some((Api::Completions, None))),
            ("/v1/responses", Some((Api::Responses, None))),
            ("/v1/responses/resp_1", None),
            ("/v1/messages", Some((Api::Messages, None))),
            ("/v1/messages/count_tokens", Some((Api::CountTokens, None))),
            (
                "/v1beta/models/gemini-2.5-pro:generateContent",
                Some((Api::Gemini, Some("gemini-2.5-pro"))),
            ),
            (
                "/v1/projects/p/locations/l/publishers/google/models/g:streamGenerateContent?key=1&alt=sse",
                Some((Api::GeminiStream { sse: true }, Some("g"))),
            ),
            ("/v1beta/models/g:countTokens", None),
            (
                "/model/arn%3Aaws%3Aprofile%2Fa/converse-stream",
                Some((Api::ConverseStream, Some("arn:aws:profile/a"))),
            ),
            ("/", None),
            ("", None),
            ("*", None),
        ];
        for (path, expected) in table {
            let (path_only, query) = path
                .split_once('?')
                .map_or((path, None), |(p, q)| (p, Some(q)));
            let found = Route::find(path_only, query);
            let found = found.as_ref().map(|r| (r.api, r.model.as_deref()));
            assert_eq!(found, expected, "{path}");
        }
    }
}
