//! `weirctl explain`: what the filters of a configuration would do with a request, and why.
//!
//! The policies run as they do in Envoy, in the driver they have there; around them is a proxy of a
//! few lines. What it does not have is the past: all limits and budgets are untouched, nothing has
//! been counted. Nor is there a clock, or chance: the time is always the same moment, and of a
//! weighted choice without anything to stick to it is always the same target that is taken.
//!
//! What is found in a request is never shown, nor are its credentials.

mod chain;
mod changes;
mod exchange;
mod host;
mod screen;
mod show;
mod traced;

use std::io;
use std::rc::Rc;

use crate::check::Source;
use crate::document::Node;
use crate::filter::Filter;

use chain::{Station, station};
use exchange::Message;
use host::{Proxy, Side};
use screen::Screen;

/// The number of a filter's call to a service; it makes one at a time.
const CALL: u32 = 1;

/// Explains what the filters in `config` do with `request`, and with `answer` if there is one. With
/// `filter` the configuration is that filter's own.
///
/// # Errors
/// A file that is not what it should be; it is named.
pub fn explain(
    config: &Source,
    filter: Option<Filter>,
    request: &Source,
    answer: Option<&Source>,
) -> io::Result<String> {
    let documents = read(config)?;
    let plugins = chain::plugins(config, &documents, filter)?;
    let screen = Screen::new(&plugins);
    let (request, surroundings) = exchange::request(&read(request)?, &request.name)?;
    let answer = match answer {
        Some(source) => Some(exchange::answer(&read(source)?, &source.name)?),
        None => None,
    };
    let proxy = Rc::new(Proxy::new(surroundings, &request, plugins.len()));
    let mut stations = Vec::with_capacity(plugins.len());
    for (at, plugin) in plugins.iter().enumerate() {
        stations.push(station(plugin, at, &proxy, &config.name)?);
    }
    let mut run = Run {
        proxy: &proxy,
        stations,
    };
    let refused = run.request(&request);
    let reached = refused.map_or(plugins.len(), |at| at + 1);
    let mut shown = show::filters(&plugins, &proxy, reached, &screen);
    if refused.is_some() {
        shown.push_str("\nThe request does not leave.\n");
        return Ok(shown);
    }
    shown.push_str(&show::message(
        "request as it leaves",
        &proxy.message(Side::Request),
        &screen,
    ));
    if let Some(answer) = answer {
        run.answer(&answer);
        shown.push_str(&show::settled(&plugins, &proxy, &screen));
        let got = proxy.message(Side::Response);
        shown.push_str(&show::message(
            "answer as the caller gets it",
            &got,
            &screen,
        ));
    }
    Ok(shown)
}

fn read(source: &Source) -> io::Result<Vec<Node>> {
    source.documents().map_err(|error| {
        let (name, line) = (&source.name, error.mark.line);
        io::Error::other(format!("{name}:{line}: {}", error.message))
    })
}

/// An exchange on its way through the filters.
struct Run<'a> {
    proxy: &'a Rc<Proxy>,
    stations: Vec<Box<dyn Station>>,
}

impl Run<'_> {
    /// Leads the request through the filters, as Envoy does: the headers go as far as a filter lets
    /// them, then the body follows. Returns which filter answered it instead.
    fn request(&mut self, request: &Message) -> Option<usize> {
        let bodiless = request.body.is_empty();
        let count = self.stations.len();
        let (mut headers_at, mut body_at) = (0, 0);
        while headers_at < count || body_at < count {
            let mut held = None;
            while held.is_none()
                && let Some(station) = self.stations.get_mut(headers_at)
            {
                self.proxy.at(headers_at, Side::Request, true);
                let goes_on = station.request_headers(bodiless);
                if self.proxy.is_answered() {
                    return Some(headers_at);
                }
                held = Some(headers_at).filter(|_| !goes_on);
                headers_at += 1;
            }
            while body_at < headers_at {
                if let Some(station) = self.stations.get_mut(body_at).filter(|_| !bodiless) {
                    self.proxy.at(body_at, Side::Request, held == Some(body_at));
                    station.request_body(self.proxy.length(Side::Request));
                    if self.proxy.is_answered() {
                        return Some(body_at);
                    }
                }
                body_at += 1;
            }
        }
        None
    }

    /// Leads the answer back, and ends the exchange.
    fn answer(&mut self, answer: &Message) {
        self.proxy.begin_answer(answer);
        let bodiless = answer.body.is_empty();
        let count = self.stations.len();
        let (mut headers_at, mut body_at) = (count, count);
        while headers_at > 0 || body_at > 0 {
            let mut held = None;
            while held.is_none() && headers_at > 0 {
                headers_at -= 1;
                let Some(station) = self.stations.get_mut(headers_at) else {
                    continue;
                };
                self.proxy.at(headers_at, Side::Response, true);
                held = Some(headers_at).filter(|_| !station.response_headers(bodiless));
            }
            while body_at > headers_at {
                body_at -= 1;
                if let Some(station) = self.stations.get_mut(body_at).filter(|_| !bodiless) {
                    let is_held = held == Some(body_at);
                    self.proxy.at(body_at, Side::Response, is_held);
                    station.response_body(self.proxy.length(Side::Response));
                }
            }
        }
        for (at, station) in self.stations.iter_mut().enumerate() {
            self.proxy.at(at, Side::Response, false);
            station.log();
        }
    }
}
