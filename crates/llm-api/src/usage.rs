//! Tokens used, as reported and as normalised.
//!
//! The providers disagree on what includes what. Here *input* covers cache reads, cache writes
//! and tool use, *output* covers reasoning: the contract of OpenTelemetry's `gen_ai.usage.*`.

use crate::Api;
use crate::json::{Cursor, Fault, Kind};

/// No exchange has more tokens than this (contexts have ten million, batches of embeddings some
/// sixteen); a larger number is a provider's mistake.
const ABSURD: u64 = 1 << 26;

/// Normalised token usage of one exchange.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// All tokens of the prompt.
    pub input: u64,
    /// All tokens of the answer.
    pub output: u64,
    /// Part of `input` read from a cache.
    pub cache_read: u64,
    /// Part of `input` written to a cache, whatever its lifetime.
    pub cache_write: u64,
    /// Part of `cache_write` that is kept for an hour.
    pub cache_write_1h: u64,
    /// Part of `output` spent on reasoning.
    pub reasoning: u64,
    /// Part of `input` that is audio.
    pub input_audio: u64,
    /// Part of `output` that is audio.
    pub output_audio: u64,
    /// The tokens of the prompt or of the answer were missing, of the wrong type, absurd, or
    /// contradicted the total: count it as the provider's fault and never refund by it.
    pub odd: bool,
    /// The same was true of a part of them. The whole stands; a part that would make it cheaper
    /// is taken for nothing.
    pub odd_part: bool,
    pub(crate) reported: Reported,
}

impl Usage {
    /// From two plain counts, as Bedrock gives them in headers; none when they make no sense.
    pub fn of_counts(input: u64, output: u64) -> Option<Self> {
        let number = |value: u64| Number {
            value: (value < ABSURD).then_some(value),
            odd: value >= ABSURD,
        };
        let reported = Reported {
            input: number(input),
            output: number(output),
            ..Reported::default()
        };
        reported.normalise(Api::BedrockInvoke)
    }

    /// The most that the answer may have had by this report: what a total leaves that is larger
    /// than its parts, else what it says.
    pub fn output_at_most(&self) -> u64 {
        let total = self.reported.total.get();
        self.output.max(total.saturating_sub(self.input))
    }

    /// All tokens.
    pub const fn total(&self) -> u64 {
        self.input.saturating_add(self.output)
    }
}

/// One number as reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Number {
    value: Option<u64>,
    odd: bool,
}

impl Number {
    pub(crate) fn take(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Fault> {
        if cursor.kind()? == Kind::Null {
            return cursor.skip().map(drop);
        }
        match cursor.count_or_skip()? {
            Some(count) if count < ABSURD => self.value = Some(count),
            _ => self.odd = true,
        }
        Ok(())
    }

    fn merge(&mut self, later: Self, may_shrink: bool) {
        self.odd |= later.odd;
        match (self.value, later.value) {
            // A cumulative count only grows. Some who imitate an API end with zeros.
            (Some(earlier), Some(later)) if later < earlier && !may_shrink => self.odd = true,
            _ => self.value = later.value.or(self.value),
        }
    }

    fn is_missing(self) -> bool {
        self.value.is_none() && !self.odd
    }

    fn get(self) -> u64 {
        self.value.unwrap_or(0)
    }
}

/// The numbers of a usage object under names common to all providers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reported {
    pub(crate) input: Number,
    pub(crate) output: Number,
    pub(crate) total: Number,
    pub(crate) cache_read: Number,
    pub(crate) cache_write: Number,
    pub(crate) cache_write_1h: Number,
    pub(crate) reasoning: Number,
    pub(crate) tool_use: Number,
    pub(crate) input_audio: Number,
    pub(crate) output_audio: Number,
}

impl Reported {
    fn all(&mut self) -> [&mut Number; 10] {
        [
            &mut self.input,
            &mut self.output,
            &mut self.total,
            &mut self.cache_read,
            &mut self.cache_write,
            &mut self.cache_write_1h,
            &mut self.reasoning,
            &mut self.tool_use,
            &mut self.input_audio,
            &mut self.output_audio,
        ]
    }

    pub(crate) fn merge(&mut self, later: &Self, api: Api) {
        let mut later = *later;
        for (mine, theirs) in self.all().into_iter().zip(later.all()) {
            // Gemini counts anew in every event: the last one holds.
            mine.merge(*theirs, api == Api::GeminiGenerate);
        }
    }

    pub(crate) fn normalise(&self, api: Api) -> Option<Usage> {
        let mut copy = *self;
        // What a provider counts beside its sums is as much as these.
        let beside = match api {
            Api::GeminiGenerate => self.tool_use.odd || self.reasoning.odd,
            Api::AnthropicMessages | Api::BedrockConverse => {
                self.cache_read.odd || self.cache_write.odd
            }
            _ => false,
        };
        let mut odd = self.input.odd || self.output.odd || self.total.odd || beside;
        let mut odd_part = !odd && copy.all().iter().any(|n| n.odd);
        if self.input.is_missing() && self.output.is_missing() && self.total.is_missing() {
            return None;
        }
        // Nothing said about the prompt does not mean that it was empty. An answer may be.
        let may_be_empty = matches!(
            api,
            Api::OpenAiEmbeddings | Api::AnthropicCountTokens | Api::GeminiGenerate
        );
        odd |= self.input.value.is_none()
            || (self.output.value.is_none() && self.total.value.is_none() && !may_be_empty);
        let (cache_read, cache_write) = (self.cache_read.get(), self.cache_write.get());
        let (input, output) = match api {
            Api::AnthropicMessages
            | Api::AnthropicCountTokens
            | Api::BedrockConverse
            | Api::BedrockInvoke => (
                self.input.get() + cache_read + cache_write,
                self.output.get(),
            ),
            Api::GeminiGenerate => (
                self.input.get() + self.tool_use.get(),
                self.output.get() + self.reasoning.get(),
            ),
            _ => {
                let (input, output, reasoning) =
                    (self.input.get(), self.output.get(), self.reasoning.get());
                // Some who speak OpenAI's API count reasoning apart (xAI does). Their total,
                // which can't be right otherwise, tells.
                let apart = self.total.value == Some(input + output + reasoning);
                (input, output + if apart { reasoning } else { 0 })
            }
        };
        if let Some(total) = self.total.value {
            // Bedrock's total counts the cache or not, by model.
            let uncached = self.input.get() + output;
            odd |= total != input + output && (api != Api::BedrockConverse || total != uncached);
        }
        let mut part = |value: u64, whole: u64| {
            odd_part |= value > whole;
            value.min(whole)
        };
        // Larger than its whole it would make money, priced at a discount.
        let cache_read = if part(cache_read, input) < cache_read {
            0
        } else {
            cache_read
        };
        let cache_write = part(cache_write, input - cache_read);
        let cache_write_1h = part(self.cache_write_1h.get(), cache_write);
        let reasoning = part(self.reasoning.get(), output);
        let input_audio = part(self.input_audio.get(), input);
        let output_audio = part(self.output_audio.get(), output);
        Some(Usage {
            input,
            output,
            cache_read,
            cache_write,
            cache_write_1h,
            reasoning,
            input_audio,
            output_audio,
            odd,
            odd_part,
            reported: *self,
        })
    }
}
