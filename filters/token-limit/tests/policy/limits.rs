//! Which limits are for a request, and what they count.

use super::*;

#[test]
fn what_a_request_may_answer_is_reserved() {
    let caps = |fields: Value, config: Value| {
        let mut settings = limit(json!({"tokens": 1_000_000}));
        for (key, value) in config.as_object().unwrap() {
            if key == "limit" {
                for (key, value) in value.as_object().unwrap() {
                    settings["limits"][0][key] = value.clone();
                }
            } else {
                settings[key] = value.clone();
            }
        }
        let outcome = Bench::new(&settings).run(&chat(&fields), &used(0, 0));
        let remaining: u64 = outcome
            .got
            .header("x-ratelimit-remaining-tokens")
            .parse()
            .unwrap();
        1_000_000 - remaining
    };
    for (fields, config, reserved) in [
        (json!({}), json!({}), 8 + 1024),
        (json!({}), json!({"expected_output": 10}), 18),
        (json!({"n": 3}), json!({"expected_output": 10}), 38),
        (
            json!({"max_tokens": 5, "n": 3}),
            json!({"expected_output": 10}),
            23,
        ),
        (json!({"max_completion_tokens": 5}), json!({}), 13),
        (
            json!({}),
            json!({"models": [{"match": "gpt-*", "expected_output": 7}]}),
            15,
        ),
        (
            json!({}),
            json!({"models": [{"match": "gpt-*", "expected_output": 7}], "limit": {"expected_output": 3}}),
            11,
        ),
        (
            json!({"max_tokens": 5000}),
            json!({"reserve_output": "expected", "expected_output": 10}),
            18,
        ),
        (
            json!({"max_tokens": 5}),
            json!({"reserve_output": "expected", "expected_output": 10}),
            13,
        ),
        (
            json!({"max_tokens": 100}),
            json!({"limit": {"count": "input"}}),
            8,
        ),
        (
            json!({"max_tokens": 100}),
            json!({"limit": {"count": "output"}}),
            100,
        ),
        (
            json!({"max_tokens": 100}),
            json!({"limit": {"weights": {"output": 2.5}}}),
            258,
        ),
        (
            json!({"max_tokens": 100}),
            json!({"limit": {"weights": {"output": 0.5, "reasoning": 3}}}),
            308,
        ),
        (
            json!({"max_tokens": 1}),
            json!({"limit": {"weights": {"output": 0.001}}}),
            9,
        ),
        (
            json!({}),
            json!({"limit": {"count": "output"}, "models": [{"match": "*", "count_as": "claude", "expected_output": 6}]}),
            6,
        ),
        (
            json!({"max_tokens": 0}),
            json!({"models": [{"match": "*", "factor_permille": 10_000}]}),
            26,
        ),
    ] {
        assert_eq!(
            caps(fields.clone(), config.clone()),
            reserved,
            "{fields} {config}"
        );
    }
}

#[test]
fn weights_apply_to_what_was_used() {
    let config =
        limit(json!({"tokens": 10_000, "weights": {"cached": 0.1, "output": 4, "reasoning": 2}}));
    let bench = Bench::new(&config);
    let usage = json!({"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150,
                       "prompt_tokens_details": {"cached_tokens": 45},
                       "completion_tokens_details": {"reasoning_tokens": 20}});
    let answer = Message::answer("application/json", json!({"usage": usage}).to_string());
    bench.run(&chat(&json!({"max_tokens": 50})), &answer);
    // 55 + 4.5 + 30 * 4 + 20 * 2 = 219.5, rounded up; then 8 are reserved.
    let outcome = bench.run(&chat(&json!({"max_tokens": 0})), &used(8, 0));
    assert_eq!(outcome.got.header("x-ratelimit-remaining-tokens"), "9772");
}

#[test]
fn owners_are_what_a_limit_is_per() {
    let request = |team: &str, model: &str, path: &str| {
        let body = json!({"model": model, "messages": [], "input": "", "max_tokens": 1, "max_output_tokens": 1});
        Message::post(path, body.to_string()).with("x-team", team)
    };
    let table = [
        (json!(["identity"]), [true, false, false, false, true]),
        (json!([]), [true, false, false, false, false]),
        (json!(["model"]), [true, false, true, false, false]),
        (
            json!(["identity", "model"]),
            [true, false, true, false, true],
        ),
        (json!(["api"]), [true, false, false, true, false]),
        (
            json!([{"header": "X-Team"}]),
            [true, false, false, false, true],
        ),
    ];
    for (per, expected) in table {
        let bench = Bench::new(&limit(json!({"requests": 1, "per": per})));
        let admitted = [
            request("a", "m", CHAT),
            request("a", "m", CHAT),
            request("a", "n", CHAT),
            request("a", "m", "/v1/responses"),
            request("b", "m", CHAT),
        ]
        .map(|request| bench.run(&request, &used(1, 1)).status() == "200");
        assert_eq!(admitted, expected, "{per}");
    }
    // Attributes.
    for (per, key) in [
        ("route", "xds/route_name"),
        ("provider", "filter_state/wasm.weir.provider"),
    ] {
        let mut bench = Bench::new(&limit(json!({"requests": 1, "per": [per]})));
        for (value, status) in [("a", "200"), ("a", "429"), ("b", "200")] {
            bench
                .play
                .attributes
                .insert(key.to_owned(), value.to_owned());
            let outcome = bench.run(&request("t", "m", CHAT), &used(1, 1));
            assert_eq!(outcome.status(), status, "{per} {value}");
        }
    }
    // A header that stands twice says nothing.
    let bench = Bench::new(&limit(
        json!({"requests": 1, "per": [{"header": "x-tenant"}]}),
    ));
    let twice = request("t", "m", CHAT)
        .with("x-tenant", "a")
        .with("x-tenant", "b");
    assert_eq!(bench.run(&twice, &used(1, 1)).status(), "400");
}

#[test]
fn limits_are_for_what_they_match() {
    for (matches, limited) in [
        (json!({"model": "gpt-*"}), true),
        (json!({"model": "claude-*"}), false),
        (json!({"model": "fast"}), true),
        (json!({"identity": ["b", "a"]}), true),
        (json!({"identity": "b"}), false),
        (json!({"api": "openai_chat"}), true),
        (json!({"api": "anthropic_messages"}), false),
        (json!({"provider": "openai"}), true),
        (json!({"provider": "azure"}), false),
        (json!({"headers": {"X-Tier": "free*"}}), true),
        (json!({"headers": {"x-tier": "paid"}}), false),
    ] {
        let mut bench = Bench::new(&limit(json!({"requests": 1, "match": matches})));
        for (key, value) in [
            ("model", "fast"),
            ("upstream_model", "gpt-4o"),
            ("provider", "openai"),
        ] {
            bench
                .play
                .attributes
                .insert(format!("filter_state/wasm.weir.{key}"), value.to_owned());
        }
        let request = chat(&json!({})).with("x-tier", "free-1");
        bench.run(&request, &used(1, 1));
        let status = bench.run(&request, &used(1, 1)).status().to_owned();
        assert_eq!(status == "429", limited, "{matches}");
    }
}

#[test]
fn callers_without_identity() {
    let anonymous = Message::post(CHAT, json!({"model": "m", "messages": []}).to_string());
    for (setting, first, second, identity) in [
        (json!("reject"), "401", "401", ""),
        (json!("shared"), "200", "429", ""),
        (json!("skip"), "200", "200", ""),
    ] {
        for per_limit in [true, false] {
            let mut config = limit(json!({"requests": 1}));
            if per_limit {
                config["limits"][0]["on_missing_identity"] = setting.clone();
            } else {
                config["on_missing_identity"] = setting.clone();
            }
            let bench = Bench::new(&config);
            let outcome = bench.run(&anonymous, &used(1, 1));
            assert_eq!(
                (outcome.status(), outcome.fact("identity")),
                (first, identity),
                "{config}"
            );
            assert_eq!(
                bench.run(&anonymous, &used(1, 1)).status(),
                second,
                "{config}"
            );
        }
    }
    // Limits that need no identity ask for none, and one in shadow refuses nobody.
    for config in [
        limit(json!({"requests": 1, "per": ["model"]})),
        limit(json!({"requests": 1, "shadow": true})),
    ] {
        assert_eq!(
            Bench::new(&config).run(&anonymous, &used(1, 1)).status(),
            "200",
            "{config}"
        );
    }
    // What an earlier filter found out holds.
    let mut bench = Bench::new(&limit(json!({"requests": 1})));
    bench.play.attributes.insert(
        "filter_state/wasm.weir.identity".to_owned(),
        "ann".to_owned(),
    );
    assert_eq!(bench.run(&anonymous, &used(1, 1)).status(), "200");
    assert_eq!(bench.run(&chat(&json!({})), &used(1, 1)).status(), "429");
}

#[test]
fn several_limits_hold_together_and_shadows_alone() {
    let config = json!({"identity": [{"header": "x-team"}], "limits": [
        {"name": "wide", "tokens": 1000, "window": "minute"},
        {"name": "tried", "requests": 1, "window": "minute", "shadow": true},
        {"name": "narrow", "tokens": 60, "window": "hour"},
    ]});
    let bench = Bench::new(&config);
    let first = bench.run(&chat(&json!({"max_tokens": 42})), &used(8, 42));
    assert_eq!((first.status(), first.fact("verdict")), ("200", "allowed"));
    // The one that has the least left is told.
    assert_eq!(first.got.header("x-ratelimit-limit-tokens"), "60");
    assert_eq!(first.got.header("x-ratelimit-remaining-tokens"), "10");
    // A limit in shadow is nobody's business.
    assert_eq!(first.got.header("x-ratelimit-limit-requests"), "");

    let refused = bench.run(&chat(&json!({"max_tokens": 3})), &used(0, 0));
    assert_eq!((refused.status(), refused.fact("rule")), ("429", "narrow"));
    // Nothing was taken from the other.
    let second = bench.run(&chat(&json!({"max_tokens": 2})), &used(8, 2));
    assert_eq!(
        (second.status(), second.fact("verdict")),
        ("200", "shadow_limited")
    );
    assert_eq!(second.fact("rule"), "tried");
    let counters: Vec<_> = second
        .counters
        .iter()
        .filter(|(name, _)| name.starts_with("weir_r"))
        .collect();
    assert_eq!(
        counters,
        [
            (&"weir_requests_total;filter=token-limit;api=openai_chat;model=other;verdict=shadow_limited".to_owned(), &1),
            (&"weir_rule_matches_total;filter=token-limit;rule=tried;verdict=shadow_limited".to_owned(), &1),
        ]
    );
    let mut bench = bench;
    bench.wait(60_000);
    let third = bench.run(&chat(&json!({"max_tokens": 0})), &used(8, 0));
    assert_eq!(third.fact("rule"), "narrow", "one token a minute");
}

#[test]
fn counters_survive_another_amount_but_not_another_window() {
    let mut bench = Bench::new(&limit(json!({"tokens": 1000})));
    bench.run(&chat(&json!({"max_tokens": 82})), &used(8, 82));
    for (fields, remaining) in [
        // 90 have been used, and 8 are by each of these.
        (json!({"tokens": 1000}), "902"),
        (json!({"tokens": 2000}), "1894"),
        (json!({"tokens": 1000, "window": "60s"}), "886"),
        (json!({"tokens": 1000, "burst": 200}), "78"),
        (json!({"tokens": 1000, "window": "hour"}), "992"),
        (json!({"tokens": 1000, "name": "other"}), "992"),
        (json!({"tokens": 1000, "count": "input"}), "992"),
    ] {
        bench.filter = filter(&limit(fields.clone()));
        let outcome = bench.run(&chat(&json!({"max_tokens": 0})), &used(8, 0));
        let left = outcome.got.header("x-ratelimit-remaining-tokens");
        assert_eq!(left, remaining, "{fields}");
    }
    // Tokens are no requests.
    bench.filter = filter(&limit(json!({"requests": 10})));
    let outcome = bench.run(&chat(&json!({})), &used(8, 0));
    assert_eq!(outcome.got.header("x-ratelimit-remaining-requests"), "9");
}

#[test]
fn bodies_that_cannot_be_read() {
    let bad = Message::post(CHAT, "{").with("x-team", "a");
    let gzip = chat(&json!({})).with("content-encoding", "gzip");
    for request in [&bad, &gzip] {
        let outcome = Bench::new(&limit(json!({"requests": 1}))).run(request, &used(1, 1));
        assert_eq!(outcome.status(), "400");
        let mut config = limit(json!({"requests": 1}));
        config["on_unreadable"] = json!("pass");
        let bench = Bench::new(&config);
        let outcome = bench.run(request, &used(21, 4));
        assert_eq!(outcome.status(), "200");
        // The answer tells what it cost, and the limits that can be applied are.
        assert_eq!(numbers(&outcome)[..2], ["21", "4"]);
        assert_eq!(bench.run(request, &used(1, 1)).status(), "429");
    }
}

#[test]
fn foreign_requests_pass_untouched() {
    for (method, path) in [("GET", CHAT), ("POST", "/v1/files"), ("GET", "/v1/models")] {
        let request = Message::new(
            &[
                (":method", method),
                (":path", path),
                ("accept-encoding", "gzip"),
            ],
            "x",
        );
        let outcome = Bench::new(&limit(json!({"requests": 1}))).run(&request, &used(1, 1));
        assert_eq!(outcome.sent.as_ref(), Some(&request));
        assert_eq!(outcome.facts, BTreeMap::new());
    }
}

#[test]
fn metrics_are_bounded_by_the_configuration() {
    let config =
        json!({"models": [{"match": ["gpt-4o*", "gpt-5*"], "name": "big"}, {"match": "o3*"}]});
    for (model, label) in [
        ("gpt-4o", "big"),
        ("gpt-5-x", "big"),
        ("o3-mini", "o3*"),
        ("zzz;model=x", "other"),
    ] {
        let outcome = Bench::new(&config).run(&chat(&json!({"model": model})), &used(8, 2));
        let name = |kind: &str| {
            format!("weir_tokens_total;model={label};identity=other;type={kind};source=usage")
        };
        assert_eq!(outcome.counters[&name("input")], 8, "{model}");
        assert_eq!(outcome.counters[&name("output")], 2, "{model}");
        assert_eq!(outcome.fact("model"), model);
    }
}
