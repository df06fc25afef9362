//! The window of a limit, as operators write it.

use weir_limits::{Period, Window};
use weir_policy::ConfigError;

use crate::models::MAX_TOKENS;

/// The longest window of a bucket; a quota suits longer ones.
const MAX_WINDOW_MS: u64 = 31 * 86_400_000;

/// A window that has been read.
#[derive(Clone, Debug)]
pub struct Windowed {
    /// Its arithmetic.
    pub window: Window,
    /// How its state has to be read: state under one spelling says nothing under another.
    pub spelt: String,
    /// What callers are told it is: `min`, `day`, `30s`.
    pub words: String,
}

impl Windowed {
    /// Reads a window and what belongs to it, of the limit that stands at `place`.
    ///
    /// # Errors
    /// Words that are none, offsets without a midnight, a burst without a bucket.
    pub fn new(
        text: &str,
        utc_offset: Option<&str>,
        burst: Option<u64>,
        limit: u64,
        place: &str,
    ) -> Result<Self, ConfigError> {
        let at = |field: &str, message: String| {
            Err(ConfigError::at(format!("{place}.{field}"), message))
        };
        let period = match text {
            "day" => Some(Period::Day),
            "week" => Some(Period::Week),
            "month" => Some(Period::Month),
            "forever" => Some(Period::Forever),
            _ => None,
        };
        if let Some(period) = period {
            if burst.is_some() {
                return at("burst", format!("a quota (`{text}`) has none"));
            }
            let offset_minutes = match utc_offset {
                None => 0,
                Some(offset) => match minutes(offset) {
                    Some(minutes) => minutes,
                    None => {
                        let message = "must be like `+02:00`, from -12:00 to +14:00";
                        return at("utc_offset", message.to_owned());
                    }
                },
            };
            let window = Window::Quota {
                limit,
                period,
                offset_minutes,
            };
            return Ok(Self {
                window,
                spelt: format!("{text}{offset_minutes:+}"),
                words: text.to_owned(),
            });
        }
        if utc_offset.is_some() {
            return at(
                "utc_offset",
                "only a `day`, `week` or `month` has midnights".to_owned(),
            );
        }
        let Some(window_ms) = duration_ms(text) else {
            let message = "must be `day`, `week`, `month`, `forever`, `second`, `minute`, `hour`, \
                           or a number of them like `30s`, `5m`, `12h`, up to 31 days";
            return at("window", message.to_owned());
        };
        let burst = burst.unwrap_or(limit);
        if !(1..=MAX_TOKENS).contains(&burst) {
            return at("burst", format!("must be between 1 and {MAX_TOKENS}"));
        }
        let window = Window::Bucket {
            limit,
            window_ms,
            burst,
        };
        let words = match window_ms {
            1000 => "second".to_owned(),
            60_000 => "min".to_owned(),
            3_600_000 => "hour".to_owned(),
            _ => text.to_owned(),
        };
        Ok(Self {
            window,
            spelt: format!("{window_ms}ms"),
            words,
        })
    }
}

fn duration_ms(text: &str) -> Option<u64> {
    let (count, unit) = match text {
        "second" => (1, "s"),
        "minute" => (1, "m"),
        "hour" => (1, "h"),
        _ => {
            let digits = text.find(|c: char| !c.is_ascii_digit())?;
            let (count, unit) = text.split_at_checked(digits)?;
            (count.parse::<u64>().ok()?, unit)
        }
    };
    let unit_ms = match unit {
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    let ms = count.checked_mul(unit_ms)?;
    (1..=MAX_WINDOW_MS).contains(&ms).then_some(ms)
}

/// Minutes east of UTC of `+HH:MM` or `-HH:MM`, the offsets of RFC 3339.
fn minutes(offset: &str) -> Option<i16> {
    let (sign, rest) = match offset.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':')?;
    let two_digits = |text: &str| {
        let digits = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
        text.parse::<i16>().ok().filter(|_| digits)
    };
    let minutes = two_digits(minutes).filter(|&minutes| minutes < 60)?;
    let offset = sign * (two_digits(hours)? * 60 + minutes);
    (-720..=840).contains(&offset).then_some(offset)
}
