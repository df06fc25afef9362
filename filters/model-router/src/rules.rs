//! Rules: which requests they are for, and where these go.

use weir_llm_api::Api;
use weir_policy::config::OneOrMany;
use weir_policy::{Glob, Headers, Owner};
use weir_prices::{PicoUsd, Tier, Tokens};

use crate::catalog::{Abilities, Catalog, Model, Names};
use crate::config::TokenRange;

/// A rule as it runs.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) name: String,
    pub(crate) matches: Match,
    pub(crate) verdict: Verdict,
    pub(crate) shadow: bool,
}

impl Rule {
    pub(crate) fn denies(&self) -> bool {
        matches!(self.verdict, Verdict::Deny(_))
    }
}

/// What a rule does.
#[derive(Debug)]
pub(crate) enum Verdict {
    To(Choice),
    /// Refuse, with a text for the caller.
    Deny(Option<String>),
}

/// Conditions; empty lists and `None` hold for everything.
#[derive(Debug)]
pub(crate) struct Match {
    pub(crate) model: OneOrMany<Glob>,
    pub(crate) identity: OneOrMany<Glob>,
    pub(crate) api: OneOrMany<Api>,
    pub(crate) stream: Option<bool>,
    pub(crate) tools: Option<bool>,
    pub(crate) images: Option<bool>,
    pub(crate) prompt_tokens: Option<TokenRange>,
    pub(crate) headers: Vec<(String, Glob)>,
}

/// What rules look at.
#[derive(Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) api: Api,
    pub(crate) asked: &'a str,
    /// The model of the catalogue that `asked` means.
    pub(crate) declared: Option<&'a Model>,
    pub(crate) names: Names<'a>,
    pub(crate) identity: Option<&'a str>,
    pub(crate) headers: &'a Headers,
    pub(crate) needs: Needs,
}

/// What a request needs of a model.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Needs {
    pub(crate) stream: bool,
    pub(crate) tools: bool,
    pub(crate) images: bool,
    pub(crate) audio: bool,
    pub(crate) prompt_tokens: u64,
    /// Most output tokens asked for.
    pub(crate) output_cap: Option<u64>,
}

impl Match {
    /// Whether there is no condition at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.model.0.is_empty()
            && self.identity.0.is_empty()
            && self.api.0.is_empty()
            && self.stream.is_none()
            && self.tools.is_none()
            && self.images.is_none()
            && self.prompt_tokens.is_none()
            && self.headers.is_empty()
    }

    /// Whether the conditions hold; `forbids`: so that the rule may forbid something, for which
    /// more names of the model count.
    pub(crate) fn holds(&self, subject: &Subject<'_>, forbids: bool) -> bool {
        let names = if forbids {
            &subject.names.all
        } else {
            &subject.names.written
        };
        let any = |globs: &[Glob], names: &[&str]| {
            globs.is_empty()
                || names
                    .iter()
                    .any(|name| globs.iter().any(|glob| glob.matches(name)))
        };
        let is = |wanted: Option<bool>, found: bool| wanted.is_none_or(|w| w == found);
        let needs = &subject.needs;
        is(self.stream, needs.stream)
            && is(self.tools, needs.tools)
            && is(self.images, needs.images)
            && (self.api.0.is_empty() || self.api.0.contains(&subject.api))
            && self.prompt_tokens.is_none_or(|range| {
                (range.min..=range.max.unwrap_or(u64::MAX)).contains(&needs.prompt_tokens)
            })
            && any(&self.model.0, names)
            && any(&self.identity.0, subject.identity.as_slice())
            && self.headers.iter().all(|(name, glob)| {
                subject
                    .headers
                    .all(name)
                    .any(|v| std::str::from_utf8(v).is_ok_and(|v| glob.matches(v)))
            })
    }
}

/// One target, or several by weight.
#[derive(Debug)]
pub(crate) struct Choice {
    targets: Vec<(u32, Target)>,
    total: u64,
    sticky: Option<Sticky>,
}

/// What a weighted choice sticks to.
#[derive(Debug)]
pub(crate) enum Sticky {
    Identity,
    Header(String),
}

/// Where a request goes.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) candidate: Candidate,
    pub(crate) provider: Option<String>,
    pub(crate) route: Option<String>,
}

/// Which model it goes to.
#[derive(Debug)]
pub(crate) enum Candidate {
    /// The one asked for.
    Asked,
    /// This one of the catalogue.
    Model(usize),
    /// The cheapest of these that fits.
    CheapestOf(Vec<usize>),
}

impl Choice {
    pub(crate) fn new(targets: Vec<(u32, Target)>, sticky: Option<Sticky>) -> Self {
        let total = targets.iter().map(|(weight, _)| u64::from(*weight)).sum();
        Self {
            targets,
            total,
            sticky,
        }
    }

    /// Picks a target. Without something to stick to, `random` decides.
    pub(crate) fn pick(&self, rule: &str, subject: &Subject<'_>, random: u64) -> Option<&Target> {
        let key = match &self.sticky {
            None => None,
            Some(Sticky::Identity) => subject.identity.map(|i| i.as_bytes().to_vec()),
            Some(Sticky::Header(name)) => subject.headers.get(name).map(<[u8]>::to_vec),
        };
        // The rule's name is hashed too, so that two experiments do not pick the same callers.
        let number = key.map_or(random, |key| {
            Owner::of_bytes([rule.as_bytes(), &key]).number()
        });
        let mut at = number % self.total.max(1);
        for (weight, target) in &self.targets {
            let weight = u64::from(*weight);
            if at < weight {
                return Some(target);
            }
            at -= weight;
        }
        None
    }
}

/// Why none of several models fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NoFit {
    /// The longest window, in tokens.
    Window(u64),
    /// What no model that is long enough can do.
    Abilities(Vec<&'static str>),
}

/// Output tokens assumed of a request that sets no cap, for comparing prices.
const EXPECTED_OUTPUT: u64 = 1000;

/// The cheapest of `candidates` that fits; the first of equals.
pub(crate) fn cheapest<'a>(
    catalog: &'a Catalog,
    candidates: &[usize],
    needs: &Needs,
) -> Result<&'a Model, NoFit> {
    let output = needs.output_cap.unwrap_or(0);
    let wanted = needs.abilities();
    let models = || candidates.iter().filter_map(|&i| catalog.get(i));
    let fits = |model: &Model| {
        let window = model.context_window.unwrap_or(u64::MAX);
        needs.prompt_tokens.saturating_add(output) <= window
            && model.max_output_tokens.is_none_or(|max| output <= max)
    };
    let tokens = Tokens {
        input: needs.prompt_tokens,
        output: needs.output_cap.unwrap_or(EXPECTED_OUTPUT),
        ..Tokens::default()
    };
    let cost = |model: &Model| {
        let price = model.price.as_ref();
        price.map_or(PicoUsd(u128::MAX), |p| p.cost(&tokens, Tier::Standard))
    };
    let able = |model: &&Model| wanted.without(model.abilities).is_empty();
    models()
        .filter(|model| fits(model))
        .filter(able)
        .min_by_key(|model| cost(model))
        .ok_or_else(|| {
            let mut long_enough = models().filter(|model| fits(model)).peekable();
            if long_enough.peek().is_none() {
                let longest = models().filter_map(|m| m.context_window).max();
                return NoFit::Window(longest.unwrap_or(0));
            }
            let missing = long_enough
                .map(|model| wanted.without(model.abilities))
                .next();
            NoFit::Abilities(missing.unwrap_or_default().names())
        })
}

impl Needs {
    fn abilities(&self) -> Abilities {
        use crate::config::Ability::{Audio, Images, Stream, Tools};
        let wanted = [
            (self.stream, Stream),
            (self.tools, Tools),
            (self.images, Images),
            (self.audio, Audio),
        ];
        let wanted: Vec<_> = wanted.iter().filter(|(w, _)| *w).map(|(_, a)| *a).collect();
        Abilities::of(&wanted)
    }
}
