//! Passwords and tokens by the name in front of them: told from code, placeholders and prose by
//! what stands between and by what the value is made of.
//!
//! A passphrase of plain words is only seen in quotes, and only with a digit in it.

use crate::{
    bytes::{Bytes, class},
    find::{secret, url},
    lists::{Among, Within},
    scan::Scan,
    table::Value,
};

/// How many labels in a value are looked at.
const NESTED: usize = 4;

/// What follows the name of a secret when it is not the secret itself: `token_type`.
#[rustfmt::skip]
static ABOUT: Within = Within::new(&[
    "hash", "type", "url", "uri", "path", "file", "count", "limit", "len", "expir", "policy",
    "reset", "field", "header", "hint", "ttl", "usage", "budget", "izer", "ized", "ization",
    "manager", "name", "version", "prefix", "regex", "pattern", "format", "required",
    "enabled", "min", "max", "strength", "label", "_at", "_on", "_in", "alg", "size",
    "rotation", "age", "store", "ref", "provider", "input", "class", "endpoint", "lifetime",
]);

/// Values that are words about a secret.
#[rustfmt::skip]
static WORDS: Among = Among::new(&[
    "password", "passwort", "kennwort", "contraseña", "senha", "secret", "token", "bearer",
    "basic", "string", "null", "none", "nil", "true", "false", "undefined", "required",
    "optional", "invalid", "incorrect", "expired", "missing", "empty", "wrong", "hidden",
    "default", "unknown", "todo", "tbd", "n/a", "changeme", "example", "sample", "number",
    "text", "object", "admin/password", "username", "user", "value", "enter", "input", "here",
    "set", "unset", "yes", "no", "the", "a", "your", "my", "env", "environment", "vault",
    "prompt", "encrypted", "plaintext", "protected", "disabled", "enabled", "refresh",
    "access", "id_token", "access_token", "refresh_token", "api_key", "apikey", "credentials",
    "login", "not", "pass", "foo", "bar", "redacted", "masked", "sha256", "sha512", "md5",
    "bcrypt", "argon2", "hs256", "rs256", "test", "wrongpassword", "mypassword",
    "yourpassword", "passw0rd!example", "[redacted]", "(none)", "utf-8", "oauth2", "base64",
    "hunter", "self",
]);

/// What stands in values that say where the secret is.
static ELSEWHERE: Within = Within::new(&["env.", "env[", "arn:", "_env"]);

/// Whether a name goes on in a way that makes it something about a secret.
pub(super) fn about(suffix: &[u8]) -> bool {
    ABOUT.is_in(suffix.get(..suffix.len().min(24)).unwrap_or_default())
}

/// Whether this is a number of tokens.
pub(super) fn tokens(value: Value, label: &[u8], suffix: &[u8]) -> bool {
    value == Value::Token
        && label.eq_ignore_ascii_case(b"token")
        && suffix
            .first()
            .is_some_and(|s| s.eq_ignore_ascii_case(&b's'))
}

pub(super) fn by_sign(scan: &mut Scan<'_>, row: usize, value: Value, start: usize, end: usize) {
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
    // `Cookie: session=…`: so is the name of the field.
    let name = text.run(from, class::LETTER | class::DASH | class::UNDERSCORE, 24);
    if value == Value::Token && name > from && text.at(name) == b'=' && to > name + 8 {
        from = name + 1;
    }
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
        let said = || {
            let phrase = text.slice(at.saturating_sub(1), line);
            let last = |word: &&str| Some((find_last(phrase, word.as_bytes())?, word.len()));
            says.iter().filter_map(last).max()
        };
        let operator = |at: usize| match (text.at(at), text.at(at + 1)) {
            (b':', b'=') | (b'=', b'>' | b'=') | (b'-', b'>') | (b':', b':') => Some(2),
            // The end of a tag, not of a placeholder.
            (b'>', b'\n' | b'\r' | 0) => None,
            (b':' | b'=' | b'|' | b'>', _) | (b'-', b' ') => Some(1),
            // An arrow.
            (0xe2, 0x86) => Some(3),
            (b',', b' ' | b'"' | b'\'') if text.before(at) == b'"' || text.before(at) == b'\'' => {
                Some(1)
            }
            _ => None,
        };
        let (mut end, sign, space) = if let Some(len) = operator(line) {
            (line + len, true, false)
        } else if let Some((found, len)) = said() {
            (at.saturating_sub(1) + found + len, false, false)
        } else if at > start && (dashed || text.at(at - 1) == b' ') {
            (at, dashed, !dashed)
        } else {
            return None;
        };
        let begin = end;
        while end < begin + 12
            && (text.is(end, class::SPACE)
                || matches!(text.at(end), b'\\' | b':')
                // `**`, not the beginning of a password.
                || text.at(end) == b'*' && (text.at(end + 1) == b'*' || text.before(end) == b'*'))
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
        if !crate::bytes::is(byte, class::STOP) {
            continue;
        }
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
pub(super) fn secret_value(value: Value, secret: &[u8], quoted: bool, long: bool) -> bool {
    let (mut digits, mut small, mut capitals, mut beyond) = (0, 0, 0, 0);
    for &byte in secret {
        digits += usize::from(byte.is_ascii_digit());
        small += usize::from(byte.is_ascii_lowercase());
        capitals += usize::from(byte.is_ascii_uppercase());
        beyond += usize::from(!byte.is_ascii());
    }
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
            let least = match (long, quoted) {
                (true, false) => 16,
                (true, true) => 12,
                _ => 8,
            };
            let known = signs_of_tokens(secret, quoted);
            secret.len() >= least
                && beyond == 0
                && known
                && digits > 0
                && (small + capitals > 0)
                && (secret.len() >= 12 || kinds >= 3)
                && (digits >= 2 || capitals > 0)
                && secret::made(secret)
                && !dated(secret)
                && !worded(secret)
        }
    }
}

/// Whether all characters are those tokens are made of.
fn signs_of_tokens(secret: &[u8], quoted: bool) -> bool {
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
    odd <= if quoted { 16 } else { 3 }
        && !secret
            .iter()
            .any(|byte| matches!(byte, b'(' | b'[' | b'{' | b' '))
        && (slashes < 4 || secret.len() > 60)
}

/// Whether it is words and numbers with signs between: `user_id_12345`, `created-at-2024`.
fn worded(secret: &[u8]) -> bool {
    secret
        .split(|byte| !byte.is_ascii_alphanumeric())
        .all(|part| {
            part.len() < 20
                && (part.iter().all(u8::is_ascii_digit) || part.iter().all(u8::is_ascii_alphabetic))
        })
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
pub(super) fn placeholder(secret: &[u8]) -> bool {
    let all = |of: fn(u8) -> bool| secret.iter().all(|&byte| of(byte));
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
    let path = || first == b'/' && secret.iter().filter(|&&byte| byte == b'/').count() > 1;
    let filled = || {
        all(|byte| {
            matches!(
                byte,
                b'*' | b'.' | b'x' | b'X' | b'-' | b'_' | b'#' | b'?' | b'0'
            )
        })
    };
    // YOUR_API_KEY, my-secret-token: words with nothing but separators between.
    let shouted = || {
        secret.len() > 3
            && all(|byte| crate::bytes::is(byte, class::UPPER | class::UNDERSCORE))
            && secret.contains(&b'_')
    };
    let address = || {
        let starts = |start: &&str| Bytes(secret).starts_any_case(0, start.as_bytes());
        ["http://", "https://", "file:"].iter().any(starts)
    };
    WORDS.has(secret)
        || bracketed
        || path()
        || filled()
        || shouted()
        || address()
        || ELSEWHERE.is_in(secret)
        || secret::stands_in(secret)
}

/// Whether a value is an expression of a program: `get_token()`, `config.token`, `args[1]`.
fn code(text: Bytes<'_>, secret: &[u8], end: usize, quoted: bool) -> bool {
    if quoted {
        return false;
    }
    let call = secret
        .windows(2)
        .any(|two| matches!(two, b"()" | b"->" | b"::" | b"=>" | b"!=" | b"</" | b"({"))
        || Bytes(secret).run(0, class::WORD | class::DOT, 80) < secret.len() && {
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
