//! What a step wants done beside its answer.

/// Severity of a line in the operator's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Of use when looking into one request.
    Debug,
    /// A decision an operator may want to see.
    Info,
    /// Something the operator should look at.
    Warn,
}

/// One metric label. The value must come from the configuration or be
/// [`OTHER`](crate::names::OTHER): label values taken from traffic grow without bound.
pub type Label<'a> = (&'static str, &'a str);

/// One thing to be done by the host after a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Set a request header, replacing every value it has.
    SetRequestHeader(String, Vec<u8>),
    /// Remove a request header.
    RemoveRequestHeader(String),
    /// Set a response header, replacing every value it has.
    SetResponseHeader(String, Vec<u8>),
    /// Set a trailer of the response, in the step that sees the end of its body.
    SetResponseTrailer(String, Vec<u8>),
    /// Leave a fact for access logs and other filters: filter state `wasm.weir.<name>`.
    Fact(&'static str, String),
    /// Add to a counter. The string is the full metric name, labels included.
    Count(String, u64),
    /// Record a value in a histogram. The string is the full metric name, labels included.
    Observe(String, u64),
    /// A line for the operator's log. Never holds prompt text or a key.
    Log(Level, String),
    /// Ask a service.
    Call(GrpcCall),
}

/// A unary gRPC call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrpcCall {
    /// Envoy's name of the cluster the service is in.
    pub cluster: String,
    /// The service's full name.
    pub service: &'static str,
    /// Its method.
    pub method: &'static str,
    /// The message, encoded.
    pub message: Vec<u8>,
    /// How long to wait for an answer, in milliseconds.
    pub timeout_ms: u32,
}

/// Why a call has no answer, by gRPC's numbers: 4 not in time, 14 nobody there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GrpcStatus(pub u32);

impl GrpcStatus {
    /// The call could not be made.
    pub const UNAVAILABLE: Self = Self(14);
}

/// The effects of one step, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effects(Vec<Effect>);

impl Effects {
    /// Sets a request header, replacing every value it has.
    pub fn set_request_header(&mut self, name: &str, value: impl Into<Vec<u8>>) {
        self.0
            .push(Effect::SetRequestHeader(name.to_owned(), value.into()));
    }

    /// Removes a request header.
    pub fn remove_request_header(&mut self, name: &str) {
        self.0.push(Effect::RemoveRequestHeader(name.to_owned()));
    }

    /// Sets a response header, replacing every value it has.
    pub fn set_response_header(&mut self, name: &str, value: impl Into<Vec<u8>>) {
        self.0
            .push(Effect::SetResponseHeader(name.to_owned(), value.into()));
    }

    /// Sets a trailer of the response. Only in the step that sees the end of its body, and only for a
    /// body that goes on in pieces.
    pub fn set_response_trailer(&mut self, name: &str, value: impl Into<Vec<u8>>) {
        self.0
            .push(Effect::SetResponseTrailer(name.to_owned(), value.into()));
    }

    /// Leaves a fact; `name` is one of [`names::fact`](crate::names::fact).
    pub fn fact(&mut self, name: &'static str, value: impl Into<String>) {
        self.0.push(Effect::Fact(name, value.into()));
    }

    /// Adds `by` to the counter `metric` with `labels`.
    pub fn count(&mut self, metric: &str, labels: &[Label<'_>], by: u64) {
        self.0.push(Effect::Count(metric_name(metric, labels), by));
    }

    /// Records `value` in the histogram `metric` with `labels`.
    pub fn observe(&mut self, metric: &str, labels: &[Label<'_>], value: u64) {
        self.0
            .push(Effect::Observe(metric_name(metric, labels), value));
    }

    /// Writes a line for the operator.
    pub fn log(&mut self, level: Level, line: impl Into<String>) {
        self.0.push(Effect::Log(level, line.into()));
    }

    /// Asks a service. A request that this step lets go on waits for the answer, which comes by
    /// [`Exchange::called`](crate::Exchange::called); one call at a time, and none from a response.
    pub fn call(&mut self, call: GrpcCall) {
        self.0.push(Effect::Call(call));
    }

    /// Takes the effects out, leaving the list empty.
    pub fn drain(&mut self) -> impl Iterator<Item = Effect> + '_ {
        self.0.drain(..)
    }

    /// The effects so far.
    pub fn iter(&self) -> std::slice::Iter<'_, Effect> {
        self.0.iter()
    }
}

/// `name;label=value;…`: the shape from which the shipped `stats_tags` make Prometheus labels.
fn metric_name(metric: &str, labels: &[Label<'_>]) -> String {
    let mut name = String::with_capacity(metric.len() + 24 * labels.len());
    name.push_str(metric);
    for (key, value) in labels {
        name.push(';');
        name.push_str(key);
        name.push('=');
        // These two would end the label early; configured names seldom hold them.
        name.extend(
            value
                .chars()
                .map(|c| if matches!(c, ';' | '=') { '_' } else { c }),
        );
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_cannot_break_out_of_its_place() {
        let mut effects = Effects::default();
        effects.count("weir_x", &[("model", "a;b=c"), ("verdict", "allowed")], 2);
        assert_eq!(
            effects.drain().collect::<Vec<_>>(),
            [Effect::Count(
                "weir_x;model=a_b_c;verdict=allowed".into(),
                2
            )]
        );
    }
}
