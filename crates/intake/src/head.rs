//! What can be told from a request's headers alone.

use weir_llm_api::error::{Reason, Refusal};
use weir_llm_api::is_json;
use weir_policy::Headers;

use crate::Refused;

/// Whether a body is sent as it is.
pub fn plain_encoding(headers: &Headers) -> bool {
    headers
        .all("content-encoding")
        .all(|encoding| encoding.eq_ignore_ascii_case(b"identity"))
}

/// Whether the headers promise a body that can be read.
///
/// # Errors
/// The refusal of one that cannot.
pub fn readable(headers: &Headers) -> Result<(), Refusal> {
    if !is_json(headers.get("content-type")) || headers.all("content-type").count() > 1 {
        return Err(Refusal::new(
            Reason::UnsupportedMediaType,
            "The content type of this request must be application/json in UTF-8.",
        ));
    }
    if !plain_encoding(headers) {
        return Err(Refusal::new(
            Reason::InvalidRequest,
            "The request body must not be compressed: its content-encoding cannot be read here.",
        ));
    }
    Ok(())
}

/// Whether the request is one that an API can be sent.
///
/// # Errors
/// The refusal of an upgrade, or of a path that is not UTF-8.
pub fn well_formed(headers: &Headers) -> Result<(), Refused> {
    if headers.has("upgrade") {
        return Err(Refused::malformed(
            "A request to this API cannot be upgraded.",
            "weir_upgrade",
            "an upgrade on an API path",
        ));
    }
    let path = headers.get(":path").unwrap_or_default();
    if std::str::from_utf8(path).is_err() {
        return Err(Refused::malformed(
            "The request path is not UTF-8.",
            "weir_bad_path",
            "a path that is not UTF-8",
        ));
    }
    Ok(())
}

/// The refusal of a path that only a careless server would take for one of an API.
pub fn oddly_spelt() -> Refused {
    Refused::malformed(
        "The request path is spelt in a way that is not accepted here.",
        "weir_bad_path",
        "an API path in disguise",
    )
}

/// Whether Envoy has joined two credentials into one value, as it does with headers it keeps in
/// a place of their own. No token of these schemes has a comma (RFC 6750, RFC 7617).
fn joined(value: &[u8]) -> bool {
    let scheme = value.split(|&b| b == b' ').next().unwrap_or_default();
    let single = scheme.eq_ignore_ascii_case(b"bearer") || scheme.eq_ignore_ascii_case(b"basic");
    single && value.contains(&b',')
}

pub(crate) fn single_credentials(headers: &Headers) -> Result<(), Refused> {
    let credentials = ["authorization", "x-api-key", "api-key", "x-goog-api-key"];
    let twice = |name: &&&str| headers.all(name).count() > 1 || headers.all(name).any(joined);
    match credentials.iter().find(twice) {
        Some(name) => Err(Refused::ambiguous(name)),
        None => Ok(()),
    }
}
