//! What fits and what does not, and what a caller is told.

use super::*;

#[test]
fn a_request_is_reserved_and_settled() {
    let bench = Bench::new(&limit(json!({"tokens": 100})));
    let remaining = |answer: &Message, cap: u64| {
        let outcome = bench.run(&chat(&json!({"max_tokens": cap})), answer);
        outcome
            .got
            .header("x-ratelimit-remaining-tokens")
            .to_owned()
    };
    // 8 of the prompt and the cap are reserved; of that 20 come back, then nothing.
    assert_eq!(remaining(&used(8, 10), 30), "62");
    assert_eq!(remaining(&used(8, 30), 30), "44");
    assert_eq!(remaining(&used(8, 2), 4), "32");
    assert_eq!(remaining(&used(8, 0), 26), "0");
    // 26 came back. One token more than there is does not fit.
    let refused = bench.run(&chat(&json!({"max_tokens": 27})), &used(8, 0));
    assert_eq!(refused.status(), "429");
    assert!(refused.sent.is_none());
    assert_eq!(remaining(&used(8, 18), 18), "0");
}

#[test]
fn refusals_have_the_words_and_headers_of_their_dialect() {
    let config = json!({"identity": [{"header": "x-team"}], "limits": [
        {"name": "tpm", "tokens": 100, "window": "minute"},
        {"name": "rpm", "requests": 2, "window": "minute"},
        {"name": "daily", "tokens": 150, "window": "day", "utc_offset": "+02:00"},
    ]});
    let bench = Bench::new(&config);
    let first = bench.run(&chat(&json!({"max_tokens": 42})), &used(8, 42));
    assert_eq!(first.status(), "200");
    for (name, value) in [
        ("x-ratelimit-limit-tokens", "100"),
        ("x-ratelimit-remaining-tokens", "50"),
        ("x-ratelimit-reset-tokens", "30s"),
        ("x-ratelimit-limit-requests", "2"),
        ("x-ratelimit-remaining-requests", "1"),
        ("x-ratelimit-reset-requests", "30s"),
    ] {
        assert_eq!(first.got.header(name), value, "{name}");
    }

    // It will fit in 0.6 s for each token that is missing: 58 - 50.
    let refused = bench.run(&chat(&json!({"max_tokens": 50})), &used(0, 0));
    assert_eq!(
        error(&refused),
        json!({"error": {
            "message": "Rate limit reached for gpt-4o on tokens per min (TPM): Limit 100, Used 50, \
                        Requested 58. Please try again in 4.8s.",
            "type": "tokens", "param": null, "code": "rate_limit_exceeded",
        }})
    );
    for (name, value) in [
        (":status", "429"),
        ("retry-after", "5"),
        ("retry-after-ms", "4800"),
        ("x-should-retry", "true"),
        ("x-ratelimit-limit-tokens", "100"),
        ("x-ratelimit-remaining-tokens", "50"),
        ("x-ratelimit-remaining-requests", "1"),
        ("details", "weir_rate_limited"),
    ] {
        assert_eq!(refused.got.header(name), value, "{name}");
    }
    assert_eq!(
        (refused.fact("verdict"), refused.fact("rule")),
        ("limited", "tpm")
    );
    assert_eq!(numbers(&refused)[..3], ["0", "0", "0"]);
    assert!(
        refused.log[0].contains("limit `tpm` has 50 of 100, 58 asked for"),
        "{:?}",
        refused.log
    );

    let never = bench.run(&chat(&json!({"max_tokens": 93})), &used(0, 0));
    let message = error(&never)["error"]["message"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        message.starts_with(
            "Request too large for gpt-4o on tokens per min (TPM): Limit 100, Requested 101."
        ),
        "{message}"
    );
    assert_eq!(never.got.header("x-should-retry"), "false");
    assert_eq!(never.got.header("retry-after"), "");

    // The same caller in Anthropic's dialect.
    let body = json!({"model": "claude-x", "max_tokens": 50,
                      "messages": [{"role": "user", "content": "hi"}]});
    let request = Message::post(MESSAGES, body.to_string()).with("x-team", "a");
    let refused = bench.run(&request, &used(0, 0));
    let body = error(&refused);
    assert_eq!(body["type"], "error");
    assert_eq!(body["error"]["type"], "rate_limit_error");
    assert_eq!(
        refused.got.header("anthropic-ratelimit-tokens-limit"),
        "100"
    );
    assert_eq!(
        refused.got.header("anthropic-ratelimit-tokens-remaining"),
        "50"
    );
    assert_eq!(
        refused.got.header("anthropic-ratelimit-tokens-reset"),
        "2023-11-14T22:13:50Z"
    );
    assert_eq!(
        refused.got.header("anthropic-ratelimit-requests-remaining"),
        "1"
    );

    // Gemini's.
    let body = json!({"contents": [{"parts": [{"text": "hi"}]}], "generationConfig": {"maxOutputTokens": 60}});
    let request = Message::post(
        "/v1beta/models/gemini-2.5-pro:generateContent",
        body.to_string(),
    );
    let refused = bench.run(&request.with("x-team", "a"), &used(0, 0));
    assert_eq!(error(&refused)["error"]["status"], "RESOURCE_EXHAUSTED");
    assert_eq!(error(&refused)["error"]["code"], 429);

    // Requests.
    let second = bench.run(&chat(&json!({"max_tokens": 1})), &used(8, 1));
    assert_eq!(second.status(), "200");
    let refused = bench.run(&chat(&json!({"max_tokens": 1})), &used(8, 1));
    assert_eq!(error(&refused)["error"]["type"], "requests");
    assert!(
        error(&refused)["error"]["message"]
            .as_str()
            .unwrap()
            .contains(
                "on requests per min (RPM): Limit 2, Used 2, Requested 1. Please try again in 30s."
            )
    );
    assert_eq!(refused.fact("rule"), "rpm");

    // A quota: 59 of 150 used. What it lacks comes at midnight.
    let mut bench = bench;
    bench.wait(3_600_000);
    let answer = bench.run(&chat(&json!({"max_tokens": 52})), &used(8, 52));
    assert_eq!(answer.status(), "200");
    assert_eq!(answer.got.header("x-ratelimit-remaining-tokens"), "31");
    bench.wait(60_000);
    let refused = bench.run(&chat(&json!({"max_tokens": 30})), &used(0, 0));
    assert_eq!(refused.status(), "403");
    assert_eq!(error(&refused)["error"]["type"], "insufficient_quota");
    assert_eq!(error(&refused)["error"]["code"], "insufficient_quota");
    assert_eq!(refused.got.header("x-should-retry"), "false");
    assert_eq!(refused.got.header("details"), "weir_quota_exceeded");
    // 2023-11-15T01:14:20+02:00 to midnight.
    assert_eq!(refused.got.header("retry-after"), "81940");
}

/// An hour's bucket and a wait both SDKs would cut short.
#[test]
fn a_long_wait_is_told_and_not_to_be_waited_for() {
    let bench = Bench::new(&limit(json!({"tokens": 3600, "window": "hour"})));
    bench.run(&chat(&json!({"max_tokens": 3592})), &used(8, 3592));
    for (cap, retry) in [(112, "true"), (113, "false")] {
        let refused = bench.run(&chat(&json!({"max_tokens": cap})), &used(0, 0));
        assert_eq!(refused.got.header("retry-after"), (cap + 8).to_string());
        assert_eq!(refused.got.header("x-should-retry"), retry, "{cap}");
    }
}

#[test]
fn a_store_that_fails() {
    for (setting, status) in [(json!("reject"), "500"), (json!("pass"), "200")] {
        let mut config = limit(json!({"tokens": 100}));
        config["on_store_failure"] = setting;
        let bench = Bench::new(&config);
        bench.play.store.set_rival(|_, _| Some(vec![0]));
        let outcome = bench.run(&chat(&json!({"max_tokens": 1})), &used(8, 1));
        assert_eq!(outcome.status(), status, "{config}");
        let failures = "weir_store_failures_total;filter=token-limit;call=reserve";
        assert_eq!(outcome.counters[failures], 1);
    }
}

/// What is told of a reset is right when the answer comes late.
#[test]
fn a_reset_is_told_as_of_the_answer() {
    let mut bench = Bench::new(&limit(json!({"tokens": 1_000_000, "window": "month"})));
    bench.play.clock_step_ms = 1500;
    let body = json!({"model": "m", "max_tokens": 1, "messages": []});
    let request = Message::post(MESSAGES, body.to_string()).with("x-team", "a");
    let outcome = bench.run(&request, &used(1, 1));
    let reset = outcome.got.header("anthropic-ratelimit-tokens-reset");
    assert_eq!(reset, "2023-12-01T00:00:00Z");
}

/// A request that cannot say how much it will answer is never too large for what it may.
#[test]
fn an_expectation_makes_no_request_too_large() {
    for (tokens, fields, status) in [
        (100, json!({}), "200"),
        (100, json!({"max_tokens": 93}), "429"),
        (7, json!({}), "429"),
    ] {
        let bench = Bench::new(&limit(json!({"tokens": tokens})));
        let outcome = bench.run(&chat(&fields), &used(8, 1));
        assert_eq!(outcome.status(), status, "{tokens} {fields}");
    }
}

/// Numbers are there even for what is refused at sight.
#[test]
fn refusals_at_sight_leave_their_facts() {
    let request = Message::post("/v1/chat%2fcompletions", "{}");
    let outcome = Bench::new(&json!({})).run(&request, &used(1, 1));
    assert_eq!(outcome.status(), "400");
    let facts = ["total_tokens", "api"].map(|name| outcome.fact(name));
    assert_eq!(facts, ["0", "openai_chat"]);
    let labels = "filter=token-limit;api=openai_chat;model=other;verdict=blocked";
    assert_eq!(
        outcome.counters[&format!("weir_requests_total;{labels}")],
        1
    );
}

/// Case is no way around a limit.
#[test]
fn case_does_not_count() {
    let per_model = json!({"requests": 1, "per": ["model"], "match": {"model": "GPT-4*"}});
    let bench = Bench::new(&limit(per_model));
    for (model, status) in [
        ("gpt-4o", "200"),
        ("GPT-4o", "429"),
        (" Gpt-4o", "429"),
        ("gpt-4.1", "200"),
    ] {
        let outcome = bench.run(&chat(&json!({"model": model})), &used(8, 1));
        assert_eq!(outcome.status(), status, "{model}");
    }
}
