//! `envoy/global-limits`: two Envoys share budgets through a rate limit service with Redis.
//!
//! Where there is no Redis the tests are skipped and say so; `make redis` brings one.
#![allow(
    clippy::disallowed_methods,
    reason = "tests measure how long an answer takes, and wait for windows of the clock"
)]

mod failing;
mod overshoot;
mod plugin;

use std::io::Write as _;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rls::{Address, Call, RedisProcess, RedisServer, Rls};
use serde_json::{Value, json};
use tokio::time::sleep;
use weir_testkit::client::{Client, Request};

use crate::harness::{Running, Scenario, root};

/// Where the configuration looks for the service.
const SERVICE: &str = "127.0.0.1:8081";
/// Tokens of [`ask`]'s prompt.
const PROMPT: u64 = 13;
/// What an identity may use in a minute, by the shipped limits.
const LIMIT: i64 = 1000;

/// One Envoy or two, the service and its Redis.
struct Global {
    running: Running,
    rls: Option<Rls>,
    redis: RedisProcess,
}

impl Global {
    /// None, and a word about it, where there is no Redis. In CI there has to be one.
    async fn start(test: &str, envoys: u16, edit: impl FnOnce(&mut Value)) -> Option<Self> {
        Self::start_with("envoy.yaml", test, envoys, edit).await
    }

    async fn start_with(
        file: &str,
        test: &str,
        envoys: u16,
        edit: impl FnOnce(&mut Value),
    ) -> Option<Self> {
        let Some(redis) = RedisServer::find() else {
            assert!(std::env::var_os("CI").is_none(), "CI needs a Redis");
            // Written past the capture of what tests print: a skipped test has to be seen.
            let _ = writeln!(
                std::io::stderr(),
                "skipped {test}: no Redis; run `make redis`"
            );
            return None;
        };
        let redis = redis.start().await.expect("Redis");
        let scenario = Scenario::with_config("global-limits", file)
            .mock("127.0.0.1:18080", "openai")
            .edit(edit);
        let rls = serve(scenario.upstream_socket(SERVICE), &redis).await;
        let mut running = scenario.start().await;
        for shift in 1..envoys {
            running.start_another(shift).await;
        }
        Some(Self {
            running,
            rls: Some(rls),
            redis,
        })
    }

    fn rls(&self) -> &Rls {
        self.rls.as_ref().expect("a running service")
    }

    /// A client of the Envoy that was started as number `at`.
    fn client(&self, at: usize) -> Client {
        Client::h1(self.running.envoy_at(at).socket())
    }

    /// What has been added to the counter of an identity's tokens.
    fn charged(&self, team: &str) -> i64 {
        self.added(&["tokens", "team-minute"], team)
    }

    /// What has been added to counters that begin with one of these, then have the identity.
    fn added(&self, counters: &[&str], team: &str) -> i64 {
        let calls = self.rls().calls();
        let charges = calls.iter().flat_map(|call| &call.charges);
        let of_team = charges.filter(|it| {
            counters.contains(&it.entries[0].1.as_str())
                && it.entries[1] == ("identity".to_owned(), team.to_owned())
        });
        of_team.map(|it| it.hits).sum()
    }

    /// Waits until the counter of an identity stands there: charges are sent when the answer has
    /// been given.
    async fn comes_to(&self, team: &str, tokens: i64) {
        eventually(
            || self.charged(team) == tokens,
            || format!("{team} is charged {}, not {tokens}", self.charged(team)),
        )
        .await;
    }
}

/// Starts the service with the limits that are shipped.
async fn serve(socket: PathBuf, redis: &RedisProcess) -> Rls {
    let limits = root().join("envoy/global-limits/ratelimit-config.yaml");
    let limits = std::fs::read_to_string(limits).unwrap();
    let listen = Address::Unix(socket);
    let rls = Rls::start(listen, limits.parse().unwrap(), redis.address());
    rls.await.expect("the service listens")
}

/// A chat of a team that uses exactly so many tokens, and says so beforehand.
fn ask(team: &str, tokens: u64) -> Request {
    ask_with(team, tokens, json!({}))
}

fn ask_with(team: &str, tokens: u64, more: Value) -> Request {
    let mut body = json!({
        "model": "fast",
        "max_tokens": tokens - PROMPT,
        "messages": [{"role": "user", "content": "Hello, who are you?"}],
    });
    for (key, value) in more.as_object().unwrap() {
        body[key] = value.clone();
    }
    Request::post("/v1/chat/completions")
        .header("x-team", team)
        .header("x-mock-tokens", (tokens - PROMPT).to_string())
        .json(&body)
}

/// Gives the service time: on a busy machine it must not look as if it were away.
fn patient(config: &mut Value) {
    let hcm = &mut config["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0];
    let filter = &mut hcm["typed_config"]["http_filters"][2]["typed_config"];
    assert_eq!(filter["timeout"], "0.1s");
    filter["timeout"] = json!("10s");
    let service = &mut config["static_resources"]["clusters"][1];
    assert_eq!(service["connect_timeout"], "0.1s");
    service["connect_timeout"] = json!("10s");
}

async fn eventually(is: impl Fn() -> bool, otherwise: impl Fn() -> String) {
    for _ in 0..1000 {
        if is() {
            return;
        }
        sleep(Duration::from_millis(10)).await;
    }
    panic!("{}", otherwise());
}

/// Waits for the next minute if the present one has fewer seconds left: the service's windows
/// follow the clock.
async fn seconds_of_a_minute(needed: u64) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let left = Duration::from_secs(60).saturating_sub(Duration::from_millis(
        u64::try_from(now.as_millis() % 60_000).unwrap(),
    ));
    if left < Duration::from_secs(needed) {
        sleep(left).await;
    }
}

#[tokio::test]
async fn the_readme_is_true() {
    let Some(global) = Global::start("global_limits::the_readme_is_true", 2, patient).await else {
        return;
    };
    seconds_of_a_minute(30).await;
    let mut readme = global.running.open_readme();
    assert!(readme.block(&global.running).await);
    global.running.assert_no_crash();
    let global = plugin::start("the_readme_is_true", 2, plugin::within("10s")).await;
    readme.finish(&global.unwrap().running).await;
}

#[tokio::test]
async fn two_envoys_share_one_budget() {
    let test = "global_limits::two_envoys_share_one_budget";
    let Some(global) = Global::start(test, 2, patient).await else {
        return;
    };
    seconds_of_a_minute(30).await;
    share_one_budget(&global, "search").await;
    let refused = global.client(0).send(ask("search", 300)).await;
    assert_eq!(refused.header("content-type"), Some("application/json"));
    assert_eq!(refused.header("x-should-retry"), Some("true"));
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    let error = json!({"error": {
        "message": format!("Rate limit reached. Please try again in {wait}s."),
        "type": "tokens", "param": null, "code": "rate_limit_exceeded",
    }});
    assert_eq!(refused.json(), error);

    // Each request asks with nothing and then adds what was used, for its identity and its model.
    let calls = global.rls().calls();
    let hits = |call: &Call| call.charges.iter().map(|it| it.hits).collect::<Vec<_>>();
    assert_eq!(hits(&calls[0]), [0, 0], "{:#?}", calls[0]);
    assert_eq!(hits(&calls[1]), [300, 300], "{:#?}", calls[1]);
    let mut charges = calls.iter().flat_map(|it| &it.charges);
    assert!(charges.all(|it| it.own_hits));
    let model = ("model".to_owned(), "gpt-4.1-mini".to_owned());
    assert_eq!(calls[1].charges[1].entries[1], model, "{:#?}", calls[1]);

    // A day is not waited for.
    share_one_budget(&global, "trial").await;
    weir_testkit::sdk::run("global_limits.py", global.running.envoy_at(1).socket()).await;
    global.running.assert_no_crash();
}

/// Six calls of 300 tokens, alternately through both Envoys: four pass, and the fourth, which
/// crosses the limit, is charged.
async fn share_one_budget(global: &Global, team: &str) {
    let mut passed = 0;
    for turn in 0..6 {
        let answer = global.client(turn % 2).send(ask(team, 300)).await.ok();
        assert_eq!(
            answer.status,
            if turn < 4 { 200 } else { 429 },
            "{team} {turn}: {answer:#?}"
        );
        passed += i64::from(answer.status == 200);
        global.comes_to(team, 300 * passed).await;
    }
}

/// How an exchange ends, and what of it the caller sees.
enum Ending {
    Whole,
    /// The caller hangs up after so many chunks.
    HungUp(usize),
}

#[tokio::test]
async fn whatever_was_used_is_charged() {
    let test = "global_limits::whatever_was_used_is_charged";
    let Some(global) = Global::start(test, 1, patient).await else {
        return;
    };
    let streamed = || json!({"stream": true});
    let slowly = |team| ask_with(team, 300, streamed()).header("x-mock-event-delay-ms", "20");
    let table = [
        ("json", ask("json", 300), Ending::Whole, 300..=300),
        (
            "sse",
            ask_with("sse", 300, streamed()),
            Ending::Whole,
            300..=300,
        ),
        (
            "without usage",
            ask_with("without usage", 300, streamed()).header("x-mock-usage", "none"),
            Ending::Whole,
            290..=310,
        ),
        ("hung up", slowly("hung up"), Ending::HungUp(5), 14..=150),
        (
            "broken off",
            ask_with("broken off", 300, streamed()).header("x-mock-abort", "3000"),
            Ending::Whole,
            14..=150,
        ),
        (
            "refused upstream",
            ask("refused upstream", 300).header("x-mock-status", "400"),
            Ending::Whole,
            0..=0,
        ),
    ];
    for (at, (team, request, ending, charge)) in table.into_iter().enumerate() {
        for (http2, client) in [(false, global.running.h1()), (true, global.running.h2())] {
            let before = global.charged(team);
            let mut answer = client.send_streaming(request.clone()).await;
            match ending {
                Ending::Whole => drop(answer.finish().await),
                Ending::HungUp(chunks) => {
                    for _ in 0..chunks {
                        answer.chunk().await;
                    }
                    drop(answer);
                }
            }
            // One check and one charge for each exchange.
            let exchanges = at * 2 + usize::from(http2) + 1;
            let seen = || (global.rls().calls().len(), logged(&global.running).len());
            eventually(
                || seen() == (exchanges * 2, exchanges),
                || format!("{team}: {:?} after {exchanges} exchanges", seen()),
            )
            .await;
            let charged = global.charged(team) - before;
            assert!(charge.contains(&charged), "{team}, {http2}: {charged}");
            let log = &logged(&global.running)[exchanges - 1];
            assert_eq!(log["total_tokens"], charged.to_string(), "{team}: {log}");
        }
    }
    // What is no request to a model asks nobody.
    let before = global.rls().calls().len();
    let answer = global.running.h1().send(Request::get("/health")).await;
    assert_eq!(answer.status, 404);
    assert_eq!(global.rls().calls().len(), before);
    global.running.assert_no_crash();
}

/// The access log, which the configuration writes to where Envoy's own log is.
fn logged(running: &Running) -> Vec<Value> {
    let log = running.envoy().log();
    let lines = log.lines().filter(|line| line.starts_with('{'));
    lines
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}
