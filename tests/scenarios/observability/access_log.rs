//! What the access log says of the traffic.

use std::time::Instant;

use serde_json::{Value, json};
use tokio::time::sleep;
use weir_testkit::client::Request;

use super::traffic::round;
use super::{PATIENCE, POLL};
use crate::harness::Running;

/// Lines of the access log: OpenTelemetry's names, numbers as numbers, nothing that is not there.
pub(super) async fn check(running: &Running) {
    let keyed = Request::get("/healthz?key=secret-key");
    assert_eq!(running.h1().send(keyed).await.status, 404);
    let wanted = round().len() + 1;
    let deadline = Instant::now() + PATIENCE;
    let lines = loop {
        let log = running.envoy().log();
        let lines = log.lines().filter(|line| line.starts_with('{'));
        let mut lines: Vec<Value> = lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        // Workers write when they come to it.
        lines.sort_by_key(|line| line["time"].to_string());
        if lines.len() >= wanted || Instant::now() > deadline {
            break lines;
        }
        sleep(POLL).await;
    };
    assert_eq!(lines.len(), wanted);
    let log = Value::from(lines.clone()).to_string();
    for hidden in ["secret-key", "jane.roe", "Tr0ub4dor"] {
        assert!(!log.contains(hidden), "{hidden}");
    }
    let expect = |index: usize, fields: Value| {
        for (name, value) in fields.as_object().unwrap() {
            assert_eq!(
                lines[index].get(name).unwrap_or(&Value::Null),
                value,
                "{name} in {:#}",
                lines[index]
            );
        }
    };
    expect(
        0,
        json!({
            "http.request.method": "POST", "http.response.status_code": 200, "error.type": null,
            "url.path": "/v1/chat/completions", "upstream": "openai",
            "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-4.1-mini", "gen_ai.response.model": "gpt-4.1-mini",
            "gen_ai.request.stream": false, "gen_ai.response.time_to_first_chunk": null,
            "gen_ai.usage.input_tokens": 8, "gen_ai.usage.output_tokens": 14,
            "gen_ai.usage.cache_read.input_tokens": 0, "gen_ai.usage.reasoning.output_tokens": 0,
            "model": "fast", "identity": "search", "cost_picousd": "25600000", "cost_usd": "0.0000256",
            "priced": "true", "verdict": "allowed", "tokens_source": "usage",
        }),
    );
    expect(1, json!({"gen_ai.request.stream": true}));
    let first = lines[1]["gen_ai.response.time_to_first_chunk"]
        .as_f64()
        .unwrap();
    assert!((0.0..10.0).contains(&first), "{first}");
    expect(2, json!({"redacted": "EMAIL=1", "rule": "default"}));
    expect(
        5,
        json!({"error.type": "weir_pii_blocked", "verdict": "blocked",
                     "gen_ai.usage.input_tokens": 0, "gen_ai.response.model": null}),
    );
    expect(6, json!({"priced": "false", "cost_picousd": "0"}));
    expect(
        7,
        json!({"error.type": "weir_model_not_found", "gen_ai.request.model": null,
                     "gen_ai.usage.input_tokens": null, "model": "no-such-model"}),
    );
    expect(
        11,
        json!({"gen_ai.provider.name": "anthropic", "verdict": "shadow_denied"}),
    );
    expect(
        12,
        json!({"gen_ai.operation.name": "generate_content", "error.type": "weir_rate_limited"}),
    );
    expect(13, json!({"error.type": "weir_unreadable_body"}));
    let names = lines[14]
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect::<Vec<_>>();
    assert_eq!(
        names,
        [
            "duration_ms",
            "error.type",
            "http.request.method",
            "http.response.status_code",
            "time",
            "url.path"
        ]
    );
}
