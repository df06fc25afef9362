//! Where a request goes: access, rules, catalogue. Pure: what it decides is done elsewhere.

use weir_intake::Refused;
use weir_llm_api::error::{Reason, Refusal};

use crate::access::Permission;
use crate::catalog::Model;
use crate::config::Config;
use crate::rules::{Candidate, NoFit, Rule, Subject, Target, Verdict, cheapest};

/// Where a request goes.
#[derive(Debug)]
pub(crate) struct Decision<'a> {
    /// The model of the catalogue; none for one that passes undeclared.
    pub(crate) model: Option<&'a Model>,
    pub(crate) provider: Option<&'a str>,
    pub(crate) route: Option<&'a str>,
    /// `allowed`, or `shadow_denied` when something in shadow would have refused.
    pub(crate) verdict: &'static str,
    /// What decided, or would have refused.
    pub(crate) rule: Option<String>,
}

/// A rule or access entry that applied, with what it did or would have done.
pub(crate) type Matched = (String, &'static str);

/// Decides. `matched` gets everything that applied, also when the request is refused.
pub(crate) fn decide<'a>(
    config: &'a Config,
    subject: &Subject<'a>,
    random: u64,
    matched: &mut Vec<Matched>,
) -> Result<Decision<'a>, Refused> {
    let mut shadow = permit(config, subject)?;
    if let Some(entry) = &shadow {
        matched.push((entry.clone(), "shadow_denied"));
    }
    let mut decided: Option<&Rule> = None;
    for rule in &config.rules {
        let denies = rule.denies();
        if !rule.matches.holds(subject, denies) {
            continue;
        }
        matched.push((
            rule.name.clone(),
            match (denies, rule.shadow) {
                (false, false) => "allowed",
                (true, false) => "denied",
                (false, true) => "shadow_allowed",
                (true, true) => "shadow_denied",
            },
        ));
        if !rule.shadow {
            decided = Some(rule);
            break;
        }
        if denies {
            shadow.get_or_insert_with(|| rule.name.clone());
        }
    }
    let target = match decided.map(|rule| (rule, &rule.verdict)) {
        None => None,
        Some((rule, Verdict::To(choice))) => choice.pick(&rule.name, subject, random),
        Some((rule, Verdict::Deny(message))) => {
            let message = message
                .clone()
                .unwrap_or_else(|| may_not_use(subject.asked));
            return Err(Refused {
                refusal: Refusal::new(Reason::PermissionDenied, message),
                verdict: "denied",
                rule: Some(rule.name.clone()),
                details: "weir_rule_denied",
                log: format!("rule `{}` denies this request", rule.name),
            });
        }
    };
    let model = chosen(config, target, subject)
        .map_err(|no_fit| unfit(&no_fit, decided.map(|rule| rule.name.clone())))?;
    let named = decided.is_some_and(|rule| !rule.matches.model.0.is_empty());
    if model.is_none() && !named && config.reject_unknown {
        return Err(Refused {
            refusal: Refusal::model_not_found(subject.asked).param("model"),
            verdict: "denied",
            rule: Some("unknown_models".to_owned()),
            details: "weir_model_not_found",
            log: "the model is neither declared nor named by the rule that decides".to_owned(),
        });
    }
    Ok(Decision {
        model,
        provider: target
            .and_then(|target| target.provider.as_deref())
            .or_else(|| model.and_then(|model| model.provider.as_deref())),
        route: target.and_then(|target| target.route.as_deref()),
        verdict: if shadow.is_some() {
            "shadow_denied"
        } else {
            "allowed"
        },
        rule: shadow.or_else(|| decided.map(|rule| rule.name.clone())),
    })
}

/// Whether the caller may ask for the model; the entry in shadow that would refuse.
fn permit(config: &Config, subject: &Subject<'_>) -> Result<Option<String>, Refused> {
    match config.access.check(subject.identity, &subject.names) {
        Permission::Granted { shadowed } => Ok(shadowed),
        Permission::Refused(entry) => Err(Refused {
            refusal: Refusal::new(Reason::PermissionDenied, may_not_use(subject.asked))
                .param("model"),
            verdict: "denied",
            log: format!("`{entry}` does not allow the caller this model"),
            rule: Some(entry),
            details: "weir_model_denied",
        }),
    }
}

/// The declared model a target means; `None` for one that is not in the catalogue.
fn chosen<'a>(
    config: &'a Config,
    target: Option<&Target>,
    subject: &Subject<'a>,
) -> Result<Option<&'a Model>, NoFit> {
    match target.map(|target| &target.candidate) {
        None | Some(Candidate::Asked) => Ok(subject.declared),
        Some(Candidate::Model(index)) => Ok(config.catalog.get(*index)),
        Some(Candidate::CheapestOf(candidates)) => {
            cheapest(&config.catalog, candidates, &subject.needs).map(Some)
        }
    }
}

fn unfit(no_fit: &NoFit, rule: Option<String>) -> Refused {
    let (refusal, log) = match no_fit {
        NoFit::Window(longest) => (
            Refusal::new(
                Reason::ContextLength,
                format!(
                    "The prompt and the answer asked for are longer than any model for this \
                     request accepts (at most {longest} tokens)."
                ),
            ),
            "no candidate of `cheapest_of` is long enough".to_owned(),
        ),
        NoFit::Abilities(missing) => {
            let missing = missing.join(", ");
            (
                Refusal::new(
                    Reason::InvalidRequest,
                    format!("No model for this request supports: {missing}."),
                ),
                format!("no candidate of `cheapest_of` supports {missing}"),
            )
        }
    };
    Refused {
        refusal,
        verdict: "denied",
        rule,
        details: "weir_no_model_fits",
        log,
    }
}

fn may_not_use(model: &str) -> String {
    format!("You are not allowed to use the model `{model}`.")
}
