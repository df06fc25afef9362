//! Tables in text, of commas, semicolons, tabs or bars: what stands in a column is looked at once
//! more, as a text under that column's heading.
//!
//! A heading is the first of at least two lines with the same separator as often. Quotes that
//! hold separators or line ends are respected on one line only.

use crate::{
    bytes::Bytes,
    scan::{Candidate, Scanner},
};

/// A longer line is no heading, nor is one with longer cells.
const HEADING: usize = 512;
const CELL: usize = 40;
/// The most columns that are looked at.
const COLUMNS: usize = 64;

/// Looks for tables and at their cells.
pub(crate) fn walk(scanner: &Scanner, text: Bytes<'_>, candidates: &mut Vec<Candidate>) {
    let mut at = 0;
    let Some(mut line) = next_line(text, &mut at) else {
        return;
    };
    while let Some(mut row) = next_line(text, &mut at) {
        let Some(separator) = separator(text.slice(line.0, line.1), text.slice(row.0, row.1))
        else {
            line = row;
            continue;
        };
        let count = cells(text, line, separator).count();
        let headings: Vec<Option<&str>> = cells(text, line, separator)
            .take(COLUMNS)
            .map(|(from, to)| {
                let heading = std::str::from_utf8(text.slice(from, to)).ok()?.trim();
                let name = heading.len() <= CELL && !heading.contains([':', '=', '[', '<', '@']);
                (name && scanner.heeds(heading)).then_some(heading)
            })
            .collect();
        loop {
            if headings.iter().any(Option::is_some) {
                for ((from, to), heading) in cells(text, row, separator).zip(&headings) {
                    let Some(heading) = heading else { continue };
                    let found = scanner.candidates(Bytes(text.slice(from, to)), Some(heading));
                    candidates.extend(found.into_iter().map(|it| Candidate {
                        start: from + it.start,
                        end: from + it.end,
                        ..it
                    }));
                }
            }
            match next_line(text, &mut at) {
                Some(next) if cells(text, next, separator).count() == count => row = next,
                Some(next) => {
                    line = next;
                    break;
                }
                None => return,
            }
        }
    }
}

/// The next line, without its end.
fn next_line(text: Bytes<'_>, at: &mut usize) -> Option<(usize, usize)> {
    let rest = text.0.get(*at..).filter(|rest| !rest.is_empty())?;
    let start = *at;
    let len = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
    *at = start + len + 1;
    let end = start + len;
    Some((
        start,
        if len > 0 && text.before(end) == b'\r' {
            end - 1
        } else {
            end
        },
    ))
}

/// What separates the cells of a heading and of the row after it.
fn separator(line: &[u8], row: &[u8]) -> Option<u8> {
    // A sentence is no heading.
    if line.len() > HEADING || line.len() < 3 || line.last() == Some(&b'.') {
        return None;
    }
    b",\t;|".iter().copied().find(|separator| {
        memchr::memchr(*separator, line).is_some()
            && memchr::memchr(*separator, row).is_some()
            && cells(Bytes(line), (0, line.len()), *separator).count()
                == cells(Bytes(row), (0, row.len()), *separator).count()
    })
}

/// The cells of a line, without the quotes and spaces around them.
fn cells(
    text: Bytes<'_>,
    line: (usize, usize),
    separator: u8,
) -> impl Iterator<Item = (usize, usize)> {
    let mut at = Some(line.0);
    std::iter::from_fn(move || {
        let start = at?;
        let mut quoted = false;
        let rest = text.slice(start, line.1);
        let len = rest.iter().position(|&byte| {
            quoted ^= byte == b'"';
            byte == separator && !quoted
        });
        at = len.map(|len| start + len + 1);
        let (mut from, mut to) = (start, start + len.unwrap_or(rest.len()));
        let frame = |byte: u8| matches!(byte, b' ' | b'"' | b'\'' | b'*' | b'`');
        while from < to && frame(text.at(from)) {
            from += 1;
        }
        while to > from && frame(text.before(to)) {
            to -= 1;
        }
        Some((from, to))
    })
}
