//! Letting a request through: what it needs, which limits are for it, whether it fits.

use std::rc::Rc;

use weir_intake::{Refused, Subject, invalid};
use weir_limits::{Charge, Refusal as Full, Reservation, reserve};
use weir_llm_api::error::{Reason, Refusal};
use weir_llm_api::limits::{Counted, Standing, headers};
use weir_llm_api::{Api, Call, Dialect, Edit, Request, splice};
use weir_policy::names::{fact, metric};
use weir_policy::{BodyAnswer, Cx, Level, Placement, Policy, Reply};
use weir_tokens::Count;

use crate::answer::Reading;
use crate::config::{Config, OnStoreFailure, ReserveOutput};
use crate::limit::{Limit, Needs};
use crate::prompt::Counter;
use crate::refusal::{NoRoom, most_restrictive};
use crate::spent::AnswerCounter;
use crate::{Metering, TokenLimit};

/// A request that has been let through, until it is settled.
#[derive(Debug)]
pub(crate) struct Admitted {
    /// Tokens of the prompt as counted.
    pub(crate) prompt: Count,
    /// Output tokens to be reckoned with when nothing of the answer can be read.
    pub(crate) output: u64,
    /// Whether the request makes tokens at all.
    pub(crate) generates: bool,
    /// What is reserved at limits that hold together; each limit in shadow stands alone.
    pub(crate) held: Vec<Holding>,
    /// Where the limits stood when the request was let through.
    standings: Vec<(Counted, Standing)>,
    pub(crate) reading: Reading,
}

/// A reservation, and the limits it is at in the order of its charges.
#[derive(Debug)]
pub(crate) struct Holding {
    pub(crate) limits: Vec<Rc<Limit>>,
    pub(crate) reservation: Reservation,
}

impl Admitted {
    /// Tells the caller where it stands, in the headers of the answer.
    pub(crate) fn tell_standings(&self, cx: &mut Cx<'_>, dialect: Dialect) {
        for (name, value) in headers(dialect, &self.standings, cx.now.millis()) {
            cx.effects.set_response_header(&name, value);
        }
    }
}

/// A request as limits see it.
struct Asked<'a> {
    call: &'a Call,
    /// As it is sent.
    model: &'a str,
    prompt: Count,
    needs: Needs,
}

impl Metering {
    /// Counts a request and lets it through if it can be read and fits.
    pub(crate) fn judge(&mut self, cx: &mut Cx<'_>, call: &Call, body: &[u8]) -> BodyAnswer {
        let config = Rc::clone(&self.config);
        let request = match Request::read(call.api, body, &mut ()) {
            Ok(request) => request,
            Err(fault) => return self.unreadable(cx, invalid(&fault), "weir_unreadable_body"),
        };
        let sent = cx.attributes.fact(fact::UPSTREAM_MODEL);
        let in_path = call.path_model.as_ref().map(|model| model.name.clone());
        let in_body = || request.model.map(|model| model.decode().into_owned());
        let model = sent.filter(|model| !model.is_empty()).or(in_path);
        let model = model.or_else(in_body).unwrap_or_default();

        // What to count with is known only now. A request that is refused for its shape has cost
        // no counting.
        let mut counter = Counter::new(config.family(&model));
        let _ = Request::read(call.api, body, &mut counter);
        let mut prompt = counter.finish();
        prompt.exact &= !request.audio && call.api != Api::BedrockInvoke;
        let asked = Asked {
            call,
            model: &model,
            prompt,
            needs: needs(&config, call.api, &model, &request, prompt.tokens),
        };
        let stream = call.path_stream.or(request.stream).unwrap_or(false);
        cx.effects.fact(fact::STREAM, stream.to_string());
        let asks_for_usage = config.include_usage
            && stream
            && matches!(call.api, Api::OpenAiChat | Api::OpenAiCompletions)
            && request.stream_options.as_ref().and_then(|o| o.asked) != Some(true);
        if let Err(reply) = self.admit(cx, &asked, asks_for_usage) {
            return BodyAnswer::Reply(reply);
        }
        if asks_for_usage {
            return BodyAnswer::Replace(splice(body, &[ask_for_usage(&request)]));
        }
        BodyAnswer::Pass
    }

    /// Lets a request through that could not be read, if its kind of requests still may: its
    /// prompt counts nothing until the answer tells.
    pub(crate) fn pass_unread(&mut self, cx: &mut Cx<'_>, call: &Call) -> BodyAnswer {
        let config = Rc::clone(&self.config);
        let in_path = call.path_model.as_ref().map(|model| model.name.clone());
        let model = in_path.unwrap_or_default();
        let asked = Asked {
            call,
            model: &model,
            prompt: Count {
                tokens: 0,
                exact: false,
            },
            needs: needs(&config, call.api, &model, &Request::default(), 0),
        };
        match self.admit(cx, &asked, false) {
            Ok(()) => {
                cx.effects.fact(fact::RULE, "on_unreadable");
                BodyAnswer::Pass
            }
            Err(reply) => BodyAnswer::Reply(reply),
        }
    }

    /// Reserves what the request needs at every limit that is for it, or refuses it.
    fn admit(&mut self, cx: &mut Cx<'_>, asked: &Asked<'_>, strip: bool) -> Result<(), Reply> {
        let config = Rc::clone(&self.config);
        self.label = config.model(asked.model).map(|model| model.label.clone());
        let told = |name| cx.attributes.fact(name).unwrap_or_default();
        let (known, provider, verdict) =
            (told(fact::MODEL), told(fact::PROVIDER), told(fact::VERDICT));
        if known.is_empty() {
            cx.effects.fact(fact::MODEL, bounded(asked.model));
        }
        let route = cx.attributes.get(&["xds", "route_name"]);
        let route = String::from_utf8_lossy(&route.unwrap_or_default()).into_owned();
        let subject = Subject {
            api: asked.call.api,
            asked: &known,
            model: asked.model,
            provider: &provider,
            identity: self.identity.as_ref(),
            headers: &self.watched,
        };
        let mut enforced = Vec::new();
        let mut shadows = Vec::new();
        for limit in &config.limits {
            let charge = match limit.charge(&subject, &route, &asked.needs) {
                Ok(Some(charge)) => charge,
                Ok(None) => continue,
                Err(refused) => return Err(self.refuse(cx, refused)),
            };
            let list = if limit.shadow {
                &mut shadows
            } else {
                &mut enforced
            };
            list.push((Rc::clone(limit), charge));
        }

        let mut held = Vec::with_capacity(1 + shadows.len());
        let mut standings = Vec::new();
        if !enforced.is_empty() {
            let (limits, charges): (Vec<_>, Vec<_>) = enforced.into_iter().unzip();
            match self.reserve(cx, &limits, &charges) {
                Ok(reservation) => {
                    let dialect = asked.call.api.dialect();
                    let levels = reservation.held().iter().map(|held| held.level);
                    let levels = limits.iter().map(|limit| limit.counted()).zip(levels);
                    standings = most_restrictive(dialect, levels);
                    held.push(Holding {
                        limits,
                        reservation,
                    });
                }
                Err(full) => {
                    if let Some(reply) = self.no_room(cx, asked, &limits, &charges, full) {
                        return Err(reply);
                    }
                }
            }
        }
        let mut verdict = Some("allowed").filter(|_| verdict.is_empty());
        for (limit, charge) in shadows {
            let (limits, charges) = (vec![limit], vec![charge]);
            match self.reserve(cx, &limits, &charges) {
                Ok(reservation) => held.push(Holding {
                    limits,
                    reservation,
                }),
                Err(_) => {
                    self.would_refuse(cx, &limits);
                    verdict = Some("shadow_limited");
                }
            }
        }
        if let Some(verdict) = verdict {
            cx.effects.fact(fact::VERDICT, verdict);
        }
        cx.effects
            .fact(fact::INPUT_TOKENS, asked.prompt.tokens.to_string());
        let family = config.family(asked.model);
        self.admitted = Some(Admitted {
            prompt: asked.prompt,
            output: asked.needs.output(None),
            generates: asked.needs.generates,
            held,
            standings,
            reading: Reading::new(
                asked.call.api,
                AnswerCounter::new(family),
                strip,
                config.intake.max_body_bytes,
            ),
        });
        Ok(())
    }

    /// Reserves at limits that hold together, and counts what that met with.
    fn reserve(
        &self,
        cx: &mut Cx<'_>,
        limits: &[Rc<Limit>],
        charges: &[Charge],
    ) -> Result<Reservation, Full> {
        let reserved = reserve(cx.store, charges, cx.now);
        match &reserved {
            Ok(reservation) => {
                for (limit, held) in limits.iter().zip(reservation.held()) {
                    let placement = match held.placement {
                        Placement::Kept => continue,
                        Placement::Claimed => "claimed",
                        Placement::Overflow => "overflow",
                    };
                    let labels = [
                        ("filter", TokenLimit::NAME),
                        ("rule", limit.name.as_str()),
                        ("placement", placement),
                    ];
                    cx.effects.count(metric::SLOTS, &labels, 1);
                }
            }
            Err(Full::Store(error)) => {
                let labels = [("filter", TokenLimit::NAME), ("call", "reserve")];
                cx.effects.count(metric::STORE_FAILURES, &labels, 1);
                let line = format!("{}: limits cannot be checked: {error}", TokenLimit::NAME);
                cx.effects.log(Level::Warn, line);
            }
            Err(Full::Limited { .. }) => {}
        }
        reserved
    }

    /// The answer to a request that does not fit; none when it is to pass all the same.
    fn no_room(
        &mut self,
        cx: &mut Cx<'_>,
        asked: &Asked<'_>,
        limits: &[Rc<Limit>],
        charges: &[Charge],
        full: Full,
    ) -> Option<Reply> {
        let dialect = asked.call.api.dialect();
        let (charge, retry_ms, levels) = match full {
            Full::Limited {
                charge,
                retry_ms,
                levels,
            } => (charge, retry_ms, levels),
            Full::Store(_) if self.config.on_store_failure == OnStoreFailure::Pass => return None,
            Full::Store(_) => {
                let text = "The limits of this request cannot be checked at the moment.";
                let refused = Refused {
                    refusal: Refusal::new(Reason::Internal, text),
                    verdict: "blocked",
                    rule: Some("on_store_failure".to_owned()),
                    details: "weir_store_failure",
                    log: "the shared store failed".to_owned(),
                };
                return Some(self.refuse(cx, refused));
            }
        };
        let (limit, wanted) = (limits.get(charge)?, charges.get(charge)?.amount);
        let level = *levels.get(charge)?;
        self.verdict = "limited";
        count_rule(cx, limit, "limited");
        let counted = limits.iter().map(|limit| limit.counted());
        let standings = most_restrictive(dialect, counted.zip(levels));
        let no_room = NoRoom {
            limit,
            level,
            wanted,
            retry_ms,
        };
        Some(no_room.reply(cx, dialect, asked.model, &standings))
    }

    /// A limit in shadow had no room.
    fn would_refuse(&mut self, cx: &mut Cx<'_>, limits: &[Rc<Limit>]) {
        self.verdict = "shadow_limited";
        for limit in limits {
            count_rule(cx, limit, "shadow_limited");
            cx.effects.fact(fact::RULE, limit.name.as_str());
            let line = format!("{}: `{}` in shadow: limited", TokenLimit::NAME, limit.name);
            cx.effects.log(Level::Info, line);
        }
    }
}

fn count_rule(cx: &mut Cx<'_>, limit: &Limit, verdict: &str) {
    let labels = [
        ("filter", TokenLimit::NAME),
        ("rule", limit.name.as_str()),
        ("verdict", verdict),
    ];
    cx.effects.count(metric::RULES, &labels, 1);
}

/// The most a request can need.
fn needs(config: &Config, api: Api, model: &str, request: &Request<'_>, input: u64) -> Needs {
    let answers = !matches!(api, Api::OpenAiEmbeddings | Api::AnthropicCountTokens);
    let expected = config.model(model).and_then(|model| model.expected_output);
    Needs {
        input,
        output_cap: match answers {
            true => request.total_output_cap(),
            false => Some(0),
        },
        expected_output: expected.unwrap_or(config.expected_output),
        choices: request.choices.max(1),
        by_expectation: config.reserve_output == ReserveOutput::Expected,
        generates: api != Api::AnthropicCountTokens,
    }
}

/// Where and how `include_usage` has to be written so that a stream tells its usage.
fn ask_for_usage(request: &Request<'_>) -> Edit {
    let comma = |more: bool| if more { "," } else { "" };
    match &request.stream_options {
        None => {
            let member = r#""stream_options":{"include_usage":true}"#;
            let at = request.insert_at;
            Edit::new(at..at, format!("{member}{}", comma(request.has_members)))
        }
        Some(options) => match &options.include_usage {
            Some(value) => Edit::new(value.clone(), "true"),
            None => match options.insert_at {
                Some((at, more)) => {
                    Edit::new(at..at, format!(r#""include_usage":true{}"#, comma(more)))
                }
                // `null`, or nothing that could be added to.
                None => Edit::new(options.span.clone(), r#"{"include_usage":true}"#),
            },
        },
    }
}

/// A name from traffic as a fact.
fn bounded(model: &str) -> String {
    model
        .chars()
        .filter(|c| !c.is_control())
        .take(256)
        .collect()
}
