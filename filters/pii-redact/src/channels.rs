//! The texts of one answer, each with what is held back of it.

use std::borrow::Cow;
use std::mem;
use std::rc::Rc;

use weir_llm_api::json::{Span, Text};
use weir_llm_api::{Api, Channel, Edit, Output, Spoken};
use weir_pii::{Carry, Depth, Restorer};

use crate::config::Action;
use crate::delta::Delta;
use crate::leak::{Judge, Leaks, Window};
use crate::tally::Tally;

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
    /// What is looked for in the answer itself, and whether that is only tried out.
    leaks: Option<(Rc<Leaks>, bool)>,
    pub(crate) tally: Tally,
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
    /// What the answer's own values are looked for in.
    window: Option<Window>,
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
    pub(crate) fn new(
        api: Api,
        json: bool,
        restorer: Restorer,
        leaks: Option<(Rc<Leaks>, bool)>,
        room: usize,
    ) -> Self {
        Self {
            api,
            json,
            restorer,
            leaks,
            tally: Tally::default(),
            room,
            open: Vec::new(),
            crowded: false,
        }
    }

    /// Whether something was found that must not be let out at all.
    pub(crate) fn blocks(&self) -> bool {
        let real = self.leaks.as_ref().is_some_and(|(_, shadow)| !shadow);
        real && self.tally.has(Action::Block)
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
        let open = mem::take(&mut self.open).into_iter();
        open.flat_map(|open| self.leftover(open)).collect()
    }

    /// What is held back of each text, by channel: nothing more comes.
    pub(crate) fn leftovers(&mut self) -> Vec<(Channel, Vec<u8>)> {
        let open = mem::take(&mut self.open).into_iter();
        open.map(|open| (open.channel, self.rest(open))).collect()
    }

    /// Whether more may come of a text.
    pub(crate) fn is_open(&self, channel: Channel) -> bool {
        self.open.iter().any(|open| open.channel == channel)
    }

    /// An event with what is held back of a text, or nothing.
    fn leftover(&mut self, mut open: Open) -> Vec<u8> {
        match open.delta.take() {
            Some(delta) if open.is_holding() => delta.with(&self.rest(open)),
            _ => Vec::new(),
        }
    }

    /// What is held back of a text that is over.
    fn rest(&mut self, open: Open) -> Vec<u8> {
        let Open {
            mut carry, window, ..
        } = open;
        let mut rest = Vec::new();
        if let Some(mut window) = window {
            let last = self.searched(&mut window, "", true);
            let pushed = self
                .restorer
                .push(&mut carry, &mut self.room, last.as_bytes());
            rest = pushed.unwrap_or(last.into_bytes());
        }
        rest.extend(carry.finish());
        rest
    }

    /// The next piece of a text without what the model must not let out.
    fn searched(&mut self, window: &mut Window, piece: &str, last: bool) -> String {
        let Some((leaks, shadow)) = &self.leaks else {
            return piece.to_owned();
        };
        let mut judge = Judge {
            leaks,
            shadow: *shadow,
            restorer: &self.restorer,
            tally: &mut self.tally,
        };
        window.push(&mut judge, piece, last)
    }

    /// What a text is searched in; none when it is not.
    fn window(&self, spoken: Spoken) -> Option<Window> {
        let searched = matches!(spoken, Spoken::Content | Spoken::Refusal);
        (searched && self.leaks.is_some()).then(Window::default)
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
        let searched = match self.window(channel.spoken) {
            Some(mut window) => Cow::Owned(self.searched(&mut window, text.raw, true)),
            None => Cow::Borrowed(text.raw),
        };
        let restored = self
            .restorer
            .whole(kind, &mut self.room, searched.as_bytes());
        let out = restored.unwrap_or_else(|| searched.into_owned().into_bytes());
        (out != text.raw.as_bytes()).then(|| Edit::new(text.span(), out))
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
                    window: self.window(channel.spoken),
                    delta: None,
                });
                self.open.len() - 1
            }
        };
        let mut window = self.open.get_mut(at)?.window.take();
        let searched = match &mut window {
            Some(window) => Cow::Owned(self.searched(window, text.raw, false)),
            None => Cow::Borrowed(text.raw),
        };
        let open = self.open.get_mut(at)?;
        open.window = window;
        let raw = searched.as_bytes();
        let pushed = self.restorer.push(&mut open.carry, &mut self.room, raw);
        let out = pushed.map_or(Cow::Borrowed(raw), Cow::Owned);
        (*out != *text.raw.as_bytes()).then(|| Edit::new(text.span(), out))
    }

    fn close(&mut self, is_over: impl Fn(Channel) -> bool) -> Vec<Open> {
        let over = |open: &mut Open| is_over(open.channel);
        self.open.extract_if(.., over).collect()
    }
}

impl Open {
    fn is_holding(&self) -> bool {
        self.carry.is_holding() || self.window.as_ref().is_some_and(Window::is_holding)
    }
}

impl Event<'_> {
    /// What belongs before this JSON text, and how it is to be edited.
    pub(crate) fn finish(mut self, json: &[u8]) -> (Vec<u8>, Vec<Edit>) {
        for choice in mem::take(&mut self.finished) {
            for open in self.channels.close(|channel| channel.choice == choice) {
                let last = self.last_piece(open.channel);
                match last {
                    Some(end) => {
                        let rest = self.channels.rest(open);
                        self.edits.push(Edit::new(end..end, rest));
                    }
                    None => self.before.extend(self.channels.leftover(open)),
                }
            }
        }
        let api = self.channels.api;
        for (channel, span) in &self.pieces_of {
            let mut open = self.channels.open.iter_mut();
            if let Some(open) = open.find(|open| open.channel == *channel) {
                let holding = open.is_holding();
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
            self.before.extend(self.channels.leftover(open));
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
