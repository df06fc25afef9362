//! What the service promises, on a real Redis. Without one the tests are skipped by name.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use rls::proto::{
    Code, Entry, RateLimitDescriptor, RateLimitRequest, RateLimitResponse, UInt64Value, Unit,
};
use rls::{Address, Fault, RedisProcess, RedisServer, Rls};
use tempfile::TempDir;
use tokio::net::UnixStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

const CONFIG: &str = "
domain: d
descriptors:
  - key: who
    rate_limit: { unit: day, requests_per_unit: 1000 }
  - key: who
    value: shadow
    shadow_mode: true
    rate_limit: { unit: day, requests_per_unit: 1 }
  - key: who
    value: free
    rate_limit: { unlimited: true }
";

struct Bench {
    redis: RedisProcess,
    rls: Rls,
    _dir: TempDir,
}

impl Bench {
    /// None, and a word about it, where there is no Redis. In CI there has to be one.
    async fn start(test: &str) -> Option<Self> {
        let Some(server) = RedisServer::find() else {
            assert!(std::env::var_os("CI").is_none(), "CI needs a Redis");
            // Written past the capture of what tests print: a skipped test has to be seen.
            let _ = writeln!(
                std::io::stderr(),
                "skipped {test}: no Redis; run `make redis`"
            );
            return None;
        };
        let redis = server.start().await.expect("Redis");
        let dir = tempfile::tempdir_in("/tmp").unwrap();
        let listen = Address::Unix(dir.path().join("rls.sock"));
        let rls = Rls::start(listen, CONFIG.parse().unwrap(), redis.address());
        Some(Self {
            rls: rls.await.expect("the service"),
            redis,
            _dir: dir,
        })
    }

    /// The answer, or gRPC's status and message.
    async fn ask(&self, request: &RateLimitRequest) -> Result<RateLimitResponse, (String, String)> {
        let stream = UnixStream::connect(self.rls.socket().unwrap())
            .await
            .unwrap();
        let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
        tokio::spawn(connection);
        let message = request.encode_to_vec();
        let mut body = vec![0];
        body.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
        body.extend(message);
        let request =
            Request::post("http://rls/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit")
                .header("content-type", "application/grpc")
                .body(Full::new(Bytes::from(body)))
                .unwrap();
        let response = sender.send_request(request).await.unwrap();
        let text = |name: &str| {
            let value = response.headers().get(name)?;
            Some(value.to_str().unwrap().to_owned())
        };
        if let Some(status) = text("grpc-status") {
            return Err((status, text("grpc-message").unwrap_or_default()));
        }
        let body = response.into_body().collect().await.unwrap();
        assert_eq!(body.trailers().unwrap()["grpc-status"], "0");
        Ok(RateLimitResponse::decode(&body.to_bytes()[5..]).unwrap())
    }

    async fn code(&self, request: &RateLimitRequest) -> Code {
        self.ask(request).await.unwrap().overall_code()
    }
}

/// A request of one descriptor for each `(who, hits)`.
fn request(descriptors: &[(&str, Option<u64>)]) -> RateLimitRequest {
    let descriptor = |(who, hits): &(&str, Option<u64>)| RateLimitDescriptor {
        entries: vec![Entry {
            key: "who".to_owned(),
            value: (*who).to_owned(),
        }],
        hits_addend: hits.map(|value| UInt64Value { value }),
        ..RateLimitDescriptor::default()
    };
    RateLimitRequest {
        domain: "d".to_owned(),
        descriptors: descriptors.iter().map(descriptor).collect(),
        hits_addend: 0,
    }
}

fn check(who: &str) -> RateLimitRequest {
    request(&[(who, Some(0))])
}

fn charge(who: &str, hits: u64) -> RateLimitRequest {
    request(&[(who, Some(hits))])
}

#[tokio::test]
async fn a_charge_that_crosses_the_limit_is_kept() {
    let Some(bench) = Bench::start("a_charge_that_crosses_the_limit_is_kept").await else {
        return;
    };
    for (asked, code, left) in [
        (check("ann"), Code::Ok, 1000),
        (charge("ann", 900), Code::Ok, 100),
        // All of it is not above it.
        (charge("ann", 100), Code::Ok, 0),
        (check("ann"), Code::Ok, 0),
        (charge("ann", 300), Code::OverLimit, 0),
        (check("ann"), Code::OverLimit, 0),
        (check("bob"), Code::Ok, 1000),
    ] {
        let response = bench.ask(&asked).await.unwrap();
        assert_eq!(response.overall_code(), code, "{asked:?}");
        let status = &response.statuses[0];
        assert_eq!(
            (status.code(), status.limit_remaining),
            (code, left),
            "{asked:?}"
        );
        let limit = status.current_limit.as_ref().unwrap();
        assert_eq!((limit.requests_per_unit, limit.unit()), (1000, Unit::Day));
        let reset = status.duration_until_reset.as_ref().unwrap().seconds;
        assert!((1..=86_400).contains(&reset), "{reset}");
    }
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let key = format!("d_who_ann_{}", now / 86_400 * 86_400);
    assert_eq!(bench.redis.add(&key, 0).await.unwrap(), 1300);
}

#[tokio::test]
async fn who_says_nothing_adds_one() {
    let Some(bench) = Bench::start("who_says_nothing_adds_one").await else {
        return;
    };
    bench.code(&request(&[("ann", None)])).await;
    let of_request = RateLimitRequest {
        hits_addend: 7,
        ..request(&[("ann", None), ("bob", Some(2))])
    };
    bench.code(&of_request).await;
    let left = |who| {
        let bench = &bench;
        async move { bench.ask(&check(who)).await.unwrap().statuses[0].limit_remaining }
    };
    assert_eq!((left("ann").await, left("bob").await), (992, 998));
}

#[tokio::test]
async fn what_is_taken_back_is_there_again_and_no_more() {
    let Some(bench) = Bench::start("what_is_taken_back_is_there_again_and_no_more").await else {
        return;
    };
    let back = |who, hits| {
        let mut request = charge(who, hits);
        request.descriptors[0].is_negative_hits = true;
        request
    };
    for (asked, code, left) in [
        (charge("ann", 1500), Code::OverLimit, 0),
        (back("ann", 300), Code::Ok, 0),
        (check("ann"), Code::OverLimit, 0),
        (back("ann", 300), Code::Ok, 100),
        (check("ann"), Code::Ok, 100),
        (back("ann", 5000), Code::Ok, 1000),
        (charge("ann", 1), Code::Ok, 999),
        (back("bob", 5), Code::Ok, 1000),
    ] {
        let status = bench.ask(&asked).await.unwrap().statuses[0].clone();
        assert_eq!(
            (status.code(), status.limit_remaining),
            (code, left),
            "{asked:?}"
        );
    }
}

#[tokio::test]
async fn one_descriptor_over_the_limit_is_enough_and_all_are_charged() {
    let Some(bench) =
        Bench::start("one_descriptor_over_the_limit_is_enough_and_all_are_charged").await
    else {
        return;
    };
    let both = request(&[("ann", Some(2000)), ("bob", Some(10)), ("free", Some(9))]);
    let response = bench.ask(&both).await.unwrap();
    let codes: Vec<_> = response.statuses.iter().map(|it| it.code()).collect();
    assert_eq!(response.overall_code(), Code::OverLimit);
    assert_eq!(codes, [Code::OverLimit, Code::Ok, Code::Ok]);
    assert_eq!(response.statuses[1].limit_remaining, 990);
    assert_eq!(response.statuses[2].current_limit, None);
    // A shadow counts and does not limit.
    assert_eq!(bench.code(&charge("shadow", 5)).await, Code::Ok);

    let call = &bench.rls.calls()[0];
    assert_eq!(call.outcome, Ok(Code::OverLimit));
    assert_eq!(
        call.charges[1].entries,
        [("who".to_owned(), "bob".to_owned())]
    );
    assert_eq!((call.charges[1].hits, call.charges[1].own_hits), (10, true));
    bench.rls.clear();
    assert!(bench.rls.calls().is_empty());
}

#[tokio::test]
async fn failures_are_grpc_errors() {
    let Some(mut bench) = Bench::start("failures_are_grpc_errors").await else {
        return;
    };
    let nobody = RateLimitRequest {
        domain: String::new(),
        ..check("ann")
    };
    assert_eq!(bench.ask(&nobody).await.unwrap_err().0, "2");
    assert_eq!(bench.ask(&request(&[])).await.unwrap_err().0, "2");

    assert_eq!(bench.code(&charge("ann", 5)).await, Code::Ok);
    bench.redis.kill();
    assert_eq!(bench.ask(&check("ann")).await.unwrap_err().0, "2");
    let last = bench.rls.calls().pop().unwrap();
    assert!(last.outcome.is_err(), "{last:?}");
    bench.redis.restart().await.unwrap();
    assert_eq!(bench.code(&check("ann")).await, Code::Ok);

    bench.rls.set_fault(Fault::Hang);
    let asked = check("ann");
    let hung = timeout(Duration::from_millis(300), bench.ask(&asked)).await;
    assert!(hung.is_err(), "it answered: {hung:?}");
    bench.rls.set_fault(Fault::None);
    assert_eq!(bench.code(&check("ann")).await, Code::Ok);
}

#[tokio::test]
async fn charges_of_many_callers_are_all_counted() {
    let Some(bench) = Bench::start("charges_of_many_callers_are_all_counted").await else {
        return;
    };
    let bench = Arc::new(bench);
    let mut callers = JoinSet::new();
    for _ in 0..100 {
        let bench = Arc::clone(&bench);
        callers.spawn(async move { bench.ask(&charge("ann", 3)).await });
    }
    for answer in callers.join_all().await {
        answer.unwrap();
    }
    let left = bench.ask(&check("ann")).await.unwrap().statuses[0].limit_remaining;
    assert_eq!(left, 700);
}
