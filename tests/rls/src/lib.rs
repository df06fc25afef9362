//! A rate limit service as Envoy calls it (`envoy.service.ratelimit.v3`), on Redis, with the
//! semantics of `envoyproxy/ratelimit`: the same configuration, fixed windows, charges that are
//! added before they are judged and kept when they cross the limit, checks that add nothing.
//!
//! It stands in for that service in tests, where no image can be fetched, and remembers what it was
//! asked. It has no statistics, no cache of its own, no wildcards and no reload.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use rls::{Fault, RedisServer, Rls};
//!
//! let Some(redis) = RedisServer::find() else { return Ok(()) };
//! let redis = redis.start().await?;
//! let config = "domain: weir".parse()?;
//! let rls = Rls::start("unix:/tmp/rls.sock".parse()?, config, redis.address()).await?;
//! // … send requests through Envoy …
//! for call in rls.calls() {
//!     println!("{call:?}");
//! }
//! rls.set_fault(Fault::Hang);
//! # Ok(())
//! # }
//! ```

mod address;
mod config;
mod grpc;
mod limiter;
mod redis;
mod redis_server;
mod server;

pub use address::{Address, ParseAddressError};
pub use config::{Config, ConfigError, Descriptor, RateLimit};
pub use redis_server::{RedisProcess, RedisServer};
pub use server::{Call, Charge, Fault, Rls};
pub use weir_global::proto;
