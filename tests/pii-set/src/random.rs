//! Randomness that is the same for ever: the fixtures have to come out byte for byte, whatever
//! a crate's next version does. SplitMix64, of which no secrecy is asked.

/// A stream of pseudo-random choices.
pub(crate) struct Random(u64);

impl Random {
    /// The stream of `name` under `seed`. Each kind draws from its own, so that a new kind
    /// leaves the cases of all others as they are.
    pub(crate) fn named(seed: u64, name: &str) -> Self {
        let fnv = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        Self(name.bytes().fold(seed ^ 0xcbf2_9ce4_8422_2325, fnv))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in `low..=high`.
    pub(crate) fn within(&mut self, low: u32, high: u32) -> u32 {
        let span = u64::from(high - low) + 1;
        low + u32::try_from(self.next() % span).expect("less than a u32 span")
    }

    pub(crate) fn chance(&mut self, percent: u32) -> bool {
        self.within(1, 100) <= percent
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        let last = u32::try_from(from.len() - 1).expect("tables are short");
        &from[self.within(0, last) as usize]
    }

    /// One of the words in a list separated by `|`.
    pub(crate) fn word<'a>(&mut self, list: &'a str) -> &'a str {
        let last = u32::try_from(list.matches('|').count()).expect("lists are short");
        let chosen = self.within(0, last) as usize;
        list.split('|').nth(chosen).unwrap_or_default()
    }

    /// `count` characters out of `alphabet`.
    pub(crate) fn text(&mut self, alphabet: &str, count: u32) -> String {
        let letters: Vec<_> = alphabet.chars().collect();
        (0..count).map(|_| *self.pick(&letters)).collect()
    }

    /// The values of `from` in random order.
    pub(crate) fn shuffled<'a, T>(&mut self, from: &'a [T]) -> Vec<&'a T> {
        let mut order: Vec<_> = from.iter().collect();
        for i in (1..order.len()).rev() {
            let j = self.within(0, u32::try_from(i).expect("tables are short")) as usize;
            order.swap(i, j);
        }
        order
    }
}
