//! Which of several findings at one place is kept, and what makes two spellings one value.

use crate::{
    scan::{Candidate, Source},
    table::Normal,
};

/// Sorts the candidates and leaves none that overlap: the surer one is kept, then the one a word
/// near it names, the nearest such word first, then the longer one, then the one earlier in the
/// table. One that holds another of the same sureness within it is kept before all that.
pub(crate) fn resolve(candidates: &mut Vec<Candidate>) {
    candidates.sort_by_key(|candidate| (candidate.start, std::cmp::Reverse(candidate.end)));
    let mut kept: usize = 0;
    for at in 0..candidates.len() {
        let Some(&new) = candidates.get(at) else {
            break;
        };
        let mut keep = true;
        while let Some(&last) = kept.checked_sub(1).and_then(|last| candidates.get(last)) {
            if last.end <= new.start {
                break;
            }
            if better(&new, &last) {
                kept -= 1;
            } else {
                keep = false;
                break;
            }
        }
        if keep && let Some(place) = candidates.get_mut(kept) {
            *place = new;
            kept += 1;
        }
    }
    candidates.truncate(kept);
}

fn better(new: &Candidate, old: &Candidate) -> bool {
    let rank = |it: &Candidate, other: &Candidate| {
        let holds = it.start <= other.start
            && it.end >= other.end
            && it.end - it.start > 2 * (other.end - other.start);
        let early = match it.source {
            Source::Table(row) => usize::MAX - row,
            // The operator knows better than the table.
            Source::Operator(_) => usize::MAX,
        };
        (it.confidence, holds, it.support, it.end - it.start, early)
    };
    rank(new, old) > rank(old, new)
}

/// The normal form of a value as it stands in the folded text.
pub(crate) fn normal(normal: Normal, raw: &str) -> String {
    match normal {
        Normal::Exact => raw.to_owned(),
        Normal::Compact => {
            let mut compact = String::with_capacity(raw.len());
            let known = raw.bytes().filter(u8::is_ascii_alphanumeric);
            compact.extend(known.map(|byte| char::from(byte.to_ascii_uppercase())));
            compact
        }
        Normal::Email => email(raw),
        Normal::Phone => phone(raw),
        Normal::Ip if !raw.contains(':') => raw.to_owned(),
        Normal::Ip => raw
            .parse::<std::net::IpAddr>()
            .map_or_else(|_| raw.to_owned(), |address| address.to_string()),
        Normal::Words => {
            let words: Vec<String> = raw.split_whitespace().map(str::to_lowercase).collect();
            words.join(" ")
        }
    }
}

fn email(raw: &str) -> String {
    let mut plain = raw.to_lowercase();
    let spelt_out = |byte| b" ([{<%&\\".contains(&byte);
    if !plain.bytes().any(spelt_out) {
        return plain;
    }
    for at in [
        "[at]", "(at)", "{at}", "<at>", "%40", "&#64;", "&#x40;", "\\u0040", " at ",
    ] {
        if !plain.contains('@') {
            plain = plain.replace(at, "@");
        }
    }
    for dot in ["[dot]", "(dot)", "{dot}", "<dot>", " dot ", "[.]", "(.)"] {
        plain = plain.replace(dot, ".");
    }
    plain.retain(|c| !c.is_whitespace());
    plain
}

/// Digits; a `+` in front where the country is known, as it is by `00` and in North America.
fn phone(raw: &str) -> String {
    let (number, extension) = match raw.find(['x', 'X', 'e', 'E']) {
        Some(at) => raw.split_at_checked(at).unwrap_or((raw, "")),
        None => (raw, ""),
    };
    let number = if number.starts_with('+') {
        number.replace("(0)", "")
    } else {
        number.to_owned()
    };
    let digits = |text: &str| {
        text.chars()
            .filter(char::is_ascii_digit)
            .collect::<String>()
    };
    let plain = digits(&number);
    let mut value = if number.starts_with('+') {
        format!("+{plain}")
    } else if let Some(rest) = plain.strip_prefix("00") {
        format!("+{rest}")
    } else if plain.len() == 10 && matches!(plain.as_bytes().first(), Some(b'2'..=b'9')) {
        format!("+1{plain}")
    } else if plain.len() == 11
        && plain.starts_with('1')
        // 13 to 19 in one piece is a mobile number in China.
        && (plain.starts_with("12") || !raw.as_bytes().get(1).is_some_and(u8::is_ascii_digit))
    {
        format!("+{plain}")
    } else {
        plain
    };
    if !extension.is_empty() {
        value.push('x');
        value.push_str(&digits(extension));
    }
    value
}
