//! A provider is killed under load.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use weir_testkit::client::{Client, Request, Response};

use super::{CHAT, Files};

const PER_SECOND: u32 = 200;
/// The provider is killed in the midst of the requests, once it has had so many.
const KILLED_AFTER: usize = 500;
/// And the load goes on for so long.
const GOES_ON: Duration = Duration::from_secs(4);

/// How an exchange ended for its caller.
#[derive(Debug, PartialEq)]
enum Ending {
    Whole,
    /// Bytes of an answer had come, and then no end.
    BrokeOff,
    Error(String),
}

/// Odd ones stream for about a quarter of a second, even ones are answered at once after a while.
fn request(number: u32) -> Request {
    let stream = number % 2 == 1;
    let messages = json!([{"role": "user", "content": "a question of eight words, or nearly so"}]);
    let body = json!({"model": "fast", "messages": messages, "stream": stream, "max_tokens": 20});
    // Many callers, so that no limit is met.
    let caller = format!("Bearer caller-{}", number % 50);
    let request = Request::post(CHAT)
        .header("authorization", caller)
        .json(&body);
    match stream {
        true => request.header("x-mock-event-delay-ms", "20"),
        false => request.header("x-mock-delay-ms", "100"),
    }
}

fn ending(answer: &Response) -> Ending {
    match answer.status {
        200 if answer.aborted && !answer.body.is_empty() => Ending::BrokeOff,
        200 if !answer.aborted => {
            let text = answer.text();
            let whole = text.trim_end().ends_with("data: [DONE]") || {
                let json = serde_json::from_str::<serde_json::Value>(text);
                json.is_ok_and(|json| json["object"] == "chat.completion")
            };
            match whole {
                true => Ending::Whole,
                false => Ending::Error(format!("an end that is none: {text}")),
            }
        }
        _ => Ending::Error(format!("{answer:?}")),
    }
}

async fn exchange(
    client: Client,
    number: u32,
    killed: Arc<AtomicBool>,
) -> (u32, bool, String, Ending) {
    let answer = client.send(request(number)).await;
    let provider = answer.header("x-mock-name").unwrap_or_default().to_owned();
    (
        number,
        killed.load(Ordering::Relaxed),
        provider,
        ending(&answer),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_killed_under_200_requests_a_second_costs_no_caller_an_answer() {
    let files = Files::new();
    let mut running = files.scenario().start().await;
    let clients = [running.h1(), running.h2()];
    let killed = Arc::new(AtomicBool::new(false));
    let mut exchanges = JoinSet::new();
    let begun = Instant::now();
    let mut end = None;
    let mut number = 0;
    while end.is_none_or(|end| Instant::now() < end) {
        let at = begun + Duration::from_secs(1) * number / PER_SECOND;
        sleep_until(at).await;
        if end.is_none() && running.mock("openai").count() >= KILLED_AFTER {
            killed.store(true, Ordering::Relaxed);
            running.stop_mock("openai");
            end = Some(Instant::now() + GOES_ON);
        }
        let client = clients[number as usize / 2 % 2].clone();
        exchanges.spawn(exchange(client, number, Arc::clone(&killed)));
        number += 1;
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "it gets nothing done"
        );
    }
    // The pace was kept: what took longer was not 200 a second.
    let pace = f64::from(number) / begun.elapsed().as_secs_f64();
    assert!(pace > 0.9 * f64::from(PER_SECOND), "{pace}");

    let (mut by_openai, mut by_azure, mut broken) = (0, 0, 0);
    for (number, after_kill, provider, ending) in exchanges.join_all().await {
        match (&ending, provider.as_str()) {
            (Ending::Whole, "openai") => by_openai += 1,
            (Ending::Whole, "azure") => by_azure += 1,
            // Only a stream of the one that was killed, which had sent some of it.
            (Ending::BrokeOff, "openai") if after_kill && number % 2 == 1 => broken += 1,
            _ => panic!("request {number} by `{provider}`: {ending:?}"),
        }
    }
    let retried = running
        .envoy()
        .stat("cluster.openai-then-azure.upstream_rq_retry")
        .await;
    eprintln!(
        "{by_openai} by OpenAI, {by_azure} by Azure, {broken} streams broken off, {retried:?} retried"
    );
    // The kill came in the middle of things, and both carried their share.
    assert!(retried > Some(0) && broken > 0);
    assert!(by_openai > 300 && by_azure > 300, "{by_openai} {by_azure}");
    running.assert_no_crash();
}
