use proptest::prelude::*;

use super::*;
use crate::{Kind, PicoUsd, Tier, Tokens};

/// Names, and what they are found as. The prices themselves are checked against LiteLLM's
/// calculator; here it is about names.
#[test]
fn names_and_what_they_are_found_as() {
    let table = Catalogue::builtin();
    for (provider, model, expected) in [
        (None, "gpt-4o", Some(("gpt-4o", How::Exact))),
        (None, "GPT-4o", Some(("gpt-4o", How::Exact))),
        (Some("openai"), "gpt-4o", Some(("gpt-4o", How::Exact))),
        (Some("OpenAI"), "gpt-4o", Some(("gpt-4o", How::Exact))),
        // A provider's own price before the name alone.
        (Some("azure"), "gpt-4o", Some(("azure/gpt-4o", How::Exact))),
        (
            Some("azure-openai"),
            "gpt-4o",
            Some(("azure/gpt-4o", How::Exact)),
        ),
        (
            Some("gemini"),
            "gemini-2.5-pro",
            Some(("gemini/gemini-2.5-pro", How::Exact)),
        ),
        (
            Some("google"),
            "models/gemini-2.5-pro",
            Some(("gemini/gemini-2.5-pro", How::Path)),
        ),
        (
            Some("vertex"),
            "gemini-2.5-pro",
            Some(("gemini-2.5-pro", How::Exact)),
        ),
        (
            Some("vertex_ai"),
            "publishers/anthropic/models/claude-sonnet-4-5@20250929",
            Some(("vertex_ai/claude-sonnet-4-5@20250929", How::Path)),
        ),
        // A name of the operator's own says nothing.
        (Some("eu-primary"), "gpt-4o", Some(("gpt-4o", How::Exact))),
        // What one provider asks is not what another asks.
        (Some("anthropic"), "gpt-4o", None),
        (Some("groq"), "gpt-4o", None),
        (Some("bedrock"), "claude-sonnet-4-5", None),
        (
            Some("anthropic"),
            "claude-sonnet-4-5",
            Some(("claude-sonnet-4-5", How::Exact)),
        ),
        // Bedrock's ids, with and without a region.
        (
            Some("bedrock"),
            "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            Some(("us.anthropic.claude-sonnet-4-5-20250929-v1:0", How::Exact)),
        ),
        (
            Some("aws"),
            "arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            Some(("us.anthropic.claude-sonnet-4-5-20250929-v1:0", How::Path)),
        ),
        (
            None,
            "sa.anthropic.claude-sonnet-4-5-20250929-v1:0",
            Some(("anthropic.claude-sonnet-4-5-20250929-v1:0", How::Region)),
        ),
        (
            None,
            "arn:aws:bedrock:us-east-1:1:application-inference-profile/abc",
            None,
        ),
        // Snapshots: listed ones by their own price, others by the model's.
        (
            None,
            "gpt-4o-2024-05-13",
            Some(("gpt-4o-2024-05-13", How::Exact)),
        ),
        (None, "gpt-4o-2099-01-01", Some(("gpt-4o", How::Snapshot))),
        (
            Some("azure"),
            "gpt-4o-2099-01-01",
            Some(("azure/gpt-4o", How::Snapshot)),
        ),
        (
            None,
            "claude-sonnet-4-5-20990101",
            Some(("claude-sonnet-4-5", How::Snapshot)),
        ),
        (
            Some("vertex_ai"),
            "claude-sonnet-4-5@latest",
            Some(("vertex_ai/claude-sonnet-4-5", How::Snapshot)),
        ),
        (
            None,
            "gpt-4o-mini-latest",
            Some(("gpt-4o-mini", How::Snapshot)),
        ),
        (
            None,
            "text-embedding-3-small",
            Some(("text-embedding-3-small", How::Exact)),
        ),
        // Fine-tuned: never at the price of the base.
        (
            None,
            "ft:gpt-4o-2024-08-06:acme::abc",
            Some(("ft:gpt-4o-2024-08-06", How::FineTuned)),
        ),
        (
            None,
            "ft:gpt-3.5-turbo-2099-01-01:acme::abc",
            Some(("ft:gpt-3.5-turbo", How::Snapshot)),
        ),
        (None, "ft:gpt-4o-nano-2099-01-01:acme::abc", None),
        // A path that names a provider.
        (None, "openai/gpt-4o", Some(("gpt-4o", How::Path))),
        (
            Some("my-gateway"),
            "anthropic/claude-sonnet-4-5",
            Some(("claude-sonnet-4-5", How::Path)),
        ),
        (Some("azure"), "openai/gpt-4o", None),
        (None, "nobody/gpt-4o", None),
        // Family resemblance is no price.
        (None, "gpt-4o-turbo-super", None),
        (None, "gpt-4o-", None),
        (None, "gpt", None),
        (None, "claude-sonnet", None),
        (None, "", None),
        (Some(""), "", None),
        // In LiteLLM's list, but not priced by tokens, or at zero.
        (None, "rerank-v3.5", None),
        (Some("github_copilot"), "gpt-4o", None),
        (Some("perplexity"), "sonar-pro", None),
    ] {
        let found = table.find(provider, model);
        let found = found.as_ref().map(|found| (found.key.as_str(), found.how));
        assert_eq!(found, expected, "{provider:?} {model:?}");
    }
    let too_long = format!("{}gpt-4o", "models/".repeat(100));
    assert_eq!(table.find(None, &too_long), None);
    assert_eq!(Catalogue::empty().find(None, "gpt-4o"), None);
}

#[test]
fn what_is_configured_comes_first_and_stands_for_itself() {
    let mut catalogue = Catalogue::builtin();
    catalogue.set("gpt-4o", Price::new(1, 2));
    catalogue.set("Azure/GPT-4o", Price::new(3, 4));
    catalogue.set("my-gateway/gpt-4o", Price::new(5, 6));
    catalogue.set("gemini-2.5-pro", Price::new(0, 0));
    for (provider, model, input, key) in [
        (None, "gpt-4o", 1, "gpt-4o"),
        (Some("openai"), "gpt-4o", 1, "gpt-4o"),
        (Some("azure"), "gpt-4o", 3, "azure/gpt-4o"),
        (Some("my-gateway"), "GPT-4O", 5, "my-gateway/gpt-4o"),
        // A configured price holds at every provider, unless it names one.
        (Some("groq"), "gpt-4o", 1, "gpt-4o"),
        (None, "gpt-4o-2099-01-01", 1, "gpt-4o"),
        // A snapshot that the table prices apart is another model.
        (None, "gpt-4o-2024-05-13", 5_000_000, "gpt-4o-2024-05-13"),
    ] {
        let found = catalogue.find(provider, model).unwrap();
        let rate = found.price.rate(Kind::Input, Tier::Standard, 1);
        assert_eq!(
            (rate, found.key.as_str()),
            (input, key),
            "{provider:?} {model}"
        );
        assert_eq!(found.configured, input < 100, "{provider:?} {model}");
    }
    // Free is free: above thresholds, in every tier, from the cache.
    let free = catalogue.find(None, "gemini-2.5-pro").unwrap().price;
    let tokens = Tokens {
        input: 1_000_000,
        output: 1_000_000,
        cache_read: 10,
        ..Tokens::default()
    };
    for tier in Tier::ALL {
        assert_eq!(free.cost(&tokens, tier), PicoUsd::ZERO, "{tier:?}");
    }
}

#[test]
fn limits_come_along() {
    let found = Catalogue::builtin().find(None, "gpt-4o").unwrap();
    assert_eq!(found.max_input_tokens, Some(128_000));
    assert_eq!(found.max_output_tokens, Some(16_384));
}

#[test]
fn tiers_by_the_names_in_answers() {
    for (name, tier) in [
        ("default", Some(Tier::Standard)),
        ("standard", Some(Tier::Standard)),
        ("scale", Some(Tier::Standard)),
        ("ON_DEMAND", Some(Tier::Standard)),
        ("flex", Some(Tier::Flex)),
        ("Priority", Some(Tier::Priority)),
        ("ON_DEMAND_PRIORITY", Some(Tier::Priority)),
        ("batch", Some(Tier::Batch)),
        ("ultrafast", Some(Tier::Ultrafast)),
        ("", None),
        ("hyper", None),
    ] {
        assert_eq!(Tier::of(name), tier, "{name}");
    }
}

/// Pieces of names, so that the rules have something to work on.
fn names() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "gpt-4o",
        "claude-sonnet-4-5",
        "anthropic",
        "us",
        ".",
        "-",
        "@",
        ":",
        "/",
        "ft:",
        "models/",
        "-2099-01-01",
        "-20990101",
        "-latest",
        "openai",
        "arn:aws:bedrock:::inference-profile/",
        "é",
    ]);
    prop::collection::vec(pieces, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    /// Whatever is asked, what is found is a listed name's own price.
    #[test]
    fn what_is_found_is_listed(provider in prop::option::of(names()), model in names()) {
        if let Some(found) = Catalogue::builtin().find(provider.as_deref(), &model) {
            let listed = table::row(&found.key).map(|row| row.price);
            prop_assert_eq!(listed, Some(found.price));
            // What was asked contains the listed name, behind the provider's or not.
            let asked = model.to_ascii_lowercase();
            let alone = found.key.split_once('/').map_or(found.key.as_str(), |(_, alone)| alone);
            prop_assert!(asked.contains(alone), "{} in {}", alone, asked);
        }
    }
}
