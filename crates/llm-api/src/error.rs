//! Refusals in the caller's dialect.
//!
//! The texts are for the person whose request was refused. They name what they may name (the
//! model asked for, a key of the body) and never hold prompt text or a credential.

use serde_json::{Value, json};

use crate::limits::Counted;
use crate::{Api, Dialect};

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// 400: the request is not as the API wants it.
    InvalidRequest,
    /// 401: nobody knows who is calling.
    Unauthenticated,
    /// 403: the caller may not do this.
    PermissionDenied,
    /// 404: there is no such model, or none the caller may know of.
    ModelNotFound,
    /// 413: the body is too large.
    TooLarge,
    /// 415: the body is of a type the API does not take.
    UnsupportedMediaType,
    /// 400: the prompt is longer than any model it may go to accepts.
    ContextLength,
    /// 429: a limit has no room for the request now.
    RateLimited(Counted),
    /// 403: a quota is used up until its period ends.
    QuotaExceeded,
    /// 500: we failed.
    Internal,
}

/// A refusal, to be written in some dialect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub reason: Reason,
    /// For the caller.
    pub message: String,
    /// The request's parameter at fault, in OpenAI's dialect.
    pub param: Option<&'static str>,
}

impl Refusal {
    /// A refusal that is not about one parameter.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
            param: None,
        }
    }

    /// A refusal of a model that does not exist, in OpenAI's own words.
    pub fn model_not_found(model: &str) -> Self {
        Self::new(
            Reason::ModelNotFound,
            format!("The model `{model}` does not exist or you do not have access to it."),
        )
    }

    /// Names the parameter at fault.
    pub fn param(mut self, name: &'static str) -> Self {
        self.param = Some(name);
        self
    }

    /// HTTP status.
    pub const fn status(&self) -> u16 {
        match self.reason {
            Reason::InvalidRequest | Reason::ContextLength => 400,
            Reason::Unauthenticated => 401,
            Reason::PermissionDenied | Reason::QuotaExceeded => 403,
            Reason::ModelNotFound => 404,
            Reason::TooLarge => 413,
            Reason::UnsupportedMediaType => 415,
            Reason::RateLimited(_) => 429,
            Reason::Internal => 500,
        }
    }

    /// Headers beside `content-length`, and the body.
    pub fn render(&self, dialect: Dialect) -> (Vec<(String, String)>, Vec<u8>) {
        let (body, media) = match dialect {
            Dialect::OpenAi => (self.openai(), "application/json"),
            Dialect::Anthropic => (self.anthropic(), "application/json"),
            Dialect::Gemini => (self.gemini(), "application/json"),
            Dialect::Bedrock => (json!({"message": self.message}), "application/json"),
            Dialect::Problem => (self.problem(), "application/problem+json"),
        };
        let mut headers = vec![("content-type".to_owned(), media.to_owned())];
        if dialect == Dialect::Bedrock {
            headers.push((
                "x-amzn-errortype".to_owned(),
                self.bedrock_type().to_owned(),
            ));
        }
        (headers, body.to_string().into_bytes())
    }

    /// The end of a stream that is broken off with this refusal: whole events.
    pub fn event(&self, api: Api) -> Vec<u8> {
        let (_, body) = self.render(api.dialect());
        let body = String::from_utf8_lossy(&body).into_owned();
        let event = match api {
            Api::OpenAiResponses => {
                let error = self.openai();
                let code = error.pointer("/error/code");
                let event = json!({
                    "type": "error",
                    "code": code,
                    "message": self.message,
                    "param": self.param,
                });
                format!("event: error\ndata: {event}\n\n")
            }
            Api::AnthropicMessages | Api::AnthropicCountTokens => {
                format!("event: error\ndata: {body}\n\n")
            }
            Api::OpenAiChat | Api::OpenAiCompletions => {
                format!("data: {body}\n\ndata: [DONE]\n\n")
            }
            _ => format!("data: {body}\n\n"),
        };
        event.into_bytes()
    }

    fn openai(&self) -> Value {
        let (kind, code) = match self.reason {
            Reason::InvalidRequest | Reason::TooLarge | Reason::UnsupportedMediaType => {
                ("invalid_request_error", None)
            }
            Reason::Unauthenticated => ("authentication_error", Some("unauthenticated")),
            Reason::PermissionDenied => ("permission_error", Some("permission_denied")),
            Reason::ModelNotFound => ("invalid_request_error", Some("model_not_found")),
            Reason::ContextLength => ("invalid_request_error", Some("context_length_exceeded")),
            Reason::RateLimited(Counted::Requests) => ("requests", Some("rate_limit_exceeded")),
            Reason::RateLimited(_) => ("tokens", Some("rate_limit_exceeded")),
            Reason::QuotaExceeded => ("insufficient_quota", Some("insufficient_quota")),
            Reason::Internal => ("server_error", None),
        };
        json!({"error": {
            "message": self.message,
            "type": kind,
            "param": self.param,
            "code": code,
        }})
    }

    fn anthropic(&self) -> Value {
        let kind = match self.reason {
            Reason::InvalidRequest | Reason::ContextLength | Reason::UnsupportedMediaType => {
                "invalid_request_error"
            }
            Reason::Unauthenticated => "authentication_error",
            Reason::PermissionDenied | Reason::QuotaExceeded => "permission_error",
            Reason::RateLimited(_) => "rate_limit_error",
            Reason::ModelNotFound => "not_found_error",
            Reason::TooLarge => "request_too_large",
            Reason::Internal => "api_error",
        };
        json!({"type": "error", "error": {"type": kind, "message": self.message}})
    }

    /// Google's error model (AIP-193): the numeric code is the HTTP status.
    fn gemini(&self) -> Value {
        let status = match self.reason {
            Reason::InvalidRequest
            | Reason::ContextLength
            | Reason::TooLarge
            | Reason::UnsupportedMediaType => "INVALID_ARGUMENT",
            Reason::Unauthenticated => "UNAUTHENTICATED",
            Reason::PermissionDenied => "PERMISSION_DENIED",
            Reason::ModelNotFound => "NOT_FOUND",
            Reason::RateLimited(_) | Reason::QuotaExceeded => "RESOURCE_EXHAUSTED",
            Reason::Internal => "INTERNAL",
        };
        json!({"error": {"code": self.status(), "message": self.message, "status": status}})
    }

    const fn bedrock_type(&self) -> &'static str {
        match self.reason {
            Reason::InvalidRequest
            | Reason::ContextLength
            | Reason::TooLarge
            | Reason::UnsupportedMediaType => "ValidationException",
            Reason::Unauthenticated => "UnrecognizedClientException",
            Reason::PermissionDenied => "AccessDeniedException",
            Reason::ModelNotFound => "ResourceNotFoundException",
            Reason::RateLimited(_) => "ThrottlingException",
            Reason::QuotaExceeded => "ServiceQuotaExceededException",
            Reason::Internal => "InternalServerException",
        }
    }

    /// RFC 9457.
    fn problem(&self) -> Value {
        let title = match self.reason {
            Reason::InvalidRequest => "Bad request",
            Reason::Unauthenticated => "Unauthenticated",
            Reason::PermissionDenied => "Permission denied",
            Reason::ModelNotFound => "Model not found",
            Reason::TooLarge => "Content too large",
            Reason::UnsupportedMediaType => "Unsupported media type",
            Reason::ContextLength => "Prompt too long",
            Reason::RateLimited(_) => "Rate limited",
            Reason::QuotaExceeded => "Quota exceeded",
            Reason::Internal => "Internal error",
        };
        json!({"type": "about:blank", "title": title, "status": self.status(), "detail": self.message})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_dialect_has_its_shape() {
        let refusal = Refusal::model_not_found("x\"y").param("model");
        let message =
            r#""message":"The model `x\"y` does not exist or you do not have access to it.""#;
        for (dialect, expected) in [
            (
                Dialect::OpenAi,
                format!(
                    r#"{{"error":{{"code":"model_not_found",{message},"param":"model","type":"invalid_request_error"}}}}"#
                ),
            ),
            (
                Dialect::Anthropic,
                format!(r#"{{"error":{{{message},"type":"not_found_error"}},"type":"error"}}"#),
            ),
            (
                Dialect::Gemini,
                format!(r#"{{"error":{{"code":404,{message},"status":"NOT_FOUND"}}}}"#),
            ),
            (Dialect::Bedrock, format!("{{{message}}}")),
        ] {
            let (headers, body) = refusal.render(dialect);
            assert_eq!(String::from_utf8(body).unwrap(), expected);
            assert_eq!(headers[0].1, "application/json");
        }
        let (headers, body) = refusal.render(Dialect::Problem);
        assert_eq!(headers[0].1, "application/problem+json");
        assert!(String::from_utf8(body).unwrap().contains(r#""status":404"#));
    }
}
