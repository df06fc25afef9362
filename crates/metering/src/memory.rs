//! A bound on what all exchanges of a VM hold of their answers.

use std::cell::Cell;
use std::rc::Rc;

/// Envoy's V8 gives a VM 1 GiB, shared by all filters of the bundle; a buffer that grows takes its
/// old and its new size at once.
const ROOM: usize = 64 << 20;

/// Memory that all exchanges of one filter share in one worker.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    taken: Rc<Cell<usize>>,
}

/// What one exchange has taken of it, given back when it ends.
#[derive(Debug)]
pub(crate) struct Taken {
    memory: Memory,
    bytes: usize,
}

impl Memory {
    pub(crate) fn share(&self) -> Taken {
        Taken {
            memory: self.clone(),
            bytes: 0,
        }
    }
}

impl Taken {
    /// Takes so many bytes in all; says whether there is room for them.
    pub(crate) fn hold(&mut self, bytes: usize) -> bool {
        let Memory { taken } = &self.memory;
        let others = taken.get().saturating_sub(self.bytes);
        let fits = bytes <= self.bytes || others.saturating_add(bytes) <= ROOM;
        if fits {
            taken.set(others.saturating_add(bytes));
            self.bytes = bytes;
        }
        fits
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.hold(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_given_back() {
        let memory = Memory::default();
        let (mut one, mut other) = (memory.share(), memory.share());
        assert!(one.hold(ROOM - 10));
        assert!(other.hold(10));
        assert!(!other.hold(11));
        assert!(one.hold(5));
        assert!(other.hold(ROOM - 5));
        drop(one);
        assert!(other.hold(ROOM));
        drop(other);
        assert_eq!(memory.taken.get(), 0);
    }
}
