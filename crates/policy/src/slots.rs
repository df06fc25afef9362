//! A bounded table of per-owner state over the store.
//!
//! Owners (a caller, a caller and a model, …) come from traffic and may be without number; keys
//! of the store are never freed. So the table has a fixed number of buckets, each one key whose
//! value holds a fixed number of slots. An owner's fingerprint picks its bucket; within it, the
//! slot is found by the fingerprint itself. A whole bucket changes by one compare-and-swap, so
//! two workers can never give one owner two slots, and with them twice its allowance.
//!
//! A slot whose state has expired is free. When an owner comes to a bucket in which every slot
//! is live, it gets the table's one *overflow* slot, shared with every other owner in that
//! position: they may be held back by each other, but nobody gets more than is allowed, and
//! memory does not grow. From then on all newcomers of that bucket go to overflow until what is
//! held there has expired: an owner that left something in overflow must not start afresh in a
//! slot that has become free.
//!
//! What it cannot do: as long as newcomers keep what is in overflow alive, they stay there. With
//! all slots in use, owners that hash into a full bucket overflow while other buckets may still
//! have room. Size the table at twice the owners expected at a time.

use sha2::{Digest, Sha256};

use crate::{Store, UpdateError, update};

/// Slots in a bucket. More make overflow rarer and every update a little dearer.
const WAYS: usize = 16;
/// Layout of the stored bytes; part of every key, so that another layout starts afresh.
const LAYOUT: u8 = 1;
/// Bytes of a bucket before its slots: until when newcomers go to overflow.
const BUCKET_HEAD: usize = 8;
/// Bytes of a slot before its payload: fingerprint and expiry.
const SLOT_HEAD: usize = 24;
/// How long a bucket that was found full sends newcomers to overflow before it is known how long
/// the overflow slot is held; longer than the two updates in between can take.
const PROVISIONAL_MS: u64 = 10_000;

/// An owner's fingerprint: 128 bits of SHA-256 over its parts. An attacker who may choose names
/// cannot find two owners with one fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Owner([u8; 16]);

impl Owner {
    /// From the parts that make an owner, as the rule's name, the identity, the model.
    pub fn new<'a>(parts: impl IntoIterator<Item = &'a str>) -> Self {
        Self::of_bytes(parts.into_iter().map(str::as_bytes))
    }

    /// From parts that need not be text.
    pub fn of_bytes<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            // The length keeps ("ab", "c") and ("a", "bc") apart.
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        let digest = hash.finalize();
        let mut print = [0; 16];
        print.copy_from_slice(digest.first_chunk::<16>().unwrap_or(&[0; 16]));
        // All zero marks a free slot.
        if print == [0; 16] {
            print = [1; 16];
        }
        Self(print)
    }

    /// A number that is spread evenly over owners and the same on every machine.
    pub fn number(self) -> u64 {
        u64::from_le_bytes(*self.0.first_chunk().unwrap_or(&[0; 8]))
    }

    #[allow(clippy::cast_possible_truncation)] // The remainder is below a 32-bit number.
    fn bucket(self, buckets: u32) -> u32 {
        (self.number() % u64::from(buckets)) as u32
    }
}

/// Where an owner's state was found or put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// In the slot it had.
    Kept,
    /// In a slot that was never used or had expired.
    Claimed,
    /// In the shared overflow slot.
    Overflow,
}

/// What the closure of [`SlotTable::update`] decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotAnswer<const N: usize, T> {
    /// Store this state; the slot may be given to another owner from `expires_ms` on.
    Store {
        /// The new state.
        state: [u8; N],
        /// Milliseconds since the Unix epoch.
        expires_ms: u64,
        /// For the caller.
        value: T,
    },
    /// Leave the slot as it is.
    Leave(T),
}

/// Outcome of [`SlotTable::update`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotUpdated<T> {
    /// What the closure returned in the round that was stored.
    pub value: T,
    /// Which slot it was.
    pub placement: Placement,
    /// How many rounds were lost to other workers.
    pub conflicts: u32,
}

/// A table of slots with `N` bytes of state each. Cheap to make: it holds no state itself.
#[derive(Clone, Debug)]
pub struct SlotTable<const N: usize> {
    prefix: String,
    buckets: u32,
}

impl<const N: usize> SlotTable<N> {
    /// A table named `name` with room for at least `slots` owners. Two tables with one name and
    /// different sizes do not disturb each other.
    pub fn new(name: &str, slots: u32) -> Self {
        let buckets = slots.div_ceil(u32::try_from(WAYS).unwrap_or(16)).max(1);
        Self {
            prefix: format!("weir/{LAYOUT}/{name}/{N}x{buckets}/"),
            buckets,
        }
    }

    /// The most bytes the table's values can ever hold, keys aside.
    pub fn max_bytes(&self) -> usize {
        (self.buckets as usize + 1) * (BUCKET_HEAD + WAYS * (SLOT_HEAD + N))
    }

    /// Changes the state of `owner`. The closure gets what the owner left, or `None` when it has
    /// left nothing or its slot was given away, and may be called several times.
    ///
    /// # Errors
    /// As [`update`]; nothing was stored then.
    pub fn update<T>(
        &self,
        store: &dyn Store,
        owner: Owner,
        now_ms: u64,
        mut change: impl FnMut(Option<&[u8; N]>) -> SlotAnswer<N, T>,
    ) -> Result<SlotUpdated<T>, UpdateError> {
        let key = format!("{}{}", self.prefix, owner.bucket(self.buckets));
        let found = update(store, &key, |bytes| {
            let mut bucket = Bucket::<N>::read(bytes);
            if let Some((at, placement)) = bucket.place(owner, now_ms) {
                return bucket.change(at, owner, placement, &mut change);
            }
            if !bucket.is_full(now_ms) {
                // It has been full; until when newcomers stay away is known already.
                return (None, None);
            }
            let provisional = now_ms.saturating_add(PROVISIONAL_MS);
            (bucket.overflow_until(provisional), None)
        })?;
        if let Some((value, placement, _)) = found.value {
            return Ok(SlotUpdated {
                value,
                placement,
                conflicts: found.conflicts,
            });
        }
        // Everybody in overflow is one owner.
        let everybody = Owner([0xff; 16]);
        let shared = update(store, &format!("{}overflow", self.prefix), |bytes| {
            let mut bucket = Bucket::<N>::read(bytes);
            let (at, placement) = bucket
                .place(everybody, now_ms)
                .unwrap_or((0, Placement::Claimed));
            bucket.change(at, everybody, placement, &mut change)
        })?;
        let Some((value, _, expires_ms)) = shared.value else {
            return Err(UpdateError::Contended);
        };
        let stamped = update(store, &key, |bytes| {
            (Bucket::<N>::read(bytes).overflow_until(expires_ms), ())
        })?;
        Ok(SlotUpdated {
            value,
            placement: Placement::Overflow,
            conflicts: found.conflicts + shared.conflicts + stamped.conflicts,
        })
    }
}

/// The decoded value of one key.
struct Bucket<const N: usize> {
    /// Until when newcomers go to overflow.
    overflow_until_ms: u64,
    slots: Vec<Slot<N>>,
}

/// A decision that was stored or left, the slot it was about, and when that slot expires.
type Changed<T> = Option<(T, Placement, u64)>;

#[derive(Clone, Copy)]
struct Slot<const N: usize> {
    print: [u8; 16],
    expires_ms: u64,
    state: [u8; N],
}

impl<const N: usize> Bucket<N> {
    /// Bytes of another shape than ours cannot occur under our key; they would read as free.
    fn read(bytes: Option<&[u8]>) -> Self {
        let mut slots = Vec::with_capacity(WAYS);
        let bytes = bytes.unwrap_or_default();
        let (head, bytes) = bytes
            .split_first_chunk::<BUCKET_HEAD>()
            .unwrap_or((&[0; 8], b""));
        for chunk in bytes.chunks_exact(SLOT_HEAD + N) {
            let Some((print, rest)) = chunk.split_first_chunk::<16>() else {
                continue;
            };
            let Some((expires, rest)) = rest.split_first_chunk::<8>() else {
                continue;
            };
            let Some(state) = rest.first_chunk::<N>() else {
                continue;
            };
            slots.push(Slot {
                print: *print,
                expires_ms: u64::from_le_bytes(*expires),
                state: *state,
            });
        }
        Self {
            overflow_until_ms: u64::from_le_bytes(*head),
            slots,
        }
    }

    /// The bucket's bytes with newcomers sent to overflow until then; none when they are already.
    fn overflow_until(&mut self, until_ms: u64) -> Option<Vec<u8>> {
        let later = until_ms > self.overflow_until_ms;
        self.overflow_until_ms = self.overflow_until_ms.max(until_ms);
        later.then(|| self.write())
    }

    fn write(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(BUCKET_HEAD + self.slots.len() * (SLOT_HEAD + N));
        bytes.extend_from_slice(&self.overflow_until_ms.to_le_bytes());
        for slot in &self.slots {
            bytes.extend_from_slice(&slot.print);
            bytes.extend_from_slice(&slot.expires_ms.to_le_bytes());
            bytes.extend_from_slice(&slot.state);
        }
        bytes
    }

    /// Whether every slot is live.
    fn is_full(&self, now_ms: u64) -> bool {
        self.slots.len() == WAYS && self.slots.iter().all(|slot| slot.expires_ms > now_ms)
    }

    /// The owner's slot; else one that is free and may be given away. What an owner left in a slot
    /// that has expired and that nobody took is still its own: what the state says by now may
    /// depend on a configuration that has changed since.
    fn place(&self, owner: Owner, now_ms: u64) -> Option<(usize, Placement)> {
        let (mut free, mut own) = (None, None);
        for (at, slot) in self.slots.iter().enumerate() {
            let live = slot.expires_ms > now_ms;
            if slot.print == owner.0 {
                own = Some((at, Placement::Kept));
                if live {
                    return own;
                }
            } else if !live && free.is_none() {
                free = Some(at);
            }
        }
        if now_ms < self.overflow_until_ms {
            return None;
        }
        if own.is_some() {
            return own;
        }
        // A bucket grows to its full number of slots only as they are needed.
        free.or((self.slots.len() < WAYS).then_some(self.slots.len()))
            .map(|at| (at, Placement::Claimed))
    }

    fn change<T>(
        &mut self,
        at: usize,
        owner: Owner,
        placement: Placement,
        change: &mut impl FnMut(Option<&[u8; N]>) -> SlotAnswer<N, T>,
    ) -> (Option<Vec<u8>>, Changed<T>) {
        let live = self.slots.get(at).filter(|_| placement == Placement::Kept);
        match change(live.map(|slot| &slot.state)) {
            SlotAnswer::Leave(value) => {
                let expires_ms = live.map_or(0, |slot| slot.expires_ms);
                (None, Some((value, placement, expires_ms)))
            }
            SlotAnswer::Store {
                state,
                expires_ms,
                value,
            } => {
                let slot = Slot {
                    print: owner.0,
                    expires_ms,
                    state,
                };
                match self.slots.get_mut(at) {
                    Some(place) => *place = slot,
                    None => self.slots.push(slot),
                }
                (Some(self.write()), Some((value, placement, expires_ms)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemoryStore;
    use proptest::prelude::*;
    use std::collections::HashMap;

    fn add(
        table: &SlotTable<8>,
        store: &MemoryStore,
        owner: &str,
        now: u64,
        ttl: u64,
    ) -> (u64, Placement) {
        let done = table
            .update(store, Owner::new([owner]), now, |state| {
                let n = state.map_or(0, |s| u64::from_le_bytes(*s)) + 1;
                SlotAnswer::Store {
                    state: n.to_le_bytes(),
                    expires_ms: now + ttl,
                    value: n,
                }
            })
            .unwrap();
        (done.value, done.placement)
    }

    #[test]
    fn an_owner_keeps_its_slot_until_another_takes_it() {
        let (table, store) = (SlotTable::new("t", 64), MemoryStore::default());
        assert_eq!(add(&table, &store, "a", 0, 10), (1, Placement::Claimed));
        assert_eq!(add(&table, &store, "a", 9, 10), (2, Placement::Kept));
        assert_eq!(add(&table, &store, "a", 18, 10), (3, Placement::Kept));
        // Nobody has taken it since.
        assert_eq!(add(&table, &store, "a", 28, 10), (4, Placement::Kept));
        let (table, store) = (SlotTable::new("t", 1), MemoryStore::default());
        for n in 0..=WAYS {
            let now = if n < WAYS { 0 } else { 10 };
            let taken = add(&table, &store, &n.to_string(), now, 10);
            assert_eq!(taken, (1, Placement::Claimed), "{n}");
        }
        assert_eq!(add(&table, &store, "0", 10, 10), (1, Placement::Claimed));
    }

    #[test]
    fn a_full_bucket_overflows_and_recovers() {
        let (table, store) = (SlotTable::new("t", 1), MemoryStore::default());
        for n in 0..WAYS {
            assert_eq!(
                add(&table, &store, &n.to_string(), 0, 10).1,
                Placement::Claimed
            );
        }
        assert_eq!(add(&table, &store, "late", 5, 10), (1, Placement::Overflow));
        assert_eq!(
            add(&table, &store, "later", 6, 10),
            (2, Placement::Overflow)
        );
        // Those who have a slot keep it.
        assert_eq!(add(&table, &store, "3", 6, 10), (2, Placement::Kept));
        // A slot has expired, but what is in overflow has not: nobody may start afresh.
        assert_eq!(
            add(&table, &store, "late", 11, 10),
            (3, Placement::Overflow)
        );
        assert_eq!(add(&table, &store, "new", 20, 10), (4, Placement::Overflow));
        // Nobody came to overflow any more and it has expired, as has the provisional stamp.
        assert_eq!(
            add(&table, &store, "late", 30 + PROVISIONAL_MS, 10),
            (1, Placement::Claimed)
        );
    }

    /// With the shared slot held for longer than the provisional time, that is what counts.
    #[test]
    fn overflow_lasts_as_long_as_what_is_in_it() {
        let (table, store) = (SlotTable::new("t", 1), MemoryStore::default());
        for n in 0..WAYS {
            add(&table, &store, &n.to_string(), 0, 10);
        }
        let long = 10 * PROVISIONAL_MS;
        assert_eq!(add(&table, &store, "late", 5, long).1, Placement::Overflow);
        assert_eq!(add(&table, &store, "late", long, 10).1, Placement::Overflow);
        assert_eq!(
            add(&table, &store, "late", 5 + long + 10, 10).1,
            Placement::Claimed
        );
    }

    #[test]
    fn a_million_owners_stay_within_the_bound() {
        let (table, store) = (SlotTable::<8>::new("t", 256), MemoryStore::default());
        for n in 0..1_000_000_u64 {
            add(&table, &store, &n.to_string(), n / 1000, 50);
        }
        assert!(store.keys() <= 256 / WAYS + 1);
        assert!(store.bytes() <= table.max_bytes() + store.keys() * 40);
    }

    #[test]
    fn parts_do_not_run_together() {
        assert_ne!(Owner::new(["ab", "c"]), Owner::new(["a", "bc"]));
        assert_ne!(Owner::new(["ab"]), Owner::new(["ab", ""]));
    }

    proptest! {
        /// With room for everybody the table is a plain map, whatever rivals do in between.
        #[test]
        fn like_a_map(steps in prop::collection::vec(0_u8..8, 1..200)) {
            let table = SlotTable::<8>::new("t", 1);
            let store = MemoryStore::default();
            let mut turn = 0_u32;
            store.set_rival(move |_, current| {
                turn += 1;
                // Every third write is preceded by one that changes nothing but the version.
                current.filter(|_| turn.is_multiple_of(3)).map(<[u8]>::to_vec)
            });
            let mut model = HashMap::new();
            for step in steps {
                let n = model.entry(step).and_modify(|n| *n += 1).or_insert(1_u64);
                prop_assert_eq!(add(&table, &store, &step.to_string(), 0, 10).0, *n);
            }
        }
    }
}
