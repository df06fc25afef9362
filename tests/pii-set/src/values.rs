//! Makers of valid values: numbers drawn until their check digits are right, in the spellings
//! people use. Where a range is reserved for fiction it is among them, but not alone: a set of
//! reserved numbers would ask only for those.

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
    let local = random.word("‹first›.‹last›|‹first›|‹first›‹d2›|‹first›_‹last›|‹l›.‹last›|‹first›+‹word›|‹last›-‹first›|‹first›.‹last›.‹d4›|o'‹last›|JÜRGEN.‹last›|‹first›.‹last›+‹word›‹d2›|INFO.‹last›");
    let host = random.word("‹host›|‹host›|‹host›|‹host›|‹host›|müller-‹last›.de|‹first›.‹host›|xn--mller-kva.example|‹word›.museum|‹word›‹d2›.co.jp");
    let shape = match local {
        "JÜRGEN.‹last›" => "jürgen.‹last›@‹host›".to_owned(),
        local => format!("{local}@{host}"),
    };
    let text = fill(random, &shape);
    if random.chance(6) {
        text.to_uppercase()
    } else {
        text
    }
}

/// A number with its country code.
pub(crate) fn phone(random: &mut Random) -> String {
    let shape = random.word("+1 ‹plain›|+1-‹plain›|+1 (‹area›) 555-01‹d2›|+1‹area›555‹d4›|+44 20 7946 0‹d3›|+44 7700 900‹d3›|+447700900‹d3›|+49 30 23125 ‹d3›|+49 (0)89 ‹n›‹d6›|+49 171 39200‹d2›|+33 6 39 98 ‹d2› ‹d2›|+33 1 99 00 ‹d2› ‹d2›|+34 6‹d2› ‹d2› ‹d2› ‹d2›|+39 3‹n›‹d1› ‹d3› ‹d4›|+31 6 ‹n›‹d7›|+351 91‹d1› ‹d3› ‹d3›|+48 5‹n›‹d1› ‹d3› ‹d3›|+46 70 174 06 ‹d2›|+358 40 ‹d3› ‹d4›|+45 ‹n›‹d1› ‹d2› ‹d2› ‹d2›|+47 9‹d2› ‹d2› ‹d3›|+41 79 ‹n›‹d2› ‹d2› ‹d2›|+55 11 9‹d4›-‹d4›|+52 55 ‹n›‹d3› ‹d4›|+27 82 ‹n›‹d2› ‹d4›|+90 532 ‹n›‹d2› ‹d2› ‹d2›|+82 10-‹n›‹d3›-‹d4›|+86 138 ‹d4› ‹d4›|+81 90-‹n›‹d3›-‹d4›|+65 9‹d3› ‹d4›|+91 98‹d3› ‹d5›|+61 491 570 ‹d3›|0044 7700 900‹d3›|0049 171 39200‹d2›|+351-21-‹n›‹d2›-‹d4›|+33.6.39.98.‹d2›.‹d2›");
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
        _ => "‹plain›|(‹area›) 555-01‹d2›|‹area›.555.01‹d2›|020 7946 0‹d3›|07700 900‹d3›|07700 900 ‹d3›",
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
    let country = random.word("DE‹d20›|GB‹d2›‹L4›‹d14›|FR‹d12›‹u11›‹d2›|ES‹d22›|IT‹d2›‹L›‹d10›‹u12›|NL‹d2›‹L4›‹d10›|BE‹d14›|AT‹d18›|CH‹d7›‹u12›|PL‹d26›|PT‹d23›|SE‹d22›|NO‹d13›|DK‹d16›|FI‹d16›|IE‹d2›‹L4›‹d14›|LU‹d5›‹u13›|CZ‹d22›|HU‹d26›|GR‹d9›‹u16›|TR‹d7›0‹u16›|SA‹d4›‹u18›|AE‹d21›|IL‹d21›|MT‹d2›‹L4›‹d5›‹u18›|RO‹d2›‹L4›‹u16›|HR‹d19›|LI‹d7›‹u12›|EE‹d18›|LT‹d18›|LV‹d2›‹L4›‹u13›|SK‹d22›|SI‹d17›|BG‹d2›‹L4›‹d6›‹u8›|CY‹d10›‹u16›");
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
    let rest = "://‹first›:⟦‹p10-16›⟧@‹host›/‹word›";
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

pub(crate) fn itin(random: &mut Random) -> String {
    let group = random.word("50|57|65|70|77|88|90|92|94|99");
    let number = fill(random, &format!("9‹d2›{group}‹d4›"));
    spelled(random, &number, "###-##-####|###-##-####|")
}

pub(crate) fn uk_nino(random: &mut Random) -> String {
    let prefix = random.word("AB|CE|HX|JR|KM|LP|MW|PT|RS|SY|WA|YZ|NM|EA");
    let number = fill(random, &format!("{prefix}‹d6›")) + random.word("A|B|C|D");
    spelled(random, &number, "## ## ## ## #|## ###### #|")
}

pub(crate) fn uk_nhs(random: &mut Random) -> String {
    let number = valid(random, "‹n›‹d9›", check::uk_nhs);
    spelled(random, &number, "### ### ####|###-###-####|")
}

pub(crate) fn ca_sin(random: &mut Random) -> String {
    let number = valid(random, "‹n›‹d8›", |t| {
        !t.starts_with('8') && check::luhn(t)
    });
    spelled(random, &number, "###-###-###|### ### ###|")
}

pub(crate) fn au_tfn(random: &mut Random) -> String {
    let number = valid(random, "‹n›‹d8›", check::au_tfn);
    spelled(random, &number, "### ### ###|###-###-###|")
}

pub(crate) fn au_abn(random: &mut Random) -> String {
    let number = valid(random, "‹n2›‹d9›", check::au_abn);
    spelled(random, &number, "## ### ### ###|")
}

pub(crate) fn au_medicare(random: &mut Random) -> String {
    let number = valid(random, "‹n›‹d8›‹n›", |t| {
        t.starts_with(['2', '3', '4', '5', '6']) && check::au_medicare(t)
    });
    spelled(random, &number, "#### ##### #|")
}

pub(crate) fn in_aadhaar(random: &mut Random) -> String {
    let number = valid(random, "‹n›‹d11›", |t| {
        !t.starts_with('1') && check::verhoeff(t)
    });
    spelled(random, &number, "#### #### ####|####-####-####|")
}

pub(crate) fn in_pan(random: &mut Random) -> String {
    fill(random, "‹L3›P‹L›‹d4›‹L›")
}

pub(crate) fn de_tax_id(random: &mut Random) -> String {
    let number = valid(random, "‹n›‹d10›", check::de_tax_id);
    spelled(random, &number, "## ### ### ###|")
}

pub(crate) fn fr_nir(random: &mut Random) -> String {
    let department = random.word("13|31|33|44|59|69|75|92|2A|2B");
    let month = format!("{:02}", random.within(1, 12));
    let sex = random.word("1|2");
    let shape = format!("{sex}‹d2›{month}{department}‹d6›‹d2›");
    let number = valid(random, &shape, check::fr_nir);
    spelled(
        random,
        &number,
        "# ## ## ## ### ### ##|# ## ## ## ### ### ## |",
    )
    .trim()
    .to_owned()
}

pub(crate) fn es_nif(random: &mut Random) -> String {
    let number = valid(random, "‹d8›‹L›", check::es_letter);
    spelled(random, &number, "########-#|##.###.###-#|")
}

pub(crate) fn es_nie(random: &mut Random) -> String {
    let prefix = random.word("X|Y|Z");
    let number = valid(random, &format!("{prefix}‹d7›‹L›"), check::es_letter);
    spelled(random, &number, "#-#######-#|")
}

pub(crate) fn it_codice_fiscale(random: &mut Random) -> String {
    let month = random.word("A|B|C|D|E|H|L|M|P|R|S|T");
    let day = random.within(1, 28) + if random.chance(50) { 40 } else { 0 };
    let place = random.word("A|D|F|H|L");
    let shape = format!("‹C6›‹d2›{month}{day:02}{place}‹d3›‹L›");
    valid(random, &shape, check::it_codice_fiscale)
}

pub(crate) fn nl_bsn(random: &mut Random) -> String {
    let number = valid(random, "‹n›‹d8›", check::nl_bsn);
    spelled(random, &number, "|####.##.###|### ### ###")
}

pub(crate) fn pt_nif(random: &mut Random) -> String {
    let number = valid(random, "‹n›‹d8›", |t| {
        t.starts_with(['1', '2', '3']) && check::pt_nif(t)
    });
    spelled(random, &number, "### ### ###|")
}

pub(crate) fn be_nn(random: &mut Random) -> String {
    let birth = birth(random, (1950, 2009));
    let shape = format!("{}‹d2›‹n›‹d2›", birth.yymmdd());
    let number = valid(random, &shape, |t| check::be_nn(t, birth.year >= 2000));
    spelled(random, &number, "##.##.##-###.##|######-###-##|")
}

pub(crate) fn pl_pesel(random: &mut Random) -> String {
    let mut birth = birth(random, (1950, 2009));
    birth.month += if birth.year >= 2000 { 20 } else { 0 };
    valid(random, &format!("{}‹d5›", birth.yymmdd()), check::pl_pesel)
}

pub(crate) fn se_personnummer(random: &mut Random) -> String {
    let birth = birth(random, LAST_CENTURY);
    let number = valid(random, &format!("{}‹d4›", birth.yymmdd()), check::luhn);
    spelled(random, &number, "######-####|19######-####|19##########|")
}

pub(crate) fn fi_hetu(random: &mut Random) -> String {
    let birth = birth(random, (1950, 2009));
    let century = if birth.year >= 2000 { 'A' } else { '-' };
    let serial = random.within(2, 899);
    let date = birth.ddmmyy();
    let letter = check::fi_hetu(&format!("{date}{serial:03}"));
    format!("{date}{century}{serial:03}{letter}")
}

pub(crate) fn dk_cpr(random: &mut Random) -> String {
    let birth = birth(random, LAST_CENTURY);
    let serial = random.within(0, 3);
    let shape = format!("{}{serial}‹d3›", birth.ddmmyy());
    let number = valid(random, &shape, check::dk_cpr);
    spelled(random, &number, "######-####|###### ####|")
}

pub(crate) fn no_fnr(random: &mut Random) -> String {
    let birth = birth(random, LAST_CENTURY);
    let serial = random.within(0, 4);
    let shape = format!("{}{serial}‹d4›", birth.ddmmyy());
    let number = valid(random, &shape, check::no_fnr);
    spelled(random, &number, "###### #####|")
}

pub(crate) fn ch_ahv(random: &mut Random) -> String {
    let number = valid(random, "756‹d10›", check::gs1);
    spelled(random, &number, "###.####.####.##|###.####.####.##|")
}

pub(crate) fn br_cpf(random: &mut Random) -> String {
    let number = valid(random, "‹d11›", check::br_cpf);
    spelled(random, &number, "###.###.###-##|###.###.###-##|")
}

pub(crate) fn br_cnpj(random: &mut Random) -> String {
    let shape = if random.chance(15) {
        "‹u8›0001‹d2›"
    } else {
        "‹d8›0001‹d2›"
    };
    let number = valid(random, shape, check::br_cnpj);
    spelled(random, &number, "##.###.###/####-##|##.###.###/####-##|")
}

pub(crate) fn mx_curp(random: &mut Random) -> String {
    let birth = birth(random, (1950, 2009));
    let state = random.word("AS|BC|CL|CS|DF|GT|HG|JC|MC|NL|OC|PL|QR|SL|TC|VZ|YN");
    let sex = random.word("H|M");
    let born = if birth.year >= 2000 {
        "‹L›"
    } else {
        "‹d›"
    };
    let vowel = random.word("A|E|I|O|U");
    let shape = format!("‹C›{vowel}‹C2›{}{sex}{state}‹C3›{born}‹d›", birth.yymmdd());
    valid(random, &shape, check::mx_curp)
}

pub(crate) fn za_id(random: &mut Random) -> String {
    let birth = birth(random, LAST_CENTURY);
    let number = valid(random, &format!("{}‹d4›08‹d›", birth.yymmdd()), check::luhn);
    spelled(random, &number, "|###### #### ###")
}

pub(crate) fn tr_tckn(random: &mut Random) -> String {
    valid(random, "‹n›‹d10›", check::tr_tckn)
}

pub(crate) fn kr_rrn(random: &mut Random) -> String {
    let birth = birth(random, LAST_CENTURY);
    let sex = random.word("1|2");
    let number = valid(
        random,
        &format!("{}{sex}‹eight›‹d5›", birth.yymmdd()),
        check::kr_rrn,
    );
    spelled(random, &number, "######-#######|######-#######|")
}

pub(crate) fn cn_id(random: &mut Random) -> String {
    let birth = birth(random, LAST_CENTURY);
    let region = random.word("110101|110105|310101|310104|510104|440103|330102");
    let shape = format!("{region}19{}‹d4›", birth.yymmdd());
    loop {
        let mut number = fill(random, &shape);
        if random.chance(20) {
            number.pop();
            number.push('X');
        }
        if check::cn_id(&number) {
            return number;
        }
    }
}

pub(crate) fn jp_my_number(random: &mut Random) -> String {
    let number = valid(random, "‹n›‹d11›", check::jp_my_number);
    spelled(random, &number, "#### #### ####|####-####-####|")
}

pub(crate) fn sg_nric(random: &mut Random) -> String {
    let prefix = random.word("S|T|F|G");
    valid(random, &format!("{prefix}‹d7›‹L›"), check::sg_nric)
}

pub(crate) fn passport(random: &mut Random) -> String {
    let shape =
        random.word("‹n›‹d8›|‹L›‹d8›|C‹V8›|‹d2›‹L2›‹d5›|‹L›‹d7›|‹L2›‹d6›|‹L2›‹d7›|‹L3›‹d6›");
    fill(random, shape)
}

pub(crate) fn driving_licence(random: &mut Random) -> String {
    match random.within(0, 5) {
        0 | 1 => {
            let birth = birth(random, LAST_CENTURY);
            let (decade, unit) = (birth.year / 10 % 10, birth.year % 10);
            let shape = format!(
                "‹L5›{decade}{:02}{:02}{unit}‹L2›9‹L2›",
                birth.month, birth.day
            );
            fill(random, &shape)
        }
        2 => fill(random, "‹L›‹d7›"),
        3 => fill(random, "‹L›‹d3›-‹d4›-‹d4›"),
        4 => fill(random, "‹L›‹d12›"),
        _ => fill(random, "‹L›‹d2›‹V6›‹d›‹n›"),
    }
}

pub(crate) fn medical_record(random: &mut Random) -> String {
    let shape = random.word("‹n›‹d6›|‹n›‹d7›|MR‹d7›|‹n›‹d5›|‹d3›-‹d2›-‹d4›|H‹d8›|‹d10›");
    fill(random, shape)
}

pub(crate) fn date_of_birth(random: &mut Random, tongue: &str) -> String {
    let Birth { year, month, day } = birth(random, (1938, 2011));
    let english = fill(random, "‹month›");
    match (tongue, random.within(0, 2)) {
        (_, 0) => format!("{year}-{month:02}-{day:02}"),
        ("de" | "pl" | "fi" | "no", _) => format!("{day:02}.{month:02}.{year}"),
        ("zh" | "ja", _) => format!("{year}年{month}月{day}日"),
        ("nl", _) => format!("{day:02}-{month:02}-{year}"),
        ("en", 1) => match random.within(0, 2) {
            0 => format!("{english} {day}, {year}"),
            1 => format!("{day} {} {year}", &english[..3]),
            _ => format!("{month}/{day}/{:02}", year % 100),
        },
        ("en", _) => format!("{month:02}/{day:02}/{year}"),
        _ => format!("{day:02}/{month:02}/{year}"),
    }
}

pub(crate) fn bank_routing(random: &mut Random) -> String {
    let district = random.word("01|02|03|05|06|07|09|11|12|21|26|31");
    valid(random, &format!("{district}‹d7›"), check::aba)
}

pub(crate) fn bank_account(random: &mut Random) -> String {
    let shape = random.word("‹n›‹d7›|‹n›‹d9›|‹n›‹d11›|‹n›‹d8›|‹n›‹d3›-‹d4›-‹d2›");
    fill(random, shape)
}

pub(crate) fn npi(random: &mut Random) -> String {
    let first = random.word("1|2");
    valid(random, &format!("{first}‹d9›"), check::npi)
}

pub(crate) fn dea(random: &mut Random) -> String {
    let first = random.word("A|B|F|M|G");
    valid(random, &format!("{first}‹L›‹d7›"), check::dea)
}

pub(crate) fn mbi(random: &mut Random) -> String {
    let number = fill(random, "‹n›‹M›‹U›‹d›‹M›‹U›‹d›‹M2›‹d2›");
    spelled(random, &number, "####-###-####|")
}

pub(crate) fn vin(random: &mut Random) -> String {
    let maker = random.word("1HG|1FT|2T1|3VW|5YJ|WBA|WVW|JHM|KMH|YV1|VF1|ZFA");
    valid(random, &format!("{maker}‹V6›‹V›‹V›‹d6›"), check::vin)
}

pub(crate) fn imei(random: &mut Random) -> String {
    let number = valid(random, "35‹d13›", check::luhn);
    spelled(random, &number, "##-######-######-#|")
}
