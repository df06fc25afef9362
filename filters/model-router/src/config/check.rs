//! Settings as written → configuration as it runs. Whatever the types cannot say is checked
//! here, with the place of the error.

use std::collections::BTreeMap;

use weir_intake::{Intake, OnMissingIdentity};
use weir_policy::config::load;
use weir_policy::identity::header_name;
use weir_policy::{ConfigError, Policy, names};
use weir_prices::{Catalogue, Price};

use super::{
    AccessSettings, Config, HeaderNames, Headers, ModelSettings, PriceSettings, RuleSettings,
    Settings, StickySettings, ToSettings, TokenRange, UnknownModels,
};
use crate::ModelRouter;
use crate::access::Access;
use crate::catalog::{Abilities, Catalog, Model};
use crate::rules::{Candidate, Choice, Match, Rule, Sticky, Target, Verdict};

/// Headers that frame a message, name its host, or carry credentials.
const TAKEN: &[&str] = &[
    "accept-encoding",
    "api-key",
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "host",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-api-key",
    "x-goog-api-key",
];

type Checked<T> = Result<T, ConfigError>;

impl Config {
    pub(crate) fn load(json: &[u8]) -> Checked<Self> {
        Self::check(load::<Settings>(json)?)
    }

    fn check(s: Settings) -> Checked<Self> {
        if s.hold == Some(false) {
            return Err(ConfigError::at(
                "hold",
                "this filter sets headers that depend on the body and works only with `true`",
            ));
        }
        let intake = Intake::new(
            ModelRouter::NAME,
            s.apis,
            s.max_body_bytes,
            s.on_unreadable,
            s.identity,
        )?;
        let has_identity = intake.has_identity();
        if !has_identity && s.on_missing_identity != OnMissingIdentity::Reject {
            return Err(ConfigError::at(
                "on_missing_identity",
                "there are no `identity` sources",
            ));
        }
        let catalog = catalog(s.models)?;
        if let Some(name) = &s.default_model {
            declared(&catalog, "default_model", name)?;
        }
        let access = access(s.access, has_identity)?;
        let headers = headers(&s.headers)?;
        for (place, name) in intake.identity_headers() {
            trusted(name, &headers, &place)?;
        }
        let watching = s.rules.iter().flat_map(|rule| {
            let sticky = match &rule.sticky {
                Some(StickySettings::Header(name)) => Some(name),
                _ => None,
            };
            rule.matches.headers.keys().chain(sticky)
        });
        let mut watched_headers: Vec<_> = watching.map(|n| n.to_ascii_lowercase()).collect();
        watched_headers.sort();
        watched_headers.dedup();
        for name in &watched_headers {
            trusted(name, &headers, "rules")?;
        }
        let mut rules: Vec<Rule> = Vec::with_capacity(s.rules.len());
        for (i, settings) in s.rules.into_iter().enumerate() {
            let place = format!("rules[{i}]");
            if rules.iter().any(|rule| rule.name == settings.name) {
                let message = format!("`{}` is the name of an earlier rule", settings.name);
                return Err(ConfigError::at(format!("{place}.name"), message));
            }
            if let Some(earlier) = rules
                .iter()
                .position(|rule| !rule.shadow && rule.matches.is_empty())
            {
                let message = format!("never reached: `rules[{earlier}]` is for every request");
                return Err(ConfigError::at(place, message));
            }
            rules.push(rule(settings, &catalog, &place, has_identity)?);
        }
        Ok(Self {
            intake,
            headers,
            on_missing_identity: s.on_missing_identity,
            reject_unknown: match s.unknown_models {
                Some(setting) => setting == UnknownModels::Reject,
                None => !catalog.is_empty(),
            },
            default_model: s.default_model,
            list_models: s.list_models.unwrap_or(!catalog.is_empty()),
            access,
            rules,
            restore_model: s.restore_model,
            watched_headers,
            catalog,
        })
    }
}

fn headers(names: &HeaderNames) -> Checked<Headers> {
    let name = |field: &str, given: &Option<String>, default: &str| match given {
        None => Ok(default.to_owned()),
        Some(name) => {
            let place = format!("headers.{field}");
            let name = header_name(name).map_err(|e| ConfigError::at(&place, e))?;
            if TAKEN.contains(&name.as_str()) {
                let message = format!("`{name}` has a meaning of its own");
                return Err(ConfigError::at(place, message));
            }
            Ok(name)
        }
    };
    let headers = Headers {
        model: name("model", &names.model, names::header::MODEL)?,
        provider: name("provider", &names.provider, names::header::PROVIDER)?,
        api: name("api", &names.api, names::header::API)?,
        route: name("route", &names.route, names::header::ROUTE)?,
    };
    let mut all = headers.all();
    all.sort_unstable();
    if all.windows(2).any(|pair| pair.first() == pair.last()) {
        return Err(ConfigError::at("headers", "two of the names are the same"));
    }
    Ok(headers)
}

fn catalog(models: BTreeMap<String, ModelSettings>) -> Checked<Catalog> {
    let mut catalog = Catalog::default();
    let names: Vec<String> = models.keys().cloned().collect();
    let listed = Catalogue::builtin();
    for (name, settings) in models {
        let place = format!("models.{name}");
        header_value(&place, &name)?;
        for (field, value) in [
            ("provider", &settings.provider),
            ("upstream_model", &settings.upstream_model),
        ] {
            if let Some(value) = value {
                header_value(&format!("{place}.{field}"), value)?;
            }
        }
        let upstream = settings.upstream_model.unwrap_or_else(|| name.clone());
        let price = match settings.price {
            Some(settings) => Some(price(settings, &place)?),
            None => listed
                .find(settings.provider.as_deref(), &upstream)
                .map(|found| found.price),
        };
        if settings.context_window == Some(0) || settings.max_output_tokens == Some(0) {
            return Err(ConfigError::at(place, "a window of 0 tokens fits nothing"));
        }
        for (i, alias) in settings.aliases.iter().enumerate() {
            let place = format!("{place}.aliases[{i}]");
            if names.iter().any(|name| name == alias.as_str()) {
                let message = format!("`{}` is the name of a model", alias.as_str());
                return Err(ConfigError::at(place, message));
            }
            if let Some(other) = catalog.alias_owner(alias) {
                let message = format!("`{}` is an alias of `{other}` already", alias.as_str());
                return Err(ConfigError::at(place, message));
            }
        }
        catalog.add(
            Model {
                upstream,
                name,
                provider: settings.provider,
                context_window: settings.context_window,
                max_output_tokens: settings.max_output_tokens,
                abilities: settings
                    .abilities
                    .map_or(Abilities::ALL, |a| Abilities::of(&a)),
                price,
            },
            settings.aliases,
        );
    }
    Ok(catalog)
}

fn price(settings: PriceSettings, place: &str) -> Checked<Price> {
    let picos = |field: &str, usd: f64| {
        // A dollar for a million tokens is a million pico-dollars for one.
        let picos = (usd * 1e6).round();
        if !(0.0..=1e12).contains(&picos) || (picos - usd * 1e6).abs() > 1e-3 {
            let message = "a price is between 0 and 1000000, to six decimals";
            return Err(ConfigError::at(format!("{place}.price.{field}"), message));
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        Ok(picos as u64)
    };
    Ok(Price::new(
        picos("input_usd_per_mtok", settings.input_usd_per_mtok)?,
        picos("output_usd_per_mtok", settings.output_usd_per_mtok)?,
    ))
}

/// Headers that are removed from every request cannot say anything about it.
fn trusted(name: &str, headers: &Headers, place: &str) -> Checked<()> {
    if name.starts_with(names::header::PREFIX) || headers.all().contains(&name) {
        let message = format!("`{name}` is removed from every request before it is looked at");
        return Err(ConfigError::at(place, message));
    }
    Ok(())
}

fn access(entries: Vec<AccessSettings>, has_identity: bool) -> Checked<Access> {
    let named = entries
        .iter()
        .position(|entry| !entry.identity.0.is_empty());
    if let Some(named) = named.filter(|_| !has_identity) {
        let message = "there are no `identity` sources";
        return Err(ConfigError::at(
            format!("access[{named}].identity"),
            message,
        ));
    }
    let everybody = entries
        .iter()
        .position(|e| e.identity.0.is_empty() && !e.shadow);
    if let Some(all) = everybody
        && all + 1 < entries.len()
    {
        let message = format!("never reached: `access[{all}]` is for everybody");
        return Err(ConfigError::at(format!("access[{}]", all + 1), message));
    }
    Ok(Access::new(entries))
}

fn rule(s: RuleSettings, catalog: &Catalog, place: &str, has_identity: bool) -> Checked<Rule> {
    header_value(&format!("{place}.name"), &s.name)?;
    let mut headers = Vec::new();
    for (name, glob) in s.matches.headers {
        let name =
            header_name(&name).map_err(|e| ConfigError::at(format!("{place}.match.headers"), e))?;
        headers.push((name, glob));
    }
    if let Some(TokenRange {
        min,
        max: Some(max),
    }) = s.matches.prompt_tokens
        && min > max
    {
        let message = format!("`min` {min} is more than `max` {max}");
        return Err(ConfigError::at(
            format!("{place}.match.prompt_tokens"),
            message,
        ));
    }
    if !s.matches.identity.0.is_empty() && !has_identity {
        let message = "there are no `identity` sources";
        return Err(ConfigError::at(format!("{place}.match.identity"), message));
    }
    let sticky = match s.sticky {
        None => None,
        Some(StickySettings::Identity) if !has_identity => {
            let message = "there are no `identity` sources";
            return Err(ConfigError::at(format!("{place}.sticky"), message));
        }
        Some(StickySettings::Identity) => Some(Sticky::Identity),
        Some(StickySettings::Header(name)) => {
            Some(Sticky::Header(header_name(&name).map_err(|e| {
                ConfigError::at(format!("{place}.sticky"), e)
            })?))
        }
    };
    let verdict = match (s.to, s.deny) {
        (Some(to), None) => Verdict::To(choice(to, sticky, catalog, place)?),
        (None, Some(deny)) if sticky.is_none() => Verdict::Deny(deny.message),
        (None, Some(_)) => {
            let message = "there is nothing to choose where `deny` stands";
            return Err(ConfigError::at(format!("{place}.sticky"), message));
        }
        _ => {
            return Err(ConfigError::at(
                place,
                "exactly one of `to` and `deny` is needed",
            ));
        }
    };
    Ok(Rule {
        name: s.name,
        matches: Match {
            model: s.matches.model,
            identity: s.matches.identity,
            api: s.matches.api,
            stream: s.matches.stream,
            tools: s.matches.tools,
            images: s.matches.images,
            prompt_tokens: s.matches.prompt_tokens,
            headers,
        },
        verdict,
        shadow: s.shadow,
    })
}

fn choice(
    ToSettings(targets, listed): ToSettings,
    sticky: Option<Sticky>,
    catalog: &Catalog,
    place: &str,
) -> Checked<Choice> {
    if targets.is_empty() {
        return Err(ConfigError::at(format!("{place}.to"), "there is no target"));
    }
    if sticky.is_some() && !listed {
        let message = "there is nothing to choose with a single target";
        return Err(ConfigError::at(format!("{place}.sticky"), message));
    }
    let mut weighted = Vec::new();
    for (i, settings) in targets.into_iter().enumerate() {
        let place = if listed {
            format!("{place}.to[{i}]")
        } else {
            format!("{place}.to")
        };
        let weight = match (settings.weight, listed) {
            (Some(0), _) => {
                return Err(ConfigError::at(
                    format!("{place}.weight"),
                    "a target of weight 0 is never taken; leave it out",
                ));
            }
            (Some(_), false) => {
                return Err(ConfigError::at(
                    format!("{place}.weight"),
                    "a single target has no weight",
                ));
            }
            (None, true) => {
                return Err(ConfigError::at(
                    place,
                    "a target in a list needs a `weight`",
                ));
            }
            (weight, _) => weight.unwrap_or(1),
        };
        for (field, value) in [("provider", &settings.provider), ("route", &settings.route)] {
            if let Some(value) = value {
                header_value(&format!("{place}.{field}"), value)?;
            }
        }
        let candidate = match (settings.model, settings.cheapest_of) {
            (Some(_), Some(_)) => {
                return Err(ConfigError::at(
                    place,
                    "`model` and `cheapest_of` exclude each other",
                ));
            }
            (None, None) => Candidate::Asked,
            (Some(name), None) => {
                Candidate::Model(declared(catalog, &format!("{place}.model"), &name)?)
            }
            (None, Some(names)) => {
                let mut candidates = Vec::new();
                for (i, name) in names.iter().enumerate() {
                    let place = format!("{place}.cheapest_of[{i}]");
                    let model = declared(catalog, &place, name)?;
                    if let Some(model) = catalog.get(model)
                        && model.price.is_none()
                    {
                        return Err(ConfigError::at(place, unpriced(model)));
                    }
                    candidates.push(model);
                }
                if candidates.is_empty() {
                    return Err(ConfigError::at(
                        format!("{place}.cheapest_of"),
                        "there is no model",
                    ));
                }
                Candidate::CheapestOf(candidates)
            }
        };
        let target = Target {
            candidate,
            provider: settings.provider,
            route: settings.route,
        };
        weighted.push((weight, target));
    }
    Ok(Choice::new(weighted, sticky))
}

fn unpriced(model: &Model) -> String {
    let (name, upstream) = (&model.name, &model.upstream);
    let at = model.provider.as_ref();
    let at = at.map_or_else(String::new, |provider| format!(" of `{provider}`"));
    format!("`{name}` has no `price`, and the price table has none for `{upstream}`{at}")
}

/// The index of a model that must be in the catalogue under this very name.
fn declared(catalog: &Catalog, place: &str, name: &str) -> Checked<usize> {
    catalog
        .named(name)
        .ok_or_else(|| ConfigError::at(place, format!("`{name}` is not in `models`")))
}

/// What is sent as a header value or a metric label must be able to stand there.
fn header_value(place: &str, value: &str) -> Checked<()> {
    if value.is_empty() || value.len() > 256 || value.chars().any(char::is_control) {
        let message = "must be 1 to 256 bytes without control characters";
        return Err(ConfigError::at(place, message));
    }
    Ok(())
}
