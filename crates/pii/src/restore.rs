//! Putting values back into an answer, delta by delta.
//!
//! The restorer reads the *raw* contents of JSON strings, the bytes between the quotes, so that
//! everything which is no placeholder leaves as it came, its escapes included. A search for `[`
//! and `\` finds where a placeholder could begin; from there its characters narrow the sorted
//! list of live placeholders until one is complete or none is left. A placeholder has no second
//! `[`, so whatever the text, each byte is looked at a bounded number of times.
//!
//! A string that ends inside what could become a live placeholder is held back from there, and
//! nothing else ever is: at most the longest placeholder, with sixteen tolerated characters.
//!
//! What it cannot do: keep JSON valid that itself stands as text in a string of tool-call
//! arguments (a value with a quote would be escaped twice where three times were right), and
//! recognise a placeholder that a model has reworded (`[EMAIL 1]`, `EMAIL_1`).

mod escape;

use std::cell::{OnceCell, RefCell};
use std::fmt;
use std::mem;
use std::ops::ControlFlow;
use std::rc::Rc;

use memchr::memchr2;

use self::escape::{Cut, character, escaped};
use crate::placeholder::{Fold, Left, Step, Types};

/// What a string of the answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Channel {
    /// Whether a person reads it; else it goes to a tool, and values of types with
    /// [`Restore::ContentOnly`](crate::Restore::ContentOnly) are not restored in it.
    pub content: bool,
    /// How often it is escaped.
    pub depth: Depth,
}

/// What the decoded string is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Text.
    Text,
    /// JSON, or a fragment of it: tool-call arguments, content the request wanted as JSON. A
    /// restored value is escaped twice.
    JsonInText,
}

/// What is held back of one channel between two deltas. Every choice, every tool call and every
/// kind of text in it has its own.
#[derive(Debug)]
pub struct Carry {
    channel: Channel,
    held: Vec<u8>,
}

impl Carry {
    /// Nothing held back.
    pub fn new(channel: Channel) -> Self {
        Self {
            channel,
            held: Vec::new(),
        }
    }

    /// Whether something is held back.
    pub fn is_holding(&self) -> bool {
        !self.held.is_empty()
    }

    /// What is still held back when the channel ends: raw contents for a last delta, most often
    /// empty. Nothing in it is a placeholder.
    pub fn finish(self) -> Vec<u8> {
        self.held
    }
}

/// A placeholder and what it stands for.
pub(crate) struct Live {
    pub(crate) placeholder: Rc<str>,
    pub(crate) original: Rc<str>,
}

impl Live {
    fn folded(&self) -> impl Iterator<Item = u8> {
        self.placeholder.bytes().map(|b| b.to_ascii_uppercase())
    }

    fn byte(&self, at: usize) -> Option<u8> {
        let byte = self.placeholder.as_bytes().get(at);
        byte.map(u8::to_ascii_uppercase)
    }
}

impl fmt::Debug for Restorer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Restorer")
    }
}

/// Puts the values of one exchange back into its answer. Made by
/// [`Placeholders::into_restorer`](crate::Placeholders::into_restorer).
pub struct Restorer {
    /// What the request brought.
    brought: Types,
    left: Left,
    always: Lives,
    content_only: Lives,
}

/// Live placeholders, put in the order of their folded bytes once one is looked for: in most
/// answers there is none.
struct Lives {
    count: usize,
    unsorted: RefCell<Vec<Live>>,
    sorted: OnceCell<Vec<Live>>,
}

impl Lives {
    fn new(lives: Vec<Live>) -> Self {
        Self {
            count: lives.len(),
            unsorted: RefCell::new(lives),
            sorted: OnceCell::new(),
        }
    }

    fn is_empty(&self) -> bool {
        self.count == 0
    }

    fn sorted(&self) -> &[Live] {
        self.sorted.get_or_init(|| {
            let mut lives = self.unsorted.take();
            lives.sort_unstable_by(|a, b| a.folded().cmp(b.folded()));
            lives
        })
    }
}

impl Restorer {
    pub(crate) fn new(
        brought: Types,
        left: Left,
        always: Vec<Live>,
        content_only: Vec<Live>,
    ) -> Self {
        Self {
            brought,
            left,
            always: Lives::new(always),
            content_only: Lives::new(content_only),
        }
    }

    /// Whether there is nothing to put back.
    pub fn is_idle(&self) -> bool {
        self.always.is_empty() && self.content_only.is_empty()
    }

    /// Whether the request itself brought this value of the type `name`, restored or not, and it
    /// was among the first [`Placeholders::MAX`](crate::Placeholders::MAX).
    pub fn brought(&self, name: &str, normalised: &str) -> bool {
        let of_type = self.brought.get(name);
        of_type.is_some_and(|known| known.placeholders.contains_key(normalised))
            || self.left.contains(&(name.into(), normalised.into()))
    }

    /// Takes the raw contents of a delta's string; returns what is to stand there instead, or
    /// `None` when it stays as it is.
    ///
    /// `room` is by how many bytes the answer may still grow; a placeholder whose value needs
    /// more stays, for an answer that repeats one without end would else have none.
    pub fn push(&self, carry: &mut Carry, room: &mut usize, raw: &[u8]) -> Option<Vec<u8>> {
        let mut joined = mem::take(&mut carry.held);
        let fresh = joined.is_empty();
        let bytes = if fresh {
            raw
        } else {
            joined.extend_from_slice(raw);
            &joined
        };
        let mut out = Vec::new();
        let Scanned { done, free } = self.scan(carry.channel, bytes, room, &mut out);
        if fresh && done == 0 && free == bytes.len() {
            return None;
        }
        out.extend_from_slice(bytes.get(done..free).unwrap_or_default());
        carry.held = bytes.get(free..).unwrap_or_default().to_vec();
        (out != raw).then_some(out)
    }

    /// Takes the raw contents of a whole string; returns what is to stand there instead, or
    /// `None` when it stays as it is. `room` is that of [`Restorer::push`].
    pub fn whole(&self, channel: Channel, room: &mut usize, raw: &[u8]) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        let Scanned { done, .. } = self.scan(channel, raw, room, &mut out);
        if done == 0 {
            return None;
        }
        out.extend_from_slice(raw.get(done..).unwrap_or_default());
        Some(out)
    }

    /// Writes everything up to the end of the last placeholder.
    fn scan(&self, channel: Channel, raw: &[u8], room: &mut usize, out: &mut Vec<u8>) -> Scanned {
        let levels = channel.depth.levels();
        let (mut at, mut done, end) = (0, 0, raw.len());
        if self.always.is_empty() && (!channel.content || self.content_only.is_empty()) {
            return Scanned { done, free: end };
        }
        let free = loop {
            let rest = raw.get(at..).unwrap_or_default();
            let Some(skipped) = memchr2(b'[', b'\\', rest) else {
                break end;
            };
            let open = at + skipped;
            let length = match character(raw.get(open..).unwrap_or_default(), levels) {
                Ok((b'[', length)) => length,
                Ok((_, length)) => {
                    at = open + length;
                    continue;
                }
                Err(Cut(possible)) if possible.contains(&b'[') => break open,
                Err(_) => break end,
            };
            at = open + length;
            let inside = raw.get(at..).unwrap_or_default();
            let live = [
                self.always.sorted(),
                match channel.content {
                    true => self.content_only.sorted(),
                    false => &[],
                },
            ];
            let start = Candidate {
                fold: Fold::default(),
                length: 1,
                live,
            };
            match start.read(inside, levels) {
                Read::Placeholder(live, length) => {
                    at += length;
                    let replaced = at - open;
                    // Escapes only make a value longer: one that is too long is not escaped.
                    if live.original.len() > replaced.saturating_add(*room) {
                        continue;
                    }
                    let value = escaped(&live.original, levels);
                    let grown = value.len().saturating_sub(replaced);
                    let Some(left) = room.checked_sub(grown) else {
                        continue;
                    };
                    *room = left;
                    out.extend_from_slice(raw.get(done..open).unwrap_or_default());
                    out.extend_from_slice(value.as_bytes());
                    done = at;
                }
                Read::Unfinished => break open,
                Read::Text => {}
            }
        };
        Scanned { done, free }
    }
}

/// How far a scan came.
struct Scanned {
    /// Where the last placeholder ends: so far has been written.
    done: usize,
    /// Where begins what has to be held back.
    free: usize,
}

impl Depth {
    fn levels(self) -> u8 {
        match self {
            Self::Text => 1,
            Self::JsonInText => 2,
        }
    }
}

/// The live placeholders that begin like what has been read so far.
#[derive(Clone)]
struct Candidate<'r> {
    fold: Fold,
    /// How many characters of them have been read, the `[` included.
    length: usize,
    live: [&'r [Live]; 2],
}

enum Read<'r> {
    /// A live placeholder, and how many bytes it has after the `[`.
    Placeholder(&'r Live, usize),
    /// The bytes end where one could still come of it.
    Unfinished,
    Text,
}

impl<'r> Candidate<'r> {
    fn is_dead(&self) -> bool {
        self.live.iter().all(|live| live.is_empty())
    }

    /// Reads on from behind the `[`.
    fn read(mut self, inside: &[u8], levels: u8) -> Read<'r> {
        let mut at = 0;
        loop {
            match character(inside.get(at..).unwrap_or_default(), levels) {
                Ok((byte, length)) => {
                    at += length;
                    match self.step(byte) {
                        ControlFlow::Continue(()) => {}
                        ControlFlow::Break(Some(live)) => return Read::Placeholder(live, at),
                        ControlFlow::Break(None) => return Read::Text,
                    }
                }
                Err(Cut(mut possible)) => {
                    let goes_on = possible
                        .any(|byte| !matches!(self.clone().step(byte), ControlFlow::Break(None)));
                    return if goes_on {
                        Read::Unfinished
                    } else {
                        Read::Text
                    };
                }
            }
        }
    }

    /// Takes the next character; breaks with the placeholder it completes, or with none.
    fn step(&mut self, byte: u8) -> ControlFlow<Option<&'r Live>> {
        let byte = match self.fold.step(byte) {
            Step::Kept(byte) => byte,
            // It escapes something that a live placeholder has here, or it is just a backslash.
            Step::Escape if self.with(b'_').is_dead() && self.with(b']').is_dead() => {
                return ControlFlow::Break(None);
            }
            Step::Escape | Step::Dropped => return ControlFlow::Continue(()),
            Step::Refused => return ControlFlow::Break(None),
        };
        *self = self.with(byte);
        match byte {
            // It ends every placeholder, so only one can be left.
            b']' => ControlFlow::Break(self.live.iter().find_map(|live| live.first())),
            _ if self.is_dead() => ControlFlow::Break(None),
            _ => ControlFlow::Continue(()),
        }
    }

    /// Those of them that go on with `byte`.
    fn with(&self, byte: u8) -> Self {
        let live = self.live.map(|live| {
            let start = live.partition_point(|live| live.byte(self.length) < Some(byte));
            let from = live.get(start..).unwrap_or_default();
            let end = from.partition_point(|live| live.byte(self.length) == Some(byte));
            from.get(..end).unwrap_or_default()
        });
        Self {
            fold: self.fold.clone(),
            length: self.length + 1,
            live,
        }
    }
}
