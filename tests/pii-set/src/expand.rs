//! Templates: `‹…›` stands for something random, the rest for itself.
//!
//! `‹d8›` is eight digits, `‹a20-40›` twenty to forty letters and digits ([`alphabet`] has the
//! classes), `‹city›` a word of a list ([`words`]), `‹EMAIL›` a labelled value of that kind,
//! `‹value›` one of the kind the case is about, `‹cue›` and `‹key›` its name in prose and in data.
//! In a value, `⟦…⟧` marks the part to be labelled, where that is not all.

use crate::case::Label;
use crate::kinds::{KINDS, Kind};
use crate::random::Random;

/// A template as it is being filled.
pub(crate) struct Page<'a> {
    pub(crate) random: &'a mut Random,
    /// The kind of `‹value›`, and of the names in `‹cue›` and `‹key›`.
    pub(crate) subject: Option<&'a Kind>,
    /// The language of `‹cue›`.
    pub(crate) tongue: &'a str,
    /// What `‹key›` is, the same in all of the text.
    pub(crate) key: &'a str,
    /// Whose secret `‹value›` is, and its shape, where the kind is a secret.
    pub(crate) secret: Option<(&'a str, &'a str)>,
    /// Whether no word beside a value says what it is.
    pub(crate) alone: bool,
    /// Whether values are disguised.
    pub(crate) dodge: bool,
    pub(crate) text: String,
    pub(crate) labels: Vec<Label>,
}

impl Page<'_> {
    /// Appends a template, filled.
    pub(crate) fn write(&mut self, template: &str) {
        for (plain, token) in parts(template) {
            self.text.push_str(plain);
            match (token, self.subject) {
                (None, _) => {}
                (Some("value"), Some(kind)) => self.value(kind),
                (Some("cue"), Some(kind)) => self.cue(kind),
                (Some("key"), Some(_)) => self.text.push_str(self.key),
                (Some("KEY"), Some(_)) => self.text.push_str(&self.key.to_uppercase()),
                (Some(token), _) => match KINDS.iter().find(|kind| kind.name == token) {
                    Some(kind) => self.value(kind),
                    None => self.text.push_str(&piece(self.random, token)),
                },
            }
        }
    }

    /// The kind's name in the language of the text, as carelessly as people type it.
    fn cue(&mut self, kind: &Kind) {
        let cues = kind.cues.iter().find(|(tongue, _)| *tongue == self.tongue);
        let (_, cues) = cues.unwrap_or_else(|| panic!("{}: no {}", kind.name, self.tongue));
        let cue = self.random.word(cues);
        match self.random.within(0, 9) {
            0 => self.text.push_str(&cue.to_lowercase()),
            1 => self.text.push_str(&cue.to_uppercase()),
            _ => self.text.push_str(cue),
        }
    }

    fn value(&mut self, kind: &Kind) {
        let (value, vendor) = match self.secret {
            Some((vendor, shape)) if kind.name == "SECRET" => {
                (fill(self.random, shape), Some(vendor.to_owned()))
            }
            _ => loop {
                let value = (kind.make)(self.random, self.tongue);
                if !self.alone || kind.alone.is_some_and(|tells| tells(&value)) {
                    break (value, None);
                }
            },
        };
        let (before, rest) = value.split_once('⟦').unwrap_or(("", &value));
        let (inner, after) = rest.split_once('⟧').unwrap_or((rest, ""));
        self.text.push_str(before);
        let start = self.text.len();
        match self.dodge {
            true => self
                .text
                .push_str(&disguised(self.random, kind.name, inner)),
            false => self.text.push_str(inner),
        }
        self.labels.push(Label {
            kind: kind.name.to_owned(),
            start,
            end: self.text.len(),
            vendor,
        });
        self.text.push_str(after);
    }
}

/// Fills a template in which nothing is to be labelled.
pub(crate) fn fill(random: &mut Random, template: &str) -> String {
    let mut text = String::new();
    for (plain, token) in parts(template) {
        text.push_str(plain);
        text.push_str(&token.map(|token| piece(random, token)).unwrap_or_default());
    }
    text
}

/// A template as plain stretches, each with the token that follows it.
fn parts(template: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    template.split('›').map(|part| match part.split_once('‹') {
        Some((plain, token)) => (plain, Some(token)),
        None => (part, None),
    })
}

fn piece(random: &mut Random, token: &str) -> String {
    if let Some(list) = words(token) {
        let word = random.word(list).to_owned();
        return fill(random, &word);
    }
    let (class, count) = token.split_at(1);
    let bounds = count.split_once('-').unwrap_or((count, count));
    let bound = |text: &str| match text {
        "" => 1,
        text => text
            .parse()
            .unwrap_or_else(|_| panic!("no such token: ‹{token}›")),
    };
    let count = random.within(bound(bounds.0), bound(bounds.1));
    random.text(alphabet(class), count)
}

fn alphabet(class: &str) -> &'static str {
    match class {
        "d" => "0123456789",
        "n" => "123456789",
        "h" => "0123456789abcdef",
        "H" => "0123456789ABCDEF",
        "l" => "abcdefghijklmnopqrstuvwxyz",
        "L" => "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        "x" => "abcdefghijklmnopqrstuvwxyz0123456789",
        "u" => "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
        "a" => "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
        "w" => "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-",
        "b" => "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
        "B" => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
        "C" => "BCDFGHJKLMNPQRSTVWXYZ",
        "M" => "ACDEFGHJKMNPQRTUVWXY",
        "U" => "0123456789ACDEFGHJKMNPQRTUVWXY",
        "V" => "ABCDEFGHJKLMNPRSTUVWXYZ0123456789",
        "p" => "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789!#%*_",
        // A password in a URL has no character that would end it.
        "P" => "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789!*_.-",
        "q" => "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L",
        other => panic!("no such class: {other}"),
    }
}

/// What may stand for a name in a template. Birthdays and phone numbers are not among them.
fn words(list: &str) -> Option<&'static str> {
    Some(match list {
        "name" => {
            "Anna|Bjørn|Chloé|Deniz|Emeka|Fatima|Giulia|Haruto|Ines|Jakub|Kofi|Leila|Mateus|\
                Noor|Olga|Priya|Rui|Sanne|Tomasz|Zoë"
        }
        "first" => {
            "anna|ben|carla|dmitri|elif|farah|george|hana|ivan|julia|karl|lena|marek|nina|oscar|\
                paula|rosa|sven|tara|yusuf"
        }
        "last" => {
            "almeida|bakker|castro|dubois|eriksen|ferrari|gruber|horvat|ito|jansen|kowalski|\
                lindqvist|moreau|novak|okafor|petrov|rossi|silva|tanaka|weber"
        }
        "city" => {
            "Lyon|Porto|Leeds|Graz|Turku|Bergen|Osaka|Pune|Gdynia|Utrecht|Denver|Perth|Busan|\
                Izmir|Curitiba|Valencia"
        }
        "word" => {
            "amber|basalt|cobalt|delta|ember|falcon|garnet|harbor|indigo|juniper|kestrel|lumen|\
                meadow|nimbus|orchid|pepper|quartz|raven|saffron|tundra"
        }
        "thing" => "invoice|shipment|contract|parcel|claim|booking|refund|quote|ticket|report",
        "service" => {
            "billing|checkout|search|profile|ledger|mailer|gateway|worker|catalog|scheduler"
        }
        "month" => {
            "January|February|March|April|May|June|July|August|September|October|November|December"
        }
        "firm" => {
            "‹word›-works|‹last›labs|nord‹word›|‹word›‹word›|atelier-‹last›|‹last›-und-‹last›"
        }
        "host" => {
            "example.com|example.org|example.net|mail.example.com|‹firm›.example|‹firm›.com|\
                ‹firm›.de|‹firm›.co.uk|‹firm›.io|‹firm›.fr|‹firm›.com.br|post.‹firm›.net|\
                ‹firm›.eu"
        }
        "day" => "2024-0‹n›-1‹d›|2025-0‹n›-2‹eight›|2026-1‹two›-0‹n›",
        "eight" => "0|1|2|3|4|5|6|7|8",
        "two" => "0|1|2",
        "clock" => "0‹d›:‹sixty›:‹sixty›|1‹d›:‹sixty›:‹sixty›|2‹two›:‹sixty›:‹sixty›",
        "sixty" => "0‹d›|1‹d›|2‹d›|3‹d›|4‹d›|5‹d›",
        "stamp" => "‹day›T‹clock›Z|‹day› ‹clock›,‹d3›|‹day›T‹clock›.‹d3›+00:00",
        "price" => "‹n›‹d1›.‹d2›|‹n›,‹d3›.‹d2›|‹n›‹d2›.00",
        _ => return None,
    })
}

/// The value as somebody writes it who does not want it found.
fn disguised(random: &mut Random, kind: &str, value: &str) -> String {
    let wide = |c: char| match c {
        '!'..='~' => char::from_u32(c as u32 + 0xfee0).unwrap_or(c),
        other => other,
    };
    let way = random.within(0, if kind == "EMAIL" { 5 } else { 2 });
    match way {
        0 => value.chars().map(wide).collect(),
        1 => {
            let thin = *random.pick(&['\u{200b}', '\u{200d}', '\u{2060}', '\u{00ad}']);
            let middle = value.chars().count() / 2;
            let insert = |(i, c)| [(i == middle).then_some(thin), Some(c)];
            value
                .chars()
                .enumerate()
                .flat_map(insert)
                .flatten()
                .collect()
        }
        2 => {
            let digits = |c: char| if c.is_ascii_digit() { wide(c) } else { c };
            let typeset = |c| match c {
                ' ' => '\u{a0}',
                '-' => '\u{2011}',
                '@' => '＠',
                other => digits(other),
            };
            value.chars().map(typeset).collect()
        }
        3 => value.replace('@', "%40"),
        4 => value.replace('@', " [at] ").replace('.', " [dot] "),
        _ => value.replace('@', "(at)"),
    }
}
