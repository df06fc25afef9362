//! What was found wrong, where, and how it is told.

use std::fmt;

use serde_json::json;

use crate::document::Mark;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Envoy refuses it, it hangs, or it lets out what it is there to keep.
    Error,
    /// It runs, and does not do what it seems to say.
    Warning,
    /// It does no harm.
    Note,
}

impl Severity {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The file as it was named.
    pub file: String,
    /// Where in it.
    pub mark: Mark,
    /// How bad it is.
    pub severity: Severity,
    /// Its name in the README.
    pub code: &'static str,
    /// What is wrong and what comes of it, in one line.
    pub message: String,
}

impl Finding {
    /// For machines: one object.
    pub fn json(&self) -> serde_json::Value {
        json!({
            "file": self.file,
            "line": self.mark.line,
            "column": self.mark.column,
            "severity": self.severity.name(),
            "code": self.code,
            "message": self.message,
        })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            mark,
            severity,
            code,
            message,
        } = self;
        let (line, severity) = (mark.line, severity.name());
        write!(f, "{}:{line}: {severity}: ", printable(file))?;
        write!(f, "{} [{code}]", printable(message))
    }
}

/// A text without what could work on a terminal or begin a line.
pub fn printable(text: &str) -> String {
    let shown = |c: char| {
        if c.is_control() {
            c.escape_default().collect()
        } else {
            c.to_string()
        }
    };
    text.chars().map(shown).collect()
}

/// The findings of one file.
#[derive(Debug)]
pub struct Findings {
    file: String,
    list: Vec<Finding>,
}

impl Findings {
    /// None yet.
    pub fn new(file: &str) -> Self {
        Self {
            file: file.to_owned(),
            list: Vec::new(),
        }
    }

    /// Adds an error.
    pub fn error(&mut self, mark: Mark, code: &'static str, message: impl Into<String>) {
        self.add(Severity::Error, mark, code, message.into());
    }

    /// Adds a warning.
    pub fn warning(&mut self, mark: Mark, code: &'static str, message: impl Into<String>) {
        self.add(Severity::Warning, mark, code, message.into());
    }

    /// Adds a note.
    pub fn note(&mut self, mark: Mark, code: &'static str, message: impl Into<String>) {
        self.add(Severity::Note, mark, code, message.into());
    }

    fn add(&mut self, severity: Severity, mark: Mark, code: &'static str, message: String) {
        let file = self.file.clone();
        self.list.push(Finding {
            file,
            mark,
            severity,
            code,
            message,
        });
    }

    /// Without the warnings and notes of these names. Errors stay.
    pub fn without(mut self, allowed: &[&str]) -> Self {
        self.list.retain(|finding| {
            finding.severity == Severity::Error || !allowed.contains(&finding.code)
        });
        self
    }

    /// All of them, in the order of the file, each once.
    pub fn sorted(mut self) -> Vec<Finding> {
        self.list.sort_by(|a, b| {
            (a.mark, a.severity, &a.message).cmp(&(b.mark, b.severity, &b.message))
        });
        self.list.dedup();
        self.list
    }
}
