//! The configuration, in the YAML format of `envoyproxy/ratelimit`.
//!
//! ```
//! let config: rls::Config = "
//! domain: weir
//! descriptors:
//!   - key: identity
//!     rate_limit: { unit: minute, requests_per_unit: 1000 }
//! "
//! .parse()?;
//! assert_eq!(config.domain, "weir");
//! # Ok::<_, rls::ConfigError>(())
//! ```
//!
//! Known are `key`, `value`, `rate_limit` with `unit`, `requests_per_unit`, `unlimited` and `name`,
//! `shadow_mode`, and descriptors inside descriptors. Anything else is refused rather than
//! misunderstood.

use std::error::Error;
use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

use crate::proto::{Entry, Unit};

/// A domain and its limits.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Requests name it.
    pub domain: String,
    /// What is limited.
    #[serde(default)]
    pub descriptors: Vec<Descriptor>,
}

/// A step on the way to a limit.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Descriptor {
    /// Fits entries of this key.
    pub key: String,
    /// And of this value; without it, of any value that no neighbour names, each counted apart.
    pub value: Option<String>,
    /// The limit of requests whose last entry this is.
    pub rate_limit: Option<RateLimit>,
    /// Count, but never say that it is over the limit.
    #[serde(default)]
    pub shadow_mode: bool,
    /// What follows.
    #[serde(default)]
    pub descriptors: Vec<Self>,
}

/// A limit.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimit {
    /// The window.
    #[serde(default, deserialize_with = "unit")]
    pub unit: Option<Unit>,
    /// How much fits in it.
    #[serde(default)]
    pub requests_per_unit: u32,
    /// No limit at all, and nothing is counted.
    #[serde(default)]
    pub unlimited: bool,
    /// Its name.
    #[serde(default)]
    pub name: String,
}

/// Why a configuration is refused.
#[derive(Debug)]
pub struct ConfigError(String);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for ConfigError {}

impl FromStr for Config {
    type Err = ConfigError;

    fn from_str(yaml: &str) -> Result<Self, ConfigError> {
        let config: Self =
            serde_yaml_ng::from_str(yaml).map_err(|error| ConfigError(error.to_string()))?;
        match config.domain.is_empty() {
            true => Err(ConfigError("`domain` is empty".to_owned())),
            false => check(&config.descriptors).map(|()| config),
        }
    }
}

fn check(descriptors: &[Descriptor]) -> Result<(), ConfigError> {
    for descriptor in descriptors {
        let refuse = |why: &str| Err(ConfigError(format!("at `{}`: {why}", descriptor.key)));
        if let Some(value) = &descriptor.value
            && value.ends_with('*')
        {
            return refuse("wildcards are not known here");
        }
        match &descriptor.rate_limit {
            Some(limit) if limit.unlimited == limit.unit.is_some() => {
                return refuse("a limit has a `unit` or is `unlimited`");
            }
            _ => check(&descriptor.descriptors)?,
        }
    }
    Ok(())
}

fn unit<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Unit>, D::Error> {
    let name = String::deserialize(from)?;
    Ok(Some(match name.to_ascii_lowercase().as_str() {
        "second" => Unit::Second,
        "minute" => Unit::Minute,
        "hour" => Unit::Hour,
        "day" => Unit::Day,
        "week" => Unit::Week,
        "month" => Unit::Month,
        "year" => Unit::Year,
        _ => return Err(serde::de::Error::custom(format!("unknown unit `{name}`"))),
    }))
}

impl Config {
    /// The descriptor that the last entry leads to. At each step one that names the value goes
    /// before one that does not.
    pub(crate) fn find(&self, entries: &[Entry]) -> Option<&Descriptor> {
        let mut level = self.descriptors.as_slice();
        let mut found = None;
        for entry in entries {
            let of_key = || level.iter().filter(|it| it.key == entry.key);
            let named = of_key().find(|it| it.value.as_ref() == Some(&entry.value));
            let descriptor = named.or_else(|| of_key().find(|it| it.value.is_none()))?;
            level = &descriptor.descriptors;
            found = Some(descriptor);
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(way: &[(&str, &str)]) -> Vec<Entry> {
        let entry = |(key, value): &(&str, &str)| Entry {
            key: (*key).to_owned(),
            value: (*value).to_owned(),
        };
        way.iter().map(entry).collect()
    }

    #[test]
    fn a_named_value_goes_first_and_only_the_whole_way_counts() {
        let config: Config = "
domain: d
descriptors:
  - key: who
    rate_limit: { unit: minute, requests_per_unit: 1 }
  - key: who
    value: ann
    rate_limit: { unit: minute, requests_per_unit: 2 }
    descriptors:
      - key: model
        rate_limit: { unit: hour, requests_per_unit: 3 }
"
        .parse()
        .unwrap();
        for (way, limit) in [
            (&[("who", "bob")][..], Some(1)),
            (&[("who", "ann")], Some(2)),
            (&[("who", "ann"), ("model", "m")], Some(3)),
            (&[("who", "bob"), ("model", "m")], None),
            (&[("model", "m")], None),
            (&[], None),
        ] {
            let found = config.find(&entries(way));
            let found = found.and_then(|it| it.rate_limit.as_ref());
            assert_eq!(found.map(|it| it.requests_per_unit), limit, "{way:?}");
        }
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for (yaml, error) in [
            ("domain: ''", "`domain` is empty"),
            ("domain: d\nfoo: 1", "unknown field `foo`"),
            (
                "domain: d\ndescriptors: [{key: k, value: 'a*'}]",
                "at `k`: wildcards are not known here",
            ),
            (
                "domain: d\ndescriptors: [{key: k, rate_limit: {unit: eon}}]",
                "unknown unit `eon`",
            ),
            (
                "domain: d\ndescriptors: [{key: k, rate_limit: {requests_per_unit: 1}}]",
                "at `k`: a limit has a `unit` or is `unlimited`",
            ),
        ] {
            let refused = yaml.parse::<Config>().unwrap_err().to_string();
            assert!(refused.contains(error), "{yaml}: {refused}");
        }
    }
}
