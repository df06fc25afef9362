//! Every name the suite shows to the world, once.

/// The label value for anything that is not in the configuration.
pub const OTHER: &str = "other";

/// Facts: filter state `wasm.weir.<name>`, readable as `%FILTER_STATE(wasm.weir.model:PLAIN)%`.
pub mod fact {
    /// Prefix of the property path that writes a fact; Envoy itself puts `wasm.` before it.
    pub const PREFIX: &str = "weir.";
    /// Which API the request is of: `openai_chat`, `anthropic_messages`, ….
    pub const API: &str = "api";
    /// The model as the caller asked for it.
    pub const MODEL: &str = "model";
    /// The model as sent to the upstream.
    pub const UPSTREAM_MODEL: &str = "upstream_model";
    /// The model as the answer names it.
    pub const RESPONSE_MODEL: &str = "response_model";
    /// Who is calling, by the configured identity sources.
    pub const IDENTITY: &str = "identity";
    /// The provider the request was routed to.
    pub const PROVIDER: &str = "provider";
    /// Prompt tokens, cache reads and writes included.
    pub const INPUT_TOKENS: &str = "input_tokens";
    /// Tokens of the answer, reasoning included.
    pub const OUTPUT_TOKENS: &str = "output_tokens";
    /// Tokens of prompt and answer.
    pub const TOTAL_TOKENS: &str = "total_tokens";
    /// Prompt tokens read from a cache.
    pub const CACHED_TOKENS: &str = "cached_tokens";
    /// Output tokens spent on reasoning.
    pub const REASONING_TOKENS: &str = "reasoning_tokens";
    /// Where the numbers come from: `usage` (the provider's), `counted` (exactly), `estimated`.
    pub const TOKENS_SOURCE: &str = "tokens_source";
    /// What the exchange has cost, in pico-dollars (10⁻¹² US dollars).
    pub const COST_PICOUSD: &str = "cost_picousd";
    /// The same in US dollars, as a decimal number.
    pub const COST_USD: &str = "cost_usd";
    /// Whether the model has a price; without one the cost is 0.
    pub const PRICED: &str = "priced";
    /// Milliseconds from the request's headers to the first byte of the answer's body.
    pub const TTFT_MS: &str = "ttft_ms";
    /// `true` when the caller asked for a stream.
    pub const STREAM: &str = "stream";
    /// `allowed`, `denied`, `blocked`, `limited`, or `shadow_…` of what would have been done.
    pub const VERDICT: &str = "verdict";
    /// The name of the rule that decided.
    pub const RULE: &str = "rule";
    /// Personal data and secrets found in the request, by type: `EMAIL=2,CARD=1`.
    pub const REDACTED: &str = "redacted";
    /// All facts known so far, for the next filter of the suite alone.
    pub const ALL: &str = "facts";
}

/// Default names of the headers that carry routing facts to Envoy's routes.
pub mod header {
    /// Declared name of the model the request goes to.
    pub const MODEL: &str = "x-ai-model";
    /// Provider the request goes to.
    pub const PROVIDER: &str = "x-ai-provider";
    /// Which API the request is of.
    pub const API: &str = "x-ai-api";
    /// Free routing label set by a rule.
    pub const ROUTE: &str = "x-ai-route";
    /// Prefix of all of the above. A client's own header with it never survives.
    pub const PREFIX: &str = "x-ai-";
}

/// Headers and trailers of answers, and what stands in them.
pub mod response_header {
    /// What the answer has cost, in US dollars.
    pub const COST_USD: &str = "x-ai-cost-usd";
    /// Tokens of the prompt.
    pub const INPUT_TOKENS: &str = "x-ai-input-tokens";
    /// Tokens of the answer.
    pub const OUTPUT_TOKENS: &str = "x-ai-output-tokens";
    /// Tokens of both.
    pub const TOTAL_TOKENS: &str = "x-ai-total-tokens";
    /// The budget of which little is left.
    pub const BUDGET_WARNING: &str = "x-ai-budget-warning";
    /// What is left of it, in US dollars.
    pub const BUDGET_REMAINING: &str = "x-ai-budget-remaining-usd";
}

/// Metrics: `wasmcustom.<name>;<label>=<value>…`, in Prometheus `<name>{<label>="<value>"}` by
/// the shipped `stats_tags`.
pub mod metric {
    /// Counter: requests on known APIs, by filter, api, model, provider and verdict.
    pub const REQUESTS: &str = "weir_requests_total";
    /// Counter: rules that decided or would have (shadow), by filter, rule and verdict.
    pub const RULES: &str = "weir_rule_matches_total";
    /// Counter: bodies that could not be read, by filter and direction.
    pub const UNREADABLE: &str = "weir_unreadable_bodies_total";
    /// Counter: tokens used, by model, identity, type (`input`, `output`, and of these `cached` and
    /// `reasoning`) and source.
    pub const TOKENS: &str = "weir_tokens_total";
    /// Counter: money spent, in pico-dollars, by model, provider and identity.
    pub const COST_PICOUSD: &str = "weir_cost_picousd_total";
    /// Counter: requests for models that have no price, by api and provider.
    pub const UNPRICED: &str = "weir_unpriced_requests_total";
    /// Counter: values of personal data and secrets found, by rule, type, action (`shadow_…` of one
    /// that was only tried out) and direction.
    pub const REDACTIONS: &str = "weir_redactions_total";
    /// Counter: answers whose usage was missing or made no sense, by filter, api and fault.
    pub const USAGE_FAULTS: &str = "weir_usage_faults_total";
    /// Counter: owners that got a slot of a limit, by filter, rule and placement (`claimed`: a
    /// free one or one whose owner had nothing left to remember; `overflow`: the shared one).
    pub const SLOTS: &str = "weir_limit_slots_total";
    /// Counter: rounds lost to other workers in the shared store, by filter.
    pub const STORE_CONFLICTS: &str = "weir_store_conflicts_total";
    /// Counter: limits that could not be checked or settled because the store failed, by filter
    /// and call.
    pub const STORE_FAILURES: &str = "weir_store_failures_total";
    /// Counter: calls to a rate limit service, by filter, call (`check`, `report`) and verdict:
    /// `allowed`, `limited`, `failed`; of checks also `skipped`, while the service is left alone
    /// because it has failed, and `unknown`, when it has no limit for what it was asked.
    pub const GLOBAL_CALLS: &str = "weir_global_calls_total";
    /// Counter: what was charged and could not be reported because too much waits already, by
    /// filter: tokens, requests, or pico-dollars.
    pub const GLOBAL_LOST: &str = "weir_global_lost_total";
    /// Histogram: milliseconds to the first byte of the answer's body, by filter and model.
    pub const TTFT_MS: &str = "weir_time_to_first_token_ms";
    /// Histogram: milliseconds from request headers to the end of the exchange, by filter, model.
    pub const DURATION_MS: &str = "weir_request_duration_ms";
    /// Gauge: when a configuration was taken, in seconds of Unix time, by filter, version, commit
    /// and the first digits of the configuration's SHA-256. Envoy frees no metric: the newest of a
    /// filter is what runs.
    pub const BUILD_INFO: &str = "weir_build_info";
    /// Counter: host calls that failed, by call. Not 0: look at Envoy's log.
    pub const HOST_FAILURES: &str = "weir_host_failures_total";
}
