//! What the operator writes → what the filter runs on.

mod check;
mod usd;

use std::rc::Rc;

use serde::Deserialize;
use weir_global::Global;
use weir_intake::{ApiPath, Intake, MatchSettings, OnMissingIdentity, OnUnreadable};
use weir_metering::{IdentityLabels, ModelSettings, Models, Part};
use weir_policy::config::OneOrMany;
use weir_policy::{Glob, IdentitySource};

use crate::budget::Budget;
use crate::priced::Prices;
pub use usd::Usd;

/// Settings of cost. With `{}` it prices every exchange by the built-in table and leaves the cost
/// as facts and metrics.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Hold request and response headers until their bodies are read. Needs
    /// `allow_on_headers_stop_iteration: true` in the plugin, and is needed for `headers`.
    #[serde(default)]
    pub hold: bool,
    /// Paths of known APIs beyond those recognised by themselves.
    #[serde(default)]
    pub apis: Vec<ApiPath>,
    /// Longest request body read, and longest JSON answer or event of a stream, in bytes. A
    /// longer request is answered with 413. Default 8 MiB.
    #[serde(default)]
    pub max_body_bytes: Option<usize>,
    /// What to do with a body that is not one valid, unambiguous JSON object in UTF-8.
    #[serde(default)]
    pub on_unreadable: OnUnreadable,
    /// Where the caller's identity comes from, when no earlier filter of the suite has said; the
    /// first source that yields wins.
    #[serde(default)]
    pub identity: Vec<IdentitySource>,
    /// What a budget that needs an identity does with a caller who has none.
    #[serde(default)]
    pub on_missing_identity: OnMissingIdentity,
    /// What to do when the shared store fails, so that a budget cannot be checked.
    #[serde(default)]
    pub on_store_failure: OnStoreFailure,
    /// Ask OpenAI's chat and completions for the usage of a stream when the caller did not, and
    /// take the event it comes in out again. Default `true`.
    #[serde(default)]
    pub include_usage: Option<bool>,
    /// What is known of models beside their price; the first entry that fits holds.
    #[serde(default)]
    pub models: Vec<ModelSettings>,
    /// Output tokens to reckon with in each answer that a request does not bound. Default 1024.
    #[serde(default)]
    pub expected_output: Option<u64>,
    /// Who serves requests for which model-router names no provider.
    #[serde(default)]
    pub provider: Option<String>,
    /// Prices that stand before those of the built-in table; the first entry that fits holds.
    #[serde(default)]
    pub prices: Vec<PriceSettings>,
    /// What to do with a model that has no price.
    #[serde(default)]
    pub on_unpriced: OnUnpriced,
    /// Tell cost and tokens in headers of answers that are not streamed. Needs `hold`. Default:
    /// what `hold` says.
    #[serde(default)]
    pub headers: Option<bool>,
    /// Add `cost`, in US dollars, to the usage in answers: in JSON, and in streams wherever they
    /// report usage to the caller.
    #[serde(default)]
    pub cost_in_usage: bool,
    /// Tell cost and tokens in trailers of answers that are streamed.
    #[serde(default)]
    pub trailers: bool,
    /// Identities that get a label of their own in metrics; all others are `other`.
    #[serde(default)]
    pub identity_labels: Vec<String>,
    /// Owners each budget keeps apart, beyond which they share one. Default 4096; a slot takes
    /// 48 bytes of shared memory.
    #[serde(default)]
    pub slots: Option<u32>,
    /// A service that counts every budget that is not in shadow over all Envoys, too, in
    /// micro-dollars (10⁻⁶ US dollars).
    #[serde(default)]
    pub global: Option<weir_global::Settings>,
    /// The budgets. A request must fit into all that are for it.
    #[serde(default)]
    pub budgets: Vec<BudgetSettings>,
}

/// What to do when the store fails.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum OnStoreFailure {
    /// Answer 500.
    #[default]
    Reject,
    /// Let the request pass, charged to no budget.
    Pass,
}

/// What to do with a model that has no price.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum OnUnpriced {
    /// Let it pass; it costs nothing, says so (`priced` is `false`) and is counted.
    #[default]
    Allow,
    /// Answer 403.
    Deny,
}

/// A price. Either `same_as`, or rates in US dollars for a million tokens; what is left out costs
/// what the next more general rate says.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PriceSettings {
    /// Which models, by the name sent to the upstream.
    #[serde(rename = "match")]
    pub matches: OneOrMany<Glob>,
    /// At which providers. Default: at all.
    #[serde(default)]
    pub provider: OneOrMany<Glob>,
    /// The price of this model in the built-in table, as `gpt-4o` or `azure/gpt-4o`.
    #[serde(default)]
    pub same_as: Option<String>,
    /// Of the prompt.
    #[serde(default)]
    pub input_usd_per_mtok: Option<Usd>,
    /// Of the answer.
    #[serde(default)]
    pub output_usd_per_mtok: Option<Usd>,
    /// Of the prompt, read from a cache.
    #[serde(default)]
    pub cache_read_usd_per_mtok: Option<Usd>,
    /// Of the prompt, written to a cache.
    #[serde(default)]
    pub cache_write_usd_per_mtok: Option<Usd>,
    /// Of the prompt, written to a cache for an hour.
    #[serde(default)]
    pub cache_write_1h_usd_per_mtok: Option<Usd>,
    /// Of the answer, spent on reasoning.
    #[serde(default)]
    pub reasoning_usd_per_mtok: Option<Usd>,
    /// Of audio in the prompt.
    #[serde(default)]
    pub input_audio_usd_per_mtok: Option<Usd>,
    /// Of audio in the answer.
    #[serde(default)]
    pub output_audio_usd_per_mtok: Option<Usd>,
}

/// A budget.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BudgetSettings {
    /// For logs, facts and metrics; what is spent lives under it, so a budget that keeps its name,
    /// its `per` and its window keeps it over a configuration update.
    pub name: String,
    /// Which requests; all conditions must hold. Default: every request.
    #[serde(default, rename = "match")]
    pub matches: MatchSettings,
    /// Whose money it is: everything that makes two requests share one purse. Default
    /// `["identity"]`; `[]` is one purse for all.
    #[serde(default)]
    pub per: Option<Vec<Part>>,
    /// US dollars in the window.
    pub usd: Usd,
    /// `day`, `week` (from Monday), `month`, `forever`.
    pub window: String,
    /// Where midnight is, as `+02:00` or `-05:30`. Default UTC.
    #[serde(default)]
    pub utc_offset: Option<String>,
    /// Warn when this share of it is spent, between 0 and 1. Default: no warning.
    #[serde(default)]
    pub warn_at: Option<f64>,
    /// What to do with a caller who has no identity, for this budget.
    #[serde(default)]
    pub on_missing_identity: Option<OnMissingIdentity>,
    /// Only count and log what would be refused.
    #[serde(default)]
    pub shadow: bool,
}

/// The filter's configuration as it runs.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) hold: bool,
    pub(crate) intake: Intake,
    pub(crate) on_store_failure: OnStoreFailure,
    pub(crate) include_usage: bool,
    pub(crate) models: Models,
    pub(crate) provider: Option<String>,
    pub(crate) prices: Prices,
    pub(crate) on_unpriced: OnUnpriced,
    pub(crate) headers: bool,
    pub(crate) cost_in_usage: bool,
    pub(crate) trailers: bool,
    pub(crate) identity_labels: IdentityLabels,
    pub(crate) global: Option<Global>,
    pub(crate) budgets: Vec<Rc<Budget>>,
    /// Header names that budgets look at.
    pub(crate) watched_headers: Vec<String>,
}
