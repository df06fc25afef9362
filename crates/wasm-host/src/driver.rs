//! The body state machine: Envoy's callbacks in, a policy's steps out.
//!
//! What it guarantees to every policy:
//! - A body is shown whole or not at all; its end may be `end_of_stream` or trailers.
//! - `content-length` is right: set anew while headers are held, removed where they are not. Where
//!   there was none, none is made: a chunked message may have trailers, one with a length may not
//!   (RFC 9112, section 6.3).
//! - Nothing is held that no policy asked for: foreign requests, upgrades and bodiless requests
//!   pass in the callback they came in.
//! - `end` comes exactly once, in the log phase, however the exchange ended.
//!
//! What it cannot do: give back bytes that a policy kept when a response ends in trailers
//! (Envoy takes none any more). `sse::Reader` in `weir-llm-api` is made so that there are none.

use std::cell::RefCell;
use std::rc::Rc;

use weir_policy::names::metric;
use weir_policy::{
    Attributes, BodyAnswer, ChunkAnswer, Clock, Cx, Effect, Effects, Ending, Exchange, GrpcStatus,
    HeadAnswer, Level, Policy, Reply, ResponseAnswer, TooLarge, UnixNanos,
};

use crate::facts::Facts;
use crate::{Host, Map, Side, Status};

/// What a callback returns to the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Let it go on.
    Continue,
    /// Hold it.
    Pause,
}

/// One exchange of one filter.
pub struct Driver<P: Policy, H: Host> {
    policy: Rc<P>,
    host: H,
    exchange: Option<P::Exchange>,
    request: Request,
    response: Response,
    complete: bool,
    random: u64,
    effects: Effects,
    facts: RefCell<Facts>,
    /// The call that the step just run has made, or tried to.
    called: Option<Result<u32, Status>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Request {
    /// Headers not seen, or being judged.
    Head,
    /// The body is being gathered; `declared`: the headers wait for it and declare its length.
    Gathering { declared: bool },
    /// Judged, but for the answer to this call.
    Waiting { call: u32 },
    /// On its way to the upstream.
    Gone,
    /// Answered by us.
    Answered,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Response {
    /// Headers not seen, or being judged.
    Head,
    /// Passing unseen.
    Pass,
    /// Passing, shown.
    Watch,
    /// Passing, shown, perhaps changed.
    Edit,
    /// The body is being gathered; `declared`: the headers wait for it and declare its length.
    Gathering { declared: bool },
}

/// Envoy's attributes by way of the host.
struct Properties<'a, H> {
    host: &'a H,
    facts: &'a RefCell<Facts>,
}

impl<H: Host> Attributes for Properties<'_, H> {
    fn get(&self, path: &[&str]) -> Option<Vec<u8>> {
        self.host.property(path)
    }

    fn fact(&self, name: &str) -> Option<String> {
        self.facts.borrow_mut().get(self.host, name)
    }
}

impl<H: Host> Clock for Properties<'_, H> {
    fn now(&self) -> UnixNanos {
        self.host.now()
    }
}

fn cx<'a, H: Host>(
    attributes: &'a Properties<'a, H>,
    random: u64,
    effects: &'a mut Effects,
) -> Cx<'a> {
    Cx::new(
        attributes,
        random,
        attributes,
        attributes.host.store(),
        effects,
    )
}

impl<P: Policy, H: Host> Driver<P, H> {
    /// Begins an exchange.
    pub fn new(policy: Rc<P>, host: H) -> Self {
        let exchange = Some(policy.exchange());
        let random = host.random();
        Self {
            policy,
            host,
            exchange,
            request: Request::Head,
            response: Response::Head,
            complete: false,
            random,
            effects: Effects::default(),
            facts: RefCell::default(),
            called: None,
        }
    }

    /// The request's headers came; `end`: without a body.
    pub fn request_headers(&mut self, end: bool) -> Flow {
        let headers = match self.host.headers(Map::Request) {
            Ok(headers) => headers,
            Err(status) => return self.broken("headers", status),
        };
        let Some(answer) = self.step(|exchange, cx| exchange.request_headers(cx, &headers)) else {
            return Flow::Continue;
        };
        if !self.apply() {
            return self.refuse_unjudged();
        }
        match answer {
            HeadAnswer::Pass => self.let_go_or_wait(),
            HeadAnswer::Ignore => {
                self.exchange = None;
                self.let_go()
            }
            HeadAnswer::Reply(reply) => self.answer(reply),
            HeadAnswer::NeedBody if end => self.judge_body(Ok(Vec::new())),
            HeadAnswer::NeedBody => {
                let limit = self.policy.max_body_bytes();
                if declared_length(headers.get("content-length")) > limit as u64 {
                    return self.judge_body(Err(TooLarge { limit }));
                }
                let hold = self.policy.hold();
                self.request = Request::Gathering {
                    declared: hold && headers.has("content-length"),
                };
                if hold {
                    return Flow::Pause;
                }
                self.tell();
                // The body may change and its length can't be told any more once it has.
                self.try_host("remove_header", |host| {
                    host.remove_header(Map::Request, "content-length")
                });
                Flow::Continue
            }
        }
    }

    /// More of the request's body came; `size`: bytes before us, all there are when paused.
    pub fn request_body(&mut self, size: usize, end: bool) -> Flow {
        match self.request {
            Request::Gathering { .. } => {}
            Request::Answered | Request::Waiting { .. } => return Flow::Pause,
            Request::Head | Request::Gone => return Flow::Continue,
        }
        let limit = self.policy.max_body_bytes();
        if size > limit {
            return self.judge_body(Err(TooLarge { limit }));
        }
        if !end {
            return Flow::Pause;
        }
        self.gathered(size)
    }

    /// The request's trailers came, which end its body.
    pub fn request_trailers(&mut self) -> Flow {
        match self.request {
            Request::Gathering { .. } => self.gathered(self.policy.max_body_bytes()),
            Request::Answered | Request::Waiting { .. } => Flow::Pause,
            Request::Head | Request::Gone => Flow::Continue,
        }
    }

    /// The answer to a call came, or there is none. The request goes on, or is answered.
    pub fn called(&mut self, call: u32, answer: Result<&[u8], GrpcStatus>) {
        if self.request != (Request::Waiting { call }) {
            return;
        }
        let flow = match self.response {
            Response::Head => self.take_answer(answer),
            // Headers that were not held have had an answer: it is too late for another.
            _ => self.let_go(),
        };
        if flow == Flow::Continue {
            self.try_host("continue_stream", Host::resume_request);
        }
    }

    /// The response's headers came; `end`: without a body.
    pub fn response_headers(&mut self, end: bool) -> Flow {
        self.complete = end;
        if self.request == Request::Answered || self.exchange.is_none() {
            self.response = Response::Pass;
            return Flow::Continue;
        }
        let headers = match self.host.headers(Map::Response) {
            Ok(headers) => headers,
            Err(status) => {
                self.failure("headers", status);
                self.response = Response::Pass;
                return Flow::Continue;
            }
        };
        let answer = self.step(|exchange, cx| exchange.response_headers(cx, &headers, end));
        self.apply();
        let limit = self.policy.max_body_bytes() as u64;
        self.response = match answer {
            None | Some(ResponseAnswer::Pass) => Response::Pass,
            Some(_) if end => Response::Pass,
            Some(ResponseAnswer::Watch) => Response::Watch,
            Some(ResponseAnswer::Edit) => Response::Edit,
            Some(ResponseAnswer::Whole)
                if declared_length(headers.get("content-length")) > limit =>
            {
                Response::Pass
            }
            Some(ResponseAnswer::Whole) => Response::Gathering {
                declared: self.policy.hold() && headers.has("content-length"),
            },
        };
        match self.response {
            Response::Gathering { .. } if self.policy.hold() => return Flow::Pause,
            Response::Gathering { .. } | Response::Edit => {
                self.try_host("remove_header", |host| {
                    host.remove_header(Map::Response, "content-length")
                });
            }
            Response::Head | Response::Pass | Response::Watch => {}
        }
        Flow::Continue
    }

    /// More of the response's body came; `size`: bytes before us, all there are when paused.
    pub fn response_body(&mut self, size: usize, end: bool) -> Flow {
        self.complete |= end;
        match self.response {
            Response::Head | Response::Pass => Flow::Continue,
            Response::Watch | Response::Edit => {
                self.show_chunk(size, end);
                Flow::Continue
            }
            Response::Gathering { .. } if size > self.policy.max_body_bytes() => {
                self.response = Response::Pass;
                Flow::Continue
            }
            Response::Gathering { .. } if !end => Flow::Pause,
            Response::Gathering { declared } => self.show_whole(size, declared),
        }
    }

    /// The response's trailers came, which end its body.
    pub fn response_trailers(&mut self) -> Flow {
        self.complete = true;
        match self.response {
            Response::Head | Response::Pass => {}
            Response::Watch | Response::Edit => {
                let answer = self.step(|exchange, cx| exchange.response_chunk(cx, &[], true));
                self.apply();
                if matches!(answer, Some(ChunkAnswer::Replace(rest)) if !rest.is_empty()) {
                    self.failure("set_body", Status(2));
                }
                self.response = Response::Pass;
            }
            Response::Gathering { declared } => {
                return self.show_whole(self.policy.max_body_bytes(), declared);
            }
        }
        Flow::Continue
    }

    /// The exchange is over.
    pub fn log(&mut self) {
        let Some(exchange) = self.exchange.take() else {
            return;
        };
        let ending = Ending {
            complete: self.complete,
        };
        let attributes = Properties {
            host: &self.host,
            facts: &self.facts,
        };
        let mut cx = cx(&attributes, self.random, &mut self.effects);
        exchange.end(&mut cx, ending);
        self.apply();
    }

    /// Runs one step of the policy; `None` when there is no exchange any more.
    fn step<T>(&mut self, run: impl FnOnce(&mut P::Exchange, &mut Cx<'_>) -> T) -> Option<T> {
        let exchange = self.exchange.as_mut()?;
        let attributes = Properties {
            host: &self.host,
            facts: &self.facts,
        };
        let mut cx = cx(&attributes, self.random, &mut self.effects);
        Some(run(exchange, &mut cx))
    }

    /// All of the request's body is before us.
    fn gathered(&mut self, size: usize) -> Flow {
        match self.host.body(Side::Request, size) {
            Ok(body) => self.judge_body(Ok(body)),
            // An empty body that ended in trailers has no buffer.
            Err(Status(1)) => self.judge_body(Ok(Vec::new())),
            Err(status) => self.broken("body", status),
        }
    }

    fn judge_body(&mut self, body: Result<Vec<u8>, TooLarge>) -> Flow {
        let declared = self.request == Request::Gathering { declared: true };
        let shown = body.as_deref().map_err(|&too_large| too_large);
        self.facts.get_mut().look_again();
        let Some(answer) = self.step(|exchange, cx| exchange.request_body(cx, shown)) else {
            return self.let_go();
        };
        if !self.apply() {
            return self.refuse_unjudged();
        }
        match answer {
            BodyAnswer::Pass => self.let_go_or_wait(),
            BodyAnswer::Reply(reply) => self.answer(reply),
            BodyAnswer::Replace(bytes) => {
                if let Err(status) = self.host.set_body(Side::Request, &bytes) {
                    return self.broken("set_body", status);
                }
                if declared {
                    let length = bytes.len().to_string();
                    let set =
                        self.host
                            .set_header(Map::Request, "content-length", length.as_bytes());
                    if let Err(status) = set {
                        return self.broken("set_header", status);
                    }
                }
                self.let_go_or_wait()
            }
        }
    }

    fn show_chunk(&mut self, size: usize, end: bool) {
        let chunk = match size {
            0 => Vec::new(),
            _ => match self.host.body(Side::Response, size) {
                Ok(chunk) => chunk,
                Err(status) => return self.failure("body", status),
            },
        };
        let answer = self.step(|exchange, cx| exchange.response_chunk(cx, &chunk, end));
        self.apply();
        match answer {
            Some(ChunkAnswer::Pass) => {}
            Some(ChunkAnswer::Replace(bytes)) if self.response == Response::Edit => {
                if bytes != chunk {
                    self.try_host("set_body", |host| host.set_body(Side::Response, &bytes));
                }
            }
            Some(ChunkAnswer::Replace(_)) => self.failure("set_body", Status(2)),
            Some(ChunkAnswer::Finished) | None => self.response = Response::Pass,
        }
    }

    fn show_whole(&mut self, size: usize, declared: bool) -> Flow {
        self.response = Response::Pass;
        let body = match self.host.body(Side::Response, size) {
            Ok(body) => body,
            Err(Status(1)) => Vec::new(),
            Err(status) => {
                self.failure("body", status);
                return Flow::Continue;
            }
        };
        let answer = self.step(|exchange, cx| exchange.response_chunk(cx, &body, true));
        if let Some(ChunkAnswer::Replace(bytes)) = answer
            && bytes != body
        {
            self.try_host("set_body", |host| host.set_body(Side::Response, &bytes));
            if declared {
                let length = bytes.len().to_string();
                self.try_host("set_header", |host| {
                    host.set_header(Map::Response, "content-length", length.as_bytes())
                });
            }
        }
        self.apply();
        Flow::Continue
    }

    /// The request goes on, unless the answer to a call is waited for.
    fn let_go_or_wait(&mut self) -> Flow {
        match self.called.take() {
            None => self.let_go(),
            Some(Ok(call)) => {
                self.request = Request::Waiting { call };
                Flow::Pause
            }
            Some(Err(_)) => self.take_answer(Err(GrpcStatus::UNAVAILABLE)),
        }
    }

    fn take_answer(&mut self, answer: Result<&[u8], GrpcStatus>) -> Flow {
        let reply = self.step(|exchange, cx| exchange.called(cx, answer));
        if !self.apply() {
            return self.refuse_unjudged();
        }
        match reply.flatten() {
            Some(reply) => self.answer(reply),
            None => self.let_go(),
        }
    }

    fn let_go(&mut self) -> Flow {
        self.request = Request::Gone;
        self.tell();
        Flow::Continue
    }

    /// Tells the filters behind this one, whose turn it is now, what is known.
    fn tell(&mut self) {
        if let Err(status) = self.facts.get_mut().tell(&self.host) {
            self.failure("set_property", status);
        }
    }

    fn answer(&mut self, reply: Reply) -> Flow {
        self.request = Request::Answered;
        if !reply.log.is_empty() {
            self.host.log(Level::Info, &reply.log);
        }
        if let Err(status) =
            self.host
                .reply(reply.status, reply.details, &reply.headers, &reply.body)
        {
            self.failure("send_local_response", status);
        }
        Flow::Pause
    }

    /// A request that cannot be judged because the host failed must not pass.
    fn broken(&mut self, call: &str, status: Status) -> Flow {
        self.failure(call, status);
        self.refuse_unjudged()
    }

    fn refuse_unjudged(&mut self) -> Flow {
        self.answer(Reply {
            status: 500,
            headers: vec![(
                "content-type".to_owned(),
                "application/problem+json".to_owned(),
            )],
            body: br#"{"type":"about:blank","title":"Internal error","status":500}"#.to_vec(),
            details: "weir_host_failure",
            log: format!("{}: a request could not be judged and was refused", P::NAME),
        })
    }

    fn try_host(&mut self, call: &str, run: impl FnOnce(&H) -> Result<(), Status>) {
        if let Err(status) = run(&self.host) {
            self.failure(call, status);
        }
    }

    fn failure(&mut self, call: &str, status: Status) {
        let Status(status) = status;
        self.host.log(
            Level::Warn,
            &format!("{}: the host refused {call} with status {status}", P::NAME),
        );
        let name = format!("{};filter={};call={call}", metric::HOST_FAILURES, P::NAME);
        self.host.count(&name, 1);
    }

    /// Does what the last step wanted done. Says so when a header of the request could not be
    /// changed: what was decided is not what would be sent.
    fn apply(&mut self) -> bool {
        let mut request_headers_set = true;
        let mut effects = std::mem::take(&mut self.effects);
        for effect in effects.drain() {
            let done = match &effect {
                Effect::SetRequestHeader(name, value) => {
                    self.host.set_header(Map::Request, name, value)
                }
                Effect::RemoveRequestHeader(name) => self.host.remove_header(Map::Request, name),
                Effect::SetResponseHeader(name, value) => {
                    self.host.set_header(Map::Response, name, value)
                }
                Effect::SetResponseTrailer(name, value) => {
                    self.host.set_header(Map::ResponseTrailers, name, value)
                }
                Effect::Fact(name, value) => self.facts.get_mut().set(&self.host, name, value),
                Effect::Count(name, by) => {
                    self.host.count(name, *by);
                    Ok(())
                }
                Effect::Observe(name, value) => {
                    self.host.observe(name, *value);
                    Ok(())
                }
                Effect::Log(level, line) => {
                    self.host.log(*level, line);
                    Ok(())
                }
                Effect::Call(call) => {
                    let called = self.host.call(call);
                    self.called = Some(called);
                    called.map(drop)
                }
            };
            if let Err(status) = done {
                let call = match effect {
                    Effect::RemoveRequestHeader(_) => "remove_header",
                    Effect::Fact(..) => "set_property",
                    Effect::SetResponseTrailer(..) => "set_trailer",
                    Effect::Call(_) => "grpc_call",
                    _ => "set_header",
                };
                self.failure(call, status);
                request_headers_set &= !matches!(
                    effect,
                    Effect::SetRequestHeader(..) | Effect::RemoveRequestHeader(_)
                );
            }
        }
        self.effects = effects;
        request_headers_set
    }
}

/// The declared length, 0 when there is none or it is not a number: Envoy refuses such a one.
fn declared_length(value: Option<&[u8]>) -> u64 {
    value
        .and_then(|v| std::str::from_utf8(v).ok())
        .and_then(|v| v.trim().parse().ok())
        .unwrap_or(0)
}
