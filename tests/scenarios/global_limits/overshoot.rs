//! Callers at the same time: what the service's check lets through before the first charge comes.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use tokio::task::JoinSet;

use super::{Global, LIMIT, ask, patient};

/// What one Envoy lets in at once, and what it lets in beyond that in a second, by the shipped
/// configuration of token-limit.
const BURST: i64 = 1000;
const REFILL: f64 = 1000.0 / 60.0;
const CALLERS: usize = 80;
const TOKENS: u64 = 300;

/// Whose limit is by the day, so that no window ends while a test runs.
const TEAM: &str = "trial";

/// So many callers at once, spread over the Envoys; how many tokens were let through.
async fn storm(global: &Global, envoys: usize) -> i64 {
    let clients: Vec<_> = (0..envoys).map(|at| global.client(at)).collect();
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let client = clients[caller % envoys].clone();
        // Long enough that no charge comes before the last check.
        let request = ask(TEAM, TOKENS).header("x-mock-delay-ms", "1500");
        callers.spawn(async move { client.send(request).await.ok().status });
    }
    let statuses = callers.join_all().await;
    let passed = statuses.iter().filter(|it| **it == 200).count();
    assert!(
        statuses.iter().all(|it| [200, 429].contains(it)),
        "{statuses:?}"
    );
    i64::try_from(passed).unwrap() * i64::try_from(TOKENS).unwrap()
}

/// What other Envoys have charged before: the counter stands at the limit, not above it.
async fn fill(global: &Global) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let day = now.as_secs() / 86_400 * 86_400;
    let key = format!("weir_budget_tokens_identity_{TEAM}_{day}");
    assert_eq!(global.redis.add(&key, LIMIT).await.unwrap(), LIMIT);
}

#[tokio::test]
async fn the_overshoot_is_what_local_reservations_let_in() {
    const ENVOYS: i64 = 2;
    let test = "global_limits::the_overshoot_is_what_local_reservations_let_in";
    let Some(global) = Global::start(test, 2, patient).await else {
        return;
    };
    fill(&global).await;
    let began = Instant::now();
    let passed = storm(&global, 2).await;
    let seconds = began.elapsed().as_secs_f64();
    // In whole tokens, to be on the safe side.
    #[allow(clippy::cast_possible_truncation, reason = "some thousands")]
    let refilled = (REFILL * seconds).ceil() as i64;
    let bound = ENVOYS * (BURST + refilled);
    eprintln!("{passed} tokens over the limit, of {bound} that the bound allows");
    assert!(passed <= bound, "{passed} > {bound} after {seconds} s");
    // The check alone would have let in everything, so this is what the local limits did.
    assert!(passed >= ENVOYS * 900, "{passed}");
    global.comes_to(TEAM, passed).await;
    // Who is refused here asks nobody: reserving comes first.
    let asked = i64::try_from(global.rls().calls().len()).unwrap();
    assert_eq!(asked, passed / 300 * 2, "a check and a charge for each");
    assert_eq!(storm(&global, 2).await, 0);
    assert_eq!(global.charged(TEAM), passed);
    global.running.assert_no_crash();
}

#[tokio::test]
async fn without_local_limits_everything_at_once_passes() {
    let test = "global_limits::without_local_limits_everything_at_once_passes";
    let without = |config: &mut serde_json::Value| {
        patient(config);
        let hcm = &mut config["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0];
        let plugin = &mut hcm["typed_config"]["http_filters"][1]["typed_config"]["config"];
        assert_eq!(plugin["root_id"], "token-limit");
        plugin["configuration"]["value"] = serde_json::json!(r#"{"hold": true}"#);
    };
    let Some(global) = Global::start(test, 1, without).await else {
        return;
    };
    fill(&global).await;
    let all = i64::try_from(CALLERS).unwrap() * i64::try_from(TOKENS).unwrap();
    assert_eq!(storm(&global, 1).await, all);
    global.comes_to(TEAM, all).await;
    assert_eq!(storm(&global, 1).await, 0);
    global.running.assert_no_crash();
}
