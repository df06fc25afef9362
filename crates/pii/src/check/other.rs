//! Numbers of the US health system, vehicles and telephones.

use super::{digits, luhn, part, uniform};

/// US National Provider Identifier: Luhn over 80840 and the number (45 CFR 162.406).
pub(crate) fn npi(text: &[u8]) -> bool {
    let mut prefixed = [0_u8; 15];
    for (to, &from) in prefixed.iter_mut().zip(b"80840".iter().chain(text)) {
        *to = from;
    }
    text.len() == 10 && matches!(text.first(), Some(b'1' | b'2')) && luhn(&prefixed)
}

/// US DEA registration: registrant letter, letter or 9, and a check digit of two sums (21 CFR
/// 1301; the sums are in the DEA's Diversion manual).
pub(crate) fn dea(text: &[u8]) -> bool {
    let (Some(digits), [first, second, ..]) = (text.get(2..).and_then(digits::<7>), text) else {
        return false;
    };
    let &[a, b, c, d, e, f, check] = &digits;
    b"ABCDEFGHJKLMPRSTUX".contains(first)
        && (second.is_ascii_uppercase() || *second == b'9')
        && (a + c + e + 2 * (b + d + f)) % 10 == check
}

/// US Medicare Beneficiary Identifier: the class of each of eleven places (CMS, "Understanding the
/// MBI"). It has no check digit.
pub(crate) fn mbi(text: &[u8]) -> bool {
    text.len() == 11
        && text.iter().zip(b"CA*NA*NAANN").all(|(&byte, &class)| {
            let letter = byte.is_ascii_uppercase() && !b"SLOIBZ".contains(&byte);
            match class {
                b'C' => matches!(byte, b'1'..=b'9'),
                b'N' => byte.is_ascii_digit(),
                b'A' => letter,
                _ => letter || byte.is_ascii_digit(),
            }
        })
}

/// A vehicle's number: 17 places without I, O, Q (ISO 3779).
pub(crate) fn vin(text: &[u8]) -> bool {
    text.len() == 17
        && text
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() && !b"IOQ".contains(byte))
        && text.iter().any(u8::is_ascii_uppercase)
        && text.iter().filter(|byte| byte.is_ascii_digit()).count() >= 4
}

/// A vehicle's number with the check digit of North America and China (49 CFR 565.15, GB 16735).
pub(crate) fn vin_checked(text: &[u8]) -> bool {
    const WEIGHTS: [u32; 17] = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];
    let value = |byte: u8| match byte {
        b'0'..=b'9' => u32::from(byte - b'0'),
        b'A'..=b'H' => u32::from(byte - b'A' + 1),
        b'J'..=b'R' => u32::from(byte - b'J' + 1),
        _ => u32::from(byte.saturating_sub(b'S')) + 2,
    };
    let sum: u32 = text
        .iter()
        .zip(WEIGHTS)
        .map(|(&byte, weight)| value(byte) * weight)
        .sum();
    let check = match sum % 11 {
        10 => b'X',
        digit => b"0123456789".get(digit as usize).copied().unwrap_or(0),
    };
    vin(text) && text.get(8) == Some(&check)
}

/// A telephone's IMEI: Luhn over 15 digits (3GPP TS 23.003 annex B).
pub(crate) fn imei(text: &[u8]) -> bool {
    text.len() == 15 && luhn(text) && !uniform(text) && part(text, 0, 2) != Some(0)
}

/// A medium access control address: six bytes, not all the same (IEEE 802).
pub(crate) fn mac(text: &[u8]) -> bool {
    text.len() == 12 && text.iter().all(u8::is_ascii_hexdigit) && !uniform(text)
}
