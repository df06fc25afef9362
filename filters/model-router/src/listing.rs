//! `GET /v1/models`: the caller's own list, in the caller's dialect.

use serde_json::{Value, json};
use weir_llm_api::{Dialect, segments};
use weir_policy::Headers;

use crate::catalog::Model;
use crate::config::Config;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) dialect: Dialect,
    /// One model, or all of them.
    pub(crate) model: Option<String>,
}

/// Recognises `…/v1/models`, `…/v1beta/models`, `…/openai/models`, `/models`, and any of them with
/// a model behind it.
pub(crate) fn recognise(path: &str, headers: &Headers) -> Option<Asked> {
    let segments = segments(path);
    let texts: Vec<String> = segments
        .iter()
        .map(|segment| segment.text.to_string())
        .collect();
    let at = texts
        .iter()
        .position(|text| text.eq_ignore_ascii_case("models"))?;
    let before = at.checked_sub(1).and_then(|at| texts.get(at));
    let before = before
        .map(|text| text.to_ascii_lowercase())
        .unwrap_or_default();
    if !matches!(before.as_str(), "" | "v1" | "v1beta" | "openai") {
        return None;
    }
    // A name may hold slashes.
    let model = texts
        .get(at + 1..)
        .filter(|rest| !rest.is_empty())
        .map(|rest| rest.join("/"));
    let dialect = if before == "v1beta" {
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
    config: &Config,
    asked: &Asked,
    may_use: impl Fn(&str) -> bool,
) -> Option<Vec<u8>> {
    let listed = listed(config);
    if let Some(name) = &asked.model {
        let declared = config
            .catalog
            .find(name)
            .and_then(|index| config.catalog.get(index));
        let known = declared.is_some() || listed.iter().any(|(listed, _)| listed == name);
        let body = (known && may_use(name)).then(|| entry(asked.dialect, name, declared))?;
        return Some(body.to_string().into_bytes());
    }
    let usable: Vec<_> = listed.iter().filter(|(name, _)| may_use(name)).collect();
    let entries: Vec<Value> = usable
        .iter()
        .map(|(name, model)| entry(asked.dialect, name, *model))
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

/// Every name a caller can ask for, in order: of the catalogue, and of rules that send a plain
/// name somewhere. Patterns are no names.
fn listed(config: &Config) -> Vec<(&str, Option<&Model>)> {
    let declared = config
        .catalog
        .listed()
        .into_iter()
        .map(|(name, model)| (name, Some(model)));
    let mut listed: Vec<_> = declared.collect();
    for rule in config
        .rules
        .iter()
        .filter(|rule| !rule.shadow && !rule.denies())
    {
        for glob in rule.matches.model.0.iter().filter(|glob| glob.is_exact()) {
            if !listed.iter().any(|(name, _)| *name == glob.as_str()) {
                listed.push((glob.as_str(), None));
            }
        }
    }
    listed.sort_unstable_by_key(|(name, _)| *name);
    listed
}

/// When the models were made is not in the catalogue; clients want the field all the same.
fn entry(dialect: Dialect, name: &str, model: Option<&Model>) -> Value {
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
            "inputTokenLimit": model.and_then(|model| model.context_window),
            "outputTokenLimit": model.and_then(|model| model.max_output_tokens),
            "supportedGenerationMethods": ["generateContent", "streamGenerateContent"],
        }),
        _ => json!({
            "id": name,
            "object": "model",
            "created": 0,
            "owned_by": model.and_then(|model| model.provider.as_deref()).unwrap_or("weir"),
        }),
    }
}
