//! What is known of models beside their names.

use serde::Deserialize;
use weir_policy::config::OneOrMany;
use weir_policy::names::OTHER;
use weir_policy::{ConfigError, Glob};
use weir_tokens::Family;

/// What is known of some models.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ModelSettings {
    /// Which models, by the name sent to the upstream.
    #[serde(rename = "match")]
    pub matches: OneOrMany<Glob>,
    /// The value of the metric label `model` for them. Default: the first pattern of `match`.
    #[serde(default)]
    pub name: Option<String>,
    /// Count as for this model, for names that say nothing by themselves.
    #[serde(default)]
    pub count_as: Option<String>,
    /// Tokens of these models for 1000 of the tokenizer used; makes every count an estimate.
    #[serde(default)]
    pub factor_permille: Option<u32>,
    /// Output tokens to reckon with in each answer that a request does not bound.
    #[serde(default)]
    pub expected_output: Option<u64>,
}

/// No count that is configured is larger: sums of a few stay far from the end of 64 bits.
pub(crate) const MAX_TOKENS: u64 = 1_000_000_000_000_000;
const DEFAULT_EXPECTED_OUTPUT: u64 = 1024;

/// What is known of models, as it runs.
#[derive(Debug)]
pub struct Models {
    known: Vec<Model>,
    expected_output: u64,
}

#[derive(Debug)]
struct Model {
    globs: Vec<Glob>,
    label: String,
    family: Option<Family>,
    factor_permille: Option<u32>,
    expected_output: Option<u64>,
}

impl Models {
    /// Checks the settings; `expected_output` is for models that say nothing else.
    ///
    /// # Errors
    /// Labels and numbers that make no sense.
    pub fn new(
        settings: Vec<ModelSettings>,
        expected_output: Option<u64>,
    ) -> Result<Self, ConfigError> {
        let expected_output = expected_output.unwrap_or(DEFAULT_EXPECTED_OUTPUT);
        let mut known = Vec::with_capacity(settings.len());
        for (i, settings) in settings.into_iter().enumerate() {
            known.push(model(settings, &format!("models[{i}]"))?);
        }
        Ok(Self {
            known,
            expected_output: bounded(expected_output, "expected_output")?,
        })
    }

    fn find(&self, name: &str) -> Option<&Model> {
        let name = name.trim().to_lowercase();
        let fits = |model: &&Model| model.globs.iter().any(|glob| glob.matches(&name));
        self.known.iter().find(fits)
    }

    /// How the tokens of a model are counted.
    pub fn family(&self, name: &str) -> Family {
        let model = self.find(name);
        let family = model.and_then(|model| model.family);
        let mut family = family.unwrap_or_else(|| weir_tokens::family(name));
        if let Some(factor) = model.and_then(|model| model.factor_permille) {
            family.factor_permille = factor;
            family.exact = false;
        }
        family
    }

    /// What a model is called in metrics.
    pub fn label(&self, name: &str) -> &str {
        self.find(name).map_or(OTHER, |model| &model.label)
    }

    /// Output tokens to reckon with in each answer that a request does not bound.
    pub fn expected_output(&self, name: &str) -> u64 {
        let known = self.find(name).and_then(|model| model.expected_output);
        known.unwrap_or(self.expected_output)
    }
}

fn model(s: ModelSettings, place: &str) -> Result<Model, ConfigError> {
    // A list of globs is never empty.
    let first = s.matches.0.first().map_or("", |glob| glob.as_str());
    let label = s.name.unwrap_or_else(|| first.to_owned());
    label_value(&format!("{place}.name"), &label)?;
    if let Some(factor) = s.factor_permille
        && !(1..=100_000).contains(&factor)
    {
        let message = "must be between 1 and 100000";
        return Err(ConfigError::at(format!("{place}.factor_permille"), message));
    }
    if let Some(expected) = s.expected_output {
        bounded(expected, &format!("{place}.expected_output"))?;
    }
    let family = s.count_as.as_deref().map(weir_tokens::family);
    if family.is_some_and(|family| family.name == "unknown") {
        let message = "no tokenizer is known for a model of this name";
        return Err(ConfigError::at(format!("{place}.count_as"), message));
    }
    // Case does not count, as it does not in finding a tokenizer.
    let folded = s
        .matches
        .0
        .iter()
        .map(|glob| Glob::new(&glob.as_str().to_lowercase()));
    let globs: Result<Vec<Glob>, String> = folded.collect();
    Ok(Model {
        globs: globs.map_err(|e| ConfigError::at(format!("{place}.match"), e))?,
        label,
        family,
        factor_permille: s.factor_permille,
        expected_output: s.expected_output,
    })
}

/// A number of tokens that is configured.
///
/// # Errors
/// One that is too large to reckon with.
pub fn bounded(tokens: u64, place: &str) -> Result<u64, ConfigError> {
    if tokens > MAX_TOKENS {
        let message = format!("must be at most {MAX_TOKENS}");
        return Err(ConfigError::at(place, message));
    }
    Ok(tokens)
}

/// What becomes a metric label and a fact must be able to stand there.
///
/// # Errors
/// A text that is empty, too long, or has control characters.
pub fn label_value(place: &str, value: &str) -> Result<(), ConfigError> {
    if value.is_empty() || value.len() > 128 || value.chars().any(char::is_control) {
        let message = "must be 1 to 128 bytes without control characters";
        return Err(ConfigError::at(place, message));
    }
    Ok(())
}
