//! A set of token lengths.

/// Lengths from 1 to 128 bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lengths {
    low: u64,
    high: u64,
}

impl Lengths {
    #[inline(always)]
    pub(crate) fn insert(&mut self, len: usize) {
        if len <= 64 {
            self.low |= 1 << (len - 1);
        } else {
            self.high |= 1 << (len - 65);
        }
    }

    /// Takes the longest out.
    #[inline(always)]
    pub(crate) fn pop(&mut self) -> Option<usize> {
        let (half, base) = if self.high != 0 {
            (&mut self.high, 64)
        } else {
            (&mut self.low, 0)
        };
        let top = half.checked_ilog2()?;
        *half ^= 1 << top;
        Some(base + top as usize + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_comes_first() {
        let mut lengths = Lengths::default();
        for len in [1, 64, 7, 128, 65] {
            lengths.insert(len);
        }
        let all: Vec<_> = std::iter::from_fn(|| lengths.pop()).collect();
        assert_eq!(all, [128, 65, 64, 7, 1]);
    }
}
