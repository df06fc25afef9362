//! The placeholders of one exchange: which value goes by which name.
//!
//! A placeholder is `[TYPE_TAIL]`. The tail is a number (`[EMAIL_1]`), a number and the value's
//! last four characters (`[CARD_1_1111]`), or a keyed hash (`[EMAIL_k7q2mx]`). A type's name does
//! not end in a number of its own, a number begins with a digit and a hash with a letter: so no
//! two values, whatever their types, can get the same placeholder.
//!
//! Numbers are given per type by first appearance of the normalised value, so that a history
//! which is sent again gets the same ones. A number whose placeholder already stands in the
//! request is left out. Where a type is not restored, its placeholders come back with the next
//! turn and are skipped like any other text, so the value gets a new number then; such types
//! want a hash, which is the same in every request.
//!
//! The values live here alone, one copy of each; nothing prints them.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::rc::Rc;

use hmac::{Hmac, KeyInit, Mac};
use memchr::memchr_iter;
use sha2::Sha256;

use crate::restore::{Live, Restorer};

/// Characters of a type's name.
const MAX_NAME: usize = 32;
/// Characters between the brackets of the longest placeholder: the name, `_` and a number of
/// twenty digits with `_` and four more, or a hash of 32.
const MAX_INSIDE: usize = MAX_NAME + 1 + 32;
/// Characters of a hash, unless it clashes.
const HASH_CHARS: usize = 6;
/// Thirty-two characters a model copies well.
const ALPHABET: [char; 32] = [
    'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', 'p', 'q', 'r', 's',
    't', 'u', 'v', 'w', 'x', 'y', 'z', '2', '3', '4', '5', '6', '7',
];
/// Spaces and backslashes that may stand inside the brackets of one placeholder.
const TOLERATED: u8 = 16;

/// How the values of one type are marked, as the operator wants it.
#[derive(Clone, Debug)]
pub struct Mark {
    name: Rc<str>,
    naming: Naming,
    restore: Restore,
}

/// What stands in a placeholder after the type.
#[derive(Clone, Debug)]
pub enum Naming {
    /// A number: `[EMAIL_1]`.
    Numbered,
    /// A number and the last four letters or digits: `[CARD_1_1111]`. A value with fewer than
    /// eight of them shows none.
    LastFour,
    /// A hash under the operator's key, the same in every request: `[EMAIL_k7q2mx]`. Of two
    /// values with the same six characters in one exchange the later gets more of them.
    ///
    /// One that already stands in the request is not avoided: without the key it can only have
    /// got there as this value's own placeholder.
    Hashed(HashKey),
}

/// Where the values of a type are put back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restore {
    /// Everywhere in the answer.
    Always,
    /// In what a person reads, not in what goes to tools.
    ContentOnly,
    /// Nowhere.
    Never,
}

/// A type's name that placeholders cannot be made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadName;

impl fmt::Display for BadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a type's name is `A`-`Z`, then `A`-`Z`, `0`-`9` and `_`, at most {MAX_NAME} \
             characters, and does not end in `_` or in `_` and digits"
        )
    }
}

impl std::error::Error for BadName {}

impl Mark {
    /// Marks values as of the type `name`.
    ///
    /// # Errors
    /// When `name` is not `[A-Z][A-Z0-9_]*`, is longer than 32 characters, or ends in `_` or in
    /// `_` and digits, as which `[A_1_2]` could be the second `A_1` or the first `A`.
    pub fn new(name: &str, naming: Naming, restore: Restore) -> Result<Self, BadName> {
        let written = name.starts_with(|c: char| c.is_ascii_uppercase())
            && name
                .bytes()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
        let numbered = name
            .rsplit_once('_')
            .is_some_and(|(_, end)| end.bytes().all(|b| b.is_ascii_digit()));
        if !written || numbered || name.len() > MAX_NAME {
            return Err(BadName);
        }
        Ok(Self {
            name: name.into(),
            naming,
            restore,
        })
    }

    /// The type's name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// The operator's key for hashes.
#[derive(Clone)]
pub struct HashKey(Hmac<Sha256>);

impl HashKey {
    /// A key of any length; 32 random bytes are good.
    pub fn new(key: &[u8]) -> Self {
        // HMAC takes keys of every length; the error belongs to the trait.
        Self(Hmac::new_from_slice(key).unwrap_or_else(|_| Hmac::new(&Default::default())))
    }

    /// The hash of a value: a letter, then letters and digits, as many as there are bytes.
    fn hash(&self, name: &str, normalised: &str) -> String {
        let mut mac = self.0.clone();
        mac.update(name.as_bytes());
        // A name has no zero, so a longer name with a shorter value is other input.
        mac.update(&[0]);
        mac.update(normalised.as_bytes());
        let bytes = mac.finalize().into_bytes();
        let pick = |(at, byte): (usize, &u8)| {
            // The first sixteen are letters: a hash must not look like a number.
            let choices = if at == 0 { 16 } else { 32 };
            ALPHABET.get(usize::from(byte % choices))
        };
        bytes.iter().enumerate().filter_map(pick).collect()
    }
}

impl fmt::Debug for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashKey")
    }
}

/// The placeholders of one exchange.
///
/// ```
/// # use weir_pii::*;
/// let email = Mark::new("EMAIL", Naming::Numbered, Restore::Always)?;
/// let mut placeholders = Placeholders::default();
/// placeholders.note("Is [email_1] free? Ask Ada@x.org or ada@x.org.");
/// assert_eq!(placeholders.of(&email, "ada@x.org", "Ada@x.org"), "[EMAIL_2]");
/// assert_eq!(placeholders.of(&email, "ada@x.org", "ada@x.org"), "[EMAIL_2]");
///
/// let restorer = placeholders.into_restorer();
/// let content = Channel { content: true, depth: Depth::Text };
/// let mut room = 1000;
/// let restored = restorer.whole(content, &mut room, b"[EMAIL_2] it is, not [EMAIL_1].");
/// assert_eq!(restored.as_deref(), Some(&b"Ada@x.org it is, not [EMAIL_1]."[..]));
/// # Ok::<_, BadName>(())
/// ```
#[derive(Default)]
pub struct Placeholders {
    /// What looks like a placeholder in the request itself, folded, without the brackets.
    noted: BTreeSet<Box<str>>,
    types: Types,
    /// Values that stay as they are, by type.
    left: Left,
    /// Every hashed placeholder, to see clashes.
    hashed: BTreeSet<Rc<str>>,
    values: usize,
    always: Vec<Live>,
    content_only: Vec<Live>,
}

/// Names and normalised values.
pub(crate) type Left = BTreeSet<(Box<str>, Box<str>)>;

/// By name.
pub(crate) type Types = HashMap<Rc<str>, Type>;

#[derive(Default)]
pub(crate) struct Type {
    last: u32,
    /// From the normalised value. Clients choose the values, so the hash has a random key.
    pub(crate) placeholders: HashMap<Rc<str>, Rc<str>>,
}

impl Placeholders {
    /// How many distinct values get a placeholder of their own, and how many texts that look like
    /// one are kept in mind. A request with more of either is no conversation: further values
    /// become the bare `[EMAIL]`, which is not restored.
    pub const MAX: usize = 1 << 16;

    /// Takes note of what looks like a placeholder in a decoded text of the request, in any
    /// spelling the restorer would take for one.
    ///
    /// All texts have to be noted before the first value gets its placeholder.
    pub fn note(&mut self, text: &str) {
        for open in memchr_iter(b'[', text.as_bytes()) {
            let rest = text.as_bytes().get(open + 1..).unwrap_or_default();
            if self.noted.len() == Self::MAX {
                return;
            }
            if let Some(inside) = closed(rest) {
                self.noted.insert(inside.into());
            }
        }
    }

    /// The placeholder of a value of this type; values are the same when they are the same
    /// normalised. Restored is the spelling that came first.
    pub fn of(&mut self, mark: &Mark, normalised: &str, original: &str) -> String {
        let known = self.types.entry(Rc::clone(&mark.name)).or_default();
        if let Some(placeholder) = known.placeholders.get(normalised) {
            return placeholder.to_string();
        }
        if self.values.max(self.noted.len()) >= Self::MAX {
            return format!("[{}]", mark.name);
        }
        let written = match &mark.naming {
            Naming::Numbered => known.number(&mark.name, "", &self.noted),
            Naming::LastFour => known.number(&mark.name, &last_four(normalised), &self.noted),
            Naming::Hashed(key) => {
                let hash = key.hash(&mark.name, normalised);
                unclashing(&mark.name, &hash, &self.hashed)
            }
        };
        let placeholder: Rc<str> = written.as_str().into();
        if matches!(mark.naming, Naming::Hashed(_)) {
            self.hashed.insert(Rc::clone(&placeholder));
        }
        let normalised: Rc<str> = normalised.into();
        let live = || Live {
            placeholder: Rc::clone(&placeholder),
            original: if *normalised == *original {
                Rc::clone(&normalised)
            } else {
                original.into()
            },
        };
        match mark.restore {
            Restore::Always => self.always.push(live()),
            Restore::ContentOnly => self.content_only.push(live()),
            Restore::Never => {}
        }
        self.values += 1;
        known.placeholders.insert(normalised, placeholder);
        written
    }

    /// The placeholder that a value of this type already has.
    pub fn known(&self, name: &str, normalised: &str) -> Option<&str> {
        let of_type = self.types.get(name)?;
        of_type.placeholders.get(normalised).map(AsRef::as_ref)
    }

    /// Takes note of a value that stays in the request as it is, so that it is known as
    /// [`Restorer::brought`] by it.
    pub fn leave(&mut self, name: &str, normalised: &str) {
        if self.left.len() < Self::MAX {
            self.left.insert((name.into(), normalised.into()));
        }
    }

    /// What restores these values in the answer, once the request is done.
    pub fn into_restorer(self) -> Restorer {
        Restorer::new(self.types, self.left, self.always, self.content_only)
    }
}

impl Type {
    /// The next numbered placeholder that is not in the request already.
    fn number(&mut self, name: &str, last_four: &str, noted: &BTreeSet<Box<str>>) -> String {
        loop {
            self.last += 1;
            let number = self.last.to_string();
            // Formatting would cost more than all the rest of it.
            let placeholder = ["[", name, "_", &number, last_four, "]"].concat();
            let inside = placeholder.get(1..placeholder.len() - 1);
            if noted.is_empty() || inside.is_none_or(|inside| !noted.contains(inside)) {
                return placeholder;
            }
        }
    }
}

/// The shortest placeholder with this hash that no other value has.
fn unclashing(name: &str, hash: &str, taken: &BTreeSet<Rc<str>>) -> String {
    let mut placeholder = format!("[{name}_{hash}]");
    for chars in HASH_CHARS..hash.len() {
        let shorter = format!("[{name}_{}]", hash.get(..chars).unwrap_or(hash));
        if !taken.contains(shorter.as_str()) {
            placeholder = shorter;
            break;
        }
    }
    placeholder
}

/// `_` and the last four letters or digits; nothing where they would be half of the value.
fn last_four(normalised: &str) -> String {
    let shown: String = normalised
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_uppercase())
        .collect();
    match shown.len().checked_sub(4).filter(|&hidden| hidden >= 4) {
        Some(hidden) => format!("_{}", shown.get(hidden..).unwrap_or_default()),
        None => String::new(),
    }
}

/// What stands before the `]` that closes a placeholder, folded.
fn closed(rest: &[u8]) -> Option<String> {
    let mut fold = Fold::default();
    let mut inside = String::new();
    for &byte in rest {
        match fold.step(byte) {
            Step::Dropped | Step::Escape => {}
            Step::Kept(b']') => return Some(inside),
            Step::Kept(byte) if inside.len() < MAX_INSIDE => inside.push(byte.into()),
            Step::Kept(_) | Step::Refused => return None,
        }
    }
    None
}

/// What models do to a placeholder, undone: the inside in capitals, without spaces and without
/// the backslashes that Markdown wants before `_` and `]`.
#[derive(Clone, Default)]
pub(crate) struct Fold {
    dropped: u8,
    escaped: bool,
}

pub(crate) enum Step {
    /// Part of the placeholder, or the `]` that closes it.
    Kept(u8),
    /// A space: tolerated.
    Dropped,
    /// A backslash: tolerated when `_`, `]` or another one follows.
    Escape,
    /// No placeholder goes on like this.
    Refused,
}

impl Fold {
    /// Takes the next character after the `[`.
    pub(crate) fn step(&mut self, byte: u8) -> Step {
        match byte {
            b'\\' if self.dropped < TOLERATED => {
                self.dropped += 1;
                self.escaped = true;
                Step::Escape
            }
            b'_' | b']' => {
                self.escaped = false;
                Step::Kept(byte)
            }
            _ if self.escaped => Step::Refused,
            b' ' if self.dropped < TOLERATED => {
                self.dropped += 1;
                Step::Dropped
            }
            _ if byte.is_ascii_alphanumeric() => Step::Kept(byte.to_ascii_uppercase()),
            _ => Step::Refused,
        }
    }
}
