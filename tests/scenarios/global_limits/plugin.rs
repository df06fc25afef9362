//! `plugin.yaml`: the filters ask the service and report to it themselves.

use std::time::{Duration, Instant};

use bytes::Bytes;
use rls::{Fault, RedisServer};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use weir_testkit::bootstrap::Bootstrap;
use weir_testkit::client::{Request, Response};
use weir_testkit::rig::{Rig, token_limit};

use super::{Global, LIMIT, PROMPT, ask, ask_with, eventually, logged, seconds_of_a_minute, serve};

/// What one Envoy lets in at once, by the shipped configuration.
const BURST: i64 = 1000;

/// Where a plugin's settings stand in its filter.
const SETTINGS: &str = "/typed_config/config/configuration/value";

/// Gives the service this much time, instead of the shipped 100 ms.
pub(super) fn within(timeout: &'static str) -> impl FnOnce(&mut Value) {
    move |config| {
        for filter in filters(config) {
            if let Some(Value::String(text)) = filter.pointer_mut(SETTINGS) {
                *text = text.replace("100ms", timeout);
            }
        }
        let service = &mut config["static_resources"]["clusters"][1];
        assert_eq!(service["connect_timeout"], "0.1s");
        service["connect_timeout"] = json!("10s");
    }
}

fn filters(config: &mut Value) -> &mut Vec<Value> {
    let hcm = &mut config["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0];
    let filters = &mut hcm["typed_config"]["http_filters"];
    filters.as_array_mut().unwrap()
}

pub(super) async fn start(
    test: &str,
    envoys: u16,
    edit: impl FnOnce(&mut Value),
) -> Option<Global> {
    let test = format!("global_limits::plugin::{test}");
    Global::start_with("plugin.yaml", &test, envoys, edit).await
}

/// An error in OpenAI's shape.
fn refusal(answer: &Response, kind: &str, code: &str) -> String {
    let error = &answer.json()["error"];
    assert_eq!(error["type"], kind, "{answer:#?}");
    assert_eq!(error["code"], code, "{answer:#?}");
    error["message"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn two_envoys_share_one_limit() {
    let Some(global) = start("two_envoys_share_one_limit", 2, within("10s")).await else {
        return;
    };
    for turn in 0..6 {
        let answer = global.client(turn % 2).send(ask("trial", 300)).await.ok();
        let status = if turn < 4 { 200 } else { 429 };
        assert_eq!(answer.status, status, "{turn}: {answer:#?}");
        let passed = i64::try_from(turn.min(3) + 1).unwrap();
        global.comes_to("trial", 300 * passed).await;
        if status == 429 {
            let message = refusal(&answer, "tokens", "rate_limit_exceeded");
            let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
            assert!((1..=86_400).contains(&wait), "{wait}");
            let begins = format!(
                "Rate limit reached on tokens per day: Limit {LIMIT}. Please try again in "
            );
            assert!(message.starts_with(&begins), "{message}");
            // A day is too long to wait for, unless it is about to end.
            let worth_it = (wait <= 120).to_string();
            assert_eq!(answer.header("x-should-retry"), Some(worth_it.as_str()));
        }
    }
    weir_testkit::sdk::run("global_limits.py", global.running.envoy_at(1).socket()).await;
    // Another team is not concerned.
    let answer = global.client(0).send(ask("other", 300)).await;
    assert_eq!(answer.status, 200);

    let calls = global.rls().calls();
    let first = &calls[0];
    assert!(first.is_check() && first.charges.iter().all(|it| it.own_hits));
    assert_eq!(
        first.charges[0].entries,
        [("limit", "team-minute"), ("identity", "trial")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
    );
    // Who is refused has used nothing, of this limit and of those of this Envoy.
    for envoy in [0, 1] {
        let stats = global
            .running
            .envoy_at(envoy)
            .stats("weir_tokens_total")
            .await;
        assert!(stats.values().sum::<u64>() <= 900, "{stats:#?}");
    }
    let refused = || {
        let mut log = logged(&global.running).into_iter();
        log.find(|line| line["status"] == 429)
    };
    eventually(|| refused().is_some(), || "a refusal in the log".to_owned()).await;
    let refused = refused().unwrap();
    assert_eq!(refused["total_tokens"], "0", "{refused}");
    assert_eq!(refused["rule"], "team-minute");
    assert_eq!(refused["verdict"], "limited");
    assert_eq!(refused["details"], "weir_rate_limited");
    global.running.assert_no_crash();
}

#[tokio::test]
async fn two_envoys_share_one_budget_of_money() {
    let test = "two_envoys_share_one_budget_of_money";
    let Some(global) = start(test, 2, within("10s")).await else {
        return;
    };
    // 13 tokens at 0.40 and 287 at 1.60 US dollars a million are 464.4 micro-dollars: of 1,000 a
    // day the third call crosses the limit. Fractions are added when they make one.
    let mut cost = 0;
    for turn in 0..5 {
        let answer = global.client(turn % 2).send(ask("intern", 300)).await.ok();
        let passes = turn < 3;
        assert_eq!(answer.status, if passes { 200 } else { 403 }, "{turn}");
        if !passes {
            let message = refusal(&answer, "insufficient_quota", "insufficient_quota");
            let begins = "You exceeded your current budget of 0.001 USD per day.";
            assert!(message.starts_with(begins), "{message}");
            assert_eq!(answer.header("x-should-retry"), Some("false"));
            continue;
        }
        cost += 464;
        let added = || global.added(&["team-day"], "intern");
        eventually(|| added() >= cost, || format!("{turn}: {}", added())).await;
        assert!(added() <= cost + 1);
    }
    global.running.assert_no_crash();
}

#[tokio::test]
async fn the_overshoot_is_what_local_reservations_let_in() {
    let test = "the_overshoot_is_what_local_reservations_let_in";
    let Some(global) = start(test, 2, within("10s")).await else {
        return;
    };
    seconds_of_a_minute(25).await;
    let began = Instant::now();
    let storm = async || {
        let mut callers = JoinSet::new();
        for caller in 0..80 {
            let client = global.client(caller % 2);
            let request = ask("storm", 300).header("x-mock-delay-ms", "1500");
            callers.spawn(async move { client.send(request).await.ok().status });
        }
        let statuses = callers.join_all().await;
        assert!(statuses.iter().all(|it| [200, 429].contains(it)));
        300 * i64::try_from(statuses.iter().filter(|it| **it == 200).count()).unwrap()
    };
    // A fourth of the limit's last tokens, so that the check lets everything pass.
    let first = global.client(0).send(ask("storm", 300)).await;
    assert_eq!(first.status, 200);
    global.comes_to("storm", 300).await;
    let passed = storm().await + 300;
    // One in whose place 16.7 tokens a second have been refilled, at both.
    let refilled = i64::try_from(began.elapsed().as_secs() + 1).unwrap() * 17 * 2;
    assert!(passed <= 2 * BURST + refilled, "{passed}");
    assert!(passed > LIMIT, "{passed}: nothing was overshot");
    global.comes_to("storm", passed).await;
    assert_eq!(storm().await, 0);
    global.running.assert_no_crash();
}

/// Whatever the end of an exchange, what the access log says was used is reported.
#[tokio::test]
async fn whatever_was_used_is_reported() {
    let Some(global) = start("whatever_was_used_is_reported", 1, within("10s")).await else {
        return;
    };
    let streamed = || json!({"stream": true});
    let slowly = ask_with("hung-up", 300, streamed()).header("x-mock-event-delay-ms", "20");
    let body = json!({"model": "fast", "max_tokens": 287,
                      "messages": [{"role": "user", "content": "Hello, who are you?"}]});
    let body = body.to_string();
    let pieces = ask("pieces", 300).chunks(
        body.as_bytes()
            .chunks(7)
            .map(Bytes::copy_from_slice)
            .collect(),
    );
    let requests = [
        ("json", ask("json", 300), None, 300..=300),
        ("sse", ask_with("sse", 300, streamed()), None, 300..=300),
        ("hung-up", slowly, Some(5), 14..=150),
        (
            "refused",
            ask("refused", 300).header("x-mock-status", "400"),
            None,
            0..=0,
        ),
        ("pieces", pieces, None, 300..=300),
    ];
    let mut ended = 0;
    for (team, request, chunks, charge) in requests {
        for client in [global.running.h1(), global.running.h2()] {
            let before = global.charged(team);
            let mut answer = client.send_streaming(request.clone()).await;
            match chunks {
                None => drop(answer.finish().await),
                Some(chunks) => {
                    for _ in 0..chunks {
                        answer.chunk().await;
                    }
                    drop(answer);
                }
            }
            ended += 1;
            let lines = || logged(&global.running).len();
            eventually(|| lines() == ended, || format!("{team}: {}", lines())).await;
            let log = &logged(&global.running)[ended - 1];
            let used: i64 = log["total_tokens"].as_str().unwrap().parse().unwrap();
            assert!(charge.contains(&used), "{team}: {log}");
            global.comes_to(team, before + used).await;
        }
    }
    // What is no request to a model asks nobody.
    let checks = || {
        global
            .rls()
            .calls()
            .iter()
            .filter(|it| it.is_check())
            .count()
    };
    let before = checks();
    let health = global.running.h1().send(Request::get("/health")).await;
    assert_eq!(health.status, 404);
    assert_eq!(checks(), before);
    global.running.assert_no_crash();
}

/// How often the service was asked, and to what end.
async fn calls(global: &Global, filter: &str, verdict: &str) -> u64 {
    let labels = format!("filter={filter};call=check;verdict={verdict}");
    let name = format!("wasmcustom.weir_global_calls_total;{labels}");
    global.running.envoy().stat(&name).await.unwrap_or(0)
}

#[tokio::test]
async fn a_service_that_is_away_is_told_when_it_is_back() {
    let test = "a_service_that_is_away_is_told_when_it_is_back";
    let Some(mut global) = start(test, 1, within("10s")).await else {
        return;
    };
    let client = global.client(0);
    assert_eq!(client.send(ask("away", 300)).await.status, 200);
    global.comes_to("away", 300).await;

    let socket = global.rls().socket().unwrap().clone();
    drop(global.rls.take());
    // Three in all fit into this Envoy's own limit.
    for turn in 0..3 {
        let answer = client.send(ask("away", 300)).await.ok();
        let status = if turn < 2 { 200 } else { 429 };
        assert_eq!(answer.status, status, "{turn}: {answer:#?}");
    }
    assert!(calls(&global, "token-limit", "failed").await >= 1);
    // Nothing of what was used meanwhile is forgotten.
    global.rls = Some(serve(socket, &global.redis).await);
    global.comes_to("away", 600).await;
    eventually(
        || global.added(&["team-day"], "away") >= 928,
        || "the money of two calls".to_owned(),
    )
    .await;
    assert_eq!(client.send(ask("back", 300)).await.status, 200);
    global.running.assert_no_crash();
}

#[tokio::test]
async fn a_service_that_hangs_costs_its_timeout_and_soon_nothing() {
    let test = "a_service_that_hangs_costs_its_timeout_and_soon_nothing";
    let Some(global) = start(test, 1, within("1s")).await else {
        return;
    };
    let client = global.client(0);
    global.rls().set_fault(Fault::Hang);
    let began = Instant::now();
    assert_eq!(client.send(ask("hanging", 100)).await.status, 200);
    // token-limit's and cost's, one after the other; Envoy's clock may run a little ahead.
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(1900), "{took:?}");
    eventually_skipped(&global).await;
    // The limits of this Envoy hold meanwhile.
    let mut statuses = Vec::new();
    for _ in 0..5 {
        statuses.push(client.send(ask("local", 300)).await.status);
    }
    assert_eq!(statuses, [200, 200, 200, 429, 429]);
    global.rls().set_fault(Fault::None);
    global
        .comes_to("hanging", i64::try_from(PROMPT).unwrap() + 87)
        .await;
    global.comes_to("local", 900).await;
    global.running.assert_no_crash();
}

#[tokio::test]
async fn a_service_without_redis_is_told_when_it_is_back() {
    let test = "a_service_without_redis_is_told_when_it_is_back";
    let Some(mut global) = start(test, 1, within("10s")).await else {
        return;
    };
    let client = global.client(0);
    global.redis.kill();
    for status in [200, 200, 200, 429] {
        assert_eq!(client.send(ask("without", 300)).await.status, status);
    }
    let calls = global.rls().calls();
    assert!(calls.iter().all(|call| call.outcome.is_err()));
    global.redis.restart().await.unwrap();
    let taken = || -> i64 {
        let calls = global
            .rls()
            .calls()
            .into_iter()
            .filter(|call| call.outcome.is_ok());
        let charges = calls.flat_map(|call| call.charges);
        let tokens = charges.filter(|it| it.entries[0].1 == "team-minute");
        tokens.map(|it| it.hits).sum()
    };
    eventually(|| taken() == 900, || taken().to_string()).await;
    global.running.assert_no_crash();
}

/// Who hangs up while the service is asked has used nothing, here and there.
#[tokio::test]
async fn who_does_not_wait_for_the_service_uses_nothing() {
    let test = "who_does_not_wait_for_the_service_uses_nothing";
    let Some(global) = start(test, 1, within("1s")).await else {
        return;
    };
    global.rls().set_fault(Fault::Hang);
    for caller in 0..4 {
        let client = match caller % 2 {
            0 => global.running.h1(),
            _ => global.running.h2(),
        };
        let waiting = timeout(Duration::from_millis(200), client.send(ask("gone", 300)));
        assert!(waiting.await.is_err(), "nobody answers");
    }
    let ended = || logged(&global.running).len() == 4;
    eventually(ended, || "four ends in the log".to_owned()).await;
    for log in logged(&global.running) {
        assert_eq!(log["total_tokens"], "0", "{log}");
    }
    // The answers that nobody waits for come to nobody.
    sleep(Duration::from_millis(1100)).await;
    global.rls().set_fault(Fault::None);
    for status in [200, 200, 200, 429] {
        let answer = global.running.h1().send(ask("gone", 300)).await;
        assert_eq!(answer.status, status);
    }
    global.comes_to("gone", 900).await;
    global.running.assert_no_crash();
}

/// Sends requests until one asks nobody.
async fn eventually_skipped(global: &Global) {
    for turn in 0..40 {
        let client = global.client(0);
        let answer = client.send(ask(&format!("team-{turn}"), 20)).await;
        assert_eq!(answer.status, 200);
        if calls(global, "token-limit", "skipped").await > 0 {
            return;
        }
    }
    panic!("it is asked over and over");
}

#[tokio::test]
async fn operators_may_refuse_what_cannot_be_asked_for() {
    let strict = |config: &mut Value| {
        within("10s")(config);
        let filter = &mut filters(config)[1];
        // Without it the upstream sees the headers of what is refused.
        filter["typed_config"]["config"]["allow_on_headers_stop_iteration"] = json!(true);
        let settings = filter.pointer_mut(SETTINGS).unwrap();
        let text = settings.as_str().unwrap();
        let text = text.replace(r#""10s""#, r#""10s", "on_failure": "reject""#);
        *settings = json!(text.replacen('{', r#"{"hold": true, "#, 1));
    };
    let test = "operators_may_refuse_what_cannot_be_asked_for";
    let Some(mut global) = start(test, 1, strict).await else {
        return;
    };
    drop(global.rls.take());
    let before = global.running.mock("openai").count();
    // Asked in vain, and later not asked at all.
    for turn in 0..20 {
        let answer = global.client(0).send(ask("strict", 20)).await;
        assert_eq!(answer.status, 500, "{turn}: {answer:#?}");
        assert_eq!(answer.json()["error"]["type"], "server_error");
    }
    assert_eq!(global.running.mock("openai").count(), before);
    assert!(calls(&global, "token-limit", "skipped").await > 0);
    global.running.assert_no_crash();
}

/// A new configuration takes the place of one that has not reported everything.
#[tokio::test]
async fn an_update_forgets_no_charge() {
    let Some(redis) = RedisServer::find() else {
        return;
    };
    let redis = redis.start().await.expect("Redis");
    let dir = tempfile::Builder::new().prefix("weir-").tempdir_in("/tmp");
    let dir = dir.unwrap();
    let rls = serve(dir.path().join("rls.sock"), &redis).await;
    let socket = rls.socket().unwrap().clone();
    let chain = |b: Bootstrap, limit: u64| {
        let config = json!({
            "global": {"cluster": "ratelimit", "domain": "weir", "timeout": "10s"},
            "limits": [{"name": "team-minute", "tokens": limit, "window": "minute", "per": []}],
        });
        b.wasm(token_limit(config))
    };
    let mut limit = 1_000_000_000;
    let setup = |b: Bootstrap| chain(b.cluster("ratelimit", &socket, true), limit);
    let (rig, plain) = Rig::start_dynamic(&["openai"], setup).await;
    let mut callers = JoinSet::new();
    let until = Instant::now() + Duration::from_secs(4);
    for caller in 0..4 {
        let client = rig.h2();
        callers.spawn(async move {
            let mut used = 0;
            while Instant::now() < until {
                let answer = client.send(ask(&caller.to_string(), 300)).await.ok();
                assert_eq!(answer.status, 200, "{answer:#?}");
                used += 300;
            }
            used
        });
    }
    while Instant::now() < until {
        limit += 1;
        rig.envoy
            .update_listener(&chain(plain.clone(), limit))
            .await;
        sleep(Duration::from_millis(150)).await;
    }
    let used: i64 = callers.join_all().await.into_iter().sum();
    let calls = || rls.calls().into_iter().flat_map(|call| call.charges);
    let reported = || -> i64 { calls().map(|charge| charge.hits).sum() };
    eventually(
        || reported() == used,
        || format!("{} of {used} tokens are reported", reported()),
    )
    .await;

    // What ends with its listener is reported by a filter that is about to go.
    let lines = rig.envoy.access_log(1).await.len();
    let request = ask_with("slow", 300, json!({"stream": true}));
    let request = request.header("x-mock-event-delay-ms", "50");
    let streaming = rig.h1().send_streaming(request).await;
    rig.envoy
        .update_listener(&chain(plain.clone(), limit + 1))
        .await;
    assert!(streaming.finish().await.aborted);
    let log = rig.envoy.access_log(lines + 1).await;
    let tokens = log[lines]["total_tokens"].as_str().unwrap();
    let slow: i64 = tokens.parse().unwrap();
    assert!(slow > i64::try_from(PROMPT).unwrap(), "{slow}");
    eventually(
        || reported() == used + slow,
        || format!("{} of {} tokens are reported", reported(), used + slow),
    )
    .await;
    rig.envoy.assert_no_crash();
}
