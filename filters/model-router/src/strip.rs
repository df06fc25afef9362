//! Hygiene of the headers that routes are matched on.

use weir_policy::names::header;
use weir_policy::{Cx, Headers};

use crate::config::Config;

/// A client's own routing headers never survive, whatever the request.
pub(crate) fn strip(config: &Config, headers: &Headers, cx: &mut Cx<'_>) {
    let ours = config.headers.all();
    let mut found: Vec<&str> = headers
        .iter()
        .filter_map(|(name, _)| std::str::from_utf8(name).ok())
        .filter(|name| name.starts_with(header::PREFIX) || ours.contains(name))
        .collect();
    found.sort_unstable();
    found.dedup();
    for name in found {
        cx.effects.remove_request_header(name);
    }
}
