//! What an exchange has used, from what its answer told and from what was seen of it.

use weir_llm_api::json::Text;
use weir_llm_api::{Channel, Output, Spoken, Usage};
use weir_tokens::{Family, PromptCounter};

/// Text of one channel that is gathered before it is counted, in bytes. A longer text is counted
/// in pieces cut at a space, where a token hardly ever reaches over.
const PIECE: usize = 32 << 10;
/// Channels told apart; the text of further ones is counted in one.
const MAX_CHANNELS: usize = 32;

/// Where the numbers come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The provider's usage.
    Usage,
    /// Counted with the model's own tokenizer.
    Counted,
    /// Counted with another one, or not seen whole.
    Estimated,
}

impl Source {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Usage => "usage",
            Self::Counted => "counted",
            Self::Estimated => "estimated",
        }
    }
}

/// Tokens an exchange has used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spent {
    /// Of the prompt, cache reads and writes included.
    pub(crate) input: u64,
    /// Of the answer, reasoning included.
    pub(crate) output: u64,
    /// Part of `input` read from a cache.
    pub(crate) cached: u64,
    /// Part of `output` spent on reasoning.
    pub(crate) reasoning: u64,
    pub(crate) source: Source,
    /// Whether the upstream took the request on at all.
    pub(crate) answered: bool,
}

impl Spent {
    /// Nothing, for an exchange the upstream did nothing for.
    pub(crate) const fn nothing(answered: bool) -> Self {
        Self {
            input: 0,
            output: 0,
            cached: 0,
            reasoning: 0,
            source: Source::Counted,
            answered,
        }
    }

    pub(crate) const fn total(&self) -> u64 {
        self.input.saturating_add(self.output)
    }

    /// By a usage that tells of the whole exchange.
    pub(crate) const fn of(usage: &Usage) -> Self {
        Self {
            input: usage.input,
            output: usage.output,
            cached: usage.cache_read,
            reasoning: usage.reasoning,
            source: Source::Usage,
            answered: true,
        }
    }

    /// By our own counts.
    pub(crate) const fn counted(input: u64, output: u64, exact: bool) -> Self {
        Self {
            input,
            output,
            cached: 0,
            reasoning: 0,
            source: if exact {
                Source::Counted
            } else {
                Source::Estimated
            },
            answered: true,
        }
    }
}

/// Counts the text of an answer as it comes, in case nobody else does.
#[derive(Debug)]
pub(crate) struct AnswerCounter {
    family: Family,
    channels: Vec<(Channel, String)>,
    tokens: u64,
    exact: bool,
}

impl AnswerCounter {
    pub(crate) fn new(family: Family) -> Self {
        Self {
            family,
            channels: Vec::new(),
            tokens: 0,
            exact: family.exact,
        }
    }

    /// Tokens so far, and whether that is exact: tool calls are framed in ways that only the
    /// provider knows, thoughts are shown in part.
    pub(crate) fn count(&self) -> (u64, bool) {
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
        let full = self.channels.len() == MAX_CHANNELS;
        let at = self
            .channels
            .iter()
            .position(|(known, _)| *known == channel);
        let at = match at {
            Some(at) => at,
            None if full => MAX_CHANNELS - 1,
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
            let cut = gathered.rfind(' ').unwrap_or(gathered.len());
            let rest = gathered.split_off(cut);
            let whole = std::mem::replace(gathered, rest);
            self.tokens += self.tokens_of(&whole);
        }
    }
}
