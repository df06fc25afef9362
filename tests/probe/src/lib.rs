//! A test-only filter that works the store under Envoy's workers. A request header says what to
//! do, a reply says what came of it:
//!
//! - `x-probe-add: N` adds one to a counter, N times, by compare-and-swap.
//! - `x-probe-owners: FROM-TO` touches the slot of each owner in the range.
//! - `x-probe-owner: NAME` adds one to that owner's slot.

use weir_policy::{
    BodyAnswer, ChunkAnswer, ConfigError, Cx, Ending, Exchange, HeadAnswer, Headers, Owner, Policy,
    Reply, ResponseAnswer, SlotAnswer, SlotTable, TooLarge, update,
};

#[cfg(target_arch = "wasm32")]
weir_wasm_host::module!(Probe);

/// The filter.
pub struct Probe;

/// One exchange.
pub struct Probing;

/// Slots of the table under test.
const SLOTS: u32 = 4096;
/// How long an owner is remembered, in milliseconds.
const TTL_MS: u64 = 60_000;

impl Policy for Probe {
    const NAME: &'static str = "probe";
    type Exchange = Probing;

    fn configure(_: &[u8]) -> Result<Self, ConfigError> {
        Ok(Self)
    }

    fn hold(&self) -> bool {
        false
    }

    fn max_body_bytes(&self) -> usize {
        1 << 20
    }

    fn exchange(&self) -> Probing {
        Probing
    }
}

fn touch(cx: &Cx<'_>, owner: &str) -> String {
    let table = SlotTable::<8>::new("probe", SLOTS);
    let done = table.update(cx.store, Owner::new([owner]), cx.now.millis(), |state| {
        let count = state.map_or(0, |bytes| u64::from_le_bytes(*bytes)) + 1;
        SlotAnswer::Store {
            state: count.to_le_bytes(),
            expires_ms: cx.now.millis() + TTL_MS,
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
        } else {
            return HeadAnswer::Ignore;
        };
        HeadAnswer::Reply(reply(200, answer))
    }

    fn request_body(&mut self, _: &mut Cx<'_>, _: Result<&[u8], TooLarge>) -> BodyAnswer {
        BodyAnswer::Pass
    }

    fn response_headers(&mut self, _: &mut Cx<'_>, _: &Headers, _: bool) -> ResponseAnswer {
        ResponseAnswer::Pass
    }

    fn response_chunk(&mut self, _: &mut Cx<'_>, _: &[u8], _: bool) -> ChunkAnswer {
        ChunkAnswer::Pass
    }

    fn end(self, _: &mut Cx<'_>, _: Ending) {}
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
