//! Parts of a document, found from outside.

use super::{Cursor, Fault, Kind, Span, Text};

/// Where the elements of a list stand, the last of them perhaps cut off; none when `json` is no
/// list.
pub fn elements(json: &[u8]) -> Option<Vec<Span>> {
    let mut cursor = Cursor::lenient(json).ok()?;
    if cursor.kind().ok()? != Kind::Array {
        return None;
    }
    let mut elements = Vec::new();
    // The fault at the cut is expected; what was read before it stands.
    let _ = cursor.items(|cursor| {
        cursor.kind()?;
        let start = cursor.position();
        let skipped = cursor.skip();
        let end = skipped.as_ref().map_or(json.len(), |span| span.end);
        if start < end {
            elements.push(start..end);
        }
        skipped.map(drop)
    });
    Some(elements)
}

/// A value that holds no others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaf<'a> {
    /// A string.
    String(Text<'a>),
    /// A number as it is written.
    Number(Text<'a>),
}

/// Reports the strings and numbers of any JSON text, each with the key of the member it is, or
/// is in a list of.
///
/// # Errors
/// What makes it other than one JSON text; then nothing has been reported.
pub fn leaves<'a>(
    json: &'a [u8],
    leaf: &mut dyn FnMut(Option<Text<'a>>, Leaf<'a>),
) -> Result<(), Fault> {
    let mut cursor = Cursor::new(json, false)?;
    let mut whole = cursor.clone();
    whole.skip()?;
    whole.end()?;
    leaves_below(&mut cursor, None, leaf)
}

fn leaves_below<'a>(
    cursor: &mut Cursor<'a>,
    key: Option<Text<'a>>,
    leaf: &mut dyn FnMut(Option<Text<'a>>, Leaf<'a>),
) -> Result<(), Fault> {
    match cursor.kind()? {
        Kind::Object => cursor.members(|cursor, key| leaves_below(cursor, Some(key), leaf)),
        Kind::Array => cursor.items(|cursor| leaves_below(cursor, key, leaf)),
        Kind::String => {
            leaf(key, Leaf::String(cursor.string()?));
            Ok(())
        }
        Kind::Number => {
            leaf(key, Leaf::Number(cursor.number_text()?));
            Ok(())
        }
        _ => cursor.skip().map(drop),
    }
}

/// Where the member of an object stands whose value is at `value`, with the comma that goes with
/// it: what has to be taken out so that the object is as if it had never had it.
pub fn member(json: &[u8], value: Span) -> Option<Span> {
    let before = |at: usize| {
        let head = json.get(..at)?;
        head.iter().rposition(|b| !b.is_ascii_whitespace())
    };
    let colon = before(value.start).filter(|&at| json.get(at) == Some(&b':'))?;
    let quote = before(colon).filter(|&at| json.get(at) == Some(&b'"'))?;
    // A quote within a key is escaped, and no key of ours has one.
    let key = json.get(..quote)?.iter().rposition(|&b| b == b'"')?;
    let comma = before(key)?;
    if json.get(comma) == Some(&b',') {
        return Some(comma..value.end);
    }
    let after = json.get(value.end..)?;
    let comma = after.iter().position(|b| !b.is_ascii_whitespace())?;
    match after.get(comma) {
        Some(b',') => Some(key..value.end + comma + 1),
        _ => Some(key..value.end),
    }
}

/// The beginning of a document, with the string closed that it may have been cut in: so much of
/// that string as came can be read then.
pub fn closed(prefix: &[u8]) -> Vec<u8> {
    let valid = match std::str::from_utf8(prefix) {
        Ok(text) => text,
        Err(error) => prefix
            .get(..error.valid_up_to())
            .and_then(|valid| std::str::from_utf8(valid).ok())
            .unwrap_or_default(),
    };
    // An escape has at most six bytes, and a surrogate pair two of them.
    let mut text = valid;
    let from = text.len().saturating_sub(12);
    if let Some(tail) = text.as_bytes().get(from..)
        && let Some(at) = tail.iter().position(|&b| b == b'\\')
    {
        // The bytes of escapes are ASCII, so this is between two characters. A whole escape or
        // two may be lost.
        text = text.get(..from + at).unwrap_or(text);
        let backslashes = text.bytes().rev().take_while(|&b| b == b'\\').count();
        if backslashes % 2 == 1 {
            text = text.get(..text.len() - 1).unwrap_or(text);
        }
        // Half a surrogate pair is no character.
        let half = text.len().saturating_sub(6);
        if let Some(escape) = text.get(half..)
            && escape.to_ascii_lowercase().starts_with("\\ud")
        {
            text = text.get(..half).unwrap_or(text);
        }
    }
    let mut closed = text.as_bytes().to_vec();
    closed.push(b'"');
    closed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_have_elements() {
        for (json, expected) in [
            ("{}", None),
            ("", None),
            ("[]", Some(vec![])),
            (" [ {\"a\":[1]} ,\n{}]", Some(vec!["{\"a\":[1]}", "{}"])),
            ("[{},{\"a\":", Some(vec!["{}", "{\"a\":"])),
            ("[{},", Some(vec!["{}"])),
        ] {
            let found = elements(json.as_bytes());
            let found: Option<Vec<&str>> = found.map(|spans| {
                spans
                    .into_iter()
                    .filter_map(|span| json.get(span))
                    .collect()
            });
            assert_eq!(found, expected, "{json}");
        }
    }

    #[test]
    fn a_cut_string_can_be_read_as_far_as_it_came() {
        let whole = r#"{"a":"plain é \\ \u00e9 \ud83e\udd80 end"}"#;
        for at in 6..whole.len() - 1 {
            let prefix = closed(whole.as_bytes().get(..at).unwrap());
            let mut cursor = Cursor::lenient(&prefix).unwrap();
            let mut found = None;
            let _ = cursor.fields(&["a"], |cursor, _| {
                found = Some(cursor.string()?.decode().into_owned());
                Ok(())
            });
            let found = found.unwrap_or_else(|| panic!("cut at {at}"));
            assert!("plain é \\ é 🦀 end".starts_with(&found), "{at}: {found}");
            assert!(at > 12 || found.len() == at - 6, "{at}: {found}");
        }
    }

    #[test]
    fn leaves_have_the_key_they_stand_under() {
        let json = r#" {"a": ["x\u0040", {"b": -1.5e3}, true], "c": {"": null}, "d": "y"} "#;
        let mut found = Vec::new();
        let mut note = |key: Option<Text<'_>>, leaf: Leaf<'_>| {
            let (Leaf::String(text) | Leaf::Number(text)) = leaf;
            assert_eq!(json.get(text.span()), Some(text.raw));
            found.push((key.map(|k| k.raw.to_owned()), text.decode().into_owned()));
        };
        leaves(json.as_bytes(), &mut note).unwrap();
        let expected = [("a", "x@"), ("b", "-1.5e3"), ("d", "y")];
        let expected = expected.map(|(key, leaf)| (Some(key.to_owned()), leaf.to_owned()));
        assert_eq!(found, expected);
        for json in ["", "{", "[1] 2", r#"{"a": "b"} x"#, r#"["a", tru]"#] {
            let nothing = leaves(json.as_bytes(), &mut |_, leaf| panic!("{json}: {leaf:?}"));
            assert!(nothing.is_err(), "{json}");
        }
    }

    #[test]
    fn members_go_with_their_comma() {
        for (json, expected) in [
            (r#"{"a":1,"usage":null}"#, r#"{"a":1}"#),
            (r#"{"a":1, "usage" : null , "b":2}"#, r#"{"a":1 , "b":2}"#),
            (r#"{"usage":null, "b":2}"#, r#"{ "b":2}"#),
            (r#"{ "usage":null }"#, r#"{  }"#),
        ] {
            let at = json.find("null").unwrap();
            let span = member(json.as_bytes(), at..at + 4).unwrap();
            let without = crate::splice(json.as_bytes(), &[crate::Edit::new(span, "")]);
            assert_eq!(String::from_utf8(without).unwrap(), expected, "{json}");
        }
    }
}
