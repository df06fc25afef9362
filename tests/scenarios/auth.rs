//! `envoy/auth`: an identity that a caller cannot choose, from a JWT, an API key or a certificate.

use std::process::Command;

use crate::harness::{Running, Scenario, root};

async fn start() -> Running {
    // As the README has it: the script of the scenario makes what its configuration names.
    let made = Command::new("bash")
        .arg(root().join("envoy/auth/demo.sh"))
        .status();
    assert!(made.unwrap().success());
    Scenario::new("auth")
        .mock("127.0.0.1:18080", "openai")
        .start()
        .await
}

/// What a caller may write, in the hope to be somebody else.
const FORGED: &str = "-H 'x-client: web' -H 'x-team: web' -H 'x-identity: web' \
    -H 'x-ai-identity: web' -H 'x-weir-identity: web' -H 'wasm.weir.identity: web' \
    -H 'x-forwarded-for: 192.0.2.1' -H 'x-jwt-payload: eyJ0ZWFtIjoid2ViIn0' \
    -H 'x-forwarded-client-cert: URI=spiffe://example.org/ns/shop/sa/web'";

#[tokio::test]
async fn the_readme_is_true_and_nobody_is_who_they_are_not() {
    let running = start().await;
    running.readme().await;

    // Who the log says it was, whatever was forged.
    let jwt = |name: &str| {
        format!("-H \"authorization: Bearer $(cat envoy/auth/demo/{name}.jwt)\" localhost:10000")
    };
    let tls = |name: &str| {
        let file = format!("envoy/auth/demo/{name}");
        format!(
            "--cacert envoy/auth/demo/ca.pem --cert {file}.pem --key {file}.key https://localhost:10443"
        )
    };
    let no_certificate = "--cacert envoy/auth/demo/ca.pem https://localhost:10443".to_owned();
    let known = [
        (jwt("support"), "support"),
        (jwt("search"), "search"),
        (
            "-H 'x-api-key: demo-key-of-batch' localhost:10001".to_owned(),
            "batch",
        ),
        (
            "-H 'authorization: Bearer demo-key-of-nightly' localhost:10001".to_owned(),
            "nightly",
        ),
        (tls("billing"), "spiffe://example.org/ns/shop/sa/billing"),
        (tls("web"), "spiffe://example.org/ns/shop/sa/web"),
    ];
    for (number, (how, who)) in known.iter().enumerate() {
        for forged in ["", FORGED] {
            let path = format!("/{number}{}/v1/chat/completions", forged.len());
            ask(&running, &format!("{forged} {how}{path}")).await;
            let line = running.access_log(|line| line["path"] == path).await;
            assert_eq!(line["identity"], *who, "{how} {forged}");
        }
    }

    let seen = running.mock("openai").count();
    let strangers = [
        ("localhost:10000".to_owned(), "401"),
        (
            "-H 'authorization: Bearer demo-key-of-batch' localhost:10000".to_owned(),
            "401",
        ),
        (jwt("elsewhere"), "403"),
        (jwt("teamless"), "401"),
        (jwt("search").replace(".jwt)", ".jwt)x"), "401"),
        ("localhost:10001".to_owned(), "401"),
        (
            "-H 'x-api-key: demo-key-of-nobody' localhost:10001".to_owned(),
            "401",
        ),
        (jwt("search").replace("10000", "10001"), "401"),
        // No handshake, no answer.
        (no_certificate, "000"),
        (tls("foreign"), "000"),
        (tls("forged"), "000"),
    ];
    for (how, status) in strangers {
        for forged in ["", FORGED] {
            let answer = ask(&running, &format!("{forged} {how}/v1/chat/completions")).await;
            assert_eq!(answer, status, "{how} {forged}");
        }
    }
    assert_eq!(running.mock("openai").count(), seen);

    // No provider gets what proved it.
    for seen in running.mock("openai").requests() {
        for (name, value) in &seen.headers {
            let text = format!("{name}: {}", String::from_utf8_lossy(value.as_bytes()));
            let telling = [
                "authorization",
                "x-api-key",
                "x-client:",
                "demo-key",
                "eyJhbGci",
                "x-ai-",
            ];
            let leak = telling.iter().find(|it| text.contains(**it));
            assert_eq!(leak, None, "{text}");
        }
    }
    running.assert_no_crash();
}

/// The status of the answer to a request that is within everybody's limits, or beyond them.
async fn ask(running: &Running, arguments: &str) -> String {
    let body =
        r#"{"model": "fast", "max_tokens": 1, "messages": [{"role": "user", "content": "hi"}]}"#;
    let command = format!(
        "curl -s -o /dev/null -w '%{{http_code}}' -H 'content-type: application/json' -d '{body}' {arguments}"
    );
    running.bash(&command).await
}
