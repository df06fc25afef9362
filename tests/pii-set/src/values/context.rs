//! Values that only the words around them tell.

use super::{Birth, LAST_CENTURY, birth, spelled, valid};
use crate::check;
use crate::expand::fill;
use crate::random::Random;

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
