//! The five steps of an exchange and their answers.

use std::cell::Cell;

use crate::{ConfigError, Effects, GrpcStatus, Headers, Store, UnixNanos};

/// A configured policy: what one plugin of Envoy's configuration runs on.
pub trait Policy: Sized + 'static {
    /// The filter's name, which is also its `root_id`.
    const NAME: &'static str;
    /// The state of one exchange.
    type Exchange: Exchange;

    /// Reads the plugin's configuration.
    ///
    /// # Errors
    /// Anything that is not exactly as documented; Envoy then refuses the configuration.
    fn configure(json: &[u8]) -> Result<Self, ConfigError>;

    /// Whether request and response headers are held back until a body has been judged. Works
    /// only when the plugin has `allow_on_headers_stop_iteration: true`.
    fn hold(&self) -> bool;

    /// Longest body read, in bytes; see [`Exchange::request_body`] for what happens beyond.
    fn max_body_bytes(&self) -> usize;

    /// Begins an exchange.
    fn exchange(&self) -> Self::Exchange;

    /// What there is to do outside of exchanges, if anything.
    fn background(&self) -> Option<&dyn Background> {
        None
    }
}

/// What is done outside of exchanges. Each worker has a policy of its own, and so one of these. Of
/// the effects only calls, metrics and log lines are carried out; there are no attributes.
pub trait Background {
    /// Milliseconds from one [`tick`](Self::tick) to the next.
    fn tick_ms(&self) -> u32;

    /// Some time has passed. Not called while the answer to a call is waited for.
    fn tick(&self, cx: &mut Cx<'_>);

    /// The answer to the call that the last [`tick`](Self::tick) asked for. Returns whether the
    /// next should not be waited for.
    fn called(&self, cx: &mut Cx<'_>, answer: Result<&[u8], GrpcStatus>) -> bool;

    /// Whether something is left that must be done before this may go.
    fn is_left(&self) -> bool;

    /// It goes, whatever is left.
    fn give_up(&self, cx: &mut Cx<'_>);
}

/// One HTTP exchange. The host calls the steps in the order they are written here, each at most
/// once except `response_chunk`, and `end` exactly once after any other. Only an exchange that
/// was answered with [`HeadAnswer::Ignore`] is dropped without one.
pub trait Exchange: Sized {
    /// The request's headers are there.
    fn request_headers(&mut self, cx: &mut Cx<'_>, headers: &Headers) -> HeadAnswer;

    /// The request's whole body is there, or it is longer than allowed. Called only after
    /// [`HeadAnswer::NeedBody`].
    fn request_body(&mut self, cx: &mut Cx<'_>, body: Result<&[u8], TooLarge>) -> BodyAnswer;

    /// The answer to the call that the last step asked for, while the request waits. It goes on
    /// when this returns nothing.
    fn called(&mut self, _cx: &mut Cx<'_>, _answer: Result<&[u8], GrpcStatus>) -> Option<Reply> {
        None
    }

    /// The response's headers are there. `end`: no body follows.
    fn response_headers(&mut self, cx: &mut Cx<'_>, headers: &Headers, end: bool)
    -> ResponseAnswer;

    /// A piece of the response's body. After [`ResponseAnswer::Whole`] there is one piece with
    /// everything, `end` set. The last piece may be empty. When the stream ends in trailers or
    /// breaks off, `end` may never be seen: [`Exchange::end`] always is.
    fn response_chunk(&mut self, cx: &mut Cx<'_>, chunk: &[u8], end: bool) -> ChunkAnswer;

    /// The exchange is over, however it ended. Facts and metrics still go out.
    fn end(self, cx: &mut Cx<'_>, ending: Ending);
}

/// What a step is given beside its bytes.
pub struct Cx<'a> {
    clock: &'a dyn Clock,
    now: Cell<Option<UnixNanos>>,
    /// A number that is different for every exchange and not to be foreseen by a client.
    pub random: u64,
    /// Envoy's attributes of this exchange.
    pub attributes: &'a dyn Attributes,
    /// The cache that all workers share.
    pub store: &'a dyn Store,
    /// What is to be done beside the answer.
    pub effects: &'a mut Effects,
}

impl<'a> Cx<'a> {
    /// The surroundings of one step.
    pub fn new(
        clock: &'a dyn Clock,
        random: u64,
        attributes: &'a dyn Attributes,
        store: &'a dyn Store,
        effects: &'a mut Effects,
    ) -> Self {
        Self {
            clock,
            now: Cell::new(None),
            random,
            attributes,
            store,
            effects,
        }
    }

    /// The time of this step. The host is asked once, and only by who wants to know.
    pub fn now(&self) -> UnixNanos {
        if let Some(now) = self.now.get() {
            return now;
        }
        let now = self.clock.now();
        self.now.set(Some(now));
        now
    }
}

/// A clock.
pub trait Clock {
    /// The time.
    fn now(&self) -> UnixNanos;
}

/// One that stands still.
impl Clock for UnixNanos {
    fn now(&self) -> UnixNanos {
        *self
    }
}

/// Look-ups in what the proxy knows of an exchange (Envoy's attributes: `source`, `metadata`, …).
pub trait Attributes {
    /// The raw value at `path`, if there is one in this phase.
    fn get(&self, path: &[&str]) -> Option<Vec<u8>>;

    /// A fact that an earlier filter of the suite left.
    fn fact(&self, name: &str) -> Option<String> {
        self.get(&[
            "filter_state",
            &format!("wasm.{}{name}", crate::names::fact::PREFIX),
        ])
        .and_then(|value| String::from_utf8(value).ok())
    }
}

/// The request's body is longer than the policy allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge {
    /// The limit in bytes.
    pub limit: usize,
}

/// Answer to the request's headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeadAnswer {
    /// Let the request go on. Its body will not be shown; the response's headers will.
    Pass,
    /// Not ours: no further step at all, not even `end`.
    Ignore,
    /// Show me the whole body before it goes on.
    NeedBody,
    /// Answer the client now.
    Reply(Reply),
}

/// Answer to the request's body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BodyAnswer {
    /// Send it as it came.
    Pass,
    /// Send this instead.
    Replace(Vec<u8>),
    /// Answer the client now; nothing has left for the upstream.
    Reply(Reply),
}

/// Answer to the response's headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseAnswer {
    /// Pass the body without showing it.
    Pass,
    /// Show me every piece as it passes; I change nothing.
    Watch,
    /// Show me every piece; I may change it and its length.
    Edit,
    /// Hold the body back and show it to me once, whole. A body that is too large to hold is
    /// passed on and not shown.
    Whole,
}

/// Answer to a piece of the response's body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChunkAnswer {
    /// Pass it as it came.
    Pass,
    /// Pass this instead; may be empty.
    Replace(Vec<u8>),
    /// Pass it, and show me no more.
    Finished,
}

/// How an exchange ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending {
    /// The end of the response's body was seen: neither side hung up on it.
    pub complete: bool,
}

/// A local answer to the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status code.
    pub status: u16,
    /// Headers, `content-type` among them. `content-length` is the host's.
    pub headers: Vec<(String, String)>,
    /// The body, in the shape of the caller's API.
    pub body: Vec<u8>,
    /// A fixed word for Envoy's `%RESPONSE_CODE_DETAILS%`, as `weir_model_denied`.
    pub details: &'static str,
    /// The operator's text: what happened and which rule decided. Never prompt text, never a key.
    /// Empty when there is nothing to say.
    pub log: String,
}
