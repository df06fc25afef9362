//! Packs `data/prices.txt` into what `src/table.rs` searches in place: nothing is parsed or
//! allocated when a module starts.
//!
//! - `names`: blocks of 64 models in the order of their names. A model is the number of bytes
//!   its name shares with the one before, the number of bytes that follow, these bytes, its
//!   provider, and where its rates and its limits lie.
//! - `blocks`: where each block begins, as little-endian `u32`.
//! - `rates`: lists of rates, each list once: their number, then for each its slot, its threshold
//!   if the slot says so, and its price.
//! - `limits`: pairs of the longest prompt and the longest answer, each pair once.
//!
//! Numbers are LEB128. A price is a mantissa times sixteen plus a power of ten.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout
)]

use std::collections::HashMap;
use std::path::Path;
use std::{env, fs};

#[path = "../src/slot.rs"]
#[allow(dead_code, unreachable_pub)]
mod slot;

use slot::{Kind, Tier};

const BLOCK: usize = 64;

fn main() {
    println!("cargo::rerun-if-changed=data/prices.txt");
    println!("cargo::rerun-if-changed=src/slot.rs");
    println!("cargo::rerun-if-changed=build/main.rs");
    let text = fs::read_to_string("data/prices.txt").expect("data/prices.txt");
    let mut rows: Vec<Vec<&str>> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split(' ').collect())
        .collect();
    rows.sort();
    let mut providers: Vec<&str> = rows.iter().map(|row| row[1]).collect();
    providers.sort_unstable();
    providers.dedup();

    let (mut names, mut blocks) = (Vec::new(), Vec::new());
    let (mut rates, mut limits) = (Pool::default(), Pool::default());
    let mut before = "";
    for (i, row) in rows.iter().enumerate() {
        let [name, provider, input, output, cells @ ..] = &row[..] else {
            panic!("{row:?}: a row has a name, a provider and two limits");
        };
        assert!(*name > before, "{name}: twice");
        if i % BLOCK == 0 {
            blocks.extend(u32::try_from(names.len()).unwrap().to_le_bytes());
            before = "";
        }
        let same = |(a, b): &(u8, u8)| a == b;
        let shared = name.bytes().zip(before.bytes()).take_while(same).count();
        names.push(u8::try_from(shared).unwrap());
        names.push(u8::try_from(name.len() - shared).unwrap());
        names.extend(name[shared..].bytes());
        names.push(u8::try_from(providers.binary_search(provider).unwrap()).expect("providers"));
        leb(&mut names, rates.place(packed_rates(cells)));
        leb(&mut names, limits.place(packed_limits(input, output)));
        before = name;
    }

    let out = env::var("OUT_DIR").unwrap();
    for (file, bytes) in [
        ("names", &names),
        ("blocks", &blocks),
        ("rates", &rates.bytes),
        ("limits", &limits.bytes),
    ] {
        fs::write(Path::new(&out).join(file), bytes).unwrap();
    }
    let constants = format!(
        "const PROVIDERS: [&str; {}] = {providers:?};\n",
        providers.len()
    );
    fs::write(Path::new(&out).join("providers.rs"), constants).unwrap();
}

fn packed_rates(cells: &[&str]) -> Vec<u8> {
    let mut bytes = Vec::new();
    leb(&mut bytes, cells.len() as u64);
    for cell in cells {
        let (what, picos) = cell.split_once('=').expect(cell);
        let (what, above) = what.split_once('>').unwrap_or((what, "0"));
        let (kind, tier) = what.split_once('/').unwrap_or((what, "standard"));
        let kind = Kind::ALL.iter().position(|k| k.name() == kind);
        let tier = Tier::ALL.iter().position(|t| t.name() == tier);
        let slot = kind.expect(cell) + Kind::ALL.len() * tier.expect(cell);
        let above: u64 = above.parse().expect(cell);
        bytes.push(u8::try_from(slot * 2 + usize::from(above > 0)).unwrap());
        if above > 0 {
            leb(&mut bytes, above);
        }
        let (mut mantissa, mut power) = (picos.parse::<u64>().expect(cell), 0);
        while mantissa > 0 && mantissa % 10 == 0 && power < 15 {
            (mantissa, power) = (mantissa / 10, power + 1);
        }
        leb(&mut bytes, mantissa.checked_mul(16).expect(cell) + power);
    }
    bytes
}

fn packed_limits(input: &str, output: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    leb(&mut bytes, input.parse().expect(input));
    leb(&mut bytes, output.parse().expect(output));
    bytes
}

/// Lists of bytes, each kept once.
#[derive(Default)]
struct Pool {
    bytes: Vec<u8>,
    places: HashMap<Vec<u8>, u64>,
}

impl Pool {
    fn place(&mut self, list: Vec<u8>) -> u64 {
        let end = self.bytes.len() as u64;
        let place = *self.places.entry(list.clone()).or_insert(end);
        if place == end {
            self.bytes.extend(list);
        }
        place
    }
}

fn leb(bytes: &mut Vec<u8>, mut number: u64) {
    while number > 127 {
        bytes.push((number & 127) as u8 | 128);
        number >>= 7;
    }
    bytes.push((number & 127) as u8);
}
