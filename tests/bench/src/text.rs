//! Text to send, made from a seed: prose, code, Chinese and JSON in which no sentence comes twice,
//! and texts that are nothing but what costs a detector or a tokenizer most.
//!
//! Fresh text matters: automata and caches look many times faster on one repeated sentence. What
//! is made here is still poorer in words than what people write; names are invented throughout, so
//! that a tokenizer meets words it does not know.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};

/// What a text is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// English with a personal value in every twenty-fifth sentence.
    Prose,
    Code,
    Chinese,
    Json,
    /// The four above in turn.
    Mixed,
    /// The cases of the labelled PII set, one after the other, under ever new seeds.
    Dense,
    /// Letters without a space.
    Unbroken,
    /// One string, repeated.
    Run(&'static str),
}

/// Makes texts; no sentence of one comes again in another.
pub(crate) struct Writer {
    state: u64,
    /// By their hashes.
    written: HashSet<u64>,
}

impl Writer {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            state: seed,
            written: HashSet::new(),
        }
    }

    /// At least `bytes` bytes of a kind, and at most a sentence, a function or a case more.
    pub(crate) fn text(&mut self, kind: Kind, bytes: usize) -> String {
        let mut text = String::with_capacity(bytes + 4096);
        for turn in 0.. {
            if text.len() >= bytes {
                break;
            }
            let left = bytes - text.len();
            match kind {
                Kind::Prose if turn % 25 == 7 => text.push_str(&self.sentence(PERSONAL)),
                Kind::Prose => text.push_str(&self.sentence(ENGLISH)),
                Kind::Code => text.push_str(&self.sentence(CODE)),
                Kind::Chinese => text.push_str(&self.sentence(CHINESE)),
                Kind::Json => text.push_str(&self.sentence(JSON)),
                Kind::Mixed => {
                    let four = [Kind::Prose, Kind::Code, Kind::Chinese, Kind::Json];
                    text.push_str(&self.text(four[turn % 4], left.min(1_500)));
                    text.push('\n');
                }
                Kind::Dense => {
                    for case in pii_set::generate(self.next()) {
                        if text.len() >= bytes {
                            break;
                        }
                        text.push_str(&case.text);
                        text.push('\n');
                    }
                }
                Kind::Unbroken => text.push(char::from(b'a' + self.below(26) as u8)),
                Kind::Run(what) => text.push_str(&what.repeat(left.div_ceil(what.len()))),
            }
        }
        text
    }

    /// One that has not been written before.
    fn sentence(&mut self, templates: &[&str]) -> String {
        loop {
            let template = templates[self.below(templates.len() as u64) as usize];
            let sentence = self.fill(template);
            let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(&sentence);
            if self.written.insert(hash) {
                return sentence;
            }
        }
    }

    /// Puts words in the places of a template.
    fn fill(&mut self, template: &str) -> String {
        let mut pieces = template.split('‹');
        let mut text = pieces.next().unwrap_or_default().to_owned();
        for piece in pieces {
            let (slot, rest) = piece.split_once('›').expect("a slot has an end");
            text += &match slot {
                "number" => self.below(100_000).to_string(),
                "digits" => (100 + self.below(900)).to_string(),
                "octet" => self.below(255).to_string(),
                "id" => format!("{:016x}", self.next()),
                // A character as rare as those in names.
                "rare" => char::from_u32(0x4e00 + self.below(20_000) as u32)
                    .unwrap_or('一')
                    .to_string(),
                "word" => (0..2 + self.below(2))
                    .map(|_| self.word("syllable"))
                    .collect(),
                "Name" => {
                    let name = self.fill("‹word›");
                    name[..1].to_uppercase() + &name[1..]
                }
                list => self.word(list).to_owned(),
            };
            text += rest;
        }
        text
    }

    fn word(&mut self, list: &str) -> &'static str {
        let of_that_name = |line: &'static str| line.strip_prefix(list)?.strip_prefix(": ");
        let words = WORDS.lines().find_map(of_that_name);
        let words = words.expect("a list of that name");
        let chosen = self.below(words.split(' ').count() as u64) as usize;
        words.split(' ').nth(chosen).unwrap_or_default()
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

const ENGLISH: &[&str] = &[
    "The ‹adj› ‹noun› of ‹Name› ‹verb› the ‹adj› ‹noun› ‹adverb›. ",
    "‹Name› ‹verb› ‹number› ‹noun›s, ‹join› the ‹noun› ‹verb› the ‹adj› ‹noun›. ",
    "Why has the ‹adj› ‹noun› ‹adverb› left the ‹noun› in ‹Name›, ‹join› it ‹verb› ‹Name›? ",
    "It ‹adverb› ‹verb› every ‹adj› ‹noun› ‹join› the ‹noun› in ‹Name› ‹verb› something ‹adj›.\n",
];
const PERSONAL: &[&str] = &[
    "‹Name› ‹Name› wrote from ‹word›.‹word›@‹word›.example about the ‹adj› ‹noun›. ",
    "Call ‹Name› on +44 20 7946 0‹digits› before the ‹noun› ‹verb› the ‹noun›. ",
    "The ‹noun› came from 203.0.113.‹octet›, says ‹Name› ‹adverb›. ",
];
const CODE: &[&str] = &[
    "def ‹adj›_‹noun›(‹noun›, ‹word›=‹number›):
    \"\"\"The ‹noun› of ‹word›.\"\"\"
    ‹word› = [it.‹noun› for it in ‹noun› if it.‹word› > ‹octet›]
    return sorted(‹word›, key=len)[:‹octet›]\n\n",
    "fn ‹adj›_‹word›(‹noun›: &[u8], at: usize) -> Option<u64> {
    let ‹word› = ‹noun›.get(at..at + ‹octet›)?; // the ‹noun›
    ‹word›.iter().try_fold(‹number›_u64, |‹word›, b| ‹word›.checked_add(u64::from(*b)))\n}\n\n",
    "const ‹noun›‹Name› = async (‹word›) => {
  const { ‹noun›, ‹word› } = await ‹word›.fetch(`/‹noun›/${‹word›.id}?limit=‹number›`);
  if (!‹noun›?.length) throw new Error('no ‹noun›');
  return ‹word› ?? ‹noun›.slice(0, ‹octet›);\n};\n\n",
];
const CHINESE: &[&str] = &[
    "‹when›‹who›‹do›了‹like›的‹thing›和‹rare›先生的‹thing›。",
    "‹who›说，‹like›的‹thing›比‹thing›更重要，所以‹when›要‹do›‹like›的‹thing›。",
    "‹when›，‹who›为什么没有‹do›‹who›那个‹like›的‹thing›？",
    "请帮我‹do›‹rare›‹like›的‹thing›，一共‹number›个，‹when›之前给‹who›。",
];
const JSON: &[&str] = &[concat!(
    r#"{"id":"‹id›","‹noun›_‹word›":‹number›,"‹adj›":{"name":"‹Name›","path":"/var\\‹noun›"},"#,
    r#""ratio":0.‹number›,"tags":["‹noun›",null,true]}"#,
    "\n"
)];
/// What stands in the slots of each name.
const WORDS: &str = include_str!("words.txt");

#[cfg(test)]
mod tests {
    use super::{Kind, Writer};

    #[test]
    fn the_same_seed_makes_the_same_text_and_no_sentence_comes_twice() {
        for kind in [
            Kind::Prose,
            Kind::Code,
            Kind::Chinese,
            Kind::Json,
            Kind::Mixed,
            Kind::Dense,
        ] {
            let text = Writer::new(1).text(kind, 20_000);
            assert_eq!(text, Writer::new(1).text(kind, 20_000), "{kind:?}");
            assert_ne!(text, Writer::new(2).text(kind, 20_000), "{kind:?}");
            assert!(
                (20_000..25_000).contains(&text.len()),
                "{kind:?}: {}",
                text.len()
            );
        }
        let mut writer = Writer::new(3);
        let text = writer.text(Kind::Prose, 30_000) + &writer.text(Kind::Prose, 30_000);
        let mut sentences: Vec<_> = text.split(['.', '?']).filter(|s| s.len() > 40).collect();
        let all = sentences.len();
        sentences.sort_unstable();
        sentences.dedup();
        assert_eq!(sentences.len(), all);
    }

    #[test]
    fn runs_are_cut_to_size() {
        assert_eq!(Writer::new(1).text(Kind::Run("ab"), 5), "ababab");
    }
}
