//! token-limit: counts tokens, reserves them against limits before a request leaves, settles to
//! the true usage afterwards, however the exchange ends.
//!
//! It never lets more pass than the limits allow, whatever the number of workers. It cannot see
//! tokens that a provider neither reports nor shows: those of thoughts that are cut off by a
//! caller who hangs up.

mod admission;
pub mod config;
mod limit;
mod refusal;
mod settlement;

use std::rc::Rc;

use weir_intake::{Head, Refused, too_large};
use weir_llm_api::error::Refusal;
use weir_llm_api::{Api, Call, Dialect};
use weir_metering::{Memory, Spent};
use weir_policy::names::{OTHER, metric};
use weir_policy::{
    Background, BodyAnswer, ChunkAnswer, ConfigError, Cx, Ending, Exchange, GrpcStatus, HeadAnswer,
    Headers, Identity, Policy, Reply, ResponseAnswer, TooLarge,
};

use crate::admission::Admitted;
use crate::config::Config;

#[cfg(all(target_arch = "wasm32", feature = "module"))]
weir_wasm_host::module!(TokenLimit);

/// The configured filter.
#[derive(Debug)]
pub struct TokenLimit {
    config: Rc<Config>,
    memory: Memory,
}

impl Policy for TokenLimit {
    const NAME: &'static str = "token-limit";
    type Exchange = Metering;

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

    fn exchange(&self) -> Metering {
        Metering {
            config: Rc::clone(&self.config),
            memory: self.memory.clone(),
            call: None,
            identity: None,
            watched: Headers::default(),
            verdict: None,
            label: OTHER.to_owned(),
            admitted: None,
        }
    }
}

/// One exchange.
#[derive(Debug)]
pub struct Metering {
    config: Rc<Config>,
    /// What all exchanges of the filter may hold of their answers.
    memory: Memory,
    /// Set once the request is known to be ours.
    call: Option<Call>,
    identity: Option<Identity>,
    /// The request's headers that limits look at.
    watched: Headers,
    /// None until the request has been judged: another filter may refuse it, the caller leave.
    verdict: Option<&'static str>,
    /// The model's label in metrics.
    label: String,
    /// Set once the request has been let through, until it is settled.
    admitted: Option<Admitted>,
}

impl Exchange for Metering {
    fn request_headers(&mut self, cx: &mut Cx<'_>, headers: &Headers) -> HeadAnswer {
        let config = Rc::clone(&self.config);
        let head = config.intake.head(cx, headers, &config.watched_headers);
        if !matches!(head, Head::Foreign) {
            // Envoy's rate limit filters want a number from the very beginning.
            Spent::nothing(false).leave_facts(cx);
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
        let (Some(call), Some(admitted)) = (&self.call, &mut self.admitted) else {
            return ResponseAnswer::Pass;
        };
        admitted.shared.overtaken();
        admitted.tell_standings(cx, call.api.dialect());
        admitted.reading.begin(cx, headers, end)
    }

    fn response_chunk(&mut self, _: &mut Cx<'_>, chunk: &[u8], end: bool) -> ChunkAnswer {
        match &mut self.admitted {
            Some(admitted) => admitted.reading.chunk(chunk, end),
            None => ChunkAnswer::Finished,
        }
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
            let identity = self.config.identity_labels.of(self.identity.as_ref());
            let labels = [("model", self.label.as_str()), ("identity", identity)];
            admitted.settle(cx, self.config.global.as_ref(), call.api, labels);
        }
        let labels = [
            ("filter", TokenLimit::NAME),
            ("api", call.api.name()),
            ("model", self.label.as_str()),
            ("verdict", verdict),
        ];
        cx.effects.count(metric::REQUESTS, &labels, 1);
    }
}

impl Metering {
    /// What is held of limits, for tools that explain a decision: the name of each, what is
    /// reserved of it, and what would be charged if the exchange ended now. Nothing once it has
    /// ended, or when it was not let through.
    pub fn shares(&self, cx: &Cx<'_>) -> Vec<(String, u64, u64)> {
        self.admitted
            .as_ref()
            .map_or_else(Vec::new, |admitted| admitted.shares(cx))
    }

    /// A body that cannot be read: refused, or passed, limited by what is known of it.
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
        refused.reply(TokenLimit::NAME, cx, dialect)
    }
}
