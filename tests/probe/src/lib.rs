//! A test-only filter that works the store and the driver in real Envoy. Request headers say what
//! to do:
//!
//! - `x-probe-add: N` adds one to a counter, N times, by compare-and-swap, and replies.
//! - `x-probe-owners: FROM-TO` touches the slot of each owner in the range, and replies.
//! - `x-probe-owner: NAME` adds one to that owner's slot, and replies.
//! - `x-probe-trap: yes` traps, and takes every filter of the VM with it.
//! - `x-probe-request: pass|append|halve|empty|reply` is the answer to the request's body.
//! - `x-probe-response: pass|watch|edit|whole` is the answer to the response's headers. `edit`
//!   upper-cases and adds `!` at the end; `whole` adds `+whole`.
//!
//! Configuration: `hold` (0 or 1) and `limit` (bytes). token-limit is in the same module, so that it
//! can be taken along by a trap.

use std::collections::BTreeMap;

use weir_policy::config::load;
use weir_policy::{
    BodyAnswer, ChunkAnswer, ConfigError, Cx, Ending, Exchange, HeadAnswer, Headers, Owner, Policy,
    Reply, ResponseAnswer, SlotAnswer, SlotTable, TooLarge, update,
};

#[cfg(target_arch = "wasm32")]
weir_wasm_host::bundle!(Probe, token_limit::TokenLimit);

/// The filter.
pub struct Probe {
    hold: bool,
    limit: usize,
}

/// One exchange.
#[derive(Default)]
pub struct Probing {
    request: String,
    response: String,
    bytes: usize,
}

/// Slots of the table under test.
const SLOTS: u32 = 4096;
/// Steps between two additions: some microseconds.
const PAUSE: u32 = 5_000;
/// How long an owner is remembered, in milliseconds.
const TTL_MS: u64 = 60_000;

impl Policy for Probe {
    const NAME: &'static str = "probe";
    type Exchange = Probing;

    fn configure(json: &[u8]) -> Result<Self, ConfigError> {
        let settings: BTreeMap<String, usize> = load(json)?;
        Ok(Self {
            hold: settings.get("hold") == Some(&1),
            limit: settings.get("limit").copied().unwrap_or(1 << 20),
        })
    }

    fn hold(&self) -> bool {
        self.hold
    }

    fn max_body_bytes(&self) -> usize {
        self.limit
    }

    fn exchange(&self) -> Probing {
        Probing::default()
    }
}

fn touch(cx: &Cx<'_>, owner: &str) -> String {
    let table = SlotTable::<8>::new("probe", SLOTS);
    let done = table.update(cx.store, Owner::new([owner]), cx.now().millis(), |state| {
        let count = state.map_or(0, |bytes| u64::from_le_bytes(*bytes)) + 1;
        SlotAnswer::Store {
            state: count.to_le_bytes(),
            expires_ms: cx.now().millis() + TTL_MS,
            value: count,
        }
    });
    match done {
        Ok(done) => format!("{:?} {}", done.placement, done.value),
        Err(error) => error.to_string(),
    }
}

impl Exchange for Probing {
    fn request_headers(&mut self, cx: &mut Cx<'_>, headers: &Headers) -> HeadAnswer {
        let number = |text: Option<&str>| text.and_then(|t| t.parse::<u64>().ok());
        let answer = if let Some(times) = number(headers.text("x-probe-add")) {
            let (mut last, mut conflicts) = (0, 0);
            for _ in 0..times {
                let added = update(cx.store, "weir/probe/counter", |bytes| {
                    let first = bytes.and_then(|b| b.first_chunk());
                    let count = first.map_or(0, |b| u64::from_le_bytes(*b)) + 1;
                    (Some(count.to_le_bytes().to_vec()), count)
                });
                match added {
                    Ok(added) => {
                        last = added.value;
                        conflicts += added.conflicts;
                    }
                    Err(error) => return HeadAnswer::Reply(reply(500, error.to_string())),
                }
                // A filter does other things between two changes. Without a pause the workers
                // would queue for the store's lock and measure that.
                for step in 0..PAUSE {
                    std::hint::black_box(step);
                }
            }
            format!("{last} {conflicts}")
        } else if let Some((from, to)) = headers
            .text("x-probe-owners")
            .and_then(|range| range.split_once('-'))
        {
            let (from, to) = (
                number(Some(from)).unwrap_or(0),
                number(Some(to)).unwrap_or(0),
            );
            let mut overflowed = 0_u64;
            for owner in from..to {
                overflowed += u64::from(touch(cx, &owner.to_string()).starts_with("Overflow"));
            }
            overflowed.to_string()
        } else if let Some(owner) = headers.text("x-probe-owner") {
            touch(cx, owner)
        } else if headers.has("x-probe-trap") {
            std::process::abort()
        } else {
            let asked = |name| headers.text(name).unwrap_or_default().to_owned();
            self.request = asked("x-probe-request");
            self.response = asked("x-probe-response");
            return match (self.request.as_str(), self.response.as_str()) {
                ("", "") => HeadAnswer::Ignore,
                ("", _) => HeadAnswer::Pass,
                _ => HeadAnswer::NeedBody,
            };
        };
        HeadAnswer::Reply(reply(200, answer))
    }

    fn request_body(&mut self, _: &mut Cx<'_>, body: Result<&[u8], TooLarge>) -> BodyAnswer {
        let Ok(body) = body else {
            return BodyAnswer::Reply(reply(413, "too large".to_owned()));
        };
        match self.request.as_str() {
            "append" => BodyAnswer::Replace([body, b"+more"].concat()),
            "halve" => BodyAnswer::Replace(body.iter().take(body.len() / 2).copied().collect()),
            "empty" => BodyAnswer::Replace(Vec::new()),
            "reply" => BodyAnswer::Reply(reply(418, format!("saw {}", body.len()))),
            _ => BodyAnswer::Pass,
        }
    }

    fn response_headers(&mut self, cx: &mut Cx<'_>, _: &Headers, _: bool) -> ResponseAnswer {
        cx.effects.set_response_header("x-probe", "seen");
        match self.response.as_str() {
            "watch" => ResponseAnswer::Watch,
            "edit" => ResponseAnswer::Edit,
            "whole" => ResponseAnswer::Whole,
            _ => ResponseAnswer::Pass,
        }
    }

    fn response_chunk(&mut self, _: &mut Cx<'_>, chunk: &[u8], end: bool) -> ChunkAnswer {
        self.bytes += chunk.len();
        match self.response.as_str() {
            "edit" => {
                let mut upper = chunk.to_ascii_uppercase();
                // Bytes that come with trailers could not be added any more.
                if end && !chunk.is_empty() {
                    upper.push(b'!');
                }
                ChunkAnswer::Replace(upper)
            }
            "whole" => ChunkAnswer::Replace([chunk, b"+whole"].concat()),
            _ => ChunkAnswer::Pass,
        }
    }

    fn end(self, cx: &mut Cx<'_>, ending: Ending) {
        let verdict = if ending.complete {
            "complete"
        } else {
            "broken"
        };
        cx.effects
            .count("weir_probe_ends_total", &[("verdict", verdict)], 1);
        cx.effects
            .count("weir_probe_bytes_total", &[], self.bytes as u64);
    }
}

fn reply(status: u16, text: String) -> Reply {
    Reply {
        status,
        headers: Vec::new(),
        body: text.into_bytes(),
        details: "probe",
        log: String::new(),
    }
}
