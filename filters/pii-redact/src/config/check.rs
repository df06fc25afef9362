//! Settings as written → configuration as it runs. Whatever the types cannot say is checked
//! here, with the place of the error.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::rc::Rc;

use weir_intake::{Intake, Match, MatchSettings, path_glob};
use weir_pii::{
    Allow, Confidence, Custom, Group, HashKey, Kind, Mark, Naming, Restore, Scanner, Terms,
    Validator, detectors,
};
use weir_policy::config::load;
use weir_policy::{ConfigError, Policy};

use super::{
    Action, AllowSettings, ConfidenceSettings, Config, CustomSettings, ResponseAction,
    ResponseSettings, RestoreSettings, Settings, TermsSettings, TreatmentSettings,
    ValidatorSettings,
};
use crate::PiiRedact;
use crate::leak::Leaks;
use crate::rule::{Rule, Treatment};

/// The name of what is for every request that has no rule.
const DEFAULT_RULE: &str = "default";
const MIN_KEY: usize = 16;

type Checked<T> = Result<T, ConfigError>;
/// What happens to the values of each type there is.
type Treatments = BTreeMap<String, TreatmentSettings>;

impl Config {
    pub(crate) fn load(json: &[u8]) -> Checked<Self> {
        Self::check(load::<Settings>(json)?)
    }

    fn check(s: Settings) -> Checked<Self> {
        let intake = Intake::new(
            PiiRedact::NAME,
            s.apis,
            s.max_body_bytes,
            s.on_unreadable,
            s.identity,
        )?;
        let mut all_strings = Vec::with_capacity(s.all_strings.len());
        for (i, path) in s.all_strings.iter().enumerate() {
            all_strings.push(path_glob(path, &format!("all_strings[{i}]"))?);
        }
        let mut make = RuleMaker::new(s.custom, s.terms, s.allow, s.min_confidence, s.hash_key)?;
        let mut usual = make.usual();
        make.apply(s.types, &mut usual, "types")?;
        let mut rules: Vec<Rule> = Vec::with_capacity(s.rules.len() + 1);
        for (i, settings) in s.rules.into_iter().enumerate() {
            let place = format!("rules[{i}]");
            label_value(&format!("{place}.name"), &settings.name)?;
            let taken = rules.iter().any(|rule| rule.name == settings.name);
            if taken || settings.name == DEFAULT_RULE {
                let message = format!("`{}` is the name of another rule", settings.name);
                return Err(ConfigError::at(format!("{place}.name"), message));
            }
            let mut treatments = usual.clone();
            make.apply(settings.types, &mut treatments, &format!("{place}.types"))?;
            let matches = Match::new(settings.matches, &place)?;
            let shadow = settings.shadow.unwrap_or(s.shadow);
            let response = settings.response.as_ref().or(s.response.as_ref());
            let own = settings.response.is_some().then_some(place.as_str());
            let leaks = make.leaks(response, own.unwrap_or_default())?;
            rules.push(make.rule(settings.name, matches, shadow, &treatments, leaks)?);
        }
        let everything = Match::new(MatchSettings::default(), "")?;
        let leaks = make.leaks(s.response.as_ref(), "")?;
        rules.push(make.rule(DEFAULT_RULE.to_owned(), everything, s.shadow, &usual, leaks)?);
        let headers = rules.iter().flat_map(|rule| rule.matches.headers());
        let watched: BTreeSet<String> = headers.map(str::to_owned).collect();
        Ok(Self {
            hold: s.hold,
            intake,
            all_strings,
            rules,
            watched_headers: watched.into_iter().collect(),
        })
    }
}

/// Makes rules; those that look for the same share a scanner.
struct RuleMaker {
    /// The group of each type, none for the operator's own.
    groups: BTreeMap<String, Option<Group>>,
    key: Option<HashKey>,
    custom: Vec<Custom>,
    terms: Vec<Terms>,
    allow: Vec<Allow>,
    min_confidence: Confidence,
    scanners: Vec<(BTreeSet<String>, Rc<Scanner>)>,
}

impl RuleMaker {
    fn new(
        custom: Vec<CustomSettings>,
        terms: Vec<TermsSettings>,
        allow: Vec<AllowSettings>,
        min_confidence: ConfidenceSettings,
        key: Option<String>,
    ) -> Checked<Self> {
        let key = match key {
            Some(key) if key.len() < MIN_KEY => {
                let message = format!("must have at least {MIN_KEY} characters");
                return Err(ConfigError::at("hash_key", message));
            }
            key => key.map(|key| HashKey::new(key.as_bytes())),
        };
        let known = detectors().map(|row| (row.name.to_owned(), Some(row.group)));
        let mut make = Self {
            groups: known.collect(),
            key,
            custom: Vec::new(),
            terms: Vec::new(),
            allow: Vec::new(),
            min_confidence: match min_confidence {
                ConfidenceSettings::Possible => Confidence::Possible,
                ConfidenceSettings::Likely => Confidence::Likely,
                ConfidenceSettings::Certain => Confidence::Certain,
            },
            scanners: Vec::new(),
        };
        for (i, settings) in custom.into_iter().enumerate() {
            let kind = make.own_kind(&settings.kind, &format!("custom[{i}].type"))?;
            make.custom.push(Custom {
                kind,
                pattern: settings.pattern,
                validator: settings.validator.map(|validator| match validator {
                    ValidatorSettings::Luhn => Validator::Luhn,
                    ValidatorSettings::Mod97 => Validator::Mod97,
                    ValidatorSettings::Mod11_10 => Validator::Mod11_10,
                    ValidatorSettings::Verhoeff => Validator::Verhoeff,
                }),
                context: settings.context,
            });
            make.try_out("custom", i)?;
        }
        for (i, settings) in terms.into_iter().enumerate() {
            let kind = make.own_kind(&settings.kind, &format!("terms[{i}].type"))?;
            make.terms.push(Terms {
                kind,
                terms: settings.terms,
            });
        }
        for (i, settings) in allow.into_iter().enumerate() {
            let place = format!("allow[{i}]");
            match settings {
                AllowSettings::Exact(all) => make.allow.extend(all.0.into_iter().map(Allow::Exact)),
                AllowSettings::Domain(all) => {
                    make.allow.extend(all.0.into_iter().map(Allow::Domain));
                }
                AllowSettings::Cidr(all) => {
                    for text in all.0 {
                        let Some((address, bits)) = network(&text) else {
                            let message = format!("`{text}` is no network like `10.0.0.0/8`");
                            return Err(ConfigError::at(format!("{place}.cidr"), message));
                        };
                        make.allow.push(Allow::Network(address, bits));
                    }
                }
                AllowSettings::Pattern(all) => {
                    make.allow.extend(all.0.into_iter().map(Allow::Pattern));
                }
            }
            make.try_out("allow", i)?;
        }
        Ok(make)
    }

    /// A type of the operator's own, which must not be one of the table. Several patterns may
    /// find one type.
    fn own_kind(&mut self, name: &str, place: &str) -> Checked<Kind> {
        if matches!(self.groups.get(name), Some(Some(_))) {
            let message = format!("`{name}` is a type of the table");
            return Err(ConfigError::at(place, message));
        }
        let kind = Kind::custom(name).map_err(|e| ConfigError::at(place, e.to_string()))?;
        self.mark(name, Naming::Numbered, Restore::Always, place)?;
        self.groups.insert(name.to_owned(), None);
        Ok(kind)
    }

    /// Whether what has been gathered so far can run, so that an error has its place.
    fn try_out(&self, list: &str, at: usize) -> Checked<()> {
        let settings = weir_pii::Settings {
            kinds: BTreeSet::new(),
            custom: self.custom.clone(),
            terms: Vec::new(),
            allow: self.allow.clone(),
            min_confidence: self.min_confidence,
        };
        Scanner::new(&settings)
            .map(drop)
            .map_err(|e| ConfigError::at(format!("{list}[{at}]"), e.to_string()))
    }

    /// What happens to each type when nobody says otherwise.
    fn usual(&self) -> Treatments {
        let off: BTreeSet<&str> = detectors()
            .filter(|row| !row.default_on)
            .map(|row| row.name)
            .collect();
        let treated = |name: &String| {
            let action = match off.contains(name.as_str()) {
                true => Action::Off,
                false => Action::Mask,
            };
            let restore = None;
            (name.clone(), TreatmentSettings { action, restore })
        };
        self.groups.keys().map(treated).collect()
    }

    /// Puts what is written over what there is: `all`, then groups, then types.
    fn apply(
        &self,
        written: BTreeMap<String, TreatmentSettings>,
        treatments: &mut Treatments,
        place: &str,
    ) -> Checked<()> {
        let (mut all, mut of_groups, mut of_types) = (Vec::new(), Vec::new(), Vec::new());
        for (name, treatment) in written {
            let place = format!("{place}.{name}");
            let keeps = matches!(
                treatment.action,
                Action::Block | Action::Report | Action::Off
            );
            if keeps && treatment.restore.is_some() {
                let message = "goes with `mask`, `hash` and `partial`";
                return Err(ConfigError::at(format!("{place}.restore"), message));
            }
            if treatment.action == Action::Hash && self.key.is_none() {
                return Err(ConfigError::at(place, "`hash` needs a `hash_key`"));
            }
            match (name.as_str(), group(&name)) {
                ("all", _) => all.push((None, treatment)),
                (_, Some(group)) => of_groups.push((Some(group), treatment)),
                _ => match self.groups.contains_key(&name) {
                    true => of_types.push((name, treatment)),
                    false => {
                        let message = "is neither a type nor a group of types";
                        return Err(ConfigError::at(place, message));
                    }
                },
            }
        }
        for (wanted, treatment) in all.into_iter().chain(of_groups) {
            for (name, group) in &self.groups {
                if wanted.is_none() || *group == wanted {
                    treatments.insert(name.clone(), treatment);
                }
            }
        }
        treatments.extend(of_types);
        Ok(())
    }

    /// The types that are looked for in answers.
    fn leaks(
        &self,
        written: Option<&ResponseSettings>,
        place: &str,
    ) -> Checked<Option<(BTreeSet<String>, ResponseAction)>> {
        let Some(written) = written else {
            return Ok(None);
        };
        let mut types = BTreeSet::new();
        for (at, name) in written.types.iter().enumerate() {
            let wanted = group(name);
            let known = self.groups.iter().filter(|(kind, group)| {
                name == "all" || name == *kind || (wanted.is_some() && **group == wanted)
            });
            let before = types.len();
            types.extend(known.map(|(kind, _)| kind.clone()));
            if types.len() == before && !types.contains(name) && wanted.is_none() {
                let dot = if place.is_empty() { "" } else { "." };
                let message = format!("`{name}` is neither a type nor a group of types");
                let place = format!("{place}{dot}response.types[{at}]");
                return Err(ConfigError::at(place, message));
            }
        }
        Ok(Some((types, written.action)))
    }

    fn rule(
        &mut self,
        name: String,
        matches: Match,
        shadow: bool,
        treatments: &Treatments,
        leaks: Option<(BTreeSet<String>, ResponseAction)>,
    ) -> Checked<Rule> {
        let mut treated = HashMap::new();
        for (kind, settings) in treatments {
            if settings.action == Action::Off {
                continue;
            }
            let naming = match (settings.action, &self.key) {
                (Action::Hash, Some(key)) => Naming::Hashed(key.clone()),
                (Action::Partial, _) => Naming::LastFour,
                _ => Naming::Numbered,
            };
            let restore = match settings.restore.unwrap_or_default() {
                RestoreSettings::Always => Restore::Always,
                RestoreSettings::ContentOnly => Restore::ContentOnly,
                RestoreSettings::Never => Restore::Never,
            };
            let treatment = Treatment {
                action: settings.action,
                mark: self.mark(kind, naming, restore, "types")?,
            };
            treated.insert(kind.clone(), treatment);
        }
        let mut wanted: BTreeSet<String> = treated.keys().cloned().collect();
        let leaks = match leaks {
            Some((types, action)) => {
                // What the request brings itself is known when it is found there.
                wanted.extend(types.iter().cloned());
                let scanner = self.scanner(types)?;
                scanner.map(|scanner| Rc::new(Leaks { scanner, action }))
            }
            None => None,
        };
        Ok(Rule {
            name,
            matches,
            shadow,
            leaks,
            scanner: self.scanner(wanted)?,
            treatments: treated,
        })
    }

    fn mark(&self, name: &str, naming: Naming, restore: Restore, place: &str) -> Checked<Mark> {
        Mark::new(name, naming, restore).map_err(|e| ConfigError::at(place, e.to_string()))
    }

    /// What looks for these types; none when there are none.
    fn scanner(&mut self, wanted: BTreeSet<String>) -> Checked<Option<Rc<Scanner>>> {
        if wanted.is_empty() {
            return Ok(None);
        }
        if let Some((_, scanner)) = self.scanners.iter().find(|(known, _)| *known == wanted) {
            return Ok(Some(Rc::clone(scanner)));
        }
        let is_wanted = |kind: &Kind| wanted.contains(kind.name());
        let settings = weir_pii::Settings {
            kinds: wanted.iter().filter_map(|name| Kind::named(name)).collect(),
            custom: self
                .custom
                .iter()
                .filter(|c| is_wanted(&c.kind))
                .cloned()
                .collect(),
            terms: self
                .terms
                .iter()
                .filter(|t| is_wanted(&t.kind))
                .cloned()
                .collect(),
            allow: self.allow.clone(),
            min_confidence: self.min_confidence,
        };
        let scanner =
            Scanner::new(&settings).map_err(|e| ConfigError::at("terms", e.to_string()))?;
        let scanner = Rc::new(scanner);
        self.scanners.push((wanted, Rc::clone(&scanner)));
        Ok(Some(scanner))
    }
}

/// The group that settings call by this name.
fn group(name: &str) -> Option<Group> {
    match name {
        "personal" => Some(Group::Personal),
        "national_ids" => Some(Group::National),
        "context" => Some(Group::Contextual),
        "secrets" => Some(Group::Secret),
        "names" => Some(Group::Name),
        _ => None,
    }
}

fn network(text: &str) -> Option<(IpAddr, u8)> {
    let (address, bits) = text.split_once('/')?;
    Some((address.parse().ok()?, bits.parse().ok()?))
}

/// What becomes a metric label and a fact must be able to stand there.
fn label_value(place: &str, value: &str) -> Checked<()> {
    if value.is_empty() || value.len() > 128 || value.chars().any(char::is_control) {
        let message = "must be 1 to 128 bytes without control characters";
        return Err(ConfigError::at(place, message));
    }
    Ok(())
}
