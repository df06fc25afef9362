//! `envoy/providers`: five providers behind one address. Each gets what it wants and nothing else,
//! and one that fails is left within the request.

mod cases;
mod failover;
mod load;

use std::process::Command;
use std::time::{Duration, Instant};

use mock_llm::Recorded;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::sleep;
use weir_testkit::client::Request;

use self::cases::cases;
use crate::harness::{Authority, Running, Scenario, root};

const CHAT: &str = "/v1/chat/completions";

/// The name of each mock, its address, and the names in its certificate. Azure's and Google's
/// are patterns in life too.
const PROVIDERS: &[(&str, &str, &str)] = &[
    ("openai", "api.openai.com:443", "api.openai.com"),
    (
        "azure",
        "my-company.openai.azure.com:443",
        "*.openai.azure.com",
    ),
    ("anthropic", "api.anthropic.com:443", "api.anthropic.com"),
    (
        "gemini",
        "generativelanguage.googleapis.com:443",
        "*.googleapis.com",
    ),
    (
        "selfhosted",
        "llm-0.internal.example:8000",
        "llm.internal.example",
    ),
    (
        "selfhosted-1",
        "llm-1.internal.example:8000",
        "llm.internal.example",
    ),
];

/// Keys and certificates, as the operator would put them in place.
struct Files {
    dir: TempDir,
    public: Authority,
    private: Authority,
}

impl Files {
    fn new() -> Self {
        let files = Self {
            dir: tempfile::tempdir().unwrap(),
            public: Authority::new(),
            private: Authority::new(),
        };
        files.write("public-ca", &files.public.pem());
        files.write("private-ca", &files.private.pem());
        for (name, ..) in PROVIDERS {
            files.key(name, &format!("key-of-{name}"));
        }
        files
    }

    /// As the README says, while Envoy runs or before.
    fn key(&self, provider: &str, key: &str) {
        let script = root().join("envoy/providers/key.sh");
        let command = format!("printf %s \"{key}\" | {} {provider}", script.display());
        let mut bash = Command::new("bash");
        bash.args(["-c", &command])
            .env("WEIR_KEYS", self.dir.path().join("keys"));
        assert!(bash.status().unwrap().success());
    }

    fn write(&self, name: &str, content: &str) {
        std::fs::write(self.dir.path().join(name), content).unwrap();
    }

    /// The scenario with all providers in place.
    fn scenario(&self) -> Scenario {
        let mut scenario = self.without_providers();
        for (name, address, host) in PROVIDERS {
            let authority = match name.starts_with("selfhosted") {
                true => &self.private,
                false => &self.public,
            };
            scenario = scenario.tls_mock(address, name, authority.server(host));
        }
        scenario
    }

    fn without_providers(&self) -> Scenario {
        let file = |name: &str| self.dir.path().join(name);
        let mut scenario = Scenario::new("providers")
            .file("/etc/ssl/certs/ca-certificates.crt", file("public-ca"))
            .file("/etc/weir/internal-ca.pem", file("private-ca"));
        for (name, ..) in PROVIDERS {
            let keys = format!("keys/{name}.yaml");
            scenario = scenario.file(&format!("/etc/weir/{keys}"), file(&keys));
        }
        scenario.file("/etc/weir/keys", file("keys"))
    }
}

/// Takes out the filters a test can do without: each costs Envoy seconds to start.
fn only_model_router(config: &mut Value) {
    let chain = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters";
    let chain = config.pointer_mut(chain).unwrap().as_array_mut().unwrap();
    chain.retain(|filter| {
        let name = filter["name"].as_str().unwrap();
        name == "weir.model-router" || !name.starts_with("weir.")
    });
}

/// A request in OpenAI's shape, from a caller with a credential of its own.
fn chat(model: &str) -> Request {
    chat_at(CHAT, model)
}

fn chat_at(path: &str, model: &str) -> Request {
    let messages = json!([{"role": "user", "content": "hi there"}]);
    Request::post(path)
        .header("authorization", "Bearer callers-own")
        .json(&json!({"model": model, "messages": messages}))
}

fn last_seen(running: &Running, provider: &str) -> Recorded {
    let seen = running.mock(provider).requests().pop();
    seen.expect("the provider has seen a request")
}

/// As shipped: what each provider gets, the README, and a key that is changed.
#[tokio::test]
async fn each_provider_gets_its_path_host_and_key_and_nothing_of_the_caller() {
    let files = Files::new();
    let mut running = files.scenario().start().await;
    let mut readme = running.open_readme();
    for _ in 0..2 {
        assert!(readme.block(&running).await);
    }
    running.stop_mock("openai");
    readme.finish(&running).await;
    running.start_mock("openai").await;
    // Of two equal servers the one that is asked is anyone's guess.
    running.stop_mock("selfhosted-1");
    for client in [running.h1(), running.h2()] {
        for case in cases() {
            case.holds(&running, &client, http::Version::HTTP_2).await;
        }
    }
    a_query_that_would_change_its_meaning_is_refused(&running).await;
    a_key_is_changed_without_a_restart(&files, &running).await;
    running.assert_no_crash();
}

/// To a provider without HTTP/2. Here the host that is asked for can be seen too.
#[tokio::test]
async fn the_same_over_http1() {
    let files = Files::new();
    let scenario = files.scenario().edit(only_model_router).edit(|config| {
        let clusters = &mut config["static_resources"]["clusters"];
        for cluster in clusters.as_array_mut().unwrap() {
            let options = cluster.pointer_mut(
                "/typed_extension_protocol_options/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            );
            let Some(options) = options else { continue };
            options.as_object_mut().unwrap().remove("auto_config");
            options["explicit_http_config"] = json!({"http_protocol_options": {}});
        }
    });
    let mut running = scenario.start().await;
    running.stop_mock("selfhosted-1");
    for case in cases() {
        case.holds(&running, &running.h1(), http::Version::HTTP_11)
            .await;
        let seen = last_seen(&running, case.provider);
        assert_eq!(
            seen.headers["host"], case.host,
            "{} {}",
            case.path, case.body
        );
    }
    running.assert_no_crash();
}

/// In a query that Envoy has to write anew, what would turn into something else is refused.
async fn a_query_that_would_change_its_meaning_is_refused(running: &Running) {
    let (azure, gemini) = ("gpt-4.1-eu", "gemini-2.5-flash");
    let table = [
        (azure, "x=%20y"),
        (azure, "x=%26api-version%3d1"),
        (gemini, "a=1%26key=callers-own"),
        (gemini, "a=%0D%0Ax"),
        (gemini, "a=%c3%a9"),
    ];
    for (model, query) in table {
        let request = chat_at(&format!("{CHAT}?{query}"), model);
        let answer = running.h1().send(request).await;
        assert_eq!(answer.status, 400, "{model} {query}: {answer:#?}");
    }
}

/// New files are moved into place: no restart, no failed request.
async fn a_key_is_changed_without_a_restart(files: &Files, running: &Running) {
    files.key("openai", "new-key's");
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        running.h1().send(chat("fast")).await.ok();
        let key = last_seen(running, "openai").headers["authorization"].clone();
        if key == "Bearer new-key's" {
            break;
        }
        assert_eq!(key, "Bearer key-of-openai");
        assert!(Instant::now() < deadline, "the new key is never used");
        sleep(Duration::from_millis(50)).await;
    }
}

/// A server that proves to be someone else, or proves it by another authority, gets no request;
/// nor does one whose key Envoy has not got: the caller's own is no substitute.
#[tokio::test]
async fn a_provider_we_do_not_trust_or_have_no_key_for_gets_nothing() {
    let files = Files::new();
    files.key("openai", "");
    let stranger = Authority::new();
    let scenario = files
        .without_providers()
        .edit(only_model_router)
        .tls_mock(
            "api.openai.com:443",
            "openai",
            files.public.server("api.openai.com"),
        )
        .tls_mock(
            "api.anthropic.com:443",
            "anthropic",
            stranger.server("api.anthropic.com"),
        )
        .tls_mock(
            "generativelanguage.googleapis.com:443",
            "gemini",
            files.public.server("api.anthropic.com"),
        )
        // The company's own authority is not trusted with other companies' names.
        .tls_mock(
            "my-company.openai.azure.com:443",
            "azure",
            files.private.server("my-company.openai.azure.com"),
        );
    let running = scenario.start().await;
    let claude = json!({"model": "claude-sonnet-4-5", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]});
    let anthropic = Request::post("/v1/messages")
        .header("x-api-key", "callers-own")
        .json(&claude);
    let table = [
        ("anthropic", anthropic, 503, "ssl.fail_verify_error"),
        (
            "gemini",
            chat("gemini-2.5-flash"),
            503,
            "ssl.fail_verify_san",
        ),
        ("azure", chat("gpt-4.1-eu"), 503, "ssl.fail_verify_error"),
        ("openai", chat("text-embedding-3-small"), 401, ""),
    ];
    for (provider, request, status, reason) in table {
        let answer = running.h1().send(request).await;
        assert_eq!(answer.status, status, "{provider}: {answer:#?}");
        assert_eq!(running.mock(provider).count(), 0, "{provider}");
        if !reason.is_empty() {
            let refused = format!("cluster.{provider}-tls.{reason}");
            assert!(running.envoy().stat(&refused).await > Some(0), "{refused}");
        }
    }
    running.assert_no_crash();
}
