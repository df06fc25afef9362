//! Makers of valid values: numbers drawn until their check digits are right, in the spellings
//! people use. Where a range is reserved for fiction it is among them, but not alone: a set of
//! reserved numbers would ask only for those.

pub(crate) mod context;
pub(crate) mod national;

use crate::check;
use crate::expand::fill;
use crate::random::Random;

/// Draws from a shape until the check passes.
fn valid(random: &mut Random, shape: &str, check: impl Fn(&str) -> bool) -> String {
    loop {
        let text = fill(random, shape);
        if check(&text) {
            return text;
        }
    }
}

/// Lays characters out: each `#` of the pattern takes the next one.
fn laid_out(text: &str, pattern: &str) -> String {
    let mut rest = text.chars();
    let next = |c| if c == '#' { rest.next() } else { Some(c) };
    pattern.chars().filter_map(next).collect()
}

/// The text in one of the layouts separated by `|`; an empty one leaves it as it is.
fn spelled(random: &mut Random, text: &str, layouts: &str) -> String {
    match random.word(layouts) {
        "" => text.to_owned(),
        layout => laid_out(text, layout),
    }
}

/// A date of birth in the last century, or since.
struct Birth {
    year: u32,
    month: u32,
    day: u32,
}

fn birth(random: &mut Random, years: (u32, u32)) -> Birth {
    Birth {
        year: random.within(years.0, years.1),
        month: random.within(1, 12),
        day: random.within(1, 28),
    }
}

impl Birth {
    fn yymmdd(&self) -> String {
        format!("{:02}{:02}{:02}", self.year % 100, self.month, self.day)
    }

    fn ddmmyy(&self) -> String {
        format!("{:02}{:02}{:02}", self.day, self.month, self.year % 100)
    }
}

const LAST_CENTURY: (u32, u32) = (1940, 1999);

pub(crate) fn email(random: &mut Random) -> String {
    let local = random.word(
        "‹first›.‹last›|‹first›|‹first›‹d2›|‹first›_‹last›|‹l›.‹last›|\
        ‹first›+‹word›|‹last›-‹first›|‹first›.‹last›.‹d4›|jürgen.‹last›|\
        ‹first›.‹last›+‹word›‹d2›|INFO.‹last›",
    );
    let host = random.word(
        "‹host›|‹host›|‹host›|‹host›|‹host›|müller-‹last›.de|‹first›.‹host›|\
        xn--mller-kva.example|‹word›.museum|‹word›‹d2›.co.jp",
    );
    let text = fill(random, &format!("{local}@{host}"));
    match random.chance(6) {
        true => text.to_uppercase(),
        false => text,
    }
}

/// A number with its country code.
pub(crate) fn phone(random: &mut Random) -> String {
    let shape = random.word(
        "+1 ‹plain›|+1-‹plain›|+1 (‹area›) 555-01‹d2›|+1‹area›555‹d4›|\
        +44 20 7946 0‹d3›|+44 7700 900‹d3›|+447700900‹d3›|+49 30 23125 ‹d3›|+49 (0)89 ‹n›‹d6›|\
        +49 171 39200‹d2›|+33 6 39 98 ‹d2› ‹d2›|+33 1 99 00 ‹d2› ‹d2›|+34 6‹d2› ‹d2› ‹d2› ‹d2›|\
        +39 3‹n›‹d1› ‹d3› ‹d4›|+31 6 2‹d7›|+351 91‹d1› ‹d3› ‹d3›|+48 5‹n›‹d1› ‹d3› ‹d3›|\
        +46 70 174 06 ‹d2›|+358 40 ‹d3› ‹d4›|+45 2‹d1› ‹d2› ‹d2› ‹d2›|+47 9‹d2› ‹d2› ‹d3›|\
        +41 79 ‹n›‹d2› ‹d2› ‹d2›|+55 11 9‹d4›-‹d4›|+52 55 ‹n›‹d3› ‹d4›|+27 82 ‹n›‹d2› ‹d4›|\
        +90 532 ‹n›‹d2› ‹d2› ‹d2›|+82 10-‹n›‹d3›-‹d4›|+86 138 ‹d4› ‹d4›|+81 90-‹n›‹d3›-‹d4›|\
        +65 91‹d2› ‹d4›|+91 98‹d3› ‹d5›|+61 491 570 ‹d3›|0044 7700 900‹d3›|0049 171 39200‹d2›|\
        +351-21-‹n›‹d2›-‹d4›|+33.6.39.98.‹d2›.‹d2›",
    );
    fill_phone(random, shape)
}

/// A number as written at home, which needs a word beside it.
pub(crate) fn phone_at_home(random: &mut Random, tongue: &str) -> String {
    let shape = random.word(match tongue {
        "de" => "030 23125 ‹d3›|0171 39200‹d2›|089/‹n›‹d6›|(0221) 4710 ‹d3›|0171-39200‹d2›",
        "fr" => "06 39 98 ‹d2› ‹d2›|01 99 00 ‹d2› ‹d2›|06.39.98.‹d2›.‹d2›|063998‹d4›",
        "es" => "6‹d2› ‹d2› ‹d2› ‹d2›|91 ‹n›‹d2› ‹d2› ‹d2›|6‹d2› ‹d3› ‹d3›",
        "it" => "3‹n›‹d1› ‹d3› ‹d4›|06 ‹n›‹d3› ‹d4›|3‹n›‹d1›‹d7›",
        "pt" => "91‹d1› ‹d3› ‹d3›|(11) 9‹d4›-‹d4›|(21) ‹n›‹d3›-‹d4›",
        "zh" => "138‹d8›|010-‹n›‹d7›|139 ‹d4› ‹d4›",
        "ja" => "090-‹n›‹d3›-‹d4›|03-‹n›‹d3›-‹d4›",
        "ko" => "010-‹n›‹d3›-‹d4›|02-‹n›‹d2›-‹d4›",
        "pl" => "5‹n›‹d1› ‹d3› ‹d3›|22 ‹n›‹d2› ‹d2› ‹d2›",
        "nl" => "06 ‹n›‹d7›|06-‹n›‹d7›|020 ‹n›‹d2› ‹d4›",
        _ => {
            "‹plain›|(‹area›) 555-01‹d2›|‹area›.555.01‹d2›|020 7946 0‹d3›|07700 900‹d3›|\
            07700 900 ‹d3›"
        }
    });
    fill_phone(random, shape)
}

fn fill_phone(random: &mut Random, shape: &str) -> String {
    let area = random.word("212|415|617|303|206|512|773|404");
    let plain =
        random.word("‹area›-555-01‹d2›|‹area› 555 01‹d2›|(‹area›) 4‹d2›-‹d4›|‹area›-7‹d2›-‹d4›");
    fill(
        random,
        &shape.replace("‹plain›", plain).replace("‹area›", area),
    )
}

pub(crate) fn card(random: &mut Random) -> String {
    let (shape, layout) = *random.pick(&[
        ("4‹d15›", "#### #### #### ####|####-####-####-####|"),
        ("4‹d15›", "#### #### #### ####|"),
        ("5‹five›‹d14›", "#### #### #### ####|####-####-####-####|"),
        ("2‹mc›‹d12›", "#### #### #### ####|"),
        ("3‹amex›‹d13›", "#### ###### #####|####-######-#####|"),
        ("6011‹d12›", "#### #### #### ####|"),
        ("65‹d14›", "####-####-####-####|"),
        ("353‹d13›", "#### #### #### ####|"),
        ("36‹d12›", "#### ###### ####|"),
        ("62‹d14›", "#### #### #### ####|"),
    ]);
    let shape = shape
        .replace("‹five›", random.word("1|2|3|4|5"))
        .replace("‹mc›", random.word("221|300|515|650|719"))
        .replace("‹amex›", random.word("4|7"));
    let number = valid(random, &shape, check::luhn);
    spelled(random, &number, layout)
}

/// The SWIFT registry's BBAN structures.
pub(crate) fn iban(random: &mut Random) -> String {
    let country = random.word(
        "DE‹d20›|GB‹d2›‹L4›‹d14›|FR‹d12›‹u11›‹d2›|ES‹d22›|\
        IT‹d2›‹L›‹d10›‹u12›|NL‹d2›‹L4›‹d10›|BE‹d14›|AT‹d18›|CH‹d7›‹u12›|PL‹d26›|PT‹d23›|SE‹d22›|\
        NO‹d13›|DK‹d16›|FI‹d16›|IE‹d2›‹L4›‹d14›|LU‹d5›‹u13›|CZ‹d22›|HU‹d26›|GR‹d9›‹u16›|\
        TR‹d7›0‹u16›|SA‹d4›‹u18›|AE‹d21›|IL‹d21›|MT‹d2›‹L4›‹d5›‹u18›|RO‹d2›‹L4›‹u16›|HR‹d19›|\
        LI‹d7›‹u12›|EE‹d18›|LT‹d18›|LV‹d2›‹L4›‹u13›|SK‹d22›|SI‹d17›|BG‹d2›‹L4›‹d6›‹u8›|\
        CY‹d10›‹u16›",
    );
    // Check digits are never 00, 01 or 99.
    let in_range = |t: &str| !matches!(&t[2..4], "00" | "01" | "99");
    let number = valid(random, country, |t| check::iban(t) && in_range(t));
    if random.chance(40) {
        return number;
    }
    let fours: Vec<_> = number
        .as_bytes()
        .chunks(4)
        .map(String::from_utf8_lossy)
        .collect();
    fours.join(" ")
}

pub(crate) fn ip(random: &mut Random) -> String {
    let mut octet = |low| random.within(low, 254).to_string();
    let octets = [octet(1), octet(0), octet(0), octet(1)];
    let [_, b, c, d] = &octets;
    let (b, c, d) = (b.clone(), c.clone(), d.clone());
    let net = random.word("198.51.100|203.0.113|192.0.2");
    let first = random.word("23|45|62|77|81|93|104|134|151|178|185|201|212");
    let shape = match random.within(0, 11) {
        0..=4 => format!("{first}.{b}.{c}.{d}"),
        5 | 6 => format!("{net}.{d}"),
        7 => format!("10.{b}.{c}.{d}"),
        8 => "2001:db8:‹g›:‹g›:‹g›:‹g›:‹g›:‹g›".to_owned(),
        9 => "2001:db8:‹g›::‹g›:‹g›".to_owned(),
        10 => "2a02:‹g›:‹g›:‹g›::‹n›".to_owned(),
        _ => "fe80::‹g›:‹g›ff:fe‹h2›:‹g›".to_owned(),
    };
    fill(
        random,
        &shape
            .replace("‹g›", "‹n›‹h3›")
            .replace("‹n›‹h3›ff", "‹h2›ff"),
    )
}

pub(crate) fn mac(random: &mut Random) -> String {
    // The locally administered bit: nobody's hardware.
    let digits = fill(random, "02‹h10›");
    let text = spelled(
        random,
        &digits,
        "##:##:##:##:##:##|##:##:##:##:##:##|##-##-##-##-##-##|####.####.####",
    );
    if random.chance(40) {
        text.to_uppercase()
    } else {
        text
    }
}

pub(crate) fn crypto(random: &mut Random) -> String {
    let mut byte = || u8::try_from(random.within(0, 255)).expect("a byte");
    let hash: Vec<u8> = (0..20).map(|_| byte()).collect();
    let groups: Vec<u8> = (0..52).map(|_| byte() % 32).collect();
    match random.within(0, 5) {
        0 => check::base58check(&[&[0], &hash[..]].concat()),
        1 => check::base58check(&[&[5], &hash[..]].concat()),
        // Of twenty bytes all bits count; of thirty-two the last group has four spare ones.
        2 => check::segwit(0, &groups[..32]),
        3 => {
            let (last, head) = (groups[51] & 16, &groups[..51]);
            check::segwit(1, &[head, &[last]].concat())
        }
        _ => fill(random, "0x‹h40›"),
    }
}

pub(crate) fn url_credentials(random: &mut Random) -> String {
    let scheme = random.word("https|https|http|ftp|sftp");
    let rest = "://‹first›:⟦‹P10-16›⟧@‹host›/‹word›";
    fill(random, &format!("{scheme}{rest}"))
}

pub(crate) fn ssn(random: &mut Random) -> String {
    let number = valid(random, "‹d9›", |t| {
        let area = &t[..3];
        !matches!(area, "000" | "666")
            && !area.starts_with('9')
            && &t[3..5] != "00"
            && &t[5..] != "0000"
    });
    spelled(
        random,
        &number,
        "###-##-####|###-##-####|###-##-####|### ## ####|",
    )
}
