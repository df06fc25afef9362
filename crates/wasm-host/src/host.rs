//! The host calls a driver needs.

use weir_policy::{GrpcCall, Headers, Level, Store, UnixNanos};

/// A status other than OK, as proxy-wasm numbers them: 1 not found, 2 bad argument (also: not in
/// this phase), 8 version mismatch, 10 internal failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status(pub u32);

/// Headers of one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Map {
    /// Of the request.
    Request,
    /// Of the response.
    Response,
    /// Of the response, behind its body.
    ResponseTrailers,
}

/// Body of one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Of the request.
    Request,
    /// Of the response.
    Response,
}

/// What a proxy can be asked during one exchange. No call panics, whatever the phase.
pub trait Host {
    /// All headers of one side.
    ///
    /// # Errors
    /// The host's status when they are not there in this phase.
    fn headers(&self, map: Map) -> Result<Headers, Status>;

    /// Sets a header, replacing every value it has.
    ///
    /// # Errors
    /// The host's status when the headers have gone on.
    fn set_header(&self, map: Map, name: &str, value: &[u8]) -> Result<(), Status>;

    /// Removes a header.
    ///
    /// # Errors
    /// The host's status when the headers have gone on.
    fn remove_header(&self, map: Map, name: &str) -> Result<(), Status>;

    /// Up to `len` bytes of the body that is before us: what was buffered while paused, or the
    /// current piece.
    ///
    /// # Errors
    /// The host's status when there is none in this phase.
    fn body(&self, side: Side, len: usize) -> Result<Vec<u8>, Status>;

    /// Replaces the body that is before us.
    ///
    /// # Errors
    /// The host's status when there is none in this phase.
    fn set_body(&self, side: Side, bytes: &[u8]) -> Result<(), Status>;

    /// An attribute of the exchange.
    fn property(&self, path: &[&str]) -> Option<Vec<u8>>;

    /// Sets filter state.
    ///
    /// # Errors
    /// The host's status.
    fn set_property(&self, name: &str, value: &[u8]) -> Result<(), Status>;

    /// Answers the client. The current callback must not let anything go on afterwards.
    ///
    /// # Errors
    /// The host's status when it is too late for an answer.
    fn reply(
        &self,
        status: u16,
        details: &str,
        headers: &[(String, String)],
        body: &[u8],
    ) -> Result<(), Status>;

    /// Makes a call; its answer comes with the number that is returned.
    ///
    /// # Errors
    /// The host's status when there is no such cluster, or the call cannot be made.
    fn call(&self, call: &GrpcCall) -> Result<u32, Status>;

    /// Lets a request go on that a callback has paused.
    ///
    /// # Errors
    /// The host's status when it is over.
    fn resume_request(&self) -> Result<(), Status>;

    /// The time.
    fn now(&self) -> UnixNanos;

    /// A number no client can foresee.
    fn random(&self) -> u64;

    /// Writes to the proxy's log.
    fn log(&self, level: Level, line: &str);

    /// Adds to a counter, defining it at first.
    fn count(&self, metric: &str, by: u64);

    /// Records in a histogram, defining it at first.
    fn observe(&self, metric: &str, value: u64);

    /// The store all workers share.
    fn store(&self) -> &dyn Store;
}
