//! Cards, accounts and banks.

use super::{digits, luhn, mod_97, part, uniform, weighted};

/// The payment card networks of ISO/IEC 7812: first and last issuer prefix, shortest and longest
/// number. From the networks' published ranges.
const ISSUERS: &[(u32, u32, usize, usize)] = &[
    // Mir, Mastercard's second range, Diners Club, American Express, JCB.
    (2200, 2204, 16, 19),
    (2221, 2720, 16, 16),
    (300, 305, 14, 19),
    (3095, 3095, 14, 19),
    (34, 34, 15, 15),
    (3528, 3589, 16, 19),
    (36, 36, 14, 19),
    (37, 37, 15, 15),
    (38, 39, 14, 19),
    // Visa.
    (4, 4, 13, 13),
    (4, 4, 16, 16),
    (4, 4, 19, 19),
    // Maestro and Dankort, Elo, Mastercard, RuPay, Discover, UnionPay, Troy.
    (5018, 5020, 12, 19),
    (5038, 5038, 12, 19),
    (504175, 504175, 16, 16),
    (506699, 506778, 16, 16),
    (508, 508, 16, 16),
    (509, 509, 16, 16),
    (51, 55, 16, 16),
    (5893, 5893, 12, 19),
    (6011, 6011, 16, 19),
    (6304, 6304, 12, 19),
    (636, 639, 16, 19),
    (62, 62, 16, 19),
    (644, 649, 16, 19),
    (65, 65, 16, 19),
    (6759, 6759, 12, 19),
    (6761, 6763, 12, 19),
    (60, 60, 16, 16),
    (81, 82, 16, 19),
    (9792, 9792, 16, 16),
];

/// A payment card number: issuer range and length of its network, Luhn (ISO/IEC 7812-1).
pub(crate) fn card(text: &[u8]) -> bool {
    let issued = ISSUERS.iter().any(|&(first, last, shortest, longest)| {
        let places = first.ilog10() as usize + 1;
        (shortest..=longest).contains(&text.len())
            && part(text, 0, places)
                .is_some_and(|prefix| (u64::from(first)..=u64::from(last)).contains(&prefix))
    });
    issued && luhn(text) && !uniform(text)
}

/// The length of an IBAN by country, from SWIFT's IBAN registry (ISO 13616), and of the countries
/// that use it without being in the registry.
const IBANS: &[(&[u8; 2], usize)] = &[
    (b"AD", 24),
    (b"AE", 23),
    (b"AL", 28),
    (b"AT", 20),
    (b"AZ", 28),
    (b"BA", 20),
    (b"BE", 16),
    (b"BG", 22),
    (b"BH", 22),
    (b"BI", 27),
    (b"BR", 29),
    (b"BY", 28),
    (b"CH", 21),
    (b"CR", 22),
    (b"CY", 28),
    (b"CZ", 24),
    (b"DE", 22),
    (b"DJ", 27),
    (b"DK", 18),
    (b"DO", 28),
    (b"DZ", 26),
    (b"EE", 20),
    (b"EG", 29),
    (b"ES", 24),
    (b"FI", 18),
    (b"FK", 18),
    (b"FO", 18),
    (b"FR", 27),
    (b"GB", 22),
    (b"GE", 22),
    (b"GI", 23),
    (b"GL", 18),
    (b"GR", 27),
    (b"GT", 28),
    (b"HN", 28),
    (b"HR", 21),
    (b"HU", 28),
    (b"IE", 22),
    (b"IL", 23),
    (b"IQ", 23),
    (b"IR", 26),
    (b"IS", 26),
    (b"IT", 27),
    (b"JO", 30),
    (b"KW", 30),
    (b"KZ", 20),
    (b"LB", 28),
    (b"LC", 32),
    (b"LI", 21),
    (b"LT", 20),
    (b"LU", 20),
    (b"LV", 21),
    (b"LY", 25),
    (b"MA", 28),
    (b"MC", 27),
    (b"MD", 24),
    (b"ME", 22),
    (b"MK", 19),
    (b"MN", 20),
    (b"MR", 27),
    (b"MT", 31),
    (b"MU", 30),
    (b"NI", 28),
    (b"NL", 18),
    (b"NO", 15),
    (b"OM", 23),
    (b"PK", 24),
    (b"PL", 28),
    (b"PS", 29),
    (b"PT", 25),
    (b"QA", 29),
    (b"RO", 24),
    (b"RS", 22),
    (b"RU", 33),
    (b"SA", 24),
    (b"SC", 31),
    (b"SD", 18),
    (b"SE", 24),
    (b"SI", 19),
    (b"SK", 24),
    (b"SM", 27),
    (b"SO", 23),
    (b"ST", 25),
    (b"SV", 28),
    (b"TL", 23),
    (b"TN", 24),
    (b"TR", 26),
    (b"UA", 29),
    (b"VA", 22),
    (b"VG", 24),
    (b"XK", 20),
    (b"YE", 30),
];

/// How long an IBAN of this country is.
pub(crate) fn iban_len(country: &[u8]) -> Option<usize> {
    IBANS
        .binary_search_by(|(code, _)| code.as_slice().cmp(country))
        .ok()
        .and_then(|at| IBANS.get(at))
        .map(|&(_, len)| len)
}

/// An IBAN: the country's length, ISO 7064 mod 97-10 over the number turned by four (ISO 13616).
pub(crate) fn iban(text: &[u8]) -> bool {
    let Some((country, _)) = text.split_at_checked(2) else {
        return false;
    };
    let Some((head, body)) = text.split_at_checked(4) else {
        return false;
    };
    iban_len(country) == Some(text.len()) && mod_97(body.iter().chain(head).copied()) == Some(1)
}

/// A bank's routing number: Federal Reserve prefix, weights 3 7 1 (ABA, Routing Number Policy).
pub(crate) fn aba(text: &[u8]) -> bool {
    let Some(digits) = digits::<9>(text) else {
        return false;
    };
    let prefix = part(text, 0, 2);
    prefix.is_some_and(|prefix| matches!(prefix, 0..=12 | 21..=32 | 61..=72 | 80))
        && weighted(&digits, &[3, 7, 1, 3, 7, 1, 3, 7, 1]).is_multiple_of(10)
        && !uniform(text)
}
