//! The cache all workers share, and the only way to change it.
//!
//! Envoy's shared data is a map from key to bytes and a version; it has compare-and-swap but
//! neither deletion nor listing, and memory never returns. So keys are few and fixed, and all
//! that varies (owner, window, expiry) lives in the values.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::num::NonZeroU32;

/// Version of a stored value, as the host counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version(pub NonZeroU32);

/// A value as found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// What to expect when writing it back.
    pub version: Version,
}

/// What a write expects to find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// No value yet.
    Absent,
    /// The value as read.
    Unchanged(Version),
}

/// Why the store did not do as asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// Somebody else wrote in between.
    Conflict,
    /// The host refused, with this status.
    Failed(u32),
}

/// A shared store. Calls take no time worth waiting for.
pub trait Store {
    /// Reads a value.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    fn get(&self, key: &str) -> Result<Option<Entry>, StoreError>;

    /// Writes a value if the expectation holds.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when it does not hold, [`StoreError::Failed`].
    fn set(&self, key: &str, bytes: &[u8], expect: Expect) -> Result<(), StoreError>;

    /// Waits a little before round `round` of an [`update`], for a time that differs from worker
    /// to worker. Two workers that change one key without pause fall into step: one reads just
    /// behind the other and loses every round (596 in a row have been seen in Envoy).
    fn pause(&self, _round: u32) {}
}

/// How often [`update`] tries. Losing this often, with a longer pause each time, means that
/// something is wrong with the host.
const MAX_TRIES: u32 = 128;

/// Outcome of an [`update`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Updated<T> {
    /// What the closure returned in the round that was stored.
    pub value: T,
    /// How many rounds were lost to others.
    pub conflicts: u32,
}

/// Why an [`update`] stored nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpdateError {
    /// Lost every round.
    Contended,
    /// The host refused, with this status.
    Failed(u32),
}

impl fmt::Display for UpdateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Contended => write!(f, "lost {MAX_TRIES} rounds to other workers"),
            Self::Failed(status) => write!(f, "the host refused with status {status}"),
        }
    }
}

impl std::error::Error for UpdateError {}

/// Reads, changes and writes back, again when another worker came in between. The closure gets
/// the current bytes and returns the new ones, or `None` to leave the value as it is; it may be
/// called several times and must not act beyond its return value.
///
/// # Errors
/// [`UpdateError`]; the store then holds what it held.
pub fn update<T>(
    store: &dyn Store,
    key: &str,
    mut change: impl FnMut(Option<&[u8]>) -> (Option<Vec<u8>>, T),
) -> Result<Updated<T>, UpdateError> {
    for conflicts in 0..MAX_TRIES {
        if conflicts > 0 {
            store.pause(conflicts);
        }
        let entry = store.get(key).map_err(failed)?;
        let (bytes, value) = change(entry.as_ref().map(|e| e.bytes.as_slice()));
        let Some(bytes) = bytes else {
            return Ok(Updated { value, conflicts });
        };
        let expect = entry.map_or(Expect::Absent, |e| Expect::Unchanged(e.version));
        match store.set(key, &bytes, expect) {
            Ok(()) => return Ok(Updated { value, conflicts }),
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(failed(error)),
        }
    }
    Err(UpdateError::Contended)
}

fn failed(error: StoreError) -> UpdateError {
    match error {
        StoreError::Conflict => UpdateError::Contended,
        StoreError::Failed(status) => UpdateError::Failed(status),
    }
}

/// A store in memory with the semantics of Envoy's shared data, for tests. It can be told to let
/// a rival write between a read and the write that follows.
#[derive(Default)]
pub struct MemoryStore {
    values: RefCell<HashMap<String, Entry>>,
    rival: RefCell<Option<Rival>>,
}

/// Called with the key and the current bytes before a write; may return what the rival wrote.
type Rival = Box<dyn FnMut(&str, Option<&[u8]>) -> Option<Vec<u8>>>;

impl std::fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MemoryStore({} keys)", self.keys())
    }
}

impl MemoryStore {
    /// Lets `rival` write before each write of the code under test.
    pub fn set_rival(&self, rival: impl FnMut(&str, Option<&[u8]>) -> Option<Vec<u8>> + 'static) {
        *self.rival.borrow_mut() = Some(Box::new(rival));
    }

    /// Number of keys, which never shrinks, as in Envoy.
    pub fn keys(&self) -> usize {
        self.values.borrow().len()
    }

    /// Bytes held in keys and values.
    pub fn bytes(&self) -> usize {
        self.values
            .borrow()
            .iter()
            .map(|(key, entry)| key.len() + entry.bytes.len())
            .sum()
    }

    fn write(&self, key: &str, bytes: &[u8]) {
        let mut values = self.values.borrow_mut();
        let next = values
            .get(key)
            .map_or(1, |e| e.version.0.get().wrapping_add(1));
        let version = Version(NonZeroU32::new(next).unwrap_or(NonZeroU32::MIN));
        values.insert(
            key.to_owned(),
            Entry {
                bytes: bytes.to_vec(),
                version,
            },
        );
    }
}

impl Store for MemoryStore {
    fn get(&self, key: &str) -> Result<Option<Entry>, StoreError> {
        Ok(self.values.borrow().get(key).cloned())
    }

    fn set(&self, key: &str, bytes: &[u8], expect: Expect) -> Result<(), StoreError> {
        if let Some(rival) = self.rival.borrow_mut().as_mut() {
            let current = self.values.borrow().get(key).map(|e| e.bytes.clone());
            if let Some(written) = rival(key, current.as_deref()) {
                self.write(key, &written);
            }
        }
        let current = self.values.borrow().get(key).map(|e| e.version);
        match (current, expect) {
            // On a key that does not exist Envoy accepts any version.
            (None, _) => {}
            (Some(found), Expect::Unchanged(version)) if found == version => {}
            (Some(_), _) => return Err(StoreError::Conflict),
        }
        self.write(key, bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(bytes: Option<&[u8]>) -> u64 {
        bytes.map_or(0, |b| u64::from_le_bytes(b.try_into().unwrap()))
    }

    #[test]
    fn an_update_loses_nothing_to_a_rival() {
        let store = MemoryStore::default();
        let mut left = 10;
        store.set_rival(move |_, current| {
            left -= 1;
            (left > 0).then(|| (number(current) + 100).to_le_bytes().to_vec())
        });
        let mut conflicts = 0;
        for _ in 0..5 {
            conflicts += update(&store, "k", |b| {
                (Some((number(b) + 1).to_le_bytes().to_vec()), ())
            })
            .unwrap()
            .conflicts;
        }
        assert_eq!(number(Some(&store.get("k").unwrap().unwrap().bytes)), 905);
        // The first rival write created the key, which is a conflict as any other.
        assert_eq!(conflicts, 9);
    }

    #[test]
    fn a_rival_that_never_rests_is_reported() {
        let store = MemoryStore::default();
        store.set_rival(|_, _| Some(vec![0]));
        assert_eq!(
            update(&store, "k", |_| (Some(vec![1]), ())).unwrap_err(),
            UpdateError::Contended
        );
    }

    #[test]
    fn leaving_a_value_writes_nothing() {
        let store = MemoryStore::default();
        let seen = update(&store, "k", |b| (None, b.is_none())).unwrap();
        assert!(seen.value);
        assert_eq!(store.keys(), 0);
    }
}
