//! What can be told from a request's headers alone.

use weir_llm_api::error::{Reason, Refusal};
use weir_llm_api::{Call, is_json, segments};
use weir_policy::names::{fact, header};
use weir_policy::{Cx, Headers, Identity, identity};

use crate::config::{Config, OnMissingIdentity};
use crate::refused::Refused;

/// A client's own routing headers never survive, whatever the request.
pub(crate) fn strip(config: &Config, headers: &Headers, cx: &mut Cx<'_>) {
    let ours = config.headers.all();
    let mut found: Vec<&str> = headers
        .iter()
        .filter_map(|(name, _)| std::str::from_utf8(name).ok())
        .filter(|name| name.starts_with(header::PREFIX) || ours.contains(name))
        .collect();
    found.sort_unstable();
    found.dedup();
    for name in found {
        cx.effects.remove_request_header(name);
    }
}

/// A path the operator added.
pub(crate) fn configured_call(config: &Config, method: &str, path: &str) -> Option<Call> {
    if !method.eq_ignore_ascii_case("POST") || config.apis.is_empty() {
        return None;
    }
    // Compared as a lax server would see it, so that odd spellings do not get around it.
    let spelt: String = segments(path)
        .iter()
        .flat_map(|segment| ["/", &segment.text])
        .collect();
    let spelt = spelt.to_lowercase();
    let (_, api) = config.apis.iter().find(|(glob, _)| glob.matches(&spelt))?;
    Some(Call {
        api: *api,
        path_model: None,
        path_stream: None,
    })
}

/// Whether a body is sent as it is.
pub(crate) fn plain_encoding(headers: &Headers) -> bool {
    headers
        .all("content-encoding")
        .all(|encoding| encoding.eq_ignore_ascii_case(b"identity"))
}

/// Whether the headers promise a body that can be read.
pub(crate) fn readable(headers: &Headers) -> Result<(), Refusal> {
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

/// Whether the request is one that this API can be sent.
pub(crate) fn well_formed(headers: &Headers) -> Result<(), Refused> {
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
pub(crate) fn oddly_spelt() -> Refused {
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

/// Says who is calling. A credential that is given twice is refused: which of them counts would
/// depend on who reads it.
pub(crate) fn identify(
    config: &Config,
    cx: &mut Cx<'_>,
    headers: &Headers,
) -> Result<Option<Identity>, Refused> {
    let credentials = ["authorization", "x-api-key", "api-key", "x-goog-api-key"];
    let twice = |name: &&&str| headers.all(name).count() > 1 || headers.all(name).any(joined);
    if let Some(name) = credentials.iter().find(twice) {
        return Err(ambiguous(name));
    }
    let mut identity = identity::resolve(&config.identity, headers, cx.attributes)
        .map_err(|error| ambiguous(&error.header))?;
    if identity.is_none() && !config.identity.is_empty() {
        match config.on_missing_identity {
            OnMissingIdentity::Skip => {}
            OnMissingIdentity::Shared => identity = Identity::new(b"anonymous"),
            OnMissingIdentity::Reject => {
                let text = "The request does not say who is calling.";
                return Err(Refused {
                    refusal: Refusal::new(Reason::Unauthenticated, text),
                    verdict: "denied",
                    rule: Some("on_missing_identity".to_owned()),
                    details: "weir_missing_identity",
                    log: "no identity source yields a value".to_owned(),
                });
            }
        }
    }
    if let Some(identity) = &identity {
        cx.effects.fact(fact::IDENTITY, identity.as_str());
    }
    Ok(identity)
}

fn ambiguous(header: &str) -> Refused {
    Refused::malformed(
        &format!("The header '{header}' is given more than once."),
        "weir_ambiguous_credentials",
        &format!("more than one `{header}` header"),
    )
}
