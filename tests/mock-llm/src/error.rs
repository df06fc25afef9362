//! Error bodies in the words of each vendor.

use http::StatusCode;

use crate::json::{Json, Object};
use crate::route::Vendor;

/// The body of an error answer.
pub(crate) fn body(vendor: Vendor, status: StatusCode, message: &str) -> Json {
    let object = Object::new();
    match vendor {
        Vendor::OpenAi => {
            let (kind, code) = openai(status);
            let code = code.map_or(Json::NULL, |c| Json::verbatim(format!("\"{c}\"")));
            let error = Object::new()
                .field("message", message)
                .field("type", kind)
                .field("param", Json::NULL)
                .field("code", code);
            object.field("error", error.end()).end()
        }
        Vendor::Anthropic => {
            let error = Object::new()
                .field("type", anthropic(status))
                .field("message", message);
            object
                .field("type", "error")
                .field("error", error.end())
                .field("request_id", "req_mock")
                .end()
        }
        Vendor::Gemini => {
            let error = Object::new()
                .field("code", u64::from(status.as_u16()))
                .field("message", message)
                .field("status", google(status));
            object.field("error", error.end()).end()
        }
        Vendor::Bedrock => object.field("message", message).end(),
    }
}

fn openai(status: StatusCode) -> (&'static str, Option<&'static str>) {
    match status.as_u16() {
        401 => ("invalid_request_error", Some("invalid_api_key")),
        404 => ("invalid_request_error", Some("model_not_found")),
        429 => ("tokens", Some("rate_limit_exceeded")),
        500.. => ("server_error", None),
        _ => ("invalid_request_error", None),
    }
}

fn anthropic(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        529 => "overloaded_error",
        500.. => "api_error",
        _ => "invalid_request_error",
    }
}

fn google(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        429 => "RESOURCE_EXHAUSTED",
        503 => "UNAVAILABLE",
        504 => "DEADLINE_EXCEEDED",
        500.. => "INTERNAL",
        _ => "INVALID_ARGUMENT",
    }
}
