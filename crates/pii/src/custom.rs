//! The operator's own: patterns, lists of words, and what is never reported.

use std::net::IpAddr;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use regex::bytes::{Regex, RegexBuilder};

use crate::{
    bytes::class,
    check,
    near::Verdict,
    scan::{Scan, Source},
    settings::{Allow, Custom, Kind, SettingError, Settings, Validator},
    table::Confidence,
};

/// The longest match of a pattern. `find_iter` may look at the rest of the text once per match, so
/// that the text is looked at in pieces of this size and the time stays linear.
const LONGEST: usize = 1024;

/// Patterns and lists, compiled.
pub(crate) struct Own {
    patterns: Vec<Pattern>,
    terms: Option<AhoCorasick>,
    /// The list each word is of.
    lists: Vec<usize>,
    /// The kinds of the patterns, then those of the lists.
    kinds: Vec<Kind>,
}

struct Pattern {
    regex: Regex,
    validator: Option<Validator>,
    /// Its place among those that have context words; `None` if it needs none.
    bit: Option<usize>,
}

impl Own {
    pub(crate) fn new(
        settings: &Settings,
        words: &mut Vec<(Vec<String>, &'static [&'static str])>,
    ) -> Result<Self, SettingError> {
        let mut kinds = Vec::new();
        let mut patterns = Vec::new();
        for Custom {
            kind,
            pattern,
            validator,
            context,
        } in &settings.custom
        {
            let bit = (!context.is_empty()).then(|| {
                words.push((context.clone(), &[][..]));
                words.len() - 1
            });
            kinds.push(kind.clone());
            patterns.push(Pattern {
                regex: compile(pattern)?,
                validator: *validator,
                bit,
            });
        }
        let (mut terms, mut lists) = (Vec::new(), Vec::new());
        for list in &settings.terms {
            for term in list
                .terms
                .iter()
                .map(|term| term.trim())
                .filter(|term| !term.is_empty())
            {
                // Letters of ASCII match in any case; others in the cases a name stands in.
                let mut spellings = vec![term.to_owned(), term.to_lowercase(), term.to_uppercase()];
                spellings.dedup_by(|a, b| a.eq_ignore_ascii_case(b));
                lists.extend(std::iter::repeat_n(kinds.len(), spellings.len()));
                terms.append(&mut spellings);
            }
            kinds.push(list.kind.clone());
        }
        let terms = (!terms.is_empty()).then(|| {
            AhoCorasick::builder()
                .ascii_case_insensitive(true)
                .match_kind(MatchKind::LeftmostLongest)
                .kind(Some(AhoCorasickKind::ContiguousNFA))
                .build(terms)
                .map_err(SettingError::literals)
        });
        Ok(Self {
            patterns,
            terms: terms.transpose()?,
            lists,
            kinds,
        })
    }

    pub(crate) fn kind(&self, at: usize) -> Option<Kind> {
        self.kinds.get(at).cloned()
    }

    pub(crate) fn find(&self, scan: &mut Scan<'_>) {
        let text = scan.text;
        for (at, pattern) in self.patterns.iter().enumerate() {
            let mut line_at = 0;
            for line in text.0.split(|&byte| byte == b'\n') {
                pattern.find(scan, at, line_at, line_at + line.len());
                line_at += line.len() + 1;
            }
        }
        for hit in self.terms.iter().flat_map(|terms| terms.find_iter(text.0)) {
            let (start, end) = (hit.start(), hit.end());
            let letter = |at: usize| text.is(at, class::WORD);
            let alone = (start == 0 || !letter(start - 1) || !letter(start))
                && (!letter(end) || !letter(end - 1));
            if alone && let Some(&list) = self.lists.get(hit.pattern().as_usize()) {
                scan.push(
                    Source::Operator(list),
                    start,
                    end,
                    Confidence::Certain,
                    None,
                );
            }
        }
    }
}

impl Pattern {
    fn find(&self, scan: &mut Scan<'_>, at: usize, from: usize, to: usize) {
        let text = scan.text;
        let mut piece = from;
        while piece < to {
            // Pieces overlap by half, so that a match of half a piece is never cut.
            let end = (piece + LONGEST * 2).min(to);
            for hit in self.regex.find_iter(text.slice(piece, end)) {
                let (start, end) = (piece + hit.start(), piece + hit.end());
                if hit.is_empty() || !self.holds(hit.as_bytes()) {
                    continue;
                }
                let distance = match self.bit.map(|bit| scan.verdict_of_bit(bit, start, end)) {
                    None => None,
                    Some(Verdict::Supported(distance)) => Some(distance),
                    Some(_) => continue,
                };
                scan.push(
                    Source::Operator(at),
                    start,
                    end,
                    Confidence::Certain,
                    distance,
                );
            }
            if end == to {
                break;
            }
            piece += LONGEST;
        }
    }

    fn holds(&self, hit: &[u8]) -> bool {
        let Some(validator) = self.validator else {
            return true;
        };
        let compact: Vec<u8> = hit
            .iter()
            .filter(|byte| byte.is_ascii_alphanumeric())
            .copied()
            .collect();
        let digits: Option<Vec<u32>> = compact
            .iter()
            .map(|&byte| char::from(byte).to_digit(10))
            .collect();
        match validator {
            Validator::Luhn => check::luhn(&compact),
            Validator::Mod97 => {
                let (head, body) = compact.split_at(compact.len().min(4));
                check::mod_97(body.iter().chain(head).copied()) == Some(1)
            }
            Validator::Mod11_10 => digits.is_some_and(|digits| check::mod_11_10(&digits)),
            Validator::Verhoeff => digits.is_some_and(|digits| check::verhoeff(&digits)),
        }
    }
}

fn compile(pattern: &str) -> Result<Regex, SettingError> {
    RegexBuilder::new(pattern)
        .unicode(false)
        .size_limit(1 << 18)
        .dfa_size_limit(1 << 18)
        .build()
        .map_err(|error| SettingError::pattern(pattern, &error))
}

/// What is never reported, compiled.
pub(crate) struct Allowed {
    exact: Vec<String>,
    domains: Vec<String>,
    networks: Vec<(IpAddr, u8)>,
    patterns: Vec<Regex>,
}

impl Allowed {
    pub(crate) fn new(settings: &Settings) -> Result<Self, SettingError> {
        let mut allowed = Self {
            exact: Vec::new(),
            domains: Vec::new(),
            networks: Vec::new(),
            patterns: Vec::new(),
        };
        for allow in &settings.allow {
            match allow {
                Allow::Exact(text) => allowed.exact.push(text.to_lowercase()),
                Allow::Domain(domain) => {
                    allowed
                        .domains
                        .push(domain.trim_start_matches('.').to_lowercase());
                }
                &Allow::Network(address, bits) => {
                    if u32::from(bits) > if address.is_ipv4() { 32 } else { 128 } {
                        return Err(SettingError::network(address, bits));
                    }
                    allowed.networks.push((address, bits));
                }
                Allow::Pattern(pattern) => {
                    allowed.patterns.push(compile(&format!("^(?:{pattern})$"))?);
                }
            }
        }
        Ok(allowed)
    }

    pub(crate) fn allows(&self, kind: &Kind, raw: &str, value: &str) -> bool {
        let raw_small = || raw.to_lowercase();
        !self.exact.is_empty()
            && self
                .exact
                .iter()
                .any(|exact| *exact == raw_small() || *exact == value.to_lowercase())
            || kind.name() == "EMAIL" && self.domain(value)
            || kind.name() == "IP" && self.network(value)
            || self
                .patterns
                .iter()
                .any(|pattern| pattern.is_match(raw.as_bytes()))
    }

    fn domain(&self, value: &str) -> bool {
        let Some((_, host)) = value.rsplit_once('@') else {
            return false;
        };
        self.domains.iter().any(|domain| {
            host.strip_suffix(domain.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        })
    }

    fn network(&self, value: &str) -> bool {
        let Ok(address) = value.parse::<IpAddr>() else {
            return false;
        };
        self.networks
            .iter()
            .any(|&(network, bits)| match (network, address) {
                (IpAddr::V4(a), IpAddr::V4(b)) => {
                    (a.to_bits() ^ b.to_bits()).leading_zeros() >= u32::from(bits)
                }
                (IpAddr::V6(a), IpAddr::V6(b)) => {
                    (a.to_bits() ^ b.to_bits()).leading_zeros() >= u32::from(bits)
                }
                _ => false,
            })
    }
}
