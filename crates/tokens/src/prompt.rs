//! The tokens of a whole prompt: texts and the framing of a chat around them.

use crate::family::Family;

/// Tokens a chat takes for every message, beside its fields.
///
/// Framing is OpenAI's ("How to count tokens with tiktoken", OpenAI cookbook); the other
/// providers do not tell theirs, and their counts are estimates anyway.
const PER_MESSAGE: u64 = 3;

/// Tokens for a name, beside its text.
const PER_NAME: u64 = 1;

/// Tokens that prime the reply.
const PER_REPLY: u64 = 3;

/// Bytes of a tool's JSON schema that are taken for a token. Providers rewrite schemas into a
/// form of their own, shorter than JSON; compact JSON has about 3.5 bytes per token.
const SCHEMA_BYTES: u64 = 4;

/// Tokens of an image whose size is not known: one of 1024 × 1024 in high detail for gpt-4o
/// (85 + 4 × 170, OpenAI's guide to vision). Small models and low detail differ widely.
const PER_IMAGE: u64 = 765;

/// Counts a prompt while its request is read.
///
/// ```
/// use weir_tokens::{PromptCounter, family};
///
/// let mut prompt = PromptCounter::new(family("gpt-4o"));
/// prompt.message();
/// prompt.text("user");
/// prompt.text("How tall is Mont Blanc?");
/// let count = prompt.finish(true);
/// assert_eq!((count.tokens, count.exact), (13, true));
/// ```
#[derive(Clone, Debug)]
pub struct PromptCounter {
    family: Family,
    /// Tokens of texts, before the family's factor.
    text: u64,
    /// Tokens that are what they are in every family.
    fixed: u64,
    exact: bool,
}

/// The tokens of a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// Tokens of the prompt.
    pub tokens: u64,
    /// Whether that is the provider's own count; an estimate otherwise.
    pub exact: bool,
}

impl PromptCounter {
    /// A prompt without anything in it yet.
    pub fn new(family: Family) -> Self {
        Self {
            family,
            text: 0,
            fixed: 0,
            exact: family.exact,
        }
    }

    /// A message of a chat begins; its fields follow, the role with them.
    pub fn message(&mut self) {
        self.add(PER_MESSAGE);
    }

    /// A text as decoded from JSON: content, a role, an embedding's input.
    pub fn text(&mut self, text: &str) {
        self.text = self.text.saturating_add(self.family.encoding.count(text));
    }

    /// The `name` of a message.
    pub fn name(&mut self, name: &str) {
        self.add(PER_NAME);
        self.text(name);
    }

    /// One token that came as such: an element of a prompt given as token numbers, or a role
    /// known to be one token.
    pub fn token(&mut self) {
        self.add(1);
    }

    /// What only the provider can count, by its length in bytes of JSON: the schemas of tools,
    /// of an output format. A token per 4 bytes, rounded up; makes the count an estimate.
    pub fn schema(&mut self, bytes: u64) {
        self.add(bytes.div_ceil(SCHEMA_BYTES));
        self.exact = false;
    }

    /// An image: 765 tokens, whatever its size; makes the count an estimate.
    pub fn image(&mut self) {
        self.add(PER_IMAGE);
        self.exact = false;
    }

    /// The count; a chat's reply is primed, an embedding's or a completion's is not.
    pub fn finish(mut self, chat: bool) -> Count {
        if chat {
            self.add(PER_REPLY);
        }
        let factor = u128::from(self.family.factor_permille);
        let text = (u128::from(self.text) * factor).div_ceil(1000);
        Count {
            tokens: u64::try_from(text).map_or(u64::MAX, |text| text.saturating_add(self.fixed)),
            exact: self.exact,
        }
    }

    fn add(&mut self, tokens: u64) {
        self.fixed = self.fixed.saturating_add(tokens);
    }
}

#[cfg(all(test, feature = "o200k", feature = "cl100k"))]
mod tests {
    use super::*;
    use crate::family;

    /// The messages of the cookbook's example, whose counts OpenAI's API confirmed.
    #[test]
    fn the_cookbook_example_is_counted_as_by_openai() {
        const MESSAGES: [(&str, Option<&str>, &str); 6] = [
            (
                "system",
                None,
                "You are a helpful, pattern-following assistant that translates corporate jargon into plain English.",
            ),
            (
                "system",
                Some("example_user"),
                "New synergies will help drive top-line growth.",
            ),
            (
                "system",
                Some("example_assistant"),
                "Things working well together will increase revenue.",
            ),
            (
                "system",
                Some("example_user"),
                "Let's circle back when we have more bandwidth to touch base on opportunities for increased leverage.",
            ),
            (
                "system",
                Some("example_assistant"),
                "Let's talk later when we're less busy about how to do better.",
            ),
            (
                "user",
                None,
                "This late pivot means we don't have time to boil the ocean for the client deliverable.",
            ),
        ];
        for (model, tokens) in [("gpt-3.5-turbo", 129), ("gpt-4-0613", 129), ("gpt-4o", 124)] {
            let mut prompt = PromptCounter::new(family(model));
            for (role, name, content) in MESSAGES {
                prompt.message();
                prompt.text(role);
                prompt.text(content);
                if let Some(name) = name {
                    prompt.name(name);
                }
            }
            assert_eq!(
                prompt.finish(true),
                Count {
                    tokens,
                    exact: true
                },
                "{model}"
            );
        }
    }

    #[test]
    fn factors_apply_to_texts_alone() {
        let mut prompt = PromptCounter::new(family("claude-sonnet-4"));
        prompt.message();
        prompt.text("one two three");
        // 3 x 1.25 rounded up, and 3 of the message
        assert_eq!(
            prompt.finish(false),
            Count {
                tokens: 7,
                exact: false
            }
        );
    }

    #[test]
    fn guesses_say_so() {
        type Guess = fn(&mut PromptCounter);
        let guesses: [(Guess, u64); 2] = [
            (|prompt| prompt.schema(401), 101),
            (|prompt| prompt.image(), 765),
        ];
        for (guess, tokens) in guesses {
            let mut prompt = PromptCounter::new(family("gpt-4o"));
            prompt.token();
            guess(&mut prompt);
            assert_eq!(
                prompt.finish(false),
                Count {
                    tokens: tokens + 1,
                    exact: false
                }
            );
        }
    }

    #[test]
    fn a_count_does_not_overflow() {
        let mut prompt = PromptCounter::new(family("unknown"));
        prompt.text("a");
        prompt.schema(u64::MAX);
        prompt.fixed = u64::MAX;
        assert_eq!(prompt.finish(true).tokens, u64::MAX);
    }
}
