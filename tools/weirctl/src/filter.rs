//! The filters, as far as their names and configurations go.

use cost::Cost;
use model_router::ModelRouter;
use pii_redact::PiiRedact;
use token_limit::TokenLimit;
use weir_policy::{ConfigError, Policy};

/// A filter of the suite. The order is that of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Filter {
    /// model-router.
    ModelRouter,
    /// pii-redact.
    PiiRedact,
    /// token-limit.
    TokenLimit,
    /// cost.
    Cost,
}

impl Filter {
    /// All of them, in the order of a chain.
    pub const ALL: [Self; 4] = [
        Self::ModelRouter,
        Self::PiiRedact,
        Self::TokenLimit,
        Self::Cost,
    ];

    /// Its name, which is also its `root_id`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ModelRouter => ModelRouter::NAME,
            Self::PiiRedact => PiiRedact::NAME,
            Self::TokenLimit => TokenLimit::NAME,
            Self::Cost => Cost::NAME,
        }
    }

    /// The filter of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|filter| filter.name() == name)
    }

    /// Loads a configuration as the filter itself does.
    ///
    /// # Errors
    /// What the filter would say, and Envoy therefore refuse.
    pub fn configure(self, json: &[u8]) -> Result<(), ConfigError> {
        match self {
            Self::ModelRouter => ModelRouter::configure(json).map(drop),
            Self::PiiRedact => PiiRedact::configure(json).map(drop),
            Self::TokenLimit => TokenLimit::configure(json).map(drop),
            Self::Cost => Cost::configure(json).map(drop),
        }
    }
}
