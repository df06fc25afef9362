//! Settings as written → configuration as it runs. Whatever the types cannot say is checked
//! here, with the place of the error.

use std::rc::Rc;

use weir_intake::{Intake, Match, OnMissingIdentity};
use weir_limits::{Period, Table, Window};
use weir_policy::config::load;
use weir_policy::identity::header_name;
use weir_policy::{ConfigError, Policy};

use super::{
    Config, CountSettings, LimitSettings, Model, ModelSettings, PerSettings, Settings,
    WeightSettings,
};
use crate::TokenLimit;
use crate::limit::{Counts, Limit, Unit, Weights};

const DEFAULT_EXPECTED_OUTPUT: u64 = 1024;
const DEFAULT_SLOTS: u32 = 4096;
const MAX_SLOTS: u32 = 1 << 20;
/// No limit is larger; sums of a few of them stay far from the end of 64 bits.
const MAX_LIMIT: u64 = 1_000_000_000_000_000;
/// The longest window of a bucket; a quota suits longer ones.
const MAX_WINDOW_MS: u64 = 31 * 86_400_000;

type Checked<T> = Result<T, ConfigError>;

impl Config {
    pub(crate) fn load(json: &[u8]) -> Checked<Self> {
        Self::check(load::<Settings>(json)?)
    }

    fn check(s: Settings) -> Checked<Self> {
        let intake = Intake::new(
            TokenLimit::NAME,
            s.apis,
            s.max_body_bytes,
            s.on_unreadable,
            s.identity,
        )?;
        let slots = s.slots.unwrap_or(DEFAULT_SLOTS);
        if !(1..=MAX_SLOTS).contains(&slots) {
            let message = format!("must be between 1 and {MAX_SLOTS}");
            return Err(ConfigError::at("slots", message));
        }
        let mut models = Vec::with_capacity(s.models.len());
        for (i, settings) in s.models.into_iter().enumerate() {
            models.push(model(settings, &format!("models[{i}]"))?);
        }
        let mut limits: Vec<Rc<Limit>> = Vec::with_capacity(s.limits.len());
        for (i, settings) in s.limits.into_iter().enumerate() {
            let place = format!("limits[{i}]");
            if limits.iter().any(|limit| limit.name == settings.name) {
                let message = format!("`{}` is the name of an earlier limit", settings.name);
                return Err(ConfigError::at(format!("{place}.name"), message));
            }
            let limit = limit(settings, s.on_missing_identity, slots, &place)?;
            limits.push(Rc::new(limit));
        }
        let mut watched_headers: Vec<String> = limits.iter().flat_map(|l| l.headers()).collect();
        watched_headers.sort();
        watched_headers.dedup();
        Ok(Self {
            hold: s.hold,
            intake,
            on_store_failure: s.on_store_failure,
            include_usage: s.include_usage.unwrap_or(true),
            models,
            expected_output: bounded(
                s.expected_output.unwrap_or(DEFAULT_EXPECTED_OUTPUT),
                "expected_output",
            )?,
            reserve_output: s.reserve_output,
            limits,
            watched_headers,
        })
    }
}

fn model(s: ModelSettings, place: &str) -> Checked<Model> {
    // A list of globs is never empty.
    let first = s.matches.0.first().map_or("", |glob| glob.as_str());
    let label = s.name.unwrap_or_else(|| first.to_owned());
    label_value(&format!("{place}.name"), &label)?;
    if let Some(factor) = s.factor_permille
        && !(1..=100_000).contains(&factor)
    {
        let message = "must be between 1 and 100000";
        return Err(ConfigError::at(format!("{place}.factor_permille"), message));
    }
    if let Some(expected) = s.expected_output {
        bounded(expected, &format!("{place}.expected_output"))?;
    }
    Ok(Model {
        globs: s.matches.0,
        label,
        family: s.count_as.as_deref().map(weir_tokens::family),
        factor_permille: s.factor_permille,
        expected_output: s.expected_output,
    })
}

fn limit(
    s: LimitSettings,
    on_missing_identity: OnMissingIdentity,
    slots: u32,
    place: &str,
) -> Checked<Limit> {
    let at = |field: &str, message: &str| Err(ConfigError::at(format!("{place}.{field}"), message));
    label_value(&format!("{place}.name"), &s.name)?;
    let (unit, amount) = match (s.tokens, s.requests) {
        (Some(tokens), None) => (Unit::Tokens, tokens),
        (None, Some(requests)) => (Unit::Requests, requests),
        _ => {
            let message = "exactly one of `tokens` and `requests` is needed";
            return Err(ConfigError::at(place, message));
        }
    };
    let field = match unit {
        Unit::Tokens => "tokens",
        Unit::Requests => "requests",
    };
    if !(1..=MAX_LIMIT).contains(&amount) {
        return at(field, &format!("must be between 1 and {MAX_LIMIT}"));
    }
    let WeightSettings {
        cached,
        output,
        reasoning,
    } = s.weights;
    let weighted = cached.or(output).or(reasoning).is_some();
    if unit == Unit::Requests {
        for (field, given) in [
            ("count", s.count.is_some()),
            ("weights", weighted),
            ("expected_output", s.expected_output.is_some()),
        ] {
            if given {
                return at(field, "goes with `tokens`");
            }
        }
    }
    let counts = match (unit, s.count.unwrap_or_default()) {
        (Unit::Requests, _) => Counts::Requests,
        (_, CountSettings::Total) => Counts::Total,
        (_, CountSettings::Input) => Counts::Input,
        (_, CountSettings::Output) => Counts::Output,
    };
    if counts == Counts::Input && output.or(reasoning).is_some() {
        return at(
            "weights",
            "`output` and `reasoning` say nothing of a prompt",
        );
    }
    if counts == Counts::Input && s.expected_output.is_some() {
        return at("expected_output", "says nothing of a prompt");
    }
    if counts == Counts::Output && cached.is_some() {
        return at("weights.cached", "says nothing of an answer");
    }
    let weight = |field: &str, given: Option<f64>, default: u64| match given {
        Some(weight) => permille(weight, &format!("{place}.weights.{field}")),
        None => Ok(default),
    };
    let output = weight("output", output, 1000)?;
    let weights = Weights {
        cached: weight("cached", cached, 1000)?,
        output,
        reasoning: weight("reasoning", reasoning, output)?,
    };
    let expected_output = match s.expected_output {
        Some(expected) => Some(bounded(expected, &format!("{place}.expected_output"))?),
        None => None,
    };
    let (window, spelt, words) =
        window(&s.window, s.utc_offset.as_deref(), s.burst, amount, place)?;
    let mut per = s.per.unwrap_or_else(|| vec![PerSettings::Identity]);
    for part in &mut per {
        if let PerSettings::Header(name) = part {
            *name = header_name(name).map_err(|e| ConfigError::at(format!("{place}.per"), e))?;
        }
    }
    if (1..per.len()).any(|i| per.iter().take(i).any(|part| Some(part) == per.get(i))) {
        return at("per", "the same stands there twice");
    }
    Ok(Limit {
        // What is stored is read by the window it was stored under, so another window (other
        // units, another calendar) begins anew; another amount goes on.
        table: Rc::new(Table::new(
            &format!("token-limit/{}/{spelt}", s.name),
            slots,
        )),
        name: s.name,
        matches: Match::new(s.matches, place)?,
        per,
        window,
        words,
        counts,
        weights,
        expected_output,
        on_missing_identity: s.on_missing_identity.unwrap_or(on_missing_identity),
        shadow: s.shadow,
    })
}

/// The window; how its state is to be read, for the store; and what a caller is told it is.
fn window(
    text: &str,
    utc_offset: Option<&str>,
    burst: Option<u64>,
    limit: u64,
    place: &str,
) -> Checked<(Window, String, String)> {
    let at =
        |field: &str, message: String| Err(ConfigError::at(format!("{place}.{field}"), message));
    let period = match text {
        "day" => Some(Period::Day),
        "week" => Some(Period::Week),
        "month" => Some(Period::Month),
        _ => None,
    };
    if let Some(period) = period {
        if burst.is_some() {
            return at("burst", format!("a quota of a {text} has none"));
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
        return Ok((window, format!("{text}{offset_minutes:+}"), text.to_owned()));
    }
    if utc_offset.is_some() {
        return at(
            "utc_offset",
            "only a `day`, `week` or `month` has midnights".to_owned(),
        );
    }
    let Some(window_ms) = duration_ms(text) else {
        let message = "must be `day`, `week`, `month`, `second`, `minute`, `hour`, or a number \
                       of them like `30s`, `5m`, `12h`, up to 31 days";
        return at("window", message.to_owned());
    };
    let burst = burst.unwrap_or(limit);
    if !(1..=MAX_LIMIT).contains(&burst) {
        return at("burst", format!("must be between 1 and {MAX_LIMIT}"));
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
    Ok((window, format!("{window_ms}ms"), words))
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

/// A weight in thousandths.
fn permille(weight: f64, place: &str) -> Checked<u64> {
    let permille = (weight * 1000.0).round();
    if !(0.0..=1e6).contains(&permille) || (permille - weight * 1000.0).abs() > 1e-6 {
        let message = "a weight is between 0 and 1000, to three decimals";
        return Err(ConfigError::at(place, message));
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    Ok(permille as u64)
}

fn bounded(tokens: u64, place: &str) -> Checked<u64> {
    if tokens > MAX_LIMIT {
        let message = format!("must be at most {MAX_LIMIT}");
        return Err(ConfigError::at(place, message));
    }
    Ok(tokens)
}

/// What becomes a metric label and a fact must be able to stand there.
fn label_value(place: &str, value: &str) -> Checked<()> {
    if value.is_empty() || value.len() > 128 || value.chars().any(char::is_control) {
        let message = "must be 1 to 128 bytes without control characters";
        return Err(ConfigError::at(place, message));
    }
    Ok(())
}
