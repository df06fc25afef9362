//! The built-in table, searched where it lies. `build/main.rs` says how it is packed.
//!
//! Its bytes are ours, but reading them is checked all the same: bytes that make no sense are
//! a model that is not there, never a panic.

use crate::price::{Price, Rate};
use crate::slot::{Kind, Tier};

static NAMES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/names"));
static BLOCKS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/blocks"));
static RATES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/rates"));
static LIMITS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/limits"));
include!(concat!(env!("OUT_DIR"), "/providers.rs"));

/// A model of the table.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) provider: &'static str,
    pub(crate) price: Price,
    pub(crate) max_input_tokens: Option<u64>,
    pub(crate) max_output_tokens: Option<u64>,
}

/// Whether the table has models of this provider.
pub(crate) fn has_provider(name: &str) -> bool {
    PROVIDERS.binary_search(&name).is_ok()
}

/// The model of this very name, in lower case.
pub(crate) fn row(name: &str) -> Option<Row> {
    let wanted = name.as_bytes();
    // The last block that does not begin after the name.
    let (mut low, mut high) = (0, BLOCKS.len() / 4);
    while high - low > 1 {
        let middle = low.midpoint(high);
        if Entry::read(&mut block(middle)?, Vec::new())?.0.as_slice() <= wanted {
            low = middle;
        } else {
            high = middle;
        }
    }
    let end = block(low + 1).map_or(0, |next| next.0.len());
    let mut block = block(low)?;
    let mut name = Vec::new();
    while block.0.len() > end {
        let entry;
        (name, entry) = Entry::read(&mut block, name)?;
        if name == wanted {
            return entry.row();
        }
    }
    None
}

fn block(number: usize) -> Option<Bytes> {
    let at = BLOCKS.get(number * 4..)?.first_chunk()?;
    NAMES.get(u32::from_le_bytes(*at) as usize..).map(Bytes)
}

/// Where the parts of a row lie.
struct Entry {
    provider: u8,
    rates: usize,
    limits: usize,
}

impl Entry {
    /// The next name and its entry, given the name before it.
    fn read(bytes: &mut Bytes, mut name: Vec<u8>) -> Option<(Vec<u8>, Self)> {
        let (shared, rest) = (bytes.byte()?, bytes.byte()?);
        name.truncate(shared.into());
        name.extend_from_slice(bytes.take(rest.into())?);
        let entry = Self {
            provider: bytes.byte()?,
            rates: bytes.number()?.try_into().ok()?,
            limits: bytes.number()?.try_into().ok()?,
        };
        Some((name, entry))
    }

    fn row(&self) -> Option<Row> {
        let mut rates = Bytes(RATES.get(self.rates..)?);
        let mut price = Price::new(0, 0);
        for _ in 0..rates.number()? {
            price = price.with(rates.rate()?);
        }
        let mut limits = Bytes(LIMITS.get(self.limits..)?);
        let known = |limit: u64| Some(limit).filter(|&limit| limit > 0);
        Some(Row {
            provider: PROVIDERS.get(usize::from(self.provider))?,
            price,
            max_input_tokens: known(limits.number()?),
            max_output_tokens: known(limits.number()?),
        })
    }
}

/// What is left to read.
struct Bytes(&'static [u8]);

impl Bytes {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn take(&mut self, count: usize) -> Option<&'static [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 127) << shift;
            if byte < 128 {
                return Some(number);
            }
        }
        None
    }

    fn rate(&mut self) -> Option<Rate> {
        let packed = usize::from(self.byte()?);
        let (slot, has_threshold) = (packed / 2, packed % 2 == 1);
        let kinds = Kind::ALL.len();
        Some(Rate {
            kind: *Kind::ALL.get(slot % kinds)?,
            tier: *Tier::ALL.get(slot / kinds)?,
            above: if has_threshold { self.number()? } else { 0 },
            picos: {
                let price = self.number()?;
                (price / 16).checked_mul(10u64.checked_pow(u32::try_from(price % 16).ok()?)?)?
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = include_str!("../data/prices.txt");

    fn rows() -> impl Iterator<Item = Vec<&'static str>> {
        let lines = TEXT.lines().filter(|line| !line.starts_with('#'));
        lines.map(|line| line.split(' ').collect())
    }

    /// Every model is found with exactly the numbers of the text, read here by other means.
    #[test]
    fn the_table_is_the_text() {
        assert!(rows().count() > 3000);
        for fields in rows() {
            let name = fields[0];
            let found = row(name).unwrap_or_else(|| panic!("{name} is not found"));
            let limit = |text: &str| text.parse().ok().filter(|&n: &u64| n > 0);
            assert_eq!(found.provider, fields[1], "{name}");
            assert_eq!(found.max_input_tokens, limit(fields[2]), "{name}");
            assert_eq!(found.max_output_tokens, limit(fields[3]), "{name}");
            let mut written: Vec<String> = fields[4..].iter().map(|s| (*s).to_owned()).collect();
            let mut read: Vec<String> = found.price.rates().iter().map(label).collect();
            written.sort();
            read.sort();
            assert_eq!(read, written, "{name}");
        }
    }

    fn label(rate: &Rate) -> String {
        let mut label = rate.kind.name().to_owned();
        if rate.tier != Tier::Standard {
            label += &format!("/{}", rate.tier.name());
        }
        if rate.above > 0 {
            label += &format!(">{}", rate.above);
        }
        format!("{label}={}", rate.picos)
    }

    /// A name next to one of the table is not in it, unless it is another row.
    #[test]
    fn neighbours_are_not_found() {
        let names: std::collections::HashSet<&str> = rows().map(|fields| fields[0]).collect();
        for name in &names {
            let longer = format!("{name}-");
            let mut shorter = name.chars();
            shorter.next_back();
            for near in [longer.as_str(), shorter.as_str()] {
                assert_eq!(row(near).is_some(), names.contains(near), "{near}");
            }
        }
        for name in ["", "!", "~~~~", "\u{ff}", "gpt-4o\0"] {
            assert_eq!(row(name), None, "{name:?}");
        }
    }

    /// No model costs nothing, and no prompt is free: what is not known is left out.
    #[test]
    fn nothing_is_free_by_mistake() {
        for fields in rows() {
            let price = row(fields[0]).unwrap().price;
            assert!(price.rate(Kind::Input, Tier::Standard, 0) > 0, "{fields:?}");
        }
    }

    /// The data's share of a module.
    #[test]
    fn the_table_is_small() {
        let size = NAMES.len() + BLOCKS.len() + RATES.len() + LIMITS.len();
        assert!(size < 150_000, "{size} bytes");
    }

    #[test]
    fn providers_by_name() {
        assert!(has_provider("bedrock"));
        assert!(!has_provider("bedroc"));
    }
}
