//! Payment cards, in one piece or in groups.

use crate::{
    bytes::class,
    check::bank,
    find::number::{Word, glued},
    near::Verdict,
    scan::Scan,
};

/// Looks for a card whose first digits this word is.
pub(crate) fn card(scan: &mut Scan<'_>, row: usize, word: Word) {
    let text = scan.text;
    if !matches!(text.at(word.start), b'2'..=b'6' | b'8' | b'9') || word.len() > 19 {
        return;
    }
    // Groups of other sizes are only looked at from their beginning.
    if word.len() < 4
        && matches!(text.before(word.start), b' ' | b'-' | b'.')
        && text.is(word.start.wrapping_sub(2), class::DIGIT)
    {
        return;
    }
    let mut number = [0_u8; 19];
    // The lengths of the groups read so far, four bits each: 0x4444 for four of four.
    let mut groups = 0_u128;
    let (mut len, mut at) = (0, word.start);
    let mut best = None;
    loop {
        let end = text.run(at, class::DIGIT, 20);
        for &byte in text.slice(at, end) {
            if let Some(place) = number.get_mut(len) {
                *place = byte;
            }
            len += 1;
        }
        if len > 19 || end == at {
            break;
        }
        groups = groups << 5 | (end - at) as u128;
        let whole =
            !(text.is(end, class::WORD) || text.at(end) == b'.' && text.is(end + 1, class::DIGIT));
        if len >= 12 && whole && number.get(..len).is_some_and(bank::card) {
            best = Some((end, usual(groups, len)));
        }
        if !matches!(text.at(end), b' ' | b'-' | b'.') || !text.is(end + 1, class::DIGIT) {
            break;
        }
        at = end + 1;
    }
    let Some((end, usual)) = best else { return };
    let bare = word.end == end;
    let hangs = glued(text, word.start, end) || text.before(word.start) == b'/';
    match scan.verdict(row, word.start, end) {
        Verdict::Supported(distance) if !hangs || distance <= 2 => {
            scan.supported(row, word.start, end, distance);
        }
        // Thirteen digits are more often an article's number.
        Verdict::Silent if usual && !hangs && !(bare && end - word.start < 14) => {
            scan.found(row, word.start, end);
        }
        // Numbers of orders are not written in the groups of a card with its check digit.
        Verdict::Denied if usual && !hangs && !bare => scan.found(row, word.start, end),
        _ => {}
    }
}

/// Whether cards are written in such groups.
fn usual(groups: u128, len: usize) -> bool {
    let group = |sizes: &[u128]| sizes.iter().fold(0, |groups, size| groups << 5 | size);
    groups == len as u128
        || [
            group(&[4, 4, 4, 4]),
            group(&[4, 4, 4, 4, 1]),
            group(&[4, 4, 4, 4, 2]),
            group(&[4, 4, 4, 4, 3]),
            group(&[4, 4, 4, 1]),
            group(&[4, 6, 5]),
            group(&[4, 6, 4]),
            group(&[4, 4, 4, 3]),
            group(&[4, 4, 4, 2]),
            group(&[6, 13]),
            group(&[8, 8]),
        ]
        .contains(&groups)
}
