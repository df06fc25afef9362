//! Tests of the cursor.

use super::*;
use proptest::prelude::*;

fn read(bytes: &[u8]) -> Result<Option<String>, Fault> {
    let mut model = None;
    Cursor::strict(bytes)?.document(&["model", "messages"], |cursor, index| {
        if index == 0 {
            model = cursor.string_or_skip()?.map(|t| t.decode().into_owned());
            return Ok(());
        }
        cursor.skip().map(drop)
    })?;
    Ok(model)
}

#[test]
#[allow(clippy::type_complexity, reason = "a table")]
fn documents() {
    let deep = |n: usize| [b"{\"a\":".repeat(n), b"1".to_vec(), b"}".repeat(n)].concat();
    let cases: &[(&[u8], Result<Option<&str>, Fault>)] = &[
        (br#"{"model":"a"}"#, Ok(Some("a"))),
        (
            br#" { "x" : [1, -2.5e+3, true, null, {}] , "model" : "a\u0062\/\n" } "#,
            Ok(Some("ab/\n")),
        ),
        (br#"{"mod\u0065l":"a"}"#, Ok(Some("a"))),
        (br#"{"model":7}"#, Ok(None)),
        (b"{}", Ok(None)),
        (b"", Err(Fault::Empty)),
        (b" \n", Err(Fault::Empty)),
        (b"[]", Err(Fault::NotAnObject)),
        (b"\"x\"", Err(Fault::NotAnObject)),
        (b"nul", Err(Fault::Syntax(0))),
        (b"{\"a\":1}x", Err(Fault::Syntax(7))),
        (b"{\"a\":01}", Err(Fault::Syntax(6))),
        (b"{\"a\":1,}", Err(Fault::Syntax(7))),
        (b"{\"a\":\"\n\"}", Err(Fault::Syntax(6))),
        (b"{\"a\":\"\\x\"}", Err(Fault::Syntax(7))),
        (b"{\"a\":\"\\u12g4\"}", Err(Fault::Syntax(7))),
        (b"{\"a\":\"\xff\"}", Err(Fault::NotUtf8(6))),
        (b"\xef\xbb\xbf{}", Err(Fault::Syntax(0))),
        (
            br#"{"model":"a","model":"b"}"#,
            Err(Fault::AmbiguousKey("model")),
        ),
        (
            br#"{"model":"a","Model":"b"}"#,
            Err(Fault::AmbiguousKey("model")),
        ),
        (
            "{\"me\u{17f}\u{17f}ages\":1}".as_bytes(),
            Err(Fault::AmbiguousKey("messages")),
        ),
        (br#"{"x":1,"x":2}"#, Ok(None)),
        (br#"{"model":"\ud83d\ude00\ud83d"}"#, Ok(Some("😀\u{fffd}"))),
    ];
    for (bytes, expected) in cases {
        assert_eq!(
            read(bytes),
            expected.clone().map(|o| o.map(str::to_owned)),
            "{}",
            String::from_utf8_lossy(bytes)
        );
    }
    assert_eq!(read(&deep(64)), Ok(None));
    assert_eq!(read(&deep(65)), Err(Fault::TooDeep(64 * 5)));
    assert_eq!(read(&b"[".repeat(1_000_000)), Err(Fault::TooDeep(64)));
}

#[test]
fn counts() {
    for (raw, expected) in [
        ("0", Some(0)),
        ("18446744073709551615", Some(u64::MAX)),
        ("1e2", Some(100)),
        ("100.0", Some(100)),
        ("-1", None),
        ("1.5", None),
        ("1e400", None),
        ("99999999999999999999", None),
        ("\"5\"", None),
        ("null", None),
    ] {
        let mut cursor = Cursor::lenient(raw.as_bytes()).unwrap();
        assert_eq!(cursor.count_or_skip(), Ok(expected), "{raw}");
    }
}

#[test]
fn spans_are_of_the_bytes_between_the_quotes() {
    let body = br#"{"a":"x", "model" :  "gpt\n4"}"#;
    let mut found = None;
    Cursor::strict(body)
        .unwrap()
        .document(&["model"], |cursor, _| {
            found = cursor.string_or_skip()?;
            Ok(())
        })
        .unwrap();
    assert_eq!(&body[found.unwrap().span()], br"gpt\n4");
}

proptest! {
    /// Whatever serde_json takes as an object we take, and the other way round (below the
    /// depth limit, and but for numbers too large for serde_json).
    #[test]
    fn agrees_with_serde_json(text in r#"[\{\}\[\]",:\\a-bu0-9e.\- ntrulfs\n]{0,40}"#) {
        let ours = Cursor::lenient(text.as_bytes()).and_then(|mut c| c.document(&[], |_, _| Ok(())));
        let theirs: Result<serde_json::Map<String, serde_json::Value>, _> = serde_json::from_str(&text);
        if let Err(error) = &theirs && error.to_string().starts_with("number out of range") {
            return Ok(());
        }
        // serde_json refuses lone surrogates, whose grammar is valid.
        if text.contains("\\u") { return Ok(()); }
        prop_assert_eq!(ours.is_ok(), theirs.is_ok(), "{}", text);
    }

    #[test]
    fn unescaping_undoes_escaping(text in any::<String>()) {
        let json = format!("\"{}\"", escape(&text));
        let mut cursor = Cursor::strict(json.as_bytes()).unwrap();
        prop_assert_eq!(cursor.string().unwrap().decode(), text);
    }
}
