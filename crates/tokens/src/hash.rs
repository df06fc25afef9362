//! The hash functions of the tables; the build script includes this file, so that what it
//! placed is what the filter finds.
//!
//! They are made for 64-bit multiplication, which wasm has, and for texts up to a token's
//! length. They resist nobody: a collision costs a comparison, never a wrong count.

#![allow(
    clippy::cast_possible_truncation,
    reason = "a hash is cut to the bits a table has"
)]

/// The longest token of either vocabulary, in bytes; the build script checks it.
pub(crate) const MAX_TOKEN: usize = 128;

/// Bits of a slot that hold the token; the rest is a fingerprint of the key.
pub(crate) const TOKEN_BITS: u32 = 18;

const K1: u64 = 0x9e37_79b9_7f4a_7c15;
const K2: u64 = 0xd6e8_feb8_6659_fd93;

/// Start of [`prefix_step`].
pub(crate) const PREFIX_SEED: u64 = 0x243f_6a88_85a3_08d3;

/// The `len` bytes of `bytes` from `at` (at most 8 count) as a little-endian number, zero
/// above them. Bytes beyond the end read as zero.
#[inline(always)]
pub(crate) fn word(bytes: &[u8], at: usize, len: usize) -> u64 {
    let raw = match bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        Some(chunk) => u64::from_le_bytes(*chunk),
        None => short_word(bytes, at),
    };
    if len >= 8 {
        raw
    } else {
        raw & !(u64::MAX << (len * 8))
    }
}

#[cold]
#[inline(never)]
fn short_word(bytes: &[u8], at: usize) -> u64 {
    let tail = bytes.get(at..).unwrap_or_default();
    tail.iter()
        .take(8)
        .rev()
        .fold(0, |sum, &byte| sum << 8 | u64::from(byte))
}

/// Hash of the `len` bytes of `bytes` from `at`.
#[inline(always)]
pub(crate) fn span(bytes: &[u8], at: usize, len: usize) -> u64 {
    let mut hash = (len as u64).wrapping_mul(K1);
    let mut done = 0;
    while done < len {
        hash = (hash ^ word(bytes, at + done, len - done)).wrapping_mul(K2);
        hash ^= hash >> 32;
        done += 8;
    }
    hash.wrapping_mul(K1)
}

/// Hash of two neighbouring tokens.
#[inline(always)]
pub(crate) fn pair(left: u32, right: u32) -> u64 {
    let hash = (u64::from(left) << 32 | u64::from(right)).wrapping_mul(K2);
    (hash ^ hash >> 32).wrapping_mul(K1)
}

/// Extends the hash of a prefix by one byte; its high bits are the good ones.
#[inline(always)]
pub(crate) fn prefix_step(hash: u64, byte: u8) -> u64 {
    (hash ^ u64::from(byte)).wrapping_mul(K1)
}

/// The bucket of a key: it has one pilot for the few keys in it.
#[inline(always)]
pub(crate) fn bucket(hash: u64, bucket_bits: u32) -> usize {
    (hash >> (64 - bucket_bits)) as usize
}

/// The slot of a key, once its bucket's pilot is known.
#[inline(always)]
pub(crate) fn slot(hash: u64, pilot: u8, slot_bits: u32) -> usize {
    let mixed = (hash ^ u64::from(pilot).wrapping_mul(K1)).wrapping_mul(K2);
    (mixed >> (64 - slot_bits)) as usize
}

/// The part of a slot that tells most strangers from the key that lives there.
#[inline(always)]
pub(crate) fn fingerprint(hash: u64) -> u32 {
    (hash >> 8) as u32 & (u32::MAX >> TOKEN_BITS)
}
