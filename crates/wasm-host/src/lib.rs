//! The shell between Envoy's proxy-wasm and a policy: the only crate that knows proxy-wasm.
//!
//! - [`Driver`]: the one body state machine of all filters. It takes Envoy's callbacks, calls the
//!   steps of a policy, and does what they answer. It knows what is allowed in which phase.
//! - [`Host`]: the host calls a driver needs. In Envoy they are raw calls that return statuses:
//!   the SDK's wrappers panic on statuses they do not expect, and a panic is an outage of a
//!   worker. In tests they are a simulated Envoy.
//! - [`module!`], [`bundle!`]: make a `.wasm` of one policy, or of several told apart by `root_id`.

mod driver;
mod facts;
mod host;

#[cfg(target_arch = "wasm32")]
mod raw;
#[cfg(target_arch = "wasm32")]
mod shell;

pub use driver::{Driver, Flow};
pub use host::{Host, Map, Side, Status};

#[cfg(target_arch = "wasm32")]
pub use shell::{Entry, Module, start};

/// Makes a module of one policy. Any `root_id` will do.
#[macro_export]
macro_rules! module {
    ($policy:ty) => {
        $crate::initialize!($crate::Module::Single, $policy);
    };
}

/// Makes a module of several policies. The `root_id` must be the name of one of them.
#[macro_export]
macro_rules! bundle {
    ($($policy:ty),+ $(,)?) => {
        $crate::initialize!($crate::Module::Bundle, $($policy),+);
    };
}

/// The entry point of a module; see [`module!`] and [`bundle!`].
#[doc(hidden)]
#[macro_export]
macro_rules! initialize {
    ($kind:path, $($policy:ty),+) => {
        /// Called by the proxy once for each VM.
        #[cfg(target_arch = "wasm32")]
        #[unsafe(no_mangle)]
        pub extern "C" fn _initialize() {
            const ENTRIES: &[$crate::Entry] = &[$($crate::Entry::of::<$policy>()),+];
            unsafe extern "C" {
                fn __wasm_call_ctors();
            }
            // SAFETY: the reactor ABI has the embedder call `_initialize` exactly once, and it
            // is for `_initialize` to run the constructors.
            unsafe { __wasm_call_ctors() };
            $crate::start($kind(ENTRIES));
        }
    };
}
