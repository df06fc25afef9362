//! Host calls of proxy-wasm ABI 0.2.1, raw: every one returns its status as a number.
//! Source: the ABI specification, `abi-versions/v0.2.1` of proxy-wasm/spec.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::num::NonZeroU32;
use std::ptr;
use std::time::Duration;

use weir_policy::{Entry, Expect, GrpcCall, Headers, Level, Store, StoreError, UnixNanos, Version};

use crate::{Host, Map, Side, Status};

unsafe extern "C" {
    fn proxy_log(level: u32, message: *const u8, size: usize) -> u32;
    fn proxy_get_log_level(level: *mut u32) -> u32;
    fn proxy_get_current_time_nanoseconds(time: *mut u64) -> u32;
    fn proxy_get_buffer_bytes(
        buffer: u32,
        start: usize,
        max: usize,
        data: *mut *mut u8,
        size: *mut usize,
    ) -> u32;
    fn proxy_set_buffer_bytes(
        buffer: u32,
        start: usize,
        size: usize,
        data: *const u8,
        data_size: usize,
    ) -> u32;
    fn proxy_get_header_map_pairs(map: u32, data: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_replace_header_map_value(
        map: u32,
        key: *const u8,
        key_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> u32;
    fn proxy_remove_header_map_value(map: u32, key: *const u8, key_size: usize) -> u32;
    fn proxy_get_property(
        path: *const u8,
        path_size: usize,
        data: *mut *mut u8,
        size: *mut usize,
    ) -> u32;
    fn proxy_set_property(path: *const u8, path_size: usize, value: *const u8, size: usize) -> u32;
    fn proxy_send_local_response(
        status_code: u32,
        details: *const u8,
        details_size: usize,
        body: *const u8,
        body_size: usize,
        headers: *const u8,
        headers_size: usize,
        grpc_status: i32,
    ) -> u32;
    fn proxy_get_shared_data(
        key: *const u8,
        key_size: usize,
        data: *mut *mut u8,
        size: *mut usize,
        cas: *mut u32,
    ) -> u32;
    fn proxy_set_shared_data(
        key: *const u8,
        key_size: usize,
        value: *const u8,
        size: usize,
        cas: u32,
    ) -> u32;
    fn proxy_define_metric(kind: u32, name: *const u8, name_size: usize, id: *mut u32) -> u32;
    fn proxy_increment_metric(id: u32, offset: i64) -> u32;
    fn proxy_record_metric(id: u32, value: u64) -> u32;
    fn proxy_set_tick_period_milliseconds(period: u32) -> u32;
    fn proxy_continue_stream(stream: u32) -> u32;
    fn proxy_done() -> u32;
    fn proxy_set_effective_context(context: u32) -> u32;
}

const NOT_FOUND: u32 = 1;
const CAS_MISMATCH: u32 = 8;
/// On a key that does not exist Envoy accepts any version; on one that does, only its own, which
/// is this one once in 2^32 writes.
const CAS_ABSENT: u32 = u32::MAX;
const COUNTER: u32 = 0;
const GAUGE: u32 = 1;
const HISTOGRAM: u32 = 2;
const GRPC_RECEIVE_BUFFER: u32 = 5;
const PLUGIN_CONFIGURATION: u32 = 7;
const REQUEST_STREAM: u32 = 0;
/// Metrics are never freed, so their number has an end. Labels come from configurations and
/// stay far below it.
const MAX_METRICS: usize = 10_000;

fn check(status: u32) -> Result<(), Status> {
    if status == 0 {
        Ok(())
    } else {
        Err(Status(status))
    }
}

/// Calls `fill`, which has the host allocate and fill a buffer, and takes the buffer over.
fn receive(fill: impl FnOnce(*mut *mut u8, *mut usize) -> u32) -> Result<Vec<u8>, Status> {
    let mut data: *mut u8 = ptr::null_mut();
    let mut size = 0;
    check(fill(&raw mut data, &raw mut size))?;
    if data.is_null() {
        return Ok(Vec::new());
    }
    // SAFETY: the host got `data` from `proxy_on_memory_allocate` of this module's allocator
    // with exactly `size` bytes, filled them, and gave up the only pointer to them.
    Ok(unsafe { Vec::from_raw_parts(data, size, size) })
}

/// A time-stamped, unforeseeable number: SplitMix64 over the per-process random hash keys.
pub(crate) fn random() -> u64 {
    thread_local! {
        static STATE: RefCell<u64> = RefCell::new(RandomState::new().build_hasher().finish());
    }
    STATE.with_borrow_mut(|state| {
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = *state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    })
}

pub(crate) fn log(level: u32, message: &str) {
    // SAFETY: the host only reads the given bytes. It has nothing to say that would help us.
    unsafe { proxy_log(level, message.as_ptr(), message.len()) };
}

/// The least severe level the host writes.
pub(crate) fn log_level() -> u32 {
    let mut level = 2;
    // SAFETY: the host writes one number.
    unsafe { proxy_get_log_level(&raw mut level) };
    level
}

/// The plugin's configuration.
pub(crate) fn configuration(size: usize) -> Result<Vec<u8>, Status> {
    receive(|data, len| {
        // SAFETY: see `receive`.
        unsafe { proxy_get_buffer_bytes(PLUGIN_CONFIGURATION, 0, size, data, len) }
    })
}

/// Has `on_tick` called, again and again.
pub(crate) fn tick_every(period_ms: u32) -> Result<(), Status> {
    // SAFETY: a plain number.
    check(unsafe { proxy_set_tick_period_milliseconds(period_ms) })
}

/// Nothing holds the root context any more whose `on_done` said that something does. The host has
/// nothing to say that would help us.
pub(crate) fn done() {
    // SAFETY: no arguments.
    unsafe { proxy_done() };
}

pub(crate) fn property(path: &[&str]) -> Result<Vec<u8>, Status> {
    let path = path.join("\0");
    receive(|data, size| {
        // SAFETY: the host only reads the path; for the rest see `receive`.
        unsafe { proxy_get_property(path.as_ptr(), path.len(), data, size) }
    })
}

/// Adds to a counter, sets a gauge or records in a histogram; metrics live as long as the VM.
fn metric(kind: u32, name: &str, value: u64) {
    thread_local! {
        static IDS: RefCell<HashMap<String, Option<u32>>> = RefCell::new(HashMap::new());
    }
    let id = IDS.with_borrow_mut(|ids| {
        if let Some(id) = ids.get(name) {
            return *id;
        }
        if ids.len() >= MAX_METRICS {
            return None;
        }
        let mut id = 0;
        // SAFETY: the host reads the name and writes one number.
        let status = unsafe { proxy_define_metric(kind, name.as_ptr(), name.len(), &raw mut id) };
        let id = (status == 0).then_some(id);
        ids.insert(name.to_owned(), id);
        id
    });
    let Some(id) = id else {
        return;
    };
    // SAFETY: plain numbers.
    unsafe {
        if kind == COUNTER {
            proxy_increment_metric(id, i64::try_from(value).unwrap_or(i64::MAX));
        } else {
            proxy_record_metric(id, value);
        }
    }
}

/// Sets a gauge.
pub(crate) fn gauge(name: &str, value: u64) {
    metric(GAUGE, name, value);
}

/// Pairs as the ABI lays them out: their number, the lengths of each, then each name and value
/// with a NUL behind it.
fn decode_pairs(bytes: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let number = |at: usize| {
        let chunk = bytes.get(at..at.checked_add(4)?)?;
        Some(u32::from_le_bytes(*chunk.first_chunk()?) as usize)
    };
    let count = number(0).unwrap_or(0);
    let mut pairs = Vec::with_capacity(count.min(1024));
    let mut at = 4 + count * 8;
    for pair in 0..count {
        let (Some(name), Some(value)) = (number(4 + pair * 8), number(8 + pair * 8)) else {
            break;
        };
        let (Some(n), Some(v)) = (
            bytes.get(at..at + name),
            bytes.get(at + name + 1..at + name + 1 + value),
        ) else {
            break;
        };
        pairs.push((n.to_vec(), v.to_vec()));
        at += name + value + 2;
    }
    pairs
}

#[allow(clippy::cast_possible_truncation)] // Lengths in a 32-bit address space.
fn encode_pairs(pairs: &[(String, String)]) -> Vec<u8> {
    let mut bytes = (pairs.len() as u32).to_le_bytes().to_vec();
    for (name, value) in pairs {
        bytes.extend((name.len() as u32).to_le_bytes());
        bytes.extend((value.len() as u32).to_le_bytes());
    }
    for (name, value) in pairs {
        bytes.extend(name.as_bytes());
        bytes.push(0);
        bytes.extend(value.as_bytes());
        bytes.push(0);
    }
    bytes
}

const fn map_type(map: Map) -> u32 {
    match map {
        Map::Request => 0,
        Map::Response => 2,
        Map::ResponseTrailers => 3,
    }
}

const fn buffer_type(side: Side) -> u32 {
    match side {
        Side::Request => 0,
        Side::Response => 1,
    }
}

/// The proxy this module runs in. The calls are about the exchange whose callback is running.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Proxy {
    /// The context of the plugin.
    pub(crate) root: u32,
    /// That of the exchange, or the plugin's where there is none.
    pub(crate) own: u32,
}

impl Proxy {
    /// Runs a host call as the plugin's. What an exchange asks for by itself the host forgets when
    /// it is over, and the SDK never hears of it.
    fn as_root<T>(self, run: impl FnOnce() -> T) -> T {
        // SAFETY: plain numbers, of contexts that are there as long as the callback runs.
        unsafe { proxy_set_effective_context(self.root) };
        let result = run();
        // SAFETY: as above.
        unsafe { proxy_set_effective_context(self.own) };
        result
    }

    /// The message that answers the call whose callback is running.
    pub(crate) fn grpc_message(self, size: usize) -> Result<Vec<u8>, Status> {
        self.as_root(|| {
            receive(|data, len| {
                // SAFETY: see `receive`.
                unsafe { proxy_get_buffer_bytes(GRPC_RECEIVE_BUFFER, 0, size, data, len) }
            })
        })
    }
}

impl Host for Proxy {
    fn headers(&self, map: Map) -> Result<Headers, Status> {
        let bytes = receive(|data, size| {
            // SAFETY: see `receive`.
            unsafe { proxy_get_header_map_pairs(map_type(map), data, size) }
        })?;
        Ok(Headers::new(decode_pairs(&bytes)))
    }

    fn set_header(&self, map: Map, name: &str, value: &[u8]) -> Result<(), Status> {
        // SAFETY: the host only reads the given bytes.
        check(unsafe {
            proxy_replace_header_map_value(
                map_type(map),
                name.as_ptr(),
                name.len(),
                value.as_ptr(),
                value.len(),
            )
        })
    }

    fn remove_header(&self, map: Map, name: &str) -> Result<(), Status> {
        // SAFETY: the host only reads the given bytes.
        check(unsafe { proxy_remove_header_map_value(map_type(map), name.as_ptr(), name.len()) })
    }

    fn body(&self, side: Side, len: usize) -> Result<Vec<u8>, Status> {
        receive(|data, size| {
            // SAFETY: see `receive`.
            unsafe { proxy_get_buffer_bytes(buffer_type(side), 0, len, data, size) }
        })
    }

    fn set_body(&self, side: Side, bytes: &[u8]) -> Result<(), Status> {
        // SAFETY: the host only reads the given bytes. A size beyond the buffer's replaces all.
        check(unsafe {
            proxy_set_buffer_bytes(
                buffer_type(side),
                0,
                usize::MAX,
                bytes.as_ptr(),
                bytes.len(),
            )
        })
    }

    fn property(&self, path: &[&str]) -> Option<Vec<u8>> {
        property(path).ok()
    }

    fn set_property(&self, name: &str, value: &[u8]) -> Result<(), Status> {
        // SAFETY: the host only reads the given bytes.
        check(unsafe { proxy_set_property(name.as_ptr(), name.len(), value.as_ptr(), value.len()) })
    }

    fn reply(
        &self,
        status: u16,
        details: &str,
        headers: &[(String, String)],
        body: &[u8],
    ) -> Result<(), Status> {
        let headers = encode_pairs(headers);
        // SAFETY: the host only reads the given bytes.
        check(unsafe {
            proxy_send_local_response(
                u32::from(status),
                details.as_ptr(),
                details.len(),
                body.as_ptr(),
                body.len(),
                headers.as_ptr(),
                headers.len(),
                -1,
            )
        })
    }

    /// By the SDK: it hands the answer to the context that asked only when it knows of the call.
    fn call(&self, call: &GrpcCall) -> Result<u32, Status> {
        let timeout = Duration::from_millis(u64::from(call.timeout_ms));
        let message = Some(call.message.as_slice());
        let dispatch = || {
            proxy_wasm::hostcalls::dispatch_grpc_call(
                &call.cluster,
                call.service,
                call.method,
                Vec::new(),
                message,
                timeout,
            )
        };
        self.as_root(dispatch)
            .map_err(|status| Status(status as u32))
    }

    fn resume_request(&self) -> Result<(), Status> {
        // SAFETY: a plain number.
        check(unsafe { proxy_continue_stream(REQUEST_STREAM) })
    }

    fn now(&self) -> UnixNanos {
        let mut time = 0;
        // SAFETY: the host writes one number.
        unsafe { proxy_get_current_time_nanoseconds(&raw mut time) };
        UnixNanos(time)
    }

    fn random(&self) -> u64 {
        random()
    }

    fn log(&self, level: Level, line: &str) {
        match level {
            Level::Debug => log::debug!("{line}"),
            Level::Info => log::info!("{line}"),
            Level::Warn => log::warn!("{line}"),
        }
    }

    fn count(&self, name: &str, by: u64) {
        metric(COUNTER, name, by);
    }

    fn observe(&self, name: &str, value: u64) {
        metric(HISTOGRAM, name, value);
    }

    fn store(&self) -> &dyn Store {
        self
    }
}

impl Store for Proxy {
    /// There is no sleep in a VM, so it spins: at first for some tens of nanoseconds, in the end
    /// for some tens of microseconds.
    fn pause(&self, round: u32) {
        for step in 0..random() % (32 << round.min(10)) {
            std::hint::black_box(step);
        }
    }

    fn get(&self, key: &str) -> Result<Option<Entry>, StoreError> {
        let mut cas = 0;
        let found = receive(|data, size| {
            // SAFETY: the host reads the key and writes one number; for the rest see `receive`.
            unsafe { proxy_get_shared_data(key.as_ptr(), key.len(), data, size, &raw mut cas) }
        });
        match found {
            Ok(bytes) => Ok(NonZeroU32::new(cas).map(|cas| Entry {
                bytes,
                version: Version(cas),
            })),
            Err(Status(NOT_FOUND)) => Ok(None),
            Err(Status(status)) => Err(StoreError::Failed(status)),
        }
    }

    fn set(&self, key: &str, bytes: &[u8], expect: Expect) -> Result<(), StoreError> {
        let cas = match expect {
            Expect::Absent => CAS_ABSENT,
            Expect::Unchanged(Version(version)) => version.get(),
        };
        // SAFETY: the host only reads the given bytes.
        let status = unsafe {
            proxy_set_shared_data(key.as_ptr(), key.len(), bytes.as_ptr(), bytes.len(), cas)
        };
        match status {
            0 => Ok(()),
            CAS_MISMATCH => Err(StoreError::Conflict),
            status => Err(StoreError::Failed(status)),
        }
    }
}
