//! model-router: says which API, model and caller a request is, enforces who may use which
//! model, rewrites the model, and lets Envoy route on it.
//!
//! It never talks to a provider itself: failover, retries, health, credentials and TLS are
//! Envoy's, driven by the headers set here. It does not translate between APIs.

mod access;
mod answer;
mod catalog;
pub mod config;
mod decide;
mod listing;
mod rules;
mod strip;

use std::rc::Rc;

use weir_intake::{
    Refused, invalid, oddly_spelt, plain_encoding, readable, too_large, well_formed,
};
use weir_llm_api::error::Refusal;
use weir_llm_api::json::{Text, escape};
use weir_llm_api::{Api, Call, Dialect, Edit, PathModel, PromptSize, Request, disguised, splice};
use weir_policy::names::{OTHER, fact, metric};
use weir_policy::{
    BodyAnswer, ChunkAnswer, ConfigError, Cx, Ending, Exchange, HeadAnswer, Headers, Identity,
    Level, Policy, Reply, ResponseAnswer, TooLarge, UnixNanos,
};

use crate::access::Permission;
use crate::answer::ModelInAnswer;
use crate::config::Config;
use crate::decide::decide;
use crate::rules::{Needs, Subject};
use crate::strip::strip;

#[cfg(all(target_arch = "wasm32", feature = "module"))]
weir_wasm_host::module!(ModelRouter);

/// Longest model name accepted, in bytes.
const MAX_MODEL: usize = 256;

/// The configured filter.
#[derive(Debug)]
pub struct ModelRouter {
    config: Rc<Config>,
}

impl Policy for ModelRouter {
    const NAME: &'static str = "model-router";
    type Exchange = Routing;

    fn configure(json: &[u8]) -> Result<Self, ConfigError> {
        Config::load(json).map(|config| Self {
            config: Rc::new(config),
        })
    }

    fn hold(&self) -> bool {
        true
    }

    fn max_body_bytes(&self) -> usize {
        self.config.intake.max_body_bytes
    }

    fn exchange(&self) -> Routing {
        Routing {
            config: Rc::clone(&self.config),
            began: UnixNanos::default(),
            call: None,
            path: String::new(),
            identity: None,
            watched: Headers::default(),
            outcome: Outcome::default(),
            answer: None,
            answering: false,
        }
    }
}

/// One exchange.
#[derive(Debug)]
pub struct Routing {
    config: Rc<Config>,
    began: UnixNanos,
    /// Set once the request is known to be ours.
    call: Option<Call>,
    path: String,
    identity: Option<Identity>,
    /// The request's headers that rules look at.
    watched: Headers,
    outcome: Outcome,
    answer: Option<ModelInAnswer>,
    /// The first byte of the answer has been seen.
    answering: bool,
}

/// What became of the request, for metrics at its end.
#[derive(Debug)]
struct Outcome {
    verdict: &'static str,
    /// The declared model it went to or was refused; none when it is not in the configuration.
    model: Option<String>,
    provider: Option<String>,
    /// The model as asked, when the upstream was asked for another.
    restore: Option<String>,
}

impl Default for Outcome {
    fn default() -> Self {
        Self {
            verdict: "allowed",
            model: None,
            provider: None,
            restore: None,
        }
    }
}

impl Exchange for Routing {
    fn request_headers(&mut self, cx: &mut Cx<'_>, headers: &Headers) -> HeadAnswer {
        self.began = cx.now();
        let config = Rc::clone(&self.config);
        strip(&config, headers, cx);
        let path = String::from_utf8_lossy(headers.get(":path").unwrap_or_default()).into_owned();
        let method = headers.text(":method").unwrap_or_default();

        if method.eq_ignore_ascii_case("GET")
            && config.list_models
            && !headers.has("upgrade")
            && let Some(asked) = listing::recognise(&path, headers)
        {
            return self.list(cx, headers, &asked);
        }
        let Some(call) = config.intake.call(cx, method, &path) else {
            return match disguised(method, &path) {
                Some(api) => {
                    HeadAnswer::Reply(oddly_spelt().reply(ModelRouter::NAME, cx, api.dialect()))
                }
                None => HeadAnswer::Ignore,
            };
        };
        let api = call.api;
        self.call = Some(call);
        self.path = path;
        cx.effects.fact(fact::API, api.name());

        let identity = well_formed(headers).and_then(|()| identified(&config, cx, headers));
        match identity {
            Ok(identity) => self.identity = identity,
            Err(refused) => return HeadAnswer::Reply(self.refuse(cx, refused)),
        }
        self.watched = config
            .watched_headers
            .iter()
            .flat_map(|name| headers.all(name).map(move |value| (name.as_bytes(), value)))
            .collect();
        // An answer is read for its model, which cannot be done in a compressed one.
        if headers.has("accept-encoding") {
            cx.effects.remove_request_header("accept-encoding");
        }
        if let Err(refusal) = readable(headers) {
            return match self.unreadable(cx, refusal, "weir_unreadable_body") {
                BodyAnswer::Reply(reply) => HeadAnswer::Reply(reply),
                _ => HeadAnswer::Pass,
            };
        }
        HeadAnswer::NeedBody
    }

    fn request_body(&mut self, cx: &mut Cx<'_>, body: Result<&[u8], TooLarge>) -> BodyAnswer {
        let Some(call) = self.call.clone() else {
            return BodyAnswer::Pass;
        };
        let body = match body {
            Ok(body) => body,
            Err(TooLarge { limit }) => {
                return self.unreadable(cx, too_large(limit), "weir_body_too_large");
            }
        };
        let mut size = PromptSize::default();
        let request = match Request::read(call.api, body, &mut size) {
            Ok(request) => request,
            Err(fault) => {
                let refusal = invalid(&fault);
                return self.unreadable(cx, refusal, "weir_unreadable_body");
            }
        };
        match self.route(cx, &call, &request, size, body) {
            Ok(answer) => answer,
            Err(refused) => BodyAnswer::Reply(self.refuse(cx, refused)),
        }
    }

    fn response_headers(
        &mut self,
        cx: &mut Cx<'_>,
        headers: &Headers,
        end: bool,
    ) -> ResponseAnswer {
        let Some(call) = &self.call else {
            return ResponseAnswer::Pass;
        };
        if end || !plain_encoding(headers) {
            return ResponseAnswer::Pass;
        }
        // Gemini's streams are one JSON array unless `alt=sse`; it would be held to its end.
        let array = call.api == Api::GeminiGenerate && call.path_stream == Some(true);
        let restore = self.outcome.restore.take();
        let (reader, answer) = ModelInAnswer::new(call.api, headers, restore, array);
        self.answer = reader;
        if answer == ResponseAnswer::Whole {
            // The body is shown when it has ended: its headers are as near as can be told.
            self.note_first_byte(cx);
        }
        answer
    }

    fn response_chunk(&mut self, cx: &mut Cx<'_>, chunk: &[u8], end: bool) -> ChunkAnswer {
        if !chunk.is_empty() {
            self.note_first_byte(cx);
        }
        match &mut self.answer {
            Some(answer) => answer.chunk(cx, chunk, end),
            None => ChunkAnswer::Finished,
        }
    }

    fn end(self, cx: &mut Cx<'_>, _: Ending) {
        let Some(call) = &self.call else {
            return;
        };
        let model = self.outcome.model.as_deref().unwrap_or(OTHER);
        cx.effects.count(
            metric::REQUESTS,
            &[
                ("filter", ModelRouter::NAME),
                ("api", call.api.name()),
                ("model", model),
                (
                    "provider",
                    self.outcome.provider.as_deref().unwrap_or(OTHER),
                ),
                ("verdict", self.outcome.verdict),
            ],
            1,
        );
        cx.effects.observe(
            metric::DURATION_MS,
            &[("filter", ModelRouter::NAME), ("model", model)],
            cx.now().millis_since(self.began),
        );
    }
}

impl Routing {
    /// Tells the time to the first byte of the answer, once.
    fn note_first_byte(&mut self, cx: &mut Cx<'_>) {
        if std::mem::replace(&mut self.answering, true) {
            return;
        }
        let ttft = cx.now().millis_since(self.began);
        cx.effects.fact(fact::TTFT_MS, ttft.to_string());
        let model = self.outcome.model.as_deref().unwrap_or(OTHER);
        let labels = [("filter", ModelRouter::NAME), ("model", model)];
        cx.effects.observe(metric::TTFT_MS, &labels, ttft);
    }

    /// Decides where a readable request goes, and says so to everybody concerned.
    fn route(
        &mut self,
        cx: &mut Cx<'_>,
        call: &Call,
        request: &Request<'_>,
        size: PromptSize,
        body: &[u8],
    ) -> Result<BodyAnswer, Refused> {
        let config = Rc::clone(&self.config);
        let asked = asked_model(&config, call, request)?;
        let stream = call.path_stream.or(request.stream).unwrap_or(false);
        cx.effects.fact(fact::MODEL, asked.as_str());
        cx.effects.fact(fact::STREAM, stream.to_string());
        let declared = config
            .catalog
            .find(&asked)
            .and_then(|i| config.catalog.get(i));
        self.outcome.model = declared.map(|model| model.name.clone());

        let counted = cx.attributes.fact(fact::INPUT_TOKENS);
        let subject = Subject {
            api: call.api,
            asked: &asked,
            declared,
            names: config.catalog.names(&asked),
            identity: self.identity.as_ref().map(Identity::as_str),
            headers: &self.watched,
            needs: Needs {
                stream,
                tools: request.tools,
                images: request.images,
                audio: request.audio,
                prompt_tokens: counted
                    .and_then(|count| count.parse().ok())
                    .filter(|&count| count > 0)
                    .unwrap_or_else(|| size.estimated_tokens()),
                output_cap: request.total_output_cap(),
            },
        };
        let mut matched = Vec::new();
        let decision = decide(&config, &subject, cx.random, &mut matched);
        for (rule, verdict) in &matched {
            let labels = [
                ("filter", ModelRouter::NAME),
                ("rule", rule.as_str()),
                ("verdict", *verdict),
            ];
            cx.effects.count(metric::RULES, &labels, 1);
            if verdict.starts_with("shadow_") {
                let line = format!("{}: `{rule}` in shadow: {verdict}", ModelRouter::NAME);
                cx.effects.log(Level::Info, line);
            }
        }
        let decision = decision?;

        let names = &config.headers;
        let known = decision.model.map_or(asked.as_str(), |model| &model.name);
        let sent = decision
            .model
            .map_or(asked.as_str(), |model| &model.upstream);
        cx.effects.set_request_header(&names.model, known);
        cx.effects.set_request_header(&names.api, call.api.name());
        if let Some(provider) = decision.provider {
            cx.effects.set_request_header(&names.provider, provider);
            cx.effects.fact(fact::PROVIDER, provider);
        }
        if let Some(route) = decision.route {
            cx.effects.set_request_header(&names.route, route);
        }
        cx.effects.fact(fact::UPSTREAM_MODEL, sent);
        cx.effects.fact(fact::VERDICT, decision.verdict);
        if let Some(rule) = decision.rule {
            cx.effects.fact(fact::RULE, rule);
        }
        self.outcome = Outcome {
            verdict: decision.verdict,
            model: decision.model.map(|model| model.name.clone()),
            provider: decision.provider.map(str::to_owned),
            restore: config.restore_model.then(|| asked.clone()),
        };
        Ok(self.rewrite(cx, call, request, &asked, sent, body))
    }

    /// Puts the name to be sent where the caller's name stands.
    fn rewrite(
        &self,
        cx: &mut Cx<'_>,
        call: &Call,
        request: &Request<'_>,
        asked: &str,
        sent: &str,
        body: &[u8],
    ) -> BodyAnswer {
        if let Some(model) = &call.path_model
            && sent != asked
        {
            cx.effects
                .set_request_header(":path", model.replace(&self.path, sent));
        }
        let edit = match &request.model {
            // Where the path names a model too, the two may not differ: some servers take one,
            // some the other.
            Some(model) if model.decode() != sent => Edit::new(model.span(), escape(sent)),
            // The default model has to be written where none stands.
            None if call.path_model.is_none() => {
                let comma = if request.has_members { "," } else { "" };
                let field = format!("\"model\":\"{}\"{comma}", escape(sent));
                Edit::new(request.insert_at..request.insert_at, field)
            }
            _ => return BodyAnswer::Pass,
        };
        BodyAnswer::Replace(splice(body, &[edit]))
    }

    /// A body that cannot be read: refused, or passed, judged by nothing but its path.
    fn unreadable(
        &mut self,
        cx: &mut Cx<'_>,
        refusal: Refusal,
        details: &'static str,
    ) -> BodyAnswer {
        let Some(call) = self.call.clone() else {
            return BodyAnswer::Pass;
        };
        let config = Rc::clone(&self.config);
        if let Some(refused) = config.intake.unreadable(cx, call.api, refusal, details) {
            return BodyAnswer::Reply(self.refuse(cx, refused));
        }
        cx.effects
            .set_request_header(&self.config.headers.api, call.api.name());
        cx.effects.fact(fact::VERDICT, "allowed");
        if call.path_model.is_some()
            && let Err(refused) =
                self.route(cx, &call, &Request::default(), PromptSize::default(), b"")
        {
            return BodyAnswer::Reply(self.refuse(cx, refused));
        }
        cx.effects.fact(fact::RULE, "on_unreadable");
        BodyAnswer::Pass
    }

    fn refuse(&mut self, cx: &mut Cx<'_>, refused: Refused) -> Reply {
        self.outcome.verdict = refused.verdict;
        let dialect = self
            .call
            .as_ref()
            .map_or(Dialect::Problem, |c| c.api.dialect());
        refused.reply(ModelRouter::NAME, cx, dialect)
    }

    /// Answers a request for the list of models.
    fn list(&mut self, cx: &mut Cx<'_>, headers: &Headers, asked: &listing::Asked) -> HeadAnswer {
        let config = Rc::clone(&self.config);
        let identity = match identified(&config, cx, headers) {
            Ok(identity) => identity,
            Err(refused) => {
                return HeadAnswer::Reply(refused.reply(ModelRouter::NAME, cx, asked.dialect));
            }
        };
        let may_use = |name: &str| {
            let identity = identity.as_ref().map(Identity::as_str);
            let permission = config.access.check(identity, &config.catalog.names(name));
            matches!(permission, Permission::Granted { .. })
        };
        match listing::render(&config, asked, may_use) {
            Some(body) => HeadAnswer::Reply(Reply {
                status: 200,
                headers: vec![("content-type".to_owned(), "application/json".to_owned())],
                body,
                details: "weir_model_list",
                log: String::new(),
            }),
            None => {
                let model = asked.model.as_deref().unwrap_or_default();
                let refused = Refused {
                    refusal: Refusal::model_not_found(model).param("model"),
                    verdict: "denied",
                    rule: None,
                    details: "weir_model_not_found",
                    log: "a model was looked up that the caller may not use".to_owned(),
                };
                HeadAnswer::Reply(refused.reply(ModelRouter::NAME, cx, asked.dialect))
            }
        }
    }
}

/// Who is calling, or who a caller without an identity counts as.
fn identified(
    config: &Config,
    cx: &mut Cx<'_>,
    headers: &Headers,
) -> Result<Option<Identity>, Refused> {
    let identity = config.intake.identify(cx, headers)?;
    if identity.is_some() || !config.intake.has_identity() {
        return Ok(identity);
    }
    let identity = config.on_missing_identity.stand_in()?;
    if let Some(identity) = &identity {
        cx.effects.fact(fact::IDENTITY, identity.as_str());
    }
    Ok(identity)
}

/// The model the caller asks for: of the path where the path names one, else of the body.
fn asked_model(config: &Config, call: &Call, request: &Request<'_>) -> Result<String, Refused> {
    let bad = |text: &str| {
        let mut refused = Refused::malformed(text, "weir_bad_model", "no usable model name");
        refused.refusal = refused.refusal.param("model");
        Err(refused)
    };
    let asked = match (&call.path_model, &request.model, &config.default_model) {
        (Some(PathModel { name, .. }), _, _) => name.clone(),
        (None, Some(model), _) => Text::decode(model).into_owned(),
        (None, None, Some(model)) => model.clone(),
        (None, None, None) => return bad("You must provide a model parameter."),
    };
    if asked.is_empty() || asked.len() > MAX_MODEL {
        return bad("The model name must be 1 to 256 bytes long.");
    }
    // It goes into a header; and U+FFFD stands for what was not valid text.
    if asked
        .chars()
        .any(|c| c.is_control() || c == char::REPLACEMENT_CHARACTER)
    {
        return bad("The model name holds characters that no model name has.");
    }
    Ok(asked)
}
