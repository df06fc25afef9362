//! Values known by the label in front of them: passwords, tokens, numbers of documents, days.
//!
//! A label is followed by a gap (`": "`, ` is `, `</b> `, ` number: `) and then by the value or by
//! nothing of ours.

use crate::{
    bytes::{Bytes, class},
    find::{secret, url},
    near::bounded,
    scan::Scan,
    table::Value,
};

/// How many labels in a value are looked at.
const NESTED: usize = 4;

/// Words between a label and its value.
const FILLERS: &[&str] = &[
    "number",
    "numbers",
    "no",
    "nr",
    "num",
    "nbr",
    "n",
    "id",
    "is",
    "was",
    "card",
    "code",
    "value",
    "ist",
    "lautet",
    "es",
    "est",
    "numer",
    "numero",
    "of",
    "on",
    "the",
    "holder",
    "my",
    "your",
    "his",
    "her",
    "their",
    "patient",
    "ending",
    "us",
    "uk",
    "eu",
    "e",
    "nummer",
    "der",
    "le",
    "el",
    "la",
    "die",
    "am",
    "son",
    "sa",
    "at",
    "member",
    "record",
    "licence",
    "license",
    "passport",
    "routing",
    "checking",
    "savings",
    "bank",
    "and",
    "for",
    "as",
    "follows",
    "document",
    "british",
    "american",
    "german",
    "french",
    "canadian",
    "indian",
    "state",
    "california",
    "texas",
    "florida",
    "date",
    "field",
    "key",
    "string",
    "str",
    "ca",
    "tx",
    "ny",
    "fl",
];

/// What follows the name of a secret when it is not the secret itself: `token_type`.
const ABOUT: &[&str] = &[
    "hash", "type", "url", "uri", "path", "file", "count", "limit", "len", "expir", "policy",
    "reset", "field", "header", "hint", "ttl", "usage", "budget", "izer", "ized", "ization",
    "manager", "name", "version", "prefix", "regex", "pattern", "format", "required", "enabled",
    "min", "max", "strength", "label", "_at", "_on", "_in", "alg", "size", "rotation", "age",
    "store", "ref", "provider", "input", "class", "endpoint", "lifetime",
];

/// Values that are words about a secret.
const WORDS: &[&str] = &[
    "password",
    "passwort",
    "kennwort",
    "contraseña",
    "senha",
    "secret",
    "token",
    "bearer",
    "basic",
    "string",
    "null",
    "none",
    "nil",
    "true",
    "false",
    "undefined",
    "required",
    "optional",
    "invalid",
    "incorrect",
    "expired",
    "missing",
    "empty",
    "wrong",
    "hidden",
    "default",
    "unknown",
    "todo",
    "tbd",
    "n/a",
    "changeme",
    "example",
    "sample",
    "number",
    "text",
    "object",
    "admin/password",
    "username",
    "user",
    "value",
    "enter",
    "input",
    "here",
    "set",
    "unset",
    "yes",
    "no",
    "the",
    "a",
    "your",
    "my",
    "env",
    "environment",
    "vault",
    "prompt",
    "encrypted",
    "plaintext",
    "protected",
    "disabled",
    "enabled",
    "refresh",
    "access",
    "id_token",
    "access_token",
    "refresh_token",
    "api_key",
    "apikey",
    "credentials",
    "login",
    "not",
    "pass",
    "foo",
    "bar",
    "redacted",
    "masked",
    "sha256",
    "sha512",
    "md5",
    "bcrypt",
    "argon2",
    "hs256",
    "rs256",
    "test",
    "wrongpassword",
    "mypassword",
    "yourpassword",
    "passw0rd!example",
    "[redacted]",
    "(none)",
    "utf-8",
    "oauth2",
    "base64",
    "hunter",
    "self",
];

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
        || secret && (about(suffix) || tokens(value, hint.slice(start, end), suffix))
    {
        return;
    }
    let text = scan.text;
    if !secret {
        by_shape(scan, row, value, 0);
        return;
    }
    let trimmed = text.0.trim_ascii();
    let from = text.len() - text.0.trim_ascii_start().len();
    let one = trimmed.len() <= 256 && !trimmed.iter().any(|byte| matches!(byte, b'\n' | b'\t'));
    let spaced = trimmed.contains(&b' ');
    let fits = if spaced {
        value == Value::Password && trimmed.len() <= 64
    } else {
        secret_value(value, trimmed, true, false)
    };
    if one && fits && !placeholder(trimmed) {
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
        Value::Password | Value::Token => by_sign(scan, row, value, start, end),
        _ => by_shape(scan, row, value, end),
    }
}

/// Whether a name goes on in a way that makes it something about a secret.
fn about(suffix: &[u8]) -> bool {
    let suffix = suffix
        .get(..suffix.len().min(24))
        .unwrap_or_default()
        .to_ascii_lowercase();
    ABOUT.iter().any(|word| {
        suffix
            .windows(word.len())
            .any(|part| part == word.as_bytes())
    })
}

/// Whether this is a number of tokens.
fn tokens(value: Value, label: &[u8], suffix: &[u8]) -> bool {
    value == Value::Token
        && label.eq_ignore_ascii_case(b"token")
        && suffix
            .first()
            .is_some_and(|s| s.eq_ignore_ascii_case(&b's'))
}

fn by_sign(scan: &mut Scan<'_>, row: usize, value: Value, start: usize, end: usize) {
    let text = scan.text;
    let name_end = text.run(end, class::WORD | class::DASH, 24);
    let suffix = text.slice(end, name_end);
    if about(suffix) || tokens(value, text.slice(start, end), suffix) {
        return;
    }
    let dashed = text.slice(start.saturating_sub(2), start).ends_with(b"-");
    let Some(gap) = Gap::read(text, name_end, dashed) else {
        return;
    };
    // A value may hold labels itself, `token=token=…`: no byte is judged more than so often.
    scan.nested = if start < scan.value_end {
        scan.nested + 1
    } else {
        0
    };
    if scan.nested > NESTED {
        return;
    }
    let from = gap.end;
    let (to, quoted) = match text.at(from) {
        quote @ (b'"' | b'\'' | b'`') => {
            let inner = text.slice(from + 1, from + 258);
            let close = inner
                .iter()
                .position(|&byte| byte == quote || byte == b'\n');
            match close.filter(|&close| inner.get(close) == Some(&quote)) {
                Some(close) => (from + 1 + close, true),
                None => return,
            }
        }
        _ => (unquoted(text, from), false),
    };
    let mut from = from + usize::from(quoted);
    // `Authorization: Bearer …`: the scheme is not part of the secret.
    for scheme in ["bearer ", "basic ", "token ", "apikey ", "key="] {
        if text.starts_any_case(from, scheme.as_bytes()) {
            from += scheme.len();
        }
    }
    let to = if quoted {
        to
    } else {
        to.max(unquoted(text, from))
    };
    let mut to = to;
    scan.value_end = scan.value_end.max(to);
    // Escaped quotes: the backslash belongs to the quote.
    while to > from && text.before(to) == b'\\' {
        to -= 1;
    }
    let secret = text.slice(from, to);
    if quoted && secret.contains(&b' ') {
        let phrase = value == Value::Password
            && gap.sign
            && secret.len() <= 64
            && secret.iter().any(u8::is_ascii_digit)
            && !placeholder(secret);
        if phrase {
            scan.found(row, from, to);
        }
        return;
    }
    let long = !gap.sign && (value == Value::Token || gap.space);
    if secret_value(value, secret, quoted, long)
        && !placeholder(secret)
        && !code(text, secret, to, quoted)
    {
        scan.found(row, from, to);
    }
}

/// What stands between a name and its value.
struct Gap {
    end: usize,
    /// `=` or `:` rather than a word.
    sign: bool,
    /// Nothing but space.
    space: bool,
}

impl Gap {
    fn read(text: Bytes<'_>, start: usize, dashed: bool) -> Option<Self> {
        let closing = |byte: u8| matches!(byte, b'"' | b'\'' | b'`' | b'*' | b']' | b')' | b'\\');
        let mut at = start;
        // `** (staging): `, `"] = "`.
        while at < start + 6 && (closing(text.at(at)) || text.at(at) == b' ') {
            at += 1;
        }
        // `password for the admin account is …`
        let words = text.run(
            at,
            class::LETTER | class::SPACE | class::UNDERSCORE | class::BEYOND,
            40,
        );
        let line = text
            .slice(at, words)
            .iter()
            .position(|&byte| byte == b'\n')
            .map_or(words, |line| at + line);
        let says = [
            " is ", " was ", " to ", " ist ", " lautet ", " es ", " est ", " = ", " as ", "是",
            "为", "は",
        ];
        let phrase = Bytes(text.slice(at.saturating_sub(1), line));
        let said = says
            .iter()
            .filter_map(|word| {
                find_last(phrase.0, word.as_bytes()).map(|found| (found, word.len()))
            })
            .max();
        let operator = |at: usize| match (text.at(at), text.at(at + 1)) {
            (b':', b'=') | (b'=', b'>' | b'=') | (b'-', b'>') | (b':', b':') => Some(2),
            (b':' | b'=' | b'|' | b'>', _) => Some(1),
            (b',', b' ' | b'"' | b'\'') if text.before(at) == b'"' || text.before(at) == b'\'' => {
                Some(1)
            }
            _ => None,
        };
        let (mut end, sign, space) = if let Some(len) = operator(line) {
            (line + len, true, false)
        } else if let Some((found, len)) = said {
            (at.saturating_sub(1) + found + len, false, false)
        } else if at > start && (dashed || text.at(at - 1) == b' ') {
            (at, dashed, !dashed)
        } else {
            return None;
        };
        let begin = end;
        while end < begin + 12
            && (text.is(end, class::SPACE)
                || text.at(end) == b'*'
                || text.at(end) == b'\\'
                || text.at(end) == b':')
        {
            // A line's end may stand before the value, but not two.
            if text.at(end) == b'\n' && text.slice(begin, end).contains(&b'\n') {
                return None;
            }
            end += 1;
        }
        // `` `"value"` ``, `b"value"`, `<![CDATA[`.
        if text.at(end) == b'b' && matches!(text.at(end + 1), b'"' | b'\'') {
            end += 1;
        }
        Some(Self { end, sign, space })
    }
}

fn find_last(text: &[u8], word: &[u8]) -> Option<usize> {
    (0..text.len())
        .rev()
        .find(|&at| text.get(at..).is_some_and(|rest| rest.starts_with(word)))
}

/// Where a value without quotes ends.
fn unquoted(text: Bytes<'_>, from: usize) -> usize {
    let rest = text.slice(from, from + 1024);
    let mut len = rest.len();
    for (at, &byte) in rest.iter().enumerate() {
        let next = rest.get(at + 1).copied().unwrap_or(b' ');
        let ends = byte.is_ascii_whitespace()
            || matches!(byte, b'"' | b'\'' | b'`' | b'<' | b'>' | b'|' | 0)
            || matches!(byte, b',' | b';')
            // The next field of a query.
            || byte == b'&' && field(rest, at + 1)
            || byte == b'\\' && matches!(next, b'n' | b'r' | b't' | b'"' | b'\\')
            // Punctuation of scripts without spaces.
            || byte == 0xe3 && next == 0x80 || byte == 0xef && next == 0xbc;
        if ends {
            len = at;
            break;
        }
    }
    url::trimmed(text, from, from + len).max(bang(text, from, from + len))
}

/// A `!` at the end belongs to a password more often than to a sentence.
fn bang(text: Bytes<'_>, from: usize, to: usize) -> usize {
    let end = url::trimmed(text, from, to);
    end + text
        .slice(end, to)
        .iter()
        .take_while(|&&byte| matches!(byte, b'!' | b'?' | b'*'))
        .count()
}

/// Whether `name=` begins here.
fn field(rest: &[u8], at: usize) -> bool {
    let name = Bytes(rest).run(at, class::BASE64URL, 32);
    name > at && Bytes(rest).at(name) == b'='
}

/// Whether someone or something chose this to be secret. `long`: nothing but a word or a space
/// stands between it and its name.
fn secret_value(value: Value, secret: &[u8], quoted: bool, long: bool) -> bool {
    let count = |classes| {
        secret
            .iter()
            .filter(|&&byte| crate::bytes::is(byte, classes))
            .count()
    };
    let (digits, small, capitals) = (
        count(class::DIGIT),
        count(class::LOWER),
        count(class::UPPER),
    );
    let beyond = count(class::BEYOND);
    let signs = secret.len() - digits - small - capitals - beyond;
    let kinds = [digits, small, capitals, signs]
        .iter()
        .filter(|&&count| count > 0)
        .count();
    match value {
        Value::Password => {
            let least = if long { 6 } else { 4 };
            let mixed = digits > 0 && (small + capitals > 0 || signs > 0)
                || signs > 0 && kinds >= 3
                || digits >= 4 && digits == secret.len() && !long;
            let word = quoted && !long && secret.len() >= 6 && small + capitals == secret.len()
                || !long && capitals > 0 && small > 2 && signs > 0;
            let hyphened = quoted && signs > 0 && small > 5 && secret.len() >= 10;
            secret.len() >= least
                && secret.len() <= 256
                && beyond == 0
                && (mixed || word || hyphened)
        }
        _ => {
            let least = if long { 16 } else { 8 };
            let known = signs_of_tokens(secret);
            secret.len() >= least
                && beyond == 0
                && known
                && digits > 0
                && (small + capitals > 0)
                && (secret.len() >= 12 || kinds >= 3)
                && (digits >= 2 || capitals > 0)
                && secret::made(secret)
                && !dated(secret)
        }
    }
}

/// Whether all characters are those tokens are made of.
fn signs_of_tokens(secret: &[u8]) -> bool {
    let token = class::BASE64URL
        | class::DOT
        | class::PLUS_SLASH
        | class::EQUALS
        | class::TILDE
        | class::PERCENT;
    let odd = secret
        .iter()
        .filter(|&&byte| !crate::bytes::is(byte, token))
        .count();
    let slashes = secret.iter().filter(|&&byte| byte == b'/').count();
    odd <= 3
        && !secret
            .iter()
            .any(|byte| matches!(byte, b'(' | b'[' | b'{' | b' '))
        && (slashes < 4 || secret.len() > 60)
}

/// A time stamp is no secret.
fn dated(secret: &[u8]) -> bool {
    let text = Bytes(secret);
    text.run(0, class::DIGIT, 4) == 4
        && text.at(4) == b'-'
        && text.run(5, class::DIGIT, 2) == 7
        && text.at(7) == b'-'
}

/// Whether a value stands for a secret rather than being one.
pub(crate) fn placeholder(secret: &[u8]) -> bool {
    let word = WORDS
        .iter()
        .any(|word| secret.eq_ignore_ascii_case(word.as_bytes()));
    let first = secret.first().copied().unwrap_or(0);
    let two = secret.get(..2).unwrap_or_default();
    let bracketed = matches!(first, b'<' | b'[' | b'{' | b'(')
        || matches!(
            two,
            b"${" | b"$(" | b"{{" | b"%(" | b"%{" | b"#{" | b"@{" | b"./" | b"~/" | b"||" | b"&&"
        )
        || first == b'%' && secret.last() == Some(&b'%')
        || first == b'$'
            && secret.iter().skip(1).all(|byte| {
                crate::bytes::is(*byte, class::UPPER | class::DIGIT | class::UNDERSCORE)
            });
    let path = first == b'/' && secret.iter().filter(|&&byte| byte == b'/').count() > 1;
    let filled = secret.iter().all(|byte| {
        matches!(
            byte,
            b'*' | b'.' | b'x' | b'X' | b'-' | b'_' | b'#' | b'?' | b'0'
        )
    });
    // YOUR_API_KEY, my-secret-token: words with nothing but separators between.
    let shouted = secret.len() > 3
        && secret
            .iter()
            .all(|byte| crate::bytes::is(*byte, class::UPPER | class::UNDERSCORE))
        && secret.contains(&b'_');
    let lower = secret.to_ascii_lowercase();
    let address = lower.starts_with(b"http://")
        || lower.starts_with(b"https://")
        || lower.starts_with(b"file:");
    let elsewhere = lower
        .windows(4)
        .any(|part| part == b"env." || part == b"env[" || part == b"arn:" || part == b"_env");
    word || bracketed
        || path
        || filled
        || shouted
        || address
        || elsewhere
        || secret::stands_in(secret)
}

/// Whether a value is an expression of a program: `get_token()`, `config.token`, `args[1]`.
fn code(text: Bytes<'_>, secret: &[u8], end: usize, quoted: bool) -> bool {
    if quoted {
        return false;
    }
    let call = secret.windows(2).any(|two| {
        matches!(
            two,
            b"()" | b"->" | b"::" | b"=>" | b"==" | b"!=" | b"</" | b"({"
        )
    }) || Bytes(secret).run(0, class::WORD | class::DOT, 80) < secret.len() && {
        let name = Bytes(secret).run(0, class::WORD | class::DOT, 80);
        name > 1
            && matches!(Bytes(secret).at(name), b'(' | b'[')
            && Bytes(secret).is(0, class::LETTER | class::UNDERSCORE)
    };
    let dotted = {
        let dots = secret.iter().filter(|&&byte| byte == b'.').count();
        let digits = secret.iter().filter(|byte| byte.is_ascii_digit()).count();
        dots > 0
            && secret.len() < 48
            && digits < 3
            && secret
                .iter()
                .all(|byte| crate::bytes::is(*byte, class::WORD | class::DOT))
    };
    call || dotted || text.at(end) == b'('
}

/// Looks for a number, a day or a run of base64 after a label.
fn by_shape(scan: &mut Scan<'_>, row: usize, value: Value, label_end: usize) {
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
        let known = word.is_empty()
            || FILLERS
                .iter()
                .any(|filler| word.eq_ignore_ascii_case(filler.as_bytes()));
        let camel = at == label_end
            && word.len() < 8
            && FILLERS
                .iter()
                .any(|filler| word.eq_ignore_ascii_case(filler.as_bytes()));
        let series = word.len() <= 4
            && word.iter().all(u8::is_ascii_uppercase)
            && value != Value::Date
            && matches!(text.at(end), b' ' | b'-')
            && text.is(end + 1, class::DIGIT)
            && at > label_end;
        if series && !known {
            break;
        }
        if !known && !camel || fillers > 4 {
            return;
        }
        fillers += usize::from(!word.is_empty());
        at = end;
    }
    if at == label_end && text.is(at, class::LETTER) {
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
    (whole
        && !lower
        && !day
        && (fewest..=most).contains(&len)
        && digits >= 3.max(fewest.min(4))
        && digits * 3 >= len)
        .then_some(end)
}

fn alnum(text: Bytes<'_>, start: usize, end: usize) -> usize {
    text.slice(start, end)
        .iter()
        .filter(|byte| byte.is_ascii_alphanumeric())
        .count()
}

/// The beginnings of the months' names in the languages of the labels.
const MONTHS: &[&str] = &[
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec", "mär",
    "mai", "mei", "okt", "dez", "fév", "fev", "avr", "jui", "aoû", "déc", "ene", "abr", "ago",
    "dic", "gen", "mag", "giu", "lug", "set", "ott", "out", "des", "maj", "sty", "lut", "kwi",
    "cze", "lip", "sie", "wrz", "paź", "lis", "gru", "jän", "maa",
];

fn month(word: &[u8]) -> bool {
    word.len() >= 3
        && MONTHS.iter().any(|month| {
            word.get(..month.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(month.as_bytes()))
        })
}

/// Where a day ends that begins here: three parts, one of them a year, the month maybe a word.
fn date(text: Bytes<'_>, start: usize) -> Option<usize> {
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
