//! Letting a request through: which limits are for it, whether it fits.

use std::rc::Rc;

use weir_global::Key;
use weir_intake::{Refused, invalid};
use weir_limits::Charge;
use weir_llm_api::limits::{Counted, Standing, headers, retry_headers};
use weir_llm_api::{Call, Dialect, splice};
use weir_metering::{
    AnswerCounter, Asked, Held, Known, Limited, Reading, Shared, Source, Spent, Subject, reserve,
};
use weir_policy::names::{fact, metric};
use weir_policy::{BodyAnswer, Cx, GrpcStatus, Level, Policy, Reply, UnixNanos};

use crate::config::OnStoreFailure;
use crate::limit::{Counts, Limit};
use crate::refusal::{NoRoom, beyond, most_restrictive};
use crate::{Metering, TokenLimit};

/// A request that has been let through, until it is settled.
#[derive(Debug)]
pub(crate) struct Admitted {
    pub(crate) known: Known,
    /// What is held of limits that stand together; each limit in shadow stands alone.
    pub(crate) held: Vec<Held<Rc<Limit>>>,
    /// Where the limits stood when the request was let through.
    standings: Vec<(Counted, Standing)>,
    at: UnixNanos,
    pub(crate) reading: Reading,
    /// The limits that are shared with other Envoys, and what is reserved of each.
    pub(crate) shared: Shared<(Rc<Limit>, u64)>,
}

impl Admitted {
    /// Tells the caller where it stands, in the headers of the answer.
    pub(crate) fn tell_standings(&self, cx: &mut Cx<'_>, dialect: Dialect) {
        // What was left then is not known any better now, but when it will be there again is.
        let elapsed_ms = cx.now().millis_since(self.at);
        let mut standings = self.standings.clone();
        for (_, standing) in &mut standings {
            standing.reset_ms = standing.reset_ms.saturating_sub(elapsed_ms);
        }
        for (name, value) in headers(dialect, &standings, cx.now().millis()) {
            cx.effects.set_response_header(&name, value);
        }
    }
}

impl Metering {
    /// Counts a request and lets it through if it can be read and fits.
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
        match (self.admit(cx, call, &asked), asked.usage_edit) {
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
        match self.admit(cx, &call, &asked) {
            Ok(()) => {
                cx.effects.fact(fact::RULE, "on_unreadable");
                BodyAnswer::Pass
            }
            Err(reply) => BodyAnswer::Reply(reply),
        }
    }

    /// Reserves what the request needs at every limit that is for it, or refuses it.
    fn admit(&mut self, cx: &mut Cx<'_>, call: &Call, asked: &Asked) -> Result<(), Reply> {
        let config = Rc::clone(&self.config);
        self.label = config.models.label(&asked.model).to_owned();
        let told = |name| cx.attributes.fact(name).unwrap_or_default();
        let (known, verdict) = (told(fact::MODEL), told(fact::VERDICT));
        if known.is_empty() {
            cx.effects.fact(fact::MODEL, asked.model_fact());
        }
        let identity = self.identity.as_ref();
        let subject = Subject::new(cx, call.api, &asked.model, identity, &self.watched);
        let (mut enforced, mut shadows) = (Vec::new(), Vec::new());
        let mut shared = Shared::default();
        for limit in &config.limits {
            let whose = match limit.share.whose(&subject) {
                Ok(Some(whose)) => whose,
                Ok(None) => continue,
                Err(refused) => return Err(self.refuse(cx, refused)),
            };
            let charge = Charge {
                table: Rc::clone(&limit.table),
                window: limit.window,
                owner: whose.owner(),
                amount: limit.reserved(asked),
            };
            let uses = asked.generates || limit.counts == Counts::Requests;
            if config.global.is_some() && !limit.share.shadow && uses {
                let key = Key::new("limit", &limit.name, whose.parts());
                shared.add((Rc::clone(limit), charge.amount), key);
            }
            let list = match limit.share.shadow {
                true => &mut shadows,
                false => &mut enforced,
            };
            list.push((Rc::clone(limit), charge));
        }

        let dialect = call.api.dialect();
        let mut held = Vec::with_capacity(1 + shadows.len());
        let mut standings = Vec::new();
        if !enforced.is_empty() {
            let limits: Vec<_> = enforced.iter().map(|(limit, _)| limit.counted()).collect();
            match reserve(cx, TokenLimit::NAME, enforced, name) {
                Ok(reserved) => {
                    let levels = reserved.levels();
                    let levels = levels.map(|(limit, level)| (limit.counted(), level));
                    standings = most_restrictive(dialect, levels);
                    held.push(reserved);
                }
                Err(Limited::Store) => self.unchecked(cx)?,
                Err(Limited::NoRoom {
                    limit,
                    level,
                    wanted,
                    retry_ms,
                    levels,
                }) => {
                    self.verdict = Some("limited");
                    count_rule(cx, &limit, "limited");
                    let standings = most_restrictive(dialect, limits.into_iter().zip(levels));
                    let no_room = NoRoom {
                        limit: &limit,
                        level,
                        wanted,
                        retry_ms,
                    };
                    return Err(no_room.reply(cx, dialect, &asked.model, &standings));
                }
            }
        }
        self.verdict = Some("allowed");
        let mut verdict = Some("allowed").filter(|_| verdict.is_empty());
        for shadow in shadows {
            let limit = Rc::clone(&shadow.0);
            match reserve(cx, TokenLimit::NAME, vec![shadow], name) {
                Ok(reserved) => held.push(reserved),
                Err(Limited::Store) => {}
                Err(Limited::NoRoom { .. }) => {
                    self.verdict = Some("shadow_limited");
                    verdict = self.verdict;
                    count_rule(cx, &limit, "shadow_limited");
                    cx.effects.fact(fact::RULE, limit.name.as_str());
                    let line = format!("{}: `{}` in shadow: limited", TokenLimit::NAME, limit.name);
                    cx.effects.log(Level::Info, line);
                }
            }
        }
        if let Some(verdict) = verdict {
            cx.effects.fact(fact::VERDICT, verdict);
        }
        let prompt = asked.prompt;
        // For filters behind this one.
        let source = match prompt.exact {
            true => Source::Counted,
            false => Source::Estimated,
        };
        cx.effects
            .fact(fact::INPUT_TOKENS, prompt.tokens.to_string());
        cx.effects.fact(fact::TOKENS_SOURCE, source.name());
        let text = AnswerCounter::new(config.models.family(&asked.model));
        let strip = asked.usage_edit.is_some();
        let limit = config.intake.max_body_bytes;
        let mut reading = Reading::new(call.api, text, strip, limit, &self.memory);
        if asked.detached {
            reading.expect_later();
        }
        self.admitted = Some(Admitted {
            known: Known {
                prompt,
                output: asked.output(),
                generates: asked.generates,
            },
            held,
            standings,
            at: cx.now(),
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
        let dialect = self.call.as_ref()?.api.dialect();
        let admitted = self.admitted.as_mut()?;
        let answered = admitted
            .shared
            .answered(cx, config.global.as_ref()?, answer);
        let refused = match answered {
            Ok(None) => return None,
            Ok(Some(((limit, _), over))) => Ok((Rc::clone(limit), over)),
            Err(refused) => Err(refused),
        };
        let standings = headers(dialect, &admitted.standings, cx.now().millis());
        self.take_back(cx);
        let (limit, over) = match refused {
            Ok(over) => over,
            Err(refused) => return Some(self.refuse(cx, refused)),
        };
        count_rule(cx, &limit, "limited");
        let mut reply = self.refuse(cx, beyond(&limit, &over));
        reply.headers.extend(standings);
        reply
            .headers
            .extend(retry_headers(over.retry_ms, limit.is_quota()));
        Some(reply)
    }

    /// Gives back what is held for a request that does not leave after all.
    pub(crate) fn take_back(&mut self, cx: &mut Cx<'_>) {
        let admitted = self.admitted.take();
        for held in admitted.into_iter().flat_map(|admitted| admitted.held) {
            held.settle(cx, TokenLimit::NAME, false, |_| 0);
        }
        Spent::nothing(false).leave_facts(cx);
    }

    /// Limits could not be checked: refused, unless the operator says otherwise.
    fn unchecked(&mut self, cx: &mut Cx<'_>) -> Result<(), Reply> {
        if self.config.on_store_failure == OnStoreFailure::Pass {
            return Ok(());
        }
        Err(self.refuse(cx, Refused::store_failure()))
    }
}

fn name(limit: &Rc<Limit>) -> &str {
    &limit.name
}

fn count_rule(cx: &mut Cx<'_>, limit: &Limit, verdict: &str) {
    let labels = [
        ("filter", TokenLimit::NAME),
        ("rule", limit.name.as_str()),
        ("verdict", verdict),
    ];
    cx.effects.count(metric::RULES, &labels, 1);
}
