//! The detectors, one entry each: what sets one off, what proves it, which words around it speak
//! for it and which against.
//!
//! The table is data. What a trigger means is in [`crate::scan`] and the modules of `find`.

mod context;
mod national;
mod personal;
mod secrets;

use std::fmt;

use crate::settings::Kind;

/// Every detector there is, in the order of the README.
pub fn detectors() -> impl Iterator<Item = &'static Detector> {
    [
        personal::TABLE,
        national::TABLE,
        context::TABLE,
        secrets::TABLE,
    ]
    .into_iter()
    .flatten()
}

/// One kind of value and how it is found.
#[derive(Debug)]
pub struct Detector {
    /// The name in settings and placeholders: capitals, digits, underscores.
    pub name: &'static str,
    /// What family it belongs to.
    pub group: Group,
    /// Where such a number is given: a country's code, empty for everywhere.
    pub locale: &'static str,
    /// What must hold of a value, in words.
    pub validator: &'static str,
    /// How sure a finding is that has nothing but itself to speak for it.
    pub confidence: Confidence,
    /// Whether it is looked for unless the operator says otherwise.
    pub default_on: bool,
    /// What happens to a value unless the operator says otherwise.
    pub default_action: &'static str,
    /// A text in which one is found; secrets have theirs made from their shape.
    pub(crate) sample: &'static str,
    pub(crate) trigger: Trigger,
    /// Words that speak for it when they stand near.
    pub(crate) context: &'static [&'static str],
    /// Words that speak against it when they stand right before it, besides the common ones.
    pub(crate) counter: &'static [&'static str],
    pub(crate) normal: Normal,
}

impl Detector {
    /// The kind of what it finds.
    pub fn kind(&self) -> Kind {
        Kind::known(self.name)
    }

    /// A text in which it finds a value.
    pub fn example(&self) -> String {
        match self.trigger {
            Trigger::Forms(forms) if self.sample.is_empty() => {
                forms.first().map(Form::example).unwrap_or_default()
            }
            _ => self.sample.to_owned(),
        }
    }
}

/// The families of detectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Group {
    /// What anyone anywhere may have: addresses, telephones, cards.
    Personal,
    /// Numbers that a state gives its people.
    National,
    /// Numbers known by the words beside them.
    Contextual,
    /// Keys, tokens, passwords.
    Secret,
    /// Names, as far as words around them give them away.
    Name,
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Personal => "personal",
            Self::National => "national id",
            Self::Contextual => "by context",
            Self::Secret => "secret",
            Self::Name => "name",
        })
    }
}

/// How sure a finding is. Of findings that overlap the surer one is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Confidence {
    /// The shape fits and a word near it names it, or nothing else has this shape.
    Possible,
    /// The shape fits and so does a check digit or a word near it.
    Likely,
    /// A prefix, checksum or syntax that does not come about by chance.
    Certain,
}

/// What sets a detector off.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Trigger {
    /// A literal and what stands around it.
    Forms(&'static [Form]),
    /// Words of these shapes that hold a digit: `9` a digit, `A` a letter, `X` either, `~` one of
    /// space, dash and dot, anything else itself. A `?` in front: only beside a context word.
    Shapes(&'static [&'static str], fn(&[u8]) -> bool),
    /// A label, its value after it.
    Labels(&'static [&'static str], Value),
    /// A finder of its own.
    Own(Own),
}

/// What follows a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// Letters and digits, some of them digits: between so many characters.
    Code(usize, usize),
    /// A day.
    Date,
    /// Forty characters of base64.
    Base64(usize),
    /// What someone chose to be secret.
    Password,
    /// What a machine made to be secret.
    Token,
}

/// The finders that are more than a row of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Own {
    Email,
    Phone,
    Card,
    Iban,
    Ip,
    Mac,
    CryptoAddress,
    WalletKey,
    Url,
    ConnectionString,
    SentryDsn,
    PrivateKey,
    Jwt,
    Basic,
    Discord,
    Twilio,
    Mailchimp,
    Name,
}

/// A literal with what must stand before and after it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Form {
    /// How many letters and digits before the literal belong to it: fewest and most.
    pub(crate) before: (usize, usize),
    pub(crate) literal: &'static str,
    pub(crate) tail: &'static [Part],
    /// Whether the literal is not itself secret and stays.
    pub(crate) keep_literal: bool,
}

/// A piece of what follows a literal.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Part {
    /// As many bytes of the classes as there are: fewest and most.
    Run(u16, usize, usize),
    Lit(&'static str),
}

impl Form {
    pub(crate) const fn new(literal: &'static str, tail: &'static [Part]) -> Self {
        Self {
            before: (0, 0),
            literal,
            tail,
            keep_literal: false,
        }
    }

    /// A value of this form that nobody has: the places filled by a fixed sequence.
    fn example(&self) -> String {
        let mut made = Filler(0x2545_f491);
        let mut text = made.run(crate::bytes::class::DIGIT, self.before.0);
        text.push_str(self.literal);
        for part in self.tail {
            match *part {
                Part::Lit(literal) => text.push_str(literal),
                Part::Run(classes, fewest, _) => text.push_str(&made.run(classes, fewest)),
            }
        }
        text
    }
}

/// A sequence that looks like chance and is always the same.
struct Filler(u32);

impl Filler {
    fn run(&mut self, classes: u16, len: usize) -> String {
        let classes = classes & (crate::bytes::class::ALNUM | crate::bytes::class::HEX);
        let known = |byte: &u8| byte.is_ascii_alphanumeric() && crate::bytes::is(*byte, classes);
        let alphabet: Vec<u8> = (b'0'..=b'z').filter(known).collect();
        let mut run = String::new();
        for _ in 0..len {
            self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let at = (self.0 >> 16) as usize % alphabet.len().max(1);
            run.extend(alphabet.get(at).map(|&byte| char::from(byte)));
        }
        run
    }
}

/// What makes two spellings the same value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Normal {
    /// Every character counts.
    Exact,
    /// Letters and digits only, in capitals.
    Compact,
    /// Small letters, obfuscations undone.
    Email,
    /// Digits, with the country's code where it is known.
    Phone,
    /// As the standard library writes it.
    Ip,
    /// Small letters, one space between words.
    Words,
}
