//! `GET /v1/models`: the caller's own list, in the caller's dialect.

use serde_json::{Value, json};
use weir_llm_api::{Dialect, segments};
use weir_policy::Headers;

use crate::catalog::{Catalog, Model};

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) dialect: Dialect,
    /// One model, or all of them.
    pub(crate) model: Option<String>,
}

/// Recognises `…/v1/models`, `…/v1beta/models` and either with a model behind it.
pub(crate) fn recognise(path: &str, headers: &Headers) -> Option<Asked> {
    let segments = segments(path);
    let text = |from_end: usize| {
        let at = segments.len().checked_sub(from_end)?;
        segments.get(at).map(|segment| segment.text.as_ref())
    };
    let is_list = |at: usize| {
        text(at) == Some("models") && matches!(text(at + 1), Some("v1" | "v1beta" | "openai"))
    };
    let (at, model) = if is_list(1) {
        (1, None)
    } else if is_list(2) {
        (2, text(1).map(str::to_owned))
    } else {
        return None;
    };
    let dialect = if text(at + 1) == Some("v1beta") {
        Dialect::Gemini
    } else if headers.has("anthropic-version") {
        Dialect::Anthropic
    } else {
        Dialect::OpenAi
    };
    Some(Asked { dialect, model })
}

/// The answer; `None` when one model is asked for that the caller may not use.
pub(crate) fn render(
    catalog: &Catalog,
    asked: &Asked,
    may_use: impl Fn(&str, &Model) -> bool,
) -> Option<Vec<u8>> {
    if let Some(name) = &asked.model {
        let model = catalog.find(name).and_then(|index| catalog.get(index))?;
        let body = may_use(name, model).then(|| entry(asked.dialect, name, model))?;
        return Some(body.to_string().into_bytes());
    }
    let names = catalog.names();
    let usable: Vec<_> = names
        .iter()
        .filter(|(name, model)| may_use(name, model))
        .collect();
    let entries: Vec<Value> = usable
        .iter()
        .map(|(name, model)| entry(asked.dialect, name, model))
        .collect();
    let body = match asked.dialect {
        Dialect::Anthropic => json!({
            "data": entries,
            "has_more": false,
            "first_id": usable.first().map(|(name, _)| name),
            "last_id": usable.last().map(|(name, _)| name),
        }),
        Dialect::Gemini => json!({"models": entries}),
        _ => json!({"object": "list", "data": entries}),
    };
    Some(body.to_string().into_bytes())
}

/// When the models were made is not in the catalogue; clients want the field all the same.
fn entry(dialect: Dialect, name: &str, model: &Model) -> Value {
    match dialect {
        Dialect::Anthropic => json!({
            "type": "model",
            "id": name,
            "display_name": name,
            "created_at": "1970-01-01T00:00:00Z",
        }),
        Dialect::Gemini => json!({
            "name": format!("models/{name}"),
            "displayName": name,
            "inputTokenLimit": model.context_window,
            "outputTokenLimit": model.max_output_tokens,
            "supportedGenerationMethods": ["generateContent", "streamGenerateContent"],
        }),
        _ => json!({
            "id": name,
            "object": "model",
            "created": 0,
            "owned_by": model.provider.as_deref().unwrap_or("weir"),
        }),
    }
}
