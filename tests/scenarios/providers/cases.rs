//! What callers send, and what providers get of it.

use serde_json::{Value, json};
use weir_testkit::client::{Client, Request};

use super::{CHAT, last_seen};
use crate::harness::Running;

/// What every header of a request to a provider may be: no `x-ai-*`, no trace of the caller.
const HARMLESS: &[&str] = &[
    "host",
    "content-type",
    "content-length",
    "accept",
    "user-agent",
];

/// A request as a caller sends it, and as a provider gets it.
pub(super) struct Case {
    pub(super) path: &'static str,
    pub(super) body: Value,
    pub(super) credential: (&'static str, &'static str),
    pub(super) provider: &'static str,
    pub(super) sent_path: &'static str,
    pub(super) host: &'static str,
    pub(super) key: (&'static str, &'static str),
    pub(super) model: Option<&'static str>,
}

pub(super) fn cases() -> Vec<Case> {
    let openai =
        |model: &str| json!({"model": model, "messages": [{"role": "user", "content": "hi"}]});
    let native = || json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}]});
    let bearer = ("authorization", "Bearer callers-own");
    let chat = Case {
        path: CHAT,
        body: openai("fast"),
        credential: bearer,
        provider: "openai",
        sent_path: CHAT,
        host: "api.openai.com",
        key: ("authorization", "Bearer key-of-openai"),
        model: Some("gpt-4.1-mini"),
    };
    vec![
        Case {
            path: "/v1/embeddings",
            body: json!({"model": "text-embedding-3-small", "input": "hi"}),
            sent_path: "/v1/embeddings",
            model: Some("text-embedding-3-small"),
            ..chat
        },
        Case {
            body: openai("gpt-4.1-eu"),
            provider: "azure",
            sent_path: "/openai/deployments/my-gpt-4-1/chat/completions?api-version=2024-10-21",
            host: "my-company.openai.azure.com",
            key: ("api-key", "key-of-azure"),
            model: Some("gpt-4.1"),
            ..chat
        },
        // What a caller says of the version does not count.
        Case {
            path: "/v1/chat/completions?api-version=1&x=%2Fy",
            body: openai("gpt-4.1-eu"),
            credential: ("api-key", "callers-own"),
            provider: "azure",
            sent_path: "/openai/deployments/my-gpt-4-1/chat/completions?api-version=2024-10-21&x=/y",
            host: "my-company.openai.azure.com",
            key: ("api-key", "key-of-azure"),
            model: Some("gpt-4.1"),
        },
        Case {
            path: "/v1/messages",
            body: json!({"model": "claude-sonnet-4-5", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}),
            credential: ("x-api-key", "callers-own"),
            provider: "anthropic",
            sent_path: "/v1/messages",
            host: "api.anthropic.com",
            key: ("x-api-key", "key-of-anthropic"),
            model: Some("claude-sonnet-4-5"),
        },
        Case {
            path: "/v1beta/models/gemini-2.5-flash:generateContent?key=callers-own&alt=json",
            body: native(),
            credential: ("x-goog-api-key", "callers-own"),
            provider: "gemini",
            sent_path: "/v1beta/models/gemini-2.5-flash:generateContent?alt=json",
            host: "generativelanguage.googleapis.com",
            key: ("x-goog-api-key", "key-of-gemini"),
            model: None,
        },
        Case {
            body: openai("gemini-2.5-flash"),
            provider: "gemini",
            sent_path: "/v1beta/openai/chat/completions",
            host: "generativelanguage.googleapis.com",
            key: ("authorization", "Bearer key-of-gemini"),
            model: Some("gemini-2.5-flash"),
            ..chat
        },
        Case {
            body: openai("llama-3.3-70b"),
            provider: "selfhosted",
            host: "llm.internal.example",
            key: ("authorization", "Bearer key-of-selfhosted"),
            model: Some("meta-llama/Llama-3.3-70B-Instruct"),
            ..chat
        },
        chat,
    ]
}

impl Case {
    /// Sends it, and looks at what the provider got: the path, the one key, nothing of the caller.
    pub(super) async fn holds(&self, running: &Running, client: &Client, version: http::Version) {
        let (header, value) = self.credential;
        let request = Request::post(self.path)
            .header(header, value)
            .header("cookie", "session=callers-own")
            .header("proxy-authorization", "Basic callers-own")
            .header("x-forwarded-for", "192.0.2.1")
            .header("x-ai-provider", "anthropic")
            .header("x-request-id", "5e0f5e0f-0000-4000-8000-000000000000")
            .json(&self.body);
        let what = format!("{} {}", self.path, self.body);
        let answer = client.send(request).await.ok();
        assert_eq!(answer.status, 200, "{what}: {answer:#?}");
        assert_eq!(answer.header("x-mock-name"), Some(self.provider), "{what}");

        let seen = last_seen(running, self.provider);
        assert_eq!(seen.path, self.sent_path, "{what}");
        assert_eq!(seen.version, version, "{what}");
        let body: Value = serde_json::from_slice(&seen.body).unwrap();
        assert_eq!(body["model"].as_str(), self.model, "{what}");
        let mut headers: Vec<(&str, &str)> = seen
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
            .filter(|(name, _)| !HARMLESS.contains(name))
            .collect();
        headers.sort_unstable();
        assert_eq!(headers, [self.key], "{what}");
        let names = running.server_names(self.provider);
        assert_eq!(names.last().map(String::as_str), Some(self.host), "{what}");
    }
}
