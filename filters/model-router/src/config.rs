//! What the operator writes → what the filter runs on.

mod check;

use std::collections::BTreeMap;

use serde::Deserialize;
use weir_intake::{ApiPath, Intake, OnMissingIdentity, OnUnreadable};
use weir_llm_api::Api;
use weir_policy::config::{OneOrMany, unique_map};
use weir_policy::{Glob, IdentitySource};

use crate::access::Access;
use crate::catalog::Catalog;
use crate::rules::Rule;

/// Settings of model-router. Everything has a default: with `{}` the filter tells routes which
/// API, model and stream a request is, and changes nothing.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Hold request headers until the body is read. This filter sets headers that depend on the
    /// body, so `true`, the default, is the only value it accepts; the plugin needs
    /// `allow_on_headers_stop_iteration: true`.
    #[serde(default)]
    pub hold: Option<bool>,
    /// Paths of known APIs beyond those recognised by themselves.
    #[serde(default)]
    pub apis: Vec<ApiPath>,
    /// Longest request body read, in bytes; a longer one is answered with 413. Default 8 MiB.
    #[serde(default)]
    pub max_body_bytes: Option<usize>,
    /// What to do with a body that is not one valid, unambiguous JSON object in UTF-8.
    #[serde(default)]
    pub on_unreadable: OnUnreadable,
    /// Names of the headers set for Envoy's routes.
    #[serde(default)]
    pub headers: HeaderNames,
    /// Where the caller's identity comes from; the first source that yields wins.
    #[serde(default)]
    pub identity: Vec<IdentitySource>,
    /// What to do with a caller for whom no source yields an identity.
    #[serde(default)]
    pub on_missing_identity: OnMissingIdentity,
    /// The catalogue: models that exist, by the name callers ask for.
    #[serde(default, deserialize_with = "unique_map")]
    #[cfg_attr(feature = "schema", schemars(with = "BTreeMap<String, ModelSettings>"))]
    pub models: BTreeMap<String, ModelSettings>,
    /// What to do with a model that is neither in `models` nor named by the rule that decides.
    /// Default: `reject` when there are `models`, else `pass`.
    #[serde(default)]
    pub unknown_models: Option<UnknownModels>,
    /// The model for requests that name none.
    #[serde(default)]
    pub default_model: Option<String>,
    /// Who may ask for which models; the first entry for the caller decides, and a caller
    /// without an entry may ask for none. No entries: everybody may ask for every model.
    #[serde(default)]
    pub access: Vec<AccessSettings>,
    /// Where requests go; the first rule that matches decides. Without one, a request goes to
    /// the model it asks for.
    #[serde(default)]
    pub rules: Vec<RuleSettings>,
    /// Put the model's name as the caller asked for it into the answer, in JSON and in every
    /// event of a stream.
    #[serde(default)]
    pub restore_model: bool,
    /// Answer `GET /v1/models` with the models the caller may use. Default: `true` when there
    /// are `models`.
    #[serde(default)]
    pub list_models: Option<bool>,
}

/// What to do with an unknown model.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum UnknownModels {
    /// Answer 404 `model_not_found`.
    Reject,
    /// Send it on as asked.
    Pass,
}

/// Names of the routing headers.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct HeaderNames {
    /// Declared name of the target model. Default `x-ai-model`.
    pub model: Option<String>,
    /// Provider of the target. Default `x-ai-provider`.
    pub provider: Option<String>,
    /// API of the request. Default `x-ai-api`.
    pub api: Option<String>,
    /// The rule's `route`. Default `x-ai-route`.
    pub route: Option<String>,
}

/// A model of the catalogue.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ModelSettings {
    /// Who serves it: the value of `x-ai-provider`.
    #[serde(default)]
    pub provider: Option<String>,
    /// The name the provider knows it by. Default: the name in the catalogue.
    #[serde(default)]
    pub upstream_model: Option<String>,
    /// Other names callers may ask for it by; globs take in dated snapshots.
    #[serde(default)]
    pub aliases: Vec<Glob>,
    /// Most tokens of prompt and answer together. Default: no bound known.
    #[serde(default)]
    pub context_window: Option<u64>,
    /// Most tokens of an answer. Default: no bound known.
    #[serde(default)]
    pub max_output_tokens: Option<u64>,
    /// What it can do. Default: everything.
    #[serde(default)]
    pub abilities: Option<Vec<Ability>>,
    /// What it costs, for `cheapest_of`. Default: what the built-in price table lists for
    /// `upstream_model` at `provider`.
    #[serde(default)]
    pub price: Option<PriceSettings>,
}

/// What a model can be asked to do.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Ability {
    /// Stream its answer.
    Stream,
    /// Call tools.
    Tools,
    /// Look at images and documents.
    Images,
    /// Listen to audio.
    Audio,
}

/// A price in US dollars for a million tokens, to six decimals.
#[derive(Clone, Copy, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PriceSettings {
    /// Of the prompt.
    pub input_usd_per_mtok: f64,
    /// Of the answer.
    pub output_usd_per_mtok: f64,
}

/// Who may ask for which models.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AccessSettings {
    /// Callers this entry is for. Default: everybody, also callers without an identity.
    #[serde(default)]
    pub identity: OneOrMany<Glob>,
    /// Models they may ask for. Default: all.
    #[serde(default)]
    pub allow: OneOrMany<Glob>,
    /// Models they may not ask for, whatever `allow` says.
    #[serde(default)]
    pub deny: OneOrMany<Glob>,
    /// Only count and log what would be refused.
    #[serde(default)]
    pub shadow: bool,
}

/// A routing rule: `to` or `deny`.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RuleSettings {
    /// For logs, facts and metrics.
    pub name: String,
    /// Which requests; all conditions must hold. Default: every request.
    #[serde(default, rename = "match")]
    pub matches: MatchSettings,
    /// Where to: a target, a list of targets with weights, or `cheapest_of`.
    #[serde(default)]
    pub to: Option<ToSettings>,
    /// Refuse with 403.
    #[serde(default)]
    pub deny: Option<DenySettings>,
    /// With weights: what decides. The same caller or header value always gets the same target.
    /// Default: chance, for each request anew.
    #[serde(default)]
    pub sticky: Option<StickySettings>,
    /// Only count and log what the rule would have done.
    #[serde(default)]
    pub shadow: bool,
}

/// Conditions on a request.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct MatchSettings {
    /// The model, by its name or a plain alias; in a rule that denies also by the caller's own
    /// spelling and the provider's name.
    #[serde(default)]
    pub model: OneOrMany<Glob>,
    /// The caller.
    #[serde(default)]
    pub identity: OneOrMany<Glob>,
    /// The API.
    #[serde(default)]
    pub api: OneOrMany<Api>,
    /// Whether a stream is asked for.
    #[serde(default)]
    pub stream: Option<bool>,
    /// Whether tools are offered.
    #[serde(default)]
    pub tools: Option<bool>,
    /// Whether there are images.
    #[serde(default)]
    pub images: Option<bool>,
    /// Size of the prompt in tokens: exact when token counting ran before this filter, else
    /// estimated from its bytes.
    #[serde(default)]
    pub prompt_tokens: Option<TokenRange>,
    /// Request headers, by name; the value is a glob.
    #[serde(default, deserialize_with = "unique_map")]
    #[cfg_attr(feature = "schema", schemars(with = "BTreeMap<String, Glob>"))]
    pub headers: BTreeMap<String, Glob>,
}

/// A range of token counts, both ends included.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TokenRange {
    /// At least. Default 0.
    #[serde(default)]
    pub min: u64,
    /// At most. Default: no bound.
    #[serde(default)]
    pub max: Option<u64>,
}

/// One target, or several with weights.
#[derive(Debug)]
pub struct ToSettings(Vec<TargetSettings>, bool);

impl<'de> Deserialize<'de> for ToSettings {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::{MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer};
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = ToSettings;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a target or a list of targets")
            }

            fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<ToSettings, A::Error> {
                let one = TargetSettings::deserialize(MapAccessDeserializer::new(access))?;
                Ok(ToSettings(vec![one], false))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<ToSettings, A::Error> {
                let mut targets = Vec::new();
                while let Some(target) = access.next_element()? {
                    targets.push(target);
                }
                Ok(ToSettings(targets, true))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for ToSettings {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "To".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let one = generator.subschema_for::<TargetSettings>();
        schemars::json_schema!({
            "description": "A target, or a list of targets with weights.",
            "anyOf": [one, {"type": "array", "items": one, "minItems": 1}],
        })
    }
}

/// Where a request goes.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TargetSettings {
    /// Rewrite the model to this one of the catalogue. Default: the model asked for.
    #[serde(default)]
    pub model: Option<String>,
    /// Rewrite the model to the cheapest of these whose window and abilities fit the request.
    #[serde(default)]
    pub cheapest_of: Option<Vec<String>>,
    /// Value of `x-ai-provider`. Default: the provider of the model.
    #[serde(default)]
    pub provider: Option<String>,
    /// Value of `x-ai-route`. Default: the header is not set.
    #[serde(default)]
    pub route: Option<String>,
    /// In a list: how often this target is taken, relative to the others.
    #[serde(default)]
    pub weight: Option<u32>,
}

/// A refusal.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DenySettings {
    /// For the caller. Default: that the model may not be used.
    #[serde(default)]
    pub message: Option<String>,
}

/// What a weighted choice sticks to.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum StickySettings {
    /// The caller's identity.
    Identity,
    /// The value of this request header.
    Header(String),
}

/// The filter's configuration as it runs.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) intake: Intake,
    pub(crate) headers: Headers,
    pub(crate) on_missing_identity: OnMissingIdentity,
    pub(crate) catalog: Catalog,
    pub(crate) reject_unknown: bool,
    pub(crate) default_model: Option<String>,
    pub(crate) access: Access,
    pub(crate) rules: Vec<Rule>,
    pub(crate) restore_model: bool,
    pub(crate) list_models: bool,
    /// Header names that rules and sticky splits look at.
    pub(crate) watched_headers: Vec<String>,
}

/// Names of the routing headers, in lower case.
#[derive(Debug)]
pub(crate) struct Headers {
    pub(crate) model: String,
    pub(crate) provider: String,
    pub(crate) api: String,
    pub(crate) route: String,
}

impl Headers {
    pub(crate) fn all(&self) -> [&str; 4] {
        [&self.model, &self.provider, &self.api, &self.route]
    }
}
