//! Check digits, each from its public specification and tested with a published example.
//!
//! These are tests of whole numbers (`true`: the digits are right); a generator draws until one
//! passes, which is shorter than computing a digit, and can't disagree with the test.

use sha2::{Digest, Sha256};

/// The digits of a text; all else is skipped.
pub(crate) fn digits(text: &str) -> Vec<u32> {
    text.chars().filter_map(|c| c.to_digit(10)).collect()
}

fn dot(digits: &[u32], weights: &[u32]) -> u32 {
    digits.iter().zip(weights).map(|(d, w)| d * w).sum()
}

fn number(text: &str) -> u64 {
    text.parse().expect("a run of digits")
}

/// ISO/IEC 7812-1: cards, IMEI, CA SIN, SE personnummer, ZA id.
pub(crate) fn luhn(text: &str) -> bool {
    let double = |d: u32| if d > 4 { 2 * d - 9 } else { 2 * d };
    let sum: u32 = digits(text)
        .iter()
        .rev()
        .enumerate()
        .map(|(i, d)| if i % 2 == 1 { double(*d) } else { *d })
        .sum();
    sum.is_multiple_of(10)
}

/// NPI (45 CFR 162.406): Luhn with the issuer 80840 put before.
pub(crate) fn npi(text: &str) -> bool {
    luhn(&format!("80840{text}"))
}

/// ISO 7064 MOD 97-10, the check of ISO 13616 (IBAN).
pub(crate) fn iban(text: &str) -> bool {
    let (head, tail) = text.split_at(4);
    let value = |c: char| c.to_digit(36).expect("letters and digits");
    let fold = |rest: u32, v: u32| (rest * if v > 9 { 100 } else { 10 } + v) % 97;
    tail.chars().chain(head.chars()).map(value).fold(0, fold) == 1
}

/// NHS Data Dictionary, NHS number: weights 10 to 2, modulo 11.
pub(crate) fn uk_nhs(text: &str) -> bool {
    dot(&digits(text), &[10, 9, 8, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11)
}

/// Australian Taxation Office, TFN.
pub(crate) fn au_tfn(text: &str) -> bool {
    dot(&digits(text), &[1, 4, 3, 7, 5, 8, 6, 9, 10]).is_multiple_of(11)
}

/// Australian Business Register, ABN: one is taken from the first digit, modulo 89.
pub(crate) fn au_abn(text: &str) -> bool {
    let sum = dot(&digits(text), &[10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19]);
    (sum + 89 - 10).is_multiple_of(89)
}

/// Services Australia, Medicare card: the ninth of ten digits checks the first eight.
pub(crate) fn au_medicare(text: &str) -> bool {
    let digits = digits(text);
    dot(&digits[..8], &[1, 3, 7, 9, 1, 3, 7, 9]) % 10 == digits[8]
}

/// Verhoeff's dihedral check: IN Aadhaar (UIDAI).
pub(crate) fn verhoeff(text: &str) -> bool {
    // The dihedral group of the pentagon: 0 to 4 turn it, 5 to 9 turn it over.
    let times = |a: u32, b: u32| match (a < 5, b < 5) {
        (true, true) => (a + b) % 5,
        (true, false) => 5 + (a + b) % 5,
        (false, true) => 5 + (a - b) % 5,
        (false, false) => (a + 5 - b) % 5,
    };
    let permute =
        |d: u32, i: usize| (0..i % 8).fold(d, |d, _| [1, 5, 7, 6, 2, 8, 3, 0, 9, 4][d as usize]);
    let digits = digits(text);
    let fold = |c, (i, d): (usize, &u32)| times(c, permute(*d, i));
    digits.iter().rev().enumerate().fold(0, fold) == 0
}

/// Bundeszentralamt für Steuern, Identifikationsnummer: among the first ten digits one digit
/// stands two or three times and no other twice; ISO 7064 MOD 11,10.
pub(crate) fn de_tax_id(text: &str) -> bool {
    let digits = digits(text);
    let counts = (0..10).map(|d| digits[..10].iter().filter(|x| **x == d).count());
    let repeated: Vec<_> = counts.filter(|n| *n > 1).collect();
    let fold = |p, d| {
        let s = (p + d) % 10;
        2 * (if s == 0 { 10 } else { s }) % 11
    };
    let product = digits[..10].iter().fold(10, fold);
    matches!(repeated[..], [2 | 3]) && digits[0] != 0 && (11 - product) % 10 == digits[10]
}

/// INSEE, NIR with its key: 97 minus the rest; Corsica's 2A and 2B count as 19 and 18.
pub(crate) fn fr_nir(text: &str) -> bool {
    let (body, key) = text.split_at(13);
    97 - number(&body.replace("2A", "19").replace("2B", "18")) % 97 == number(key)
}

/// Ministerio del Interior, NIF and NIE: a letter by modulo 23; X, Y, Z count as 0, 1, 2.
pub(crate) fn es_letter(text: &str) -> bool {
    let (body, letter) = text.split_at(8);
    let body = body.replace('X', "0").replace('Y', "1").replace('Z', "2");
    let rest = usize::try_from(number(&body) % 23).expect("small");
    "TRWAGMYFPDXBNJZSQVHLCKE"[rest..].starts_with(letter)
}

/// Decreto ministeriale 12 marzo 1974, codice fiscale: a table for odd places, modulo 26.
pub(crate) fn it_codice_fiscale(text: &str) -> bool {
    const ODD: [u32; 26] = [
        1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24,
        23,
    ];
    let value = |c: char| match c.to_digit(36).expect("letters and digits") {
        digit @ 0..=9 => digit,
        letter => letter - 10,
    };
    let place = |(i, c)| match i % 2 {
        0 => ODD[value(c) as usize],
        _ => value(c),
    };
    let sum: u32 = text[..15].chars().enumerate().map(place).sum();
    text.chars().last().map(value) == Some(sum % 26)
}

/// Rijksdienst voor Identiteitsgegevens, BSN: the eleven test.
pub(crate) fn nl_bsn(text: &str) -> bool {
    let digits = digits(text);
    dot(&digits, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11 == digits[8]
}

/// A last digit by modulo 11 from weights; what would be ten or eleven is 0: PT NIF, BR CPF and
/// CNPJ.
fn eleven_or_zero(values: &[u32], weights: &[u32], digit: u32) -> bool {
    let rest = dot(values, weights) % 11;
    digit == if rest < 2 { 0 } else { 11 - rest }
}

/// Autoridade Tributária, NIF.
pub(crate) fn pt_nif(text: &str) -> bool {
    let digits = digits(text);
    eleven_or_zero(&digits[..8], &[9, 8, 7, 6, 5, 4, 3, 2], digits[8])
}

/// Receita Federal, CPF.
pub(crate) fn br_cpf(text: &str) -> bool {
    let digits = digits(text);
    let weights = [11, 10, 9, 8, 7, 6, 5, 4, 3, 2];
    eleven_or_zero(&digits[..9], &weights[1..], digits[9])
        && eleven_or_zero(&digits[..10], &weights, digits[10])
}

/// Receita Federal, CNPJ; since IN RFB 2.229/2024 also with letters, which count by their ASCII
/// code less 48.
pub(crate) fn br_cnpj(text: &str) -> bool {
    let values: Vec<_> = text.bytes().map(|b| u32::from(b) - 48).collect();
    let weights = [6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2];
    eleven_or_zero(&values[..12], &weights[1..], values[12])
        && eleven_or_zero(&values[..13], &weights, values[13])
}

/// Rijksregister, BE national number: 97 minus the rest, with a 2 before for births since 2000.
pub(crate) fn be_nn(text: &str, since_2000: bool) -> bool {
    let (body, key) = text.split_at(9);
    let century = if since_2000 { 2_000_000_000 } else { 0 };
    97 - (century + number(body)) % 97 == number(key)
}

/// Ministerstwo Cyfryzacji, PESEL.
pub(crate) fn pl_pesel(text: &str) -> bool {
    dot(&digits(text), &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1]).is_multiple_of(10)
}

/// Digi- ja väestötietovirasto, henkilötunnus: the letter for nine digits modulo 31.
pub(crate) fn fi_hetu(digits: &str) -> char {
    let rest = usize::try_from(number(digits) % 31).expect("small");
    char::from(b"0123456789ABCDEFHJKLMNPRSTUVWXY"[rest])
}

/// CPR-kontoret: modulo 11, which numbers given since 2007 need not pass; ours do.
pub(crate) fn dk_cpr(text: &str) -> bool {
    dot(&digits(text), &[4, 3, 2, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11)
}

/// Skatteetaten, fødselsnummer: two check digits.
pub(crate) fn no_fnr(text: &str) -> bool {
    let digits = digits(text);
    dot(&digits, &[3, 7, 6, 1, 8, 9, 4, 5, 2, 1]).is_multiple_of(11)
        && dot(&digits, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11)
}

/// GS1: weights 1 and 3 from the right: CH AHV, EAN, UPC, ISBN-13.
pub(crate) fn gs1(text: &str) -> bool {
    let weigh = |(i, d)| if i % 2 == 0 { d } else { 3 * d };
    let sum: u32 = digits(text).into_iter().rev().enumerate().map(weigh).sum();
    sum.is_multiple_of(10)
}

/// RENAPO, CURP: places 18 to 2 times the place in an alphabet with Ñ.
pub(crate) fn mx_curp(text: &str) -> bool {
    let alphabet = "0123456789ABCDEFGHIJKLMNÑOPQRSTUVWXYZ";
    let value = |c| {
        alphabet
            .chars()
            .position(|x| x == c)
            .expect("of the alphabet")
    };
    let sum: usize = text
        .chars()
        .zip(2..)
        .map(|(c, i)| value(c) * (20 - i))
        .take(17)
        .sum();
    let digit = text.chars().last().map(value);
    digit == Some((10 - sum % 10) % 10)
}

/// Nüfus ve Vatandaşlık İşleri, T.C. kimlik no.
pub(crate) fn tr_tckn(text: &str) -> bool {
    let digits = digits(text);
    let odd: u32 = digits[..9].iter().step_by(2).sum();
    let even: u32 = digits[1..8].iter().step_by(2).sum();
    digits[0] != 0
        && (7 * odd + 100 - even) % 10 == digits[9]
        && digits[..10].iter().sum::<u32>() % 10 == digits[10]
}

/// Ministry of the Interior, resident registration number as given until 2020.
pub(crate) fn kr_rrn(text: &str) -> bool {
    let digits = digits(text);
    let sum = dot(&digits[..12], &[2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5]);
    (11 - sum % 11) % 10 == digits[12]
}

/// GB 11643-1999: ISO 7064 MOD 11-2, X for ten.
pub(crate) fn cn_id(text: &str) -> bool {
    let value = |c: char| c.to_digit(10).unwrap_or(10);
    text.chars()
        .map(value)
        .fold(0, |rest, v| (2 * rest + v) % 11)
        == 1
}

/// Ministry of Internal Affairs ordinance 85 of 2014, My Number.
pub(crate) fn jp_my_number(text: &str) -> bool {
    let digits = digits(text);
    eleven_or_zero(
        &digits[..11],
        &[6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2],
        digits[11],
    )
}

/// Immigration & Checkpoints Authority, NRIC and FIN.
pub(crate) fn sg_nric(text: &str) -> bool {
    let offset = if text.starts_with(['T', 'G']) { 4 } else { 0 };
    let sum = offset + dot(&digits(text), &[2, 7, 6, 5, 4, 3, 2]);
    let letters = match text.starts_with(['S', 'T']) {
        true => b"JZIHGFEDCBA",
        false => b"XWUTRQPNMLK",
    };
    text.ends_with(char::from(letters[sum as usize % 11]))
}

/// American Bankers Association, routing number: weights 3, 7, 1.
pub(crate) fn aba(text: &str) -> bool {
    dot(&digits(text), &[3, 7, 1, 3, 7, 1, 3, 7, 1]).is_multiple_of(10)
}

/// 21 CFR 1301, DEA number: odd places and twice the even ones.
pub(crate) fn dea(text: &str) -> bool {
    let digits = digits(text);
    dot(&digits[..6], &[1, 2, 1, 2, 1, 2]) % 10 == digits[6]
}

/// 49 CFR 565: letters have values, the ninth place is the sum modulo 11.
pub(crate) fn vin(text: &str) -> bool {
    let value = |c| match c {
        'A' | 'J' | '1' => 1,
        'B' | 'K' | 'S' | '2' => 2,
        'C' | 'L' | 'T' | '3' => 3,
        'D' | 'M' | 'U' | '4' => 4,
        'E' | 'N' | 'V' | '5' => 5,
        'F' | 'W' | '6' => 6,
        'G' | 'P' | 'X' | '7' => 7,
        'H' | 'Y' | '8' => 8,
        'R' | 'Z' | '9' => 9,
        _ => 0,
    };
    let values: Vec<_> = text.chars().map(value).collect();
    let sum = dot(
        &values,
        &[8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2],
    ) % 11;
    text[8..].starts_with(char::from(b"0123456789X"[sum as usize]))
}

/// Base58Check (Bitcoin): version and payload with four bytes of a double SHA-256.
pub(crate) fn base58check(payload: &[u8]) -> String {
    let alphabet = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    let mut number = payload.to_vec();
    number.extend(&Sha256::digest(Sha256::digest(payload))[..4]);
    let zeros = number.iter().take_while(|b| **b == 0).count();
    let mut text = Vec::new();
    while number.iter().any(|b| *b != 0) {
        let mut rest = 0;
        for byte in &mut number {
            let n = rest * 256 + u32::from(*byte);
            *byte = u8::try_from(n / 58).expect("less than a byte");
            rest = n % 58;
        }
        text.push(char::from(alphabet[rest as usize]));
    }
    text.extend(std::iter::repeat_n('1', zeros));
    text.iter().rev().collect()
}

/// BIP 173 and BIP 350: a segwit address of `bc`, with bech32 for version 0 and bech32m above.
pub(crate) fn segwit(version: u8, groups: &[u8]) -> String {
    let alphabet = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    let polymod = |values: &[u8]| {
        values.iter().fold(1u32, |sum, value| {
            let top = sum >> 25;
            let sum = ((sum & 0x01ff_ffff) << 5) ^ u32::from(*value);
            [
                0x3b6a_57b2,
                0x2650_8e6d,
                0x1ea1_19fa,
                0x3d42_33dd,
                0x2a14_62b3,
            ]
            .iter()
            .enumerate()
            .fold(
                sum,
                |sum, (i, g)| if top >> i & 1 == 1 { sum ^ g } else { sum },
            )
        })
    };
    let data = [&[version], groups].concat();
    // The letters of `bc`, high bits and low bits.
    let mut checked = [&[3, 3, 0, 2, 3], &data[..], &[0; 6]].concat();
    let target = if version == 0 { 1 } else { 0x2bc8_30a3 };
    let sum = polymod(&checked) ^ target;
    checked.truncate(5 + data.len());
    let tail = (0..6).map(|i| u8::try_from(sum >> (5 * (5 - i)) & 31).expect("five bits"));
    let letters = checked.split_off(5).into_iter().chain(tail);
    let letters = letters.map(|v| char::from(alphabet[usize::from(v)]));
    "bc1".chars().chain(letters).collect()
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
