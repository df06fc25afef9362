//! Globs over names: `*` stands for any run of characters, `?` for one.
//!
//! Matching is done by `wildmatch`, which never backtracks further than the last `*`, so its
//! time is bounded by the length of the pattern, which is bounded here, times that of the name.

use serde::{Deserialize, Deserializer, de};
use wildmatch::WildMatch;

/// Longest pattern accepted, in bytes.
const MAX_PATTERN: usize = 256;

/// A checked glob, read from a JSON string.
#[derive(Clone, Debug)]
pub struct Glob {
    pattern: String,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Exact,
    /// A literal prefix followed by a single final `*`: the common case, kept cheap.
    Prefix,
    Wild(WildMatch),
}

impl Glob {
    /// Checks a pattern.
    ///
    /// # Errors
    /// Says what is wrong with it: empty, too long, white space or control characters, or
    /// syntax of richer globs (`[a-z]`, `{a,b}`) that is not supported here.
    pub fn new(pattern: &str) -> Result<Self, String> {
        let problem = if pattern.is_empty() {
            Some("is empty")
        } else if pattern.len() > MAX_PATTERN {
            Some("is longer than 256 bytes")
        } else if pattern.chars().any(|c| c.is_whitespace() || c.is_control()) {
            Some("holds white space or control characters")
        } else if pattern.contains(['[', ']', '{', '}', '\\']) {
            Some("only `*` and `?` are special; `[ ] { } \\` are not supported")
        } else {
            None
        };
        if let Some(problem) = problem {
            return Err(format!("bad glob `{}`: {problem}", pattern.escape_debug()));
        }
        let kind = match pattern.find(['*', '?']) {
            None => Kind::Exact,
            Some(at) if at + 1 == pattern.len() && pattern.ends_with('*') => Kind::Prefix,
            Some(_) => Kind::Wild(WildMatch::new(pattern)),
        };
        Ok(Self {
            pattern: pattern.to_owned(),
            kind,
        })
    }

    /// Whether `name` matches as a whole.
    pub fn matches(&self, name: &str) -> bool {
        match &self.kind {
            Kind::Exact => self.pattern == name,
            Kind::Prefix => self
                .pattern
                .strip_suffix('*')
                .is_some_and(|prefix| name.starts_with(prefix)),
            Kind::Wild(wild) => wild.matches(name),
        }
    }

    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.pattern
    }

    /// Whether the pattern is a plain name.
    pub fn is_exact(&self) -> bool {
        matches!(self.kind, Kind::Exact)
    }
}

impl<'de> Deserialize<'de> for Glob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let pattern = String::deserialize(deserializer)?;
        Self::new(&pattern).map_err(de::Error::custom)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Glob {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Glob".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "A name in which `*` stands for any run of characters and `?` for one.",
            "minLength": 1,
            "maxLength": 256,
            "pattern": r"^[^\s\[\]{}\\]+$",
        })
    }
}

/// A list of globs; matches when any of them does.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Globs(pub Vec<Glob>);

impl Globs {
    /// Whether any of the globs matches.
    pub fn matches(&self, name: &str) -> bool {
        self.0.iter().any(|glob| glob.matches(name))
    }

    /// Whether the list is empty; an empty list matches nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matching_is_of_the_whole_name() {
        for (pattern, name, expected) in [
            ("gpt-4o", "gpt-4o", true),
            ("gpt-4o", "gpt-4o-mini", false),
            ("gpt-*", "gpt-4o", true),
            ("gpt-*", "gpt-", true),
            ("gpt-*", "xgpt-4o", false),
            ("*", "", true),
            ("*", "anything/at.all:1", true),
            ("*-mini", "gpt-4o-mini", true),
            ("*-mini", "gpt-4o-mini2", false),
            ("claude-?-*", "claude-3-opus", true),
            ("claude-?-*", "claude-10-opus", false),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "acb", false),
            ("GPT-4o", "gpt-4o", false),
        ] {
            let glob = Glob::new(pattern).unwrap();
            assert_eq!(glob.matches(name), expected, "{pattern} on {name}");
        }
    }

    #[test]
    fn bad_patterns_say_what_is_wrong() {
        for (pattern, error) in [
            ("", "bad glob ``: is empty"),
            (
                "a b",
                "bad glob `a b`: holds white space or control characters",
            ),
            (
                "a\n",
                "bad glob `a\\n`: holds white space or control characters",
            ),
            (
                "gpt-[45]",
                "bad glob `gpt-[45]`: only `*` and `?` are special; `[ ] { } \\` are not supported",
            ),
        ] {
            assert_eq!(Glob::new(pattern).unwrap_err(), error);
        }
        assert!(Glob::new(&"a".repeat(257)).is_err());
    }

    #[test]
    fn many_stars_stay_cheap() {
        let glob = Glob::new(&"*a".repeat(100)).unwrap();
        assert!(!glob.matches(&"a".repeat(99)));
        assert!(!glob.matches(&format!("{}b", "a".repeat(4000))));
    }
}
