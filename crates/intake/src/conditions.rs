//! Which requests a limit or a rule is for.

use std::collections::BTreeMap;

use serde::Deserialize;
use weir_llm_api::Api;
use weir_policy::config::{OneOrMany, unique_map};
use weir_policy::identity::header_name;
use weir_policy::{ConfigError, Glob, Headers, Identity};

/// Conditions on a request.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct MatchSettings {
    /// The model, by the name sent to the upstream or the one the caller asked for, in any case.
    #[serde(default)]
    pub model: OneOrMany<Glob>,
    /// The caller.
    #[serde(default)]
    pub identity: OneOrMany<Glob>,
    /// The API.
    #[serde(default)]
    pub api: OneOrMany<Api>,
    /// The provider model-router chose.
    #[serde(default)]
    pub provider: OneOrMany<Glob>,
    /// Request headers, by name; the value is a glob.
    #[serde(default, deserialize_with = "unique_map")]
    #[cfg_attr(feature = "schema", schemars(with = "BTreeMap<String, Glob>"))]
    pub headers: BTreeMap<String, Glob>,
}

/// Conditions as they run; empty ones hold for everything.
#[derive(Debug)]
pub struct Match {
    model: OneOrMany<Glob>,
    identity: OneOrMany<Glob>,
    api: OneOrMany<Api>,
    provider: OneOrMany<Glob>,
    headers: Vec<(String, Glob)>,
}

/// What conditions look at.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The API it is of.
    pub api: Api,
    /// The model as the caller asked for it.
    pub asked: &'a str,
    /// The model as it is sent.
    pub model: &'a str,
    /// The provider model-router chose, or nothing.
    pub provider: &'a str,
    /// The caller.
    pub identity: Option<&'a Identity>,
    /// The request's headers, or at least those of [`Match::headers`].
    pub headers: &'a Headers,
}

impl Match {
    /// Checks the settings that stand at `place`.
    ///
    /// # Errors
    /// What is no name of a header.
    pub fn new(s: MatchSettings, place: &str) -> Result<Self, ConfigError> {
        let mut headers = Vec::new();
        for (name, glob) in s.headers {
            let name = header_name(&name)
                .map_err(|e| ConfigError::at(format!("{place}.match.headers"), e))?;
            headers.push((name, glob));
        }
        // Providers differ in whether case counts, and nobody should get around a limit by it.
        let folded = s
            .model
            .0
            .iter()
            .map(|glob| Glob::new(&glob.as_str().to_lowercase()));
        let model: Result<Vec<Glob>, String> = folded.collect();
        let model = model.map_err(|e| ConfigError::at(format!("{place}.match.model"), e))?;
        Ok(Self {
            model: OneOrMany(model),
            identity: s.identity,
            api: s.api,
            provider: s.provider,
            headers,
        })
    }

    /// Names of the headers looked at.
    pub fn headers(&self) -> impl Iterator<Item = &str> {
        self.headers.iter().map(|(name, _)| name.as_str())
    }

    /// Whether there is a condition on the caller.
    pub fn is_by_identity(&self) -> bool {
        !self.identity.0.is_empty()
    }

    /// Whether this caller fulfils the condition on the caller; nobody known fulfils none.
    pub fn is_for(&self, identity: Option<&Identity>) -> bool {
        !self.is_by_identity() || identity.is_some_and(|i| any(&self.identity, &[i.as_str()]))
    }

    /// Whether all conditions hold but that on the caller.
    pub fn holds_but_for_identity(&self, subject: &Subject<'_>) -> bool {
        let folded = |name: &str| name.trim().to_lowercase();
        (self.model.0.is_empty()
            || any(
                &self.model,
                &[&folded(subject.model), &folded(subject.asked)],
            ))
            && any(&self.provider, &[subject.provider])
            && (self.api.0.is_empty() || self.api.0.contains(&subject.api))
            && self.headers.iter().all(|(name, glob)| {
                let mut values = subject.headers.all(name);
                values.any(|v| std::str::from_utf8(v).is_ok_and(|v| glob.matches(v)))
            })
    }

    /// Whether all conditions hold.
    pub fn holds(&self, subject: &Subject<'_>) -> bool {
        self.is_for(subject.identity) && self.holds_but_for_identity(subject)
    }
}

fn any(globs: &OneOrMany<Glob>, names: &[&str]) -> bool {
    globs.0.is_empty()
        || globs
            .0
            .iter()
            .any(|glob| names.iter().any(|name| glob.matches(name)))
}
