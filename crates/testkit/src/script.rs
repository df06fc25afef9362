//! Plays exchanges through a policy natively, in a simulated Envoy.
//!
//! The policy runs in the same [`Driver`] as in Envoy; what is simulated is the proxy around it,
//! with the rules that ENVOY really has: headers cannot be set once they have gone on, buffers
//! gather what is held, a body is shown in the pieces it came in. It is no proof that Envoy
//! behaves so (the Envoy tests are), but it makes a thousand exchanges a second.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use weir_policy::{GrpcCall, GrpcStatus, Headers, Level, MemoryStore, Policy, Store, UnixNanos};
use weir_wasm_host::{Driver, Flow, Host, Map, Side, Status};

/// What is left when an exchange is over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The request as it reached the upstream; none when the filter answered by itself.
    pub sent: Option<Message>,
    /// The answer as the client got it.
    pub got: Message,
    /// Facts left in filter state, without their prefix.
    pub facts: BTreeMap<String, String>,
    /// Counters by full name.
    pub counters: BTreeMap<String, u64>,
    /// Trailers set on the answer.
    pub trailers: BTreeMap<String, String>,
    /// Lines in the operator's log.
    pub log: Vec<String>,
    /// Calls the filter made.
    pub calls: Vec<GrpcCall>,
}

impl Outcome {
    /// The answer's `:status`.
    pub fn status(&self) -> &str {
        self.got.header(":status")
    }

    /// A fact, or nothing.
    pub fn fact(&self, name: &str) -> &str {
        self.facts.get(name).map_or("", String::as_str)
    }

    /// A header of the request as sent, or nothing; also when nothing was sent.
    pub fn sent_header(&self, name: &str) -> &str {
        self.sent.as_ref().map_or("", |sent| sent.header(name))
    }

    /// The body of the request as sent.
    pub fn sent_body(&self) -> String {
        let body = self.sent.as_ref().map(|sent| sent.body.clone());
        String::from_utf8(body.unwrap_or_default()).expect("UTF-8")
    }
}

/// One side of an exchange.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// Headers, pseudo-headers among them.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Message {
    /// A message with these headers and body.
    pub fn new(headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Self {
        Self {
            headers: headers
                .iter()
                .map(|(n, v)| ((*n).to_owned(), v.as_bytes().to_vec()))
                .collect(),
            body: body.into(),
        }
    }

    /// A POST of JSON.
    pub fn post(path: &str, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        let length = body.len().to_string();
        Self::new(
            &[
                (":method", "POST"),
                (":path", path),
                (":authority", "api"),
                ("content-type", "application/json"),
                ("content-length", &length),
            ],
            body,
        )
    }

    /// An answer of this type.
    pub fn answer(content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        let length = body.len().to_string();
        let headers = [
            (":status", "200"),
            ("content-type", content_type),
            ("content-length", &length),
        ];
        Self::new(&headers, body)
    }

    /// Adds a header.
    pub fn with(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers
            .push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// The first value of a header as text, or nothing.
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(n, _)| n == name);
        found.map_or("", |(_, v)| std::str::from_utf8(v).expect("UTF-8"))
    }
}

/// How an exchange is played.
#[derive(Clone, Debug)]
pub struct Play {
    /// Where the request's body is cut into pieces.
    pub request_cuts: Vec<usize>,
    /// Where the response's body is cut into pieces.
    pub response_cuts: Vec<usize>,
    /// Whether the request's body ends in trailers.
    pub request_trailers: bool,
    /// Whether the response's body ends in trailers.
    pub response_trailers: bool,
    /// What filter state and attributes are there, by path joined with `/`.
    pub attributes: BTreeMap<String, String>,
    /// What has become of attributes when the exchange is over.
    pub attributes_at_end: BTreeMap<String, String>,
    /// The number the policy gets as random.
    pub random: u64,
    /// Whether the proxy refuses every change of the request's headers.
    pub refuse_header_changes: bool,
    /// The shared store, so that one exchange sees what another left.
    pub store: Rc<MemoryStore>,
    /// When the exchange begins, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// How long a step of the exchange takes, in milliseconds.
    pub clock_step_ms: u64,
    /// Where the exchange breaks off: before the answer's headers, or behind so many bytes of
    /// its body.
    pub breaks_off: Option<BreaksOff>,
    /// What services answer to calls; none: the call cannot be made.
    pub grpc: Option<Result<Vec<u8>, GrpcStatus>>,
}

/// Where an exchange breaks off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreaksOff {
    /// Before there is an answer.
    BeforeAnswer,
    /// Behind so many bytes of the answer's body.
    Behind(usize),
}

impl Default for Play {
    fn default() -> Self {
        Self {
            request_cuts: Vec::new(),
            response_cuts: Vec::new(),
            request_trailers: false,
            response_trailers: false,
            attributes: BTreeMap::new(),
            attributes_at_end: BTreeMap::new(),
            random: 4,
            refuse_header_changes: false,
            store: Rc::default(),
            at_ms: 1_700_000_000_000,
            clock_step_ms: 0,
            breaks_off: None,
            grpc: None,
        }
    }
}

impl Play {
    /// Plays one exchange through a new driver. `answer` makes the upstream's answer of the
    /// request that reached it.
    ///
    /// # Panics
    /// When the driver does what Envoy would not allow.
    pub fn run<P: Policy>(
        &self,
        policy: &Rc<P>,
        request: &Message,
        answer: impl FnOnce(&Message) -> Message,
    ) -> Outcome {
        let host = Simulated::new(self, request);
        let mut driver = Driver::new(Rc::clone(policy), host.clone());
        let done = self.drive(&mut driver, &host, request, answer);
        host.state.borrow_mut().at_end = self.attributes_at_end.clone();
        driver.log();
        driver.log(); // A second call must do nothing.
        let mut state = host.state.borrow_mut();
        assert_eq!(
            state.refused,
            Vec::<String>::new(),
            "calls Envoy would refuse"
        );
        let mut outcome = std::mem::take(&mut state.outcome);
        // How filters tell each other is no part of what an exchange leaves.
        outcome.facts.remove(weir_policy::names::fact::ALL);
        outcome.sent = done.0;
        outcome.got = done.1;
        outcome
    }

    fn drive<P: Policy>(
        &self,
        driver: &mut Driver<P, Simulated>,
        host: &Simulated,
        request: &Message,
        answer: impl FnOnce(&Message) -> Message,
    ) -> (Option<Message>, Message) {
        let mut body = Vec::new();
        let bodiless = request.body.is_empty() && !self.request_trailers;
        let mut flow = driver.request_headers(bodiless);
        self.answer_call(driver, host, &mut flow);
        if let Some(reply) = host.reply() {
            return (None, reply);
        }
        host.set_held(Map::Request, flow == Flow::Pause);
        if !bodiless {
            let pieces = pieces(&request.body, &self.request_cuts);
            for (at, piece) in pieces.iter().enumerate() {
                let end = at + 1 == pieces.len() && !self.request_trailers;
                let size = host.offer(Side::Request, piece);
                flow = driver.request_body(size, end);
                self.answer_call(driver, host, &mut flow);
                if let Some(reply) = host.reply() {
                    return (None, reply);
                }
                if flow == Flow::Continue {
                    host.set_held(Map::Request, false);
                    body.extend(host.take(Side::Request));
                }
            }
            if self.request_trailers {
                flow = driver.request_trailers();
                self.answer_call(driver, host, &mut flow);
                if let Some(reply) = host.reply() {
                    return (None, reply);
                }
                body.extend(host.take(Side::Request));
            }
        }
        assert_eq!(flow, Flow::Continue, "the request never goes on");
        host.set_held(Map::Request, false);
        let sent = Message {
            headers: host.headers_of(Map::Request),
            body,
        };
        check_length(&sent);

        if self.breaks_off == Some(BreaksOff::BeforeAnswer) {
            return (Some(sent), Message::default());
        }
        let mut answer = answer(&sent);
        if let Some(BreaksOff::Behind(bytes)) = self.breaks_off {
            answer.body.truncate(bytes);
            // The length that was promised is not kept.
            answer.headers.retain(|(name, _)| name != "content-length");
        }
        host.begin_response(&answer);
        let whole = self.breaks_off.is_none();
        let bodiless = answer.body.is_empty() && !self.response_trailers && whole;
        let flow = driver.response_headers(bodiless);
        host.set_held(Map::Response, flow == Flow::Pause);
        let mut body = Vec::new();
        if !bodiless {
            let pieces = pieces(&answer.body, &self.response_cuts);
            for (at, piece) in pieces.iter().enumerate() {
                let end = at + 1 == pieces.len() && !self.response_trailers && whole;
                let size = host.offer(Side::Response, piece);
                if driver.response_body(size, end) == Flow::Continue {
                    host.set_held(Map::Response, false);
                    body.extend(host.take(Side::Response));
                }
            }
            if self.response_trailers && whole {
                driver.response_trailers();
                body.extend(host.take(Side::Response));
            }
        }
        let got = Message {
            headers: host.headers_of(Map::Response),
            body,
        };
        check_length(&got);
        (Some(sent), got)
    }
}

impl Play {
    /// Has the call answered that the last step has made, if any.
    fn answer_call<P: Policy>(
        &self,
        driver: &mut Driver<P, Simulated>,
        host: &Simulated,
        flow: &mut Flow,
    ) {
        let Some(call) = host.state.borrow_mut().called.take() else {
            return;
        };
        if host.reply().is_some() {
            return;
        }
        assert_eq!(*flow, Flow::Pause, "nobody waits for the call");
        // Of other calls the driver takes no notice.
        driver.called(call + 1, Ok(&[]));
        let answer = self.grpc.as_ref().expect("a call was made");
        driver.called(call, answer.as_deref().map_err(|&status| status));
        if std::mem::take(&mut host.state.borrow_mut().resumed) {
            *flow = Flow::Continue;
        }
    }
}

/// A wrong `content-length` is request smuggling or a hanging client.
fn check_length(message: &Message) {
    let length = message.header("content-length");
    if !length.is_empty() {
        assert_eq!(length, message.body.len().to_string(), "content-length");
    }
}

/// `bytes` cut at these places; at least one piece.
pub fn pieces<'a>(bytes: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    let mut start = 0;
    for &cut in cuts {
        let cut = cut.clamp(start, bytes.len());
        pieces.push(&bytes[start..cut]);
        start = cut;
    }
    pieces.push(&bytes[start..]);
    pieces
}

/// Every way to cut `len` bytes that a stream reader must not notice: whole, in two at every
/// place, byte by byte.
pub fn all_cuts(len: usize) -> Vec<Vec<usize>> {
    let mut cuts = vec![Vec::new(), (1..len).collect()];
    cuts.extend((1..len).map(|at| vec![at]));
    cuts
}

#[derive(Clone)]
struct Simulated {
    state: Rc<RefCell<State>>,
    store: Rc<MemoryStore>,
    attributes: Rc<BTreeMap<String, String>>,
    random: u64,
    refuse_header_changes: bool,
    takes_calls: bool,
}

#[derive(Default)]
struct State {
    request: Vec<(String, Vec<u8>)>,
    response: Vec<(String, Vec<u8>)>,
    /// Headers that can still be set, by side.
    settable: [bool; 2],
    buffers: [Vec<u8>; 2],
    reply: Option<Message>,
    /// The call that is to be answered.
    called: Option<u32>,
    resumed: bool,
    outcome: Outcome,
    refused: Vec<String>,
    /// Attributes that have changed by now.
    at_end: BTreeMap<String, String>,
    step: u64,
    now: u64,
}

impl Simulated {
    fn new(play: &Play, request: &Message) -> Self {
        let state = State {
            request: request.headers.clone(),
            settable: [true, false],
            now: play.at_ms * 1_000_000,
            step: play.clock_step_ms,
            ..State::default()
        };
        Self {
            state: Rc::new(RefCell::new(state)),
            store: Rc::clone(&play.store),
            attributes: Rc::new(play.attributes.clone()),
            random: play.random,
            refuse_header_changes: play.refuse_header_changes,
            takes_calls: play.grpc.is_some(),
        }
    }

    fn reply(&self) -> Option<Message> {
        self.state.borrow().reply.clone()
    }

    fn set_held(&self, map: Map, held: bool) {
        self.state.borrow_mut().settable[map as usize] = held;
    }

    fn begin_response(&self, answer: &Message) {
        let mut state = self.state.borrow_mut();
        state.response = answer.headers.clone();
        state.settable = [false, true];
    }

    fn offer(&self, side: Side, piece: &[u8]) -> usize {
        let mut state = self.state.borrow_mut();
        let buffer = &mut state.buffers[side as usize];
        buffer.extend_from_slice(piece);
        buffer.len()
    }

    fn take(&self, side: Side) -> Vec<u8> {
        std::mem::take(&mut self.state.borrow_mut().buffers[side as usize])
    }

    fn headers_of(&self, map: Map) -> Vec<(String, Vec<u8>)> {
        let state = self.state.borrow();
        match map {
            Map::Request => state.request.clone(),
            Map::Response => state.response.clone(),
            Map::ResponseTrailers => Vec::new(),
        }
    }

    fn change(&self, map: Map, name: &str, value: Option<&[u8]>) -> Result<(), Status> {
        let mut state = self.state.borrow_mut();
        if map == Map::ResponseTrailers {
            let value = String::from_utf8_lossy(value.unwrap_or_default()).into_owned();
            state.outcome.trailers.insert(name.to_owned(), value);
            return Ok(());
        }
        if self.refuse_header_changes && map == Map::Request {
            return Err(Status(10));
        }
        if !state.settable[map as usize] {
            state
                .refused
                .push(format!("a change of {map:?} header {name}"));
            return Err(Status(2));
        }
        let headers = match map {
            Map::Request => &mut state.request,
            Map::Response | Map::ResponseTrailers => &mut state.response,
        };
        let place = headers.iter().position(|(n, _)| n == name);
        headers.retain(|(n, _)| n != name);
        if let Some(value) = value {
            let place = place.unwrap_or(headers.len()).min(headers.len());
            headers.insert(place, (name.to_owned(), value.to_vec()));
        }
        Ok(())
    }
}

impl Host for Simulated {
    fn headers(&self, map: Map) -> Result<Headers, Status> {
        Ok(self.headers_of(map).into_iter().collect())
    }

    fn set_header(&self, map: Map, name: &str, value: &[u8]) -> Result<(), Status> {
        self.change(map, name, Some(value))
    }

    fn remove_header(&self, map: Map, name: &str) -> Result<(), Status> {
        self.change(map, name, None)
    }

    fn body(&self, side: Side, len: usize) -> Result<Vec<u8>, Status> {
        let state = self.state.borrow();
        let buffer = &state.buffers[side as usize];
        if buffer.is_empty() {
            return Err(Status(1));
        }
        Ok(buffer[..len.min(buffer.len())].to_vec())
    }

    fn set_body(&self, side: Side, bytes: &[u8]) -> Result<(), Status> {
        self.state.borrow_mut().buffers[side as usize] = bytes.to_vec();
        Ok(())
    }

    fn property(&self, path: &[&str]) -> Option<Vec<u8>> {
        let state = self.state.borrow();
        let path_text = path.join("/");
        let changed = state.at_end.get(&path_text);
        let given = changed.or_else(|| self.attributes.get(&path_text)).cloned();
        let fact = || match path {
            ["filter_state", key] => {
                let name = key.strip_prefix("wasm.weir.")?;
                state.outcome.facts.get(name).cloned()
            }
            _ => None,
        };
        given.or_else(fact).map(String::into_bytes)
    }

    fn set_property(&self, name: &str, value: &[u8]) -> Result<(), Status> {
        let name = name
            .strip_prefix("weir.")
            .expect("a fact of ours")
            .to_owned();
        let value = String::from_utf8(value.to_vec()).expect("UTF-8");
        self.state.borrow_mut().outcome.facts.insert(name, value);
        Ok(())
    }

    fn reply(
        &self,
        status: u16,
        details: &str,
        headers: &[(String, String)],
        body: &[u8],
    ) -> Result<(), Status> {
        let mut all = vec![(":status".to_owned(), status.to_string().into_bytes())];
        all.extend(
            headers
                .iter()
                .map(|(n, v)| (n.clone(), v.as_bytes().to_vec())),
        );
        all.push(("details".to_owned(), details.as_bytes().to_vec()));
        let message = Message {
            headers: all,
            body: body.to_vec(),
        };
        let earlier = self.state.borrow_mut().reply.replace(message);
        assert!(earlier.is_none(), "a second answer");
        Ok(())
    }

    fn call(&self, call: &GrpcCall) -> Result<u32, Status> {
        if !self.takes_calls {
            return Err(Status(10));
        }
        let mut state = self.state.borrow_mut();
        state.outcome.calls.push(call.clone());
        let number = u32::try_from(state.outcome.calls.len()).expect("few calls");
        state.called = Some(number);
        Ok(number)
    }

    fn resume_request(&self) -> Result<(), Status> {
        self.state.borrow_mut().resumed = true;
        Ok(())
    }

    fn now(&self) -> UnixNanos {
        // A little time between any two looks at the clock.
        let mut state = self.state.borrow_mut();
        state.now += 1000 + state.step * 1_000_000;
        UnixNanos(state.now)
    }

    fn random(&self) -> u64 {
        self.random
    }

    fn log(&self, _: Level, line: &str) {
        self.state.borrow_mut().outcome.log.push(line.to_owned());
    }

    fn count(&self, metric: &str, by: u64) {
        let mut state = self.state.borrow_mut();
        *state.outcome.counters.entry(metric.to_owned()).or_default() += by;
    }

    fn observe(&self, metric: &str, _: u64) {
        self.count(&format!("{metric};observed"), 1);
    }

    fn store(&self) -> &dyn Store {
        &*self.store
    }
}
