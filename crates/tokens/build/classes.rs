//! Unicode classes, from regex-syntax: the crate the oracle's own patterns are parsed with.

use std::path::Path;

use regex_syntax::hir::{Class, HirKind};

/// The classes in the order of `src/classes.rs`; a code point in none of them is 0.
const CLASSES: [(u8, &str); 7] = [
    (1, r"[\p{Lu}\p{Lt}]"),
    (2, r"\p{Ll}"),
    (3, r"[\p{Lm}\p{Lo}]"),
    (4, r"\p{M}"),
    (5, r"\p{N}"),
    (6, r"[\s--[\r\n]]"),
    (7, r"[\r\n]"),
];

const CODE_POINTS: usize = 0x11_0000;
const BLOCK: usize = 256;

/// Writes `class_blocks` (the distinct blocks of 256 classes) and `class_index` (the block of
/// every 256 code points).
pub(crate) fn write(out: &Path) {
    let mut classes = vec![0_u8; CODE_POINTS];
    for (class, pattern) in CLASSES {
        let hir = regex_syntax::parse(pattern).expect("the class parses");
        let HirKind::Class(Class::Unicode(ranges)) = hir.kind() else {
            panic!("{pattern} is not a class");
        };
        for range in ranges.ranges() {
            let codes = range.start() as usize..=range.end() as usize;
            assert!(
                classes[codes.clone()].iter().all(|&class| class == 0),
                "classes are disjoint"
            );
            classes[codes].fill(class);
        }
    }
    let letters = regex_syntax::parse(r"\p{L}").expect("the class parses");
    let HirKind::Class(Class::Unicode(letters)) = letters.kind() else {
        panic!("letters are a class");
    };
    let in_letters: usize = letters.ranges().iter().map(|range| range.len()).sum();
    let ours = classes.iter().filter(|class| matches!(class, 1..=3));
    assert_eq!(in_letters, ours.count(), "every letter has a case class");

    let mut blocks: Vec<&[u8]> = Vec::new();
    let mut index = Vec::new();
    for block in classes.chunks(BLOCK) {
        let at = blocks
            .iter()
            .position(|known| *known == block)
            .unwrap_or_else(|| {
                blocks.push(block);
                blocks.len() - 1
            });
        index.push(u8::try_from(at).expect("at most 256 distinct blocks"));
    }
    std::fs::write(out.join("class_blocks"), blocks.concat()).expect("OUT_DIR is writable");
    std::fs::write(out.join("class_index"), index).expect("OUT_DIR is writable");
}
