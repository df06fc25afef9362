//! A policy whose exchanges tell, beside what they answer, what they hold.

use std::rc::Rc;

use weir_policy::{
    BodyAnswer, ChunkAnswer, ConfigError, Cx, Ending, Exchange, GrpcStatus, HeadAnswer, Headers,
    Policy, Reply, ResponseAnswer, TooLarge,
};

use cost::Cost;
use model_router::ModelRouter;
use pii_redact::PiiRedact;
use token_limit::TokenLimit;

use super::host::{Proxy, Record, Share};

/// A policy that can say more of an exchange than its answers do.
pub(super) trait Telling: Policy {
    /// Adds what an exchange holds now to the record.
    fn tell(_: &Self::Exchange, _: &Cx<'_>, _: &mut Record) {}
}

impl Telling for ModelRouter {}

impl Telling for PiiRedact {}

impl Telling for TokenLimit {
    fn tell(exchange: &Self::Exchange, cx: &Cx<'_>, record: &mut Record) {
        let shares = exchange.shares(cx).into_iter();
        let share = |(name, reserved, used): (String, u64, u64)| Share {
            name,
            reserved: reserved.to_string(),
            used: used.to_string(),
        };
        record.shares_at_end = shares.map(share).collect();
    }
}

impl Telling for Cost {
    fn tell(exchange: &Self::Exchange, _: &Cx<'_>, record: &mut Record) {
        let shares = exchange.shares().into_iter();
        let share = |(name, reserved): (String, weir_prices::PicoUsd)| Share {
            name,
            reserved: format!("{reserved} USD"),
            used: String::new(),
        };
        record.shares_at_end = shares.map(share).collect();
        let price = exchange.price_range();
        record.price = price.map(|(prompt, most)| (prompt.to_string(), most.to_string()));
    }
}

/// The policy.
pub(super) struct Traced<P> {
    pub(super) policy: P,
    pub(super) proxy: Rc<Proxy>,
}

/// Its exchange.
pub(super) struct TracedExchange<P: Policy> {
    exchange: P::Exchange,
    proxy: Rc<Proxy>,
}

impl<P: Telling> TracedExchange<P> {
    fn tell(&self, cx: &Cx<'_>, before_answer: bool) {
        let mut told = Record::default();
        P::tell(&self.exchange, cx, &mut told);
        self.proxy.note(|record| {
            if before_answer {
                record.shares.clone_from(&told.shares_at_end);
            }
            record.shares_at_end = told.shares_at_end;
            record.price = told.price;
        });
    }
}

impl<P: Telling> Policy for Traced<P> {
    const NAME: &'static str = P::NAME;
    type Exchange = TracedExchange<P>;

    fn configure(_: &[u8]) -> Result<Self, ConfigError> {
        Err(ConfigError::at("", "made of a configured policy alone"))
    }

    fn hold(&self) -> bool {
        self.policy.hold()
    }

    fn max_body_bytes(&self) -> usize {
        self.policy.max_body_bytes()
    }

    fn exchange(&self) -> TracedExchange<P> {
        TracedExchange {
            exchange: self.policy.exchange(),
            proxy: Rc::clone(&self.proxy),
        }
    }
}

impl<P: Telling> Exchange for TracedExchange<P> {
    fn request_headers(&mut self, cx: &mut Cx<'_>, headers: &Headers) -> HeadAnswer {
        let answer = self.exchange.request_headers(cx, headers);
        if answer == HeadAnswer::Ignore {
            self.proxy.note(|record| record.is_foreign = true);
        } else {
            self.tell(cx, true);
        }
        answer
    }

    fn request_body(&mut self, cx: &mut Cx<'_>, body: Result<&[u8], TooLarge>) -> BodyAnswer {
        let answer = self.exchange.request_body(cx, body);
        self.tell(cx, true);
        answer
    }

    fn called(&mut self, cx: &mut Cx<'_>, answer: Result<&[u8], GrpcStatus>) -> Option<Reply> {
        self.exchange.called(cx, answer)
    }

    fn response_headers(
        &mut self,
        cx: &mut Cx<'_>,
        headers: &Headers,
        end: bool,
    ) -> ResponseAnswer {
        self.exchange.response_headers(cx, headers, end)
    }

    fn response_chunk(&mut self, cx: &mut Cx<'_>, chunk: &[u8], end: bool) -> ChunkAnswer {
        self.exchange.response_chunk(cx, chunk, end)
    }

    fn end(self, cx: &mut Cx<'_>, ending: Ending) {
        self.tell(cx, false);
        self.exchange.end(cx, ending);
    }
}
