//! One vocabulary as tables.
//!
//! A token has two numbers: its *rank*, the priority of its merge and its name in tiktoken, and
//! its *id*, its place when tokens are sorted by length, then rank. By id, the bytes of a token
//! are found without a table of offsets.

use std::collections::HashMap;
use std::path::Path;

use tiktoken_rs::CoreBPE;

use crate::hash::{MAX_TOKEN, PREFIX_SEED, TOKEN_BITS, pair, prefix_step, span};
use crate::perfect;

type Ranks<'a> = HashMap<&'a [u8], u32>;

/// Writes every table of the vocabulary `name`.
pub(crate) fn write(out: &Path, name: &str, bpe: &CoreBPE) {
    let tokens = tokens(bpe);
    let ranks: Ranks<'_> = tokens.iter().map(Vec::as_slice).zip(0..).collect();
    let save = |table: &str, bytes: &[u8]| {
        std::fs::write(out.join(format!("{name}_{table}")), bytes).expect("OUT_DIR is writable");
    };

    let mut by_id: Vec<(u32, &[u8])> = (0..).zip(tokens.iter().map(Vec::as_slice)).collect();
    by_id.sort_by_key(|&(rank, token)| (token.len(), rank));
    // A word is read as eight bytes, also at the end.
    let mut bytes: Vec<u8> = by_id
        .iter()
        .flat_map(|&(_, token)| token)
        .copied()
        .collect();
    bytes.extend([0; 8]);
    save("bytes", &bytes);
    save("ranks", &le(by_id.iter().map(|&(rank, _)| rank)));
    save("lengths", &le(lengths(&by_id)));

    let whole: Vec<(u64, u32)> = (0..)
        .zip(&by_id)
        .map(|(id, &(_, token))| (span(token, 0, token.len()), id))
        .collect();
    let table = perfect::place(&whole);
    save("pilots", &table.pilots);
    save("slots", &le(table.slots));

    let mut doubles = vec![0_u8; 2 << 16];
    for (id, &(_, token)) in (0_usize..).zip(&by_id) {
        if let [left, right] = *token {
            let at = usize::from(left) << 8 | usize::from(right);
            let id = u16::try_from(id).expect("tokens of two bytes have low ids");
            doubles[at * 2..at * 2 + 2].copy_from_slice(&id.to_le_bytes());
        }
    }
    save("doubles", &doubles);

    let mut single = [0; 256];
    let mut splits = Vec::new();
    let mut pairs = Vec::new();
    for (rank, token) in (0..).zip(&tokens) {
        if let [byte] = token[..] {
            single[usize::from(byte)] = u8::try_from(rank).expect("bytes have the lowest ranks");
            splits.extend([rank, rank]);
        } else {
            let (left, right) = last_merge(token, &ranks);
            assert!(left.max(right) < rank, "a token is made of earlier ones");
            splits.extend([left, right]);
            pairs.push((pair(left, right), rank));
        }
    }
    let table = perfect::place(&pairs);
    save("single", &single);
    save("splits", &le(splits));
    save("pair_pilots", &table.pilots);
    save("pair_slots", &le(table.slots));
    save("prefixes", &prefixes(&tokens));
}

fn le(numbers: impl IntoIterator<Item = u32>) -> Vec<u8> {
    numbers.into_iter().flat_map(u32::to_le_bytes).collect()
}

/// The bytes of every token, by rank: ordinary ranks are dense, special tokens lie above.
fn tokens(bpe: &CoreBPE) -> Vec<Vec<u8>> {
    let tokens: Vec<Vec<u8>> = (0..)
        .map_while(|rank| bpe.decode_bytes(&[rank]).ok())
        // o200k_base has two ranks between its last ordinary and its first special token.
        .take_while(|token| !token.starts_with(b"<|endof"))
        .collect();
    assert!(tokens.len() < 1 << TOKEN_BITS, "a token fits its bits");
    assert!(
        tokens.iter().all(|token| token.len() <= MAX_TOKEN),
        "no token is longer than the counter looks ahead"
    );
    tokens
}

/// For each length from 0: the first id of that length, and where its bytes begin.
fn lengths(by_id: &[(u32, &[u8])]) -> Vec<u32> {
    let mut lengths = Vec::new();
    let mut begin = 0;
    for length in 0..=MAX_TOKEN + 1 {
        let first = by_id.partition_point(|(_, token)| token.len() < length);
        lengths.extend([first as u32, begin as u32]);
        let count = by_id.partition_point(|(_, token)| token.len() <= length) - first;
        begin += count * length;
    }
    lengths
}

/// The two tokens whose merge makes `token`, when its bytes are merged as tiktoken does it.
fn last_merge(token: &[u8], ranks: &Ranks<'_>) -> (u32, u32) {
    let mut cuts: Vec<usize> = (0..=token.len()).collect();
    while cuts.len() > 3 {
        let merge = (0..cuts.len() - 2)
            .filter_map(|at| Some((*ranks.get(&token[cuts[at]..cuts[at + 2]])?, at)))
            .min();
        let (_, at) = merge.expect("every token is reached by merging its bytes");
        cuts.remove(at + 1);
    }
    (ranks[&token[..cuts[1]]], ranks[&token[cuts[1]..]])
}

/// Two bits per cell: some token goes on after a prefix with this hash; some token ends there.
/// Cells are shared by accident, so a set bit is a hint, a clear one a fact.
fn prefixes(tokens: &[Vec<u8>]) -> Vec<u8> {
    let cell_bits = (tokens.len() * 8).next_power_of_two().trailing_zeros();
    let mut cells = vec![0_u8; (1 << cell_bits) / 4];
    for token in tokens {
        let mut hash = PREFIX_SEED;
        for (at, &byte) in token.iter().enumerate() {
            hash = prefix_step(hash, byte);
            let cell = (hash >> (64 - cell_bits)) as usize;
            let bit = if at + 1 < token.len() { 1 } else { 2 };
            cells[cell / 4] |= bit << (cell % 4 * 2);
        }
    }
    cells
}
