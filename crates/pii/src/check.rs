//! Check digits: the algorithms that several numbers share, and the modules of those that have
//! their own.
//!
//! A validator gets the characters of a number without its separators, letters in capitals, and
//! says whether such a number can have been issued. It knows nothing of the text around.

pub(crate) mod bank;
pub(crate) mod crypto;
pub(crate) mod europe;
pub(crate) mod other;
pub(crate) mod world;

/// The digits as numbers; `None` if there is anything else.
pub(crate) fn digits<const N: usize>(text: &[u8]) -> Option<[u32; N]> {
    let mut digits = [0; N];
    if text.len() != N {
        return None;
    }
    for (digit, &byte) in digits.iter_mut().zip(text) {
        *digit = char::from(byte).to_digit(10)?;
    }
    Some(digits)
}

/// The number that the digits are; `None` if there is anything else, or more than 19 of them.
pub(crate) fn number(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 19 {
        return None;
    }
    text.iter().try_fold(0_u64, |sum, &byte| {
        let digit = char::from(byte).to_digit(10)?;
        sum.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// The part of a text from one place to another as a number.
pub(crate) fn part(text: &[u8], from: usize, to: usize) -> Option<u64> {
    number(text.get(from..to)?)
}

/// The sum of the digits times their weights; the shorter of the two ends it.
pub(crate) fn weighted(digits: &[u32], weights: &[u32]) -> u32 {
    digits
        .iter()
        .zip(weights)
        .map(|(digit, weight)| digit * weight)
        .sum()
}

/// ISO/IEC 7812-1 annex B: every second digit from the right doubled, the sum a multiple of ten.
pub(crate) fn luhn(text: &[u8]) -> bool {
    let mut sum = 0;
    for (place, &byte) in text.iter().rev().enumerate() {
        let Some(digit) = char::from(byte).to_digit(10) else {
            return false;
        };
        sum += match place % 2 {
            0 => digit,
            _ if digit > 4 => digit * 2 - 9,
            _ => digit * 2,
        };
    }
    sum % 10 == 0 && !text.is_empty()
}

/// ISO 7064 mod 97-10: letters count 10 to 35, the whole number leaves 1.
pub(crate) fn mod_97(text: impl Iterator<Item = u8>) -> Option<u32> {
    let mut rest = 0;
    for byte in text {
        let value = char::from(byte).to_digit(36)?;
        rest = if value > 9 {
            rest * 100 + value
        } else {
            rest * 10 + value
        } % 97;
    }
    Some(rest)
}

/// ISO 7064 mod 11,10, the hybrid system: the last digit closes the product to one.
pub(crate) fn mod_11_10(digits: &[u32]) -> bool {
    let Some((last, rest)) = digits.split_last() else {
        return false;
    };
    let product = rest.iter().fold(10, |product, digit| {
        let sum = (product + digit) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    });
    (product + last) % 10 == 1
}

/// Verhoeff's dihedral check (J. Verhoeff, Error Detecting Decimal Codes, 1969).
pub(crate) fn verhoeff(digits: &[u32]) -> bool {
    /// One step of the permutation; place n applies it n times.
    const PERMUTED: [u32; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    let mut check = 0;
    for (place, &digit) in digits.iter().rev().enumerate() {
        let permuted = (0..place % 8).fold(digit, |digit, _| {
            PERMUTED.get(digit as usize).copied().unwrap_or(0)
        });
        check = dihedral(check, permuted);
    }
    check == 0
}

/// The product in the dihedral group of order ten: 0 to 4 rotate, 5 to 9 reflect.
fn dihedral(a: u32, b: u32) -> u32 {
    match (a < 5, b < 5) {
        (true, true) => (a + b) % 5,
        (true, false) => 5 + (a + b - 5) % 5,
        (false, true) => 5 + (a - 5 + 5 - b) % 5,
        (false, false) => (a + 5 - b) % 5,
    }
}

/// Whether such a day can be; years are not looked at, so the 29th of February can.
pub(crate) fn day_and_month(day: u64, month: u64) -> bool {
    let days = match month {
        2 => 29,
        4 | 6 | 9 | 11 => 30,
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        _ => return false,
    };
    (1..=days).contains(&day)
}

/// Whether all characters are the same: no number anyone has.
pub(crate) fn uniform(text: &[u8]) -> bool {
    text.first()
        .is_none_or(|first| text.iter().all(|byte| byte == first))
}

#[cfg(test)]
mod tests;
