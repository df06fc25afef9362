//! Random exchanges, made of the golden fixtures of `weir-llm-api`, damaged and cut.

use serde_json::{Value, json};
use weir_testkit::script::{Message, Play};

use crate::{CHAT, router};

/// The golden fixtures of llm-api with this ending, with the name of their API.
fn fixtures(ending: &str) -> Vec<(String, Vec<u8>)> {
    let root = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../crates/llm-api/tests/golden"
    );
    let mut found = Vec::new();
    for api in std::fs::read_dir(root).unwrap().map(Result::unwrap) {
        if !api.path().is_dir() {
            continue;
        }
        for file in std::fs::read_dir(api.path()).unwrap().map(Result::unwrap) {
            if file.file_name().to_string_lossy().ends_with(ending) {
                let api = api.file_name().to_string_lossy().into_owned();
                found.push((api, std::fs::read(file.path()).unwrap()));
            }
        }
    }
    found.sort();
    found
}

fn path_of(api: &str) -> &'static str {
    match api {
        "openai_completions" => "/v1/completions",
        "openai_responses" => "/v1/responses",
        "openai_embeddings" => "/v1/embeddings",
        "anthropic_messages" => "/v1/messages",
        "anthropic_count_tokens" => "/v1/messages/count_tokens",
        "gemini_generate" => "/v1beta/models/asked:generateContent",
        "bedrock_converse" => "/model/asked/converse",
        "bedrock_invoke" => "/model/asked/invoke",
        _ => CHAT,
    }
}

/// Damages `bytes` at a place: a bit flipped, a byte that means something in JSON or SSE put in,
/// a piece cut out or repeated.
fn damage(bytes: &mut Vec<u8>, kind: u8, at: usize, len: usize) {
    if bytes.is_empty() {
        return;
    }
    let at = at % bytes.len();
    let end = (at + len).min(bytes.len());
    match kind % 5 {
        0 => bytes[at] ^= 1 << (len % 8),
        1 => bytes.insert(at, b"\"\\{}[]:,\n\r \xff\0d"[len % 14]),
        2 => drop(bytes.drain(at..end)),
        3 => {
            let piece = bytes[at..end].to_vec();
            bytes.splice(end..end, piece);
        }
        _ => {}
    }
}

/// The JSON of a body with its model taken out; none when it is no JSON.
fn without_model(bytes: &[u8]) -> Option<Value> {
    let mut value: Value = serde_json::from_slice(bytes).ok()?;
    value.as_object_mut()?.remove("model");
    Some(value)
}

/// Cases of the test below: `WEIR_CASES=1000000 cargo test …` for a night.
fn cases() -> u32 {
    let asked = std::env::var("WEIR_CASES").ok();
    asked.and_then(|cases| cases.parse().ok()).unwrap_or(2000)
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(cases()))]

    /// Whatever comes from either side: no panic, nothing Envoy would refuse (the simulated one
    /// asserts it), a request that is sent differs in its model alone, and an answer that is not
    /// edited is the same to the byte.
    #[test]
    fn anything_may_come(
        request in 0_usize..1000, answer in 0_usize..1000, restore: bool, trailers: (bool, bool),
        damages in proptest::collection::vec(proptest::prelude::any::<(bool, u8, usize, u8)>(), 0..4),
        request_cuts in proptest::collection::vec(0_usize..4000, 0..4),
        response_cuts in proptest::collection::vec(0_usize..4000, 0..8),
    ) {
        let (requests, streams, answers) = (fixtures("request.json"), fixtures(".sse"), fixtures("answer.json"));
        let (api, mut body) = requests[request % requests.len()].clone();
        let (media, mut reply) = match answer % 2 {
            0 => ("text/event-stream", streams[answer / 2 % streams.len()].1.clone()),
            _ => ("application/json", answers[answer / 2 % answers.len()].1.clone()),
        };
        for (side, kind, at, len) in damages {
            damage(if side { &mut body } else { &mut reply }, kind, at, usize::from(len));
        }
        let config = json!({
            "restore_model": restore,
            "models": {"target": {}},
            "rules": [{"name": "all", "match": {"model": "*"}, "to": {"model": "target"}}],
        });
        let sorted = |mut cuts: Vec<usize>| { cuts.sort_unstable(); cuts };
        let play = Play {
            request_cuts: sorted(request_cuts),
            response_cuts: sorted(response_cuts),
            request_trailers: trailers.0,
            response_trailers: trailers.1,
            ..Play::default()
        };
        let message = Message::post(path_of(&api), body.clone());
        let outcome = play.run(&router(&config), &message, |_| Message::answer(media, reply.clone()));
        match &outcome.sent {
            None => {
                proptest::prop_assert!(matches!(outcome.status(), "400" | "415"), "{}", outcome.status());
                proptest::prop_assert!(serde_json::from_slice::<Value>(&outcome.got.body).is_ok());
            }
            Some(sent) => {
                // Numbers beyond a float and lone surrogates are JSON by its grammar.
                if let Err(error) = serde_json::from_slice::<serde_json::Map<String, Value>>(&body) {
                    let error = error.to_string();
                    let grammatical = ["number out of range", "surrogate", "hex escape"];
                    proptest::prop_assert!(grammatical.iter().any(|known| error.contains(known)), "{}", error);
                    return Ok(());
                }
                proptest::prop_assert_eq!(without_model(&sent.body), without_model(&body));
                if !restore {
                    proptest::prop_assert_eq!(&outcome.got.body, &reply);
                }
            }
        }
        let requests: u64 = outcome.counters.iter()
            .filter(|(name, _)| name.starts_with("weir_requests_total")).map(|(_, n)| n).sum();
        proptest::prop_assert_eq!(requests, 1);
    }
}
