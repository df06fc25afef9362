//! National numbers outside Europe. Each names where its rule is laid down.

use super::{day_and_month, digits, luhn, part, uniform, verhoeff, weighted};

/// US Social Security number: areas, groups and serials never given (SSA, POMS RM 10201.030).
pub(crate) fn ssn(text: &[u8]) -> bool {
    let (Some(area), Some(group), Some(serial)) =
        (part(text, 0, 3), part(text, 3, 5), part(text, 5, 9))
    else {
        return false;
    };
    text.len() == 9
        && !matches!(area, 0 | 666 | 900..)
        && group != 0
        && serial != 0
        && !uniform(text)
}

/// US individual taxpayer number: 9, and the groups in use (IRS, Publication 1915).
pub(crate) fn itin(text: &[u8]) -> bool {
    text.len() == 9
        && text.first() == Some(&b'9')
        && part(text, 5, 9).is_some()
        && part(text, 3, 5)
            .is_some_and(|group| matches!(group, 50..=65 | 70..=88 | 90..=92 | 94..=99))
}

/// Canadian Social Insurance number: Luhn; none begins with 0 or 8 (Service Canada).
pub(crate) fn sin(text: &[u8]) -> bool {
    text.len() == 9 && !matches!(text.first(), Some(b'0' | b'8')) && luhn(text) && !uniform(text)
}

/// Australian tax file number: weights 1 4 3 7 5 8 6 9 10, mod 11 (ATO).
pub(crate) fn tfn(text: &[u8]) -> bool {
    digits::<9>(text).is_some_and(|digits| {
        weighted(&digits, &[1, 4, 3, 7, 5, 8, 6, 9, 10]).is_multiple_of(11) && !uniform(text)
    })
}

/// Australian business number: one less in the first digit, weights 10 1 3 … 19, mod 89 (ABR).
pub(crate) fn abn(text: &[u8]) -> bool {
    let Some(mut digits) = digits::<11>(text) else {
        return false;
    };
    let Some(first @ 1..) = digits.first_mut() else {
        return false;
    };
    *first -= 1;
    weighted(&digits, &[10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19]).is_multiple_of(89)
}

/// Australian Medicare card: 2 to 6, weights 1 3 7 9, mod 10; the tenth digit counts the card
/// (Services Australia).
pub(crate) fn medicare(text: &[u8]) -> bool {
    let Some(digits) = text.get(..10).and_then(digits::<10>) else {
        return false;
    };
    matches!(digits.first(), Some(2..=6))
        && weighted(&digits, &[1, 3, 7, 9, 1, 3, 7, 9]) % 10 == digits.get(8).copied().unwrap_or(99)
        && matches!(text.len(), 10 | 11)
}

/// Indian Aadhaar: 2 to 9, Verhoeff (UIDAI).
pub(crate) fn aadhaar(text: &[u8]) -> bool {
    digits::<12>(text).is_some_and(|digits| {
        matches!(digits.first(), Some(2..)) && verhoeff(&digits) && !uniform(text)
    })
}

/// Indian PAN: five letters, the fourth one of the holder's kinds, four digits, a letter (Income
/// Tax Department). The last letter's rule is not published.
pub(crate) fn pan(text: &[u8]) -> bool {
    text.len() == 10
        && text.get(3).is_some_and(|kind| b"PCHFATBLJG".contains(kind))
        && part(text, 5, 9).is_some()
}

/// Brazilian CPF: two check digits mod 11 (Receita Federal).
pub(crate) fn cpf(text: &[u8]) -> bool {
    let Some(digits) = digits::<11>(text) else {
        return false;
    };
    let check = |weights: &[u32]| weighted(&digits, weights) * 10 % 11 % 10;
    !uniform(text)
        && digits.get(9) == Some(&check(&[10, 9, 8, 7, 6, 5, 4, 3, 2]))
        && digits.get(10) == Some(&check(&[11, 10, 9, 8, 7, 6, 5, 4, 3, 2]))
}

/// Brazilian CNPJ: two check digits mod 11; letters, given since 2026, count as their code less 48
/// (Receita Federal, IN RFB 2.229/2024).
pub(crate) fn cnpj(text: &[u8]) -> bool {
    let Some((check, _)) = part(text, 12, 14).zip((text.len() == 14).then_some(())) else {
        return false;
    };
    let mut values = [0_u32; 13];
    for (value, &byte) in values.iter_mut().zip(text) {
        *value = u32::from(byte.saturating_sub(b'0'));
    }
    let digit = |weights: &[u32]| match weighted(&values, weights) % 11 {
        rest @ 2.. => u64::from(11 - rest),
        _ => 0,
    };
    let first = digit(&[5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2]);
    let second = digit(&[6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2]);
    !uniform(text) && check == first * 10 + second
}

/// Mexican CURP: date, sex, state, check digit mod 10 over base-37 places (RENAPO, Instructivo
/// normativo).
pub(crate) fn curp(text: &[u8]) -> bool {
    const ALPHABET: &[u8] = b"0123456789ABCDEFGHIJKLMN";
    let mut sum = 0;
    for (place, &byte) in text.iter().enumerate() {
        let letter = matches!(place, 0..=3 | 10..=15);
        let either = place == 16;
        if !either && letter != byte.is_ascii_uppercase() || !byte.is_ascii_alphanumeric() {
            return false;
        }
        // Ñ stands between N and O in the alphabet of the check.
        let value = match ALPHABET.iter().position(|&known| known == byte) {
            Some(value) => value,
            None => usize::from(byte.saturating_sub(b'O')) + 25,
        };
        if place == 17 {
            let (month, day) = (
                part(text, 6, 8).unwrap_or(0),
                part(text, 8, 10).unwrap_or(0),
            );
            return text.len() == 18
                && text.get(10).is_some_and(|sex| b"HMX".contains(sex))
                && day_and_month(day, month)
                && (10 - sum % 10) % 10 == value;
        }
        sum += value * (18 - place);
    }
    false
}

/// South African identity number: date, citizenship, Luhn (Identification Act 68 of 1997).
pub(crate) fn south_african(text: &[u8]) -> bool {
    text.len() == 13
        && day_and_month(part(text, 4, 6).unwrap_or(0), part(text, 2, 4).unwrap_or(0))
        && matches!(text.get(10), Some(b'0'..=b'2'))
        && luhn(text)
}

/// Turkish identity number: two check digits (NVİ).
pub(crate) fn tckn(text: &[u8]) -> bool {
    let Some(digits) = digits::<11>(text) else {
        return false;
    };
    let odd = weighted(&digits, &[1, 0, 1, 0, 1, 0, 1, 0, 1]);
    let even = weighted(&digits, &[0, 1, 0, 1, 0, 1, 0, 1]);
    digits.first() != Some(&0)
        // 7 × odd − even, kept above zero.
        && digits.get(9) == Some(&((odd * 7 + 100 - even) % 10))
        && digits.get(10) == Some(&(digits.iter().take(10).sum::<u32>() % 10))
}

/// South Korean resident number: a date and a sex and century digit. Numbers given since
/// October 2020 have no check digit; [`rrn_checked`] looks at it.
pub(crate) fn rrn(text: &[u8]) -> bool {
    text.len() == 13
        && digits::<13>(text).is_some()
        && day_and_month(part(text, 4, 6).unwrap_or(0), part(text, 2, 4).unwrap_or(0))
        && matches!(text.get(6), Some(b'0'..=b'9'))
}

/// A South Korean resident number with the check digit of those given before October 2020:
/// weights 2 to 9 and 2 to 5, mod 11 (주민등록법 시행규칙).
pub(crate) fn rrn_checked(text: &[u8]) -> bool {
    rrn(text)
        && digits::<13>(text).is_some_and(|digits| {
            let sum = weighted(&digits, &[2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5]);
            digits.last() == Some(&((11 - sum % 11) % 10))
        })
}

/// Chinese resident identity number: date, ISO 7064 mod 11-2 (GB 11643-1999).
pub(crate) fn resident_id(text: &[u8]) -> bool {
    let mut check = 0_u32;
    for (place, &byte) in text.iter().enumerate() {
        let value = match byte {
            b'X' if place == 17 => 10,
            b'0'..=b'9' => u32::from(byte - b'0'),
            _ => return false,
        };
        check = (check * 2 + value) % 11;
    }
    let year = part(text, 6, 10).unwrap_or(0);
    text.len() == 18
        && check == 1
        && text.first() != Some(&b'0')
        && (1900..2100).contains(&year)
        && day_and_month(
            part(text, 12, 14).unwrap_or(0),
            part(text, 10, 12).unwrap_or(0),
        )
}

/// Japanese My Number: weights 6 to 2 and 7 to 2, mod 11 (総務省令第85号, 2014).
pub(crate) fn my_number(text: &[u8]) -> bool {
    digits::<12>(text).is_some_and(|digits| {
        let rest = weighted(&digits, &[6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
        digits.last() == Some(&(if rest < 2 { 0 } else { 11 - rest })) && !uniform(text)
    })
}

/// Singapore NRIC and FIN: weights 2 7 6 5 4 3 2, an offset by the series, a letter at mod 11
/// (ICA; the tables are widely published, not officially).
pub(crate) fn nric(text: &[u8]) -> bool {
    let (Some(digits), Some(&last)) = (text.get(1..8).and_then(digits::<7>), text.get(8)) else {
        return false;
    };
    let sum = weighted(&digits, &[2, 7, 6, 5, 4, 3, 2]);
    let (offset, letters) = match text.first() {
        Some(b'S') => (0, b"JZIHGFEDCBA"),
        Some(b'T') => (4, b"JZIHGFEDCBA"),
        Some(b'F') => (0, b"XWUTRQPNMLK"),
        Some(b'G') => (4, b"XWUTRQPNMLK"),
        Some(b'M') => (3, b"XWUTRQPNJLK"),
        _ => return false,
    };
    let rest = (sum + offset) % 11;
    text.len() == 9 && letters.get(rest as usize) == Some(&last)
}

/// Hong Kong identity card: letters from 10, weights 9 to 2, mod 11 (Immigration Department).
pub(crate) fn hkid(text: &[u8]) -> bool {
    let letters = text
        .iter()
        .take_while(|byte| byte.is_ascii_uppercase())
        .count();
    let Some((&last, head)) = text.split_last() else {
        return false;
    };
    let value = |byte: u8| char::from(byte).to_digit(36).unwrap_or(0);
    // One letter counts as if a space, worth 36, stood before it.
    let mut sum = if letters == 1 { 36 * 9 } else { 0 };
    for (&byte, weight) in head.iter().rev().zip(2..) {
        sum += value(byte) * weight;
    }
    let check = if last == b'A' { 10 } else { value(last) };
    matches!(letters, 1 | 2) && text.len() == letters + 7 && (sum + check) % 11 == 0
}
