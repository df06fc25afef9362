//! National ids, with their check digits and in their countries' layouts.

use super::{LAST_CENTURY, birth, spelled, valid};
use crate::check;
use crate::expand::fill;
use crate::random::Random;

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
