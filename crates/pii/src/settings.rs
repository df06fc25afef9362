//! What the operator says, as it is written, and what of it cannot be run.

use std::{borrow::Cow, collections::BTreeSet, fmt, net::IpAddr};

use crate::table::{self, Confidence};

/// The name of a kind of value, as settings and placeholders spell it: `EMAIL`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind(Cow<'static, str>);

impl Kind {
    pub(crate) const fn known(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// The kind of the table with this name.
    pub fn named(name: &str) -> Option<Self> {
        table::detectors()
            .find(|detector| detector.name == name)
            .map(table::Detector::kind)
    }

    /// A kind of the operator's own.
    ///
    /// # Errors
    ///
    /// The name would not do in a placeholder: it takes a capital, then capitals, digits and `_`.
    pub fn custom(name: &str) -> Result<Self, SettingError> {
        let fits = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
        if name.len() <= 32
            && name.starts_with(|first: char| first.is_ascii_uppercase())
            && name.bytes().all(fits)
        {
            Ok(Self(Cow::Owned(name.to_owned())))
        } else {
            Err(SettingError(format!(
                "`{name}` is no name for a kind: a capital letter, then up to 31 capitals, digits and `_`"
            )))
        }
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What to look for.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The kinds of the table to look for; by default all that are on by default.
    pub kinds: BTreeSet<Kind>,
    /// Patterns of the operator's own.
    pub custom: Vec<Custom>,
    /// Lists of words that are to be found wherever they stand: customers, project names.
    pub terms: Vec<Terms>,
    /// What is never reported.
    pub allow: Vec<Allow>,
    /// Findings less sure than this are dropped; by default none is.
    pub min_confidence: Confidence,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            kinds: table::detectors()
                .filter(|detector| detector.default_on)
                .map(table::Detector::kind)
                .collect(),
            custom: Vec::new(),
            terms: Vec::new(),
            allow: Vec::new(),
            min_confidence: Confidence::Possible,
        }
    }
}

/// A pattern of the operator's own.
#[derive(Clone, Debug)]
pub struct Custom {
    /// What is found is called this.
    pub kind: Kind,
    /// A regular expression in the syntax of the `regex` crate; `\d`, `\w`, `\b` and case are
    /// ASCII's. A match is at most 1 KiB long and does not reach over a line's end.
    pub pattern: String,
    /// What must hold besides.
    pub validator: Option<Validator>,
    /// If there are any, one of these words must stand near.
    pub context: Vec<String>,
}

/// Check digits for patterns of the operator's own, over the letters and digits of a match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Validator {
    /// ISO/IEC 7812-1.
    Luhn,
    /// ISO 7064 mod 97-10 over the number turned by four, as in an IBAN.
    Mod97,
    /// ISO 7064 mod 11,10.
    Mod11_10,
    /// Verhoeff's.
    Verhoeff,
}

/// Words that are to be found wherever they stand, in any case.
#[derive(Clone, Debug)]
pub struct Terms {
    /// What is found is called this.
    pub kind: Kind,
    /// The words.
    pub terms: Vec<String>,
}

/// What is never reported.
#[derive(Clone, Debug)]
pub enum Allow {
    /// This text, in any case, or a value that normalises to it.
    Exact(String),
    /// E-mail addresses at this domain and below it.
    Domain(String),
    /// IP addresses of this network: the address and how many leading bits count.
    Network(IpAddr, u8),
    /// Values the whole of which this regular expression matches.
    Pattern(String),
}

/// A setting that cannot be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingError(String);

impl SettingError {
    pub(crate) fn literals(error: aho_corasick::BuildError) -> Self {
        Self(format!("too many words: {error}"))
    }

    pub(crate) fn pattern(pattern: &str, error: &regex::Error) -> Self {
        Self(format!(
            "`{pattern}` is no pattern that can be run: {error}"
        ))
    }

    pub(crate) fn network(address: IpAddr, bits: u8) -> Self {
        Self(format!("`{address}/{bits}` is no network"))
    }
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SettingError {}
