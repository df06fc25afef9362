//! What a filter changed in a body: places and what stands there now, never what stood there.

use crate::document::{Node, Value, read_json};

use super::screen::Screen;

/// One line for each change, in the order of the new body.
pub(super) fn changes(before: &[u8], after: &[u8], screen: &Screen) -> Vec<String> {
    let read = |body: &[u8]| read_json(std::str::from_utf8(body).ok()?).ok();
    let (Some(before), Some(after)) = (read(before), read(after)) else {
        return vec!["changed".to_owned()];
    };
    let mut found = Vec::new();
    compare(Some(&before), &after, "", screen, &mut found);
    found
}

fn compare(
    before: Option<&Node>,
    after: &Node,
    place: &str,
    screen: &Screen,
    found: &mut Vec<String>,
) {
    let Some(before) = before else {
        let shown = screen.body(after.json().as_bytes()).unwrap_or_default();
        found.push(format!("`{place}`: {shown} added"));
        return;
    };
    match (&before.value, &after.value) {
        (Value::Map(old), Value::Map(new)) => {
            for (at, entry) in new.iter().enumerate() {
                // Of two with one name each has its own.
                let nth = |list: &[crate::document::Entry]| {
                    list.iter().filter(|other| other.key == entry.key).count()
                };
                let turn = nth(new.get(..at).unwrap_or_default());
                let mut same = old.iter().filter(|other| other.key == entry.key);
                let old = same.nth(turn).map(|other| &other.node);
                let dot = if place.is_empty() { "" } else { "." };
                let place = format!("{place}{dot}{}", screen.line(&entry.key));
                compare(old, &entry.node, &place, screen, found);
            }
            let gone = |entry: &&crate::document::Entry| !new.iter().any(|n| n.key == entry.key);
            for entry in old.iter().filter(gone) {
                let dot = if place.is_empty() { "" } else { "." };
                let key = screen.line(&entry.key);
                found.push(format!("`{place}{dot}{key}`: taken out"));
            }
        }
        (Value::List(old), Value::List(new)) => {
            for (at, node) in new.iter().enumerate() {
                compare(old.get(at), node, &format!("{place}[{at}]"), screen, found);
            }
        }
        (old, Value::Text(new, _)) => {
            let old = match old {
                Value::Text(old, _) | Value::Number(old) => old.as_str(),
                _ => "",
            };
            if old != new {
                let placeholders = placeholders(old, new);
                found.push(match placeholders.is_empty() {
                    true => format!("`{place}`: now \"{}\"", screen.line(new)),
                    false => format!("`{place}`: {}", placeholders.join(", ")),
                });
            }
        }
        _ => {
            let (old, new) = (before.json(), after.json());
            if old != new {
                let shown = screen.body(new.as_bytes()).unwrap_or_default();
                found.push(format!("`{place}`: now {shown}"));
            }
        }
    }
}

/// Placeholders that stand in the new text and not in the old one, in order.
fn placeholders(old: &str, new: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for part in new.split('[').skip(1) {
        let Some((name, _)) = part.split_once(']') else {
            continue;
        };
        let shape = name.starts_with(|c: char| c.is_ascii_uppercase())
            && name.contains('_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let placeholder = format!("[{name}]");
        if shape && !old.contains(&placeholder) && !found.contains(&placeholder) {
            found.push(placeholder);
        }
    }
    found
}
