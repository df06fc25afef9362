//! Who callers are in metrics.

use weir_policy::names::OTHER;
use weir_policy::{ConfigError, Identity};

use crate::label_value;

/// Metrics are never freed: each label is a time series for every model.
const MAX_LABELS: usize = 1000;

/// The identities that have a label of their own; all others share one.
#[derive(Debug)]
pub struct IdentityLabels(Vec<String>);

impl IdentityLabels {
    /// Checks the setting `identity_labels`.
    ///
    /// # Errors
    /// Too many of them, or one that can be no label.
    pub fn new(labels: Vec<String>) -> Result<Self, ConfigError> {
        if labels.len() > MAX_LABELS {
            let message = format!("must be at most {MAX_LABELS}");
            return Err(ConfigError::at("identity_labels", message));
        }
        for (i, label) in labels.iter().enumerate() {
            label_value(&format!("identity_labels[{i}]"), label)?;
        }
        Ok(Self(labels))
    }

    /// What this caller is called in metrics.
    pub fn of(&self, identity: Option<&Identity>) -> &str {
        let name = identity.map_or("", Identity::as_str);
        let known = self.0.iter().find(|label| *label == name);
        known.map_or(OTHER, String::as_str)
    }
}
