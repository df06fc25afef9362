//! IP and MAC addresses.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::{
    bytes::class,
    check::other,
    find::number::{Done, Word, glued},
    near::Verdict,
    scan::Scan,
};

/// Looks for an IPv4 address whose first number this word is.
pub(crate) fn ipv4(scan: &mut Scan<'_>, row: usize, word: Word) {
    let text = scan.text;
    if word.len() > 3 || text.at(word.end) != b'.' {
        return;
    }
    let mut octets = [0_u8; 4];
    let mut at = word.start;
    for (place, octet) in octets.iter_mut().enumerate() {
        if place > 0 {
            if text.at(at) != b'.' {
                return;
            }
            at += 1;
        }
        let end = text.run(at, class::DIGIT, 4);
        let number =
            crate::check::number(text.slice(at, end)).and_then(|number| u8::try_from(number).ok());
        let Some(number) = number.filter(|_| end - at == 1 || text.at(at) != b'0') else {
            return;
        };
        *octet = number;
        at = end;
    }
    let address = Ipv4Addr::from(octets);
    let right = text.at(at);
    let goes_on = right.is_ascii_alphanumeric()
        || matches!(right, b'_')
        || matches!(right, b'.' | b'-' | b'+') && text.is(at + 1, class::ALNUM);
    let bits = address.to_bits();
    let mask = bits.leading_ones() + bits.trailing_zeros() >= 32 && bits.leading_ones() >= 8;
    let nobody =
        address.is_loopback() || address.is_unspecified() || address.is_broadcast() || mask;
    // `Chrome/1.2.3.4` is a version, `http://1.2.3.4` is not; nor is `10-1.2.3.4` an address.
    let before = text.before(word.start);
    let versioned = before == b'/' && text.is(word.start.wrapping_sub(2), class::ALNUM)
        || matches!(before, b'v' | b'V' | b'^' | b'~' | b'$' | b'<' | b'>') && before != b'>'
        || before == b'='
            && matches!(
                text.at(word.start.wrapping_sub(2)),
                b'=' | b'>' | b'<' | b'~' | b'!'
            )
        || matches!(before, b'.' | b'-') && text.is(word.start.wrapping_sub(2), class::ALNUM)
        || before.is_ascii_alphanumeric();
    if goes_on || nobody || versioned || octets.first() == Some(&0) {
        return;
    }
    // One like 2.0.0.0 or 1.2.0.0 is more often a version.
    let round = octets.get(2..) == Some(&[0, 0]);
    match scan.verdict(row, word.start, at) {
        Verdict::Supported(distance) => scan.supported(row, word.start, at, distance),
        Verdict::Silent if !round => scan.found(row, word.start, at),
        _ => {}
    }
}

/// Looks for an IPv6 or MAC address around this word, if there are colons or dashes at it.
pub(crate) fn hex_groups(scan: &mut Scan<'_>, word: Word, done: &mut Done) {
    let text = scan.text;
    if word.start < done.hex || word.len() > 4 || text.run(word.start, class::HEX, 4) != word.end {
        return;
    }
    let separator = match (text.before(word.start), text.at(word.end)) {
        (b':', _) | (_, b':') => b':',
        (b'-', _) | (_, b'-') if word.len() == 2 => b'-',
        (b'.', _) | (_, b'.') if word.len() == 4 => b'.',
        _ => return,
    };
    let part = |byte: u8| byte == separator || byte.is_ascii_hexdigit();
    let most = word.start - word.start.saturating_sub(45).max(done.hex);
    let back = text
        .slice(word.start - most, word.start)
        .iter()
        .rev()
        .position(|&byte| !part(byte));
    let start = word.start - back.unwrap_or(most);
    let rest = text.slice(word.end, word.end + 50);
    let forth = rest.iter().position(|&byte| !part(byte));
    let mut end = word.end + forth.unwrap_or(rest.len());
    done.hex = end;
    let raw = text.slice(start, end);
    if let Some(row) = scan.scanner.shapes.mac
        && let Some((start, end)) = mac(raw, separator).map(|(from, to)| (start + from, start + to))
        && !glued(text, start, end)
        && !text.is(end, class::WORD)
    {
        scan.found(row, start, end);
        return;
    }
    let Some(row) = scan.scanner.shapes.ip.filter(|_| separator == b':') else {
        return;
    };
    // An IPv4 address at the end; a colon that belongs to the sentence.
    let dotted = text.run(end, class::DIGIT | class::DOT, 12);
    let mut start = start;
    if text.at(start) == b':' && text.at(start + 1) != b':' {
        start += 1;
    }
    if dotted > end && text.at(end) == b'.' && text.is(end + 1, class::DIGIT) {
        end = dotted;
    }
    while text.before(end) == b':' && text.at(end.wrapping_sub(2)) != b':'
        || text.before(end) == b'.'
    {
        end -= 1;
    }
    let raw = text.slice(start, end);
    let address = std::str::from_utf8(raw)
        .ok()
        .and_then(|raw| raw.parse::<Ipv6Addr>().ok());
    let Some(address) = address else { return };
    // Short ones and those of short groups are times, scores, paths of C++.
    let group = raw
        .split(|&byte| byte == b':')
        .map(<[u8]>::len)
        .max()
        .unwrap_or(0);
    let alone = !text.is(end, class::WORD) && !text.is(start.wrapping_sub(1), class::WORD);
    if alone && group >= 3 && raw.len() >= 6 && !address.is_loopback() && !address.is_unspecified()
    {
        scan.found(row, start, end);
    }
}

/// A MAC address at the beginning of the groups, or all of them.
fn mac(raw: &[u8], separator: u8) -> Option<(usize, usize)> {
    let from = usize::from(raw.first() == Some(&separator));
    let trimmed = raw.get(from..)?;
    let size = if separator == b'.' { 4 } else { 2 };
    let mut compact = [0; 12];
    let mut len = 0;
    let mut to = from;
    for group in trimmed.split(|&byte| byte == separator) {
        if group.len() != size || len >= 12 {
            break;
        }
        compact.get_mut(len..len + size)?.copy_from_slice(group);
        len += size;
        to += size + 1;
    }
    let whole = to >= raw.len() || raw.get(to..).is_some_and(<[u8]>::is_empty);
    (len == 12 && whole && other::mac(&compact)).then(|| (from, to - 1))
}
