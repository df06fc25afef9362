//! Names that an introduction or an honorific gives away. Off by default: a name without either
//! cannot be told from other words by its shape.

use crate::{bytes::class, near::bounded, scan::Scan};

/// What stands before a name.
pub(crate) const LITERALS: &[&str] = &[
    "my name is ",
    "i am called ",
    "this is ",
    "name: ",
    "signed, ",
    "regards,\n",
    "sincerely,\n",
    "mr. ",
    "mrs. ",
    "ms. ",
    "mr ",
    "mrs ",
    "ms ",
    "dr. ",
    "dr ",
    "prof. ",
    "professor ",
    "sir ",
    "dear ",
    "ich heiße ",
    "mein name ist ",
    "herr ",
    "frau ",
    "je m'appelle ",
    "monsieur ",
    "madame ",
    "me llamo ",
    "mi nombre es ",
    "señor ",
    "señora ",
    "mi chiamo ",
    "signor ",
    "signora ",
    "meu nome é ",
    "我叫",
    "我的名字是",
];

/// Looks for up to four capitalised words.
pub(crate) fn name(scan: &mut Scan<'_>, row: usize, start: usize, end: usize) {
    let text = scan.text;
    if !bounded(text, start, end.saturating_sub(1), true) {
        return;
    }
    let (mut at, mut last, mut words) = (end, end, 0);
    while words < 4 && text.is(at, class::UPPER | class::BEYOND) {
        let mut word = text.run(at, class::LETTER | class::BEYOND | class::DASH, 32);
        if text.at(word) == b'\'' && text.is(word + 1, class::UPPER) {
            word = text.run(word + 1, class::LETTER | class::BEYOND, 32);
        }
        if word - at < 2 && text.at(word) != b'.' {
            break;
        }
        words += 1;
        last = word;
        // An initial and its dot.
        at = word + usize::from(word - at == 1 && text.at(word) == b'.');
        at += usize::from(text.at(at) == b' ');
        if at == word {
            break;
        }
    }
    let unspaced = text
        .slice(end, last)
        .first()
        .is_some_and(|&first| first >= 0xe3);
    let last = if unspaced { last.min(end + 9) } else { last };
    if words > 0 && last > end + 1 {
        scan.found(row, end, last);
    }
}
