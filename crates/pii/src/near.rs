//! The words around a value: which detectors they speak for, and whether the nearest of them
//! names something harmless instead.
//!
//! A window of fixed size around a value is looked at, and only when a detector asks.

use crate::{
    bytes::{Bytes, class},
    literals::Literals,
};

/// How far before a value a word may stand, in bytes.
const BEFORE: usize = 72;
/// How far from its beginning a word after it may stand, the value itself included.
const AFTER: usize = 64;
/// How much worse a word after the value is than one before it, in bytes.
const AFTER_COSTS: usize = 24;
/// How near a word must stand to speak against a value: it is its label or nothing.
const LABEL: usize = 18;

/// The longest word there may be, and how much of a hint is looked at.
const LONGEST_WORD: usize = 40;
const LONGEST_HINT: usize = 128;

/// What numbers are called that are nobody's.
const HARMLESS: &[&str] = &[
    "order",
    "orders",
    "invoice",
    "tracking",
    "shipment",
    "parcel",
    "package",
    "sku",
    "isbn",
    "issn",
    "ean",
    "upc",
    "gtin",
    "asin",
    "model",
    "part no",
    "part number",
    "part",
    "case",
    "ticket",
    "reference",
    "ref",
    "transaction",
    "txn",
    "build",
    "commit",
    "sha",
    "hash",
    "uuid",
    "guid",
    "article",
    "item",
    "product",
    "quantity",
    "qty",
    "price",
    "total",
    "amount",
    "timestamp",
    "epoch",
    "unix time",
    "po number",
    "purchase order",
    "po",
    "receipt",
    "batch",
    "lot",
    "issue",
    "revision",
    "rev",
    "doi",
    "arxiv",
    "pmid",
    "confirmation",
    "booking",
    "rma",
    "barcode",
    "version",
    "ups",
    "fedex",
    "usps",
    "dhl",
    "trace",
    "trace_id",
    "span_id",
    "request id",
    "request_id",
    "requestid",
    "correlation",
    "job",
    "run id",
    "pull request",
    "error code",
    "errno",
    "pid",
    "offset",
    "checksum",
    "crc",
    "md5",
    "port",
    "coordinates",
    "latitude",
    "longitude",
    "bytes",
    "population",
    "revenue",
    "flight",
    "room",
    "catalog",
    "catalogue",
    "serial",
    "serial number",
    "seed",
    "nonce",
    "row",
    "line",
    "step",
    "iteration",
    "duration",
    "bestellung",
    "bestellnummer",
    "rechnung",
    "rechnungsnummer",
    "artikelnummer",
    "auftrag",
    "sendung",
    "commande",
    "facture",
    "colis",
    "pedido",
    "factura",
    "artículo",
    "ordine",
    "fattura",
    "articolo",
    "encomenda",
    "fatura",
    "订单",
    "订单号",
    "单号",
    "货号",
    "注文番号",
    "注文",
    "주문번호",
    "주문",
    "заказ",
    "версия",
    "版本",
];

/// The words, compiled.
pub(crate) struct Words {
    finder: Literals,
    meanings: Vec<Meaning>,
}

/// What a word says.
struct Meaning {
    /// The detectors it speaks for and against, as bits.
    for_it: u128,
    against: u128,
    /// Whether it only counts if it stands alone.
    short: bool,
}

impl Words {
    /// Of each detector the words for it and against it; the bit of a detector is its place.
    pub(crate) fn new(of: &[(Vec<String>, &'static [&'static str])]) -> Self {
        let mut words: std::collections::BTreeMap<&str, (u128, u128)> = HARMLESS
            .iter()
            .map(|&word| (word, (0, u128::MAX)))
            .collect();
        for (place, (context, counter)) in of.iter().enumerate() {
            let bit = 1_u128
                .checked_shl(u32::try_from(place).unwrap_or(u32::MAX))
                .unwrap_or(0);
            for word in context {
                let meaning = words.entry(word).or_default();
                meaning.0 |= bit;
                meaning.1 &= !bit;
            }
            for word in *counter {
                words.entry(word).or_default().1 |= bit;
            }
        }
        let mut literals = Vec::new();
        let mut meanings = Vec::new();
        for (word, &(for_it, against)) in &words {
            for spelling in spellings(word) {
                literals.push(spelling);
                meanings.push(Meaning {
                    for_it,
                    against,
                    short: word.is_ascii() && word.len() < 8,
                });
            }
        }
        Self {
            finder: Literals::new(&literals),
            meanings,
        }
    }

    pub(crate) fn memory_usage(&self) -> usize {
        self.finder.memory_usage() + self.meanings.len() * size_of::<Meaning>()
    }

    /// What the words around the value, and in the hint it stands under, say of the detector
    /// with this bit.
    pub(crate) fn verdict(
        &self,
        seen: &mut Seen,
        text: Bytes<'_>,
        bit: usize,
        start: usize,
        end: usize,
    ) -> Verdict {
        let from = start.saturating_sub(BEFORE);
        let to = (start + AFTER).max(end + AFTER / 2).min(text.len());
        self.look(seen, text, from, to);
        let bit = u32::try_from(bit)
            .ok()
            .and_then(|bit| 1_u128.checked_shl(bit))
            .unwrap_or(0);
        let (mut nearest_for, mut nearest_against) = (usize::MAX, usize::MAX);
        let mut weigh = |word: usize, distance: usize, before: bool| {
            let Some(word) = self.meanings.get(word) else {
                return;
            };
            if word.for_it & bit != 0 {
                nearest_for = nearest_for.min(distance);
            }
            if word.against & bit != 0 && before && distance <= LABEL {
                nearest_against = nearest_against.min(distance);
            }
        };
        if from == 0 {
            seen.hint
                .iter()
                .for_each(|hit| weigh(hit.word, start + hit.end, true));
        }
        let first = seen.hits.partition_point(|hit| hit.end <= from);
        for hit in seen.hits.iter().skip(first).take_while(|hit| hit.end <= to) {
            if hit.start >= from && hit.end <= start {
                weigh(hit.word, start - hit.end, true);
            } else if hit.start >= end {
                weigh(hit.word, hit.start - end + AFTER_COSTS, false);
            }
        }
        if nearest_for != usize::MAX && nearest_for <= nearest_against {
            Verdict::Supported(nearest_for)
        } else if nearest_against != usize::MAX {
            Verdict::Denied
        } else {
            Verdict::Silent
        }
    }

    /// Finds the words from one place to another, as far as that was not done already: values
    /// are asked about in order, so that no part of the text is looked at more than twice.
    fn look(&self, seen: &mut Seen, text: Bytes<'_>, from: usize, to: usize) {
        if from < seen.from || from > seen.to {
            *seen = Seen {
                from,
                to: from,
                hits: Vec::new(),
                hint: std::mem::take(&mut seen.hint),
            };
        }
        if to <= seen.to {
            return;
        }
        if seen.hits.len() > 256 {
            let gone = seen.hits.partition_point(|hit| hit.end <= from);
            seen.hits.drain(..gone);
            seen.from = from;
        }
        let again = seen.to.saturating_sub(LONGEST_WORD).max(seen.from);
        let to = (to + AFTER).min(text.len());
        self.finder.find_all(text.slice(again, to), |hit| {
            let (start, end) = (again + hit.start, again + hit.end);
            let word = hit.literal;
            let short = self.meanings.get(word).is_some_and(|word| word.short);
            if end > seen.to && bounded(text, start, end, short) {
                seen.hits.push(Hit { start, end, word });
            }
        });
        seen.to = to;
    }

    /// What of the hint may be a context, by its distance from the hint's end.
    pub(crate) fn hint(&self, hint: Option<&str>) -> Seen {
        let hint = Bytes(hint.unwrap_or_default().as_bytes());
        let hint = Bytes(hint.slice(hint.len().saturating_sub(LONGEST_HINT), hint.len()));
        let mut seen = Seen::default();
        self.finder.find_all(hint.0, |hit| {
            let word = hit.literal;
            let short = self.meanings.get(word).is_some_and(|word| word.short);
            let (start, end) = (hit.start, hint.len() - hit.end);
            if bounded(hint, start, hit.end, short) {
                seen.hint.push(Hit { start, end, word });
            }
        });
        seen
    }
}

/// The words found so far around the values asked about.
#[derive(Default)]
pub(crate) struct Seen {
    from: usize,
    to: usize,
    hits: Vec<Hit>,
    /// Those of the hint; their ends are distances.
    hint: Vec<Hit>,
}

impl Seen {
    /// Whether the hint says anything.
    pub(crate) fn any(&self) -> bool {
        !self.hint.is_empty()
    }
}

struct Hit {
    start: usize,
    end: usize,
    word: usize,
}

/// What the words around a value say of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// A word this far away names it.
    Supported(usize),
    /// Its label names something else.
    Denied,
    Silent,
}

/// The spellings of a word that are to be looked for: ASCII letters match in any case, others as
/// they are, as a capital in front, and all in capitals; words of several parts also as names in
/// programs, `tax_file`, `tax-file`, `taxFile`.
pub(crate) fn spellings(word: &str) -> Vec<String> {
    let mut spellings = vec![word.to_owned()];
    let inner = word.trim();
    if inner.len() == word.len() && inner.contains(' ') && !inner.contains(['.', '#', ':', '\'']) {
        spellings.extend(["_", "-", ""].map(|joint| word.replace(' ', joint)));
    }
    if !word.is_ascii() {
        let mut letters = word.chars();
        let first = letters.next().into_iter().flat_map(char::to_uppercase);
        for spelling in [first.chain(letters).collect(), word.to_uppercase()] {
            if !spellings
                .iter()
                .any(|known| known.eq_ignore_ascii_case(&spelling))
            {
                spellings.push(spelling);
            }
        }
    }
    spellings
}

/// Whether a word of ASCII letters stands alone: short ones at both ends, long ones at the front
/// or the back, for the compounds of some languages. `cardNumber` holds `card`.
pub(crate) fn bounded(text: Bytes<'_>, start: usize, end: usize, short: bool) -> bool {
    let letter = |at| text.is(at, class::LETTER);
    let front = start == 0
        || !letter(start)
        || !text.is(start - 1, class::LETTER)
        || text.is(start - 1, class::LOWER) && text.is(start, class::UPPER);
    let last = end.saturating_sub(1);
    let plural = text.is(end, class::LOWER) && text.at(end) == b's' && !letter(end + 1);
    let back = !letter(last)
        || !letter(end)
        || text.is(last, class::LOWER) && text.is(end, class::UPPER)
        || plural;
    if short { front && back } else { front || back }
}
