//! What an upstream can do wrong.

use std::time::Duration;

use http::Method;
use serde_json::json;
use tokio::time::sleep;
use weir_testkit::books::{Books, Used, chain, chat, said};
use weir_testkit::bootstrap::Bootstrap;
use weir_testkit::client::Request;
use weir_testkit::rig::Rig;

use crate::bystanders::{Bystanders, assert_paid_and_kept};
use crate::upstream::Faulty;

mod script;

use script::{CAP, Cost, End, FAULTS, PROMPT, TOLD, WORDS, script};

fn before(faulty: &Faulty) -> impl FnOnce(Bootstrap) -> Bootstrap {
    let route = json!({
        "match": {"prefix": "/", "headers": [{"name": "x-fault", "present_match": true}]},
        "route": {
            "cluster": "faulty",
            "timeout": "0.5s",
            "internal_redirect_policy": {"max_internal_redirects": 1, "redirect_response_codes": [307]},
        },
    });
    let retried = json!({
        "match": {"prefix": "/", "headers": [{"name": "x-retry", "present_match": true}]},
        "route": {
            "cluster": "openai",
            "retry_policy": {
                "retry_on": "5xx,reset",
                "num_retries": 3,
                "retry_back_off": {"base_interval": "0.005s"},
            },
        },
    });
    // By default Envoy keeps an HTTP/1 client a second before it tells of an abort.
    let soon = json!({"delayed_close_timeout": "0.02s"});
    let socket = faulty.socket().to_owned();
    move |b| {
        chain(
            b.cluster("faulty", &socket, false)
                .raw_route(route)
                .raw_route(retried)
                .hcm(soon),
        )
    }
}

fn faulted(fault: &str, stream: bool) -> Request {
    chat("faulted", 1, "hi", stream).header("x-fault", fault)
}

#[tokio::test]
async fn whatever_an_upstream_does_wrong_is_settled_and_hurts_nobody_else() {
    let faulty = Faulty::start(script);
    let rig = Rig::start(&["openai"], before(&faulty)).await;
    let books = Books::of(&rig);
    let bystanders = Bystanders::start((0..4).map(|_| rig.h2().pinned()).collect());
    let (mut expected, mut sent) = (Used::default(), 0);
    let (mut charged, mut wrong) = (Vec::new(), Vec::<String>::new());
    for client in [rig.h1(), rig.h2()] {
        for &(fault, stream, end, cost) in FAULTS {
            let answer = client.send(faulted(fault, stream)).await;
            sent += 1;
            let is_right = match end {
                End::Whole(status) => (answer.status, answer.aborted) == (status, false),
                End::Broken => answer.aborted && answer.status < 500,
            };
            if !is_right {
                wrong.push(format!(
                    "{fault}: {end:?} was {} {}",
                    answer.status, answer.aborted
                ));
            }
            let words = said(&answer).split_whitespace().count() as u64;
            let used = match cost {
                Cost::Nothing => Used::default(),
                Cost::Told => Used::of(TOLD.input, TOLD.output),
                Cost::Seen => Used::of(PROMPT, words),
                Cost::Reserved => Used::of(PROMPT, CAP),
            };
            charged.push((fault, used));
            expected.input += used.input;
            expected.output += used.output;
            expected.picousd += used.picousd;
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    // No body comes with the answer to a HEAD, and none is waited for.
    for client in [rig.h1(), rig.h2()] {
        let answer = client
            .send(Request::new(Method::HEAD, "/v1/chat/completions"))
            .await
            .ok();
        assert_eq!((answer.status, answer.body.len()), (200, 0));
        sent += 1;
    }
    let served = bystanders.stop().await;
    assert!(served > 50, "{served}");
    let audit = books.audit(&rig, sent + served).await;
    let faults: Vec<_> = audit
        .log
        .iter()
        .filter(|line| line["identity"] == "faulted")
        .collect();
    assert_eq!(faults.len(), charged.len());
    let differ: Vec<String> = faults
        .iter()
        .zip(&charged)
        .filter_map(|(line, (fault, used))| {
            let number = |name: &str| line[name].as_str().unwrap().parse::<u64>().unwrap();
            let [input, output] = ["input_tokens", "output_tokens"].map(number);
            let same = [input, output] == [used.input, used.output];
            (!same).then(|| format!("{fault}: {input} and {output} instead of {used:?}"))
        })
        .collect();
    assert_eq!(differ, Vec::<String>::new());
    assert_eq!(audit.team("faulted"), expected);
    assert_paid_and_kept(&rig, &audit);
    rig.envoy.assert_no_crash();
}

/// Envoy's retries are one exchange to the filters: it is paid once, however many upstreams broke.
#[tokio::test]
async fn what_is_sent_again_is_paid_once() {
    let faulty = Faulty::start(script);
    let rig = Rig::start(&["openai"], before(&faulty)).await;
    let books = Books::of(&rig);
    let mut sent = 0;
    for (at, client) in [rig.h1(), rig.h2()].into_iter().enumerate() {
        for (fails, stream, status) in [
            (1, false, 200),
            (2, true, 200),
            (3, true, 200),
            (9, true, 503),
        ] {
            let answer = client
                .send(
                    chat("again", 5, "write to jane.roe@example.org", stream)
                        .header("x-retry", "yes")
                        .header("x-mock-fail-first", fails.to_string())
                        .header("x-mock-id", format!("{at} {fails}")),
                )
                .await;
            assert_eq!(answer.status, status, "{answer:?}");
            sent += 1;
        }
    }
    let audit = books.audit(&rig, sent).await;
    let served = rig.upstream("openai").served("again");
    assert_eq!(served.answers, 6);
    assert_eq!(
        audit.team("again"),
        Used::of(served.input_tokens, served.output_tokens)
    );
    // Each attempt got the request as the filters had left it.
    let seen = rig.upstream("openai").requests();
    assert_eq!(
        seen.iter()
            .filter(|request| request.headers.contains_key("x-retry"))
            .count(),
        2 * (2 + 3 + 4 + 4)
    );
    rig.envoy.assert_no_crash();
}

/// A redirect that Envoy follows itself makes a second exchange of the same request: the first
/// costs nothing and gives back what it had reserved.
#[tokio::test]
async fn a_redirect_within_envoy_is_paid_once() {
    let faulty = Faulty::start(script);
    let rig = Rig::start(&["openai"], before(&faulty)).await;
    let books = Books::of(&rig);
    for client in [rig.h1(), rig.h2()] {
        let answer = client.send(faulted("redirects", false)).await.ok();
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(said(&answer), WORDS.concat());
    }
    sleep(Duration::from_millis(50)).await;
    let redirected = rig
        .envoy
        .stat("cluster.faulty.upstream_internal_redirect_succeeded_total")
        .await;
    assert_eq!(redirected, Some(2));
    // Each has a line of its own, the first with nothing used.
    let audit = books.audit(&rig, 4).await;
    assert_eq!(
        audit.team("faulted"),
        Used::of(2 * TOLD.input, 2 * TOLD.output)
    );
    rig.envoy.assert_no_crash();
}
