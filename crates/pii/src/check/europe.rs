//! National numbers of Europe. Each names where its rule is laid down.

use super::{day_and_month, digits, luhn, mod_11_10, number, part, uniform, weighted};

/// UK National Insurance number: HMRC manual NIM39110. No check digit; letters that are never given.
pub(crate) fn nino(text: &[u8]) -> bool {
    let (&[first, second, .., suffix], Some(_)) = (text, part(text, 2, 8)) else {
        return false;
    };
    text.len() == 9
        && first.is_ascii_uppercase()
        && second.is_ascii_uppercase()
        && !b"DFIQUV".contains(&first)
        && !b"DFIOQUV".contains(&second)
        && ![b"BG", b"GB", b"KN", b"NK", b"NT", b"TN", b"ZZ"].contains(&&[first, second])
        && (b'A'..=b'D').contains(&suffix)
}

/// UK NHS number: weights 10 to 2, mod 11 (NHS Data Dictionary, "NHS Number").
pub(crate) fn nhs(text: &[u8]) -> bool {
    digits::<10>(text).is_some_and(|digits| {
        weighted(&digits, &[10, 9, 8, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11) && !uniform(text)
    })
}

/// German tax identification number: ISO 7064 mod 11,10 (§ 139b AO); among the first ten digits
/// one stands two or three times and the others at most once.
pub(crate) fn german_tax_id(text: &[u8]) -> bool {
    let Some(digits) = digits::<11>(text) else {
        return false;
    };
    let mut counts = [0_u8; 10];
    for digit in digits.iter().take(10) {
        if let Some(count) = counts.get_mut(*digit as usize) {
            *count += 1;
        }
    }
    let repeated = counts.iter().filter(|&&count| count > 1).count();
    let most = counts.iter().max().copied().unwrap_or(0);
    digits.first() != Some(&0) && repeated == 1 && most <= 3 && mod_11_10(&digits)
}

/// French NIR: 13 characters and the key 97 − n mod 97, Corsica as 19 and 18 (INSEE; décret 82-103).
pub(crate) fn nir(text: &[u8]) -> bool {
    let (Some(head), Some(key)) = (text.get(..13), part(text, 13, 15)) else {
        return false;
    };
    let corsica = match head.get(5..7) {
        Some(b"2A") => Some(b"19"),
        Some(b"2B") => Some(b"18"),
        _ => None,
    };
    let mut plain = [0_u8; 13];
    for (place, (to, &from)) in plain.iter_mut().zip(head).enumerate() {
        *to = corsica
            .and_then(|digits| digits.get(place.checked_sub(5)?))
            .copied()
            .unwrap_or(from);
    }
    let sex = matches!(head.first(), Some(b'1'..=b'4' | b'7' | b'8'));
    let month = part(&plain, 3, 5).is_some_and(|month| matches!(month, 1..=12 | 20..=42 | 50..=99));
    text.len() == 15 && sex && month && number(&plain).is_some_and(|number| 97 - number % 97 == key)
}

/// Spanish NIF and NIE: the letter at n mod 23; X, Y, Z count as 0, 1, 2 (Real Decreto 1553/2005).
pub(crate) fn nif(text: &[u8]) -> bool {
    let (Some((&last, head)), Some((&first, tail))) = (text.split_last(), text.split_first())
    else {
        return false;
    };
    let value = match first {
        b'X' | b'Y' | b'Z' => number(tail.get(..7).unwrap_or_default())
            .map(|number| u64::from(first - b'X') * 10_000_000 + number),
        _ => number(head),
    };
    text.len() == 9
        && !uniform(head)
        && value.is_some_and(|value| {
            b"TRWAGMYFPDXBNJZSQVHLCKE".get((value % 23) as usize) == Some(&last)
        })
}

/// Italian codice fiscale: check letter from the odd and even tables of Decreto Ministeriale
/// 12 marzo 1974; digits may be letters of the omocodia.
pub(crate) fn codice_fiscale(text: &[u8]) -> bool {
    const ODD: [u32; 26] = [
        1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24,
        23,
    ];
    const DIGIT_PLACES: [usize; 7] = [6, 7, 9, 10, 12, 13, 14];
    let mut sum = 0;
    for (place, &byte) in text.iter().enumerate() {
        let fits = match (DIGIT_PLACES.contains(&place), byte) {
            (true, b'0'..=b'9') => true,
            (true, _) => b"LMNPQRSTUV".contains(&byte),
            (false, _) => byte.is_ascii_uppercase(),
        };
        if !fits {
            return false;
        }
        let value = u32::from(if byte.is_ascii_digit() {
            byte - b'0'
        } else {
            byte - b'A'
        });
        match place {
            15 => {
                return text.len() == 16
                    && text
                        .get(8)
                        .is_some_and(|month| b"ABCDEHLMPRST".contains(month))
                    && sum % 26 == value;
            }
            _ if place % 2 == 0 => sum += ODD.get(value as usize).copied().unwrap_or(0),
            _ => sum += value,
        }
    }
    false
}

/// Dutch burgerservicenummer: weights 9 to 2 and −1, mod 11 (Besluit burgerservicenummer).
pub(crate) fn bsn(text: &[u8]) -> bool {
    digits::<9>(text).is_some_and(|digits| {
        // −1 is 10 in this arithmetic.
        weighted(&digits, &[9, 8, 7, 6, 5, 4, 3, 2, 10]).is_multiple_of(11) && !uniform(text)
    })
}

/// Portuguese NIF: weights 9 to 2, 11 − sum mod 11, ten and eleven are 0 (Decreto-Lei 14/2013).
pub(crate) fn portuguese_nif(text: &[u8]) -> bool {
    let Some(digits) = digits::<9>(text) else {
        return false;
    };
    let rest = weighted(&digits, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    digits.last() == Some(&(if rest < 2 { 0 } else { 11 - rest }))
        && !matches!(digits.first(), Some(0 | 4 | 7))
        && !uniform(text)
}

/// Belgian national number: 97 − n mod 97, a 2 before those born from 2000 on (arrêté royal of
/// 3 April 1984). Months of the bis register are 20 or 40 higher.
pub(crate) fn belgian(text: &[u8]) -> bool {
    let (Some(head), Some(key)) = (part(text, 0, 9), part(text, 9, 11)) else {
        return false;
    };
    let (month, day) = (
        part(text, 2, 4).unwrap_or(99),
        part(text, 4, 6).unwrap_or(99),
    );
    text.len() == 11
        && (month % 20 == 0 || month < 60 && month % 20 <= 12)
        && day <= 31
        && !uniform(text)
        && [head, 2_000_000_000 + head]
            .iter()
            .any(|number| 97 - number % 97 == key)
}

/// Polish PESEL: weights 1 3 7 9, mod 10; the century is in the month (ustawa o ewidencji ludności).
pub(crate) fn pesel(text: &[u8]) -> bool {
    let (Some(month), Some(day)) = (part(text, 2, 4), part(text, 4, 6)) else {
        return false;
    };
    day_and_month(day, month % 20)
        && digits::<11>(text).is_some_and(|digits| {
            weighted(&digits, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1]).is_multiple_of(10)
        })
}

/// Swedish personnummer and samordningsnummer (day + 60): Luhn over ten digits (SKV 704).
pub(crate) fn personnummer(text: &[u8]) -> bool {
    let Some(ten) = text.len().checked_sub(10).and_then(|from| text.get(from..)) else {
        return false;
    };
    let century = match text.len() {
        12 => part(text, 0, 2).is_some_and(|century| matches!(century, 18..=20)),
        10 => true,
        _ => false,
    };
    let (month, day) = (part(ten, 2, 4).unwrap_or(0), part(ten, 4, 6).unwrap_or(0));
    century && day_and_month(if day > 60 { day - 60 } else { day }, month) && luhn(ten)
}

/// Finnish henkilötunnus: check character at n mod 31, century signs of 1900s and 2000s
/// (Väestötietoasetus 128/2010 and its change of 2023). A sign that is no letter is not here.
pub(crate) fn hetu(text: &[u8]) -> bool {
    let serial_at = text.len().saturating_sub(4);
    let (Some(date), Some(serial), Some(&last)) = (
        part(text, 0, 6),
        part(text, serial_at, serial_at + 3),
        text.last(),
    ) else {
        return false;
    };
    let sign = match text.get(6..serial_at) {
        Some([]) => true,
        Some([sign]) => b"YXWVUABCDEF".contains(sign),
        _ => false,
    };
    sign && day_and_month(date / 10_000, date / 100 % 100)
        && serial >= 2
        && b"0123456789ABCDEFHJKLMNPRSTUVWXY".get(((date * 1000 + serial) % 31) as usize)
            == Some(&last)
}

/// Danish CPR number: a date and four digits. The mod 11 check is not required since 2007
/// (CPR-kontoret), so it is [`cpr_checked`] that is strong.
pub(crate) fn cpr(text: &[u8]) -> bool {
    text.len() == 10
        && number(text).is_some()
        && day_and_month(part(text, 0, 2).unwrap_or(0), part(text, 2, 4).unwrap_or(0))
}

/// A Danish CPR number with the check digit of those given before 2007.
pub(crate) fn cpr_checked(text: &[u8]) -> bool {
    cpr(text)
        && digits::<10>(text).is_some_and(|digits| {
            weighted(&digits, &[4, 3, 2, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11)
        })
}

/// Norwegian fødselsnummer and D number (day + 40): two check digits mod 11 (Skatteetaten). The
/// month may be 40 or 80 higher in test and H numbers.
pub(crate) fn fodselsnummer(text: &[u8]) -> bool {
    let (Some(digits), Some(day), Some(month)) =
        (digits::<11>(text), part(text, 0, 2), part(text, 2, 4))
    else {
        return false;
    };
    day_and_month(if day > 40 { day - 40 } else { day }, month % 40)
        && weighted(&digits, &[3, 7, 6, 1, 8, 9, 4, 5, 2, 1]).is_multiple_of(11)
        && weighted(&digits, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11)
}

/// Swiss AHV number: 756 and the check digit of EAN-13 (eCH-0084).
pub(crate) fn ahv(text: &[u8]) -> bool {
    text.starts_with(b"756")
        && digits::<13>(text).is_some_and(|digits| {
            weighted(&digits, &[1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1]).is_multiple_of(10)
        })
}

/// Irish PPS number: weights 8 to 2, a second letter times 9, mod 23 (Social Welfare Acts).
pub(crate) fn pps(text: &[u8]) -> bool {
    let (Some(head), Some(&check)) = (text.get(..7).and_then(digits::<7>), text.get(7)) else {
        return false;
    };
    let second = match text.get(8) {
        None | Some(b'W') => 0,
        Some(letter @ b'A'..=b'I') => u32::from(letter - b'A' + 1),
        Some(_) => return false,
    };
    let rest = (weighted(&head, &[8, 7, 6, 5, 4, 3, 2]) + second * 9) % 23;
    text.len() <= 9 && b"WABCDEFGHIJKLMNOPQRSTUV".get(rest as usize) == Some(&check)
}

/// Austrian social insurance number: weights 3 7 9 5 8 4 2 1 6 around the check digit (§ 31 ASVG).
pub(crate) fn austrian(text: &[u8]) -> bool {
    let Some(digits) = digits::<10>(text) else {
        return false;
    };
    digits.first() != Some(&0)
        && weighted(&digits, &[3, 7, 9, 0, 5, 8, 4, 2, 1, 6]) % 11
            == digits.get(3).copied().unwrap_or(99)
        && part(text, 4, 6).is_some_and(|day| (1..=31).contains(&day))
}
