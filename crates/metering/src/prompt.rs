//! Counting a prompt while its request is read.

use weir_llm_api::json::Text;
use weir_llm_api::{Place, Prompt};
use weir_tokens::{Count, Family, PromptCounter};

/// Counts what a request reports of its text.
pub(crate) struct Counter {
    prompt: PromptCounter,
    chat: bool,
}

impl Counter {
    pub(crate) fn new(family: Family) -> Self {
        Self {
            prompt: PromptCounter::new(family),
            chat: false,
        }
    }

    pub(crate) fn finish(self) -> Count {
        self.prompt.finish(self.chat)
    }
}

impl Prompt for Counter {
    fn message(&mut self) {
        self.chat = true;
        self.prompt.message();
    }

    fn text(&mut self, place: Place, text: Text<'_>) {
        match place {
            Place::Name => self.prompt.name(&text.decode()),
            // It stands in a tool, whose bytes are counted.
            Place::Description => {}
            Place::Label => {}
            Place::Role
            | Place::System
            | Place::Content
            | Place::Arguments
            | Place::Input
            | Place::Thinking => self.prompt.text(&text.decode()),
        }
    }

    fn token(&mut self) {
        self.prompt.token();
    }

    fn tool(&mut self, bytes: usize) {
        self.prompt.schema(bytes as u64);
    }

    fn image(&mut self) {
        self.prompt.image();
    }
}
