//! The price of a model by its name.

use std::collections::HashMap;

use crate::price::Price;
use crate::spelling::How;
use crate::table;

/// Longest name looked up, in bytes. The longest of the table has 76.
const MAX_NAME: usize = 512;

/// Prices by name: those of the configuration, then those of the built-in table.
///
/// ```
/// use weir_prices::{Catalogue, How, PicoUsd, Price, Tier, Tokens};
///
/// let mut catalogue = Catalogue::builtin();
/// let found = catalogue.find(Some("openai"), "gpt-4o-2099-01-01").unwrap();
/// assert_eq!((found.key.as_str(), found.how), ("gpt-4o", How::Snapshot));
///
/// // Self-hosted, so free.
/// catalogue.set("llama-at-home", Price::new(0, 0));
/// let found = catalogue.find(None, "llama-at-home").unwrap();
/// let tokens = Tokens { input: 1000, output: 100, ..Tokens::default() };
/// assert_eq!(found.price.cost(&tokens, Tier::Standard), PicoUsd::ZERO);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    configured: HashMap<String, Price>,
    has_table: bool,
}

/// A price and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// What the model costs.
    pub price: Price,
    /// The name it is listed under.
    pub key: String,
    /// By which rule that name was found.
    pub how: How,
    /// Whether the configuration lists it, not the table.
    pub configured: bool,
    /// The longest prompt, if the table knows it.
    pub max_input_tokens: Option<u64>,
    /// The longest answer, if the table knows it.
    pub max_output_tokens: Option<u64>,
}

impl Catalogue {
    /// The built-in table.
    pub fn builtin() -> Self {
        Self {
            has_table: true,
            ..Self::default()
        }
    }

    /// No prices but those that will be set.
    pub fn empty() -> Self {
        Self::default()
    }

    /// Sets the price of `model`, or of `provider/model` at that provider alone. It stands for
    /// itself: no rate of the table is mixed in, so that a model made free is free altogether.
    /// To change one rate of a listed price, find it, change it and set it.
    pub fn set(&mut self, name: &str, price: Price) {
        self.configured.insert(name.to_ascii_lowercase(), price);
    }

    /// The price of a model, as `provider` serves it when that is known.
    ///
    /// The names that [`How`] lists are looked up in turn, each first behind the provider, then
    /// alone, in the configuration and then in the table. Case does not count: a provider that
    /// ignores it would serve `GPT-4o` all the same.
    ///
    /// A provider that the table knows (also as `vertex`, `google`, `aws`, `together`, …) is
    /// believed: what the table lists for another provider is not its price. Any other name
    /// of a provider is the operator's own and says nothing about prices.
    pub fn find(&self, provider: Option<&str>, model: &str) -> Option<Found> {
        if model.len() > MAX_NAME || provider.is_some_and(|p| p.len() > MAX_NAME) {
            return None;
        }
        let model = model.to_ascii_lowercase();
        let provider = provider.map(str::to_ascii_lowercase);
        let provider = provider.as_deref();
        let known = provider.map_or_else(Vec::new, known_as);
        let mut name = model.as_str();
        if let Some(found) = self.listed(provider, &known, name, How::Exact) {
            return Some(found);
        }
        for how in How::SHORTENING {
            if let Some(shorter) = how.shorten(name) {
                name = shorter;
                if let Some(found) = self.listed(provider, &known, name, how) {
                    return Some(found);
                }
            }
            // `openai/gpt-4o` names its provider when nobody else does.
            if how == How::Path
                && known.is_empty()
                && let Some((head, rest)) = name.split_once('/')
                && table::has_provider(head)
                && let Some(found) = self.find(Some(head), rest)
            {
                let how = found.how.max(How::Path);
                return Some(Found { how, ..found });
            }
        }
        None
    }

    /// What is listed under this very name.
    fn listed(
        &self,
        provider: Option<&str>,
        known: &[&str],
        name: &str,
        how: How,
    ) -> Option<Found> {
        let behind = provider.map(|provider| format!("{provider}/{name}"));
        for key in behind.iter().map(String::as_str).chain([name]) {
            if let Some(price) = self.configured.get(key) {
                return Some(Found {
                    price: price.clone(),
                    key: key.to_owned(),
                    how,
                    configured: true,
                    max_input_tokens: None,
                    max_output_tokens: None,
                });
            }
        }
        if !self.has_table {
            return None;
        }
        let behind = known.iter().map(|provider| format!("{provider}/{name}"));
        let alone = || {
            let row = table::row(name)?;
            (known.is_empty() || known.contains(&row.provider)).then(|| (row, name.to_owned()))
        };
        behind
            .filter_map(|key| Some((table::row(&key)?, key)))
            .next()
            .or_else(alone)
            .map(|(row, key)| Found {
                price: row.price,
                key,
                how,
                configured: false,
                max_input_tokens: row.max_input_tokens,
                max_output_tokens: row.max_output_tokens,
            })
    }
}

/// The names under which the table lists what a provider of this name serves; none for a name
/// of the operator's own.
fn known_as(provider: &str) -> Vec<&str> {
    match provider {
        "azure" | "azure_openai" | "azure-openai" => vec!["azure", "azure_ai"],
        "aws" | "aws_bedrock" | "aws-bedrock" | "aws.bedrock" => vec!["bedrock"],
        "google" | "google_ai_studio" | "gcp.gemini" => vec!["gemini"],
        "vertex" | "google_vertex" | "vertex-ai" | "gcp.vertex_ai" => vec!["vertex_ai"],
        "together" | "together-ai" => vec!["together_ai"],
        "fireworks" | "fireworks-ai" => vec!["fireworks_ai"],
        "x_ai" | "x.ai" => vec!["xai"],
        known if table::has_provider(known) => vec![known],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
