//! pii-redact: replaces personal data and secrets before a request leaves, and puts them back in
//! the answer, also while it streams.
//!
//! What stands for a value is kept in the exchange alone and dies with it; no value is ever
//! written to a log, a metric, a fact or an error. It cannot find what has no shape: names,
//! postal addresses, numbers in words.

mod answer;
mod channels;
pub mod config;
mod delta;
mod leak;
mod redact;
mod rule;
mod tally;

use std::rc::Rc;

use weir_intake::{Head, Refused, Subject, invalid, spelt, too_large};
use weir_llm_api::error::{Reason, Refusal};
use weir_llm_api::{Api, Call, Dialect, Request, splice};
use weir_pii::Placeholders;
use weir_policy::names::{OTHER, fact, metric};
use weir_policy::{
    BodyAnswer, ChunkAnswer, ConfigError, Cx, Ending, Exchange, HeadAnswer, Headers, Identity,
    Level, Policy, Reply, ResponseAnswer, TooLarge,
};

use crate::answer::Restoring;
use crate::config::{Action, Config};
use crate::redact::{Noting, Redacted, Redactor};
use crate::rule::Rule;

#[cfg(all(target_arch = "wasm32", feature = "module"))]
weir_wasm_host::module!(PiiRedact);

/// Characters of a model's name that are kept as a fact.
const MAX_MODEL: usize = 256;

/// The configured filter.
#[derive(Debug)]
pub struct PiiRedact {
    config: Rc<Config>,
}

impl Policy for PiiRedact {
    const NAME: &'static str = "pii-redact";
    type Exchange = Redacting;

    fn configure(json: &[u8]) -> Result<Self, ConfigError> {
        Config::load(json).map(|config| Self {
            config: Rc::new(config),
        })
    }

    fn hold(&self) -> bool {
        self.config.hold
    }

    fn max_body_bytes(&self) -> usize {
        self.config.intake.max_body_bytes
    }

    fn exchange(&self) -> Redacting {
        Redacting {
            config: Rc::clone(&self.config),
            call: None,
            other_json: false,
            identity: None,
            watched: Headers::default(),
            verdict: "allowed",
            restoring: None,
        }
    }
}

/// One exchange.
#[derive(Debug)]
pub struct Redacting {
    config: Rc<Config>,
    /// Set once the request is known to be ours.
    call: Option<Call>,
    /// It is of no known API, but on a path that is looked at all the same.
    other_json: bool,
    identity: Option<Identity>,
    /// The request's headers that rules look at.
    watched: Headers,
    verdict: &'static str,
    /// Set once the answer is to be looked at: the rule, whether it is only tried out, and how
    /// far the answer has come.
    restoring: Option<(String, bool, Restoring)>,
}

impl Exchange for Redacting {
    fn request_headers(&mut self, cx: &mut Cx<'_>, headers: &Headers) -> HeadAnswer {
        let config = Rc::clone(&self.config);
        let mut head = config.intake.head(cx, headers, &config.watched_headers);
        if matches!(head, Head::Foreign) && config.is_other_json(headers) {
            self.other_json = true;
            let call = Call {
                // InvokeModel's bodies are the vendors' own, too: all there is are strings.
                api: Api::BedrockInvoke,
                path_model: None,
                path_stream: None,
            };
            head = config
                .intake
                .head_of(call, cx, headers, &config.watched_headers);
        }
        let ours = match head {
            Head::Foreign => return HeadAnswer::Ignore,
            Head::Refused(call, refused) => {
                self.call = Some(call);
                return HeadAnswer::Reply(self.refuse(cx, refused));
            }
            Head::Ours(ours) => ours,
        };
        self.call = Some(ours.call);
        self.identity = ours.identity;
        self.watched = ours.watched;
        if let Err(refused) = config.unambiguous(&self.watched) {
            return HeadAnswer::Reply(self.refuse(cx, refused));
        }
        match ours.readable {
            Ok(()) => HeadAnswer::NeedBody,
            Err(refusal) => match self.unreadable(cx, refusal, "weir_unreadable_body") {
                BodyAnswer::Reply(reply) => HeadAnswer::Reply(reply),
                _ => HeadAnswer::Pass,
            },
        }
    }

    fn request_body(&mut self, cx: &mut Cx<'_>, body: Result<&[u8], TooLarge>) -> BodyAnswer {
        let Some(call) = self.call.clone() else {
            return BodyAnswer::Pass;
        };
        match body {
            Ok(body) => self.judge(cx, &call, body),
            Err(TooLarge { limit }) => self.unreadable(cx, too_large(limit), "weir_body_too_large"),
        }
    }

    fn response_headers(&mut self, _: &mut Cx<'_>, headers: &Headers, end: bool) -> ResponseAnswer {
        match &mut self.restoring {
            Some((_, _, restoring)) => restoring.begin(headers, end),
            None => ResponseAnswer::Pass,
        }
    }

    fn response_chunk(&mut self, cx: &mut Cx<'_>, chunk: &[u8], end: bool) -> ChunkAnswer {
        let Some((rule, _, restoring)) = &mut self.restoring else {
            return ChunkAnswer::Finished;
        };
        let answer = restoring.chunk(chunk, end);
        if restoring.blocks() && self.verdict != "blocked" {
            self.verdict = "blocked";
            cx.effects.fact(fact::VERDICT, self.verdict);
            cx.effects.fact(fact::RULE, rule.as_str());
            if restoring.is_json() && self.config.hold {
                // Its headers are still here to tell.
                cx.effects.set_response_header(":status", "403");
            }
        }
        answer
    }

    fn end(self, cx: &mut Cx<'_>, ending: Ending) {
        let Some(call) = self.call else {
            return;
        };
        if let Some((rule, shadow, restoring)) = &self.restoring {
            restoring
                .tally()
                .count(cx.effects, rule, *shadow, "response");
            if let Some(reason) = restoring.unread(ending.complete) {
                let line = format!("{}: an answer is not restored: {reason}", PiiRedact::NAME);
                cx.effects.log(Level::Info, line);
                self.config
                    .intake
                    .count_unreadable(cx, call.api, "response");
            }
        }
        let labels = [
            ("filter", PiiRedact::NAME),
            (
                "api",
                if self.other_json {
                    OTHER
                } else {
                    call.api.name()
                },
            ),
            ("verdict", self.verdict),
        ];
        cx.effects.count(metric::REQUESTS, &labels, 1);
    }
}

impl Config {
    /// Whether a request that is of no known API is looked at all the same.
    fn is_other_json(&self, headers: &Headers) -> bool {
        let method = headers.text(":method").unwrap_or_default();
        let path = headers.get(":path").unwrap_or_default();
        let path = spelt(&String::from_utf8_lossy(path));
        ["POST", "PUT", "PATCH"].contains(&method)
            && self.all_strings.iter().any(|glob| glob.matches(&path))
    }

    /// Whether each header that rules look at stands there once: of two, one could be what exempts,
    /// the other what tells the upstream.
    fn unambiguous(&self, watched: &Headers) -> Result<(), Refused> {
        let mut names = self.watched_headers.iter();
        match names.find(|name| watched.all(name).count() > 1) {
            Some(name) => Err(Refused::ambiguous(name)),
            None => Ok(()),
        }
    }
}

impl Redacting {
    fn judge(&mut self, cx: &mut Cx<'_>, call: &Call, body: &[u8]) -> BodyAnswer {
        let config = Rc::clone(&self.config);
        let mut noting = Noting(Placeholders::default());
        let request = match Request::read(call.api, body, &mut noting) {
            Ok(request) => request,
            Err(fault) => return self.unreadable(cx, invalid(&fault), "weir_unreadable_body"),
        };
        let told = |name| cx.attributes.fact(name).unwrap_or_default();
        let (asked, provider) = (told(fact::MODEL), told(fact::PROVIDER));
        let in_path = call.path_model.as_ref().map(|model| model.name.clone());
        let in_body = || request.model.map(|model| model.decode().into_owned());
        let sent = cx
            .attributes
            .fact(fact::UPSTREAM_MODEL)
            .filter(|sent| !sent.is_empty());
        let model = sent.or(in_path).or_else(in_body).unwrap_or_default();
        if asked.is_empty() && !self.other_json {
            let shown = model.chars().filter(|c| !c.is_control());
            cx.effects
                .fact(fact::MODEL, shown.take(MAX_MODEL).collect::<String>());
        }
        let stream = call.path_stream.or(request.stream).unwrap_or(false);
        if !self.other_json {
            cx.effects.fact(fact::STREAM, stream.to_string());
        }
        let subject = Subject {
            api: call.api,
            asked: &asked,
            model: &model,
            provider: &provider,
            identity: self.identity.as_ref(),
            headers: &self.watched,
        };
        // The last rule is for every request.
        let rule = config
            .rules
            .iter()
            .find(|rule| rule.matches.holds(&subject));
        let scanned = rule.and_then(|rule| Some((rule, rule.scanner.as_deref()?)));
        match scanned {
            Some((rule, scanner)) => {
                let mut redactor = Redactor::new(rule, scanner, noting.0);
                // The same body has been read before.
                let _ = Request::read(call.api, body, &mut redactor);
                let redacted = redactor.finish();
                self.act(cx, call, body, rule, redacted, request.json_answer)
            }
            None => {
                self.allow(cx, "allowed");
                BodyAnswer::Pass
            }
        }
    }

    /// Does with a request what its rule says.
    fn act(
        &mut self,
        cx: &mut Cx<'_>,
        call: &Call,
        body: &[u8],
        rule: &Rule,
        redacted: Redacted,
        json_answer: bool,
    ) -> BodyAnswer {
        let Redacted {
            edits,
            placeholders,
            tally,
        } = redacted;
        if tally.is_empty() {
            self.allow(cx, "allowed");
            self.watch(call, rule, placeholders, json_answer);
            return BodyAnswer::Pass;
        }
        tally.count(cx.effects, &rule.name, rule.shadow, "request");
        cx.effects.fact(fact::REDACTED, tally.by_type(None));
        if tally.has(Action::Block) && !rule.shadow {
            let blocked = tally.by_type(Some(Action::Block));
            return BodyAnswer::Reply(self.refuse(cx, refusal(rule, &blocked)));
        }
        cx.effects.fact(fact::RULE, rule.name.as_str());
        let verdict = match (rule.shadow, tally.has(Action::Block)) {
            (false, _) => "allowed",
            (true, true) => "shadow_blocked",
            (true, false) => "shadow_redacted",
        };
        self.allow(cx, verdict);
        let line = format!(
            "{}: rule `{}`{} found {}",
            PiiRedact::NAME,
            rule.name,
            if rule.shadow { " in shadow" } else { "" },
            tally.by_type(None)
        );
        cx.effects.log(Level::Debug, line);
        self.watch(call, rule, placeholders, json_answer);
        match edits.is_empty() {
            true => BodyAnswer::Pass,
            false => BodyAnswer::Replace(splice(body, &edits)),
        }
    }

    /// Looks at the answer, if there may be anything to do in it.
    fn watch(&mut self, call: &Call, rule: &Rule, placeholders: Placeholders, json_answer: bool) {
        let restorer = placeholders.into_restorer();
        if restorer.is_idle() && rule.leaks.is_none() {
            return;
        }
        let leaks = rule
            .leaks
            .as_ref()
            .map(|leaks| (Rc::clone(leaks), rule.shadow));
        let limit = self.config.intake.max_body_bytes;
        let restoring = Restoring::new(call.api, json_answer, restorer, leaks, limit);
        self.restoring = Some((rule.name.clone(), rule.shadow, restoring));
    }

    /// Lets a request through.
    fn allow(&mut self, cx: &mut Cx<'_>, verdict: &'static str) {
        self.verdict = verdict;
        let earlier = cx.attributes.fact(fact::VERDICT);
        if verdict != "allowed" || earlier.is_none_or(|earlier| earlier.is_empty()) {
            cx.effects.fact(fact::VERDICT, verdict);
        }
    }

    /// A body that cannot be read: refused, or passed with whatever stands in it.
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
        cx.effects.fact(fact::RULE, "on_unreadable");
        self.allow(cx, "allowed");
        BodyAnswer::Pass
    }

    fn refuse(&mut self, cx: &mut Cx<'_>, refused: Refused) -> Reply {
        self.verdict = refused.verdict;
        let dialect = match &self.call {
            Some(call) if !self.other_json => call.api.dialect(),
            _ => Dialect::Problem,
        };
        refused.reply(PiiRedact::NAME, cx, dialect)
    }
}

/// The refusal of a request with values that must not leave: their types and numbers.
fn refusal(rule: &Rule, blocked: &str) -> Refused {
    let shown = blocked.replace('=', ": ").replace(',', ", ");
    let text = format!("The request holds data that must not be sent ({shown}).");
    Refused {
        refusal: Refusal::new(Reason::InvalidRequest, text),
        verdict: "blocked",
        rule: Some(rule.name.clone()),
        details: "weir_pii_blocked",
        log: format!("rule `{}` blocks {blocked}", rule.name),
    }
}
