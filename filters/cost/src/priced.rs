//! What an exchange can cost and did cost.

use std::rc::Rc;

use weir_llm_api::{Api, Usage};
use weir_metering::{Asked, Spent};
use weir_policy::Glob;
use weir_policy::config::OneOrMany;
use weir_prices::{Catalogue, Kind, PicoUsd, Price, Tier, Tokens};

/// The prices of the configuration before those of the table.
#[derive(Debug)]
pub(crate) struct Prices {
    listed: Vec<Listed>,
    table: Catalogue,
}

/// A price of the configuration.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) model: OneOrMany<Glob>,
    pub(crate) provider: OneOrMany<Glob>,
    pub(crate) price: Rc<Price>,
}

impl Prices {
    pub(crate) fn new(listed: Vec<Listed>, table: Catalogue) -> Self {
        Self { listed, table }
    }

    /// The price of a model as `provider` serves it; without a provider, as the API's own would.
    pub(crate) fn find(&self, api: Api, provider: Option<&str>, model: &str) -> Option<Rc<Price>> {
        let any = |globs: &OneOrMany<Glob>, name: &str| {
            globs.0.is_empty() || globs.0.iter().any(|glob| glob.matches(name))
        };
        let fits = |listed: &&Listed| {
            any(&listed.model, model) && any(&listed.provider, provider.unwrap_or_default())
        };
        if let Some(listed) = self.listed.iter().find(fits) {
            return Some(Rc::clone(&listed.price));
        }
        let own = match api {
            Api::AnthropicMessages | Api::AnthropicCountTokens => Some("anthropic"),
            Api::GeminiGenerate => Some("gemini"),
            Api::BedrockConverse | Api::BedrockInvoke => Some("bedrock"),
            // Many others speak it.
            _ => None,
        };
        let found = self.table.find(provider.or(own), model)?;
        Some(Rc::new(found.price))
    }
}

/// The most a request can cost.
pub(crate) fn highest(price: &Price, api: Api, asked: &Asked, body: &[u8]) -> PicoUsd {
    if !asked.generates {
        return PicoUsd::ZERO;
    }
    let tier = asked.service_tier.as_deref().and_then(Tier::of);
    let tier = tier.unwrap_or_default();
    // Only Anthropic and Bedrock charge for writing to a cache, when asked to.
    let caches = matches!(
        api,
        Api::AnthropicMessages | Api::BedrockConverse | Api::BedrockInvoke
    );
    let for_an_hour = caches && holds(body, b"\"1h\"");
    let caches = caches && (holds(body, b"\"cache_control\"") || holds(body, b"\"cachePoint\""));
    let may = |kind: Kind, its: Tier| {
        (its == Tier::Standard || its == tier)
            && match kind {
                Kind::CacheWrite => caches,
                Kind::CacheWrite1h => caches && for_an_hour,
                Kind::InputAudio | Kind::OutputAudio | Kind::CacheReadAudio => asked.audio,
                Kind::Input | Kind::Output | Kind::CacheRead | Kind::Reasoning => true,
            }
    };
    price.highest(asked.prompt.tokens, asked.output(), may)
}

fn holds(body: &[u8], text: &[u8]) -> bool {
    body.windows(text.len()).any(|window| window == text)
}

/// What a usage costs in the tier that an answer names. One that nobody knows counts as standard.
pub(crate) fn cost(price: &Price, usage: &Usage, tier: Option<&str>) -> PicoUsd {
    let tokens = Tokens {
        input: usage.input,
        output: usage.output,
        cache_read: usage.cache_read,
        cache_write: usage.cache_write,
        cache_write_1h: usage.cache_write_1h,
        reasoning: usage.reasoning,
        input_audio: usage.input_audio,
        output_audio: usage.output_audio,
    };
    price.cost(&tokens, tier.and_then(Tier::of).unwrap_or_default())
}

/// What an exchange has cost; nothing when its model has no price.
pub(crate) fn cost_of(price: Option<&Price>, spent: &Spent) -> PicoUsd {
    price.map_or(PicoUsd::ZERO, |price| {
        cost(price, &spent.usage, spent.service_tier.as_deref())
    })
}
