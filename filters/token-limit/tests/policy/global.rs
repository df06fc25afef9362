//! Limits that are shared with other Envoys: what is asked, what is done with the answer, what is
//! reported.

use prost::Message as _;
use weir_global::proto::{
    Code, DescriptorStatus, Duration, RateLimit, RateLimitRequest, RateLimitResponse, Unit,
};
use weir_policy::{Attributes, Cx, Effect, Effects, GrpcStatus, UnixNanos};

use super::*;

fn shared(fields: Value) -> Value {
    let mut config = limit(fields);
    config["global"] = json!({"cluster": "rls", "domain": "weir"});
    config
}

fn bench(config: &Value, grpc: Result<RateLimitResponse, u32>) -> Bench {
    let mut bench = Bench::new(config);
    let encoded = grpc.map(|response| response.encode_to_vec());
    bench.play.grpc = Some(encoded.map_err(GrpcStatus));
    bench
}

fn fits() -> Result<RateLimitResponse, u32> {
    let limit = over_limit().current_limit;
    Ok(RateLimitResponse {
        overall_code: Code::Ok.into(),
        statuses: vec![DescriptorStatus {
            current_limit: limit,
            ..DescriptorStatus::default()
        }],
    })
}

fn over(statuses: Vec<DescriptorStatus>) -> Result<RateLimitResponse, u32> {
    Ok(RateLimitResponse {
        overall_code: Code::OverLimit.into(),
        statuses,
    })
}

fn over_limit() -> DescriptorStatus {
    DescriptorStatus {
        code: Code::OverLimit.into(),
        current_limit: Some(RateLimit {
            requests_per_unit: 500,
            unit: Unit::Hour.into(),
            name: String::new(),
        }),
        duration_until_reset: Some(Duration {
            seconds: 90,
            nanos: 1,
        }),
        ..DescriptorStatus::default()
    }
}

/// The descriptors of a message, and what each adds.
fn descriptors(message: &[u8]) -> Vec<(String, u64)> {
    let request = RateLimitRequest::decode(message).unwrap();
    assert_eq!(request.domain, "weir");
    let entries = |d: &weir_global::proto::RateLimitDescriptor| {
        let entries = d.entries.iter().map(|e| format!("{}={}", e.key, e.value));
        entries.collect::<Vec<_>>().join(" ")
    };
    let descriptors = request.descriptors.iter();
    descriptors
        .map(|d| (entries(d), d.hits_addend.as_ref().unwrap().value))
        .collect()
}

/// What the filter does on its tick, `after` so many milliseconds.
fn tick(bench: &Bench, after: u64) -> Option<Vec<(String, u64)>> {
    background(bench, after, |background, cx| background.tick(cx))
}

fn background(
    bench: &Bench,
    after: u64,
    step: impl FnOnce(&dyn weir_policy::Background, &mut Cx<'_>),
) -> Option<Vec<(String, u64)>> {
    struct Nothing;
    impl Attributes for Nothing {
        fn get(&self, _: &[&str]) -> Option<Vec<u8>> {
            None
        }
    }
    let mut effects = Effects::default();
    let now = UnixNanos((bench.play.at_ms + after) * 1_000_000);
    let store = &*bench.play.store;
    let mut cx = Cx::new(&now, 4, &Nothing, store, &mut effects);
    step(bench.filter.background().unwrap(), &mut cx);
    effects.drain().find_map(|effect| match effect {
        Effect::Call(call) => Some(descriptors(&call.message)),
        _ => None,
    })
}

fn report_arrives(bench: &Bench, answer: Result<&[u8], GrpcStatus>) {
    background(bench, 0, |background, cx| {
        background.called(cx, answer);
    });
}

#[test]
fn a_request_is_asked_for_and_goes_on_as_it_would_have() {
    let config = shared(json!({"tokens": 1000, "per": ["identity", "model"]}));
    let mut asked = bench(&config, fits());
    asked.play.request_cuts = vec![10, 20];
    // Its stream tells no usage: the body is changed before it waits.
    let request = chat(&json!({"stream": true, "max_tokens": 5}));
    for hold in [false, true] {
        let mut config = config.clone();
        config["hold"] = json!(hold);
        asked.filter = filter(&config);
        let outcome = asked.run(&request, &used(8, 5));
        assert_eq!(outcome.status(), "200");
        assert!(outcome.sent_body().contains("include_usage"));
        let [call] = &outcome.calls[..] else {
            panic!("{:#?}", outcome.calls);
        };
        assert_eq!(call.cluster, "rls");
        assert_eq!(call.method, "ShouldRateLimit");
        assert_eq!(call.timeout_ms, 100);
        let key = "limit=l identity=a model=gpt-4o";
        assert_eq!(descriptors(&call.message), [(key.to_owned(), 0)]);
    }
}

#[test]
fn what_is_used_up_elsewhere_is_refused_and_takes_nothing_here() {
    let config = shared(json!({"tokens": 20}));
    let request = chat(&json!({"max_tokens": 10}));
    for status in [vec![over_limit()], Vec::new()] {
        let told = !status.is_empty();
        let mut bench = bench(&config, over(status));
        let outcome = bench.run(&request, &used(8, 10));
        assert_eq!(outcome.status(), "429");
        assert_eq!(outcome.fact("verdict"), "limited");
        assert_eq!(outcome.fact("rule"), "l");
        assert_eq!(outcome.fact("total_tokens"), "0");
        let message = match told {
            true => {
                "Rate limit reached on tokens per hour: Limit 500. Please try again in 1m30.001s."
            }
            false => "Rate limit reached on tokens.",
        };
        assert_eq!(error(&outcome)["error"]["message"], message);
        let retry = if told { "91" } else { "" };
        assert_eq!(outcome.got.header("retry-after"), retry);
        assert_eq!(outcome.got.header("x-should-retry"), told.to_string());
        let limit = outcome.got.header("x-ratelimit-limit-tokens");
        assert_eq!(limit, "20", "what stands here is told as ever");
        assert_eq!(tick(&bench, 1000), None, "nothing was used");
        // All of the limit is still there.
        bench.play.grpc = Some(Ok(Vec::new()));
        let outcome = bench.run(&request, &used(8, 10));
        assert_eq!(outcome.status(), "200");
    }
}

#[test]
fn quotas_of_all_are_quotas() {
    let mut config = shared(json!({"tokens": 1000}));
    config["limits"][0]["window"] = json!("day");
    let bench = bench(&config, over(vec![over_limit()]));
    let outcome = bench.run(&chat(&json!({})), &used(8, 1));
    assert_eq!(outcome.status(), "403");
    assert_eq!(outcome.got.header("x-should-retry"), "false");
    let message = error(&outcome)["error"]["message"].clone();
    let begins = "You exceeded your current quota on tokens per hour";
    assert!(message.as_str().unwrap().starts_with(begins), "{message}");
}

#[test]
fn the_second_of_two_limits_may_be_the_one() {
    let mut config = shared(json!({"tokens": 1000}));
    let second = json!({"name": "second", "requests": 5, "window": "minute", "per": []});
    config["limits"].as_array_mut().unwrap().push(second);
    let answer = over(vec![DescriptorStatus::default(), over_limit()]);
    let outcome = bench(&config, answer).run(&chat(&json!({})), &used(8, 1));
    assert_eq!(outcome.fact("rule"), "second");
    let asked = descriptors(&outcome.calls[0].message);
    let keys = ["limit=l identity=a", "limit=second"].map(|key| (key.to_owned(), 0));
    assert_eq!(asked, keys);
    // A service that speaks of more than it was asked for refuses all the same.
    let answer = over(vec![
        DescriptorStatus::default(),
        DescriptorStatus::default(),
        over_limit(),
    ]);
    let outcome = bench(&config, answer).run(&chat(&json!({})), &used(8, 1));
    assert_eq!(outcome.status(), "429");
}

/// Of several that are used up the one with the longest wait decides, as in one Envoy.
#[test]
fn the_longest_wait_is_told() {
    let mut config = shared(json!({"tokens": 1000}));
    let day = json!({"name": "day", "tokens": 5000, "window": "day"});
    config["limits"].as_array_mut().unwrap().push(day);
    let mut later = over_limit();
    later.duration_until_reset.as_mut().unwrap().seconds = 5000;
    let outcome =
        bench(&config, over(vec![over_limit(), later])).run(&chat(&json!({})), &used(8, 1));
    assert_eq!(outcome.fact("rule"), "day");
    assert_eq!(outcome.status(), "403");
    assert_eq!(outcome.got.header("x-should-retry"), "false");
}

/// A service without a limit for what it is asked says yes, which somebody should notice.
#[test]
fn counters_the_service_does_not_know_are_told_of() {
    let answer = Ok(RateLimitResponse {
        overall_code: Code::Ok.into(),
        statuses: vec![DescriptorStatus::default()],
    });
    let outcome =
        bench(&shared(json!({"tokens": 1000})), answer).run(&chat(&json!({})), &used(8, 1));
    let counter = "weir_global_calls_total;filter=token-limit;call=check;verdict=unknown";
    assert_eq!(outcome.counters[counter], 1);
}

#[test]
fn a_service_that_does_not_answer_leaves_the_limits_here() {
    let garbage: Result<Vec<u8>, GrpcStatus> = Ok(vec![0xff; 9]);
    for answer in [Err(GrpcStatus(4)), Err(GrpcStatus(14)), garbage] {
        for (on_failure, status) in [("pass", "200"), ("reject", "500")] {
            let mut config = shared(json!({"tokens": 1_000_000}));
            config["global"]["on_failure"] = json!(on_failure);
            let mut bench = bench(&config, fits());
            bench.play.grpc = Some(answer.clone());
            for turn in 0..8 {
                let outcome = bench.run(&chat(&json!({"max_tokens": 10})), &used(8, 1));
                assert_eq!(outcome.status(), status, "{turn} {answer:?}");
                // After five in vain it is left alone for a second.
                assert_eq!(outcome.calls.len(), usize::from(turn < 5), "{turn}");
                let verdict = if turn < 5 { "failed" } else { "skipped" };
                let counter = format!(
                    "weir_global_calls_total;filter=token-limit;call=check;verdict={verdict}"
                );
                assert_eq!(outcome.counters[&counter], 1);
                assert!(outcome.log.len() <= 2, "{:?}", outcome.log);
            }
            bench.wait(1001);
            let outcome = bench.run(&chat(&json!({"max_tokens": 10})), &used(8, 1));
            assert_eq!(outcome.calls.len(), 1);
        }
    }
}

#[test]
fn a_call_that_cannot_be_made_has_failed() {
    let mut bench = Bench::new(&shared(json!({"tokens": 1000})));
    for (on_failure, status) in [("pass", "200"), ("reject", "500")] {
        let mut config = shared(json!({"tokens": 1000}));
        config["global"]["on_failure"] = json!(on_failure);
        bench.filter = filter(&config);
        let outcome = bench.run(&chat(&json!({"max_tokens": 10})), &used(8, 1));
        assert_eq!(outcome.status(), status);
    }
}

#[test]
fn what_was_used_is_summed_up_and_reported() {
    let bench = bench(&shared(json!({"tokens": 1000})), fits());
    assert_eq!(tick(&bench, 0), None);
    for _ in 0..3 {
        bench.run(&chat(&json!({"max_tokens": 10})), &used(8, 2));
    }
    let report = [("limit=l identity=a".to_owned(), 30)];
    assert_eq!(tick(&bench, 0).unwrap(), report);
    // It does not arrive, and is sent again with what has come to it.
    report_arrives(&bench, Err(GrpcStatus(14)));
    bench.run(&chat(&json!({"max_tokens": 10})), &used(8, 2));
    let report = [("limit=l identity=a".to_owned(), 40)];
    assert_eq!(tick(&bench, 900), None, "not at once");
    assert_eq!(tick(&bench, 1001).unwrap(), report);
    // It crosses the limit, which is no failure.
    report_arrives(
        &bench,
        Ok(&over(vec![over_limit()]).unwrap().encode_to_vec()),
    );
    assert_eq!(tick(&bench, 0), None);
}

#[test]
fn only_limits_that_refuse_are_shared() {
    let mut config = shared(json!({"tokens": 1000, "shadow": true}));
    let bench = bench(&config, fits());
    let outcome = bench.run(&chat(&json!({})), &used(8, 2));
    assert_eq!(outcome.calls, []);
    assert_eq!(tick(&bench, 0), None);
    // Neither is what no limit is for, nor what uses nothing of it.
    config["limits"][0]["shadow"] = json!(false);
    config["limits"][0]["match"] = json!({"model": "o3"});
    let outcome = self::bench(&config, fits()).run(&chat(&json!({})), &used(8, 2));
    assert_eq!(outcome.calls, []);
    let config = shared(json!({"tokens": 1000}));
    let request = Message::post(
        "/v1/messages/count_tokens",
        json!({"model": "m", "messages": []}).to_string(),
    );
    let request = request.with("x-team", "a");
    let outcome = self::bench(&config, fits()).run(&request, &used(8, 2));
    assert_eq!(outcome.calls, []);
}

#[test]
fn a_body_that_cannot_be_read_is_asked_for_all_the_same() {
    let mut config = shared(json!({"tokens": 100_000}));
    config["on_unreadable"] = json!("pass");
    let request = chat(&json!({})).with("content-encoding", "zstd");
    for hold in [false, true] {
        config["hold"] = json!(hold);
        let outcome = bench(&config, fits()).run(&request, &used(8, 2));
        assert_eq!(outcome.status(), "200");
        assert_eq!(
            outcome.sent_body(),
            String::from_utf8(request.body.clone()).unwrap()
        );
        assert_eq!(outcome.calls.len(), 1);
        let outcome = bench(&config, over(vec![over_limit()])).run(&request, &used(8, 2));
        assert_eq!(outcome.status(), "429");
    }
    // Also where nothing is known of what it will use.
    config["limits"][0]["count"] = json!("input");
    let bench = bench(&config, fits());
    assert_eq!(bench.run(&request, &used(8, 2)).calls.len(), 1);
    let report = [("limit=l identity=a".to_owned(), 8)];
    assert_eq!(tick(&bench, 0).unwrap(), report);
}

#[test]
fn keys_are_bounded_whatever_callers_say() {
    let config = shared(json!({"tokens": 1000, "per": ["identity", {"header": "x-note"}]}));
    let long = "x".repeat(5000);
    let secret = chat(&json!({})).with("authorization", "Bearer sk-1");
    let mut by_key = config.clone();
    by_key["limits"][0]["per"] = json!([{"header": "Authorization"}, "identity"]);
    let outcome = bench(&by_key, fits()).run(&secret, &used(8, 2));
    let [(key, 0)] = &descriptors(&outcome.calls[0].message)[..] else {
        panic!("one key");
    };
    // In the order in which they are written.
    assert!(key.starts_with("limit=l authorization=sha256:"), "{key}");
    assert!(key.ends_with(" identity=a"), "{key}");
    for (note, shown) in [
        (b"".as_slice(), "none"),
        (b"short", "short"),
        (b"\xff\xfe", "sha256:"),
        (long.as_bytes(), "sha256:"),
    ] {
        let request = chat(&json!({})).with("x-note", note);
        let outcome = bench(&config, fits()).run(&request, &used(8, 2));
        let [(key, 0)] = &descriptors(&outcome.calls[0].message)[..] else {
            panic!("one key");
        };
        let rest = key.strip_prefix("limit=l identity=a x-note=").unwrap();
        assert!(rest.starts_with(shown) && rest.len() < 40, "{rest}");
    }
}

#[test]
fn settings_are_checked() {
    for (global, message) in [
        (
            json!({"cluster": "", "domain": "d"}),
            "at `global.cluster`: is empty",
        ),
        (
            json!({"cluster": "c", "domain": ""}),
            "at `global.domain`: is empty",
        ),
        (
            json!({"cluster": "c", "domain": "d", "timeout": "1h"}),
            "at `global.timeout`: must be like `100ms` or `1s`, up to `60s`",
        ),
        (
            json!({"cluster": "c"}),
            "at `global`: missing field `domain`",
        ),
        (
            json!({"cluster": "ai-limits", "domain": "d"}),
            "at `global.cluster`: Envoy would misread this name",
        ),
    ] {
        let config = json!({"global": global}).to_string();
        let error = TokenLimit::configure(config.as_bytes()).unwrap_err();
        assert!(error.to_string().starts_with(message), "{error}");
    }
}
