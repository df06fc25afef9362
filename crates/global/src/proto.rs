//! The messages of `envoy.service.ratelimit.v3`, as far as Envoy's rate limit filter uses them.
//!
//! Field numbers are those of Envoy's API; fields that are left out here are skipped when read.

/// `ShouldRateLimit` asks this.
#[derive(Clone, PartialEq, prost::Message)]
pub struct RateLimitRequest {
    /// Whose limits.
    #[prost(string, tag = "1")]
    pub domain: String,
    /// What to look for among them.
    #[prost(message, repeated, tag = "2")]
    pub descriptors: Vec<RateLimitDescriptor>,
    /// What descriptors add that do not say so themselves; 0 means 1.
    #[prost(uint32, tag = "3")]
    pub hits_addend: u32,
}

/// Which limit, and how much is taken from it.
#[derive(Clone, PartialEq, prost::Message)]
pub struct RateLimitDescriptor {
    /// The way down the configuration.
    #[prost(message, repeated, tag = "1")]
    pub entries: Vec<Entry>,
    /// A limit that replaces the configured one.
    #[prost(message, optional, tag = "2")]
    pub limit: Option<RateLimitOverride>,
    /// What this descriptor adds; 0 only asks.
    #[prost(message, optional, tag = "3")]
    pub hits_addend: Option<UInt64Value>,
    /// Take `hits_addend` back instead of adding it.
    #[prost(bool, tag = "4")]
    pub is_negative_hits: bool,
}

/// One step of the way.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Entry {
    /// Its name.
    #[prost(string, tag = "1")]
    pub key: String,
    /// Its value.
    #[prost(string, tag = "2")]
    pub value: String,
}

/// A limit that the caller brings along.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct RateLimitOverride {
    /// How much.
    #[prost(uint32, tag = "1")]
    pub requests_per_unit: u32,
    /// In what time.
    #[prost(enumeration = "Unit", tag = "2")]
    pub unit: i32,
}

/// `google.protobuf.UInt64Value`.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct UInt64Value {
    /// The number.
    #[prost(uint64, tag = "1")]
    pub value: u64,
}

/// `google.protobuf.Duration`.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Duration {
    /// Whole seconds.
    #[prost(int64, tag = "1")]
    pub seconds: i64,
    /// The rest.
    #[prost(int32, tag = "2")]
    pub nanos: i32,
}

/// What `ShouldRateLimit` answers.
#[derive(Clone, PartialEq, prost::Message)]
pub struct RateLimitResponse {
    /// Over the limit when any descriptor is.
    #[prost(enumeration = "Code", tag = "1")]
    pub overall_code: i32,
    /// One for each descriptor, in their order.
    #[prost(message, repeated, tag = "2")]
    pub statuses: Vec<DescriptorStatus>,
}

/// Where one descriptor's limit stands.
#[derive(Clone, PartialEq, prost::Message)]
pub struct DescriptorStatus {
    /// Whether it is above it.
    #[prost(enumeration = "Code", tag = "1")]
    pub code: i32,
    /// The limit that was found.
    #[prost(message, optional, tag = "2")]
    pub current_limit: Option<RateLimit>,
    /// What is left.
    #[prost(uint32, tag = "3")]
    pub limit_remaining: u32,
    /// When the window ends.
    #[prost(message, optional, tag = "4")]
    pub duration_until_reset: Option<Duration>,
}

/// A limit as it was configured.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct RateLimit {
    /// How much.
    #[prost(uint32, tag = "1")]
    pub requests_per_unit: u32,
    /// In what time.
    #[prost(enumeration = "Unit", tag = "2")]
    pub unit: i32,
    /// What it is called.
    #[prost(string, tag = "3")]
    pub name: String,
}

/// The judgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
pub enum Code {
    /// None.
    Unknown = 0,
    /// Within the limit.
    Ok = 1,
    /// Above it.
    OverLimit = 2,
}

/// The length of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
pub enum Unit {
    /// None.
    Unknown = 0,
    /// A second.
    Second = 1,
    /// A minute.
    Minute = 2,
    /// An hour.
    Hour = 3,
    /// A day.
    Day = 4,
    /// Thirty days.
    Month = 5,
    /// 365 days.
    Year = 6,
    /// Seven days.
    Week = 7,
}
