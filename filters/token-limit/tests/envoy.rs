//! The promises of README.md, in real Envoy with two and four workers.

#![allow(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use weir_testkit::bootstrap::Bootstrap;
use weir_testkit::client::{Client, Request, Response};
use weir_testkit::rig::{Rig, model_router, token_limit};

const CHAT: &str = "/v1/chat/completions";

/// A chat of 8 tokens.
fn chat(cap: u64) -> Request {
    let messages = json!([{"role": "user", "content": "hi"}]);
    Request::post(CHAT)
        .header("x-team", "a")
        .json(&json!({"model": "gpt-4o", "max_tokens": cap, "messages": messages}))
}

/// An answer of so many tokens.
fn answered(request: Request, tokens: u64) -> Request {
    request.header("x-mock-tokens", tokens.to_string())
}

fn by_team(limits: Value) -> Value {
    json!({"identity": [{"header": "x-team"}], "limits": limits})
}

async fn rig(config: Value) -> Rig {
    Rig::start(&["openai"], |b| b.wasm(token_limit(config))).await
}

fn header(answer: &Response, name: &str) -> u64 {
    let value = answer.header(name);
    value
        .and_then(|value| value.parse().ok())
        .unwrap_or_else(|| panic!("{name}: {value:?} in {answer:?}"))
}

/// What is left of the team's tokens in all, of the prompt and of the answer, by a request that
/// uses none.
async fn left(rig: &Rig) -> [u64; 3] {
    let probe = Request::post("/v1/messages/count_tokens")
        .header("x-team", "a")
        .json(&json!({"model": "gpt-4o", "messages": []}));
    let answer = rig.h1().send(probe).await.ok();
    assert_eq!(answer.status, 200, "{answer:?}");
    ["tokens", "input-tokens", "output-tokens"].map(|kind| {
        let name = format!("anthropic-ratelimit-{kind}-remaining");
        match answer.header(&name) {
            Some(_) => header(&answer, &name),
            None => 0,
        }
    })
}

/// What is left once it is as expected: settling comes after the answer. Else after five seconds.
async fn settled(rig: &Rig, expected: [u64; 3]) -> [u64; 3] {
    let mut found = left(rig).await;
    for _ in 0..250 {
        if found == expected {
            break;
        }
        sleep(Duration::from_millis(20)).await;
        found = left(rig).await;
    }
    found
}

/// Three quotas that refill for nobody while a test runs.
fn quotas(limit: u64) -> Value {
    by_team(json!([
        {"name": "all", "tokens": limit, "window": "month"},
        {"name": "in", "tokens": limit, "window": "month", "count": "input"},
        {"name": "out", "tokens": limit, "window": "month", "count": "output"},
    ]))
}

/// 5,000 requests over 64 connections want more than there is: what is admitted fits, what fits is
/// admitted, and what is left is right to the token.
async fn no_overshoot(workers: u32) {
    const LIMIT: u64 = 60_000;
    const QUOTA: u64 = 10 * LIMIT;
    let config = by_team(json!([
        {"name": "bucket", "tokens": LIMIT, "window": "12h"},
        {"name": "in", "tokens": QUOTA, "window": "month", "count": "input"},
        {"name": "out", "tokens": QUOTA, "window": "month", "count": "output"},
    ]));
    let setup = |b: Bootstrap| b.wasm(token_limit(config));
    let rig = Rig::start_with(&["openai"], workers, false, setup).await;
    let began = Instant::now();
    let clients: Vec<Client> = (0..64).map(|_| rig.h2().pinned()).collect();
    let mut sending = JoinSet::new();
    for (n, client) in (0_u64..).zip(clients) {
        sending.spawn(async move {
            let (mut input, mut output) = (0, 0);
            for turn in 0_u64..79 {
                // Sizes and shares of the cap that differ by connection and turn.
                let cap = 1 + (n * 31 + turn * 17) % 40;
                let tokens = cap * ((n + turn) % 4) / 3;
                let answer = client.send(answered(chat(cap), tokens)).await.ok();
                match answer.status {
                    200 => {
                        let usage = &answer.json()["usage"];
                        input += usage["prompt_tokens"].as_u64().unwrap();
                        output += usage["completion_tokens"].as_u64().unwrap();
                    }
                    429 => {
                        let left = header(&answer, "x-ratelimit-remaining-tokens");
                        assert!(left < 8 + cap, "{left} is enough for {}", 8 + cap);
                    }
                    other => panic!("{other}: {answer:?}"),
                }
            }
            (input, output)
        });
    }
    let spent = sending.join_all().await;
    let input: u64 = spent.iter().map(|(input, _)| input).sum();
    let output: u64 = spent.iter().map(|(_, output)| output).sum();
    let spent = input + output;
    let exactly = [0, QUOTA - input, QUOTA - output];
    let [left, ..] = settled(&rig, exactly).await;
    assert_eq!(
        settled(&rig, [left, exactly[1], exactly[2]]).await[1..],
        exactly[1..]
    );

    let elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap();
    let refilled = LIMIT * elapsed_ms / (12 * 3_600_000) + 1;
    assert!(spent <= LIMIT + refilled, "{spent} of {LIMIT} + {refilled}");
    // All that wanted to be had was more than there is, and the smallest request needs 9.
    assert!(
        left < 48 && spent + 48 > LIMIT,
        "{spent} of {LIMIT}, {left} left"
    );
    let level = (spent + left).abs_diff(LIMIT);
    assert!(level <= refilled, "{spent} spent, {left} left of {LIMIT}");
    rig.envoy.assert_no_crash();
}

/// Of several limits the one that leaves least is told, on answers and on refusals, in the names and
/// the times of the caller's API.
#[tokio::test]
async fn callers_are_told_where_they_stand() {
    // A token comes back every 432 seconds.
    let rig = rig(by_team(json!([
        {"name": "wide", "tokens": 1000, "window": "12h"},
        {"name": "narrow", "tokens": 100, "window": "12h"},
        {"name": "requests", "requests": 3, "window": "12h"},
    ])))
    .await;
    let messages = |cap: u64| {
        let messages = json!([{"role": "user", "content": "hi"}]);
        Request::post("/v1/messages")
            .header("x-team", "b")
            .json(&json!({"model": "gpt-4o", "max_tokens": cap, "messages": messages}))
    };
    let anthropic =
        |what| ["tokens", "requests"].map(|of| format!("anthropic-ratelimit-{of}-{what}"));
    let openai = |what| ["tokens", "requests"].map(|of| format!("x-ratelimit-{what}-{of}"));
    for (requests, names) in [
        (
            [chat(42), chat(50)],
            [openai("limit"), openai("remaining"), openai("reset")],
        ),
        (
            [messages(42), messages(50)],
            [
                anthropic("limit"),
                anthropic("remaining"),
                anthropic("reset"),
            ],
        ),
    ] {
        let [limits, remaining, resets] = names;
        let h1 = rig.h1();
        for (request, status) in requests.into_iter().zip([200, 429]) {
            let answer = h1.send(answered(request, 42)).await.ok();
            assert_eq!(answer.status, status, "{answer:?}");
            assert_eq!(
                limits.each_ref().map(|name| header(&answer, name)),
                [100, 3]
            );
            assert_eq!(
                remaining.each_ref().map(|name| header(&answer, name)),
                [50, 2]
            );
            // Full again: 50 tokens in six hours, one request in four.
            for (name, hours) in resets.iter().zip([6, 4]) {
                let told = answer.header(name).unwrap();
                let at = SystemTime::now() + Duration::from_secs(hours * 3600);
                let right = match name.starts_with("anthropic") {
                    true => (0..30).any(|late| {
                        let at = at - Duration::from_secs(late) + Duration::from_secs(1);
                        humantime::format_rfc3339_seconds(at).to_string() == told
                    }),
                    false => {
                        told == format!("{hours}h0m0s")
                            || told.starts_with(&format!("{}h59m", hours - 1))
                    }
                };
                assert!(right, "{name}: {told} is not in {hours} hours");
            }
            if status == 429 {
                // Eight tokens are missing.
                let wait = header(&answer, "retry-after");
                assert!((3400..=3456).contains(&wait), "{wait} s");
            }
        }
    }
    rig.envoy.assert_no_crash();
}

#[tokio::test]
async fn no_overshoot_among_two_workers() {
    no_overshoot(2).await;
}

#[tokio::test]
async fn no_overshoot_among_four_workers() {
    no_overshoot(4).await;
}

/// Each API, whole and streamed: the provider's usage is what is charged, and the caller gets
/// what the upstream would have sent without us.
#[tokio::test]
async fn usage_is_taken_from_every_api() {
    const LIMIT: u64 = 1_000_000;
    let rig = rig(quotas(LIMIT)).await;
    let bare = Rig::start(&["openai"], |b| b).await;
    let user = json!([{"role": "user", "content": "hi"}]);
    let contents = json!([{"parts": [{"text": "hi"}]}]);
    let converse = json!([{"role": "user", "content": [{"text": "hi"}]}]);
    let cases = [
        (CHAT, json!({"messages": user}), 8),
        (CHAT, json!({"messages": user, "stream": true}), 8),
        (CHAT, json!({"messages": user, "stream": true, "n": 3}), 8),
        (
            CHAT,
            json!({"messages": user, "stream": true, "stream_options": {"include_usage": true}}),
            8,
        ),
        ("/v1/completions", json!({"prompt": "hi"}), 1),
        (
            "/v1/completions",
            json!({"prompt": "hi", "stream": true}),
            1,
        ),
        ("/v1/responses", json!({"input": "hi"}), 0),
        ("/v1/responses", json!({"input": "hi", "stream": true}), 0),
        (
            "/v1/messages",
            json!({"max_tokens": 9, "messages": user}),
            0,
        ),
        (
            "/v1/messages",
            json!({"max_tokens": 9, "messages": user, "stream": true}),
            0,
        ),
        (
            "/v1beta/models/gpt-4o:generateContent",
            json!({"contents": contents}),
            0,
        ),
        (
            "/v1beta/models/gpt-4o:streamGenerateContent?alt=sse",
            json!({"contents": contents}),
            0,
        ),
        (
            "/v1beta/models/gpt-4o:streamGenerateContent",
            json!({"contents": contents}),
            0,
        ),
        ("/model/gpt-4o/converse", json!({"messages": converse}), 0),
        (
            "/model/gpt-4o/converse-stream",
            json!({"messages": converse}),
            0,
        ),
    ];
    let (mut input, mut output, mut sent) = (0, 0, 0);
    for (path, mut body, expected_input) in cases {
        body["model"] = "gpt-4o".into();
        for (name, value) in [
            ("x-mock-cut", "1000000"),
            ("x-mock-cut", "1"),
            ("x-mock-cut", "7"),
            ("x-mock-line-end", "crlf"),
        ] {
            let request = || {
                Request::post(path)
                    .header("x-team", "a")
                    .header("x-mock-tokens", "21")
                    .header(name, value)
                    .json(&body)
            };
            let (with, without) = (
                rig.h1().send(request()).await.ok(),
                bare.h1().send(request()).await.ok(),
            );
            assert_eq!(with.status, 200, "{path}");
            let ids_aside = |answer: &Response| String::from_utf8_lossy(&answer.body).into_owned();
            assert_eq!(ids_aside(&with), ids_aside(&without), "{path} {body}");
            sent += 1;
            let log = rig.envoy.access_log(sent).await;
            let line = log
                .iter()
                .rfind(|line| line["verdict"] == "allowed")
                .unwrap();
            let number = |name: &str| line[name].as_str().unwrap().parse::<u64>().unwrap();
            assert_eq!(line["tokens_source"], "usage", "{path} {body}: {line}");
            let choices = body["n"].as_u64().unwrap_or(1);
            assert_eq!(number("output_tokens"), 21 * choices, "{path} {body}");
            if expected_input > 0 {
                assert_eq!(number("input_tokens"), expected_input, "{path} {body}");
            }
            assert_eq!(
                number("total_tokens"),
                number("input_tokens") + 21 * choices
            );
            input += number("input_tokens");
            output += number("output_tokens");
        }
    }
    let expected = [LIMIT - input - output, LIMIT - input, LIMIT - output];
    assert_eq!(settled(&rig, expected).await, expected);
    rig.envoy.assert_no_crash();
}

/// However an exchange ends, it is settled once, to what it cost.
#[tokio::test]
async fn every_ending_is_settled() {
    const LIMIT: u64 = 1_000_000;
    let route = json!({"match": {"prefix": "/slow"}, "route": {"cluster": "openai", "timeout": "0.3s", "prefix_rewrite": "/"}});
    let rig = Rig::start(&["openai"], |b| {
        b.raw_route(route).wasm(token_limit(quotas(LIMIT)))
    })
    .await;
    let stream = |tokens: u64| {
        let messages = json!([{"role": "user", "content": "hi"}]);
        Request::post(CHAT)
            .header("x-team", "a")
            .header("x-mock-tokens", tokens.to_string())
            .json(&json!({"model": "gpt-4o", "stream": true, "messages": messages}))
    };
    let (mut input, mut output) = (0, 0);
    let mut ends = async |what: &str, spent: [u64; 2]| {
        input += spent[0];
        output += spent[1];
        let expected = [LIMIT - input - output, LIMIT - input, LIMIT - output];
        assert_eq!(settled(&rig, expected).await, expected, "{what}");
    };

    // The upstream refuses, fails, breaks off before or behind its headers, takes too long.
    for status in ["400", "429", "500", "503"] {
        rig.h1()
            .send(chat(50).header("x-mock-status", status))
            .await;
        ends(status, [0, 0]).await;
    }
    rig.h1().send(stream(50).header("x-mock-abort", "0")).await;
    ends("reset behind the headers", [0, 0]).await;
    let slow = Request::post(&format!("/slow{CHAT}"))
        .header("x-team", "a")
        .header("x-mock-delay-ms", "3000")
        .json(&json!({"model": "gpt-4o", "messages": []}));
    assert_eq!(rig.h1().send(slow).await.status, 504);
    ends("timeout", [0, 0]).await;

    // Usage is missing: the text is counted.
    rig.h1()
        .send(stream(37).header("x-mock-usage", "none"))
        .await
        .ok();
    ends("a stream without usage", [8, 37]).await;
    rig.h1()
        .send(answered(chat(50), 21).header("x-mock-usage", "none"))
        .await
        .ok();
    ends("an answer without usage", [8, 21]).await;
    rig.h1()
        .send(answered(chat(50), 21).header(
            "x-mock-usage",
            r#"{"prompt_tokens":-9,"completion_tokens":"1"}"#,
        ))
        .await
        .ok();
    ends("usage that makes no sense", [8, 21]).await;

    // The upstream breaks off in the middle: the text that came is counted.
    for client in [rig.h1(), rig.h2()] {
        let whole = client.send(stream(40)).await.ok();
        ends("a whole stream", [8, 40]).await;
        let half = whole.body.len() / 2;
        let broken = client
            .send(stream(40).header("x-mock-abort", half.to_string()))
            .await;
        assert!(broken.aborted);
        // What the caller has seen, less what was taken out, is what is charged.
        let words = text_of(&broken).split_whitespace().count() as u64;
        assert!((10..35).contains(&words), "{words}");
        ends("reset in the middle", [8, words]).await;
    }
    rig.envoy.assert_no_crash();
}

/// The text of a stream of chat as far as it came.
fn text_of(answer: &Response) -> String {
    let events = answer.sse();
    let texts = events.iter().filter_map(|(_, data)| {
        let event: Value = serde_json::from_str(data).ok()?;
        Some(event["choices"][0]["delta"]["content"].as_str()?.to_owned())
    });
    texts.collect()
}

/// Callers who hang up pay for the prompt and what was sent to them.
#[tokio::test]
async fn hanging_up_costs_what_was_sent() {
    const LIMIT: u64 = 1_000_000;
    let rig = rig(quotas(LIMIT)).await;
    let (mut input, mut output) = (0, 0);
    for http2 in [false, true] {
        let client = if http2 { rig.h2() } else { rig.h1() };
        // Before the answer.
        let waiting = client.clone();
        let never = chat(50).header("x-mock-delay-ms", "20000");
        let seen = rig.upstream("openai").count();
        let task = tokio::spawn(async move { waiting.send_streaming(never).await });
        while rig.upstream("openai").count() == seen {
            sleep(Duration::from_millis(10)).await;
        }
        task.abort();
        input += 8;
        let expected = [LIMIT - input - output, LIMIT - input, LIMIT - output];
        assert_eq!(settled(&rig, expected).await, expected, "before the answer");

        // In the middle.
        let messages = json!([{"role": "user", "content": "hi"}]);
        let request = Request::post(CHAT)
            .header("x-team", "a")
            .header("x-mock-tokens", "200")
            .header("x-mock-event-delay-ms", "30")
            .json(&json!({"model": "gpt-4o", "stream": true, "messages": messages}));
        let mut streaming = client.send_streaming(request).await;
        for _ in 0..8 {
            streaming.chunk().await.unwrap();
        }
        drop(streaming);
        input += 8;
        let mut charged = LIMIT - input;
        for _ in 0..250 {
            let [_, left_in, left_out] = left(&rig).await;
            charged = LIMIT - output - left_out;
            // The cap was reserved until it was settled.
            if left_in == LIMIT - input && charged < 200 {
                break;
            }
            sleep(Duration::from_millis(20)).await;
        }
        assert!(
            (5..30).contains(&charged),
            "{charged} tokens for eight events"
        );
        output += charged;
    }
    rig.envoy.assert_no_crash();
}

/// Days, weeks and months end at their midnights: Envoy's clock is set to just before one at
/// which all three do, two hours east of Greenwich, on Sunday the 28th of February 2027.
#[tokio::test]
async fn quotas_begin_anew_at_midnights_of_their_offset() {
    let midnight = UNIX_EPOCH + Duration::from_secs(1_803_852_000);
    assert_eq!(
        humantime::format_rfc3339(midnight).to_string(),
        "2027-02-28T22:00:00Z"
    );
    // Time enough to start Envoy and use the quotas up, other tests running.
    const BEFORE: Duration = Duration::from_secs(25);
    let passes = SystemTime::now() + BEFORE;
    let ahead = midnight.duration_since(passes).unwrap();
    let quota = |name: &str, window: &str, offset: &str| {
        json!({"name": name, "match": {"headers": {"x-quota": name}}, "requests": 2,
               "window": window, "utc_offset": offset})
    };
    let config = by_team(json!([
        quota("day", "day", "+02:00"),
        quota("week", "week", "+02:00"),
        quota("month", "month", "+02:00"),
        // Theirs is two hours later, or seven days, or 31.
        quota("day-utc", "day", "+00:00"),
        quota("week-east", "week", "+03:00"),
        quota("month-east", "month", "+03:00"),
    ]));
    let rig = Rig::start(&["openai"], |b| {
        b.wasm(token_limit(config)).clock_ahead_s(ahead.as_secs())
    })
    .await;
    let client = rig.h2();
    let all = ["day", "week", "month", "day-utc", "week-east", "month-east"];
    let (ends, stays) = all.split_at(3);
    let send = async |name: &str| client.send(chat(8).header("x-quota", name)).await.ok();
    for name in all {
        for status in [200, 200, 403] {
            let answer = send(name).await;
            assert_eq!(answer.status, status, "{name}: {answer:?}");
            if status == 403 {
                let wait = header(&answer, "retry-after");
                match name {
                    "day-utc" => assert!((7200..=7225).contains(&wait), "{name}: {wait} s"),
                    "week-east" => assert!((601_200..=601_225).contains(&wait), "{name}: {wait} s"),
                    "month-east" => {
                        assert!((2_674_800..=2_674_825).contains(&wait), "{name}: {wait} s");
                    }
                    _ => assert!((1..=25).contains(&wait), "{name}: {wait} s"),
                }
            }
        }
    }
    let left = passes.duration_since(SystemTime::now()).unwrap_or_default();
    // Whole seconds were added.
    sleep(left + Duration::from_secs(2)).await;
    for &name in ends {
        for status in [200, 200, 403] {
            let answer = send(name).await;
            assert_eq!(answer.status, status, "{name}: {answer:?}");
        }
    }
    for name in stays {
        assert_eq!(send(name).await.status, 403, "{name}");
    }
    rig.envoy.assert_no_crash();
}

/// Owners without number: by way of Envoy's store what native tests show for every case.
#[tokio::test]
async fn more_owners_than_slots_share_one() {
    let config = json!({
        "identity": [{"header": "x-team"}],
        "slots": 16,
        "limits": [{"name": "rpm", "requests": 3, "window": "12h"}],
    });
    let rig = rig(config).await;
    let as_team = |team: usize| {
        let messages = json!([{"role": "user", "content": "hi"}]);
        Request::post(CHAT)
            .header("x-team", format!("team-{team}"))
            .json(&json!({"model": "gpt-4o", "messages": messages}))
    };
    let client = rig.h2();
    let mut admitted = 0;
    for team in 0..200 {
        admitted += u32::from(client.send(as_team(team)).await.ok().status == 200);
    }
    // Sixteen have their own slot, all others together three requests.
    assert_eq!(admitted, 16 + 3);
    for (team, status) in [(3, 200), (3, 200), (3, 429), (150, 429)] {
        assert_eq!(
            client.send(as_team(team)).await.ok().status,
            status,
            "{team}"
        );
    }
    let metrics = rig.envoy.prometheus().await;
    for line in [
        r#"weir_limit_slots_total{filter="token-limit",rule="rpm",placement="claimed"} 16"#,
        r#"weir_limit_slots_total{filter="token-limit",rule="rpm",placement="overflow"} 3"#,
    ] {
        assert!(metrics.contains(line), "{line} in\n{metrics}");
    }
    rig.envoy.assert_no_crash();
}

/// The official SDKs wait as long as they are told and no longer, and do not wait in vain.
#[tokio::test]
async fn the_sdks_do_as_they_are_told() {
    let config = by_team(json!([
        {"name": "rate", "tokens": 600, "window": "30s", "match": {"headers": {"x-team": "rate*"}}},
        {"name": "quota", "tokens": 30, "window": "month", "match": {"headers": {"x-team": "quota*"}}},
    ]));
    let rig = rig(config).await;
    weir_testkit::sdk::run("limits.py", rig.envoy.socket()).await;
    rig.envoy.assert_no_crash();
}

/// Counters outlive the configuration and the VM.
#[tokio::test]
async fn counters_survive_updates_and_reloads() {
    let config = |limit: u64| by_team(json!([{"name": "all", "tokens": limit, "window": "month"}]));
    let (rig, plain) = Rig::start_dynamic(&["openai"], |b| b.wasm(token_limit(config(1000)))).await;
    rig.h1().send(answered(chat(92), 92)).await.ok();
    assert_eq!(settled(&rig, [900, 0, 0]).await[0], 900);
    for round in 1..4 {
        let limit = 1000 + round * 100;
        let again = plain.clone().wasm(token_limit(config(limit)));
        rig.envoy.update_listener(&again).await;
        assert_eq!(left(&rig).await[0], limit - 100);
        let bad = plain.clone().wasm(token_limit(json!({"limits": [{}]})));
        rig.envoy.try_update_listener(&bad).await.unwrap_err();
        assert_eq!(left(&rig).await[0], limit - 100);
    }
    // A stream that an update finds under way is settled all the same.
    let messages = json!([{"role": "user", "content": "hi"}]);
    let request = Request::post(CHAT)
        .header("x-team", "a")
        .header("x-mock-tokens", "42")
        .header("x-mock-event-delay-ms", "20")
        .json(&json!({"model": "gpt-4o", "stream": true, "messages": messages}));
    let streaming = rig.h1().send_streaming(request).await;
    rig.envoy
        .update_listener(&plain.clone().wasm(token_limit(config(2000))))
        .await;
    streaming.finish().await.ok();
    assert_eq!(settled(&rig, [1850, 0, 0]).await[0], 1850);
    rig.envoy.assert_no_crash();
}

/// Hostile prompts of 8 MiB are counted in time that grows with their size alone.
#[tokio::test]
async fn eight_mebibytes_of_anything_are_counted() {
    let config = json!({"max_body_bytes": 16 << 20});
    let rig = rig(config).await;
    let size = 8 << 20;
    let mut number = 1_u32;
    let random: String = (0..size / 4)
        .map(|_| {
            number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            char::from_u32(0x20 + (number >> 8) % 0x1_0000)
                .filter(|c| !c.is_control())
                .unwrap_or('x')
        })
        .collect();
    let texts = [
        ("letters", "a".repeat(size)),
        ("spaces", " ".repeat(size)),
        ("emoji", "🦀".repeat(size / 4)),
        ("dashes", "-".repeat(size)),
        ("newlines", "\n".repeat(size / 2)),
        ("random", random),
        ("digits", "7".repeat(size)),
    ];
    let mut first = None;
    for (name, text) in texts {
        let request = Request::post("/v1/embeddings")
            .json(&json!({"model": "text-embedding-3-small", "input": text}));
        let answer = rig
            .h1()
            .send(request.header("x-mock-usage", "none"))
            .await
            .ok();
        assert_eq!(answer.status, 200, "{name}");
        let memory = rig.envoy.rss_kib();
        let first = *first.get_or_insert(memory);
        // A buffer or two of the body, in Envoy and in the VM; nothing that grows with turns.
        assert!(
            memory < first + 200 * 1024,
            "{name}: {first} KiB grew to {memory} KiB"
        );
    }
    let log = rig.envoy.access_log(7).await;
    for line in &log {
        let tokens: u64 = line["input_tokens"].as_str().unwrap().parse().unwrap();
        assert!(
            tokens > 40_000 && line["tokens_source"] == "counted",
            "{line}"
        );
    }
    rig.envoy.assert_no_crash();
}

/// After a thousand mixed requests the access log, Prometheus and the limits say the same.
#[tokio::test]
async fn log_metrics_and_limits_agree_to_the_token() {
    const LIMIT: u64 = 1_000_000;
    let mut config = quotas(LIMIT);
    config["models"] = json!([{"match": "gpt-4o*"}]);
    let rig = Rig::start_with(&["openai"], 4, false, |b| b.wasm(token_limit(config))).await;
    let clients: Vec<Client> = (0..20).map(|_| rig.h2().pinned()).collect();
    let mut sending = JoinSet::new();
    for (n, client) in (0_u64..).zip(clients) {
        sending.spawn(async move {
            for turn in 0_u64..50 {
                let kind = (n + turn) % 6;
                let messages = json!([{"role": "user", "content": format!("{n} and {turn}")}]);
                let mut body = json!({"model": if kind == 0 { "claude-x" } else { "gpt-4o" }, "max_tokens": 60, "messages": messages, "stream": turn % 2 == 0});
                body["input"] = "some words to embed".into();
                let path = ["/v1/messages", CHAT, "/v1/embeddings", "/v1/responses", CHAT, CHAT][usize::try_from(kind).unwrap()];
                let mut request = Request::post(path).header("x-team", "a").header("x-mock-tokens", (1 + turn % 50).to_string()).json(&body);
                match kind {
                    4 => request = request.header("x-mock-usage", "none"),
                    5 if turn % 3 == 0 => request = request.header("x-mock-status", "503"),
                    _ => {}
                }
                client.send(request).await;
            }
        });
    }
    sending.join_all().await;
    let log = rig.envoy.access_log(1000).await;
    let sum = |name: &str| -> u64 {
        log.iter()
            .map(|line| line[name].as_str().unwrap().parse::<u64>().unwrap())
            .sum()
    };
    let (input, output) = (sum("input_tokens"), sum("output_tokens"));
    assert!(input > 5000 && output > 5000);
    assert_eq!(sum("total_tokens"), input + output);
    let expected = [LIMIT - input - output, LIMIT - input, LIMIT - output];
    assert_eq!(settled(&rig, expected).await, expected);
    for (kind, expected) in [("input", input), ("output", output)] {
        let stats = rig
            .envoy
            .stats(&format!("^wasmcustom\\.weir_tokens_total.*type={kind};"))
            .await;
        assert_eq!(stats.values().sum::<u64>(), expected, "{stats:?}");
    }
    let sources: std::collections::BTreeSet<_> = log
        .iter()
        .map(|line| line["tokens_source"].as_str().unwrap())
        .collect();
    assert_eq!(
        sources.into_iter().collect::<Vec<_>>(),
        ["counted", "usage"]
    );
    rig.envoy.assert_no_crash();
}

/// Behind model-router, from which it learns who asks for what; both ways of holding.
#[tokio::test]
async fn it_takes_the_word_of_model_router() {
    for hold in [false, true] {
        let mut config = json!({"hold": hold, "limits": [
            {"name": "mini", "requests": 1, "window": "12h", "per": ["identity", "provider"], "match": {"model": "gpt-4.1-mini-2025-04-14"}},
        ]});
        config["models"] = json!([{"match": "gpt-4.1-mini*", "name": "mini"}]);
        let router = json!({
            "identity": [{"header": "x-team"}],
            "models": {"fast": {"provider": "openai", "upstream_model": "gpt-4.1-mini-2025-04-14"}, "big": {"provider": "openai"}},
            "apis": [{"path": "/llm", "api": "openai_chat"}],
        });
        let rig = Rig::start(&["openai"], |b| {
            b.wasm(model_router(router)).wasm(token_limit(config))
        })
        .await;
        let ask = |model: &str, team: &str, path: &str| {
            Request::post(path).header("x-team", team).json(&json!({"model": model, "messages": [{"role": "user", "content": "hi"}], "stream": true}))
        };
        for (model, team, path, status) in [
            ("fast", "a", CHAT, 200),
            ("fast", "a", "/llm", 429),
            ("fast", "b", CHAT, 200),
            ("big", "a", CHAT, 200),
        ] {
            let answer = rig.h2().send(ask(model, team, path)).await.ok();
            assert_eq!(answer.status, status, "{model} {team} {path}");
        }
        let log = rig.envoy.access_log(4).await;
        for line in &log {
            let limited = line["verdict"] == "limited";
            assert_eq!(line["rule"] == "mini", limited, "{line}");
            assert_eq!(line["input_tokens"] == "0", limited, "{line}");
        }
        let metrics = rig.envoy.prometheus().await;
        for line in [
            r#"weir_requests_total{filter="token-limit",api="openai_chat",model="mini",verdict="limited"} 1"#,
            r#"weir_rule_matches_total{filter="token-limit",rule="mini",verdict="limited"} 1"#,
            r#"weir_tokens_total{model="mini",identity="other",type="input",source="usage"} 16"#,
        ] {
            assert!(metrics.contains(line), "{line} in\n{metrics}");
        }
        rig.envoy.assert_no_crash();
    }
}

/// Large answers that many callers read slowly take no more memory than is set aside for them.
#[tokio::test]
async fn many_large_answers_at_once_are_borne() {
    let rig = rig(json!({})).await;
    let large = || {
        let messages = json!([{"role": "user", "content": "hi"}]);
        Request::post(CHAT)
            .header("x-mock-tokens", "900000")
            .header("x-mock-usage", "none")
            .header("x-mock-cut", "400000")
            .header("x-mock-event-delay-ms", "150")
            .json(&json!({"model": "gpt-4o", "max_tokens": 7, "messages": messages}))
    };
    rig.h1().send(chat(5)).await.ok();
    let before = rig.envoy.rss_kib();
    let mut reading = JoinSet::new();
    for _ in 0..64 {
        let client = rig.h1();
        reading.spawn(async move { client.send(large()).await.ok().body.len() });
    }
    let mut most = before;
    while !reading.is_empty() {
        most = most.max(rig.envoy.rss_kib());
        if let Ok(Some(size)) = timeout(Duration::from_millis(50), reading.join_next()).await {
            assert!(size.unwrap() > 3_000_000);
        }
    }
    // Unbounded it is 8 MiB for each.
    let grown = (most - before) / 1024;
    assert!(grown < 290, "{grown} MiB");
    let log = rig.envoy.access_log(65).await;
    let unread = log
        .iter()
        .filter(|line| line["tokens_source"] == "estimated");
    assert!(unread.count() > 30);
    assert_eq!(rig.h1().send(chat(5)).await.ok().status, 200);
    rig.envoy.assert_no_crash();
}

/// Per team and minute, per model and day, requests per minute; one in shadow; nobody's identity.
#[tokio::test]
async fn several_limits_hold_together() {
    let config = json!({
        "identity": [{"header": "x-team"}],
        "limits": [
            {"name": "team", "tokens": 1000, "window": "12h"},
            {"name": "model", "tokens": 600, "window": "day", "utc_offset": "-05:30", "per": ["model"]},
            {"name": "rpm", "requests": 4, "window": "12h", "on_missing_identity": "shared"},
            {"name": "tried", "requests": 1, "window": "12h", "shadow": true},
        ],
    });
    let rig = Rig::start_with(&["openai"], 4, false, |b| b.wasm(token_limit(config))).await;
    let ask = |team: &str, model: &str, cap: u64| {
        let messages = json!([{"role": "user", "content": "hi"}]);
        let body = json!({"model": model, "max_tokens": cap, "messages": messages});
        let request = Request::post(CHAT).header("x-mock-tokens", "92");
        match team {
            "" => request.json(&body),
            team => request.header("x-team", team).json(&body),
        }
    };
    // Each from a connection, and so perhaps a worker, of its own.
    let cases = [
        ("a", "gpt-4o", 92, 200, ""),
        ("a", "gpt-4o", 592, 403, "model"),
        ("a", "gpt-4o", 92, 200, "tried"),
        ("b", "gpt-4o", 392, 200, ""),
        // Another model has a day of its own, the team has spent 200.
        ("a", "gpt-4.1", 793, 403, "model"),
        ("a", "gpt-4.1", 592, 200, "tried"),
        ("a", "gpt-4.1-mini", 592, 200, "tried"),
        ("a", "o3", 92, 429, "rpm"),
        // A limit that rejects callers without an identity stands first.
        ("", "gpt-4o", 1, 401, "on_missing_identity"),
    ];
    for (at, (team, model, cap, status, rule)) in cases.into_iter().enumerate() {
        let answer = rig.h1().send(ask(team, model, cap)).await.ok();
        assert_eq!(answer.status, status, "{team} {model} {cap}: {answer:?}");
        if status == 200 {
            // The next one counts on what this one gave back.
            sleep(Duration::from_millis(100)).await;
        }
        let log = rig.envoy.access_log(at + 1).await;
        let found = log[at]["rule"].as_str().unwrap_or("").to_owned();
        assert_eq!(found, rule, "{team} {model} {cap}");
    }
    rig.envoy.assert_no_crash();
}
