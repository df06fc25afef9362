//! Days, as they stand after a word for birth.

use crate::bytes::{Bytes, class};

/// The beginnings of the months' names in the languages of the labels.
#[rustfmt::skip]
const MONTHS: &[&str] = &[
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec", "mär",
    "mai", "mei", "okt", "dez", "fév", "fev", "avr", "jui", "aoû", "déc", "ene", "abr", "ago",
    "dic", "gen", "mag", "giu", "lug", "set", "ott", "out", "des", "maj", "sty", "lut", "kwi",
    "cze", "lip", "sie", "wrz", "paź", "lis", "gru", "jän", "maa",
];

/// Whether the word is a month's name.
pub(super) fn month(word: &[u8]) -> bool {
    word.len() >= 3
        && MONTHS.iter().any(|month| {
            word.get(..month.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(month.as_bytes()))
        })
}

/// Where a day ends that begins here: three parts, one of them a year, the month maybe a word.
pub(super) fn date(text: Bytes<'_>, start: usize) -> Option<usize> {
    let (mut at, mut end) = (start, start);
    let mut parts = 0;
    let (mut years, mut months, mut small) = (0, 0, 0);
    while parts < 3 && at < start + 40 {
        let digits = text.run(at, class::DIGIT, 9);
        if digits > at {
            let number = crate::check::number(text.slice(at, digits))?;
            match digits - at {
                4 if (1900..=2030).contains(&number) => years += 1,
                1 | 2 if number <= 31 || parts == 2 || parts == 0 => small += 1,
                8 if parts == 0
                    && ((19_000_101..20_301_232).contains(&number)
                        || (1900..=2030).contains(&(number % 10_000))) =>
                {
                    return (!text.is(digits, class::WORD)).then_some(digits);
                }
                _ => return None,
            }
            at = digits;
            // 1st, 2nd, 3rd, 4th.
            for suffix in [
                "st", "nd", "rd", "th", "er", "º", "ª", "年", "月", "日", "년", "월", "일",
            ] {
                if text.starts(at, suffix.as_bytes()) {
                    at += suffix.len();
                    break;
                }
            }
        } else {
            let word = text.run(at, class::LETTER | class::BEYOND, 16);
            if !month(text.slice(at, word)) {
                return None;
            }
            months += 1;
            at = word;
        }
        parts += 1;
        end = at;
        if parts < 3 {
            let gap = text
                .slice(at, at + 3)
                .iter()
                .take_while(|byte| matches!(byte, b' ' | b',' | b'.' | b'/' | b'-' | b'\''))
                .count();
            at += gap;
            for word in ["de ", "of ", "del "] {
                if text.starts_any_case(at, word.as_bytes()) {
                    at += word.len();
                }
            }
            if at == end && !text.is(at.wrapping_sub(1), class::BEYOND | class::LETTER) {
                return None;
            }
        }
    }
    let whole = !text.is(end, class::ALNUM);
    (parts == 3
        && whole
        && years <= 1
        && months <= 1
        && years + months + small == 3
        && (years == 1 || months == 1 || small == 3))
        .then_some(end)
}
