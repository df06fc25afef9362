//! The walk over words that hold a digit, and what is looked for at each.

use crate::{
    bytes::{Bytes, class},
    check::{bank, crypto},
    find::{Shape, card, net, phone, secret},
    near::Verdict,
    scan::Scan,
};

/// The longest word that can be anything we look for; the rest is base64 or noise.
const LONGEST_WORD: usize = 64;
/// The longest number without its separators.
const LONGEST_NUMBER: usize = 34;

/// How far the finders that look over several words have come, so that none looks twice.
#[derive(Default)]
pub(crate) struct Done {
    pub(crate) phone: usize,
    pub(crate) hex: usize,
}

/// Where the first digit stands.
fn first_digit(text: &[u8]) -> Option<usize> {
    // A block without early exit is what the compiler turns into vector instructions.
    let none = |block: &&[u8]| {
        !block
            .iter()
            .fold(false, |any, byte| any | byte.is_ascii_digit())
    };
    let skipped = 16 * text.chunks_exact(16).take_while(none).count();
    let rest = text.get(skipped..)?;
    Some(skipped + rest.iter().position(u8::is_ascii_digit)?)
}

/// A run of letters and digits with at least one digit.
#[derive(Clone, Copy)]
pub(crate) struct Word {
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// Whether it is digits only.
    pub(crate) pure: bool,
}

impl Word {
    pub(crate) fn len(self) -> usize {
        self.end - self.start
    }
}

/// Looks at every word that holds a digit.
pub(crate) fn walk(scan: &mut Scan<'_>) {
    let text = scan.text;
    let mut done = Done::default();
    let mut at = 0;
    while let Some(found) = text.0.get(at..).and_then(first_digit) {
        let digit = at + found;
        let start = text.run_back(digit, class::ALNUM, found);
        let end = text.run(digit, class::ALNUM, usize::MAX);
        let pure = start == digit && text.run(digit, class::DIGIT, usize::MAX) == end;
        let word = Word { start, end, pure };
        if word.len() <= LONGEST_WORD {
            look(scan, word, &mut done);
        }
        at = end;
    }
}

fn look(scan: &mut Scan<'_>, word: Word, done: &mut Done) {
    let text = scan.text;
    let scanner = scan.scanner;
    let known = if word.pure {
        &scanner.shapes.digits
    } else {
        &scanner.shapes.mixed
    };
    try_shapes(scan, known, word.start, word.end);
    // A first word of letters only, in front of this one.
    if matches!(text.before(word.start), b' ' | b'-') {
        let before = word.start - 1;
        let first = text.run_back(before, class::LETTER, 8);
        if !text.is(first.wrapping_sub(1), class::ALNUM) {
            try_shapes(scan, &scanner.shapes.letters, first, before);
        }
    }
    if let Some(row) = scanner.shapes.iban {
        iban(scan, row, word);
    }
    if word.pure {
        if let Some(row) = scanner.shapes.card {
            card::card(scan, row, word);
        }
        if let Some(row) = scanner.shapes.phone {
            phone::phone(scan, row, word, done);
        }
        if let Some(row) = scanner.shapes.ip {
            net::ipv4(scan, row, word);
        }
    } else {
        mixed(scan, word);
    }
    net::hex_groups(scan, word, done);
}

fn mixed(scan: &mut Scan<'_>, word: Word) {
    let text = scan.text;
    let shapes = &scan.scanner.shapes;
    let raw = text.slice(word.start, word.end);
    if let Some(row) = shapes.crypto {
        let ethereum = raw.len() == 42
            && raw.starts_with(b"0x")
            && text.run(word.start + 2, class::HEX, 40) == word.end;
        if ethereum
            || matches!(
                raw.first(),
                Some(b'1' | b'3' | b'L' | b'M' | b'D' | b'X' | b'T' | b'A' | b'9')
            ) && crypto::base58_address(raw)
        {
            scan.found(row, word.start, word.end);
        }
    }
    if let Some(row) = shapes.wallet
        && matches!(raw.first(), Some(b'5' | b'K' | b'L'))
        && crypto::wallet_key(raw)
    {
        scan.found(row, word.start, word.end);
    }
    if let Some(row) = shapes.twilio
        && word.len() == 34
        && (raw.starts_with(b"AC") || raw.starts_with(b"SK"))
        && text.run(word.start + 2, class::HEX_SMALL, 32) == word.end
        && secret::made(raw)
    {
        scan.found(row, word.start, word.end);
    }
    if let Some(row) = shapes.mailchimp
        && word.len() == 32
        && text.starts(word.end, b"-us")
        && text.run(word.start, class::HEX_SMALL, 32) == word.end
    {
        let end = text.run(word.end + 3, class::DIGIT, 2);
        if end > word.end + 3 {
            scan.found(row, word.start, end);
        }
    }
    if let Some(row) = shapes.discord
        && (22..=30).contains(&word.len())
        && text.at(word.end) == b'.'
    {
        secret::discord(scan, row, word);
    }
}

/// A bech32 address whose prefix begins at `at`.
pub(crate) fn bech32(scan: &mut Scan<'_>, row: usize, at: usize) {
    let text = scan.text;
    let end = text.run(at, class::ALNUM, 121);
    if !text.is(at.wrapping_sub(1), class::ALNUM) && crypto::bech32(text.slice(at, end)) {
        scan.found(row, at, end);
    }
}

fn iban(scan: &mut Scan<'_>, row: usize, word: Word) {
    let text = scan.text;
    // `DE 89 …`: the country stands apart.
    let apart = word.pure && word.len() == 2 && text.before(word.start) == b' ';
    let start = if apart {
        word.start.saturating_sub(3)
    } else {
        word.start
    };
    let digits = if apart { word.start } else { start + 2 };
    if !text.is(start, class::LETTER)
        || !text.is(start + 1, class::LETTER)
        || !text.is(digits, class::DIGIT)
        || !text.is(digits + 1, class::DIGIT)
        || text.is(start.wrapping_sub(1), class::ALNUM)
    {
        return;
    }
    let country = [
        text.at(start).to_ascii_uppercase(),
        text.at(start + 1).to_ascii_uppercase(),
    ];
    let Some(len) = bank::iban_len(&country) else {
        return;
    };
    let mut number = [0_u8; LONGEST_NUMBER];
    let mut at = start;
    for place in number.iter_mut().take(len) {
        if !text.is(at, class::ALNUM) {
            at += 1;
        }
        if !text.is(at, class::ALNUM) {
            return;
        }
        *place = text.at(at).to_ascii_uppercase();
        at += 1;
    }
    let separators_fit = text
        .slice(start, at)
        .iter()
        .all(|&byte| byte.is_ascii_alphanumeric() || matches!(byte, b' ' | b'-' | b'.'));
    if separators_fit && !text.is(at, class::ALNUM) && number.get(..len).is_some_and(bank::iban) {
        scan.found(row, start, at);
    }
}

/// The shapes whose first word may be the one from `start` to `end`.
fn try_shapes(scan: &mut Scan<'_>, known: &[Vec<Shape>], start: usize, end: usize) {
    let text = scan.text;
    let right = text.at(end);
    for shape in known.get(end - start).into_iter().flatten() {
        // What follows the word rules most of them out.
        let goes_on = match shape.then {
            None => !open(text, end),
            Some(b'~') => matches!(right, b' ' | b'-' | b'.'),
            Some(wanted) => right == wanted,
        };
        if goes_on {
            try_shape(scan, shape, start);
        }
    }
}

/// The shape at this place, if it fits, its check holds and the words around allow it.
fn try_shape(scan: &mut Scan<'_>, shape: &Shape, start: usize) {
    let text = scan.text;
    let Some((end, small)) = fits(text, shape.pattern, start) else {
        return;
    };
    let mut compact = [0_u8; LONGEST_NUMBER];
    let mut len = 0;
    for &byte in text
        .slice(start, end)
        .iter()
        .filter(|byte| byte.is_ascii_alphanumeric())
    {
        if let Some(place) = compact.get_mut(len) {
            *place = byte.to_ascii_uppercase();
            len += 1;
        }
    }
    if !compact
        .get(..len)
        .is_some_and(|compact| (shape.check)(compact))
        || continues(text, shape.pattern, start, end)
    {
        return;
    }
    let glued = glued(text, start, end);
    match scan.verdict(shape.row, start, end) {
        Verdict::Supported(distance) if !glued || distance <= 2 => {
            scan.supported(shape.row, start, end, distance);
        }
        Verdict::Silent if !shape.needs_context && !glued && !small => {
            scan.found(shape.row, start, end);
        }
        _ => {}
    }
}

/// Where the shape that begins at `start` ends, and whether there are small letters in it.
fn fits(text: Bytes<'_>, pattern: &[u8], start: usize) -> Option<(usize, bool)> {
    let mut small = false;
    for (offset, &wanted) in pattern.iter().enumerate() {
        let byte = text.at(start + offset);
        let fits = match wanted {
            b'9' => byte.is_ascii_digit(),
            b'A' => byte.is_ascii_alphabetic(),
            b'X' => byte.is_ascii_alphanumeric(),
            b'~' => matches!(byte, b' ' | b'-' | b'.'),
            _ => byte == wanted,
        };
        if !fits {
            return None;
        }
        small |= byte.is_ascii_lowercase();
    }
    let end = start + pattern.len();
    (!open(text, end)).then_some((end, small))
}

/// Whether what ends here goes on: `1` before `2`, `_`, `-x`, `/x`, `.5`.
fn open(text: Bytes<'_>, end: usize) -> bool {
    let right = text.at(end);
    right.is_ascii_alphanumeric()
        || right == b'_'
        || matches!(right, b'-' | b'/' | b'.')
            && text.is(end + 1, class::ALNUM)
            && !(right == b'.' && text.is(end + 1, class::LETTER))
}

/// Whether the groups of digits go on in front or behind: a longer number in groups of this size.
fn continues(text: Bytes<'_>, pattern: &[u8], start: usize, end: usize) -> bool {
    let separator = |byte: &u8| matches!(byte, b' ' | b'-' | b'.' | b'~');
    if !pattern.iter().any(separator) {
        return false;
    }
    let group = |mut groups: std::slice::Split<'_, u8, _>| groups.next().map_or(0, <[u8]>::len);
    let first = group(pattern.split(separator));
    let last = pattern.rsplit(separator).next().map_or(0, <[u8]>::len);
    let behind = matches!(text.at(end), b' ' | b'-')
        && text.is(end + 1, class::DIGIT)
        && text.run(end + 1, class::DIGIT, 20) - (end + 1) == last;
    let front = matches!(text.before(start), b' ' | b'-')
        && text.is(start.wrapping_sub(2), class::DIGIT)
        && start - 1 - text.run_back(start - 1, class::DIGIT, 20) == first;
    behind || front
}

/// Whether the place hangs on to something in front of it: `a-`, `3.`, `id_`, `#`, `$`, `1,`.
pub(crate) fn glued(text: Bytes<'_>, start: usize, end: usize) -> bool {
    let further = text.at(start.wrapping_sub(2));
    match text.before(start) {
        b'-' | b'.' | b'_' | b'/' | b'+' | b'\\' => {
            further.is_ascii_alphanumeric() && (text.before(start) != b'\\')
        }
        b':' => further.is_ascii_digit(),
        // The argument of a function.
        b'(' => further.is_ascii_alphanumeric(),
        // A group of thousands, not the next field of a list.
        b',' => {
            further.is_ascii_digit()
                && text.run(start, class::DIGIT, 4) == start + 3
                && !matches!(text.at(start + 3), b'-' | b' ')
        }
        b'#' | b'$' => true,
        byte if byte.is_ascii_alphanumeric() => true,
        _ => text.slice(end, end + 1) == b"%",
    }
}
