//! What the operator writes → what the filter runs on.

mod check;

use std::rc::Rc;

use serde::Deserialize;
use weir_global::Global;
use weir_intake::{ApiPath, Intake, MatchSettings, OnMissingIdentity, OnUnreadable};
use weir_metering::{IdentityLabels, ModelSettings, Models, Part};
use weir_policy::IdentitySource;

use crate::limit::Limit;

/// Settings of token-limit. With `{}` it counts tokens, leaves them as facts and metrics, and
/// limits nothing.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Hold request headers until the body is read. This filter works either way; `true` needs
    /// `allow_on_headers_stop_iteration: true` in the plugin.
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
    /// What a limit that needs an identity does with a caller who has none.
    #[serde(default)]
    pub on_missing_identity: OnMissingIdentity,
    /// What to do when the shared store fails, so that a limit cannot be checked.
    #[serde(default)]
    pub on_store_failure: OnStoreFailure,
    /// Ask OpenAI's chat and completions for the usage of a stream when the caller did not, and
    /// take the event it comes in out again. Default `true`.
    #[serde(default)]
    pub include_usage: Option<bool>,
    /// What is known of models; the first entry that fits holds.
    #[serde(default)]
    pub models: Vec<ModelSettings>,
    /// Output tokens reserved for a request that does not bound its answer. Default 1024.
    #[serde(default)]
    pub expected_output: Option<u64>,
    /// What is reserved for the answer.
    #[serde(default)]
    pub reserve_output: ReserveOutput,
    /// Identities that get a label of their own in metrics; all others are `other`.
    #[serde(default)]
    pub identity_labels: Vec<String>,
    /// Owners each limit keeps apart, beyond which they share one. Default 4096; a slot takes
    /// 48 bytes of shared memory.
    #[serde(default)]
    pub slots: Option<u32>,
    /// A service that counts every limit that is not in shadow over all Envoys, too.
    #[serde(default)]
    pub global: Option<weir_global::Settings>,
    /// The limits. A request must fit into all that are for it.
    #[serde(default)]
    pub limits: Vec<LimitSettings>,
}

/// What to do when the store fails.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum OnStoreFailure {
    /// Answer 500.
    #[default]
    Reject,
    /// Let the request pass unlimited.
    Pass,
}

/// What is reserved for the answer.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ReserveOutput {
    /// The most the request allows (`max_tokens` and its like, times `n`), else
    /// `expected_output`: a limit can never be overrun.
    #[default]
    Cap,
    /// `expected_output`, or the request's own cap where that is lower. For callers who always
    /// ask for far more than they use; what they use beyond is debt that is repaid first.
    Expected,
}

/// A limit: `tokens` or `requests` in a `window`.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LimitSettings {
    /// For logs, facts and metrics; counters live under it, so a limit that keeps its name, its
    /// `per` and its window keeps its counters over a configuration update.
    pub name: String,
    /// Which requests; all conditions must hold. Default: every request.
    #[serde(default, rename = "match")]
    pub matches: MatchSettings,
    /// Whose share is counted: everything that makes two requests share one counter. Default
    /// `["identity"]`; `[]` is one counter for all.
    #[serde(default)]
    pub per: Option<Vec<Part>>,
    /// Tokens in the window.
    #[serde(default)]
    pub tokens: Option<u64>,
    /// Requests in the window.
    #[serde(default)]
    pub requests: Option<u64>,
    /// `30s`, `5m`, `12h`, `second`, `minute`, `hour`: a bucket that refills continuously.
    /// `day`, `week` (from Monday), `month`: a quota that begins anew with each; `forever`.
    pub window: String,
    /// For quotas: where midnight is, as `+02:00` or `-05:30`. Default UTC.
    #[serde(default)]
    pub utc_offset: Option<String>,
    /// For buckets: what a full one holds. Default: what refills in one window.
    #[serde(default)]
    pub burst: Option<u64>,
    /// Which tokens are counted.
    #[serde(default)]
    pub count: Option<CountSettings>,
    /// What a token of some kind counts, when not 1.
    #[serde(default)]
    pub weights: WeightSettings,
    /// Output tokens reserved for a request that does not bound its answer, for this limit.
    #[serde(default)]
    pub expected_output: Option<u64>,
    /// What to do with a caller who has no identity, for this limit.
    #[serde(default)]
    pub on_missing_identity: Option<OnMissingIdentity>,
    /// Only count and log what would be refused.
    #[serde(default)]
    pub shadow: bool,
}

/// Which tokens a limit counts.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum CountSettings {
    /// Prompt and answer.
    #[default]
    Total,
    /// The prompt.
    Input,
    /// The answer.
    Output,
}

/// What a token counts, to three decimals.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct WeightSettings {
    /// Of the prompt, read from a cache.
    #[serde(default)]
    pub cached: Option<f64>,
    /// Of the answer. Default 1.
    #[serde(default)]
    pub output: Option<f64>,
    /// Of the answer, spent on reasoning. Default: what `output` says.
    #[serde(default)]
    pub reasoning: Option<f64>,
}

/// The filter's configuration as it runs.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) hold: bool,
    pub(crate) intake: Intake,
    pub(crate) on_store_failure: OnStoreFailure,
    pub(crate) include_usage: bool,
    pub(crate) models: Models,
    pub(crate) global: Option<Global>,
    pub(crate) limits: Vec<Rc<Limit>>,
    /// Header names that limits look at.
    pub(crate) watched_headers: Vec<String>,
    pub(crate) identity_labels: IdentityLabels,
}
