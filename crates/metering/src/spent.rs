//! What an exchange has used.

use weir_llm_api::json::Text;
use weir_llm_api::{Channel, Output, Spoken, Usage};
use weir_policy::Cx;
use weir_policy::names::fact;
use weir_tokens::{Family, PromptCounter};

/// Text of one channel that is gathered before it is counted, in bytes. A longer text is counted
/// in pieces cut at a space, where a token hardly ever reaches over.
const PIECE: usize = 32 << 10;
/// Channels told apart; the text of further ones is counted in one.
const MAX_CHANNELS: usize = 32;

/// Where the numbers come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The provider's usage.
    Usage,
    /// Counted with the model's own tokenizer.
    Counted,
    /// Counted with another one, or not seen whole.
    Estimated,
}

impl Source {
    /// Its name in facts and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Usage => "usage",
            Self::Counted => "counted",
            Self::Estimated => "estimated",
        }
    }
}

/// What an exchange has used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spent {
    /// Tokens, as [`Usage`] has them.
    pub usage: Usage,
    /// Where they come from.
    pub source: Source,
    /// The tier that was served, as the provider names it.
    pub service_tier: Option<String>,
    /// Whether the upstream took the request on at all.
    pub answered: bool,
    /// The answer could not be read: what was reserved is kept where it is more.
    pub keeps: bool,
}

impl Spent {
    /// Nothing, for an exchange the upstream did nothing for.
    pub fn nothing(answered: bool) -> Self {
        Self {
            usage: Usage::default(),
            source: Source::Counted,
            service_tier: None,
            answered,
            keeps: false,
        }
    }

    /// Writes the numbers, which are always there: 0 when there are none.
    pub fn leave_facts(&self, cx: &mut Cx<'_>) {
        let usage = &self.usage;
        for (name, tokens) in [
            (fact::INPUT_TOKENS, usage.input),
            (fact::OUTPUT_TOKENS, usage.output),
            (fact::TOTAL_TOKENS, usage.total()),
            (fact::CACHED_TOKENS, usage.cache_read),
            (fact::REASONING_TOKENS, usage.reasoning),
        ] {
            cx.effects.fact(name, tokens.to_string());
        }
        cx.effects.fact(fact::TOKENS_SOURCE, self.source.name());
    }

    /// By the provider's word.
    pub(crate) fn of(usage: &Usage) -> Self {
        Self {
            usage: *usage,
            source: Source::Usage,
            ..Self::nothing(true)
        }
    }

    /// By our own counts.
    pub(crate) fn counted(input: u64, output: u64, exact: bool) -> Self {
        let mut usage = Usage::default();
        (usage.input, usage.output) = (input, output);
        Self {
            usage,
            source: if exact {
                Source::Counted
            } else {
                Source::Estimated
            },
            ..Self::nothing(true)
        }
    }
}

/// Counts the text of an answer as it comes, in case nobody else does.
#[derive(Debug)]
pub struct AnswerCounter {
    family: Family,
    channels: Vec<(Channel, String)>,
    tokens: u64,
    exact: bool,
}

impl AnswerCounter {
    /// Nothing yet.
    pub fn new(family: Family) -> Self {
        Self {
            family,
            channels: Vec::new(),
            tokens: 0,
            exact: family.exact,
        }
    }

    /// Tokens so far, and whether that is exact: tool calls are framed in ways that only the
    /// provider knows, thoughts are shown in part.
    pub fn count(&self) -> (u64, bool) {
        let rest: u64 = self
            .channels
            .iter()
            .map(|(_, text)| self.tokens_of(text))
            .sum();
        (self.tokens + rest, self.exact)
    }

    fn tokens_of(&self, text: &str) -> u64 {
        let mut counter = PromptCounter::new(self.family);
        counter.text(text);
        counter.finish(false).tokens
    }
}

impl Output for AnswerCounter {
    fn text(&mut self, channel: Channel, text: Text<'_>) {
        self.exact &= channel.spoken == Spoken::Content;
        let known = self
            .channels
            .iter()
            .position(|(known, _)| *known == channel);
        let at = match known {
            Some(at) => at,
            None if self.channels.len() == MAX_CHANNELS => MAX_CHANNELS - 1,
            None => {
                self.channels.push((channel, String::new()));
                self.channels.len() - 1
            }
        };
        let Some((_, gathered)) = self.channels.get_mut(at) else {
            return;
        };
        gathered.push_str(&text.decode());
        if gathered.len() > PIECE {
            // A space at the very beginning is where the last piece was cut.
            let cut = gathered.rfind(' ').filter(|&at| at > 0);
            let cut = cut.unwrap_or(gathered.len());
            let rest = gathered.split_off(cut);
            let whole = std::mem::replace(gathered, rest);
            self.tokens += self.tokens_of(&whole);
        }
    }
}
