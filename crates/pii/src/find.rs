//! The finders: what looks at a place once something there set it off.

pub(crate) mod card;
pub(crate) mod columns;
mod date;
pub(crate) mod email;
mod keyed;
pub(crate) mod label;
pub(crate) mod name;
pub(crate) mod net;
pub(crate) mod number;
pub(crate) mod phone;
pub(crate) mod secret;
pub(crate) mod url;

use crate::{scan::Scan, table::Own};

/// The literals that set off a finder of its own; those without any are set off by `@` or by a
/// word that holds a digit.
pub(crate) fn literals(own: Own) -> &'static [&'static str] {
    match own {
        Own::Email => email::LITERALS,
        Own::Url | Own::ConnectionString | Own::SentryDsn => &["://"],
        Own::PrivateKey => &["-----BEGIN "],
        Own::Jwt => &["eyJ"],
        Own::Basic => &["basic "],
        Own::CryptoAddress => &["bc1", "ltc1", "addr1", "tb1"],
        Own::Name => name::LITERALS,
        _ => &[],
    }
}

/// Lets the finder look at its literal.
pub(crate) fn own(scan: &mut Scan<'_>, row: usize, own: Own, start: usize, end: usize) {
    match own {
        Own::Email => email::obfuscated(scan, row, start, end),
        Own::Url | Own::ConnectionString | Own::SentryDsn => url::url(scan, row, own, start, end),
        Own::PrivateKey => secret::private_key(scan, row, start, end),
        Own::Jwt => secret::jwt(scan, row, start),
        Own::Basic => secret::basic(scan, row, start, end),
        Own::CryptoAddress => number::bech32(scan, row, start),
        Own::Name => name::name(scan, row, start, end),
        _ => {}
    }
}

/// What looks at words that hold a digit: shapes by the length of their first word, and the rows
/// of the finders that need no literal.
#[derive(Default)]
pub(crate) struct Shapes {
    /// By length, for first words of digits, with a letter among them, and of letters only.
    pub(crate) digits: Vec<Vec<Shape>>,
    pub(crate) mixed: Vec<Vec<Shape>>,
    pub(crate) letters: Vec<Vec<Shape>>,
    pub(crate) email: Option<usize>,
    pub(crate) phone: Option<usize>,
    pub(crate) card: Option<usize>,
    pub(crate) iban: Option<usize>,
    pub(crate) ip: Option<usize>,
    pub(crate) mac: Option<usize>,
    pub(crate) crypto: Option<usize>,
    pub(crate) wallet: Option<usize>,
    pub(crate) discord: Option<usize>,
    pub(crate) twilio: Option<usize>,
    pub(crate) mailchimp: Option<usize>,
}

/// A shape a row looks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) row: usize,
    pub(crate) pattern: &'static [u8],
    /// What stands in the pattern after its first word, if anything.
    pub(crate) then: Option<u8>,
    /// Whether it counts only beside a context word.
    pub(crate) needs_context: bool,
    pub(crate) check: fn(&[u8]) -> bool,
}

impl Shapes {
    pub(crate) fn add(&mut self, row: usize, shape: &'static str, check: fn(&[u8]) -> bool) {
        let (needs_context, pattern) = match shape.strip_prefix('?') {
            Some(pattern) => (true, pattern),
            None => (false, shape),
        };
        let is_word = |c: char| c.is_ascii_alphanumeric();
        let first = pattern.split(|c| !is_word(c)).next().unwrap_or_default();
        let shape = Shape {
            row,
            pattern: pattern.as_bytes(),
            then: pattern.as_bytes().get(first.len()).copied(),
            needs_context,
            check,
        };
        let put = |into: &mut Vec<Vec<Shape>>| {
            if into.len() <= first.len() {
                into.resize(first.len() + 1, Vec::new());
            }
            if let Some(place) = into.get_mut(first.len()) {
                place.push(shape);
            }
        };
        if !first.contains('A') {
            put(&mut self.digits);
        }
        if !first.contains('9') && !first.contains('X') {
            put(&mut self.letters);
        } else if first.contains(['A', 'X']) {
            put(&mut self.mixed);
        }
    }

    pub(crate) fn own(&mut self, own: Own, row: usize) {
        let place = match own {
            Own::Email => &mut self.email,
            Own::Phone => &mut self.phone,
            Own::Card => &mut self.card,
            Own::Iban => &mut self.iban,
            Own::Ip => &mut self.ip,
            Own::Mac => &mut self.mac,
            Own::CryptoAddress => &mut self.crypto,
            Own::WalletKey => &mut self.wallet,
            Own::Discord => &mut self.discord,
            Own::Twilio => &mut self.twilio,
            Own::Mailchimp => &mut self.mailchimp,
            _ => return,
        };
        *place = Some(row);
    }
}
