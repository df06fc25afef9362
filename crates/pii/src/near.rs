//! The words around a value: which detectors they speak for, and whether the nearest of them
//! names something harmless instead.
//!
//! A window of fixed size around a value is looked at, and only when a detector asks.

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use crate::{
    bytes::{Bytes, class},
    settings::SettingError,
};

/// How far before a value a word may stand, in bytes.
const BEFORE: usize = 72;
/// How far from its beginning a word after it may stand, the value itself included.
const AFTER: usize = 64;
/// How much worse a word after the value is than one before it, in bytes.
const AFTER_COSTS: usize = 24;
/// How near a word must stand to speak against a value: it is its label or nothing.
const LABEL: usize = 18;

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
    finder: AhoCorasick,
    /// Per word: the detectors it speaks for and against, as bits, and whether it is one that
    /// needs an end: a short one.
    meanings: Vec<(u128, u128, bool)>,
}

impl Words {
    /// Of each detector the words for it and against it; the bit of a detector is its place.
    pub(crate) fn new(of: &[(Vec<String>, &'static [&'static str])]) -> Result<Self, SettingError> {
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
        let finder = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(words.keys())
            .map_err(SettingError::literals)?;
        let meanings = words
            .iter()
            .map(|(word, &(for_it, against))| (for_it, against, word.is_ascii() && word.len() < 8))
            .collect();
        Ok(Self { finder, meanings })
    }

    /// What stands around the value, and in the hint it stands under.
    pub(crate) fn near(
        &self,
        text: Bytes<'_>,
        hint: Option<&str>,
        start: usize,
        end: usize,
    ) -> Near {
        let mut near = Near::default();
        let from = start.saturating_sub(BEFORE);
        let window = Bytes(text.slice(from, (start + AFTER).max(end + AFTER / 2)));
        if from == 0
            && let Some(hint) = hint
        {
            let hint = Bytes(hint.as_bytes());
            self.each(hint, |_, found, meaning| {
                near.add(start + hint.len() - found, true, meaning);
            });
        }
        self.each(window, |at, found, meaning| {
            if from + found <= start {
                near.add(start - from - found, true, meaning);
            } else if from + at >= end {
                near.add(from + at - end + AFTER_COSTS, false, meaning);
            }
        });
        near
    }

    fn each(&self, text: Bytes<'_>, mut act: impl FnMut(usize, usize, (u128, u128))) {
        for found in self.finder.find_overlapping_iter(text.0) {
            let Some(&(for_it, against, short)) = self.meanings.get(found.pattern().as_usize())
            else {
                continue;
            };
            if bounded(text, found.start(), found.end(), short) {
                act(found.start(), found.end(), (for_it, against));
            }
        }
    }
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

/// What was found around a value: the last words before it and the first after it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Near {
    /// Distance, whether before the value, the detectors it speaks for and against.
    words: [Option<(usize, bool, u128, u128)>; 12],
    next: usize,
}

impl Near {
    fn add(&mut self, distance: usize, before: bool, (for_it, against): (u128, u128)) {
        let place = self.next % self.words.len();
        if let Some(word) = self.words.get_mut(place) {
            *word = Some((distance, before, for_it, against));
        }
        self.next += 1;
    }

    /// How far the nearest word for this detector is, unless a label against it is nearer.
    pub(crate) fn supports(&self, detector: usize) -> Option<usize> {
        let (for_it, against) = self.nearest(detector);
        for_it.filter(|distance| against.is_none_or(|against| *distance <= against))
    }

    /// Whether what stands before the value labels it as something else.
    pub(crate) fn denies(&self, detector: usize) -> bool {
        let (for_it, against) = self.nearest(detector);
        against.is_some_and(|against| for_it.is_none_or(|distance| against < distance))
    }

    fn nearest(&self, detector: usize) -> (Option<usize>, Option<usize>) {
        let bit = 1_u128
            .checked_shl(u32::try_from(detector).unwrap_or(u32::MAX))
            .unwrap_or(0);
        let nearest = |wanted: fn(&(usize, bool, u128, u128), u128) -> bool| {
            let words = self.words.iter().flatten().filter(|word| wanted(word, bit));
            words.map(|word| word.0).min()
        };
        (
            nearest(|word, bit| word.2 & bit != 0),
            nearest(|word, bit| word.1 && word.0 <= LABEL && word.3 & bit != 0),
        )
    }
}
