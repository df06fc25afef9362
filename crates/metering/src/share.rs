//! Which requests a limit is for, and whose share of it they use.

use std::borrow::Cow;

use serde::Deserialize;
use weir_intake::{Match, MatchSettings, OnMissingIdentity, Refused};
use weir_llm_api::Api;
use weir_policy::identity::header_name;
use weir_policy::names::fact;
use weir_policy::{Attributes, ConfigError, Cx, Headers, Identity, Owner};

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
    matches: Match,
    /// In an order of our own: what an owner is does not depend on how it is written.
    per: Vec<Part>,
    /// Where each part stands above, in the order in which they are written.
    written: Vec<usize>,
    on_missing_identity: OnMissingIdentity,
    /// Only tried out: refuses nobody.
    pub shadow: bool,
}

/// A request as limits look at it.
pub struct Subject<'a> {
    /// The API.
    pub api: Api,
    /// The caller.
    pub identity: Option<&'a Identity>,
    /// The request's headers, as far as any limit looks at them.
    pub headers: &'a Headers,
    /// The model as it is sent, in lower case: providers differ in whether case counts, and a limit
    /// must not be got around by it.
    folded: String,
    asked: String,
    provider: String,
    attributes: &'a dyn Attributes,
}

impl<'a> Subject<'a> {
    /// A request, with what earlier filters of the suite know of it.
    pub fn new(
        cx: &Cx<'a>,
        api: Api,
        model: &str,
        identity: Option<&'a Identity>,
        headers: &'a Headers,
    ) -> Self {
        let told = |name| cx.attributes.fact(name).unwrap_or_default();
        Self {
            api,
            identity,
            headers,
            folded: model.trim().to_lowercase(),
            asked: told(fact::MODEL),
            provider: told(fact::PROVIDER),
            attributes: cx.attributes,
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
        let as_written = per.clone();
        per.sort();
        let place_of = |part: &Part| per.iter().position(|known| known == part);
        Ok(Self {
            written: as_written.iter().filter_map(place_of).collect(),
            matches: Match::new(matches, place)?,
            per,
            on_missing_identity,
            shadow,
        })
    }

    /// The request headers it looks at.
    pub fn headers(&self) -> Vec<String> {
        let matched = self.matches.headers().map(str::to_owned);
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
    pub fn whose<'a>(&'a self, subject: &'a Subject<'_>) -> Result<Option<Whose<'a>>, Refused> {
        let conditions = weir_intake::Subject {
            api: subject.api,
            asked: &subject.asked,
            model: &subject.folded,
            provider: &subject.provider,
            identity: subject.identity,
            headers: subject.headers,
        };
        if !self.matches.holds_but_for_identity(&conditions) {
            return Ok(None);
        }
        let by_identity = self.matches.is_by_identity();
        let identity = match subject.identity {
            Some(identity) => Some(Cow::Borrowed(identity)),
            None if by_identity || self.per.contains(&Part::Identity) => {
                match self.on_missing_identity.stand_in() {
                    Err(_) if self.shadow => return Ok(None),
                    Err(refused) => return Err(refused),
                    Ok(None) => return Ok(None),
                    Ok(stand_in) => stand_in.map(Cow::Owned),
                }
            }
            None => None,
        };
        if !self.matches.is_for(identity.as_deref()) {
            return Ok(None);
        }
        let mut parts: Vec<(&Part, Cow<'a, [u8]>)> = Vec::with_capacity(self.per.len());
        for part in &self.per {
            let value = match part {
                Part::Identity => match &identity {
                    Some(Cow::Borrowed(identity)) => Cow::Borrowed(identity.as_str().as_bytes()),
                    Some(Cow::Owned(identity)) => Cow::Owned(identity.as_str().into()),
                    None => Cow::default(),
                },
                Part::Model => Cow::Borrowed(subject.folded.as_bytes()),
                Part::Api => Cow::Borrowed(subject.api.name().as_bytes()),
                Part::Provider => Cow::Borrowed(subject.provider.as_bytes()),
                Part::Route => {
                    let route = subject.attributes.get(&["xds", "route_name"]);
                    Cow::Owned(route.unwrap_or_default())
                }
                Part::Header(name) => {
                    let mut values = subject.headers.all(name);
                    let value = values.next().unwrap_or_default();
                    if values.next().is_some() {
                        return Err(Refused::ambiguous(name));
                    }
                    Cow::Borrowed(value)
                }
            };
            parts.push((part, value));
        }
        Ok(Some(Whose {
            parts,
            written: &self.written,
        }))
    }
}

/// Whose share a request uses: the parts of it and their values.
#[derive(Debug)]
pub struct Whose<'a> {
    parts: Vec<(&'a Part, Cow<'a, [u8]>)>,
    written: &'a [usize],
}

impl Whose<'_> {
    /// As this Envoy's counters know it.
    pub fn owner(&self) -> Owner {
        let mut bytes: Vec<&[u8]> = Vec::with_capacity(self.parts.len() * 2);
        for (part, value) in &self.parts {
            if matches!(part, Part::Header(_)) {
                bytes.push(b"header");
            }
            bytes.push(part.name().as_bytes());
            bytes.push(value);
        }
        Owner::of_bytes(bytes)
    }

    /// Each part's name and value, in the order in which they are written.
    pub fn parts(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let written = self.written.iter().filter_map(|&at| self.parts.get(at));
        written.map(|(part, value)| (part.name(), &**value))
    }
}

impl Part {
    /// What it is called; a header by its own name.
    fn name(&self) -> &str {
        match self {
            Self::Identity => "identity",
            Self::Model => "model",
            Self::Api => "api",
            Self::Provider => "provider",
            Self::Route => "route",
            Self::Header(name) => name,
        }
    }
}
