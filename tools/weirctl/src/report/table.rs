//! Sums as an aligned table, the dearest first.

use std::collections::BTreeMap;
use std::fmt;

use weir_prices::PicoUsd;

use super::account::Sum;

const COLUMNS: [&str; 5] = [
    "requests",
    "unpriced",
    "input tokens",
    "output tokens",
    "USD",
];

/// A table ready to be shown.
pub(super) struct Table {
    rows: Vec<[String; 6]>,
}

impl Table {
    pub(super) fn new(heading: &str, sums: &BTreeMap<String, Sum>, total: &Sum) -> Self {
        let mut sums: Vec<(&str, &Sum)> = sums.iter().map(|(n, sum)| (n.as_str(), sum)).collect();
        sums.sort_by_key(|(_, sum)| std::cmp::Reverse(sum.cost));
        sums.push(("total", total));
        // As many decimal places for all as the finest amount needs, so that points align.
        let places = |amount: PicoUsd| {
            amount
                .to_string()
                .split_once('.')
                .map_or(0, |(_, p)| p.len())
        };
        let places = sums.iter().map(|(_, sum)| places(sum.cost)).max();
        let places = places.unwrap_or(0).max(2);
        let row = |(name, sum): (&str, &Sum)| {
            [
                printable(name),
                sum.requests.to_string(),
                sum.unpriced.to_string(),
                sum.input.to_string(),
                sum.output.to_string(),
                format!("{:.places$}", sum.cost),
            ]
        };
        let [a, b, c, d, e] = COLUMNS.map(str::to_owned);
        let mut rows = vec![[heading.to_owned(), a, b, c, d, e]];
        rows.extend(sums.into_iter().map(row));
        Self { rows }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut widths = [0; 6];
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        for row in &self.rows {
            for (i, (cell, width)) in row.iter().zip(widths).enumerate() {
                match i {
                    0 => write!(f, "{cell:width$}")?,
                    _ => write!(f, "  {cell:>width$}")?,
                }
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

/// A name without what could work on a terminal: identities and models are what callers wrote.
fn printable(name: &str) -> String {
    let shown = |c: char| {
        if c.is_control() {
            c.escape_default().collect()
        } else {
            c.to_string()
        }
    };
    name.chars().map(shown).collect()
}
