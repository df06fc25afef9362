//! The service away, hanging, or without its Redis.

use std::time::{Duration, Instant};

use rls::{Call, Fault};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::sleep;
use weir_testkit::client::{Client, Response};

use super::{Global, ask, eventually, serve};

/// What a request may take on a busy machine when it waits for nobody.
const SLACK: Duration = Duration::from_secs(5);
/// What the configuration lets a request wait for the service.
const TIMEOUT: Duration = Duration::from_millis(100);

async fn timed(client: &Client, team: &str) -> (Response, Duration) {
    let began = Instant::now();
    let answer = client.send(ask(team, 300)).await;
    (answer, began.elapsed())
}

/// Local limits hold by themselves: three calls of 300 tokens, and not a fourth.
async fn local_limits_hold(client: &Client, team: &str) {
    for call in 0..4 {
        let (answer, took) = timed(client, team).await;
        let answer = answer.ok();
        assert_eq!(
            answer.status,
            if call < 3 { 200 } else { 429 },
            "{team} {call}: {answer:#?}"
        );
        assert!(took < TIMEOUT + SLACK, "{team} {call}: {took:?}");
        if answer.status == 429 {
            let message = answer.json()["error"]["message"]
                .as_str()
                .unwrap()
                .to_owned();
            assert!(message.contains("Limit 1000, Used"), "{message}");
        }
    }
}

/// Calls until one of the team's is charged, as when the service is asked again.
async fn until_charged(global: &Global, team: &str) {
    let charged = || {
        let calls = global.rls().calls();
        let of_team = |call: &&Call| call.charges[0].entries[1].1 == team && !call.is_check();
        calls
            .iter()
            .filter(of_team)
            .any(|call| call.outcome.is_ok())
    };
    let began = Instant::now();
    while !charged() {
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "it is not asked: {team}"
        );
        global.client(0).send(ask(team, 14)).await.ok();
        sleep(Duration::from_millis(200)).await;
    }
    eprintln!("{team}: charged after {:?}", began.elapsed());
}

impl Global {
    async fn stat(&self, name: &str) -> u64 {
        self.running.envoy().stat(name).await.unwrap_or(0)
    }
}

#[tokio::test]
async fn a_service_that_is_away_leaves_the_local_limits() {
    let test = "global_limits::a_service_that_is_away_leaves_the_local_limits";
    let Some(mut global) = Global::start(test, 1, |_| {}).await else {
        return;
    };
    let client = global.client(0);
    until_charged(&global, "before").await;

    let socket = global.rls().socket().unwrap().clone();
    drop(global.rls.take());
    let allowed = "cluster.openai.ratelimit.failure_mode_allowed";
    let before = global.stat(allowed).await;
    local_limits_hold(&client, "away").await;
    assert_eq!(global.stat(allowed).await, before + 3);

    // It is asked again by itself as soon as it is back.
    global.rls = Some(serve(socket, &global.redis).await);
    until_charged(&global, "back").await;
    global.running.assert_no_crash();
}

#[tokio::test]
async fn a_service_that_hangs_costs_its_timeout_and_soon_nothing() {
    let test = "global_limits::a_service_that_hangs_costs_its_timeout_and_soon_nothing";
    let Some(global) = Global::start(test, 1, |_| {}).await else {
        return;
    };
    let client = global.client(0);
    until_charged(&global, "before").await;

    global.rls().set_fault(Fault::Hang);
    let (answer, took) = timed(&client, "hanging").await;
    assert_eq!(answer.ok().status, 200);
    // Envoy's clock may run a little ahead of ours.
    assert!(
        took >= TIMEOUT * 9 / 10 && took < TIMEOUT + SLACK,
        "{took:?}"
    );
    // Many at once wait once, not one after the other.
    let mut callers = JoinSet::new();
    for caller in 0..300 {
        let client = client.clone();
        callers.spawn(async move { timed(&client, &format!("team-{caller}")).await });
    }
    for (answer, took) in callers.join_all().await {
        assert_eq!(answer.ok().status, 200);
        assert!(took < TIMEOUT + SLACK * 5, "{took:?}");
    }
    local_limits_hold(&client, "hung").await;
    // Checks and charges have failed more than five times in a row by now, so for a while nobody
    // asks it.
    let asked = "cluster.ratelimit.upstream_rq_total";
    let began = Instant::now();
    loop {
        let before = global.stat(asked).await;
        let (answer, took) =
            timed(&client, &format!("spared-{}", began.elapsed().as_millis())).await;
        assert!(took < TIMEOUT + SLACK, "{took:?}");
        if answer.ok().status == 200 && global.stat(asked).await == before {
            eprintln!("a request that asks nobody takes {took:?}");
            break;
        }
        assert!(began.elapsed() < SLACK * 3, "it is asked over and over");
    }
    assert!(
        global
            .stat("cluster.ratelimit.outlier_detection.ejections_enforced_total")
            .await
            > 0
    );

    global.rls().set_fault(Fault::None);
    until_charged(&global, "back").await;
    global.running.assert_no_crash();
}

#[tokio::test]
async fn a_service_without_redis_leaves_the_local_limits() {
    let test = "global_limits::a_service_without_redis_leaves_the_local_limits";
    let Some(mut global) = Global::start(test, 1, |_| {}).await else {
        return;
    };
    let client = global.client(0);
    global.redis.kill();
    local_limits_hold(&client, "without").await;
    assert!(global.stat("cluster.openai.ratelimit.error").await >= 3);
    eventually(
        || global.rls().calls().len() >= 5,
        || format!("{:#?}", global.rls().calls()),
    )
    .await;
    assert!(
        global
            .rls()
            .calls()
            .iter()
            .all(|call| call.outcome.is_err())
    );

    global.redis.restart().await.unwrap();
    until_charged(&global, "back").await;
    global.running.assert_no_crash();
}

/// As the comment in the configuration says.
fn closed(config: &mut Value) {
    let hcm = &mut config["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0];
    let filter = &mut hcm["typed_config"]["http_filters"][2]["typed_config"];
    assert_eq!(filter["domain"], "weir");
    filter["failure_mode_deny"] = json!(true);
    filter["status_on_error"] = json!({"code": "ServiceUnavailable"});
}

#[tokio::test]
async fn whoever_chooses_closed_refuses() {
    let test = "global_limits::whoever_chooses_closed_refuses";
    let Some(mut global) = Global::start(test, 1, closed).await else {
        return;
    };
    let client = global.client(0);
    assert_eq!(client.send(ask("open", 14)).await.status, 200);
    for fault in ["hanging", "away"] {
        if fault == "hanging" {
            global.rls().set_fault(Fault::Hang);
        } else {
            drop(global.rls.take());
        }
        let (answer, took) = timed(&client, fault).await;
        assert_eq!(answer.status, 503, "{fault}: {answer:#?}");
        assert!(took < TIMEOUT + SLACK, "{fault}: {took:?}");
    }
    // Nothing has reached the provider, and nothing is kept from the next one's budget.
    assert_eq!(global.running.mock("openai").requests().len(), 1);
    global.running.assert_no_crash();
}
