//! What a rate is for: a kind of token, in a tier. The build script reads this file too, so it
//! uses nothing of the crate.

/// A kind of token that may have a rate of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Of the prompt, and nothing more special.
    Input,
    /// Of the answer, and nothing more special.
    Output,
    /// Read from a prompt cache.
    CacheRead,
    /// Written to a prompt cache, for minutes.
    CacheWrite,
    /// Written to a prompt cache, for an hour.
    CacheWrite1h,
    /// Of the answer, spent on reasoning.
    Reasoning,
    /// Audio of the prompt.
    InputAudio,
    /// Audio of the answer.
    OutputAudio,
    /// Audio of the prompt, read from a cache.
    CacheReadAudio,
}

impl Kind {
    /// Every kind. The table counts on the order.
    pub const ALL: [Self; 9] = [
        Self::Input,
        Self::Output,
        Self::CacheRead,
        Self::CacheWrite,
        Self::CacheWrite1h,
        Self::Reasoning,
        Self::InputAudio,
        Self::OutputAudio,
        Self::CacheReadAudio,
    ];

    /// The name in `prices.txt`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Output => "output",
            Self::CacheRead => "cache_read",
            Self::CacheWrite => "cache_write",
            Self::CacheWrite1h => "cache_write_1h",
            Self::Reasoning => "reasoning",
            Self::InputAudio => "input_audio",
            Self::OutputAudio => "output_audio",
            Self::CacheReadAudio => "cache_read_audio",
        }
    }
}

/// How fast, and so how dear, a provider served a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tier {
    /// As most requests are.
    #[default]
    Standard,
    /// Slower and cheaper.
    Flex,
    /// Faster and dearer.
    Priority,
    /// Within a day.
    Batch,
    /// Between flex and standard.
    Balanced,
    /// Faster than priority.
    Ultrafast,
}

impl Tier {
    /// Every tier. The table counts on the order.
    pub const ALL: [Self; 6] = [
        Self::Standard,
        Self::Flex,
        Self::Priority,
        Self::Batch,
        Self::Balanced,
        Self::Ultrafast,
    ];

    /// The name in `prices.txt`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Flex => "flex",
            Self::Priority => "priority",
            Self::Batch => "batch",
            Self::Balanced => "balanced",
            Self::Ultrafast => "ultrafast",
        }
    }

    /// The tier an answer names: OpenAI's and Anthropic's `service_tier`, Gemini's `trafficType`.
    /// `None` for a name nobody here knows, whose rates may be higher than any in the table.
    ///
    /// Capacity bought in advance (`scale`, provisioned throughput) has no price per token; it
    /// counts as standard, which is what it would have cost without.
    pub fn of(name: &str) -> Option<Self> {
        let names: [(Self, &[&str]); 6] = [
            (
                Self::Standard,
                &[
                    "default",
                    "standard",
                    "auto",
                    "scale",
                    "on_demand",
                    "provisioned_throughput",
                ],
            ),
            (Self::Flex, &["flex", "on_demand_flex"]),
            (Self::Priority, &["priority", "fast", "on_demand_priority"]),
            (Self::Batch, &["batch", "batches"]),
            (Self::Balanced, &["balanced"]),
            (Self::Ultrafast, &["ultrafast"]),
        ];
        names
            .into_iter()
            .find(|(_, names)| names.iter().any(|n| n.eq_ignore_ascii_case(name)))
            .map(|(tier, _)| tier)
    }
}
