//! Strict loading of what an operator wrote.
//!
//! Every error names its place in the document, as ``at `rules[2].to.model`: …``, because the
//! person reading it has a pager in the other hand. Settings are first read into a type that
//! mirrors the JSON and then turned into the type that runs; both stages report the same error.

mod strict;

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, DeserializeOwned, Deserializer, MapAccess, Visitor};

/// What is wrong with a configuration, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// Path from the root, as `rules[2].to.model`; empty for the document itself.
    pub place: String,
    /// What is wrong there.
    pub message: String,
}

impl ConfigError {
    /// An error at a place.
    pub fn at(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            message: message.into(),
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.place.is_empty() {
            write!(f, "{}", self.message)
        } else {
            write!(f, "at `{}`: {}", self.place, self.message)
        }
    }
}

impl std::error::Error for ConfigError {}

/// Reads settings from JSON. An empty document means `{}`: every filter has working defaults
/// or says which field it misses.
///
/// # Errors
/// Names the place of the first thing that is not as the type wants it, unknown fields included.
pub fn load<T: DeserializeOwned>(json: &[u8]) -> Result<T, ConfigError> {
    let json = if json.iter().all(u8::is_ascii_whitespace) {
        b"{}"
    } else {
        json
    };
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let strict = strict::Strict(&mut deserializer);
    let value = serde_path_to_error::deserialize(strict).map_err(
        |error: serde_path_to_error::Error<serde_json::Error>| {
            let path = error.path().to_string();
            // The crate calls the root "." and a key it was still reading "?".
            let place = match path.trim_end_matches(".?") {
                "." | "?" => "",
                place => place,
            };
            ConfigError::at(place, error.into_inner().to_string())
        },
    )?;
    deserializer
        .end()
        .map_err(|error| ConfigError::at("", error.to_string()))?;
    Ok(value)
}

/// For `#[serde(deserialize_with)]`: a map in which a repeated key is an error. Serde's own maps
/// let the last one win, which hides an operator's mistake.
///
/// # Errors
/// Names the key that stands twice.
pub fn unique_map<'de, D, V>(deserializer: D) -> Result<BTreeMap<String, V>, D::Error>
where
    D: Deserializer<'de>,
    V: Deserialize<'de>,
{
    struct Unique<V>(std::marker::PhantomData<V>);

    impl<'de, V: Deserialize<'de>> Visitor<'de> for Unique<V> {
        type Value = BTreeMap<String, V>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a map")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
            let mut map = BTreeMap::new();
            while let Some((key, value)) = access.next_entry::<String, V>()? {
                if map.contains_key(&key) {
                    return Err(de::Error::custom(format_args!("`{key}` stands here twice")));
                }
                map.insert(key, value);
            }
            Ok(map)
        }
    }

    deserializer.deserialize_map(Unique(std::marker::PhantomData))
}

/// A setting that may be written as one value or as a list of them.
#[derive(Clone, Debug)]
pub struct OneOrMany<T>(pub Vec<T>);

impl<T> Default for OneOrMany<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either<T>(std::marker::PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Either<T> {
            type Value = OneOrMany<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or a list of strings")
            }

            fn visit_str<E: de::Error>(self, value: &str) -> Result<Self::Value, E> {
                T::deserialize(de::value::StrDeserializer::new(value)).map(|v| OneOrMany(vec![v]))
            }

            fn visit_seq<A: de::SeqAccess<'de>>(
                self,
                mut access: A,
            ) -> Result<Self::Value, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = access.next_element()? {
                    items.push(item);
                }
                if items.is_empty() {
                    return Err(de::Error::custom(
                        "an empty list matches nothing; leave it out",
                    ));
                }
                Ok(OneOrMany(items))
            }
        }

        // Not `untagged`, which would swallow the place and the reason of an error.
        deserializer.deserialize_any(Either(std::marker::PhantomData))
    }
}

#[cfg(feature = "schema")]
impl<T: schemars::JsonSchema> schemars::JsonSchema for OneOrMany<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("OneOrMany_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let one = generator.subschema_for::<T>();
        schemars::json_schema!({
            "anyOf": [one, {"type": "array", "items": one, "minItems": 1}],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Glob;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Settings {
        #[serde(default)]
        count: u32,
        #[serde(default, deserialize_with = "unique_map")]
        models: BTreeMap<String, Inner>,
        #[serde(default)]
        globs: OneOrMany<Glob>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Inner {
        window: Option<u64>,
    }

    #[test]
    fn errors_name_the_place() {
        for (json, expected) in [
            (
                r#"{"count": "x"}"#,
                r#"at `count`: invalid type: string "x", expected u32 at line 1 column 13"#,
            ),
            (
                r#"{"colour": 1}"#,
                "at `colour`: unknown field `colour`, expected one of `count`, `models`, `globs` at line 1 column 9",
            ),
            (
                r#"{"models": {"gpt-4o": {"window": -1}}}"#,
                "at `models.gpt-4o.window`: invalid value: integer `-1`, expected u64 at line 1 column 35",
            ),
            (
                r#"{"models": {"a": {}, "a": {}}}"#,
                "at `models`: `a` stands here twice at line 1 column 29",
            ),
            (
                r#"{"globs": ["gpt-*", "a b"]}"#,
                "at `globs[1]`: bad glob `a b`: holds white space or control characters at line 1 column 26",
            ),
            (
                r#"{"globs": ""}"#,
                "at `globs`: bad glob ``: is empty at line 1 column 12",
            ),
            (
                r#"{"count": 1} x"#,
                "trailing characters at line 1 column 14",
            ),
            (
                "[",
                "invalid type: sequence, expected struct Settings at line 1 column 0",
            ),
            (
                r#"{"models": {"a": []}}"#,
                "at `models.a`: invalid type: sequence, expected struct Inner at line 1 column 17",
            ),
        ] {
            let error = load::<Settings>(json.as_bytes()).unwrap_err();
            assert_eq!(error.to_string(), expected, "for {json}");
        }
    }

    #[test]
    fn an_empty_document_is_an_empty_object() {
        assert_eq!(load::<Settings>(b" \n").unwrap().count, 0);
        assert_eq!(load::<Settings>(b"").unwrap().globs.0.len(), 0);
    }
}
