//! Who is calling.
//!
//! Sources are tried in the order written; the first that yields a value wins. What a source is
//! worth is the operator's judgement: a JWT claim or a SPIFFE id was verified by Envoy, a plain
//! header is only as good as whatever sets it in front of Weir.

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::config::OneOrMany;
use crate::{Attributes, Headers};

/// Identities longer than this are replaced by their digest, so that nobody can make facts,
/// logs and keys grow.
const MAX_LEN: usize = 128;

/// One place an identity can come from.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(try_from = "SourceSettings")]
pub enum IdentitySource {
    /// A claim of a token that Envoy's `jwt_authn` verified and left in dynamic metadata.
    JwtClaim {
        /// `payload_in_metadata` of the provider in `jwt_authn`.
        payload: String,
        /// Path to the claim; several segments reach into nested objects.
        claim: Vec<String>,
    },
    /// The SPIFFE id (URI SAN) of the client's certificate.
    Spiffe,
    /// Filter state under this key.
    FilterState(String),
    /// Dynamic metadata: the namespace, then the path.
    Metadata(Vec<String>),
    /// A request header. `secret`: only a SHA-256 prefix of the value is ever seen.
    Header {
        /// Lower-case header name.
        name: String,
        /// Whether the value is a credential.
        secret: bool,
    },
    /// The client's address without its port.
    SourceIp,
}

/// A source as written: exactly one of the fields that name a source.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "IdentitySource"))]
#[serde(deny_unknown_fields)]
struct SourceSettings {
    /// A verified JWT claim: its name, or the path to it.
    #[serde(default)]
    jwt_claim: Option<OneOrMany<String>>,
    /// With `jwt_claim`: `payload_in_metadata` of the `jwt_authn` provider. Default `jwt_payload`.
    #[serde(default)]
    payload: Option<String>,
    /// `true`: the SPIFFE id of the client certificate.
    #[serde(default)]
    spiffe: Option<bool>,
    /// A filter state key.
    #[serde(default)]
    filter_state: Option<String>,
    /// Dynamic metadata: namespace, then path.
    #[serde(default)]
    metadata: Option<Vec<String>>,
    /// A request header.
    #[serde(default)]
    header: Option<String>,
    /// With `header`: the value is a credential and only ever seen as a SHA-256 prefix.
    #[serde(default)]
    secret: Option<bool>,
    /// `true`: the client's IP address.
    #[serde(default)]
    source_ip: Option<bool>,
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for IdentitySource {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        SourceSettings::schema_name()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        SourceSettings::json_schema(generator)
    }
}

impl TryFrom<SourceSettings> for IdentitySource {
    type Error = String;

    fn try_from(s: SourceSettings) -> Result<Self, String> {
        if s.payload.is_some() && s.jwt_claim.is_none() {
            return Err("`payload` goes with `jwt_claim`".to_owned());
        }
        if s.secret.is_some() && s.header.is_none() {
            return Err("`secret` goes with `header`".to_owned());
        }
        if s.spiffe == Some(false) || s.source_ip == Some(false) {
            return Err("`spiffe` and `source_ip` can only be `true`; leave them out".to_owned());
        }
        let mut found = Vec::new();
        if let Some(claim) = s.jwt_claim {
            if claim.0.iter().any(String::is_empty) {
                return Err("`jwt_claim` wants the name of a claim".to_owned());
            }
            found.push(Self::JwtClaim {
                payload: s.payload.unwrap_or_else(|| "jwt_payload".to_owned()),
                claim: claim.0,
            });
        }
        if s.spiffe.is_some() {
            found.push(Self::Spiffe);
        }
        if let Some(key) = s.filter_state {
            found.push(Self::FilterState(key));
        }
        if let Some(path) = s.metadata {
            if path.len() < 2 {
                return Err("`metadata` wants a namespace and a key".to_owned());
            }
            found.push(Self::Metadata(path));
        }
        if let Some(name) = s.header {
            found.push(Self::Header {
                name: header_name(&name)?,
                secret: s.secret.unwrap_or(false),
            });
        }
        if s.source_ip.is_some() {
            found.push(Self::SourceIp);
        }
        match <[Self; 1]>::try_from(found) {
            Ok([source]) => Ok(source),
            Err(_) => Err(
                "exactly one of `jwt_claim`, `spiffe`, `filter_state`, `metadata`, \
                 `header`, `source_ip` names the source"
                    .to_owned(),
            ),
        }
    }
}

/// Checks a header name from the configuration and returns it in lower case.
///
/// # Errors
/// Says so when it is not a token of RFC 9110, section 5.6.2.
pub fn header_name(name: &str) -> Result<String, String> {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if name.is_empty() || name.len() > 128 || !name.bytes().all(token) {
        return Err(format!("`{}` is not a header name", name.escape_debug()));
    }
    Ok(name.to_ascii_lowercase())
}

/// Who is calling: never empty, at most 128 bytes, printable, safe in a header and a log.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity(String);

impl Identity {
    /// From a value as found. Values that are too long, not UTF-8, or hold control characters
    /// are represented by their digest: still one identity each, but harmless.
    pub fn new(value: &[u8]) -> Option<Self> {
        let value = value.trim_ascii();
        if value.is_empty() {
            return None;
        }
        match std::str::from_utf8(value) {
            Ok(text) if text.len() <= MAX_LEN && !text.chars().any(char::is_control) => {
                Some(Self(text.to_owned()))
            }
            _ => Some(Self(digest(value))),
        }
    }

    /// From a credential: only its digest is kept.
    pub fn secret(value: &[u8]) -> Option<Self> {
        let value = value.trim_ascii();
        (!value.is_empty()).then(|| Self(digest(value)))
    }

    /// The identity as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// `sha256:` and the first 16 hexadecimal digits of the value's SHA-256.
fn digest(value: &[u8]) -> String {
    format!("sha256:{}", short_hash(value))
}

/// The first 16 hexadecimal digits of the SHA-256 of these bytes.
pub fn short_hash(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    hash.iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// A header that is a source stands in the request more than once, or two credentials do: whose
/// identity it is depends on who reads it, so nobody's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ambiguous {
    /// The header's name.
    pub header: String,
    /// The other credential, when it is not the same header twice.
    pub beside: Option<String>,
}

/// Finds who is calling.
///
/// # Errors
/// [`Ambiguous`] when a header that a source names is present more than once.
pub fn resolve(
    sources: &[IdentitySource],
    headers: &Headers,
    attributes: &dyn Attributes,
) -> Result<Option<Identity>, Ambiguous> {
    for source in sources {
        let found = match source {
            IdentitySource::JwtClaim { payload, claim } => {
                let mut path = vec![
                    "metadata",
                    "filter_metadata",
                    "envoy.filters.http.jwt_authn",
                    payload,
                ];
                path.extend(claim.iter().map(String::as_str));
                attributes.get(&path).and_then(|v| Identity::new(&v))
            }
            IdentitySource::Spiffe => attributes
                .get(&["connection", "uri_san_peer_certificate"])
                .filter(|v| v.starts_with(b"spiffe://"))
                .and_then(|v| Identity::new(&v)),
            IdentitySource::FilterState(key) => attributes
                .get(&["filter_state", key])
                .and_then(|v| Identity::new(&v)),
            IdentitySource::Metadata(segments) => {
                let mut path = vec!["metadata", "filter_metadata"];
                path.extend(segments.iter().map(String::as_str));
                attributes.get(&path).and_then(|v| Identity::new(&v))
            }
            IdentitySource::Header { name, secret } => {
                let mut values = headers.all(name);
                let first = values.next();
                if values.next().is_some() {
                    return Err(Ambiguous {
                        header: name.clone(),
                        beside: None,
                    });
                }
                let other = sources.iter().find_map(|other| match other {
                    IdentitySource::Header {
                        name: other,
                        secret,
                    } if *secret && other != name => headers.has(other).then_some(other),
                    _ => None,
                });
                match (first, other) {
                    // Which of two credentials the upstream believes nobody knows; a caller
                    // could vary the other one.
                    (Some(_), Some(other)) if *secret => {
                        return Err(Ambiguous {
                            header: name.clone(),
                            beside: Some(other.clone()),
                        });
                    }
                    (Some(value), _) if *secret => Identity::secret(&credential(value)),
                    (Some(value), _) => Identity::new(value),
                    (None, _) => None,
                }
            }
            IdentitySource::SourceIp => attributes
                .get(&["source", "address"])
                .and_then(|v| Identity::new(without_port(&v))),
        };
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// A credential as all its spellings have it: the scheme before it is written in any case, with any
/// number of spaces behind it (RFC 9110, section 11.1).
fn credential(value: &[u8]) -> Vec<u8> {
    let value = value.trim_ascii();
    let Some(space) = value.iter().position(u8::is_ascii_whitespace) else {
        return value.to_vec();
    };
    let (scheme, token) = value.split_at_checked(space).unwrap_or((value, b""));
    let scheme = scheme.to_ascii_lowercase();
    [&scheme, b" ".as_slice(), token.trim_ascii()].concat()
}

/// `192.0.2.1:4711` and `[2001:db8::1]:4711` without the port; anything else as it is.
fn without_port(address: &[u8]) -> &[u8] {
    if let Some(rest) = address.strip_prefix(b"[") {
        return rest.split(|&b| b == b']').next().unwrap_or(rest);
    }
    let mut parts = address.split(|&b| b == b':');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(ip), Some(_), None) => ip,
        _ => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load;
    use std::collections::BTreeMap;

    struct Given(BTreeMap<String, Vec<u8>>);

    impl Attributes for Given {
        fn get(&self, path: &[&str]) -> Option<Vec<u8>> {
            self.0.get(&path.join("/")).cloned()
        }
    }

    fn sources(json: &str) -> Vec<IdentitySource> {
        load(json.as_bytes()).unwrap()
    }

    #[test]
    fn the_first_source_that_yields_wins() {
        let given = Given(
            [
                (
                    "metadata/filter_metadata/envoy.filters.http.jwt_authn/jwt_payload/sub",
                    "alice",
                ),
                (
                    "connection/uri_san_peer_certificate",
                    "spiffe://cluster/ns/a",
                ),
                ("filter_state/team", "core"),
                ("metadata/filter_metadata/ns/key", "meta"),
                ("source/address", "192.0.2.7:1234"),
            ]
            .into_iter()
            .map(|(k, v)| (k.to_owned(), v.as_bytes().to_vec()))
            .collect(),
        );
        let headers: Headers = [
            ("x-team", "search"),
            ("authorization", "Bearer sk-123"),
            ("x-empty", " "),
        ]
        .into_iter()
        .collect();
        for (json, expected) in [
            (r#"[{"jwt_claim": "sub"}]"#, Some("alice")),
            (
                r#"[{"jwt_claim": "nope"}, {"spiffe": true}]"#,
                Some("spiffe://cluster/ns/a"),
            ),
            (
                r#"[{"jwt_claim": "sub", "payload": "other"}, {"filter_state": "team"}]"#,
                Some("core"),
            ),
            (r#"[{"metadata": ["ns", "key"]}]"#, Some("meta")),
            (r#"[{"header": "X-Team"}]"#, Some("search")),
            (
                r#"[{"header": "x-empty"}, {"source_ip": true}]"#,
                Some("192.0.2.7"),
            ),
            (
                r#"[{"header": "authorization", "secret": true}]"#,
                Some("sha256:ea2fe7f4f0073881"),
            ),
            (r#"[{"header": "x-none"}]"#, None),
            ("[]", None),
        ] {
            let found = resolve(&sources(json), &headers, &given).unwrap();
            assert_eq!(found.as_ref().map(Identity::as_str), expected, "for {json}");
        }
    }

    #[test]
    fn a_repeated_header_is_nobody() {
        let headers: Headers = [("x-team", "a"), ("x-team", "b")].into_iter().collect();
        let error = resolve(
            &sources(r#"[{"header": "x-team"}]"#),
            &headers,
            &Given(BTreeMap::new()),
        )
        .unwrap_err();
        assert_eq!(error.header, "x-team");
    }

    #[test]
    fn odd_values_become_digests() {
        assert_eq!(Identity::new(b"a\xff").unwrap().as_str().len(), 23);
        assert_eq!(Identity::new(&[b'a'; 200]).unwrap().as_str().len(), 23);
        assert!(
            Identity::new(b"a\nb")
                .unwrap()
                .as_str()
                .starts_with("sha256:")
        );
        assert_eq!(Identity::new("Zoë".as_bytes()).unwrap().as_str(), "Zoë");
    }

    #[test]
    fn ports_are_cut_off() {
        for (address, ip) in [
            ("192.0.2.1:80", "192.0.2.1"),
            ("[2001:db8::1]:80", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("@unix", "@unix"),
        ] {
            assert_eq!(without_port(address.as_bytes()), ip.as_bytes());
        }
    }

    #[test]
    fn a_source_is_exactly_one_thing() {
        for (json, expected) in [
            (
                r#"[{"header": "a", "spiffe": true}]"#,
                "exactly one of `jwt_claim`, `spiffe`, `filter_state`, `metadata`, `header`, `source_ip` names the source",
            ),
            (
                r#"[{"secret": true, "source_ip": true}]"#,
                "`secret` goes with `header`",
            ),
            (r#"[{"header": "a b"}]"#, "`a b` is not a header name"),
            (
                r#"[{"metadata": ["ns"]}]"#,
                "`metadata` wants a namespace and a key",
            ),
            (
                r#"[{"spiffe": false}]"#,
                "`spiffe` and `source_ip` can only be `true`; leave them out",
            ),
        ] {
            let error = load::<Vec<IdentitySource>>(json.as_bytes()).unwrap_err();
            assert_eq!(error.place, "[0]", "{json}");
            assert!(error.message.starts_with(expected), "{json}: {error}");
        }
    }

    #[test]
    fn one_credential_is_one_identity_however_it_is_spelt() {
        let both = sources(
            r#"[{"header": "authorization", "secret": true}, {"header": "x-api-key", "secret": true}]"#,
        );
        let given = Given(BTreeMap::new());
        let of = |headers: &[(&str, &str)]| {
            let headers: Headers = headers.iter().copied().collect();
            resolve(&both, &headers, &given)
        };
        let plain = of(&[("authorization", "Bearer sk-1")]).unwrap();
        assert!(plain.is_some());
        for spelling in [
            "bearer sk-1",
            "BEARER sk-1",
            " Bearer   sk-1 ",
            "Bearer\tsk-1",
        ] {
            assert_eq!(
                of(&[("authorization", spelling)]).unwrap(),
                plain,
                "{spelling}"
            );
        }
        assert_ne!(of(&[("authorization", "Bearer SK-1")]).unwrap(), plain);
        assert_ne!(of(&[("x-api-key", "sk-1")]).unwrap(), plain);
        let two = of(&[("authorization", "Bearer junk"), ("x-api-key", "sk-1")]);
        assert_eq!(two.unwrap_err().beside.as_deref(), Some("x-api-key"));
    }
}
