//! Perfect hashing: every key gets a slot of its own, found with one byte (the pilot) per
//! bucket of about three keys. A lookup is two reads, wherever the key is.

use crate::hash::{TOKEN_BITS, bucket, fingerprint, slot};

/// No token lives here; its token part is larger than any token.
const EMPTY: u32 = u32::MAX;

/// The two arrays of a perfect hash table.
pub(crate) struct Table {
    /// One byte per bucket.
    pub(crate) pilots: Vec<u8>,
    /// Fingerprint and token of the one key that may live here, or [`EMPTY`].
    pub(crate) slots: Vec<u32>,
}

/// Places `keys`, the hash and token of each. Slots and buckets come in powers of two: at
/// least a fifth of the slots stays free, which is what lets one byte suffice.
pub(crate) fn place(keys: &[(u64, u32)]) -> Table {
    let slot_bits = (keys.len() * 5 / 4).next_power_of_two().trailing_zeros();
    let bucket_bits = slot_bits - 2;
    let mut buckets: Vec<Vec<(u64, u32)>> = vec![Vec::new(); 1 << bucket_bits];
    for &(hash, token) in keys {
        buckets[bucket(hash, bucket_bits)].push((hash, token));
    }
    let mut order: Vec<usize> = (0..buckets.len()).collect();
    order.sort_by_key(|&at| std::cmp::Reverse(buckets[at].len()));

    let mut table = Table {
        pilots: vec![0; buckets.len()],
        slots: vec![EMPTY; 1 << slot_bits],
    };
    let mut places = Vec::new();
    for at in order {
        let found = (0..=u8::MAX).find(|&pilot| {
            places.clear();
            buckets[at].iter().all(|&(hash, _)| {
                let place = slot(hash, pilot, slot_bits);
                let free = table.slots[place] == EMPTY && !places.contains(&place);
                places.push(place);
                free
            })
        });
        table.pilots[at] = found.expect("some pilot places every key of the bucket");
        for (&(hash, token), &place) in buckets[at].iter().zip(&places) {
            table.slots[place] = fingerprint(hash) << TOKEN_BITS | token;
        }
    }
    table
}
