//! `weir.wasm`: every filter in one module, for those who prefer memory over isolation. The
//! plugin's `root_id` says which filter it is.

pub use cost::Cost;
pub use model_router::ModelRouter;
pub use pii_redact::PiiRedact;
pub use token_limit::TokenLimit;

#[cfg(target_arch = "wasm32")]
weir_wasm_host::bundle!(ModelRouter, PiiRedact, TokenLimit, Cost);
