//! Limit headers in the caller's dialect.
//! Sources: OpenAI's and Anthropic's API references; both SDKs read `retry-after`.

use std::time::{Duration, SystemTime};

use crate::Dialect;

/// Where a limit stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// What the window allows.
    pub limit: u64,
    /// What is left of it.
    pub remaining: u64,
    /// Milliseconds until all of it is there again.
    pub reset_ms: u64,
}

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// Requests.
    Requests,
    /// Tokens of either kind.
    Tokens,
    /// Prompt tokens.
    InputTokens,
    /// Output tokens.
    OutputTokens,
}

/// The headers that tell a caller where it stands. `now_ms` is Unix time in milliseconds, for
/// Anthropic's reset times. Dialects that have no such headers get OpenAI's, which most clients
/// and dashboards know.
pub fn headers(
    dialect: Dialect,
    standings: &[(Counted, Standing)],
    now_ms: u64,
) -> Vec<(String, String)> {
    let mut headers = Vec::with_capacity(standings.len() * 3);
    for (counted, standing) in standings {
        let Standing {
            limit,
            remaining,
            reset_ms,
        } = *standing;
        if dialect == Dialect::Anthropic {
            let what = match counted {
                Counted::Requests => "requests",
                Counted::Tokens => "tokens",
                Counted::InputTokens => "input-tokens",
                Counted::OutputTokens => "output-tokens",
            };
            let reset = rfc3339(now_ms.saturating_add(reset_ms));
            headers.push((
                format!("anthropic-ratelimit-{what}-limit"),
                limit.to_string(),
            ));
            headers.push((
                format!("anthropic-ratelimit-{what}-remaining"),
                remaining.to_string(),
            ));
            headers.push((format!("anthropic-ratelimit-{what}-reset"), reset));
        } else {
            // OpenAI knows one kind of token.
            let what = match counted {
                Counted::Requests => "requests",
                _ => "tokens",
            };
            headers.push((format!("x-ratelimit-limit-{what}"), limit.to_string()));
            headers.push((
                format!("x-ratelimit-remaining-{what}"),
                remaining.to_string(),
            ));
            headers.push((format!("x-ratelimit-reset-{what}"), go_duration(reset_ms)));
        }
    }
    headers
}

/// The longest wait both official SDKs obey; told of a longer one they would come back early, in
/// vain.
const MAX_RETRY_MS: u64 = 120_000;

/// When to come again, in headers that SDKs obey. `ms`: none when it is never worth it; `quota`: it
/// begins anew some time, which is for people to wait for.
pub fn retry_headers(ms: Option<u64>, quota: bool) -> Vec<(String, String)> {
    let mut headers = Vec::new();
    let mut header = |name: &str, value: String| headers.push((name.to_owned(), value));
    if let Some(ms) = ms {
        // Whole seconds are never too early.
        header("retry-after", ms.div_ceil(1000).to_string());
        header("retry-after-ms", ms.to_string());
    }
    let worth_it = ms.is_some_and(|ms| ms <= MAX_RETRY_MS) && !quota;
    header("x-should-retry", worth_it.to_string());
    headers
}

/// The longest duration Go has, 2⁶³ nanoseconds: some 292 years. It refuses to read a longer one.
const LONGEST_MS: u64 = i64::MAX as u64 / 1_000_000;

/// A duration as OpenAI writes it, which is how Go does: `84ms`, `1s`, `6m0s`, `2m52.8s`,
/// `1h0m0s`.
pub fn go_duration(ms: u64) -> String {
    let ms = ms.min(LONGEST_MS);
    if ms == 0 {
        return "0s".to_owned();
    }
    if ms < 1000 {
        return format!("{ms}ms");
    }
    let (hours, minutes) = (ms / 3_600_000, ms / 60_000 % 60);
    let mut text = String::new();
    if hours > 0 {
        text.push_str(&format!("{hours}h"));
    }
    if hours > 0 || minutes > 0 {
        text.push_str(&format!("{minutes}m"));
    }
    let seconds = format!("{}.{:03}", ms / 1000 % 60, ms % 1000);
    text.push_str(seconds.trim_end_matches('0').trim_end_matches('.'));
    text.push('s');
    text
}

/// A moment as RFC 3339 in UTC, whole seconds, rounded up so that it is never too early.
fn rfc3339(unix_ms: u64) -> String {
    // The year 9999 is as far as the format goes.
    let seconds = unix_ms.div_ceil(1000).min(253_402_300_799);
    humantime::format_rfc3339_seconds(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (ms, expected) in [
            (0, "0s"),
            (84, "84ms"),
            (1000, "1s"),
            (1500, "1.5s"),
            (10_000, "10s"),
            (360_000, "6m0s"),
            (172_800, "2m52.8s"),
            (3_600_000, "1h0m0s"),
            (3_661_001, "1h1m1.001s"),
            // What never resets, as a quota that is for ever.
            (u64::MAX, "2562047h47m16.854s"),
        ] {
            assert_eq!(go_duration(ms), expected);
        }
    }

    #[test]
    fn each_dialect_has_its_names() {
        let standing = Standing {
            limit: 1000,
            remaining: 400,
            reset_ms: 36_000,
        };
        let openai = headers(
            Dialect::OpenAi,
            &[(Counted::Requests, standing), (Counted::Tokens, standing)],
            0,
        );
        let openai: Vec<_> = openai.iter().map(|(n, v)| format!("{n}: {v}")).collect();
        assert_eq!(
            openai,
            [
                "x-ratelimit-limit-requests: 1000",
                "x-ratelimit-remaining-requests: 400",
                "x-ratelimit-reset-requests: 36s",
                "x-ratelimit-limit-tokens: 1000",
                "x-ratelimit-remaining-tokens: 400",
                "x-ratelimit-reset-tokens: 36s",
            ]
        );
        let anthropic = headers(
            Dialect::Anthropic,
            &[(Counted::InputTokens, standing)],
            1_735_689_600_500,
        );
        assert_eq!(
            anthropic[2],
            (
                "anthropic-ratelimit-input-tokens-reset".to_owned(),
                "2025-01-01T00:00:37Z".to_owned()
            )
        );
    }
}
