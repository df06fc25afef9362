//! From a model's name to how its tokens are counted.

use crate::encoding::Encoding;

/// How the tokens of a model are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Family {
    /// A short name, fit for a label: `o200k`, `cl100k`, `claude`, …
    pub name: &'static str,
    /// What texts are counted with.
    pub encoding: Encoding,
    /// What the count is multiplied with, in parts per thousand; 1000 when exact.
    pub factor_permille: u32,
    /// Whether this is the model's own tokenizer.
    pub exact: bool,
}

/// Families whose tokenizer is not published or not here, by a part of the model's name, with
/// the tokens they take for a thousand of o200k. The first that fits counts: a distilled model
/// bears the name of its teacher, too, but has the tokenizer of its own base.
///
/// The factors are set with care for limits, rather high than low, over mixed English, code and
/// other languages; a gateway that sees the true usage does better to correct by that.
/// - claude: +16 % on English, +21 % on mathematics, +30 % on Python against gpt-4o (L. Gupta,
///   "Hidden costs in AI deployment", VentureBeat 2025, on Claude 3.5).
/// - llama (from 3) and qwen extend cl100k's vocabulary, with fewer words of other languages
///   than o200k has; qwen takes digits one by one. deepseek's is of the same size.
/// - mistral: 131,000 tokens in newer models, 32,000 in older ones.
/// - gemini: 256,000 tokens, about as dense as o200k.
const ESTIMATED: [(&str, &str, u32); 11] = [
    ("claude", "claude", 1250),
    ("gemini", "gemini", 1050),
    ("gemma", "gemini", 1050),
    ("llama", "llama", 1100),
    ("qwen", "qwen", 1100),
    ("mistral", "mistral", 1150),
    ("mixtral", "mistral", 1150),
    ("codestral", "mistral", 1150),
    ("ministral", "mistral", 1150),
    ("pixtral", "mistral", 1150),
    ("deepseek", "deepseek", 1100),
];

/// Tokens of a model nobody here knows, for a thousand of o200k.
const UNKNOWN_PERMILLE: u32 = 1200;

/// Beginnings of the names of models counted with o200k. `o200k_harmony` of gpt-oss differs in
/// special tokens only.
const O200K: [&str; 8] = [
    "gpt-4o",
    "gpt-4.1",
    "gpt-4.5",
    "gpt-5",
    "gpt-oss",
    "chatgpt-",
    "codex-mini",
    "o4-mini",
];

/// Whole names, or what stands before a `-`, of models counted with o200k.
const O200K_SERIES: [&str; 3] = ["o1", "o3", "o4"];

/// Beginnings of the names of models counted with cl100k; `gpt-35` is what Azure writes.
const CL100K: [&str; 7] = [
    "gpt-4-",
    "gpt-3.5",
    "gpt-35",
    "text-embedding-3-",
    "text-embedding-ada-002",
    "davinci-002",
    "babbage-002",
];

/// The family of a model, by its name in a request.
///
/// Case does not matter, nor do prefixes of providers and regions (`openai/`, `models/`,
/// `eu.anthropic.`), fine-tunings (`ft:`) and what follows the model's name (dates, versions).
///
/// ```
/// assert!(weir_tokens::family("azure/gpt-4o-2024-08-06").exact);
/// assert_eq!(weir_tokens::family("eu.anthropic.claude-sonnet-4-20250514-v1:0").name, "claude");
/// ```
pub fn family(model: &str) -> Family {
    let name = model.rsplit('/').next().unwrap_or(model);
    let name = after(name, "openai.").unwrap_or(name);
    let name = strip(name, "ft:").unwrap_or(name);
    let begins = |beginning: &&str| strip(name, beginning).is_some();
    let whole = |whole: &str| {
        strip(name, whole).is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', ':', '@']))
    };
    if O200K.iter().any(begins) || O200K_SERIES.iter().any(|series| whole(series)) {
        return published("o200k", o200k());
    }
    if CL100K.iter().any(begins) || whole("gpt-4") {
        return published("cl100k", cl100k());
    }
    let found = ESTIMATED
        .iter()
        .find(|(part, ..)| after(model, part).is_some());
    let (name, factor_permille) = found
        .map_or(("unknown", UNKNOWN_PERMILLE), |&(_, name, factor)| {
            (name, factor)
        });
    Family {
        name,
        encoding: o200k().unwrap_or_else(|other| other),
        factor_permille,
        exact: false,
    }
}

/// A family counted with its own encoding, or with the other when that one is left out.
fn published(name: &'static str, encoding: Result<Encoding, Encoding>) -> Family {
    Family {
        name,
        encoding: encoding.unwrap_or_else(|other| other),
        factor_permille: 1000,
        exact: encoding.is_ok(),
    }
}

#[cfg_attr(
    feature = "o200k",
    allow(clippy::unnecessary_wraps, reason = "a feature")
)]
fn o200k() -> Result<Encoding, Encoding> {
    #[cfg(feature = "o200k")]
    return Ok(Encoding::O200k);
    #[cfg(not(feature = "o200k"))]
    return Err(Encoding::Cl100k);
}

#[cfg_attr(
    feature = "cl100k",
    allow(clippy::unnecessary_wraps, reason = "a feature")
)]
fn cl100k() -> Result<Encoding, Encoding> {
    #[cfg(feature = "cl100k")]
    return Ok(Encoding::Cl100k);
    #[cfg(not(feature = "cl100k"))]
    return Err(Encoding::O200k);
}

/// What follows `prefix`, which is ASCII, in whatever case.
fn strip<'a>(name: &'a str, prefix: &str) -> Option<&'a str> {
    let (head, rest) = name.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// What follows the first `part`, which is ASCII, in whatever case.
fn after<'a>(name: &'a str, part: &str) -> Option<&'a str> {
    name.char_indices()
        .find_map(|(at, _)| strip(name.get(at..)?, part))
}

#[cfg(all(test, feature = "o200k", feature = "cl100k"))]
mod tests {
    use super::*;

    #[test]
    fn models_have_families() {
        let table = [
            ("gpt-4o", "o200k", true),
            ("gpt-4o-mini-2024-07-18", "o200k", true),
            ("openai/GPT-4.1-nano", "o200k", true),
            ("gpt-4.5-preview", "o200k", true),
            ("gpt-5", "o200k", true),
            ("gpt-5.2-codex", "o200k", true),
            ("azure/o1", "o200k", true),
            ("o3-mini-2025-01-31", "o200k", true),
            ("o4-mini", "o200k", true),
            ("chatgpt-4o-latest", "o200k", true),
            ("openai.gpt-oss-120b-1:0", "o200k", true),
            ("us.openai.gpt-oss-20b-1:0", "o200k", true),
            ("openrouter/openai/gpt-oss-20b:free", "o200k", true),
            ("ft:gpt-4o-mini-2024-07-18:org::id", "o200k", true),
            ("gpt-4", "cl100k", true),
            ("GPT-4-Turbo-2024-04-09", "cl100k", true),
            ("gpt-4-0613", "cl100k", true),
            ("gpt-3.5-turbo-16k", "cl100k", true),
            ("gpt-35-turbo", "cl100k", true),
            ("ft:gpt-3.5-turbo:org", "cl100k", true),
            ("text-embedding-3-small", "cl100k", true),
            ("text-embedding-ada-002", "cl100k", true),
            ("claude-opus-4-1-20250805", "claude", false),
            (
                "eu.anthropic.claude-3-5-sonnet-20240620-v1:0",
                "claude",
                false,
            ),
            ("anthropic/claude-sonnet-4@20250514", "claude", false),
            ("models/gemini-2.5-pro", "gemini", false),
            ("us.meta.llama3-1-70b-instruct-v1:0", "llama", false),
            ("meta-llama/Llama-3.3-70B-Instruct", "llama", false),
            ("deepseek-ai/DeepSeek-R1-Distill-Qwen-32B", "qwen", false),
            ("deepseek-ai/DeepSeek-R1-Distill-Llama-70B", "llama", false),
            ("deepseek-chat", "deepseek", false),
            ("mistral.mistral-large-2402-v1:0", "mistral", false),
            ("open-mixtral-8x22b", "mistral", false),
            ("Qwen/Qwen3-235B", "qwen", false),
            ("gpt-4x", "unknown", false),
            ("o1x", "unknown", false),
            ("日本語", "unknown", false),
            ("", "unknown", false),
        ];
        for (model, name, exact) in table {
            let family = family(model);
            assert_eq!((family.name, family.exact), (name, exact), "{model}");
            assert_eq!(family.exact, family.factor_permille == 1000, "{model}");
        }
    }
}
