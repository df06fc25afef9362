use super::*;

fn yaml(text: &str) -> Node {
    read_yaml(text).unwrap().remove(0)
}

fn at(node: &Node, path: &str) -> (usize, usize) {
    let mark = node.place(path);
    (mark.line, mark.column)
}

#[test]
fn places_of_paths() {
    let node = read_json(
        "{\n  \"models\": {\n    \"gpt-4.1\": {\"provider\": 7},\n    \"gpt-4\": {}\n  },\n  \"rules\": [\n    {}, {\"to\": [1,\n 2]}\n  ]\n}",
    )
    .unwrap();
    for (path, expected) in [
        ("", (1, 1)),
        ("models", (2, 3)),
        ("models.gpt-4.1", (3, 5)),
        ("models.gpt-4.1.provider", (3, 17)),
        ("models.gpt-4.provider", (4, 5)),
        ("rules[1]", (7, 9)),
        ("rules[1].to[1]", (8, 2)),
        ("rules[1].match", (7, 9)),
        ("rules[7]", (6, 3)),
        ("nothing", (1, 1)),
    ] {
        assert_eq!(at(&node, path), expected, "{path}");
    }
}

#[test]
fn places_inside_scalars() {
    for (text, expected) in [
        ("a:\n  b: |\n    {\n      \"x\": 1}\n", (4, 7)),
        ("a:\n  b: |-\n    {\n      \"x\": 1}", (4, 7)),
        ("a:\n  b: |\n\n    {\n      \"x\": 1}\n", (5, 7)),
        ("a:\n  b: |2\n     {\n      \"x\": 1}\n", (4, 7)),
        ("a:\n  b: '{\"x\": 1}'\n", (2, 8)),
        ("a: {b: '{\"x\": 1}'}\n", (1, 10)),
        ("a:\n  b: >\n    {\n    \"x\": 1}\n", (3, 5)),
    ] {
        let node = yaml(text);
        let Value::Text(inner, frame) = &node.at(&["a", "b"]).unwrap().value else {
            panic!("{text}");
        };
        let place = read_json(inner).unwrap().place("x");
        let outer = frame.outer(place);
        assert_eq!((outer.line, outer.column), expected, "{text}");
    }
}

#[test]
fn what_scalars_are() {
    for (text, expected) in [
        ("7", "7"),
        ("-7", "-7"),
        ("+7", "7"),
        ("1.5e3", "1.5e3"),
        ("'7'", "\"7\""),
        ("!!str 7", "\"7\""),
        ("yes", "true"),
        ("'yes'", "\"yes\""),
        ("~", "null"),
        ("007", "\"007\""),
        ("0.1s", "\"0.1s\""),
        ("{a: [1, b], c: }", "{\"a\":[1,\"b\"],\"c\":null}"),
        ("&x {a: 1}", "{\"a\":1}"),
        ("[&x {a: 1}, *x]", "[{\"a\":1},{\"a\":1}]"),
        ("{1: 2, true: 3}", "{\"1\":2,\"true\":3}"),
        ("{a: 1, a: 2}", "{\"a\":1,\"a\":2}"),
    ] {
        assert_eq!(yaml(text).json(), expected, "{text}");
    }
}

/// Every shipped file is read as another reader reads it.
#[test]
fn shipped_files_are_read_as_by_serde() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../envoy");
    let mut folders = vec![std::path::PathBuf::from(root)];
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "yaml") {
                let text = std::fs::read_to_string(&path).unwrap();
                let ours: Vec<serde_json::Value> = read_yaml(&text)
                    .unwrap()
                    .iter()
                    .map(|node| serde_json::from_str(&node.json()).unwrap())
                    .collect();
                let theirs: Vec<serde_json::Value> = serde_yaml_ng::Deserializer::from_str(&text)
                    .map(|document| serde::Deserialize::deserialize(document).unwrap())
                    .collect();
                assert_eq!(ours, theirs, "{}", path.display());
                seen += 1;
            }
        }
    }
    assert!(seen >= 6, "{seen}");
}

#[test]
fn bounds() {
    for text in [
        "[".repeat(100_000),
        "{a: ".repeat(100_000),
        "- ".repeat(100_000),
        format!("a: &a [{}]\n", "x,".repeat(1000))
            + &(b'b'..=b'z')
                .map(|c| {
                    let (c, earlier) = (c as char, (c - 1) as char);
                    format!("{c}: &{c} [*{earlier},*{earlier},*{earlier}]\n")
                })
                .collect::<String>(),
    ] {
        assert!(read_yaml(&text).is_err(), "{:?}", text.get(..20));
    }
    assert!(read_json(&"[".repeat(100_000)).is_err());
}
