//! The promises of README.md, in real Envoy with two workers.

#![allow(clippy::indexing_slicing, clippy::unwrap_used)]

use serde_json::{Value, json};
use weir_testkit::client::{Client, Request, Response};
use weir_testkit::rig::{Rig, model_router};

const CHAT: &str = "/v1/chat/completions";
const UPSTREAMS: &[&str] = &["openai", "anthropic", "gemini", "azure", "bedrock"];

fn chat(model: &str) -> Request {
    Request::post(CHAT)
        .json(&json!({"model": model, "messages": [{"role": "user", "content": "hi"}]}))
}

async fn rig(config: Value) -> Rig {
    Rig::start(UPSTREAMS, |b| b.wasm(model_router(config))).await
}

/// Every API reaches the cluster of its model, by body and by path, renamed as declared.
#[tokio::test]
async fn every_api_is_routed_by_its_model() {
    let rig = rig(json!({
        "models": {
            "gpt-4.1": {"provider": "openai"},
            "gpt-4.1-mini": {"provider": "openai", "aliases": ["fast"], "upstream_model": "gpt-4.1-mini-2025-04-14"},
            "embed": {"provider": "azure", "upstream_model": "text-embedding-3-small"},
            "claude-sonnet-4": {"provider": "anthropic", "upstream_model": "claude-sonnet-4-20250514"},
            "gemini-2.5-flash": {"provider": "gemini", "aliases": ["flash"]},
            "deployment": {"provider": "azure", "upstream_model": "my-gpt-eu"},
            "nova": {"provider": "bedrock", "upstream_model": "arn:aws:bedrock:eu-west-1:1:inference-profile/eu.nova"},
        },
    }))
    .await;
    let user = json!([{"role": "user", "content": "hi"}]);
    let contents = json!([{"parts": [{"text": "hi"}]}]);
    // path, body, upstream, path as sent, model in the body as sent
    let cases = [
        (
            CHAT,
            json!({"model": "gpt-4.1", "messages": user}),
            "openai",
            CHAT,
            "gpt-4.1",
        ),
        (
            CHAT,
            json!({"model": "fast", "messages": user}),
            "openai",
            CHAT,
            "gpt-4.1-mini-2025-04-14",
        ),
        (
            "/v1/completions",
            json!({"model": "gpt-4.1", "prompt": "hi"}),
            "openai",
            "/v1/completions",
            "gpt-4.1",
        ),
        (
            "/v1/responses",
            json!({"model": "fast", "input": "hi"}),
            "openai",
            "/v1/responses",
            "gpt-4.1-mini-2025-04-14",
        ),
        (
            "/v1/embeddings",
            json!({"model": "embed", "input": ["hi"]}),
            "azure",
            "/v1/embeddings",
            "text-embedding-3-small",
        ),
        (
            "/v1/messages",
            json!({"model": "claude-sonnet-4", "max_tokens": 9, "messages": user}),
            "anthropic",
            "/v1/messages",
            "claude-sonnet-4-20250514",
        ),
        (
            "/v1/messages/count_tokens",
            json!({"model": "claude-sonnet-4", "messages": user}),
            "anthropic",
            "/v1/messages/count_tokens",
            "claude-sonnet-4-20250514",
        ),
        (
            "/v1beta/models/flash:generateContent?key=k",
            json!({"contents": contents}),
            "gemini",
            "/v1beta/models/gemini-2.5-flash:generateContent?key=k",
            "",
        ),
        (
            "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse",
            json!({"contents": contents}),
            "gemini",
            "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse",
            "",
        ),
        (
            "/openai/deployments/deployment/chat/completions?api-version=2024-10-21",
            json!({"messages": user}),
            "azure",
            "/openai/deployments/my-gpt-eu/chat/completions?api-version=2024-10-21",
            "",
        ),
        (
            "/model/nova/converse",
            json!({"messages": [{"role": "user", "content": [{"text": "hi"}]}]}),
            "bedrock",
            "/model/arn%3Aaws%3Abedrock%3Aeu-west-1%3A1%3Ainference-profile%2Feu.nova/converse",
            "",
        ),
        (
            "/model/nova/converse-stream",
            json!({"messages": [{"role": "user", "content": [{"text": "hi"}]}]}),
            "bedrock",
            "/model/arn%3Aaws%3Abedrock%3Aeu-west-1%3A1%3Ainference-profile%2Feu.nova/converse-stream",
            "",
        ),
    ];
    for client in [rig.h1(), rig.h2()] {
        for (path, body, upstream, sent_path, sent_model) in &cases {
            let answer = client.send(Request::post(path).json(body)).await.ok();
            assert_eq!(answer.status, 200, "{path}: {answer:?}");
            assert_eq!(answer.header("x-mock-name"), Some(*upstream), "{path}");
            let seen = rig.upstream(upstream).requests().pop().unwrap();
            assert_eq!(seen.path, *sent_path);
            assert_eq!(seen.headers["x-ai-provider"], *upstream);
            let sent: Value = serde_json::from_slice(&seen.body).unwrap();
            assert_eq!(sent["model"].as_str().unwrap_or(""), *sent_model, "{path}");
        }
    }
    let log = rig.envoy.access_log(cases.len() * 2).await;
    let apis: Vec<_> = log
        .iter()
        .take(cases.len())
        .map(|l| l["api"].as_str().unwrap_or(""))
        .collect();
    assert_eq!(
        apis,
        [
            "openai_chat",
            "openai_chat",
            "openai_completions",
            "openai_responses",
            "openai_embeddings",
            "anthropic_messages",
            "anthropic_count_tokens",
            "gemini_generate",
            "gemini_generate",
            "openai_chat",
            "bedrock_converse",
            "bedrock_converse",
        ]
    );
    rig.envoy.assert_no_crash();
}

/// A weighted split over two workers: fair, and the same for one caller on every connection.
#[tokio::test]
async fn a_split_is_fair_and_sticky() {
    let rig = rig(json!({
        "identity": [{"header": "x-user"}],
        "models": {"a": {"provider": "openai"}, "b": {"provider": "anthropic"}},
        "rules": [
            {"name": "sticky", "match": {"headers": {"x-sticky": "yes"}}, "sticky": "identity",
             "to": [{"weight": 3, "model": "a"}, {"weight": 1, "model": "b"}]},
            {"name": "chance", "to": [{"weight": 3, "model": "a"}, {"weight": 1, "model": "b"}]},
        ],
    }))
    .await;
    let clients: Vec<Client> = (0..4).map(|_| rig.h2().pinned()).collect();
    let to_b = async |sticky: bool, user: usize, client: usize| {
        let mut request = chat("a").header("x-user", user.to_string());
        if sticky {
            request = request.header("x-sticky", "yes");
        }
        let answer = clients[client].send(request).await.ok();
        answer.header("x-mock-name") == Some("anthropic")
    };
    // Binomial, n = 1000, p = 1/4: six standard deviations are 82.
    let fair = 168..=332;
    let (mut sticky, mut chance) = (0, 0);
    for user in 0..1000 {
        sticky += usize::from(to_b(true, user, user % 4).await);
        chance += usize::from(to_b(false, user, user % 4).await);
    }
    assert!(fair.contains(&sticky), "sticky: {sticky}");
    assert!(fair.contains(&chance), "chance: {chance}");
    for user in 0..20 {
        let first = to_b(true, user, 0).await;
        for client in 1..4 {
            assert_eq!(to_b(true, user, client).await, first, "user {user}");
        }
    }
    rig.envoy.assert_no_crash();
}

fn error(answer: &Response) -> (u16, Value) {
    (answer.status, answer.json()["error"].clone())
}

/// Refusals in each dialect, with nothing sent upstream, and what is left of them in the access
/// log and in Prometheus.
#[tokio::test]
async fn access_and_unknown_models() {
    let rig = rig(json!({
        "identity": [{"header": "x-team"}],
        "models": {"gpt-4.1": {"provider": "openai"}, "claude-sonnet-4": {"provider": "anthropic"}},
        "access": [{"identity": "web", "allow": "gpt-*"}, {"identity": "ops"}],
        "rules": [{"name": "night", "match": {"headers": {"x-night": "*"}}, "deny": {"message": "Not at night."}}],
    }))
    .await;
    let client = rig.h2();
    let web = |request: Request| request.header("x-team", "web");
    let messages = |model: &str| {
        Request::post("/v1/messages")
            .json(&json!({"model": model, "max_tokens": 1, "messages": []}))
    };

    let answer = client.send(web(chat("gpt-4.1"))).await.ok();
    assert_eq!(answer.status, 200);
    let (status, body) = error(&client.send(web(chat("claude-sonnet-4"))).await);
    assert_eq!((status, &body["code"]), (403, &json!("permission_denied")));
    let (status, body) = error(&client.send(web(messages("claude-sonnet-4"))).await);
    assert_eq!((status, &body["type"]), (403, &json!("permission_error")));
    let (status, body) = error(&client.send(chat("gpt-9").header("x-team", "ops")).await);
    assert_eq!((status, &body["code"]), (404, &json!("model_not_found")));
    let (status, body) = error(&client.send(messages("gpt-9").header("x-team", "ops")).await);
    assert_eq!((status, &body["type"]), (404, &json!("not_found_error")));
    let gemini = Request::post("/v1beta/models/g:generateContent").json(&json!({"contents": []}));
    let (status, body) = error(&client.send(gemini.header("x-team", "ops")).await);
    assert_eq!((status, &body["status"]), (404, &json!("NOT_FOUND")));
    let (status, body) = error(&client.send(chat("gpt-4.1")).await);
    assert_eq!(
        (status, &body["type"]),
        (401, &json!("authentication_error"))
    );
    let (status, body) = error(
        &client
            .send(web(chat("gpt-4.1")).header("x-night", "1"))
            .await,
    );
    assert_eq!((status, &body["message"]), (403, &json!("Not at night.")));
    let list = client.send(web(Request::get("/v1/models"))).await.json();
    assert_eq!(list["data"].as_array().unwrap().len(), 1, "{list}");

    let sent: usize = UPSTREAMS
        .iter()
        .map(|name| rig.upstream(name).count())
        .sum();
    assert_eq!(sent, 1);
    let log = rig.envoy.access_log(9).await;
    let seen: Vec<_> = log
        .iter()
        .map(|l| {
            ["response_code_details", "verdict", "rule"]
                .map(|k| l[k].as_str().unwrap_or("").to_owned())
        })
        .collect();
    for expected in [
        ["via_upstream", "allowed", ""],
        ["weir_model_denied", "denied", "access[0]"],
        ["weir_model_not_found", "denied", "unknown_models"],
        ["weir_missing_identity", "denied", "on_missing_identity"],
        ["weir_rule_denied", "denied", "night"],
    ] {
        assert!(
            seen.contains(&expected.map(str::to_owned)),
            "{expected:?} in {seen:#?}"
        );
    }
    let metrics = rig.envoy.prometheus().await;
    for line in [
        r#"weir_requests_total{filter="model-router",api="openai_chat",model="gpt-4.1",provider="openai",verdict="allowed"} 1"#,
        r#"weir_requests_total{filter="model-router",api="openai_chat",model="other",provider="other",verdict="denied"} 2"#,
        r#"weir_rule_matches_total{filter="model-router",rule="night",verdict="denied"} 1"#,
    ] {
        assert!(metrics.contains(line), "{line} in\n{metrics}");
    }
    rig.envoy.assert_no_crash();
}

/// What Envoy itself knows of a caller is an identity: here the address and dynamic metadata.
#[tokio::test]
async fn identities_from_envoy() {
    let set_metadata = json!({
        "name": "envoy.filters.http.set_metadata",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.set_metadata.v3.Config",
            "metadata": [{"metadata_namespace": "auth", "value": {"team": "search"}}],
        },
    });
    for (source, expected) in [
        (json!([{"metadata": ["auth", "team"]}]), "search"),
        (json!([{"jwt_claim": "sub"}, {"header": "x-team"}]), "web"),
        (
            json!([{"header": "x-team", "secret": true}]),
            "sha256:4b5e57f6eb2f42b9",
        ),
    ] {
        let config = json!({"identity": source});
        let rig = Rig::start(&["openai"], |b| {
            b.filter(set_metadata.clone()).wasm(model_router(config))
        })
        .await;
        rig.h1().send(chat("m").header("x-team", "web")).await.ok();
        let log = rig.envoy.access_log(1).await;
        assert_eq!(log[0]["identity"], expected);
        rig.envoy.assert_no_crash();
    }
}

/// Claims of a token that Envoy's own `jwt_authn` has verified.
#[tokio::test]
async fn identities_from_a_verified_token() {
    // HS256 under the key below, claims: iss test, sub alice, org.team core, level 7.
    const TOKEN: &str = "eyJhbGciOiAiSFMyNTYiLCAia2lkIjogImsifQ.eyJpc3MiOiAidGVzdCIsICJzdWIiOiAiYWxpY2UiLCAib3JnIjogeyJ0ZWFtIjogImNvcmUifSwgImxldmVsIjogN30.6nmhFSRJPMj2XZ9kxpw-IC_-xiyily9pZPMIFanNrHo";
    let jwks = r#"{"keys":[{"kty":"oct","kid":"k","alg":"HS256","k":"YS10ZXN0LWtleS10aGF0LWlzLTMyLWJ5dGVzLWxvbmc"}]}"#;
    let jwt_authn = json!({
        "name": "envoy.filters.http.jwt_authn",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
            "providers": {"test": {
                "issuer": "test",
                "local_jwks": {"inline_string": jwks},
                "payload_in_metadata": "jwt_payload",
                "forward": true,
            }},
            "rules": [{"match": {"prefix": "/"}, "requires": {"provider_name": "test"}}],
        },
    });
    for (claim, expected) in [
        (json!({"jwt_claim": "sub"}), "alice"),
        (json!({"jwt_claim": ["org", "team"]}), "core"),
    ] {
        let config = json!({"identity": [claim]});
        let rig = Rig::start(&["openai"], |b| {
            b.filter(jwt_authn.clone()).wasm(model_router(config))
        })
        .await;
        let request = chat("m").header("authorization", format!("Bearer {TOKEN}"));
        assert_eq!(rig.h1().send(request).await.ok().status, 200);
        assert_eq!(rig.h1().send(chat("m")).await.status, 401);
        assert_eq!(rig.envoy.access_log(2).await[0]["identity"], expected);
        rig.envoy.assert_no_crash();
    }
}

/// The official SDKs, unchanged.
#[tokio::test]
async fn the_sdks_work_through_it() {
    let config = json!({
        "models": {
            "gpt-4.1-mini": {"provider": "openai", "aliases": ["fast"]},
            "text-embedding-3-small": {"provider": "openai"},
            "claude-sonnet-4": {"provider": "anthropic", "aliases": ["claude-sonnet-4-*"]},
        },
        "restore_model": true,
    });
    let rig = Rig::start(&["openai", "anthropic"], |b| b.wasm(model_router(config))).await;
    weir_testkit::sdk::run("sdk.py", rig.envoy.socket()).await;
    rig.envoy.assert_no_crash();
}
