//! What the operator writes → what the filter runs on.

mod check;

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{self, Deserializer, MapAccess, Visitor};
use weir_intake::{ApiPath, Intake, MatchSettings, OnUnreadable};
use weir_policy::config::{OneOrMany, unique_map};
use weir_policy::{Glob, IdentitySource};

use crate::rule::Rule;

/// Settings of pii-redact. With `{}` every type that is on by default is masked in every request
/// and put back in the answer.
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
    /// Paths of JSON that is no known API (`*` and `?` as in any glob): every string of an object
    /// that is sent there is looked at, and of one that is answered.
    #[serde(default)]
    pub all_strings: Vec<Glob>,
    /// Longest request body read, and longest JSON answer or event of a stream, in bytes. A
    /// longer request is answered with 413, a longer answer passes without its values. Also by
    /// how much an answer may grow. Default 8 MiB.
    #[serde(default)]
    pub max_body_bytes: Option<usize>,
    /// What to do with a body that is not one valid, unambiguous JSON object in UTF-8. `pass`
    /// lets out whatever stands in it.
    #[serde(default)]
    pub on_unreadable: OnUnreadable,
    /// Where the caller's identity comes from, when no earlier filter of the suite has said; the
    /// first source that yields wins.
    #[serde(default)]
    pub identity: Vec<IdentitySource>,
    /// What happens to values of a type: a name from the README's table or of `custom` or
    /// `terms`; or a group of them, `personal`, `national_ids`, `context`, `secrets`, `names`; or
    /// `all`. A type's own entry comes before its group's, a group's before that of `all`.
    #[serde(default, deserialize_with = "unique_map")]
    #[cfg_attr(
        feature = "schema",
        schemars(with = "BTreeMap<String, TreatmentSettings>")
    )]
    pub types: BTreeMap<String, TreatmentSettings>,
    /// The key of `hash`, at least 16 characters: who has it can try out values.
    #[serde(default)]
    pub hash_key: Option<String>,
    /// Findings less sure than this are dropped. Default `possible`: none is.
    #[serde(default)]
    pub min_confidence: ConfidenceSettings,
    /// Patterns of one's own.
    #[serde(default)]
    pub custom: Vec<CustomSettings>,
    /// Lists of words that are found wherever they stand: customers, project names.
    #[serde(default)]
    pub terms: Vec<TermsSettings>,
    /// What is never found.
    #[serde(default)]
    pub allow: Vec<AllowSettings>,
    /// Only count and log what would be done.
    #[serde(default)]
    pub shadow: bool,
    /// What is done about values in answers that the request has not brought.
    #[serde(default)]
    pub response: Option<ResponseSettings>,
    /// Exceptions from all this; the first that is for a request decides. A request for which
    /// there is none is treated as said above.
    #[serde(default)]
    pub rules: Vec<RuleSettings>,
}

/// An exception for some requests.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RuleSettings {
    /// For logs, facts and metrics.
    pub name: String,
    /// Which requests; all conditions must hold. Default: every request.
    #[serde(default, rename = "match")]
    pub matches: MatchSettings,
    /// What is different for them; the rest is as without the rule. `{"all": "off"}` exempts.
    #[serde(default, deserialize_with = "unique_map")]
    #[cfg_attr(
        feature = "schema",
        schemars(with = "BTreeMap<String, TreatmentSettings>")
    )]
    pub types: BTreeMap<String, TreatmentSettings>,
    /// Only count and log what would be done. Default: as without the rule.
    #[serde(default)]
    pub shadow: Option<bool>,
    /// What is done about values in answers. Default: as without the rule.
    #[serde(default)]
    pub response: Option<ResponseSettings>,
}

/// What is done about values that the model itself lets out.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ResponseSettings {
    /// Which: types, groups of them, or `all`. An empty list is none.
    pub types: Vec<String>,
    /// What happens to them.
    #[serde(default)]
    pub action: ResponseAction,
}

/// What happens to a value in an answer.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ResponseAction {
    /// Its type takes its place: `[EMAIL]`.
    #[default]
    Mask,
    /// It stays, and is counted.
    Report,
    /// The answer ends there: an error takes the place of a JSON answer, or of what is left of a
    /// stream.
    Block,
}

/// What happens to values of a type: an action, or one with what comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TreatmentSettings {
    /// What happens to them in the request.
    pub action: Action,
    /// Where they are put back in the answer.
    pub restore: Option<RestoreSettings>,
}

/// What happens to a value in the request.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// A numbered placeholder takes its place: `[EMAIL_1]`.
    Mask,
    /// A placeholder that is the same in every request: `[EMAIL_k7q2mx]`. Needs `hash_key`.
    Hash,
    /// A numbered placeholder with the last four characters: `[CARD_1_1111]`.
    Partial,
    /// The request is answered with 400.
    Block,
    /// It stays, and is counted.
    Report,
    /// It is not looked for.
    Off,
}

/// Where a value is put back in the answer.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RestoreSettings {
    /// Everywhere.
    #[default]
    Always,
    /// In what a person reads, not in arguments of tool calls.
    ContentOnly,
    /// Nowhere.
    Never,
}

/// How sure a finding is.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ConfidenceSettings {
    /// The shape fits, and a word near it names it or nothing else has this shape.
    #[default]
    Possible,
    /// The shape fits, and so does a check digit or a word near it.
    Likely,
    /// A prefix, checksum or syntax that does not come about by chance.
    Certain,
}

/// A pattern of one's own.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CustomSettings {
    /// What is found is called this: capitals, digits and `_`.
    #[serde(rename = "type")]
    pub kind: String,
    /// A regular expression in the syntax of Rust's `regex`; classes and case are ASCII's, a
    /// match is at most 1 KiB long and within one line.
    pub pattern: String,
    /// Check digits that must be right.
    #[serde(default)]
    pub validator: Option<ValidatorSettings>,
    /// One of these words must stand near, if there are any.
    #[serde(default)]
    pub context: Vec<String>,
}

/// Check digits over the letters and digits of a match.
#[derive(Clone, Copy, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ValidatorSettings {
    /// ISO/IEC 7812-1.
    Luhn,
    /// ISO 7064 mod 97-10, as in an IBAN.
    Mod97,
    /// ISO 7064 mod 11,10.
    #[serde(rename = "mod11_10")]
    Mod11_10,
    /// Verhoeff's.
    Verhoeff,
}

/// Words that are found wherever they stand, in any case.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TermsSettings {
    /// What is found is called this: capitals, digits and `_`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The words.
    pub terms: Vec<String>,
}

/// What is never found.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum AllowSettings {
    /// This value, in any case and however it is spelt.
    Exact(OneOrMany<String>),
    /// E-mail addresses at this domain and below it.
    Domain(OneOrMany<String>),
    /// IP addresses of this network: `10.0.0.0/8`.
    Cidr(OneOrMany<String>),
    /// Values the whole of which this regular expression matches.
    Pattern(OneOrMany<String>),
}

/// A treatment in full.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "Treatment"))]
#[serde(deny_unknown_fields)]
struct FullTreatment {
    /// What happens to them in the request.
    action: Action,
    /// Where they are put back in the answer, when a placeholder takes their place. Default
    /// `always`.
    #[serde(default)]
    restore: Option<RestoreSettings>,
}

impl<'de> Deserialize<'de> for TreatmentSettings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = TreatmentSettings;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an action or an object with one")
            }

            fn visit_str<E: de::Error>(self, value: &str) -> Result<Self::Value, E> {
                Ok(TreatmentSettings {
                    action: Action::deserialize(StrDeserializer::new(value))?,
                    restore: None,
                })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                let full = FullTreatment::deserialize(MapAccessDeserializer::new(map))?;
                Ok(TreatmentSettings {
                    action: full.action,
                    restore: full.restore,
                })
            }
        }

        deserializer.deserialize_any(Either)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for TreatmentSettings {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "TreatmentSettings".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let (action, full) = (
            generator.subschema_for::<Action>(),
            generator.subschema_for::<FullTreatment>(),
        );
        schemars::json_schema!({"anyOf": [action, full]})
    }
}

/// The filter's configuration as it runs.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) hold: bool,
    pub(crate) intake: Intake,
    /// Paths in lower case.
    pub(crate) all_strings: Vec<Glob>,
    /// The last of them is for every request.
    pub(crate) rules: Vec<Rule>,
    /// Header names that rules look at.
    pub(crate) watched_headers: Vec<String>,
}
