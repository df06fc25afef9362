//! A case of the set and its form on disk: one JSON object per line.

use std::fs;
use std::io;
use std::ops::Range;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// What a case is about, and the file it stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Group {
    /// E-mail, phone, card, IBAN, IP, SSN and the like.
    Core,
    /// Keys, tokens and passwords.
    Secret,
    /// National ids with check digits.
    National,
    /// Values that only the words around them tell.
    Context,
    /// Nothing to be found.
    Negative,
}

impl Group {
    /// All of them, in the order of reports.
    pub const ALL: [Self; 5] = [
        Self::Core,
        Self::Secret,
        Self::National,
        Self::Context,
        Self::Negative,
    ];

    /// The name in files and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Core => "core",
            Self::Secret => "secret",
            Self::National => "national",
            Self::Context => "context",
            Self::Negative => "negative",
        }
    }
}

/// A value in a text. Of a value with a frame (a password in a URL, a token after `Bearer`)
/// only what must not leave is labelled, so that a detector may take the frame or leave it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// What it is, such as `EMAIL`; every secret is `SECRET`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Where it begins, in bytes.
    pub start: usize,
    /// Where it ends, in bytes.
    pub end: usize,
    /// Whose secret it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vendor: Option<String>,
}

impl Label {
    /// Its bytes in the text.
    pub fn span(&self) -> Range<usize> {
        self.start..self.end
    }
}

/// A text and everything in it that has to be found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    /// Unique in the set.
    pub id: String,
    /// What the case is about; a label of another group may stand in it too.
    pub group: Group,
    /// What a prompt would contain.
    pub text: String,
    /// In order, without overlaps; none in a negative.
    pub labels: Vec<Label>,
    /// The values are disguised: fullwidth, zero-width characters, `[at]`, `%40`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dodge: bool,
}

/// Reads the whole set from its directory.
///
/// # Errors
/// When a file is missing or a line is no case.
pub fn read(directory: &Path) -> io::Result<Vec<Case>> {
    let mut cases = Vec::new();
    for group in Group::ALL {
        let path = directory.join(format!("{}.jsonl", group.name()));
        let named = |e: io::Error| io::Error::new(e.kind(), format!("{}: {e}", path.display()));
        for line in fs::read_to_string(&path).map_err(named)?.lines() {
            cases.push(serde_json::from_str(line).map_err(|e| named(e.into()))?);
        }
    }
    Ok(cases)
}

/// The file of a group: its name and its bytes.
pub fn write(cases: &[Case], group: Group) -> (String, String) {
    let lines = cases
        .iter()
        .filter(|case| case.group == group)
        .map(|case| serde_json::to_string(case).expect("a case is plain data") + "\n");
    (format!("{}.jsonl", group.name()), lines.collect())
}
