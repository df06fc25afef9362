//! cost: prices what an exchange has used, exactly; tells it in answers, logs and metrics; and
//! keeps money budgets, reserved before a request leaves and settled to what it did cost.
//!
//! It prices what is billed by tokens. It knows nothing of contracts, of what tools and searches
//! cost, nor of the hours at which a provider is cheaper.

mod admission;
mod budget;
pub mod config;
mod priced;
mod settlement;

use std::rc::Rc;

use weir_intake::{Head, Refused, too_large};
use weir_llm_api::error::Refusal;
use weir_llm_api::{Api, Call, Dialect};
use weir_metering::{Memory, Spent};
use weir_policy::names::{OTHER, fact, metric};
use weir_policy::{
    Background, BodyAnswer, ChunkAnswer, ConfigError, Cx, Ending, Exchange, GrpcStatus, HeadAnswer,
    Headers, Identity, Policy, Reply, ResponseAnswer, TooLarge,
};
use weir_prices::{PicoUsd, Tier, Tokens};

use crate::admission::Admitted;
use crate::config::Config;
use crate::settlement::leave_cost;

#[cfg(all(target_arch = "wasm32", feature = "module"))]
weir_wasm_host::module!(Cost);

/// The configured filter.
#[derive(Debug)]
pub struct Cost {
    config: Rc<Config>,
    memory: Memory,
}

impl Policy for Cost {
    const NAME: &'static str = "cost";
    type Exchange = Costing;

    fn configure(json: &[u8]) -> Result<Self, ConfigError> {
        Config::load(json).map(|config| Self {
            config: Rc::new(config),
            memory: Memory::default(),
        })
    }

    fn hold(&self) -> bool {
        self.config.hold
    }

    fn max_body_bytes(&self) -> usize {
        self.config.intake.max_body_bytes
    }

    fn background(&self) -> Option<&dyn Background> {
        let global = self.config.global.as_ref();
        global.map(|global| global as &dyn Background)
    }

    fn exchange(&self) -> Costing {
        Costing {
            config: Rc::clone(&self.config),
            memory: self.memory.clone(),
            call: None,
            identity: None,
            watched: Headers::default(),
            verdict: None,
            label: OTHER.to_owned(),
            counts_tokens: false,
            admitted: None,
        }
    }
}

/// One exchange.
#[derive(Debug)]
pub struct Costing {
    config: Rc<Config>,
    /// What all exchanges of the filter may hold of their answers.
    memory: Memory,
    /// Set once the request is known to be ours.
    call: Option<Call>,
    identity: Option<Identity>,
    /// The request's headers that budgets look at.
    watched: Headers,
    /// None until the request has been judged: another filter may refuse it, the caller leave.
    verdict: Option<&'static str>,
    /// The model's label in metrics.
    label: String,
    /// No other filter leaves the facts of tokens.
    counts_tokens: bool,
    /// Set once the request has been let through, until it is settled.
    admitted: Option<Admitted>,
}

impl Exchange for Costing {
    fn request_headers(&mut self, cx: &mut Cx<'_>, headers: &Headers) -> HeadAnswer {
        let config = Rc::clone(&self.config);
        let head = config.intake.head(cx, headers, &config.watched_headers);
        if !matches!(head, Head::Foreign) {
            self.counts_tokens = cx.attributes.fact(fact::TOTAL_TOKENS).is_none();
            if self.counts_tokens {
                Spent::nothing(false).leave_facts(cx);
            }
            leave_cost(cx, None);
        }
        let ours = match head {
            Head::Foreign => return HeadAnswer::Ignore,
            Head::Refused(call, refused) => {
                self.call = Some(call);
                return HeadAnswer::Reply(self.refuse(cx, refused));
            }
            Head::Ours(ours) => ours,
        };
        let api = ours.call.api;
        self.call = Some(ours.call);
        self.identity = ours.identity;
        self.watched = ours.watched;
        match ours.readable {
            Ok(()) => HeadAnswer::NeedBody,
            Err(refusal) => match self.unreadable(cx, api, refusal, "weir_unreadable_body") {
                BodyAnswer::Reply(reply) => HeadAnswer::Reply(reply),
                _ => HeadAnswer::Pass,
            },
        }
    }

    fn request_body(&mut self, cx: &mut Cx<'_>, body: Result<&[u8], TooLarge>) -> BodyAnswer {
        let Some(call) = self.call.clone() else {
            return BodyAnswer::Pass;
        };
        match body {
            Ok(body) => self.judge(cx, &call, body),
            Err(TooLarge { limit }) => {
                self.unreadable(cx, call.api, too_large(limit), "weir_body_too_large")
            }
        }
    }

    fn called(&mut self, cx: &mut Cx<'_>, answer: Result<&[u8], GrpcStatus>) -> Option<Reply> {
        self.answered(cx, answer)
    }

    fn response_headers(
        &mut self,
        cx: &mut Cx<'_>,
        headers: &Headers,
        end: bool,
    ) -> ResponseAnswer {
        match &mut self.admitted {
            Some(admitted) => {
                admitted.shared.overtaken();
                admitted.tell_warning(cx);
                admitted.reading.begin(cx, headers, end)
            }
            None => ResponseAnswer::Pass,
        }
    }

    fn response_chunk(&mut self, cx: &mut Cx<'_>, chunk: &[u8], end: bool) -> ChunkAnswer {
        let Some(admitted) = &mut self.admitted else {
            return ChunkAnswer::Finished;
        };
        let streams = admitted.reading.streams();
        let answer = admitted.reading.chunk(chunk, end);
        if end {
            admitted.tell_cost(cx, &self.config, streams);
        }
        answer
    }

    fn end(mut self, cx: &mut Cx<'_>, _: Ending) {
        let (Some(call), Some(verdict)) = (self.call.take(), self.verdict) else {
            return;
        };
        let admitted = self.admitted.as_ref();
        if admitted.is_some_and(|admitted| admitted.shared.is_asking()) {
            // The caller did not wait for it: nothing has left.
            self.take_back(cx);
        }
        if let Some(admitted) = self.admitted.take() {
            admitted.settle(cx, &self, call.api);
        }
        let labels = [
            ("filter", Cost::NAME),
            ("api", call.api.name()),
            ("model", self.label.as_str()),
            ("verdict", verdict),
        ];
        cx.effects.count(metric::REQUESTS, &labels, 1);
    }
}

impl Costing {
    /// What the request may cost, for tools that explain a decision: its prompt alone, without a
    /// cache, and the most there can be. None without a price, or when it was not let through.
    pub fn price_range(&self) -> Option<(PicoUsd, PicoUsd)> {
        let admitted = self.admitted.as_ref()?;
        let price = admitted
            .price
            .as_deref()
            .filter(|_| admitted.known.generates)?;
        let tokens = Tokens {
            input: admitted.known.prompt.tokens,
            ..Tokens::default()
        };
        Some((price.cost(&tokens, Tier::default()), admitted.most))
    }

    /// What is held of budgets, by the name of each.
    pub fn shares(&self) -> Vec<(String, PicoUsd)> {
        let admitted = self.admitted.iter();
        let held = admitted.flat_map(|admitted| &admitted.held);
        held.flat_map(weir_metering::Held::amounts)
            .map(|(budget, picos)| (budget.name.clone(), PicoUsd(u128::from(picos))))
            .collect()
    }

    /// A body that cannot be read: refused, or passed, charged by what its answer tells.
    fn unreadable(
        &mut self,
        cx: &mut Cx<'_>,
        api: Api,
        refusal: Refusal,
        details: &'static str,
    ) -> BodyAnswer {
        let config = Rc::clone(&self.config);
        match config.intake.unreadable(cx, api, refusal, details) {
            Some(refused) => BodyAnswer::Reply(self.refuse(cx, refused)),
            None => self.pass_unread(cx),
        }
    }

    fn refuse(&mut self, cx: &mut Cx<'_>, refused: Refused) -> Reply {
        self.verdict = Some(refused.verdict);
        let dialect = self
            .call
            .as_ref()
            .map_or(Dialect::Problem, |c| c.api.dialect());
        refused.reply(Cost::NAME, cx, dialect)
    }
}
