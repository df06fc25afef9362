//! The set, from a seed.

use std::collections::HashSet;

use crate::carriers::{ADDRESSES, ALONE, FORMS, MAILS, MIXED};
use crate::case::{Case, Group};
use crate::expand::Page;
use crate::kinds::{KINDS, Kind};
use crate::negatives::{NEGATIVES, negative};
use crate::random::Random;
use crate::secrets::{FRAME_CARRIERS, FRAMED, TOKEN_CARRIERS, TOKENS};
use crate::tongues::{TONGUES, Tongue};

/// What the committed set was made from.
pub const SEED: u64 = 20_261_121;

/// Cases of each secret's shape, of each text with several kinds, and of each negative.
const PER_SECRET: usize = 7;
const PER_MIXED: usize = 8;
const PER_NEGATIVE: usize = 9;

/// Makes the whole set; the same seed makes the same set.
pub fn generate(seed: u64) -> Vec<Case> {
    let mut cases = Vec::new();
    for kind in KINDS.iter().filter(|kind| kind.name != "SECRET") {
        of_kind(kind, &mut Random::named(seed, kind.name), &mut cases);
    }
    secrets(&mut Random::named(seed, "SECRET"), &mut cases);
    mixed(&mut Random::named(seed, "mixed"), &mut cases);
    negatives(&mut Random::named(seed, "negative"), &mut cases);
    // A template with little to fill can come out the same twice.
    let mut seen = HashSet::new();
    cases.retain(|case| seen.insert(case.text.clone()));
    cases.sort_by_key(|case| case.group);
    cases
}

/// Deals templates out in random order, each once before any comes again.
struct Deck<'a> {
    all: Vec<&'a str>,
    left: Vec<&'a str>,
}

impl<'a> Deck<'a> {
    fn new(templates: &[&[&'a str]]) -> Self {
        let all = templates.concat();
        Self {
            all,
            left: Vec::new(),
        }
    }

    fn deal(&mut self, random: &mut Random) -> &'a str {
        if self.left.is_empty() {
            self.left = random.shuffled(&self.all).into_iter().copied().collect();
        }
        self.left.pop().expect("a deck has templates")
    }
}

fn of_kind(kind: &Kind, random: &mut Random, cases: &mut Vec<Case>) {
    let own: &[&str] = match kind.name {
        "EMAIL" => MAILS,
        "IP" => ADDRESSES,
        _ => &[],
    };
    let mut alone = Deck::new(&[ALONE, own]);
    let mut forms = Deck::new(&[FORMS]);
    let mut prose: Vec<_> = kind
        .cues
        .iter()
        .map(|(name, _)| (tongue(name), Deck::new(&[tongue(name).carriers])))
        .collect();
    for number in 0..kind.cases {
        let turn = number % prose.len();
        let (tongue, sentences) = &mut prose[turn];
        let bare = kind.alone.is_some() && random.chance(25);
        let in_prose = !bare && random.chance(55);
        let template = match (bare, in_prose) {
            (true, _) => alone.deal(random),
            (_, true) => sentences.deal(random),
            _ => forms.deal(random),
        };
        let mut page = Page::new(random, Some(kind), tongue.name);
        page.alone = bare;
        // Disguised, and with no word beside it, a value is more than a detector can be asked for.
        let may_dodge = matches!(kind.name, "EMAIL" | "CARD" | "IBAN" | "SSN" | "PHONE")
            || kind.group == Group::National;
        let often = if kind.group == Group::Core { 9 } else { 4 };
        page.dodge = !bare && may_dodge && page.random.chance(often);
        if in_prose {
            page.write_amid(template)
        } else {
            page.write(template)
        }
        cases.push(page.into_case(kind.name, kind.group, number));
    }
}

fn tongue(name: &str) -> &'static Tongue {
    let found = TONGUES.iter().find(|tongue| tongue.name == name);
    found.unwrap_or_else(|| panic!("no such language: {name}"))
}

fn secrets(random: &mut Random, cases: &mut Vec<Case>) {
    let kind = KINDS.iter().find(|kind| kind.name == "SECRET");
    let mut number = 0;
    for (secrets, carriers) in [(TOKENS, TOKEN_CARRIERS), (FRAMED, FRAME_CARRIERS)] {
        let mut deck = Deck::new(&[carriers]);
        for secret in secrets
            .iter()
            .flat_map(|secret| std::iter::repeat_n(secret, PER_SECRET))
        {
            let mut page = Page::new(random, kind, "en");
            let mut template = deck.deal(page.random);
            // A URL does not stand inside another.
            while secret.1.contains("://") && template.contains("://") {
                template = deck.deal(page.random);
            }
            page.secret = Some(*secret);
            page.write_amid(template);
            cases.push(page.into_case("SECRET", Group::Secret, number));
            number += 1;
        }
    }
}

fn mixed(random: &mut Random, cases: &mut Vec<Case>) {
    for number in 0..MIXED.len() * PER_MIXED {
        let (tongue, template) = MIXED[number % MIXED.len()];
        let mut page = Page::new(random, None, tongue);
        page.write(template);
        cases.push(page.into_case("MIXED", Group::Core, number));
    }
}

fn negatives(random: &mut Random, cases: &mut Vec<Case>) {
    for number in 0..NEGATIVES.len() * PER_NEGATIVE {
        let filled = negative(random, NEGATIVES[number % NEGATIVES.len()]);
        let mut page = Page::new(random, None, "en");
        page.write_amid(&filled);
        cases.push(page.into_case("NEGATIVE", Group::Negative, number));
    }
}

impl<'a> Page<'a> {
    fn new(random: &'a mut Random, subject: Option<&'a Kind>, tongue: &'a str) -> Self {
        let key = subject.map_or("", |kind| random.word(kind.keys));
        Self {
            random,
            subject,
            tongue,
            key,
            secret: None,
            alone: false,
            dodge: false,
            text: String::new(),
            labels: Vec::new(),
        }
    }

    /// Appends a template with, perhaps, a sentence before it and one after it.
    fn write_amid(&mut self, template: &str) {
        let asides = tongue(self.tongue).asides;
        // Data and code begin a line.
        let joints: &[_] = if template.contains('\n') {
            &["\n\n"]
        } else {
            &[" ", " ", "\n", "\n\n"]
        };
        let joint = *self.random.pick(joints);
        let around = self.random.shuffled(asides);
        if self.random.chance(40) {
            self.write(around[0]);
            self.write(joint);
        }
        self.write(template);
        if self.random.chance(40) {
            self.write(joint);
            self.write(around[1]);
        }
    }

    fn into_case(self, name: &str, group: Group, number: usize) -> Case {
        Case {
            id: format!("{}-{number}", name.to_lowercase()),
            group,
            text: self.text,
            labels: self.labels,
            dodge: self.dodge,
        }
    }
}
