//! What every filter asks of a request before its own policy begins: is it one of ours, can it
//! be read, who sends it. Every filter must answer these alike, or a request that one of them
//! passes over would be a way around the others.

mod conditions;
mod head;
mod refused;

use serde::Deserialize;
use weir_llm_api::error::{Reason, Refusal};
use weir_llm_api::{Api, Call, disguised, recognise, segments};
use weir_policy::names::{fact, metric};
use weir_policy::{ConfigError, Cx, Glob, Headers, Identity, IdentitySource, Level, identity};

pub use conditions::{Match, MatchSettings, Subject};
pub use head::{oddly_spelt, plain_encoding, readable, well_formed};
pub use refused::{Refused, invalid};

const DEFAULT_MAX_BODY: usize = 8 << 20;
/// Envoy's V8 gives a VM 1 GiB; a body is in memory twice while it is edited.
const MAX_MAX_BODY: usize = 128 << 20;

/// A path that speaks a known API.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ApiPath {
    /// The path without its query; `*` and `?` as in any glob; case does not count.
    pub path: Glob,
    /// The API spoken there; one whose model stands in the body.
    pub api: Api,
}

/// What to do with an unreadable body.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum OnUnreadable {
    /// Answer 400 (415 for a content type that is not JSON, 413 for a body too large).
    #[default]
    Reject,
    /// Let it pass, with a counter and a log line, judged by nothing but its path and headers.
    Pass,
}

/// What to do with a caller nobody knows.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum OnMissingIdentity {
    /// Answer 401.
    #[default]
    Reject,
    /// All of them are one caller named `anonymous`.
    Shared,
    /// They have no identity: what is for identities does not apply to them.
    Skip,
}

impl OnMissingIdentity {
    /// Who a caller counts as for whom no source yields an identity.
    ///
    /// # Errors
    /// The refusal, when there must be one.
    pub fn stand_in(self) -> Result<Option<Identity>, Refused> {
        match self {
            Self::Reject => Err(Refused::no_identity()),
            Self::Shared => Ok(Identity::new(b"anonymous")),
            Self::Skip => Ok(None),
        }
    }
}

/// The settings of it that all filters share, as they run.
#[derive(Debug)]
pub struct Intake {
    /// The filter's name, for metrics and logs.
    pub filter: &'static str,
    /// Longest body read, in bytes.
    pub max_body_bytes: usize,
    /// What becomes of an unreadable body.
    pub on_unreadable: OnUnreadable,
    identity: Vec<IdentitySource>,
    /// Paths in lower case.
    apis: Vec<(Glob, Api)>,
}

impl Intake {
    /// Checks the settings.
    ///
    /// # Errors
    /// Paths that can never match, APIs that need more than a path, sizes that make no sense.
    pub fn new(
        filter: &'static str,
        paths: Vec<ApiPath>,
        max_body_bytes: Option<usize>,
        on_unreadable: OnUnreadable,
        identity: Vec<IdentitySource>,
    ) -> Result<Self, ConfigError> {
        let mut apis = Vec::with_capacity(paths.len());
        for (i, ApiPath { path, api }) in paths.into_iter().enumerate() {
            apis.push((path_glob(&path, &format!("apis[{i}].path"))?, api));
            if !api.model_in_body() {
                return Err(ConfigError::at(
                    format!("apis[{i}].api"),
                    format!("`{api}` names its model in the path, which this one cannot"),
                ));
            }
        }
        let max_body_bytes = max_body_bytes.unwrap_or(DEFAULT_MAX_BODY);
        if !(1..=MAX_MAX_BODY).contains(&max_body_bytes) {
            return Err(ConfigError::at(
                "max_body_bytes",
                format!("must be between 1 and {MAX_MAX_BODY}"),
            ));
        }
        Ok(Self {
            filter,
            max_body_bytes,
            on_unreadable,
            identity,
            apis,
        })
    }

    /// Whether there is any source of identities.
    pub fn has_identity(&self) -> bool {
        !self.identity.is_empty()
    }

    /// The headers that identities come from, each with its place in the settings.
    pub fn identity_headers(&self) -> impl Iterator<Item = (String, &str)> {
        let sources = self.identity.iter().enumerate();
        sources.filter_map(|(i, source)| match source {
            IdentitySource::Header { name, .. } => {
                Some((format!("identity[{i}].header"), name.as_str()))
            }
            _ => None,
        })
    }

    /// The call a request is, by its method and path, or as an earlier filter has recognised it.
    pub fn call(&self, cx: &Cx<'_>, method: &str, path: &str) -> Option<Call> {
        recognise(method, path)
            .or_else(|| self.configured(method, path))
            .or_else(|| {
                let api = cx.attributes.fact(fact::API)?;
                Some(by_path_alone(Api::named(&api)?))
            })
    }

    /// A path the operator added.
    fn configured(&self, method: &str, path: &str) -> Option<Call> {
        if !method.eq_ignore_ascii_case("POST") || self.apis.is_empty() {
            return None;
        }
        let spelt = spelt(path);
        let (_, api) = self.apis.iter().find(|(glob, _)| glob.matches(&spelt))?;
        Some(by_path_alone(*api))
    }

    /// Says who is calling; an earlier filter may have told. A credential that is given twice is
    /// refused: which of them counts would depend on who reads it.
    ///
    /// # Errors
    /// The refusal of an ambiguous request.
    pub fn identify(
        &self,
        cx: &mut Cx<'_>,
        headers: &Headers,
    ) -> Result<Option<Identity>, Refused> {
        if let Some(known) = cx.attributes.fact(fact::IDENTITY) {
            return Ok(Identity::new(known.as_bytes()));
        }
        head::single_credentials(headers)?;
        let identity = identity::resolve(&self.identity, headers, cx.attributes).map_err(
            |error| match &error.beside {
                None => Refused::ambiguous(&error.header),
                Some(other) => Refused::two_credentials(&error.header, other),
            },
        )?;
        if let Some(identity) = &identity {
            cx.effects.fact(fact::IDENTITY, identity.as_str());
        }
        Ok(identity)
    }

    /// Looks at a request's headers: is it ours, may it go on, who sends it. `watched` are the names
    /// of headers that will be looked at later.
    pub fn head(&self, cx: &mut Cx<'_>, headers: &Headers, watched: &[String]) -> Head {
        let path = String::from_utf8_lossy(headers.get(":path").unwrap_or_default()).into_owned();
        let method = headers.text(":method").unwrap_or_default();
        let Some(call) = self.call(cx, method, &path) else {
            return match disguised(method, &path) {
                Some(api) => {
                    cx.effects.fact(fact::API, api.name());
                    Head::Refused(by_path_alone(api), oddly_spelt())
                }
                None => Head::Foreign,
            };
        };
        cx.effects.fact(fact::API, call.api.name());
        self.head_of(call, cx, headers, watched)
    }

    /// Looks at the headers of a request that is taken for this call, whatever its path.
    pub fn head_of(
        &self,
        call: Call,
        cx: &mut Cx<'_>,
        headers: &Headers,
        watched: &[String],
    ) -> Head {
        let identity = match well_formed(headers).and_then(|()| self.identify(cx, headers)) {
            Ok(identity) => identity,
            Err(refused) => return Head::Refused(call, refused),
        };
        // An answer has to be read, which cannot be done in a compressed one.
        if headers.has("accept-encoding") {
            cx.effects.remove_request_header("accept-encoding");
        }
        let watched = watched
            .iter()
            .flat_map(|name| headers.all(name).map(move |value| (name.as_bytes(), value)));
        Head::Ours(Ours {
            call,
            identity,
            watched: watched.collect(),
            readable: readable(headers),
        })
    }

    /// A body that cannot be read: its refusal, or none when it is to pass.
    pub fn unreadable(
        &self,
        cx: &mut Cx<'_>,
        api: Api,
        refusal: Refusal,
        details: &'static str,
    ) -> Option<Refused> {
        self.count_unreadable(cx, api, "request");
        let log = format!("unreadable body: {}", refusal.message);
        if self.on_unreadable == OnUnreadable::Reject {
            return Some(Refused::blocked(refusal, details, log));
        }
        let line = format!("{}: {log}, passed", self.filter);
        cx.effects.log(Level::Info, line);
        None
    }

    /// Counts a body that could not be read; `direction` is `request` or `response`.
    pub fn count_unreadable(&self, cx: &mut Cx<'_>, api: Api, direction: &'static str) {
        let labels = [
            ("filter", self.filter),
            ("api", api.name()),
            ("direction", direction),
        ];
        cx.effects.count(metric::UNREADABLE, &labels, 1);
    }
}

/// What the headers of a request say.
#[derive(Debug)]
pub enum Head {
    /// It is none of ours.
    Foreign,
    /// It must not go on.
    Refused(Call, Refused),
    /// It is one of ours.
    Ours(Ours),
}

/// A request of ours, by its headers.
#[derive(Debug)]
pub struct Ours {
    /// What is called.
    pub call: Call,
    /// Who calls, if any source says.
    pub identity: Option<Identity>,
    /// The headers that will be looked at later.
    pub watched: Headers,
    /// Whether the headers promise a body that can be read.
    pub readable: Result<(), Refusal>,
}

/// The refusal of a body larger than `limit`.
pub fn too_large(limit: usize) -> Refusal {
    let text = format!("The request body is larger than {limit} bytes.");
    Refusal::new(Reason::TooLarge, text)
}

fn by_path_alone(api: Api) -> Call {
    Call {
        api,
        path_model: None,
        path_stream: None,
    }
}

/// A path as a lax server would see it, without its query and in lower case, so that odd spellings
/// do not get around what is for it.
pub fn spelt(path: &str) -> String {
    let path: String = segments(path)
        .iter()
        .flat_map(|segment| ["/", &segment.text])
        .collect();
    path.to_lowercase()
}

/// A path of the operator's, to be matched with [`spelt`] ones: in lower case, for servers differ in
/// whether case counts.
///
/// # Errors
/// A path that could never match.
pub fn path_glob(glob: &Glob, place: &str) -> Result<Glob, ConfigError> {
    let path = glob.as_str();
    let rooted = path.starts_with('/') || path.starts_with('*');
    if !rooted || path.ends_with('/') || path.contains("//") || path.contains(['%', '#']) {
        let message = "begins with `/` or `*`, does not end in `/`, and holds no `//`, `%` or `#`";
        return Err(ConfigError::at(place, format!("a path {message}")));
    }
    Glob::new(&path.to_lowercase()).map_err(|e| ConfigError::at(place, e))
}
