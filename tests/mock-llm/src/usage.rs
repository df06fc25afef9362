//! Counts tokens, by the same tables as the filters.
//!
//! The arithmetic is OpenAI's published one for chats, with `o200k_base` whatever the
//! model is called. Tools, images and earlier tool results count nothing, because only
//! a real provider knows what they cost.

use weir_tokens::Encoding;

use crate::ask::Prompt;

/// What one exchange used, in tokens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tokens {
    /// Tokens of everything that was sent.
    pub(crate) input: u64,
    /// Tokens of the answer, over all choices.
    pub(crate) output: u64,
}

impl Tokens {
    /// Input and output together.
    pub(crate) fn total(self) -> u64 {
        self.input + self.output
    }
}

/// Each message costs this much besides its text; the reply is primed with as much again.
const PER_MESSAGE: u64 = 3;

/// Tokens of a prompt: messages with their overhead, other texts as they are.
pub(crate) fn prompt_tokens(prompt: &Prompt) -> u64 {
    let mut count = prompt.token_ids;
    for text in &prompt.texts {
        count += text_tokens(text);
    }
    for message in &prompt.messages {
        count += PER_MESSAGE + text_tokens(&message.role);
        count += message.texts.iter().map(|t| text_tokens(t)).sum::<u64>();
        if let Some(name) = &message.name {
            count += text_tokens(name) + 1;
        }
    }
    if !prompt.messages.is_empty() {
        count += PER_MESSAGE;
    }
    count
}

/// Tokens of one text. Special tokens in it are ordinary text, as for a real provider.
pub(crate) fn text_tokens(text: &str) -> u64 {
    Encoding::O200k.count(text)
}
