//! Which requests a limit is for, and whose share of it they use.

use std::collections::BTreeMap;

use serde::Deserialize;
use weir_intake::{OnMissingIdentity, Refused};
use weir_llm_api::Api;
use weir_policy::config::{OneOrMany, unique_map};
use weir_policy::identity::header_name;
use weir_policy::names::fact;
use weir_policy::{ConfigError, Cx, Glob, Headers, Identity, Owner};

/// Conditions on a request.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct MatchSettings {
    /// The model, by the name sent to the upstream or the one the caller asked for.
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

/// A part of what makes an owner.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The caller.
    Identity,
    /// The model, by the name sent to the upstream.
    Model,
    /// The API.
    Api,
    /// The provider model-router chose.
    Provider,
    /// The name of Envoy's route.
    Route,
    /// The value of this request header.
    Header(String),
}

/// Which requests, and whose share.
#[derive(Debug)]
pub struct Share {
    model: OneOrMany<Glob>,
    identity: OneOrMany<Glob>,
    api: OneOrMany<Api>,
    provider: OneOrMany<Glob>,
    headers: Vec<(String, Glob)>,
    per: Vec<Part>,
    on_missing_identity: OnMissingIdentity,
    /// Only tried out: refuses nobody.
    pub shadow: bool,
}

/// A request as limits look at it.
#[derive(Debug)]
pub struct Subject<'a> {
    /// The API.
    pub api: Api,
    /// The caller.
    pub identity: Option<&'a Identity>,
    /// The request's headers, as far as any limit looks at them.
    pub headers: &'a Headers,
    /// The model as it is sent, and as it was asked for, in lower case: providers differ in whether
    /// case counts, and a limit must not be got around by it.
    folded: String,
    asked: String,
    provider: String,
    route: String,
}

impl<'a> Subject<'a> {
    /// A request, with what earlier filters of the suite know of it.
    pub fn new(
        cx: &Cx<'_>,
        api: Api,
        model: &str,
        identity: Option<&'a Identity>,
        headers: &'a Headers,
    ) -> Self {
        let told = |name| cx.attributes.fact(name).unwrap_or_default();
        let route = cx.attributes.get(&["xds", "route_name"]);
        Self {
            api,
            identity,
            headers,
            folded: model.trim().to_lowercase(),
            asked: told(fact::MODEL).trim().to_lowercase(),
            provider: told(fact::PROVIDER),
            route: String::from_utf8_lossy(&route.unwrap_or_default()).into_owned(),
        }
    }
}

impl Share {
    /// Checks the settings of a limit that stands at `place`.
    ///
    /// # Errors
    /// Header names that are none, parts that stand there twice.
    pub fn new(
        matches: MatchSettings,
        per: Option<Vec<Part>>,
        on_missing_identity: OnMissingIdentity,
        shadow: bool,
        place: &str,
    ) -> Result<Self, ConfigError> {
        let mut per = per.unwrap_or_else(|| vec![Part::Identity]);
        let at =
            |field: &str, message: String| ConfigError::at(format!("{place}.{field}"), message);
        for part in &mut per {
            if let Part::Header(name) = part {
                *name = header_name(name).map_err(|e| at("per", e))?;
            }
        }
        if (1..per.len()).any(|i| per.iter().take(i).any(|part| Some(part) == per.get(i))) {
            return Err(at("per", "the same stands there twice".to_owned()));
        }
        let mut headers = Vec::new();
        for (name, glob) in matches.headers {
            let name = header_name(&name).map_err(|e| at("match.headers", e))?;
            headers.push((name, glob));
        }
        per.sort();
        let model = matches.model.0.iter().map(|glob| folded(glob, place));
        Ok(Self {
            model: OneOrMany(model.collect::<Result<_, _>>()?),
            identity: matches.identity,
            api: matches.api,
            provider: matches.provider,
            headers,
            per,
            on_missing_identity,
            shadow,
        })
    }

    /// The request headers it looks at.
    pub fn headers(&self) -> Vec<String> {
        let matched = self.headers.iter().map(|(name, _)| name.clone());
        let counted = self.per.iter().filter_map(|part| match part {
            Part::Header(name) => Some(name.clone()),
            _ => None,
        });
        matched.chain(counted).collect()
    }

    /// Whose share a request uses; none when the limit is not for it.
    ///
    /// # Errors
    /// The refusal of a caller who has no identity and needs one, or of an ambiguous header.
    pub fn owner(&self, subject: &Subject<'_>) -> Result<Option<Owner>, Refused> {
        if !self.holds_but_for_identity(subject) {
            return Ok(None);
        }
        let by_identity = !self.identity.0.is_empty();
        let stand_in;
        let identity = match subject.identity {
            Some(identity) => Some(identity),
            None if by_identity || self.per.contains(&Part::Identity) => {
                stand_in = match self.on_missing_identity.stand_in() {
                    Err(_) if self.shadow => return Ok(None),
                    Err(refused) => return Err(refused),
                    Ok(None) => return Ok(None),
                    Ok(stand_in) => stand_in,
                };
                stand_in.as_ref()
            }
            None => None,
        };
        if by_identity && !identity.is_some_and(|i| any(&self.identity, &[i.as_str()])) {
            return Ok(None);
        }
        let identity = identity.map_or("", Identity::as_str).as_bytes();
        let mut parts: Vec<&[u8]> = Vec::with_capacity(self.per.len() * 2);
        for part in &self.per {
            let (kind, value): (&[u8], &[u8]) = match part {
                Part::Identity => (b"identity", identity),
                Part::Model => (b"model", subject.folded.as_bytes()),
                Part::Api => (b"api", subject.api.name().as_bytes()),
                Part::Provider => (b"provider", subject.provider.as_bytes()),
                Part::Route => (b"route", subject.route.as_bytes()),
                Part::Header(name) => {
                    let mut values = subject.headers.all(name);
                    let value = values.next().unwrap_or_default();
                    if values.next().is_some() {
                        return Err(Refused::ambiguous(name));
                    }
                    parts.push(b"header");
                    (name.as_bytes(), value)
                }
            };
            parts.push(kind);
            parts.push(value);
        }
        Ok(Some(Owner::of_bytes(parts)))
    }

    fn holds_but_for_identity(&self, subject: &Subject<'_>) -> bool {
        any(&self.model, &[&subject.folded, &subject.asked])
            && any(&self.provider, &[&subject.provider])
            && (self.api.0.is_empty() || self.api.0.contains(&subject.api))
            && self.headers.iter().all(|(name, glob)| {
                let mut values = subject.headers.all(name);
                values.any(|v| std::str::from_utf8(v).is_ok_and(|v| glob.matches(v)))
            })
    }
}

/// A pattern for names in lower case.
fn folded(glob: &Glob, place: &str) -> Result<Glob, ConfigError> {
    Glob::new(&glob.as_str().to_lowercase())
        .map_err(|e| ConfigError::at(format!("{place}.match.model"), e))
}

/// Whether a list of conditions is empty or one of them holds.
fn any(globs: &OneOrMany<Glob>, names: &[&str]) -> bool {
    globs.0.is_empty()
        || globs
            .0
            .iter()
            .any(|glob| names.iter().any(|name| glob.matches(name)))
}
