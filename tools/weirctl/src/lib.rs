//! What operators ask of Weir before and after Envoy runs: is a configuration right, what would
//! it do with a request, what was spent. It works on the types the filters themselves run on, and
//! never talks to a proxy or a provider.

pub mod check;
pub mod document;
pub mod explain;
pub mod filter;
pub mod finding;
pub mod plugin;
pub mod report;
