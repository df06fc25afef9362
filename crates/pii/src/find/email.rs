//! E-mail addresses, also with the `@` and the dots spelt out.

use crate::{
    bytes::{Bytes, class},
    lists::Among,
    scan::Scan,
};

/// What stands for `@`, besides itself.
pub(crate) const LITERALS: &[&str] = &[
    "[at]", "(at)", "{at}", "<at>", "%40", "&#64;", "&#x40;", "\\u0040", " dot ", "[dot]", "(dot)",
];

/// The longest local part and host (RFC 5321, 4.5.3.1).
const LOCAL: usize = 64;
const HOST: usize = 253;

/// Last labels that are files, units and packages rather than hosts.
static NO_HOSTS: Among = Among::new(&[
    "png", "jpg", "jpeg", "gif", "svg", "webp", "ico", "js", "jsx", "ts", "tsx", "mjs", "css",
    "scss", "html", "htm", "json", "xml", "yaml", "yml", "toml", "txt", "csv", "pdf", "py", "rb",
    "java", "kt", "service", "socket", "target", "timer", "mount", "slice", "exe", "dll", "lock",
    "conf", "log", "tgz", "gz", "whl", "jar", "so", "scope", "path",
]);

/// Words before `@` that make it something else.
const NO_PEOPLE: &[&str] = &["git", "hg", "svn", "this", "super", "return"];

/// Looks at every `@`.
pub(crate) fn walk(scan: &mut Scan<'_>, row: usize) {
    let text = scan.text;
    for at in memchr::memchr_iter(b'@', text.0) {
        if let Some((start, end)) = plain(text, at) {
            scan.found(row, start, end);
        }
    }
}

fn plain(text: Bytes<'_>, at: usize) -> Option<(usize, usize)> {
    let start = local(text, at)?;
    let end = host(text, at + 1)?;
    let name = text.slice(start, at);
    let behind = text.at(end);
    // `git@host:path`, `deploy@host:/srv`: a place to copy from.
    let rest = text.slice(end + 1, end + 40);
    let word = rest
        .iter()
        .position(|byte| byte.is_ascii_whitespace())
        .unwrap_or(rest.len());
    let path = behind == b':'
        && (matches!(rest.first(), Some(b'/' | b'~' | b'.'))
            || rest.get(..word).is_some_and(|word| word.contains(&b'/')));
    let tool = NO_PEOPLE
        .iter()
        .any(|word| name.eq_ignore_ascii_case(word.as_bytes()));
    let shell = ["ssh ", "scp ", "sftp ", "rsync "]
        .iter()
        .any(|word| text.slice(0, start).ends_with(word.as_bytes()));
    (!path && !(tool && (behind == b':' || name != b"git")) && !shell && !in_url(text, start))
        .then_some((start, end))
}

/// Whether the local part is what stands before the `@` of a URL, with or without a password.
fn in_url(text: Bytes<'_>, start: usize) -> bool {
    let user = match text.before(start) {
        b':' => text.run_back(
            start - 1,
            class::BASE64URL | class::DOT | class::PERCENT,
            LOCAL,
        ),
        _ => start,
    };
    text.slice(0, user).ends_with(b"://")
}

/// Where the local part begins that ends before `at`.
fn local(text: Bytes<'_>, at: usize) -> Option<usize> {
    if text.before(at) == b'"' {
        let from = text.slice(at.saturating_sub(LOCAL), at - 1);
        let quote = from
            .iter()
            .rposition(|&byte| byte == b'"' || byte == b'\n')?;
        let start = at - 1 - from.len() + quote;
        return (text.at(start) == b'"' && start + 2 < at && !text.is(start + 1, class::SPACE))
            .then_some(start);
    }
    let part = |byte: u8| {
        crate::bytes::is(
            byte,
            class::ALNUM
                | class::UNDERSCORE
                | class::DASH
                | class::DOT
                | class::PERCENT
                | class::TILDE
                | class::BEYOND,
        ) || matches!(byte, b'+' | b'\'' | b'&' | b'#' | b'!' | b'*')
    };
    let from = at.saturating_sub(LOCAL);
    let run = text.slice(from, at);
    let mut start = at
        - run
            .iter()
            .rev()
            .position(|&byte| !part(byte))
            .unwrap_or(run.len());
    // Text of a script without spaces before the address is not part of it.
    if let Some(last) = text.slice(start, at).iter().rposition(|&byte| byte >= 0xe3) {
        let ascii = start + last + 3;
        if ascii < at {
            start = ascii;
        }
    }
    // What an escape before it left: `%3C`, `%22`.
    if let Some(escape) = text.slice(start, at).iter().rposition(|&byte| byte == b'%') {
        let escape = start + escape;
        if text.is(escape + 1, class::HEX) && text.is(escape + 2, class::HEX) && escape + 3 < at {
            start = escape + 3;
        }
    }
    // `\n` before it, as JSON and code write a line's end.
    while start < at
        && !text.is(
            start,
            class::ALNUM | class::UNDERSCORE | class::BEYOND | class::PERCENT,
        )
    {
        start += 1;
    }
    if text.before(start) == b'\\' && matches!(text.at(start), b'n' | b't' | b'r') && start + 1 < at
    {
        start += 1;
    }
    while start < at && (0x80..0xc0).contains(&text.at(start)) {
        start += 1;
    }
    (start < at
        && text.before(at) != b'.'
        && !text.slice(start, at).windows(2).any(|two| two == b".."))
    .then_some(start)
}

/// Where the host ends that begins at `at`: labels with dots, the last one a top level.
fn host(text: Bytes<'_>, at: usize) -> Option<usize> {
    if text.at(at) == b'[' {
        let end = text.run(at + 1, class::HEX | class::DOT, 40);
        return (text.at(end) == b']' && text.slice(at + 1, end).contains(&b'.'))
            .then_some(end + 1);
    }
    let mut start = at;
    let mut labels = 0;
    while start < at + HOST {
        let end = label(text, start);
        if end == start || text.at(start) == b'-' {
            return None;
        }
        labels += 1;
        let whole = text.is(end, class::ALNUM | class::DASH | class::BEYOND);
        let more = text.at(end) == b'.' && text.is(end + 1, class::ALNUM | class::BEYOND)
            // The dot of a sentence before one in a script without spaces.
            && !(text.at(end + 1) >= 0xe3 && text.is(end - 1, class::ALNUM) && labels > 1 && !text.slice(at, end).contains(&b'\x80'));
        if more && labels < 12 {
            start = end + 1;
            continue;
        }
        let _ = whole;
        return (labels > 1 && top_level(text.slice(start, end))).then_some(end);
    }
    None
}

/// Where the label ends; one of Latin letters ends before a script without spaces.
fn label(text: Bytes<'_>, start: usize) -> usize {
    let end = text.run(start, class::ALNUM | class::DASH | class::BEYOND, 63);
    let label = text.slice(start, end);
    let ideographs = |byte: &u8| *byte >= 0xe3;
    let end = match label.iter().position(ideographs) {
        Some(0) => start + label.iter().position(u8::is_ascii).unwrap_or(label.len()),
        Some(first) => start + first,
        None => end,
    };
    // Never inside a character.
    let cut = text
        .slice(start, end)
        .iter()
        .rposition(|byte| byte & 0xc0 != 0x80);
    let len = cut.map_or(0, |cut| match text.at(start + cut) {
        0..=0x7f => 1,
        0xc0..=0xdf => 2,
        0xe0..=0xef => 3,
        _ => 4,
    });
    match cut {
        Some(cut) if start + cut + len > end => start + cut,
        _ => {
            end - text
                .slice(start, end)
                .iter()
                .rev()
                .take_while(|&&byte| byte == b'-')
                .count()
        }
    }
}

fn top_level(label: &[u8]) -> bool {
    let letters = label
        .iter()
        .all(|byte| byte.is_ascii_alphabetic() || *byte >= 0x80);
    let encoded = label
        .get(..4)
        .is_some_and(|head| head.eq_ignore_ascii_case(b"xn--"));
    label.len() >= 2 && (letters || encoded) && !NO_HOSTS.has(label)
}

/// Looks at something that stands for `@` or for a dot.
pub(crate) fn obfuscated(scan: &mut Scan<'_>, row: usize, start: usize, end: usize) {
    let text = scan.text;
    let (mut left, mut right) = (start, end);
    let three = text.slice(start, end).windows(3);
    if three
        .into_iter()
        .any(|three| three.eq_ignore_ascii_case(b"dot"))
    {
        // `jane at example dot org`: back over the host's first label to the ` at `.
        let label_end = if text.before(start) == b' ' {
            start - 1
        } else {
            start
        };
        right = text.run_back(label_end, class::ALNUM | class::DASH, 63);
        left = right.saturating_sub(4);
        if right == label_end || !text.starts_any_case(left, b" at ") {
            return;
        }
    }
    // The host is looked at first: it ends at once where there is none.
    let Some(end) = spelt_host(text, right + usize::from(text.at(right) == b' ')) else {
        return;
    };
    let gap = usize::from(text.before(left) == b' ');
    let Some(mut begin) = local(text, left - gap) else {
        return;
    };
    // `j [dot] roe [at] …`
    for dot in [" [dot] ", "[dot]", " (dot) ", "(dot)", " dot "] {
        let at = begin.saturating_sub(dot.len());
        let name = text.run_back(at, class::BASE64URL | class::DOT, LOCAL);
        if name < at && text.starts_any_case(at, dot.as_bytes()) {
            begin = name;
            break;
        }
    }
    scan.found(row, begin, end);
}

/// Where a host ends that begins at `label`, its dots maybe spelt out.
fn spelt_host(text: Bytes<'_>, mut label: usize) -> Option<usize> {
    for labels in 0..8 {
        let end = text.run(label, class::ALNUM | class::DASH, 63);
        match dot(text, end) {
            Some(next) if end > label && text.is(next, class::ALNUM) => label = next,
            _ if labels > 0 && end - label < 14 && top_level(text.slice(label, end)) => {
                return Some(end);
            }
            _ => return None,
        }
    }
    None
}

/// What follows a dot, however it is written.
fn dot(text: Bytes<'_>, at: usize) -> Option<usize> {
    [
        ".", " dot ", "[dot]", " [dot] ", "(dot)", " (dot) ", "{dot}", "<dot>", "[.]", "(.)", " . ",
    ]
    .iter()
    .find(|dot| text.starts_any_case(at, dot.as_bytes()))
    .map(|dot| at + dot.len())
}
