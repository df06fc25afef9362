//! The proxy around the filters: headers, bodies, filter state, and a record of what each did.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use weir_policy::{GrpcCall, Headers, Level, MemoryStore, Store, UnixNanos};
use weir_wasm_host::{Host, Map, Status};

use super::exchange::{Message, Surroundings};

pub(super) use weir_wasm_host::Side;

/// A moment in the middle of a minute, a day and a month.
const NOW_MS: u64 = 1_768_478_430_000;

/// What a filter did.
#[derive(Clone, Debug, Default)]
pub(super) struct Record {
    /// Headers of the request, with their value or removed.
    pub(super) request_headers: Vec<(String, Option<String>)>,
    /// Headers of the answer.
    pub(super) response_headers: Vec<(String, Option<String>)>,
    /// The request's body before and after.
    pub(super) request_body: Option<(Vec<u8>, Vec<u8>)>,
    /// The answer's body before and after.
    pub(super) response_body: Option<(Vec<u8>, Vec<u8>)>,
    /// Facts it left, the last value of each; before there is an answer, and at the end.
    pub(super) facts: BTreeMap<String, String>,
    pub(super) facts_at_end: BTreeMap<String, String>,
    /// What it answered by itself: status, `%RESPONSE_CODE_DETAILS%`, message.
    pub(super) reply: Option<(String, Message)>,
    pub(super) log: Vec<String>,
    /// What it holds and what is charged at the end.
    pub(super) shares: Vec<Share>,
    pub(super) shares_at_end: Vec<Share>,
    /// What the prompt costs, and the most there can be.
    pub(super) price: Option<(String, String)>,
    pub(super) is_foreign: bool,
    /// The cluster of the service it asked.
    pub(super) asked: Option<String>,
}

/// What a request holds of a limit or budget.
#[derive(Clone, Debug)]
pub(super) struct Share {
    pub(super) name: String,
    pub(super) reserved: String,
    pub(super) used: String,
}

/// The simulated proxy.
#[derive(Debug)]
pub(super) struct Proxy {
    state: RefCell<State>,
    surroundings: Surroundings,
    store: MemoryStore,
}

#[derive(Debug)]
struct State {
    headers: [Vec<(String, Vec<u8>)>; 2],
    bodies: [Vec<u8>; 2],
    facts: BTreeMap<String, String>,
    records: Vec<Record>,
    /// The filter whose turn it is, the side that moves, and whether its headers can be set.
    turn: (usize, Side, bool),
    answered: bool,
    ending: bool,
}

const fn index(side: Side) -> usize {
    match side {
        Side::Request => 0,
        Side::Response => 1,
    }
}

impl Proxy {
    pub(super) fn new(surroundings: Surroundings, request: &Message, filters: usize) -> Self {
        let state = State {
            headers: [request.headers.clone(), Vec::new()],
            bodies: [request.body.clone(), Vec::new()],
            facts: BTreeMap::new(),
            records: vec![Record::default(); filters],
            turn: (0, Side::Request, true),
            answered: false,
            ending: false,
        };
        Self {
            state: RefCell::new(state),
            surroundings,
            store: MemoryStore::default(),
        }
    }

    /// It is this filter's turn.
    pub(super) fn at(&self, filter: usize, side: Side, settable: bool) {
        self.state.borrow_mut().turn = (filter, side, settable);
    }

    pub(super) fn is_answered(&self) -> bool {
        self.state.borrow().answered
    }

    pub(super) fn length(&self, side: Side) -> usize {
        self.state
            .borrow()
            .bodies
            .get(index(side))
            .map_or(0, Vec::len)
    }

    pub(super) fn begin_answer(&self, answer: &Message) {
        let mut state = self.state.borrow_mut();
        let [_, headers] = &mut state.headers;
        headers.clone_from(&answer.headers);
        let [_, body] = &mut state.bodies;
        body.clone_from(&answer.body);
        state.ending = true;
    }

    pub(super) fn message(&self, side: Side) -> Message {
        let state = self.state.borrow();
        let at = index(side);
        Message {
            headers: state.headers.get(at).cloned().unwrap_or_default(),
            body: state.bodies.get(at).cloned().unwrap_or_default(),
        }
    }

    pub(super) fn records(&self) -> Vec<Record> {
        self.state.borrow().records.clone()
    }

    /// Writes into the record of the filter whose turn it is.
    pub(super) fn note(&self, note: impl FnOnce(&mut Record)) {
        let mut state = self.state.borrow_mut();
        let (filter, _, _) = state.turn;
        if let Some(record) = state.records.get_mut(filter) {
            note(record);
        }
    }

    fn change(&self, map: Map, name: &str, value: Option<&[u8]>) -> Result<(), Status> {
        let shown = value.map(|value| String::from_utf8_lossy(value).into_owned());
        let side = match map {
            Map::Request => Side::Request,
            Map::Response => Side::Response,
            Map::ResponseTrailers => {
                let name = format!("{name} (trailer)");
                self.note(|record| record.response_headers.push((name, shown)));
                return Ok(());
            }
        };
        let had = {
            let mut state = self.state.borrow_mut();
            let (_, moving, settable) = state.turn;
            if moving != side || !settable {
                // What a proxy says of headers that have gone on.
                return Err(Status(2));
            }
            let Some(headers) = state.headers.get_mut(index(side)) else {
                return Err(Status(2));
            };
            let place = headers.iter().position(|(n, _)| n == name);
            let had = place.and_then(|at| headers.get(at)).map(|(_, v)| v.clone());
            headers.retain(|(n, _)| n != name);
            if let Some(value) = value {
                let place = place.unwrap_or(headers.len()).min(headers.len());
                headers.insert(place, (name.to_owned(), value.to_vec()));
            }
            had
        };
        // What changes nothing is no news.
        if had.as_deref() != value {
            self.note(|record| {
                let list = match side {
                    Side::Request => &mut record.request_headers,
                    Side::Response => &mut record.response_headers,
                };
                list.push((name.to_owned(), shown));
            });
        }
        Ok(())
    }
}

/// The proxy as one filter sees it.
#[derive(Debug)]
pub(super) struct Seen(pub(super) Rc<Proxy>);

impl Host for Seen {
    fn headers(&self, map: Map) -> Result<Headers, Status> {
        let side = match map {
            Map::Request => Side::Request,
            Map::Response | Map::ResponseTrailers => Side::Response,
        };
        Ok(self.0.message(side).headers.into_iter().collect())
    }

    fn set_header(&self, map: Map, name: &str, value: &[u8]) -> Result<(), Status> {
        self.0.change(map, name, Some(value))
    }

    fn remove_header(&self, map: Map, name: &str) -> Result<(), Status> {
        self.0.change(map, name, None)
    }

    fn body(&self, side: Side, len: usize) -> Result<Vec<u8>, Status> {
        let mut body = self.0.message(side).body;
        if body.is_empty() {
            return Err(Status(1));
        }
        body.truncate(len);
        Ok(body)
    }

    fn set_body(&self, side: Side, bytes: &[u8]) -> Result<(), Status> {
        let before = {
            let mut state = self.0.state.borrow_mut();
            let Some(body) = state.bodies.get_mut(index(side)) else {
                return Err(Status(2));
            };
            std::mem::replace(body, bytes.to_vec())
        };
        self.0.note(|record| {
            let both = Some((before, bytes.to_vec()));
            match side {
                Side::Request => record.request_body = both,
                Side::Response => record.response_body = both,
            }
        });
        Ok(())
    }

    /// Nobody is asked; the filter goes on as after an answer that objects to nothing.
    fn call(&self, call: &GrpcCall) -> Result<u32, Status> {
        let cluster = call.cluster.clone();
        self.0.note(|record| record.asked = Some(cluster));
        Ok(super::CALL)
    }

    fn resume_request(&self) -> Result<(), Status> {
        Ok(())
    }

    fn property(&self, path: &[&str]) -> Option<Vec<u8>> {
        if let ["filter_state", key] = path
            && let Some(fact) = key.strip_prefix("wasm.")
            && let Some(value) = self.0.state.borrow().facts.get(fact)
        {
            return Some(value.clone().into_bytes());
        }
        if *path == ["response", "code_details"] && self.0.state.borrow().ending {
            return Some(b"via_upstream".to_vec());
        }
        self.0.surroundings.get(path)
    }

    fn set_property(&self, name: &str, value: &[u8]) -> Result<(), Status> {
        let value = String::from_utf8_lossy(value).into_owned();
        let ending = {
            let mut state = self.0.state.borrow_mut();
            state.facts.insert(name.to_owned(), value.clone());
            state.ending
        };
        let name = name.rsplit('.').next().unwrap_or(name).to_owned();
        self.0.note(|record| {
            let facts = match ending {
                true => &mut record.facts_at_end,
                false => &mut record.facts,
            };
            facts.insert(name, value);
        });
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
        let own = headers.iter();
        all.extend(own.map(|(name, value)| (name.clone(), value.as_bytes().to_vec())));
        let message = Message {
            headers: all,
            body: body.to_vec(),
        };
        self.0.state.borrow_mut().answered = true;
        self.0
            .note(|record| record.reply = Some((details.to_owned(), message)));
        Ok(())
    }

    fn now(&self) -> UnixNanos {
        UnixNanos(NOW_MS * 1_000_000)
    }

    fn random(&self) -> u64 {
        0
    }

    fn log(&self, _: Level, line: &str) {
        self.0.note(|record| record.log.push(line.to_owned()));
    }

    fn count(&self, _: &str, _: u64) {}

    fn observe(&self, _: &str, _: u64) {}

    fn store(&self) -> &dyn Store {
        &self.0.store
    }
}
