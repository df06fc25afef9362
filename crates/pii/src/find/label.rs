//! Values known by the label in front of them, or by the key a whole text stands under: where the
//! value begins, and the numbers of documents and accounts.
//!
//! A label is followed by a gap (`": "`, ` is `, `</b> `, ` number: `) and then by the value or by
//! nothing of ours.

use crate::{
    bytes::{Bytes, class},
    find::{
        date::{date, month},
        keyed, secret,
    },
    lists::Among,
    near::bounded,
    scan::Scan,
    table::Value,
};

/// Words between a label and its value.
#[rustfmt::skip]
static FILLERS: Among = Among::new(&[
    "number", "numbers", "no", "nr", "num", "nbr", "n", "id", "is", "was", "card", "code",
    "value", "ist", "lautet", "es", "est", "numer", "numero", "of", "on", "the", "holder",
    "my", "your", "his", "her", "their", "patient", "ending", "us", "uk", "eu", "e", "nummer",
    "der", "le", "el", "la", "die", "am", "son", "sa", "at", "member", "record", "licence",
    "license", "passport", "routing", "checking", "savings", "bank", "and", "for", "as",
    "follows", "with", "c", "document", "british", "american", "german", "french", "canadian", "indian",
    "state", "california", "texas", "florida", "date", "field", "key", "string", "str", "ca",
    "tx", "ny", "fl",
]);

/// Looks at the value of a label that stands under it: the whole text, from its beginning.
pub(crate) fn hint(
    scan: &mut Scan<'_>,
    row: usize,
    value: Value,
    hint: Bytes<'_>,
    start: usize,
    end: usize,
) {
    let short = hint.slice(start, end).is_ascii() && end - start < 8;
    let secret = matches!(value, Value::Password | Value::Token);
    let suffix = hint.slice(end, hint.len());
    if !bounded(hint, start, end, short)
        || secret && (keyed::about(suffix) || keyed::tokens(value, hint.slice(start, end), suffix))
    {
        return;
    }
    let text = scan.text;
    if !secret {
        by_shape(scan, row, value, 0, true);
        return;
    }
    let trimmed = text.0.trim_ascii();
    let from = text.len() - text.0.trim_ascii_start().len();
    let one = trimmed.len() <= 256 && !trimmed.iter().any(|byte| matches!(byte, b'\n' | b'\t'));
    let spaced = trimmed.contains(&b' ');
    let fits = if spaced {
        value == Value::Password && trimmed.len() <= 64
    } else {
        keyed::secret_value(value, trimmed, true, false)
    };
    if one && fits && !keyed::placeholder(trimmed) {
        scan.found(row, from, from + trimmed.len());
    }
}

/// Looks at what follows a label.
pub(crate) fn label(scan: &mut Scan<'_>, row: usize, value: Value, start: usize, end: usize) {
    let text = scan.text;
    let short = text.slice(start, end).is_ascii() && end - start < 8;
    if !bounded(text, start, end, short) {
        return;
    }
    match value {
        Value::Password | Value::Token => keyed::by_sign(scan, row, value, start, end),
        _ => by_shape(scan, row, value, end, false),
    }
}

/// Looks for a number, a day or a run of base64 after a label.
fn by_shape(scan: &mut Scan<'_>, row: usize, value: Value, label_end: usize, apart: bool) {
    let text = scan.text;
    let mut at = label_end;
    let mut fillers = 0;
    let sign = |byte: u8| {
        matches!(
            byte,
            b' ' | b'\t'
                | b'\n'
                | b'\r'
                | b':'
                | b'='
                | b'#'
                | b'"'
                | b'\''
                | b'`'
                | b'*'
                | b'|'
                | b'>'
                | b'('
                | b')'
                | b'_'
                | b'-'
                | b'.'
                | b','
                | b'\\'
                | b'/'
                | b'['
                | b']'
        )
    };
    // `<td>` between a cell with the label and one with the value is not looked through.
    while at < label_end + 56 {
        let skipped = text
            .slice(at, at + 8)
            .iter()
            .take_while(|&&byte| sign(byte))
            .count();
        at += skipped;
        if at > label_end + 1
            && text
                .slice(label_end, at)
                .iter()
                .filter(|&&byte| byte == b'\n')
                .count()
                > 1
        {
            return;
        }
        if text.is(at, class::BEYOND) && fillers < 4 {
            at = text.run(at, class::BEYOND, 18);
            fillers += 1;
            continue;
        }
        let end = text.run(at, class::ALNUM, 24);
        let word = text.slice(at, end);
        if word.is_empty() && skipped == 0 {
            return;
        }
        let month = value == Value::Date && month(word);
        let number = word.iter().any(u8::is_ascii_digit);
        if number || month {
            break;
        }
        let known = word.is_empty() || FILLERS.has(word);
        let series = word.len() <= 4
            && word.iter().all(u8::is_ascii_uppercase)
            && value != Value::Date
            && matches!(text.at(end), b' ' | b'-')
            && text.is(end + 1, class::DIGIT)
            && at > label_end;
        if series && !known {
            break;
        }
        if !known || fillers > 4 {
            return;
        }
        fillers += usize::from(!word.is_empty());
        at = end;
    }
    if at == label_end && !apart && text.is(at, class::LETTER) {
        return;
    }
    let end = match value {
        Value::Code(fewest, most) => code_value(text, at, fewest, most),
        Value::Base64(len) => {
            let end = text.run(at, class::BASE64, 128);
            (end - at == len && secret::made(text.slice(at, end))).then_some(end)
        }
        Value::Date => date(text, at),
        _ => None,
    };
    let Some(end) = end else { return };
    let digits_only = text
        .slice(at, end)
        .iter()
        .all(|byte| !byte.is_ascii_alphabetic());
    let name = scan
        .scanner
        .detector(row)
        .map_or("", |detector| detector.name);
    // `account` alone also names what has an identifier of letters.
    if name == "BANK_ACCOUNT"
        && !digits_only
        && text
            .slice(at, end)
            .iter()
            .filter(|byte| byte.is_ascii_alphabetic())
            .count()
            > 4
    {
        return;
    }
    scan.found(row, at, end);
}

/// Where a code of so many letters and digits ends, in one piece or in groups.
fn code_value(text: Bytes<'_>, start: usize, fewest: usize, most: usize) -> Option<usize> {
    let mut end = text.run(start, class::ALNUM, most + 1);
    loop {
        let separator = text.at(end);
        let next = text.run(end + 1, class::ALNUM, most + 1);
        let group = text.slice(end + 1, next);
        let digits = group.iter().filter(|byte| byte.is_ascii_digit()).count();
        let goes_on = match separator {
            b'-' | b'/' | b'.' => {
                digits > 0 || group.len() <= 3 && !group.is_empty() && separator == b'-'
            }
            b' ' => {
                digits > 0
                    && !group.iter().any(u8::is_ascii_lowercase)
                    && (digits >= 2 || group.len() <= 2)
            }
            _ => false,
        };
        let so_far = alnum(text, start, next);
        if !goes_on || so_far > most {
            break;
        }
        end = next;
    }
    let value = text.slice(start, end);
    let digits = value.iter().filter(|byte| byte.is_ascii_digit()).count();
    let len = alnum(text, start, end);
    let whole = !text.is(end, class::WORD) && (text.at(end) != b'@');
    let lower =
        value.iter().any(u8::is_ascii_lowercase) && value.iter().any(u8::is_ascii_uppercase);
    // 2024-05-01, 12/2027: a day, not a number.
    let day = date(text, start).is_some_and(|day| day >= end)
        && value
            .iter()
            .any(|byte| matches!(byte, b'-' | b'/' | b'.' | b' '));
    // Some series hold few digits: German passports have nine places of digits and capitals.
    let series = len == 9 && digits > 0 && !value.iter().any(u8::is_ascii_lowercase);
    let numeric = digits >= 3.max(fewest.min(4)) && digits * 3 >= len;
    (whole && !lower && !day && (fewest..=most).contains(&len) && (numeric || series))
        .then_some(end)
}

fn alnum(text: Bytes<'_>, start: usize, end: usize) -> usize {
    text.slice(start, end)
        .iter()
        .filter(|byte| byte.is_ascii_alphanumeric())
        .count()
}
