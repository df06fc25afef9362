//! Letting a request through: what it may cost, which budgets are for it, whether it fits.

use std::rc::Rc;

use weir_global::Key;
use weir_intake::{Refused, invalid};
use weir_llm_api::error::{Reason, Refusal};
use weir_llm_api::limits::retry_headers;
use weir_llm_api::{Call, splice};
use weir_metering::{
    AnswerCounter, Asked, Held, Known, Limited, Note, Reading, Shared, Subject, reserve,
};
use weir_policy::names::{OTHER, fact, metric, response_header};
use weir_policy::{BodyAnswer, Cx, GrpcStatus, Level, Policy, Reply};
use weir_prices::{PicoUsd, Price};

use crate::budget::Budget;
use crate::config::{OnStoreFailure, OnUnpriced};
use crate::priced::{cost, highest};
use crate::{Cost, Costing};

/// A request that has been let through, until it is settled.
#[derive(Debug)]
pub(crate) struct Admitted {
    pub(crate) known: Known,
    pub(crate) price: Option<Rc<Price>>,
    /// The most it can cost.
    pub(crate) most: PicoUsd,
    /// For metrics.
    pub(crate) provider: String,
    /// What is held of budgets that stand together; each in shadow stands alone.
    pub(crate) held: Vec<Held<Rc<Budget>>>,
    /// The budget with the least left of those that warn, and what is left of it.
    warning: Option<(String, PicoUsd)>,
    pub(crate) reading: Reading,
    /// The budgets that are shared with other Envoys.
    pub(crate) shared: Shared<Rc<Budget>>,
}

impl Admitted {
    /// Tells the caller that little is left, in the headers of the answer.
    pub(crate) fn tell_warning(&self, cx: &mut Cx<'_>) {
        if let Some((name, left)) = &self.warning {
            let set = response_header::BUDGET_WARNING;
            cx.effects.set_response_header(set, name.as_str());
            let set = response_header::BUDGET_REMAINING;
            cx.effects.set_response_header(set, left.to_string());
        }
    }
}

impl Costing {
    /// Prices a request and lets it through if it can be read and fits.
    pub(crate) fn judge(&mut self, cx: &mut Cx<'_>, call: &Call, body: &[u8]) -> BodyAnswer {
        let mut asked = match Asked::read(cx, &self.config.models, call, body) {
            Ok(asked) => asked,
            Err(fault) => {
                return self.unreadable(cx, call.api, invalid(&fault), "weir_unreadable_body");
            }
        };
        if !self.config.include_usage {
            asked.usage_edit = None;
        }
        cx.effects.fact(fact::STREAM, asked.stream.to_string());
        match (self.admit(cx, call, &asked, body), asked.usage_edit) {
            (Err(reply), _) => BodyAnswer::Reply(reply),
            (Ok(()), Some(edit)) => BodyAnswer::Replace(splice(body, &[edit])),
            (Ok(()), None) => BodyAnswer::Pass,
        }
    }

    /// Lets a request through that could not be read, if its kind of requests still may.
    pub(crate) fn pass_unread(&mut self, cx: &mut Cx<'_>) -> BodyAnswer {
        let Some(call) = self.call.clone() else {
            return BodyAnswer::Pass;
        };
        let asked = Asked::unread(cx, &self.config.models, &call);
        match self.admit(cx, &call, &asked, b"") {
            Ok(()) => {
                cx.effects.fact(fact::RULE, "on_unreadable");
                BodyAnswer::Pass
            }
            Err(reply) => BodyAnswer::Reply(reply),
        }
    }

    /// Reserves what the request may cost at every budget that is for it, or refuses it.
    fn admit(
        &mut self,
        cx: &mut Cx<'_>,
        call: &Call,
        asked: &Asked,
        body: &[u8],
    ) -> Result<(), Reply> {
        let config = Rc::clone(&self.config);
        self.label = config.models.label(&asked.model).to_owned();
        let told = |name| cx.attributes.fact(name).filter(|told| !told.is_empty());
        let (known, verdict) = (told(fact::MODEL), told(fact::VERDICT));
        let provider = told(fact::PROVIDER).or_else(|| config.provider.clone());
        if known.is_none() {
            cx.effects.fact(fact::MODEL, asked.model_fact());
        }
        let price = config
            .prices
            .find(call.api, provider.as_deref(), &asked.model);
        let provider = provider.unwrap_or_else(|| OTHER.to_owned());
        if price.is_none() {
            self.unpriced(cx, call, asked, &provider)?;
        }
        let most = price
            .as_ref()
            .map_or(PicoUsd::ZERO, |price| highest(price, call.api, asked, body));
        let identity = self.identity.as_ref();
        let subject = Subject::new(cx, call.api, &asked.model, identity, &self.watched);
        let (mut enforced, mut shadows) = (Vec::new(), Vec::new());
        let mut shared = Shared::default();
        for budget in &config.budgets {
            let whose = match budget.share.whose(&subject) {
                Ok(Some(whose)) => whose,
                Ok(None) => continue,
                Err(refused) => return Err(self.refuse(cx, refused)),
            };
            let costs = price.is_some() && asked.generates;
            if config.global.is_some() && !budget.share.shadow && costs {
                let key = Key::new("budget", &budget.name, whose.parts());
                shared.add(Rc::clone(budget), key);
            }
            let list = match budget.share.shadow {
                true => &mut shadows,
                false => &mut enforced,
            };
            list.push((Rc::clone(budget), budget.charge(whose.owner(), most)));
        }

        let mut held = Vec::with_capacity(1 + shadows.len());
        let mut warning = None;
        if !enforced.is_empty() {
            match reserve(cx, Cost::NAME, enforced, name) {
                Ok(reserved) => {
                    warning = warn(cx, &reserved);
                    held.push(reserved);
                }
                Err(Limited::Store) => self.unchecked(cx)?,
                Err(Limited::NoRoom {
                    limit,
                    level,
                    wanted,
                    retry_ms,
                    ..
                }) => {
                    count_rule(cx, &limit, "limited");
                    let refused = limit.refusal(level, wanted, retry_ms);
                    let mut reply = self.refuse(cx, refused);
                    if let Some(ms) = retry_ms {
                        let seconds = ms.div_ceil(1000).to_string();
                        reply.headers.push(("retry-after".to_owned(), seconds));
                    }
                    let never = ("x-should-retry".to_owned(), "false".to_owned());
                    reply.headers.push(never);
                    return Err(reply);
                }
            }
        }
        self.verdict = Some("allowed");
        let mut verdict = Some("allowed").filter(|_| verdict.is_none());
        for shadow in shadows {
            let budget = Rc::clone(&shadow.0);
            match reserve(cx, Cost::NAME, vec![shadow], name) {
                Ok(reserved) => held.push(reserved),
                Err(Limited::Store) => {}
                Err(Limited::NoRoom { .. }) => {
                    self.verdict = Some("shadow_limited");
                    verdict = self.verdict;
                    count_rule(cx, &budget, "shadow_limited");
                    cx.effects.fact(fact::RULE, budget.name.as_str());
                    let line = format!("{}: `{}` in shadow: limited", Cost::NAME, budget.name);
                    cx.effects.log(Level::Info, line);
                }
            }
        }
        if let Some(verdict) = verdict {
            cx.effects.fact(fact::VERDICT, verdict);
        }
        let text = AnswerCounter::new(config.models.family(&asked.model));
        let strip = asked.usage_edit.is_some();
        let limit = config.intake.max_body_bytes;
        let mut reading = Reading::new(call.api, text, strip, limit, &self.memory);
        if asked.detached {
            reading.expect_later();
        }
        if config.headers {
            reading.hold_json();
        }
        if let Some(price) = price.clone().filter(|_| config.cost_in_usage) {
            let note: Note =
                Rc::new(move |usage, tier| format!("\"cost\":{}", cost(&price, usage, tier)));
            reading.note_in_usage(note);
        }
        self.admitted = Some(Admitted {
            known: Known {
                prompt: asked.prompt,
                output: asked.output(),
                generates: asked.generates,
            },
            price,
            most,
            provider,
            held,
            warning,
            reading,
            shared,
        });
        self.ask(cx)
    }

    fn ask(&mut self, cx: &mut Cx<'_>) -> Result<(), Reply> {
        let config = Rc::clone(&self.config);
        let Some(admitted) = &mut self.admitted else {
            return Ok(());
        };
        let asked = admitted.shared.ask(cx, config.global.as_ref());
        asked.map_err(|refused| {
            self.take_back(cx);
            self.refuse(cx, refused)
        })
    }

    /// What the other Envoys have left.
    pub(crate) fn answered(
        &mut self,
        cx: &mut Cx<'_>,
        answer: Result<&[u8], GrpcStatus>,
    ) -> Option<Reply> {
        let config = Rc::clone(&self.config);
        let shared = &mut self.admitted.as_mut()?.shared;
        let refused = match shared.answered(cx, config.global.as_ref()?, answer) {
            Ok(None) => return None,
            Ok(Some((budget, over))) => Ok((Rc::clone(budget), over)),
            Err(refused) => Err(refused),
        };
        self.take_back(cx);
        let (budget, over) = match refused {
            Ok(over) => over,
            Err(refused) => return Some(self.refuse(cx, refused)),
        };
        count_rule(cx, &budget, "limited");
        let mut reply = self.refuse(cx, budget.beyond(&over));
        reply.headers.extend(retry_headers(over.retry_ms, true));
        Some(reply)
    }

    /// Gives back what is held for a request that does not leave after all.
    pub(crate) fn take_back(&mut self, cx: &mut Cx<'_>) {
        let admitted = self.admitted.take();
        for held in admitted.into_iter().flat_map(|admitted| admitted.held) {
            held.settle(cx, Cost::NAME, false, |_| 0);
        }
    }

    /// A model without a price: counted, and refused if the operator says so.
    fn unpriced(
        &mut self,
        cx: &mut Cx<'_>,
        call: &Call,
        asked: &Asked,
        provider: &str,
    ) -> Result<(), Reply> {
        let labels = [("api", call.api.name()), ("provider", provider)];
        cx.effects.count(metric::UNPRICED, &labels, 1);
        if self.config.on_unpriced == OnUnpriced::Allow || !asked.generates {
            return Ok(());
        }
        let text = "This model has no price here and may not be used.";
        let refused = Refused {
            refusal: Refusal::new(Reason::PermissionDenied, text).param("model"),
            verdict: "denied",
            rule: Some("on_unpriced".to_owned()),
            details: "weir_unpriced",
            log: "a model without a price".to_owned(),
        };
        Err(self.refuse(cx, refused))
    }

    /// Budgets could not be checked: refused, unless the operator says otherwise.
    fn unchecked(&mut self, cx: &mut Cx<'_>) -> Result<(), Reply> {
        if self.config.on_store_failure == OnStoreFailure::Pass {
            return Ok(());
        }
        Err(self.refuse(cx, Refused::store_failure()))
    }
}

/// Counts the budgets of which little is left; returns the one with the least.
fn warn(cx: &mut Cx<'_>, held: &Held<Rc<Budget>>) -> Option<(String, PicoUsd)> {
    let mut least: Option<(String, PicoUsd)> = None;
    for (budget, level) in held.levels().filter(|(budget, level)| budget.warns(*level)) {
        count_rule(cx, budget, "warned");
        let left = PicoUsd(u128::from(level.remaining));
        if least.as_ref().is_none_or(|(_, known)| left < *known) {
            least = Some((budget.name.clone(), left));
        }
    }
    least
}

fn name(budget: &Rc<Budget>) -> &str {
    &budget.name
}

fn count_rule(cx: &mut Cx<'_>, budget: &Budget, verdict: &str) {
    let labels = [
        ("filter", Cost::NAME),
        ("rule", budget.name.as_str()),
        ("verdict", verdict),
    ];
    cx.effects.count(metric::RULES, &labels, 1);
}
