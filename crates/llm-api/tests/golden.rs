//! The golden corpus: requests, answers and streams as the vendors' APIs have them, what this
//! crate makes of each, and laws that hold for all of them however they are cut or damaged.
//!
//! `tests/golden/<api>/<name>.{request.json,answer.json,stream.sse}` are the fixtures;
//! `<name>.<kind>.expected.json` beside each holds its facts. After a change,
//! `UPDATE_GOLDEN=1 cargo test -p weir-llm-api --test golden` rewrites these: read the diff, for
//! a wrong one is worse than none. Azure speaks `openai_chat`. Bedrock's streams are binary and
//! not read, so there are none.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests assert by panicking"
)]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use weir_llm_api::json::{Cursor, Fault, MAX_DEPTH, Span, Text, escape};
use weir_llm_api::sse::{Fate, Reader, Sink};
use weir_llm_api::{
    Answer, Api, Channel, Edit, Output, Place, Prompt, PromptSize, Request, Usage, splice,
};

const APIS: [Api; 9] = [
    Api::OpenAiChat,
    Api::OpenAiCompletions,
    Api::OpenAiResponses,
    Api::OpenAiEmbeddings,
    Api::AnthropicMessages,
    Api::AnthropicCountTokens,
    Api::GeminiGenerate,
    Api::BedrockConverse,
    Api::BedrockInvoke,
];

const REQUEST: &str = ".request.json";
const ANSWER: &str = ".answer.json";
const STREAM: &str = ".stream.sse";
const EXPECTED: &str = ".expected.json";

/// Longer than any model of the corpus, and in need of escapes.
const ANOTHER_MODEL: &str = "another-model/with a \"longer\" name:\\2099 🚢";

struct Fixture {
    api: Api,
    path: PathBuf,
    name: String,
    bytes: Vec<u8>,
}

/// All fixtures of a kind, in order; every API has a folder.
fn fixtures(kind: &str) -> Vec<Fixture> {
    let mut found = Vec::new();
    for api in APIS {
        for path in files(&golden().join(api.name())) {
            let name = format!("{api}/{}", path.file_name().unwrap().to_str().unwrap());
            if name.ends_with(kind) && !name.ends_with(EXPECTED) {
                let bytes = fs::read(&path).unwrap();
                found.push(Fixture {
                    api,
                    path,
                    name,
                    bytes,
                });
            }
        }
    }
    assert!(!found.is_empty(), "no fixtures {kind}");
    found
}

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn expected_path(fixture: &Path) -> PathBuf {
    let name = fixture.to_str().unwrap();
    let stem = name
        .strip_suffix(".json")
        .or_else(|| name.strip_suffix(".sse"))
        .unwrap();
    PathBuf::from(format!("{stem}{EXPECTED}"))
}

// What is compared.

/// Writes down what a request's reader reports.
#[derive(Default)]
struct Recorder {
    entries: Vec<Value>,
    tokens: u64,
    size: PromptSize,
}

impl Prompt for Recorder {
    fn message(&mut self) {
        self.entries.push(json!(["message"]));
        self.size.message();
    }

    fn text(&mut self, place: Place, text: Text<'_>) {
        self.entries
            .push(json!([format!("{place:?}"), text.decode()]));
        self.size.text(place, text);
    }

    fn token(&mut self) {
        self.tokens += 1;
        self.size.token();
    }

    fn tool(&mut self, bytes: usize) {
        self.entries.push(json!(["tool", bytes]));
        self.size.tool(bytes);
    }
}

fn raw(bytes: &[u8], span: Span) -> Value {
    json!(std::str::from_utf8(&bytes[span]).unwrap())
}

fn request_facts(api: Api, body: &[u8]) -> Result<Value, Fault> {
    let mut recorder = Recorder::default();
    let request = Request::read(api, body, &mut recorder)?;
    Ok(json!({
        "model": request.model.map(|m| m.decode().into_owned()),
        "model_raw": request.model.map(|m| raw(body, m.span())),
        "stream": request.stream,
        "stream_options": request.stream_options.as_ref().map(|options| json!({
            "raw": raw(body, options.span.clone()),
            "include_usage_raw": options.include_usage.clone().map(|span| raw(body, span)),
            "asked": options.asked,
        })),
        "output_cap": request.output_cap,
        "choices": request.choices,
        "total_output_cap": request.total_output_cap(),
        "tools": request.tools,
        "images": request.images,
        "audio": request.audio,
        "insert_at": request.insert_at,
        "has_members": request.has_members,
        "estimated_tokens": recorder.size.estimated_tokens(),
        "prompt_tokens_given": recorder.tokens,
        "prompt": recorder.entries,
    }))
}

fn usage_facts(usage: Option<Usage>) -> Value {
    let Some(usage) = usage else {
        return Value::Null;
    };
    json!({
        "input": usage.input,
        "output": usage.output,
        "total": usage.total(),
        "cache_read": usage.cache_read,
        "cache_write": usage.cache_write,
        "cache_write_1h": usage.cache_write_1h,
        "reasoning": usage.reasoning,
        "input_audio": usage.input_audio,
        "output_audio": usage.output_audio,
        "odd": usage.odd,
            "odd_part": usage.odd_part,
    })
}

fn answer_facts(api: Api, json: &[u8]) -> Result<Value, Fault> {
    let mut text = Texts::default();
    let answer = Answer::read(api, json, &mut text)?;
    Ok(json!({
        "text": text.lines(),
        "model": answer.model.map(|m| m.decode().into_owned()),
        "model_raw": answer.model.map(|m| raw(json, m.span())),
        "model_in_prefix": Answer::model_in_prefix(api, json),
        "service_tier": answer.service_tier.map(|t| t.decode().into_owned()),
        "usage": usage_facts(answer.usage(api)),
    }))
}

/// The text of an answer, joined by channel, and what was repeated.
#[derive(Default)]
struct Texts(Vec<(Channel, bool, String)>);

impl Texts {
    fn add(&mut self, channel: Channel, again: bool, text: Text<'_>) {
        let known = |(c, a, _): &&mut (Channel, bool, String)| (*c, *a) == (channel, again);
        match self.0.iter_mut().find(known) {
            Some((.., joined)) => joined.push_str(&text.decode()),
            None => self.0.push((channel, again, text.decode().into_owned())),
        }
    }

    fn lines(&self) -> Vec<String> {
        let line = |(channel, again, text): &(Channel, bool, String)| {
            let Channel {
                choice,
                part,
                spoken,
            } = channel;
            let again = if *again { " again" } else { "" };
            format!("{choice}.{part} {spoken:?}{again}: {text}")
        };
        self.0.iter().map(line).collect()
    }
}

impl Output for Texts {
    fn text(&mut self, channel: Channel, text: Text<'_>) {
        self.add(channel, false, text);
    }

    fn again(&mut self, channel: Channel, text: Text<'_>) {
        self.add(channel, true, text);
    }
}

/// Reads a stream, and puts another model in place of each when told to.
struct Probe {
    api: Api,
    model: Option<&'static str>,
    out: Vec<u8>,
    events: Vec<Vec<u8>>,
    models: Vec<String>,
    tiers: Vec<String>,
    text: Texts,
    usage: Option<Usage>,
    done: u32,
    oversize: u32,
}

impl Sink for Probe {
    fn pass(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    fn data(&mut self, json: &[u8]) -> Fate {
        self.events.push(json.to_vec());
        let Ok(answer) = Answer::read(self.api, json, &mut self.text) else {
            return Fate::Pass;
        };
        answer.add_usage(&mut self.usage, self.api);
        note(&mut self.tiers, answer.service_tier);
        note(&mut self.models, answer.model);
        match (self.model, answer.model) {
            (Some(model), Some(old)) => Fate::Edit(vec![Edit::new(old.span(), escape(model))]),
            _ => Fate::Pass,
        }
    }

    fn done(&mut self) {
        self.done += 1;
    }

    fn oversize(&mut self) {
        self.oversize += 1;
    }
}

fn note(seen: &mut Vec<String>, text: Option<Text<'_>>) {
    if let Some(text) = text.map(|t| t.decode().into_owned())
        && !seen.contains(&text)
    {
        seen.push(text);
    }
}

fn run<'a>(
    api: Api,
    model: Option<&'static str>,
    chunks: impl IntoIterator<Item = &'a [u8]>,
) -> Probe {
    let mut probe = Probe {
        api,
        model,
        out: Vec::new(),
        events: Vec::new(),
        models: Vec::new(),
        tiers: Vec::new(),
        text: Texts::default(),
        usage: None,
        done: 0,
        oversize: 0,
    };
    let mut reader = Reader::new(1 << 20);
    for chunk in chunks {
        reader.feed(chunk, &mut probe);
    }
    reader.finish(&mut probe);
    assert!(!reader.is_holding(), "holds after the end");
    probe
}

impl Probe {
    fn facts(&self) -> Value {
        json!({
            "models": self.models,
            "service_tiers": self.tiers,
            "events": self.events.len(),
            "done": self.done,
            "oversize": self.oversize,
            "text": self.text.lines(),
            "usage": usage_facts(self.usage),
        })
    }

    /// Everything a reader of the stream, or the client, can tell.
    fn all(&self) -> (Value, &[Vec<u8>], &[u8]) {
        (self.facts(), &self.events, &self.out)
    }
}

/// One fact per line, and one line per piece of the prompt.
fn render(facts: &Value) -> String {
    let mut text = String::from("{");
    for (at, (key, value)) in facts.as_object().unwrap().iter().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        write!(text, "{comma}\n  {}: ", json!(key)).unwrap();
        match value.as_array() {
            Some(entries) if (key == "prompt" || key == "text") && !entries.is_empty() => {
                let lines: Vec<_> = entries.iter().map(|e| format!("    {e}")).collect();
                write!(text, "[\n{}\n  ]", lines.join(",\n")).unwrap();
            }
            _ => write!(text, "{value}").unwrap(),
        }
    }
    text + "\n}\n"
}

fn check(kind: &str, facts: impl Fn(Api, &[u8]) -> Value) {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut wrong = String::new();
    for Fixture {
        api,
        path,
        name,
        bytes,
    } in fixtures(kind)
    {
        let seen = render(&facts(api, &bytes));
        let expected = expected_path(&path);
        if update {
            fs::write(&expected, seen).unwrap();
            continue;
        }
        let wanted = fs::read_to_string(&expected).unwrap_or_default();
        if seen != wanted {
            write!(wrong, "\n{name}\nexpected {wanted}\nseen {seen}").unwrap();
        }
    }
    assert!(
        wrong.is_empty(),
        "{wrong}\nUPDATE_GOLDEN=1 rewrites what is expected"
    );
}

fn fault(fault: Fault) -> Value {
    json!({ "fault": fault.to_string() })
}

#[test]
fn requests_have_their_facts() {
    check(REQUEST, |api, body| {
        request_facts(api, body).unwrap_or_else(fault)
    });
}

#[test]
fn answers_have_their_facts() {
    check(ANSWER, |api, body| {
        answer_facts(api, body).unwrap_or_else(fault)
    });
}

#[test]
fn streams_have_their_facts() {
    check(STREAM, |api, bytes| run(api, None, [bytes]).facts());
}

#[test]
fn every_expectation_has_a_fixture_and_every_api_has_some() {
    for api in APIS {
        let files = files(&golden().join(api.name()));
        let fixtures: Vec<_> = files
            .iter()
            .filter(|path| !path.to_str().unwrap().ends_with(EXPECTED))
            .map(|path| expected_path(path))
            .collect();
        for file in &files {
            let is_fixture = !file.to_str().unwrap().ends_with(EXPECTED);
            assert!(
                is_fixture || fixtures.contains(file),
                "{} is left over",
                file.display()
            );
        }
    }
    for kind in [REQUEST, ANSWER] {
        for api in APIS {
            assert!(
                fixtures(kind).iter().any(|f| f.api == api),
                "{api} has no {kind}"
            );
        }
    }
}

// Laws of streams.

#[test]
fn a_stream_is_the_same_however_it_is_cut() {
    for Fixture {
        api, name, bytes, ..
    } in fixtures(STREAM)
    {
        let text = String::from_utf8(bytes.clone()).unwrap();
        let lines = text.replace("\r\n", "\n").replace('\r', "\n");
        let as_committed = run(api, None, [&bytes[..]]).facts();
        let mut variants = vec![text];
        variants.extend(["\n", "\r\n", "\r"].map(|end| lines.replace('\n', end)));
        for text in variants {
            let bytes = text.as_bytes();
            let whole = run(api, None, [bytes]);
            assert_eq!(whole.facts(), as_committed, "{name} {text:?}");
            assert!(whole.out == bytes, "{name} changed: {text:?}");
            for model in [None, Some(ANOTHER_MODEL)] {
                let whole = run(api, model, [bytes]);
                let single = run(api, model, bytes.chunks(1));
                assert_eq!(single.all(), whole.all(), "{name} byte by byte {text:?}");
                for at in 0..=bytes.len() {
                    let cut = run(api, model, [&bytes[..at], &bytes[at..]]);
                    assert_eq!(cut.all(), whole.all(), "{name} cut at {at} {text:?}");
                }
            }
        }
    }
}

#[test]
fn an_edited_stream_has_the_other_model_and_nothing_else_changed() {
    for Fixture {
        api, name, bytes, ..
    } in fixtures(STREAM)
    {
        let before = run(api, None, [&bytes[..]]);
        let edited = run(api, Some(ANOTHER_MODEL), [&bytes[..]]).out;
        let after = run(api, None, [&edited[..]]);
        let models: &[&str] = if before.models.is_empty() {
            &[]
        } else {
            &[ANOTHER_MODEL]
        };
        assert_eq!(after.models, models, "{name}");
        // Taking the other model out again leaves the bytes between the models as they were.
        let edited = String::from_utf8(edited).unwrap();
        let between: Vec<_> = edited.split(&escape(ANOTHER_MODEL)).collect();
        let mut rest = std::str::from_utf8(&bytes).unwrap();
        for (at, piece) in between.iter().enumerate() {
            let skipped = if at == 0 { Some(0) } else { rest.find(piece) };
            let tail = skipped.and_then(|skip| rest.get(skip..)?.strip_prefix(piece));
            rest = tail.unwrap_or_else(|| panic!("{name}: {piece:?} is not in {rest:?}"));
        }
        assert_eq!(rest, "", "{name}");
        assert_eq!(
            Value::from_iter(facts_but(&after.facts(), &["models"])),
            Value::from_iter(facts_but(&before.facts(), &["models"])),
            "{name}"
        );
    }
}

fn facts_but(facts: &Value, left_out: &[&str]) -> Vec<(String, Value)> {
    let members = facts.as_object().unwrap().iter();
    members
        .filter(|(key, _)| !left_out.contains(&key.as_str()))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

// Laws of requests.

#[test]
fn another_model_changes_only_its_span() {
    for Fixture {
        api, name, bytes, ..
    } in fixtures(REQUEST)
    {
        let Some(span) = model_span(api, &bytes) else {
            continue;
        };
        let edited = splice(&bytes, &[Edit::new(span.clone(), escape(ANOTHER_MODEL))]);
        let new = span.start..edited.len() - (bytes.len() - span.end);
        assert_eq!(edited[..span.start], bytes[..span.start], "{name}");
        assert_eq!(edited[new.end..], bytes[span.end..], "{name}");
        assert_eq!(model_span(api, &edited), Some(new), "{name}");
        let (before, after) = (
            request_facts(api, &bytes).unwrap(),
            request_facts(api, &edited).unwrap(),
        );
        assert_eq!(after["model"], ANOTHER_MODEL, "{name}");
        let but = ["model", "model_raw"];
        assert_eq!(facts_but(&after, &but), facts_but(&before, &but), "{name}");
    }
}

fn model_span(api: Api, body: &[u8]) -> Option<Span> {
    let request = Request::read(api, body, &mut PromptSize::default()).unwrap();
    request.model.map(|model| model.span())
}

#[test]
fn a_field_inserted_where_it_can_be_changes_nothing_else() {
    for Fixture {
        api, name, bytes, ..
    } in fixtures(REQUEST)
    {
        let before = request_facts(api, &bytes).unwrap();
        let request = Request::read(api, &bytes, &mut PromptSize::default()).unwrap();
        let comma = if request.has_members { "," } else { "" };
        let edit = Edit::new(
            request.insert_at..request.insert_at,
            format!("\"x_weir\":1{comma}"),
        );
        let after = request_facts(api, &splice(&bytes, &[edit])).unwrap();
        let but = ["has_members"];
        assert_eq!(facts_but(&after, &but), facts_but(&before, &but), "{name}");
        assert_eq!(after["has_members"], true, "{name}");
    }
}

/// The same request written by another serialiser: other order, spaces and escapes.
#[test]
fn spelling_does_not_matter() {
    let mut checked = 0;
    for Fixture {
        api, name, bytes, ..
    } in fixtures(REQUEST)
    {
        // serde_json refuses lone surrogates.
        let Ok(value) = serde_json::from_slice::<Value>(&bytes) else {
            continue;
        };
        checked += 1;
        let plain = value.to_string();
        let ascii: String = plain
            .chars()
            .flat_map(|c| {
                let mut units = [0; 2];
                let units = if c.is_ascii() {
                    &[][..]
                } else {
                    c.encode_utf16(&mut units)
                };
                let escapes: String = units.iter().map(|u| format!("\\u{u:04x}")).collect();
                let kept = c.is_ascii().then_some(c);
                kept.into_iter().chain(escapes.chars().collect::<Vec<_>>())
            })
            .collect();
        let pretty = format!("\n{value:#}\n").replace('\n', "\r\n");
        let comparable = |body: &str| {
            let facts = request_facts(api, body.as_bytes()).unwrap();
            let mut prompt = facts["prompt"].as_array().unwrap().clone();
            // The sizes of tools are of the bytes as written.
            prompt.retain(|entry| entry[0] != "tool");
            prompt.sort_by_key(Value::to_string);
            let but = [
                "prompt",
                "model_raw",
                "stream_options",
                "estimated_tokens",
                "insert_at",
            ];
            (facts_but(&facts, &but), prompt)
        };
        let expected = comparable(std::str::from_utf8(&bytes).unwrap());
        for body in [plain, ascii, pretty] {
            assert_eq!(comparable(&body), expected, "{name} as {body}");
        }
    }
    assert!(checked > 10);
}

#[test]
fn the_estimate_is_of_the_text_however_it_is_escaped() {
    let estimate = |content: &str| {
        let body = format!("{{\"messages\":[{{\"role\":\"user\",\"content\":\"{content}\"}}]}}");
        request_facts(Api::OpenAiChat, body.as_bytes()).unwrap()["estimated_tokens"].clone()
    };
    assert_eq!(
        estimate("\\u4e2d\\u6587\\n\\ud83d\\ude80"),
        estimate("中文 🚀")
    );
}

/// The top-level keys each reader acts on.
fn keys(api: Api) -> &'static [&'static str] {
    match api {
        Api::OpenAiChat => &[
            "model",
            "messages",
            "stream",
            "stream_options",
            "max_completion_tokens",
            "max_tokens",
            "n",
            "tools",
            "functions",
            "response_format",
            "prediction",
            "service_tier",
            "audio",
            "deferred",
        ],
        Api::OpenAiCompletions => &[
            "model",
            "prompt",
            "suffix",
            "stream",
            "stream_options",
            "max_tokens",
            "n",
            "best_of",
        ],
        Api::OpenAiResponses => &[
            "model",
            "input",
            "instructions",
            "stream",
            "max_output_tokens",
            "tools",
            "text",
            "prompt",
            "service_tier",
            "background",
        ],
        Api::OpenAiEmbeddings => &["model", "input"],
        Api::AnthropicMessages | Api::AnthropicCountTokens => &[
            "model",
            "system",
            "messages",
            "max_tokens",
            "stream",
            "tools",
            "output_config",
            "output_format",
        ],
        Api::GeminiGenerate => &[
            "contents",
            "systemInstruction",
            "system_instruction",
            "tools",
            "generationConfig",
            "generation_config",
        ],
        Api::BedrockConverse => &[
            "messages",
            "system",
            "inferenceConfig",
            "toolConfig",
            "promptVariables",
        ],
        _ => &[],
    }
}

#[test]
fn a_key_that_stands_twice_is_refused() {
    let mut seen = Vec::new();
    for Fixture {
        api, name, bytes, ..
    } in fixtures(REQUEST)
    {
        let at = Request::read(api, &bytes, &mut PromptSize::default())
            .unwrap()
            .insert_at;
        for (key, member) in members(&bytes) {
            let Some(known) = keys(api).iter().find(|known| **known == key) else {
                continue;
            };
            seen.push((api, *known));
            let value = String::from_utf8(bytes[member].to_vec()).unwrap();
            let upper = key.to_uppercase();
            let (first, rest) = key.split_at(1);
            let escaped = format!("\\u{:04x}{rest}", u32::from(first.as_bytes()[0]));
            for twin in [key.clone(), upper, escaped] {
                let twice = Edit::new(at..at, format!("\"{twin}\":{value},"));
                let body = splice(&bytes, &[twice]);
                let result = request_facts(api, &body);
                assert_eq!(
                    result,
                    Err(Fault::AmbiguousKey(known)),
                    "{name} with {twin} twice"
                );
            }
        }
    }
    for api in APIS {
        for key in keys(api) {
            // Count tokens shares its reader with messages; the older spelling needs no fixture.
            let tested = seen.contains(&(api, key))
                || api == Api::AnthropicCountTokens
                || *key == "output_format";
            assert!(tested, "no fixture of {api} has {key}");
        }
    }
}

/// The top-level members of a body: key, and where the value stands.
fn members(body: &[u8]) -> Vec<(String, Span)> {
    let mut found = Vec::new();
    let mut cursor = Cursor::strict(body).unwrap();
    cursor
        .members(|cursor, key| {
            let span = cursor.skip()?;
            found.push((key.decode().into_owned(), span));
            Ok(())
        })
        .unwrap();
    found
}

#[test]
fn a_key_that_stands_twice_further_in_is_refused() {
    for (api, body, key) in [
        (
            Api::OpenAiChat,
            r#"{"messages":[{"content":"a","content":"b"}]}"#,
            "content",
        ),
        (
            Api::OpenAiChat,
            r#"{"messages":[{"Content":"b"}]}"#,
            "content",
        ),
        (
            Api::OpenAiChat,
            r#"{"messages":[{"content":[{"text":"a","text":"b"}]}]}"#,
            "text",
        ),
        (
            Api::OpenAiChat,
            r#"{"stream_options":{"include_usage":true,"include_usage":false}}"#,
            "include_usage",
        ),
        (
            Api::OpenAiResponses,
            r#"{"input":[{"output":"a","output":"b"}]}"#,
            "output",
        ),
        (
            Api::AnthropicMessages,
            r#"{"system":[{"text":"a","text":"b"}]}"#,
            "text",
        ),
        (
            Api::AnthropicMessages,
            r#"{"messages":[{"content":[{"source":{"type":"base64","type":"text","data":"a"}}]}]}"#,
            "type",
        ),
        (
            Api::GeminiGenerate,
            r#"{"contents":[{"parts":[{"text":"a","text":"b"}]}]}"#,
            "text",
        ),
        (
            Api::GeminiGenerate,
            r#"{"generationConfig":{"candidateCount":1,"candidateCount":8}}"#,
            "candidateCount",
        ),
        (
            Api::BedrockConverse,
            r#"{"inferenceConfig":{"maxTokens":1,"maxTokens":9}}"#,
            "maxTokens",
        ),
    ] {
        assert_eq!(
            request_facts(api, body.as_bytes()),
            Err(Fault::AmbiguousKey(key)),
            "{api} {body}"
        );
    }
}

/// Both of two readings are seen: none can hide behind the other.
#[test]
fn text_under_a_doubled_key_nobody_knows_is_seen_twice() {
    let body = br#"{"messages":[{"role":"user","note":"one","note":"two"}]}"#;
    let facts = request_facts(Api::OpenAiChat, body).unwrap();
    assert_eq!(
        facts["prompt"],
        json!([
            ["message"],
            ["Role", "user"],
            ["Content", "one"],
            ["Content", "two"]
        ])
    );
}

#[test]
fn a_request_cut_off_is_refused_wherever_it_is_cut() {
    for Fixture {
        api, name, bytes, ..
    } in fixtures(REQUEST)
    {
        for at in 0..bytes.trim_ascii_end().len() {
            let result = request_facts(api, &bytes[..at]);
            assert!(result.is_err(), "{name} cut at {at}: {result:?}");
        }
    }
}

#[test]
fn a_damaged_byte_never_panics() {
    let kinds = [(REQUEST, true), (ANSWER, false)];
    for (kind, is_request) in kinds {
        for Fixture {
            api, name, bytes, ..
        } in fixtures(kind)
        {
            let mut body = bytes.clone();
            for at in 0..bytes.len() {
                for damage in [0xff, b'"', b'\\', b'{', 0] {
                    body[at] = damage;
                    let result = if is_request {
                        request_facts(api, &body)
                    } else {
                        Answer::model_in_prefix(api, &body);
                        answer_facts(api, &body)
                    };
                    if damage == 0xff {
                        assert!(
                            matches!(result, Err(Fault::NotUtf8(_))),
                            "{name} damaged at {at}: {result:?}"
                        );
                    }
                }
                body[at] = bytes[at];
            }
        }
    }
}

#[test]
fn a_damaged_stream_never_panics_and_passes_as_it_came() {
    for Fixture {
        api, name, bytes, ..
    } in fixtures(STREAM)
    {
        let mut damaged = bytes.clone();
        for at in 0..bytes.len() {
            for damage in [0xff, b'"', b'\\', b'{', b'\n'] {
                damaged[at] = damage;
                let out = run(api, None, [&damaged[..]]).out;
                assert!(out == damaged, "{name} damaged at {at} by {damage}");
            }
            damaged[at] = bytes[at];
            let out = run(api, None, [&bytes[..at]]).out;
            assert!(out == bytes[..at], "{name} cut off at {at}");
        }
    }
}

#[test]
fn an_answer_cut_off_names_its_model_or_none() {
    for Fixture {
        api, name, bytes, ..
    } in fixtures(ANSWER)
    {
        let whole = Answer::model_in_prefix(api, &bytes);
        let mut known = false;
        for at in 0..bytes.trim_ascii_end().len() {
            let cut = &bytes[..at];
            assert!(
                Answer::read(api, cut, &mut ()).is_err(),
                "{name} cut at {at}"
            );
            let model = Answer::model_in_prefix(api, cut);
            assert!(
                model.is_none() || model == whole,
                "{name} cut at {at}: {model:?}"
            );
            assert!(
                !known || model.is_some(),
                "{name} forgets its model at {at}"
            );
            known = model.is_some();
        }
    }
}

// Faults.

#[test]
fn what_is_no_request_is_refused_by_every_api() {
    let deep = |depth: u8| {
        let depth = usize::from(depth);
        [b"{\"a\":".repeat(depth), b"1".to_vec(), b"}".repeat(depth)].concat()
    };
    let table: &[(&[u8], Option<Fault>)] = &[
        (b"{}", None),
        (b"", Some(Fault::Empty)),
        (b" \r\n\t", Some(Fault::Empty)),
        (b"[]", Some(Fault::NotAnObject)),
        (b"[{\"model\":\"a\"}]", Some(Fault::NotAnObject)),
        (b"\"model\"", Some(Fault::NotAnObject)),
        (b"7", Some(Fault::NotAnObject)),
        (b"null", Some(Fault::NotAnObject)),
        (b"model=a&n=1", Some(Fault::Syntax(0))),
        (b"\xef\xbb\xbf{}", Some(Fault::Syntax(0))),
        (b"{\0\"\0a\0", Some(Fault::Syntax(1))),
        (b"{'a':1}", Some(Fault::Syntax(1))),
        (b"{a:1}", Some(Fault::Syntax(1))),
        (b"{\"a\":NaN}", Some(Fault::Syntax(5))),
        (b"{\"a\":+1}", Some(Fault::Syntax(5))),
        (b"{\"a\":1}{\"b\":2}", Some(Fault::Syntax(7))),
        (b"{\"a\":1}\0", Some(Fault::Syntax(7))),
        (b"{\"a\":1,}", Some(Fault::Syntax(7))),
        (b"{\"a\":[1,]}", Some(Fault::Syntax(8))),
        (b"{\"a\":1 /* b */}", Some(Fault::Syntax(7))),
        (b"{\"a\":\"\t\"}", Some(Fault::Syntax(6))),
        (b"{\"a\":\"\xff\"}", Some(Fault::NotUtf8(6))),
        (b"{\"a\":\"\xc0\xaf\"}", Some(Fault::NotUtf8(6))),
        (b"{\"a\":\"\xed\xa0\x80\"}", Some(Fault::NotUtf8(6))),
        (b"\x1f\x8b\x08\x00", Some(Fault::NotUtf8(1))),
        (&deep(MAX_DEPTH), None),
        (
            &deep(MAX_DEPTH + 1),
            Some(Fault::TooDeep(usize::from(MAX_DEPTH) * 5)),
        ),
    ];
    for api in APIS {
        for (body, expected) in table {
            assert_eq!(
                request_facts(api, body).err(),
                *expected,
                "{api} {}",
                String::from_utf8_lossy(body)
            );
        }
        // As deep inside of what the reader goes into.
        for key in keys(api).iter().filter(|key| **key != "model") {
            for (open, close) in [("[", "]"), ("{\"content\":", "}"), ("{\"text\":[", "]}")] {
                let body = format!("{{\"{key}\":{}1{}}}", open.repeat(70), close.repeat(70));
                let result = request_facts(api, body.as_bytes());
                assert!(
                    matches!(result, Err(Fault::TooDeep(_))),
                    "{api} {body}: {result:?}"
                );
            }
        }
    }
}

#[test]
fn what_is_no_model_is_refused_where_the_body_names_it() {
    let not_a_string = Err(Fault::WrongType("model", "a string"));
    let not_unicode = Err(Fault::WrongType("model", "a string of valid Unicode"));
    let twice = Err(Fault::AmbiguousKey("model"));
    let table: &[(&str, Result<Option<&str>, Fault>)] = &[
        (r#"{"model":"a"}"#, Ok(Some("a"))),
        (r#"{"model":""}"#, Ok(Some(""))),
        (
            r#"{"model":"\ud83d\udea2 \ufffd"}"#,
            Ok(Some("🚢 \u{fffd}")),
        ),
        (r#"{"x":{"model":"a"}}"#, Ok(None)),
        (r#"{"model":null}"#, not_a_string.clone()),
        (r#"{"model":7}"#, not_a_string.clone()),
        (r#"{"model":true}"#, not_a_string.clone()),
        (r#"{"model":["a"]}"#, not_a_string.clone()),
        (r#"{"model":{"id":"a"}}"#, not_a_string.clone()),
        (r#"{"model":"a\ud83d"}"#, not_unicode.clone()),
        (r#"{"model":"\udea2a"}"#, not_unicode.clone()),
        (r#"{"model":"\ud83d\u0061"}"#, not_unicode.clone()),
        (r#"{"model":"\udea2\ud83d"}"#, not_unicode.clone()),
        (r#"{"model":"a","model":"b"}"#, twice.clone()),
        (r#"{"model":"a","model":"a"}"#, twice.clone()),
        (r#"{"model":"a","\u006dodel":"b"}"#, twice.clone()),
        (r#"{"model":"a","MODEL":"b"}"#, twice.clone()),
        (r#"{"Model":"a"}"#, twice.clone()),
    ];
    for api in APIS {
        for (body, expected) in table {
            let seen = Request::read(api, body.as_bytes(), &mut PromptSize::default());
            let seen = seen.map(|r| r.model.map(|m| m.decode().into_owned()));
            let expected = if api.model_in_body() {
                expected.clone().map(|model| model.map(str::to_owned))
            } else {
                Ok(None)
            };
            assert_eq!(seen, expected, "{api} {body}");
        }
    }
}

#[test]
fn output_caps() {
    use Api::{
        AnthropicMessages, BedrockConverse, GeminiGenerate, OpenAiChat, OpenAiCompletions,
        OpenAiResponses,
    };
    for (api, body, cap, total) in [
        (OpenAiChat, r#"{"max_tokens":10}"#, Some(10), Some(10)),
        (OpenAiChat, r#"{"max_tokens":10,"n":3}"#, Some(10), Some(30)),
        (
            OpenAiChat,
            r#"{"max_tokens":10,"n":null}"#,
            Some(10),
            Some(10),
        ),
        (
            OpenAiChat,
            r#"{"max_tokens":10,"n":"4"}"#,
            Some(10),
            Some(40),
        ),
        (
            OpenAiChat,
            r#"{"max_tokens":10,"n":-4}"#,
            Some(10),
            Some(10),
        ),
        (
            OpenAiChat,
            r#"{"max_completion_tokens":null,"max_tokens":10}"#,
            Some(10),
            Some(10),
        ),
        (
            OpenAiChat,
            r#"{"max_completion_tokens":1,"max_tokens":10}"#,
            Some(10),
            Some(10),
        ),
        (OpenAiChat, r#"{"max_completion_tokens":1.5}"#, None, None),
        (
            OpenAiChat,
            r#"{"max_completion_tokens":true,"n":2}"#,
            None,
            None,
        ),
        (
            OpenAiChat,
            r#"{"max_tokens":18446744073709551615,"n":2}"#,
            Some(u64::MAX),
            Some(u64::MAX),
        ),
        (
            OpenAiCompletions,
            r#"{"prompt":"a","max_tokens":10,"n":2}"#,
            Some(10),
            Some(20),
        ),
        (
            OpenAiCompletions,
            r#"{"prompt":["a","b","c"],"max_tokens":10,"n":2,"best_of":4}"#,
            Some(10),
            Some(120),
        ),
        (
            OpenAiCompletions,
            r#"{"best_of":4,"max_tokens":10,"prompt":[1,2,3]}"#,
            Some(10),
            Some(40),
        ),
        (
            OpenAiCompletions,
            r#"{"prompt":[[1,2],[3]],"max_tokens":10}"#,
            Some(10),
            Some(20),
        ),
        (
            OpenAiCompletions,
            r#"{"prompt":[],"max_tokens":10}"#,
            Some(10),
            Some(10),
        ),
        (
            OpenAiResponses,
            r#"{"max_output_tokens":10,"n":5}"#,
            Some(10),
            Some(10),
        ),
        (
            AnthropicMessages,
            r#"{"max_tokens":10,"n":5}"#,
            Some(10),
            Some(10),
        ),
        (
            GeminiGenerate,
            r#"{"generationConfig":{"maxOutputTokens":10,"candidateCount":2}}"#,
            Some(10),
            Some(20),
        ),
        (
            GeminiGenerate,
            r#"{"generation_config":{"max_output_tokens":"10","candidate_count":"2"}}"#,
            Some(10),
            Some(20),
        ),
        (
            GeminiGenerate,
            r#"{"generationConfig":{"maxOutputTokens":10,"max_output_tokens":1}}"#,
            Some(10),
            Some(10),
        ),
        (GeminiGenerate, r#"{"maxOutputTokens":10}"#, None, None),
        (
            BedrockConverse,
            r#"{"inferenceConfig":{"maxTokens":10}}"#,
            Some(10),
            Some(10),
        ),
    ] {
        let request = Request::read(api, body.as_bytes(), &mut PromptSize::default()).unwrap();
        assert_eq!(
            (request.output_cap, request.total_output_cap()),
            (cap, total),
            "{api} {body}"
        );
    }
}
