//! model-router: says which API, model and caller a request is, enforces who may use which
//! model, rewrites the model, and lets Envoy route on it.
//!
//! It never talks to a provider itself: failover, retries, health, credentials and TLS are
//! Envoy's, driven by the headers set here. It does not translate between APIs.

mod access;
mod answer;
mod catalog;
pub mod config;
mod listing;
mod rules;

use std::rc::Rc;

use weir_llm_api::error::{Reason, Refusal};
use weir_llm_api::json::{Fault, Text, escape};
use weir_llm_api::{
    Api, Call, Dialect, Edit, PathModel, PromptSize, Request, is_json, recognise, splice,
};
use weir_policy::names::{OTHER, fact, header, metric};
use weir_policy::{
    BodyAnswer, ChunkAnswer, ConfigError, Cx, Ending, Exchange, HeadAnswer, Headers, Identity,
    Level, Policy, Reply, ResponseAnswer, TooLarge, UnixNanos, identity,
};

use crate::access::Permission;
use crate::answer::ModelInAnswer;
use crate::catalog::Model;
use crate::config::{Config, OnMissingIdentity, OnUnreadable};
use crate::rules::{Candidate, Needs, NoFit, Subject, Target, Verdict, cheapest};

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
        self.config.max_body_bytes
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

/// A request that will not be sent on, with both its texts.
struct Refused {
    refusal: Refusal,
    verdict: &'static str,
    rule: Option<String>,
    details: &'static str,
    log: String,
}

impl Exchange for Routing {
    fn request_headers(&mut self, cx: &mut Cx<'_>, headers: &Headers) -> HeadAnswer {
        self.began = cx.now;
        let config = Rc::clone(&self.config);
        strip(&config, headers, cx);
        let path = String::from_utf8_lossy(headers.get(":path").unwrap_or_default()).into_owned();
        let method = headers.text(":method").unwrap_or_default();

        if method == "GET" && config.list_models && !headers.has("upgrade")
            && let Some(asked) = listing::recognise(&path, headers)
        {
            return self.list(cx, headers, &asked);
        }
        let Some(call) = recognise(method, &path).or_else(|| configured_call(&config, method, &path))
        else {
            return HeadAnswer::Ignore;
        };
        let api = call.api;
        self.call = Some(call);
        self.path = path;
        cx.effects.fact(fact::API, api.name());

        if let Err(refused) = self.check_head(cx, headers) {
            return HeadAnswer::Reply(self.refuse(cx, refused));
        }
        if let Err(refusal) = readable(headers) {
            return match self.unreadable(cx, api, refusal, "weir_unreadable_body") {
                Some(reply) => HeadAnswer::Reply(reply),
                None => HeadAnswer::Pass,
            };
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
        HeadAnswer::NeedBody
    }

    fn request_body(&mut self, cx: &mut Cx<'_>, body: Result<&[u8], TooLarge>) -> BodyAnswer {
        let Some(call) = self.call.clone() else {
            return BodyAnswer::Pass;
        };
        let body = match body {
            Ok(body) => body,
            Err(TooLarge { limit }) => {
                let text = format!("The request body is larger than {limit} bytes.");
                let refusal = Refusal::new(Reason::TooLarge, text);
                return self.unreadable_body(cx, call.api, refusal, "weir_body_too_large");
            }
        };
        let mut size = PromptSize::default();
        let request = match Request::read(call.api, body, &mut size) {
            Ok(request) => request,
            Err(fault) => {
                let refusal = invalid(&fault);
                return self.unreadable_body(cx, call.api, refusal, "weir_unreadable_body");
            }
        };
        match self.route(cx, &call, &request, size, body) {
            Ok(answer) => answer,
            Err(refused) => BodyAnswer::Reply(self.refuse(cx, *refused)),
        }
    }

    fn response_headers(
        &mut self,
        _: &mut Cx<'_>,
        headers: &Headers,
        end: bool,
    ) -> ResponseAnswer {
        let Some(call) = &self.call else {
            return ResponseAnswer::Pass;
        };
        if end || headers.has("content-encoding") {
            return ResponseAnswer::Pass;
        }
        let restore = self.outcome.restore.take();
        let (reader, answer) = ModelInAnswer::new(call.api, headers, restore);
        self.answer = reader;
        answer
    }

    fn response_chunk(&mut self, cx: &mut Cx<'_>, chunk: &[u8], end: bool) -> ChunkAnswer {
        let Some(answer) = &mut self.answer else {
            return ChunkAnswer::Finished;
        };
        if !chunk.is_empty() && answer.first_byte() {
            let ttft = cx.now.millis_since(self.began);
            cx.effects.fact(fact::TTFT_MS, ttft.to_string());
            let model = self.outcome.model.as_deref().unwrap_or(OTHER);
            cx.effects.observe(
                metric::TTFT_MS,
                &[("filter", ModelRouter::NAME), ("model", model)],
                ttft,
            );
        }
        answer.chunk(cx, chunk, end)
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
                ("provider", self.outcome.provider.as_deref().unwrap_or(OTHER)),
                ("verdict", self.outcome.verdict),
            ],
            1,
        );
        cx.effects.observe(
            metric::DURATION_MS,
            &[("filter", ModelRouter::NAME), ("model", model)],
            cx.now.millis_since(self.began),
        );
    }
}

/// A client's own routing headers never survive, whatever the request.
fn strip(config: &Config, headers: &Headers, cx: &mut Cx<'_>) {
    let ours = config.headers.all();
    let mut found: Vec<&str> = headers
        .iter()
        .filter_map(|(name, _)| std::str::from_utf8(name).ok())
        .filter(|name| name.starts_with(header::PREFIX) || ours.contains(name))
        .collect();
    found.sort_unstable();
    found.dedup();
    for name in found {
        cx.effects.remove_request_header(name);
    }
}

/// A path the operator added.
fn configured_call(config: &Config, method: &str, path: &str) -> Option<Call> {
    if method != "POST" || config.apis.is_empty() {
        return None;
    }
    // Compared as a lax server would see it, so that odd spellings do not get around it.
    let spelt: String = weir_llm_api::segments(path)
        .iter()
        .flat_map(|segment| ["/", &segment.text])
        .collect();
    let entry = config.apis.iter().find(|entry| entry.path.matches(&spelt))?;
    Some(Call {
        api: entry.api,
        path_model: None,
        path_stream: None,
    })
}

/// Whether the headers promise a body that can be read.
fn readable(headers: &Headers) -> Result<(), Refusal> {
    if !is_json(headers.get("content-type")) || headers.all("content-type").count() > 1 {
        return Err(Refusal::new(
            Reason::UnsupportedMediaType,
            "The content type of this request must be application/json in UTF-8.",
        ));
    }
    let plain = |encoding: &[u8]| encoding.eq_ignore_ascii_case(b"identity");
    if !headers.all("content-encoding").all(plain) {
        return Err(Refusal::new(
            Reason::InvalidRequest,
            "The request body must not be compressed: its content-encoding cannot be read here.",
        ));
    }
    Ok(())
}

fn invalid(fault: &Fault) -> Refusal {
    let mut text = fault.to_string();
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    let refusal = Refusal::new(Reason::InvalidRequest, format!("{text}."));
    match fault {
        Fault::AmbiguousKey(key) | Fault::WrongType(key, _) => refusal.param(key),
        _ => refusal,
    }
}

impl Routing {
    /// What can be told from the headers alone.
    fn check_head(&mut self, cx: &mut Cx<'_>, headers: &Headers) -> Result<(), Refused> {
        if headers.has("upgrade") {
            let text = "A request to this API cannot be upgraded.";
            return Err(Refused::malformed(text, "weir_upgrade", "an upgrade on an API path"));
        }
        if headers.get(":path").is_some_and(|path| std::str::from_utf8(path).is_err()) {
            let text = "The request path is not UTF-8.";
            return Err(Refused::malformed(text, "weir_bad_path", "a path that is not UTF-8"));
        }
        self.identify(cx, headers)
    }

    /// Says who is calling.
    fn identify(&mut self, cx: &mut Cx<'_>, headers: &Headers) -> Result<(), Refused> {
        for name in ["authorization", "x-api-key", "api-key", "x-goog-api-key"] {
            if headers.all(name).count() > 1 {
                let text = format!("The header '{name}' is given more than once.");
                let log = format!("more than one `{name}` header");
                return Err(Refused::malformed(&text, "weir_ambiguous_credentials", &log));
            }
        }
        let config = Rc::clone(&self.config);
        match identity::resolve(&config.identity, headers, cx.attributes) {
            Ok(identity) => self.identity = identity,
            Err(ambiguous) => {
                let text = format!("The header '{}' is given more than once.", ambiguous.header);
                let log = format!("more than one `{}` header", ambiguous.header);
                return Err(Refused::malformed(&text, "weir_ambiguous_credentials", &log));
            }
        }
        if self.identity.is_none() && !config.identity.is_empty() {
            match config.on_missing_identity {
                OnMissingIdentity::Skip => {}
                OnMissingIdentity::Shared => self.identity = Identity::new(b"anonymous"),
                OnMissingIdentity::Reject => {
                    return Err(Refused {
                        refusal: Refusal::new(
                            Reason::Unauthenticated,
                            "The request does not say who is calling.",
                        ),
                        verdict: "denied",
                        rule: Some("on_missing_identity".to_owned()),
                        details: "weir_missing_identity",
                        log: "no identity source yields a value".to_owned(),
                    });
                }
            }
        }
        if let Some(identity) = &self.identity {
            cx.effects.fact(fact::IDENTITY, identity.as_str());
        }
        Ok(())
    }

    fn identity(&self) -> Option<&str> {
        self.identity.as_ref().map(Identity::as_str)
    }

    /// Decides where a readable request goes.
    fn route(
        &mut self,
        cx: &mut Cx<'_>,
        call: &Call,
        request: &Request<'_>,
        size: PromptSize,
        body: &[u8],
    ) -> Result<BodyAnswer, Box<Refused>> {
        let config = Rc::clone(&self.config);
        let asked = asked_model(&config, call, request)?;
        let stream = call.path_stream.or(request.stream).unwrap_or(false);
        cx.effects.fact(fact::MODEL, asked.as_str());
        cx.effects.fact(fact::STREAM, stream.to_string());

        let declared = config.catalog.find(&asked).and_then(|i| config.catalog.get(i));
        self.outcome.model = declared.map(|model| model.name.clone());
        let mut shadow = self.permit(&config, &asked, declared)?;

        let identity = self.identity.clone();
        let watched = std::mem::take(&mut self.watched);
        let subject = Subject {
            api: call.api,
            asked: &asked,
            declared,
            identity: identity.as_ref().map(Identity::as_str),
            headers: &watched,
            needs: Needs {
                stream,
                tools: request.tools,
                images: request.images,
                audio: request.audio,
                prompt_tokens: cx
                    .attributes
                    .fact(fact::INPUT_TOKENS)
                    .and_then(|count| count.parse().ok())
                    .filter(|&count| count > 0)
                    .unwrap_or_else(|| size.estimated_tokens()),
                output_cap: request.total_output_cap(),
            },
        };
        let mut decided = None;
        for rule in config.rules.iter().filter(|rule| rule.matches.holds(&subject)) {
            let verdict = match (&rule.verdict, rule.shadow) {
                (Verdict::To(_), false) => "allowed",
                (Verdict::Deny(_), false) => "denied",
                (Verdict::To(_), true) => "shadow_allowed",
                (Verdict::Deny(_), true) => "shadow_denied",
            };
            count_rule(cx, &rule.name, verdict);
            if !rule.shadow {
                decided = Some(rule);
                break;
            }
            if verdict == "shadow_denied" {
                shadow.get_or_insert_with(|| rule.name.clone());
            }
        }
        let target = match decided.map(|rule| (rule, &rule.verdict)) {
            Some((rule, Verdict::Deny(message))) => {
                let message = message.clone().unwrap_or_else(|| may_not_use(&asked));
                return Err(Box::new(Refused {
                    refusal: Refusal::new(Reason::PermissionDenied, message),
                    verdict: "denied",
                    rule: Some(rule.name.clone()),
                    details: "weir_rule_denied",
                    log: format!("rule `{}` denies this request", rule.name),
                }));
            }
            Some((rule, Verdict::To(choice))) => choice.pick(&rule.name, &subject, cx.random),
            None => None,
        };
        let named = decided.is_some_and(|rule| !rule.matches.model.0.is_empty());
        let model = chosen(&config, target, declared, &subject.needs)
            .map_err(|no_fit| unfit(&no_fit, decided.map(|rule| rule.name.clone())))?;
        if model.is_none() && !named && config.reject_unknown {
            return Err(Box::new(Refused {
                refusal: Refusal::model_not_found(&asked).param("model"),
                verdict: "denied",
                rule: Some("unknown_models".to_owned()),
                details: "weir_model_not_found",
                log: "the model is neither declared nor named by the rule that decides".to_owned(),
            }));
        }

        let sent = model.map_or(asked.as_str(), |m| m.upstream.as_str());
        let provider = target
            .and_then(|t| t.provider.as_deref())
            .or_else(|| model.and_then(|m| m.provider.as_deref()));
        let headers = &config.headers;
        let known = model.map_or(asked.as_str(), |m| m.name.as_str());
        cx.effects.set_request_header(&headers.model, known);
        cx.effects.set_request_header(&headers.api, call.api.name());
        if let Some(provider) = provider {
            cx.effects.set_request_header(&headers.provider, provider);
            cx.effects.fact(fact::PROVIDER, provider);
        }
        if let Some(route) = target.and_then(|t| t.route.as_deref()) {
            cx.effects.set_request_header(&headers.route, route);
        }
        cx.effects.fact(fact::UPSTREAM_MODEL, sent);
        let verdict = if shadow.is_some() { "shadow_denied" } else { "allowed" };
        cx.effects.fact(fact::VERDICT, verdict);
        if let Some(rule) = shadow.as_deref().or(decided.map(|rule| rule.name.as_str())) {
            cx.effects.fact(fact::RULE, rule);
        }
        self.outcome = Outcome {
            verdict,
            model: model.map(|m| m.name.clone()),
            provider: provider.map(str::to_owned),
            restore: (config.restore_model).then(|| asked.clone()),
        };
        Ok(self.rewrite(cx, call, request, &asked, sent, body))
    }

    /// Whether the caller may ask for the model; the name of a shadow entry that would refuse.
    fn permit(
        &self,
        config: &Config,
        asked: &str,
        declared: Option<&Model>,
    ) -> Result<Option<String>, Box<Refused>> {
        let names = [asked, declared.map_or(asked, |m| m.name.as_str())];
        match config.access.check(self.identity(), &names) {
            Permission::Granted { shadowed } => Ok(shadowed),
            Permission::Refused(entry) => Err(Box::new(Refused {
                refusal: Refusal::new(Reason::PermissionDenied, may_not_use(asked)).param("model"),
                verdict: "denied",
                log: format!("`{entry}` does not allow the caller this model"),
                rule: Some(entry),
                details: "weir_model_denied",
            })),
        }
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
            cx.effects.set_request_header(":path", model.replace(&self.path, sent));
        }
        let edit = match &request.model {
            Some(model) if sent != asked => Edit::new(model.span(), escape(sent)),
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

    /// A body that cannot be judged: a refusal, or nothing when it may pass all the same.
    fn unreadable(
        &mut self,
        cx: &mut Cx<'_>,
        api: Api,
        refusal: Refusal,
        details: &'static str,
    ) -> Option<Reply> {
        count_unreadable(cx, api);
        let log = format!("unreadable body: {}", refusal.message);
        if self.config.on_unreadable == OnUnreadable::Pass {
            cx.effects.log(Level::Info, format!("{}: {log}, passed", ModelRouter::NAME));
            cx.effects.fact(fact::VERDICT, "allowed");
            cx.effects.fact(fact::RULE, "on_unreadable");
            cx.effects.set_request_header(&self.config.headers.api, api.name());
            return None;
        }
        let refused = Refused {
            refusal,
            verdict: "blocked",
            rule: None,
            details,
            log,
        };
        Some(self.refuse(cx, refused))
    }

    fn unreadable_body(
        &mut self,
        cx: &mut Cx<'_>,
        api: Api,
        refusal: Refusal,
        details: &'static str,
    ) -> BodyAnswer {
        self.unreadable(cx, api, refusal, details)
            .map_or(BodyAnswer::Pass, BodyAnswer::Reply)
    }

    fn refuse(&mut self, cx: &mut Cx<'_>, refused: Refused) -> Reply {
        self.outcome.verdict = refused.verdict;
        let dialect = self.call.as_ref().map_or(Dialect::Problem, |c| c.api.dialect());
        refused.reply(cx, dialect)
    }

    /// Answers a request for the list of models.
    fn list(&mut self, cx: &mut Cx<'_>, headers: &Headers, asked: &listing::Asked) -> HeadAnswer {
        if let Err(refused) = self.identify(cx, headers) {
            return HeadAnswer::Reply(refused.reply(cx, asked.dialect));
        }
        let config = Rc::clone(&self.config);
        let may_use = |name: &str, model: &Model| {
            let permission = config.access.check(self.identity(), &[name, &model.name]);
            matches!(permission, Permission::Granted { .. })
        };
        match listing::render(&config.catalog, asked, may_use) {
            Some(body) => HeadAnswer::Reply(Reply {
                status: 200,
                headers: vec![("content-type".to_owned(), "application/json".to_owned())],
                body,
                details: "weir_model_list",
                log: format!("{}: answered a list of models", ModelRouter::NAME),
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
                HeadAnswer::Reply(refused.reply(cx, asked.dialect))
            }
        }
    }
}

impl Refused {
    fn malformed(text: &str, details: &'static str, log: &str) -> Self {
        Self {
            refusal: Refusal::new(Reason::InvalidRequest, text),
            verdict: "blocked",
            rule: None,
            details,
            log: log.to_owned(),
        }
    }

    fn reply(self, cx: &mut Cx<'_>, dialect: Dialect) -> Reply {
        cx.effects.fact(fact::VERDICT, self.verdict);
        if let Some(rule) = &self.rule {
            cx.effects.fact(fact::RULE, rule.as_str());
        }
        let (headers, body) = self.refusal.render(dialect);
        Reply {
            status: self.refusal.status(),
            headers,
            body,
            details: self.details,
            log: format!("{}: {} ({})", ModelRouter::NAME, self.log, self.details),
        }
    }
}

/// The model the caller asks for: of the path where the path names one, else of the body.
fn asked_model(config: &Config, call: &Call, request: &Request<'_>) -> Result<String, Box<Refused>> {
    let bad = |text: &str| {
        let mut refused = Refused::malformed(text, "weir_bad_model", "no usable model name");
        refused.refusal = refused.refusal.param("model");
        Err(Box::new(refused))
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
    if asked.chars().any(|c| c.is_control() || c == char::REPLACEMENT_CHARACTER) {
        return bad("The model name holds characters that no model name has.");
    }
    Ok(asked)
}

/// The declared model a target means; `None` for one that is not in the catalogue.
fn chosen<'a>(
    config: &'a Config,
    target: Option<&Target>,
    declared: Option<&'a Model>,
    needs: &Needs,
) -> Result<Option<&'a Model>, NoFit> {
    match target.map(|t| &t.candidate) {
        None | Some(Candidate::Asked) => Ok(declared),
        Some(Candidate::Model(index)) => Ok(config.catalog.get(*index)),
        Some(Candidate::CheapestOf(candidates)) => {
            cheapest(&config.catalog, candidates, needs).map(Some)
        }
    }
}

fn unfit(no_fit: &NoFit, rule: Option<String>) -> Box<Refused> {
    let (refusal, log) = match no_fit {
        NoFit::Window(longest) => (
            Refusal::new(
                Reason::ContextLength,
                format!(
                    "The prompt and the answer asked for are longer than any model for this \
                     request accepts (at most {longest} tokens)."
                ),
            ),
            "no candidate of `cheapest_of` is long enough".to_owned(),
        ),
        NoFit::Abilities(missing) => {
            let missing = missing.join(", ");
            (
                Refusal::new(
                    Reason::InvalidRequest,
                    format!("No model for this request supports: {missing}."),
                ),
                format!("no candidate of `cheapest_of` supports {missing}"),
            )
        }
    };
    Box::new(Refused {
        refusal,
        verdict: "denied",
        rule,
        details: "weir_no_model_fits",
        log,
    })
}

fn may_not_use(model: &str) -> String {
    format!("You are not allowed to use the model `{model}`.")
}

fn count_unreadable(cx: &mut Cx<'_>, api: Api) {
    cx.effects.count(
        metric::UNREADABLE,
        &[
            ("filter", ModelRouter::NAME),
            ("api", api.name()),
            ("direction", "request"),
        ],
        1,
    );
}

fn count_rule(cx: &mut Cx<'_>, rule: &str, verdict: &'static str) {
    cx.effects.count(
        metric::RULES,
        &[("filter", ModelRouter::NAME), ("rule", rule), ("verdict", verdict)],
        1,
    );
}
