//! Settings as written → configuration as it runs. Whatever the types cannot say is checked
//! here, with the place of the error.

use std::rc::Rc;

use weir_intake::{Intake, OnMissingIdentity};
use weir_limits::Table;
use weir_metering::{IdentityLabels, Models, Share, Windowed, label_value};
use weir_policy::config::load;
use weir_policy::{ConfigError, Policy};
use weir_prices::{Catalogue, Kind, PicoUsd, Price, Rate, Tier};

use super::{BudgetSettings, Config, PriceSettings, Settings, Usd};
use crate::Cost;
use crate::budget::{Budget, SHARED_UNIT};
use crate::priced::{Listed, Prices};

const DEFAULT_SLOTS: u32 = 4096;
const MAX_SLOTS: u32 = 1 << 20;
/// Ten million dollars: as pico-dollars it fits into 64 bits.
const MAX_USD: PicoUsd = PicoUsd(10_000_000 * 1_000_000_000_000);

type Checked<T> = Result<T, ConfigError>;

impl Config {
    pub(crate) fn load(json: &[u8]) -> Checked<Self> {
        Self::check(load::<Settings>(json)?)
    }

    fn check(s: Settings) -> Checked<Self> {
        let intake = Intake::new(
            Cost::NAME,
            s.apis,
            s.max_body_bytes,
            s.on_unreadable,
            s.identity,
        )?;
        if s.headers == Some(true) && !s.hold {
            let message = "headers that depend on the body can only be set with `hold: true`";
            return Err(ConfigError::at("headers", message));
        }
        let slots = s.slots.unwrap_or(DEFAULT_SLOTS);
        if !(1..=MAX_SLOTS).contains(&slots) {
            let message = format!("must be between 1 and {MAX_SLOTS}");
            return Err(ConfigError::at("slots", message));
        }
        let table = Catalogue::builtin();
        let mut listed = Vec::with_capacity(s.prices.len());
        for (i, settings) in s.prices.into_iter().enumerate() {
            listed.push(price(settings, &table, &format!("prices[{i}]"))?);
        }
        let mut budgets: Vec<Rc<Budget>> = Vec::with_capacity(s.budgets.len());
        for (i, settings) in s.budgets.into_iter().enumerate() {
            let place = format!("budgets[{i}]");
            if budgets.iter().any(|budget| budget.name == settings.name) {
                let message = format!("`{}` is the name of an earlier budget", settings.name);
                return Err(ConfigError::at(format!("{place}.name"), message));
            }
            let budget = budget(settings, s.on_missing_identity, slots, &place)?;
            budgets.push(Rc::new(budget));
        }
        let mut watched_headers: Vec<String> =
            budgets.iter().flat_map(|b| b.share.headers()).collect();
        watched_headers.sort();
        watched_headers.dedup();
        Ok(Self {
            headers: s.headers.unwrap_or(s.hold),
            hold: s.hold,
            intake,
            on_store_failure: s.on_store_failure,
            include_usage: s.include_usage.unwrap_or(true),
            models: Models::new(s.models, s.expected_output)?,
            provider: s.provider,
            prices: Prices::new(listed, table),
            on_unpriced: s.on_unpriced,
            cost_in_usage: s.cost_in_usage,
            trailers: s.trailers,
            identity_labels: IdentityLabels::new(s.identity_labels)?,
            global: s
                .global
                .map(|global| global.check(Cost::NAME, SHARED_UNIT))
                .transpose()?,
            budgets,
            watched_headers,
        })
    }
}

fn price(s: PriceSettings, table: &Catalogue, place: &str) -> Checked<Listed> {
    let special = [
        (
            "cache_read_usd_per_mtok",
            Kind::CacheRead,
            s.cache_read_usd_per_mtok,
        ),
        (
            "cache_write_usd_per_mtok",
            Kind::CacheWrite,
            s.cache_write_usd_per_mtok,
        ),
        (
            "cache_write_1h_usd_per_mtok",
            Kind::CacheWrite1h,
            s.cache_write_1h_usd_per_mtok,
        ),
        (
            "reasoning_usd_per_mtok",
            Kind::Reasoning,
            s.reasoning_usd_per_mtok,
        ),
        (
            "input_audio_usd_per_mtok",
            Kind::InputAudio,
            s.input_audio_usd_per_mtok,
        ),
        (
            "output_audio_usd_per_mtok",
            Kind::OutputAudio,
            s.output_audio_usd_per_mtok,
        ),
    ];
    let plain = (s.input_usd_per_mtok, s.output_usd_per_mtok);
    let price = match (s.same_as, plain) {
        (Some(name), (None, None)) if special.iter().all(|(_, _, usd)| usd.is_none()) => {
            let found = table.find(None, &name).ok_or_else(|| {
                let message = format!("the price table has none for `{name}`");
                ConfigError::at(format!("{place}.same_as"), message)
            })?;
            found.price
        }
        (None, (Some(input), Some(output))) => {
            let mut price = Price::new(
                rate(input, &format!("{place}.input_usd_per_mtok"))?,
                rate(output, &format!("{place}.output_usd_per_mtok"))?,
            );
            for (field, kind, usd) in special {
                if let Some(usd) = usd {
                    price = price.with(Rate {
                        kind,
                        tier: Tier::Standard,
                        above: 0,
                        picos: rate(usd, &format!("{place}.{field}"))?,
                    });
                }
            }
            price
        }
        _ => {
            let message = "either `same_as` alone, or `input_usd_per_mtok` and \
                           `output_usd_per_mtok` with what else differs, is needed";
            return Err(ConfigError::at(place, message));
        }
    };
    Ok(Listed {
        model: s.matches,
        provider: s.provider,
        price: Rc::new(price),
    })
}

/// Pico-dollars a token, of dollars a million tokens.
fn rate(Usd(usd): Usd, place: &str) -> Checked<u64> {
    let message = "is no whole number of pico-dollars a token: at most six decimals";
    usd.per_million_tokens()
        .ok_or_else(|| ConfigError::at(place, message))
}

fn budget(
    s: BudgetSettings,
    on_missing_identity: OnMissingIdentity,
    slots: u32,
    place: &str,
) -> Checked<Budget> {
    let at = |field: &str, message: &str| Err(ConfigError::at(format!("{place}.{field}"), message));
    label_value(&format!("{place}.name"), &s.name)?;
    let Usd(usd) = s.usd;
    if usd == PicoUsd::ZERO || usd > MAX_USD {
        return at("usd", "must be more than 0 and at most 10000000");
    }
    if !matches!(s.window.as_str(), "day" | "week" | "month" | "forever") {
        return at("window", "must be `day`, `week`, `month` or `forever`");
    }
    let picos = u64::try_from(usd.0).unwrap_or(u64::MAX);
    let offset = s.utc_offset.as_deref();
    let Windowed {
        window,
        spelt,
        words,
    } = Windowed::new(&s.window, offset, None, picos, place)?;
    let warn_below = match s.warn_at {
        None => None,
        Some(share) if (0.0..=1.0).contains(&share) => {
            // Thousandths are fine enough for a warning.
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            let permille = (share * 1000.0).round() as u128;
            Some(usd.0 * (1000 - permille.min(1000)) / 1000)
        }
        Some(_) => return at("warn_at", "must be between 0 and 1"),
    };
    Ok(Budget {
        table: Rc::new(Table::new(&format!("cost/{}/{spelt}", s.name), slots)),
        name: s.name,
        share: Share::new(
            s.matches,
            s.per,
            s.on_missing_identity.unwrap_or(on_missing_identity),
            s.shadow,
            place,
        )?,
        window,
        words,
        warn_below,
    })
}
