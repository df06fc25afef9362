//! What is printed.

use std::collections::BTreeMap;
use std::fmt::Write;

use weir_policy::names::fact;

use crate::filter::Filter;
use crate::plugin::Plugin;

use super::changes::changes;
use super::exchange::Message;
use super::host::{Proxy, Record};
use super::screen::Screen;

/// A section of lines, each under a name.
struct Section<'a> {
    out: String,
    screen: &'a Screen,
}

impl Section<'_> {
    /// A line as it is.
    fn raw(&mut self, name: &str, text: &str) {
        let _ = writeln!(self.out, "  {name:<10}{text}");
    }

    fn line(&mut self, name: &str, text: &str) {
        let text = self.screen.line(text);
        self.raw(name, &text);
    }

    /// The first line has the name, the others stand below.
    fn lines(&mut self, name: &str, lines: &[String]) {
        for (at, line) in lines.iter().enumerate() {
            self.raw(if at == 0 { name } else { "" }, line);
        }
    }

    fn facts(&mut self, facts: &BTreeMap<String, String>, names: &[&str]) {
        for name in names {
            if let Some(value) = facts.get(*name).filter(|value| !value.is_empty()) {
                self.line(name, value);
            }
        }
    }
}

/// What each filter decided.
pub(super) fn filters(
    plugins: &[Plugin<'_>],
    proxy: &Proxy,
    reached: usize,
    screen: &Screen,
) -> String {
    let records = proxy.records();
    let mut section = Section {
        out: String::new(),
        screen,
    };
    for (at, plugin) in plugins.iter().enumerate() {
        let Some(record) = records.get(at) else {
            continue;
        };
        let name = plugin.name();
        if at > 0 {
            section.out.push('\n');
        }
        let _ = writeln!(section.out, "{name}");
        if at >= reached {
            section.raw("", "is not reached");
        } else if record.is_foreign {
            section.raw("", "passes it untouched: this is no API it knows");
        } else {
            one(plugin, record, &mut section);
        }
    }
    section.out
}

fn one(plugin: &Plugin<'_>, record: &Record, section: &mut Section<'_>) {
    let facts = &record.facts;
    section.facts(facts, &[fact::API]);
    let asked = facts
        .get(fact::MODEL)
        .map(String::as_str)
        .unwrap_or_default();
    let sent = facts.get(fact::UPSTREAM_MODEL).map(String::as_str);
    match sent.filter(|sent| *sent != asked) {
        Some(sent) => section.line("model", &format!("{asked}, sent as {sent}")),
        None => section.facts(facts, &[fact::MODEL]),
    }
    section.facts(facts, &[fact::PROVIDER]);
    if let Some(identity) = facts.get(fact::IDENTITY) {
        let shown = section.screen.identity(identity);
        section.raw("identity", &shown);
    }
    match facts.get(fact::VERDICT) {
        // One that lets pass what an earlier one let pass does not say so again.
        None if record.reply.is_none() => section.raw("verdict", "allowed"),
        _ => section.facts(facts, &[fact::VERDICT]),
    }
    section.facts(facts, &[fact::RULE, fact::REDACTED]);
    if plugin.filter == Some(Filter::TokenLimit)
        && let Some(tokens) = facts.get(fact::INPUT_TOKENS)
        && record.reply.is_none()
    {
        let source = facts.get(fact::TOKENS_SOURCE).map_or("", String::as_str);
        section.raw("prompt", &format!("{tokens} tokens, {source}"));
    }
    if plugin.filter == Some(Filter::Cost) && record.reply.is_none() {
        let price = match &record.price {
            Some((prompt, most)) => {
                format!("{prompt} USD for the prompt, at most {most} USD with the answer")
            }
            None => "none is known".to_owned(),
        };
        section.raw("price", &price);
    }
    let shares: Vec<String> = record
        .shares
        .iter()
        .map(|share| format!("{} of `{}`", share.reserved, share.name))
        .collect();
    section.lines("reserves", &shares);
    if let Some(cluster) = &record.asked {
        let text = format!("cluster `{cluster}` (not here: taken for granted)");
        section.line("asks", &text);
    }
    let headers = headers(&record.request_headers, section.screen);
    section.lines("headers", &headers);
    if let Some((before, after)) = &record.request_body {
        let changes = changes(before, after, section.screen);
        section.lines("body", &changes);
    }
    if let Some((details, reply)) = &record.reply {
        section.raw(
            "answers",
            &format!("{} ({details})", reply.header(":status")),
        );
        let shown: Vec<String> = reply
            .headers
            .iter()
            .filter(|(name, _)| !name.starts_with(':'))
            .map(|(name, _)| {
                format!(
                    "{name}: {}",
                    section.screen.header(name, reply.header(name))
                )
            })
            .collect();
        section.lines("", &shown);
        let body = section.screen.body(&reply.body);
        section.raw("", &body.unwrap_or_default());
    }
    for line in &record.log {
        section.line("log", line);
    }
}

fn headers(changes: &[(String, Option<String>)], screen: &Screen) -> Vec<String> {
    // The last change of a header is what holds.
    let mut last: Vec<(&str, Option<&str>)> = Vec::new();
    for (name, value) in changes {
        last.retain(|(known, _)| known != name);
        last.push((name, value.as_deref()));
    }
    let shown = |(name, value): &(&str, Option<&str>)| match value {
        Some(value) => format!("{name}: {}", screen.header(name, value)),
        None => format!("{name} is removed"),
    };
    last.iter().map(shown).collect()
}

/// What became of it all when the answer was there.
pub(super) fn settled(plugins: &[Plugin<'_>], proxy: &Proxy, screen: &Screen) -> String {
    let records = proxy.records();
    let mut section = Section {
        out: String::from("\nafter the answer\n"),
        screen,
    };
    for (at, plugin) in plugins.iter().enumerate() {
        let Some(record) = records.get(at) else {
            continue;
        };
        let name = plugin.name();
        let facts = &record.facts_at_end;
        let fact = |name: &str| facts.get(name).map_or("", String::as_str);
        let mut lines = Vec::new();
        if !fact(fact::TOTAL_TOKENS).is_empty() {
            lines.push(format!(
                "uses {} tokens and {} for the answer, {}",
                fact(fact::INPUT_TOKENS),
                fact(fact::OUTPUT_TOKENS),
                fact(fact::TOKENS_SOURCE)
            ));
        }
        let cost = fact(fact::COST_USD);
        if fact(fact::PRICED) == "true" {
            lines.push(format!("costs {cost} USD"));
        }
        for share in &record.shares_at_end {
            let used = match share.used.as_str() {
                "" => format!("{cost} USD"),
                used => used.to_owned(),
            };
            lines.push(format!(
                "charges `{}` with {used} of {} reserved",
                share.name, share.reserved
            ));
        }
        lines.extend(headers(&record.response_headers, screen));
        if record.response_body.is_some() {
            lines.push("changes the body of the answer".to_owned());
        }
        if lines.is_empty() {
            continue;
        }
        let _ = writeln!(section.out, "  {name}");
        for line in lines {
            let _ = writeln!(section.out, "    {}", screen.line(&line));
        }
    }
    section.out
}

/// A message, as far as it may be shown.
pub(super) fn message(title: &str, message: &Message, screen: &Screen) -> String {
    let mut out = format!("\n{title}\n");
    for (name, value) in &message.headers {
        let value = screen.header(name, &String::from_utf8_lossy(value));
        let _ = writeln!(out, "  {name}: {value}");
    }
    if !message.body.is_empty() {
        let body = screen.body(&message.body).unwrap_or_else(|| {
            let length = message.body.len();
            format!("({length} bytes that are no JSON, not shown)")
        });
        let _ = writeln!(out, "\n  {body}");
    }
    out
}
