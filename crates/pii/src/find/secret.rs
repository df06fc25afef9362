//! Keys and tokens that a prefix or their syntax gives away.

use crate::{
    bytes::{Bytes, class},
    find::number::Word,
    lists::Within,
    scan::Scan,
    table::{Form, Part},
};

/// The longest part of a token, and the longest key in armour.
const LONGEST: usize = 16 << 10;

/// What values that stand for a secret are made of.
static STAND_INS: Within = Within::new(&[
    "example",
    "your",
    "placeholder",
    "redacted",
    "xxxx",
    "changeme",
    "insert",
    "dummy",
    "sample",
    "replace",
    "fake",
]);

/// Looks at the literal of a vendor's key.
pub(crate) fn form(scan: &mut Scan<'_>, row: usize, form: &Form, at: usize) {
    let text = scan.text;
    if !text.starts(at, form.literal.as_bytes()) {
        return;
    }
    let mut start = text.run_back(at, class::ALNUM, form.before.1);
    if at - start < form.before.0
        || form.before.1 > 0 && text.is(start.wrapping_sub(1), class::ALNUM)
    {
        return;
    }
    if form.before.1 == 0 && !opens(text, start) {
        return;
    }
    let body = at + form.literal.len();
    let mut end = body;
    for part in form.tail {
        match *part {
            Part::Lit(literal) if text.starts(end, literal.as_bytes()) => end += literal.len(),
            Part::Run(classes, fewest, most) => {
                let run = text.run(end, classes, most);
                if run - end < fewest {
                    return;
                }
                end = run;
            }
            Part::Lit(_) => return,
        }
    }
    while end > body && matches!(text.before(end), b'.' | b'%') {
        end -= 1;
    }
    if form.keep_literal {
        start = body;
    }
    let secret = if form.tail.is_empty() {
        text.slice(start, end)
    } else {
        text.slice(body.min(end), end)
    };
    if !text.is(end, class::ALNUM) && made(secret) {
        scan.found(row, start, end);
    }
}

/// Whether a key may begin here: not inside a word, unless an escape ends there.
fn opens(text: Bytes<'_>, start: usize) -> bool {
    if !text.is(start.wrapping_sub(1), class::WORD) {
        return true;
    }
    let escape =
        text.at(start.wrapping_sub(2)) == b'\\' && matches!(text.before(start), b'n' | b't' | b'r');
    escape || text.at(start.wrapping_sub(3)) == b'%'
}

/// Whether a machine made this up: digits or both cases, many different characters, no words that
/// stand for a secret, no run of one character.
pub(crate) fn made(secret: &[u8]) -> bool {
    // The bytes seen by their high bits, as bits of the low ones.
    let mut seen = [0_u64; 4];
    let (mut digits, mut capitals, mut small) = (0, 0, 0);
    let (mut run, mut last) = (0, 0);
    for &byte in secret.iter().take(256) {
        if let Some(seen) = seen.get_mut(usize::from(byte >> 6)) {
            *seen |= 1 << (byte & 63);
        }
        digits += usize::from(byte.is_ascii_digit());
        capitals += usize::from(byte.is_ascii_uppercase());
        small += usize::from(byte.is_ascii_lowercase());
        // Some tokens of AWS hold ten slashes in a row.
        run = if byte == last && byte != b'/' {
            run + 1
        } else {
            1
        };
        last = byte;
        if run >= 7 {
            return false;
        }
    }
    // Only those of ASCII count.
    let distinct: u32 = seen.iter().take(2).map(|seen| seen.count_ones()).sum();
    let mixed =
        digits > 0 && (capitals + small > 0 || secret.len() >= 20) || capitals > 2 && small > 2;
    mixed && distinct as usize >= (secret.len() / 3).min(8) && !stands_in(secret)
}

/// Whether it holds a word that stands for a secret.
pub(crate) fn stands_in(secret: &[u8]) -> bool {
    let secret = secret.get(..secret.len().min(128)).unwrap_or_default();
    STAND_INS.is_in(secret)
}

/// Looks at a token that begins like base64 of `{"`.
pub(crate) fn jwt(scan: &mut Scan<'_>, row: usize, start: usize) {
    let text = scan.text;
    if !text.starts(start, b"eyJ")
        || text.is(start.wrapping_sub(1), class::BASE64URL) && !opens(text, start)
    {
        return;
    }
    let mut end = start;
    let mut parts = 0;
    loop {
        let run = text.run(end, class::BASE64URL, LONGEST);
        // The second part of five may be empty.
        if run - end < 8 && !(parts == 1 && run == end) {
            break;
        }
        parts += 1;
        end = run;
        if parts == 5 || text.at(end) != b'.' || !text.is(end + 1, class::BASE64URL | class::DOT) {
            break;
        }
        end += 1;
    }
    if text.before(end) == b'.' {
        end -= 1;
    }
    if parts >= 3 && !text.is(end, class::ALNUM) {
        scan.found(row, start, end);
    }
}

/// Looks at the armour of a private key, to its end or where it stops being one.
pub(crate) fn private_key(scan: &mut Scan<'_>, row: usize, start: usize, end: usize) {
    let text = scan.text;
    let label = text.slice(end, end + 48);
    let Some(label_end) = label.windows(5).position(|five| five == b"-----") else {
        return;
    };
    let name = label.get(..label_end).unwrap_or_default();
    if !name.windows(11).any(|part| part == b"PRIVATE KEY") {
        return;
    }
    let body = end + label_end + 5;
    let window = text.slice(body, body + LONGEST);
    let part = |byte: u8| {
        crate::bytes::is(byte, class::BASE64 | class::EQUALS | class::SPACE)
            || matches!(byte, b'\\' | b':' | b',' | b'"' | b'\'' | b'|' | b'>')
    };
    let mut at = 0;
    while let Some(&byte) = window.get(at) {
        // A header such as `DEK-Info` has single dashes, the end has five.
        if byte == b'-' && window.get(at..at + 5) == Some(b"-----")
            || byte != b'-' && byte != b'.' && !part(byte)
        {
            break;
        }
        at += 1;
    }
    let mut last = body + at;
    if text.starts(last, b"-----END ") {
        let tail = text.slice(last + 9, last + 64);
        last += tail
            .windows(5)
            .position(|five| five == b"-----")
            .map_or(9, |at| 9 + at + 5);
    } else {
        last = cut_off(text, body, last);
    }
    if last >= body + 16 && !stands_in(text.slice(body, (body + 60).min(last))) {
        scan.found(row, start, last);
    }
}

/// Where a key without an end stops: after the last of its long lines, before any prose.
fn cut_off(text: Bytes<'_>, body: usize, end: usize) -> usize {
    let (mut at, mut last) = (body, body);
    while at < end {
        let word = text.run(at, class::BASE64 | class::EQUALS, LONGEST);
        if word - at >= 16 {
            last = word;
        } else if last > body && word > at && text.before(at) != b'\\' {
            break;
        }
        at = word.max(at + 1);
    }
    last
}

/// Looks at what follows `Basic`.
pub(crate) fn basic(scan: &mut Scan<'_>, row: usize, start: usize, end: usize) {
    let text = scan.text;
    let mut last = text.run(end, class::BASE64, 512);
    last = text.run(last, class::EQUALS, 2);
    let encoded = text.slice(end, last);
    if text.is(start.wrapping_sub(1), class::WORD) || encoded.len() < 8 {
        return;
    }
    let (mut bits, mut have, mut colon) = (0_u32, 0, false);
    for &byte in encoded.iter().filter(|&&byte| byte != b'=') {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            _ => 63,
        };
        bits = bits << 6 | u32::from(value);
        have += 6;
        if have >= 8 {
            have -= 8;
            let decoded = u8::try_from(bits >> have & 0xff).unwrap_or(0);
            if decoded < b' ' || decoded == 0x7f {
                return;
            }
            colon |= decoded == b':';
        }
    }
    if colon {
        scan.found(row, end, last);
    }
}

/// Looks at a word that may be a user's number in base64, with two more parts behind it.
pub(crate) fn discord(scan: &mut Scan<'_>, row: usize, word: Word) {
    let text = scan.text;
    let time = text.run(word.end + 1, class::BASE64URL, 8);
    let end = text.run(time + 1, class::BASE64URL, 64);
    let opens = matches!(text.at(word.start), b'M' | b'N' | b'O');
    if opens
        && text.at(time) == b'.'
        && (5..=7).contains(&(time - word.end - 1))
        && (27..=60).contains(&(end - time - 1))
    {
        scan.found(row, word.start, end);
    }
}
