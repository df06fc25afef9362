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

use weir_intake::{OnUnreadable, Refused, oddly_spelt, readable, well_formed};
use weir_llm_api::error::{Reason, Refusal};
use weir_llm_api::{Call, disguised};
use weir_metering::Spent;
use weir_policy::names::{OTHER, fact, metric};
use weir_policy::{
    BodyAnswer, ChunkAnswer, ConfigError, Cx, Ending, Exchange, HeadAnswer, Headers, Identity,
    Level, Policy, Reply, ResponseAnswer, TooLarge,
};

use crate::admission::Admitted;
use crate::config::Config;
use crate::settlement::leave_facts;

#[cfg(all(target_arch = "wasm32", feature = "module"))]
weir_wasm_host::module!(TokenLimit);

/// The configured filter.
#[derive(Debug)]
pub struct TokenLimit {
    config: Rc<Config>,
}

impl Policy for TokenLimit {
    const NAME: &'static str = "token-limit";
    type Exchange = Metering;

    fn configure(json: &[u8]) -> Result<Self, ConfigError> {
        Config::load(json).map(|config| Self {
            config: Rc::new(config),
        })
    }

    fn hold(&self) -> bool {
        self.config.hold
    }

    fn max_body_bytes(&self) -> usize {
        self.config.intake.max_body_bytes
    }

    fn exchange(&self) -> Metering {
        Metering {
            config: Rc::clone(&self.config),
            call: None,
            identity: None,
            watched: Headers::default(),
            verdict: "allowed",
            label: OTHER.to_owned(),
            admitted: None,
        }
    }
}

/// One exchange.
#[derive(Debug)]
pub struct Metering {
    config: Rc<Config>,
    /// Set once the request is known to be ours.
    call: Option<Call>,
    identity: Option<Identity>,
    /// The request's headers that limits look at.
    watched: Headers,
    verdict: &'static str,
    /// The model's label in metrics.
    label: String,
    /// Set once the request has been let through, until it is settled.
    admitted: Option<Admitted>,
}

impl Exchange for Metering {
    fn request_headers(&mut self, cx: &mut Cx<'_>, headers: &Headers) -> HeadAnswer {
        let config = Rc::clone(&self.config);
        let path = String::from_utf8_lossy(headers.get(":path").unwrap_or_default()).into_owned();
        let method = headers.text(":method").unwrap_or_default();
        let Some(call) = config.intake.call(cx, method, &path) else {
            return match disguised(method, &path) {
                Some(api) => {
                    HeadAnswer::Reply(oddly_spelt().reply(TokenLimit::NAME, cx, api.dialect()))
                }
                None => HeadAnswer::Ignore,
            };
        };
        cx.effects.fact(fact::API, call.api.name());
        // Envoy's rate limit filters want a number from the very beginning.
        leave_facts(cx, &Spent::nothing(false));
        self.call = Some(call);

        let identity = well_formed(headers).and_then(|()| config.intake.identify(cx, headers));
        match identity {
            Ok(identity) => self.identity = identity,
            Err(refused) => return HeadAnswer::Reply(self.refuse(cx, refused)),
        }
        self.watched = config
            .watched_headers
            .iter()
            .flat_map(|name| headers.all(name).map(move |value| (name.as_bytes(), value)))
            .collect();
        // An answer is read for its usage, which cannot be done in a compressed one.
        if headers.has("accept-encoding") {
            cx.effects.remove_request_header("accept-encoding");
        }
        if let Err(refusal) = readable(headers) {
            return match self.unreadable(cx, refusal, "weir_unreadable_body") {
                BodyAnswer::Reply(reply) => HeadAnswer::Reply(reply),
                _ => HeadAnswer::Pass,
            };
        }
        HeadAnswer::NeedBody
    }

    fn request_body(&mut self, cx: &mut Cx<'_>, body: Result<&[u8], TooLarge>) -> BodyAnswer {
        let Some(call) = self.call.clone() else {
            return BodyAnswer::Pass;
        };
        match body {
            Ok(body) => self.judge(cx, &call, body),
            Err(TooLarge { limit }) => {
                let text = format!("The request body is larger than {limit} bytes.");
                let refusal = Refusal::new(Reason::TooLarge, text);
                self.unreadable(cx, refusal, "weir_body_too_large")
            }
        }
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
        let Some(call) = self.call.take() else {
            return;
        };
        if let Some(admitted) = self.admitted.take() {
            admitted.settle(cx, call.api, &self.label);
        }
        let labels = [
            ("filter", TokenLimit::NAME),
            ("api", call.api.name()),
            ("model", self.label.as_str()),
            ("verdict", self.verdict),
        ];
        cx.effects.count(metric::REQUESTS, &labels, 1);
    }
}

impl Metering {
    /// A body that cannot be read: refused, or passed, limited by what is known of it.
    fn unreadable(
        &mut self,
        cx: &mut Cx<'_>,
        refusal: Refusal,
        details: &'static str,
    ) -> BodyAnswer {
        let Some(call) = self.call.clone() else {
            return BodyAnswer::Pass;
        };
        let config = Rc::clone(&self.config);
        config.intake.count_unreadable(cx, call.api, "request");
        let log = format!("unreadable body: {}", refusal.message);
        if config.intake.on_unreadable == OnUnreadable::Reject {
            return BodyAnswer::Reply(self.refuse(cx, Refused::blocked(refusal, details, log)));
        }
        let line = format!("{}: {log}, passed", TokenLimit::NAME);
        cx.effects.log(Level::Info, line);
        self.pass_unread(cx, &call)
    }

    fn refuse(&mut self, cx: &mut Cx<'_>, refused: Refused) -> Reply {
        self.verdict = refused.verdict;
        let dialect = self
            .call
            .as_ref()
            .map_or(weir_llm_api::Dialect::Problem, |c| c.api.dialect());
        refused.reply(TokenLimit::NAME, cx, dialect)
    }
}
