//! The texts of one answer, each with what is held back of it.

use weir_llm_api::json::{Span, Text};
use weir_llm_api::{Api, Channel, Edit, Output, Spoken};
use weir_pii::{Carry, Depth, Restorer};

use crate::delta::Delta;

/// Texts of one answer that are followed at a time. A stream with more is a provider's mistake
/// or malice: the rest of them is restored only where a delta holds a whole placeholder.
const MAX_CHANNELS: usize = 64;

/// The texts of an answer as far as they have come.
#[derive(Debug)]
pub(crate) struct Channels {
    api: Api,
    /// Whether contents are JSON, as the request wanted them.
    json: bool,
    restorer: Restorer,
    /// By how many bytes the answer may still grow.
    room: usize,
    open: Vec<Open>,
    /// There were more texts than are followed.
    pub(crate) crowded: bool,
}

/// A text that is not over.
#[derive(Debug)]
struct Open {
    channel: Channel,
    carry: Carry,
    /// How to send what is held back, if anything is.
    delta: Option<Delta>,
}

/// One JSON text of the answer while it is read.
#[derive(Debug)]
pub(crate) struct Event<'c> {
    channels: &'c mut Channels,
    /// Whether its texts are pieces of longer ones.
    pieces: bool,
    edits: Vec<Edit>,
    /// Where the last piece of each text stands.
    pieces_of: Vec<(Channel, Span)>,
    finished: Vec<u64>,
    /// Whole events that belong before this one.
    before: Vec<u8>,
}

impl Channels {
    pub(crate) fn new(api: Api, json: bool, restorer: Restorer, room: usize) -> Self {
        Self {
            api,
            json,
            restorer,
            room,
            open: Vec::new(),
            crowded: false,
        }
    }

    /// Begins to read a JSON text whose texts are whole, or pieces of longer ones.
    pub(crate) fn event(&mut self, pieces: bool) -> Event<'_> {
        Event {
            channels: self,
            pieces,
            edits: Vec::new(),
            pieces_of: Vec::new(),
            finished: Vec::new(),
            before: Vec::new(),
        }
    }

    /// Events with all that is held back: nothing more comes.
    pub(crate) fn flush(&mut self) -> Vec<u8> {
        self.open.drain(..).flat_map(Open::leftover).collect()
    }

    /// What is held back of each text, by channel: nothing more comes.
    pub(crate) fn leftovers(&mut self) -> impl Iterator<Item = (Channel, Vec<u8>)> + '_ {
        let open = self.open.drain(..);
        open.map(|open| (open.channel, open.carry.finish()))
    }

    /// How a text is restored; none when it is no text.
    fn kind(&self, spoken: Spoken) -> Option<weir_pii::Channel> {
        let (content, depth) = match spoken {
            Spoken::Content if self.json => (true, Depth::JsonInText),
            Spoken::Content | Spoken::Refusal | Spoken::Reasoning => (true, Depth::Text),
            Spoken::Arguments => (false, Depth::JsonInText),
            Spoken::Input => (false, Depth::Text),
            Spoken::Name => return None,
        };
        Some(weir_pii::Channel { content, depth })
    }

    fn whole(&mut self, channel: Channel, text: Text<'_>) -> Option<Edit> {
        let kind = self.kind(channel.spoken)?;
        let raw = text.raw.as_bytes();
        let restored = self.restorer.whole(kind, &mut self.room, raw)?;
        Some(Edit::new(text.span(), restored))
    }

    /// The next piece of a text.
    fn piece(&mut self, channel: Channel, text: Text<'_>) -> Option<Edit> {
        let known = self.open.iter().position(|open| open.channel == channel);
        let at = match known {
            Some(at) => at,
            None if self.open.len() == MAX_CHANNELS => {
                self.crowded = true;
                return self.whole(channel, text);
            }
            None => {
                self.open.push(Open {
                    channel,
                    carry: Carry::new(self.kind(channel.spoken)?),
                    delta: None,
                });
                self.open.len() - 1
            }
        };
        let carry = &mut self.open.get_mut(at)?.carry;
        let raw = text.raw.as_bytes();
        let pushed = self.restorer.push(carry, &mut self.room, raw)?;
        Some(Edit::new(text.span(), pushed))
    }

    fn close(&mut self, is_over: impl Fn(Channel) -> bool) -> Vec<Open> {
        let over = |open: &mut Open| is_over(open.channel);
        self.open.extract_if(.., over).collect()
    }
}

impl Open {
    /// An event with what is held back, or nothing.
    fn leftover(self) -> Vec<u8> {
        match self.delta {
            Some(delta) if self.carry.is_holding() => delta.with(&self.carry.finish()),
            _ => Vec::new(),
        }
    }
}

impl Event<'_> {
    /// What belongs before this JSON text, and how it is to be edited.
    pub(crate) fn finish(mut self, json: &[u8]) -> (Vec<u8>, Vec<Edit>) {
        for choice in std::mem::take(&mut self.finished) {
            for open in self.channels.close(|channel| channel.choice == choice) {
                let last = self.last_piece(open.channel);
                match last {
                    Some(end) => self.edits.push(Edit::new(end..end, open.carry.finish())),
                    None => self.before.extend(open.leftover()),
                }
            }
        }
        let api = self.channels.api;
        for (channel, span) in &self.pieces_of {
            let mut open = self.channels.open.iter_mut();
            if let Some(open) = open.find(|open| open.channel == *channel) {
                let holding = open.carry.is_holding();
                open.delta = holding.then(|| Delta::like(api, *channel, json, span));
            }
        }
        // In order; what a text ends with is put behind the text itself.
        self.edits.sort_by_key(|edit| edit.span.start);
        (self.before, self.edits)
    }

    /// Notes where the last piece of each text ends in a document in which this JSON text begins
    /// at `start`.
    pub(crate) fn ends(&self, start: usize, ends: &mut Vec<(Channel, usize)>) {
        for (channel, span) in &self.pieces_of {
            let end = start + span.end;
            match ends.iter_mut().find(|(known, _)| known == channel) {
                Some((_, known)) => *known = end,
                None => ends.push((*channel, end)),
            }
        }
    }

    fn last_piece(&self, channel: Channel) -> Option<usize> {
        let last = self.pieces_of.iter().rfind(|(known, _)| *known == channel);
        last.map(|(_, span)| span.end)
    }

    fn piece(&mut self, channel: Channel, text: Text<'_>) {
        let room = self.pieces_of.len() < MAX_CHANNELS;
        let mut known = self.pieces_of.iter_mut();
        match known.find(|(known, _)| *known == channel) {
            Some((_, span)) => *span = text.span(),
            None if room => self.pieces_of.push((channel, text.span())),
            None => {}
        }
        let edit = self.channels.piece(channel, text);
        self.edits.extend(edit);
    }
}

impl Output for Event<'_> {
    fn text(&mut self, channel: Channel, text: Text<'_>) {
        // Arguments that are JSON themselves come whole, many strings under one channel; only
        // OpenAI's custom tools get a text in pieces there.
        let many = channel.spoken == Spoken::Input
            && !matches!(self.channels.api, Api::OpenAiChat | Api::OpenAiResponses);
        if self.pieces && !many {
            self.piece(channel, text);
        } else {
            let edit = self.channels.whole(channel, text);
            self.edits.extend(edit);
        }
    }

    fn again(&mut self, channel: Channel, text: Text<'_>) {
        for open in self.channels.close(|known| known == channel) {
            self.before.extend(open.leftover());
        }
        let edit = self.channels.whole(channel, text);
        self.edits.extend(edit);
    }

    fn finish(&mut self, choice: u64) {
        if self.finished.len() < MAX_CHANNELS {
            self.finished.push(choice);
        }
    }
}
