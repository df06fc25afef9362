//! Settings as written → configuration as it runs. Whatever the types cannot say is checked
//! here, with the place of the error.

use std::rc::Rc;

use weir_intake::{Intake, OnMissingIdentity};
use weir_limits::Table;
use weir_metering::{IdentityLabels, Models, Share, Windowed, bounded, label_value};
use weir_policy::config::load;
use weir_policy::{ConfigError, Policy};

use super::{Config, CountSettings, LimitSettings, ReserveOutput, Settings, WeightSettings};
use crate::TokenLimit;
use crate::limit::{Counts, Limit, Unit, Weights};

const DEFAULT_SLOTS: u32 = 4096;
const MAX_SLOTS: u32 = 1 << 20;
/// No limit is larger; sums of a few of them stay far from the end of 64 bits.
const MAX_LIMIT: u64 = 1_000_000_000_000_000;
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
        let by_expectation = s.reserve_output == ReserveOutput::Expected;
        let mut limits: Vec<Rc<Limit>> = Vec::with_capacity(s.limits.len());
        for (i, settings) in s.limits.into_iter().enumerate() {
            let place = format!("limits[{i}]");
            if limits.iter().any(|limit| limit.name == settings.name) {
                let message = format!("`{}` is the name of an earlier limit", settings.name);
                return Err(ConfigError::at(format!("{place}.name"), message));
            }
            let mut limit = limit(settings, s.on_missing_identity, slots, &place)?;
            limit.by_expectation = by_expectation;
            limits.push(Rc::new(limit));
        }
        let mut watched_headers: Vec<String> =
            limits.iter().flat_map(|l| l.share.headers()).collect();
        watched_headers.sort();
        watched_headers.dedup();
        Ok(Self {
            hold: s.hold,
            intake,
            on_store_failure: s.on_store_failure,
            include_usage: s.include_usage.unwrap_or(true),
            models: Models::new(s.models, s.expected_output)?,
            global: s.global.map(|g| g.check(TokenLimit::NAME, 1)).transpose()?,
            limits,
            watched_headers,
            identity_labels: IdentityLabels::new(s.identity_labels)?,
        })
    }
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
    if counts == Counts::Output && weights.output.max(weights.reasoning) == 0 {
        return at("weights", "this limit would count nothing");
    }
    let expected_output = match s.expected_output {
        Some(expected) => Some(bounded(expected, &format!("{place}.expected_output"))?),
        None => None,
    };
    let Windowed {
        window,
        spelt,
        words,
    } = Windowed::new(&s.window, s.utc_offset.as_deref(), s.burst, amount, place)?;
    let share = Share::new(
        s.matches,
        s.per,
        s.on_missing_identity.unwrap_or(on_missing_identity),
        s.shadow,
        place,
    )?;
    Ok(Limit {
        // What is stored is read by the window and the unit it was stored in, so others begin anew;
        // another amount goes on.
        table: Rc::new(Table::new(
            &format!("token-limit/{}/{spelt}/{counts:?}", s.name),
            slots,
        )),
        name: s.name,
        share,
        window,
        words,
        counts,
        weights,
        expected_output,
        by_expectation: false,
    })
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
