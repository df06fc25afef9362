//! Money: whole pico-dollars, never a float.

use std::fmt;
use std::iter::Sum;
use std::str::FromStr;

/// Decimal places of a dollar.
const PLACES: usize = 12;
const PER_DOLLAR: u128 = 10u128.pow(12);

/// An amount in pico-dollars (10⁻¹² US dollars). Never negative; what would overflow stays at
/// the largest amount, the expensive side.
///
/// ```
/// use weir_prices::PicoUsd;
/// let cost = PicoUsd(215_000_000);
/// assert_eq!(cost.to_string(), "0.000215");
/// assert_eq!("0.000215".parse(), Ok(cost));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PicoUsd(pub u128);

impl PicoUsd {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// So many tokens at so many pico-dollars each. A product of two `u64` always fits.
    pub const fn of(tokens: u64, rate: u64) -> Self {
        Self(tokens as u128 * rate as u128)
    }

    /// The sum.
    #[must_use]
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The rate in pico-dollars per token, when this is the price of a million tokens; `None`
    /// when that is no whole number or too large.
    pub fn per_million_tokens(self) -> Option<u64> {
        let whole = self.0.is_multiple_of(1_000_000);
        whole.then(|| u64::try_from(self.0 / 1_000_000).ok())?
    }
}

impl Sum for PicoUsd {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Self::saturating_add)
    }
}

/// US dollars as a decimal number without useless zeros. A precision (`{:.6}`) asks for at least
/// so many decimal places and never cuts any off.
impl fmt::Display for PicoUsd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (dollars, picos) = (self.0 / PER_DOLLAR, self.0 % PER_DOLLAR);
        let digits = format!("{picos:012}");
        let least = f.precision().unwrap_or(0).min(PLACES);
        let kept = digits.trim_end_matches('0').len().max(least);
        match digits.get(..kept) {
            Some(places) if kept > 0 => write!(f, "{dollars}.{places}"),
            _ => write!(f, "{dollars}"),
        }
    }
}

/// Why a text is no amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoAmount {
    /// Not digits with at most one point between them.
    NotDecimal,
    /// More than twelve decimal places.
    TooFine,
    /// More dollars than can be counted.
    TooMuch,
}

impl fmt::Display for NoAmount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotDecimal => "an amount is written in digits, such as `0.15`",
            Self::TooFine => "an amount has at most 12 decimal places",
            Self::TooMuch => "the amount is too large",
        })
    }
}

impl std::error::Error for NoAmount {}

/// A decimal number of US dollars: no sign, no exponent, no separators.
impl FromStr for PicoUsd {
    type Err = NoAmount;

    fn from_str(text: &str) -> Result<Self, NoAmount> {
        let (dollars, places) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !digits(dollars) || !digits(places) {
            return Err(NoAmount::NotDecimal);
        }
        let places = places.trim_end_matches('0');
        if places.len() > PLACES {
            return Err(NoAmount::TooFine);
        }
        let number = |digits: &str| digits.parse::<u128>().map_err(|_| NoAmount::TooMuch);
        number(dollars)?
            .checked_mul(PER_DOLLAR)
            .and_then(|whole| whole.checked_add(number(&format!("{places:0<PLACES$}")).ok()?))
            .map(Self)
            .ok_or(NoAmount::TooMuch)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn amounts_as_written() {
        for (text, picos) in [
            ("0", Ok(0)),
            ("0.0", Ok(0)),
            ("1", Ok(1_000_000_000_000)),
            ("0.000000000001", Ok(1)),
            ("0.0000000000010", Ok(1)),
            ("12.50", Ok(12_500_000_000_000)),
            ("007.5", Ok(7_500_000_000_000)),
            ("0.0000000000001", Err(NoAmount::TooFine)),
            ("", Err(NoAmount::NotDecimal)),
            (".", Err(NoAmount::NotDecimal)),
            ("1.", Err(NoAmount::NotDecimal)),
            (".5", Err(NoAmount::NotDecimal)),
            ("-1", Err(NoAmount::NotDecimal)),
            ("+1", Err(NoAmount::NotDecimal)),
            ("1.+5", Err(NoAmount::NotDecimal)),
            ("1e3", Err(NoAmount::NotDecimal)),
            ("1_000", Err(NoAmount::NotDecimal)),
            ("1,5", Err(NoAmount::NotDecimal)),
            ("1.2.3", Err(NoAmount::NotDecimal)),
            ("NaN", Err(NoAmount::NotDecimal)),
            (" 1", Err(NoAmount::NotDecimal)),
            ("٣", Err(NoAmount::NotDecimal)),
            ("340282366920938463463374607.431768211455", Ok(u128::MAX)),
            (
                "340282366920938463463374607.431768211456",
                Err(NoAmount::TooMuch),
            ),
            (
                "999999999999999999999999999999999999999999",
                Err(NoAmount::TooMuch),
            ),
        ] {
            assert_eq!(text.parse(), picos.map(PicoUsd), "{text:?}");
        }
    }

    #[test]
    fn amounts_as_shown() {
        for (picos, plain, six) in [
            (0, "0", "0.000000"),
            (1, "0.000000000001", "0.000000000001"),
            (215_000_000, "0.000215", "0.000215"),
            (1_000_000_000_000, "1", "1.000000"),
            (12_500_000_000_000, "12.5", "12.500000"),
            (10_000_000_000_000, "10", "10.000000"),
        ] {
            assert_eq!(PicoUsd(picos).to_string(), plain, "{picos}");
            assert_eq!(format!("{:.6}", PicoUsd(picos)), six, "{picos}");
        }
    }

    #[test]
    fn rates_from_the_price_of_a_million() {
        for (usd, rate) in [
            ("2.5", Some(2_500_000)),
            ("0", Some(0)),
            ("0.000001", Some(1)),
            ("0.0000001", None),
            ("18446744073709.551615", Some(u64::MAX)),
            ("18446744073709.551616", None),
        ] {
            let amount: PicoUsd = usd.parse().unwrap();
            assert_eq!(amount.per_million_tokens(), rate, "{usd}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(picos: u128, precision in 0usize..20) {
            let amount = PicoUsd(picos);
            prop_assert_eq!(amount.to_string().parse(), Ok(amount));
            prop_assert_eq!(format!("{amount:.precision$}").parse(), Ok(amount));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,20}") {
            if let Ok(amount) = text.parse::<PicoUsd>() {
                prop_assert_eq!(amount.to_string().parse(), Ok(amount));
            }
        }
    }
}
