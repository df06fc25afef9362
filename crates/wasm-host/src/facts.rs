//! The facts of an exchange, asked of the proxy and told to it no more often than need be: each
//! such call takes Envoy some microseconds, which is more than most policies take to decide.
//!
//! All facts known so far travel from filter to filter in one piece of filter state of their own.
//! Once that is read, no other has to be; a fact that is there already is not set again.

use std::collections::{BTreeMap, BTreeSet};

use weir_policy::names::fact;

use crate::{Host, Status};

#[derive(Default)]
pub(crate) struct Facts {
    known: BTreeMap<String, String>,
    /// Whether what earlier filters left was looked for, and whether `known` has all of it.
    looked: bool,
    complete: bool,
    /// What was set here and not told to later filters yet.
    untold: BTreeSet<String>,
}

impl Facts {
    /// A fact that is known by now.
    pub(crate) fn get(&mut self, host: &impl Host, name: &str) -> Option<String> {
        self.look(host);
        if let Some(known) = self.known.get(name) {
            return Some(known.clone());
        }
        if self.complete {
            return None;
        }
        let value = left(host, name)?;
        self.known.insert(name.to_owned(), value.clone());
        Some(value)
    }

    /// Leaves a fact.
    pub(crate) fn set(&mut self, host: &impl Host, name: &str, value: &str) -> Result<(), Status> {
        self.look(host);
        if self.known.get(name).is_some_and(|known| known == value) {
            return Ok(());
        }
        host.set_property(&format!("{}{name}", fact::PREFIX), value.as_bytes())?;
        self.known.insert(name.to_owned(), value.to_owned());
        self.untold.insert(name.to_owned());
        Ok(())
    }

    /// Earlier filters have judged the body since: what they found out by it has to be looked for,
    /// if there are any.
    pub(crate) fn look_again(&mut self) {
        self.looked = !self.complete;
    }

    /// Tells the filters behind this one what is known, if they have not been told.
    pub(crate) fn tell(&mut self, host: &impl Host) -> Result<(), Status> {
        if self.untold.is_empty() {
            return Ok(());
        }
        self.untold.clear();
        let key = format!("{}{}", fact::PREFIX, fact::ALL);
        host.set_property(&key, written(&self.known).as_bytes())
    }

    /// Looks for what earlier filters left. Without any of the suite there may still be facts,
    /// of whoever sets filter state; these are looked up one by one.
    fn look(&mut self, host: &impl Host) {
        if std::mem::replace(&mut self.looked, true) {
            return;
        }
        if let Some(told) = left(host, fact::ALL).and_then(|all| read(&all)) {
            // What was set here since is newer.
            let told = told.into_iter();
            let untold = &self.untold;
            self.known
                .extend(told.filter(|(name, _)| !untold.contains(name)));
            self.complete = true;
        }
    }
}

fn left(host: &impl Host, name: &str) -> Option<String> {
    let key = format!("wasm.{}{name}", fact::PREFIX);
    String::from_utf8(host.property(&["filter_state", &key])?).ok()
}

/// Facts in one string; a value may hold anything.
fn written(facts: &BTreeMap<String, String>) -> String {
    let fact = |(name, value): (&String, &String)| format!("{name}\0{}\0{value}", value.len());
    facts.iter().map(fact).collect()
}

fn read(mut written: &str) -> Option<BTreeMap<String, String>> {
    let mut facts = BTreeMap::new();
    while !written.is_empty() {
        let (name, rest) = written.split_once('\0')?;
        let (len, rest) = rest.split_once('\0')?;
        let (value, rest) = rest.split_at_checked(len.parse().ok()?)?;
        facts.insert(name.to_owned(), value.to_owned());
        written = rest;
    }
    Some(facts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let facts = [("model", "gpt-4o"), ("identity", "é\0 3\0x"), ("rule", "")];
        let facts = facts.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let facts = BTreeMap::from(facts);
        assert_eq!(read(&written(&facts)), Some(facts));
        for broken in [
            "model",
            "model\0",
            "model\0x\0a",
            "model\x009\0a",
            "a\x001\0é",
        ] {
            assert_eq!(read(broken), None, "{broken:?}");
        }
    }
}
