//! Lines of an access log → sums by identity, model and provider.
//!
//! The fields are those of the quickstart's log format, which are Weir's facts, or those of
//! `envoy/observability`, which have OpenTelemetry's names. Envoy writes what is absent as `null` or
//! `"-"`, or not at all, and facts as strings or numbers.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;
use weir_prices::PicoUsd;

use super::table::Table;

/// What is shown for a name that is absent.
const NOBODY: &str = "(none)";

/// Sums over requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sum {
    pub(super) requests: u64,
    /// Those that used tokens nobody could price.
    pub(super) unpriced: u64,
    pub(super) input: u64,
    pub(super) output: u64,
    pub(super) cost: PicoUsd,
}

impl Sum {
    fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.unpriced += other.unpriced;
        self.input = self.input.saturating_add(other.input);
        self.output = self.output.saturating_add(other.output);
        self.cost = self.cost.saturating_add(other.cost);
    }
}

/// Everything an access log says about spend.
#[derive(Debug, Default)]
pub(super) struct Account {
    by_identity: BTreeMap<String, Sum>,
    by_model: BTreeMap<String, Sum>,
    by_provider: BTreeMap<String, Sum>,
    total: Sum,
    lines: u64,
    /// Lines that are no request to a model.
    others: u64,
    /// Lines that can't be read, and why the first of them can't.
    broken: u64,
    first_broken: Option<(u64, &'static str)>,
}

impl Account {
    /// Adds a line of the log. One that can't be read is counted as such and adds nothing.
    pub(super) fn add(&mut self, line: &[u8]) {
        self.lines += 1;
        if line.trim_ascii().is_empty() {
            return;
        }
        match Request::read(line) {
            Ok(None) => self.others += 1,
            Ok(Some(request)) => {
                for (sums, name) in [
                    (&mut self.by_identity, request.identity),
                    (&mut self.by_model, request.model),
                    (&mut self.by_provider, request.provider),
                ] {
                    sums.entry(name).or_default().add(&request.sum);
                }
                self.total.add(&request.sum);
            }
            Err(why) => {
                self.broken += 1;
                self.first_broken.get_or_insert((self.lines, why));
            }
        }
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (heading, sums) in [
            ("identity", &self.by_identity),
            ("model", &self.by_model),
            ("provider", &self.by_provider),
        ] {
            writeln!(f, "{}", Table::new(heading, sums, &self.total))?;
        }
        let unpriced = self.total.unpriced;
        if unpriced > 0 {
            writeln!(
                f,
                "Requests without a price, whose cost is in no sum: {unpriced}"
            )?;
        }
        if self.others > 0 {
            writeln!(f, "Lines that are no requests to a model: {}", self.others)?;
        }
        if let Some((line, why)) = self.first_broken {
            let broken = self.broken;
            writeln!(f, "Lines that can't be read, which are in no sum: {broken}")?;
            writeln!(f, "The first of them is line {line}: {why}.")?;
        }
        Ok(())
    }
}

/// A request to a model.
#[derive(Debug)]
struct Request {
    identity: String,
    model: String,
    provider: String,
    sum: Sum,
}

impl Request {
    fn read(line: &[u8]) -> Result<Option<Self>, &'static str> {
        let line: Value = serde_json::from_slice(line).map_err(|_| "it is no JSON")?;
        if !line.is_object() {
            return Err("it is no JSON object");
        }
        let cost = number(&line, "cost_picousd", "`cost_picousd` is no whole number")?;
        let input = number(&line, "input_tokens", "`input_tokens` is no whole number")?;
        let output = number(&line, "output_tokens", "`output_tokens` is no whole number")?;
        let sent = text(&line, "upstream_model");
        let model = sent.or_else(|| text(&line, "model"));
        let facts = [cost, input, output];
        if model.is_none() && facts.iter().all(Option::is_none) {
            return Ok(None);
        }
        let tokens = |count: Option<u128>| {
            u64::try_from(count.unwrap_or(0)).map_err(|_| "a number of tokens is absurd")
        };
        let (input, output) = (tokens(input)?, tokens(output)?);
        let is_priced = match text(&line, "priced").as_deref() {
            None => cost.is_some(),
            Some(priced) => priced == "true",
        };
        let name = |name: Option<String>| name.unwrap_or_else(|| NOBODY.to_owned());
        Ok(Some(Self {
            identity: name(text(&line, "identity")),
            model: name(model),
            provider: name(text(&line, "provider")),
            sum: Sum {
                requests: 1,
                unpriced: u64::from(!is_priced && (input > 0 || output > 0)),
                input,
                output,
                cost: PicoUsd(cost.unwrap_or(0)),
            },
        }))
    }
}

/// What OpenTelemetry calls a field.
fn standard(field: &str) -> &str {
    match field {
        "input_tokens" => "gen_ai.usage.input_tokens",
        "output_tokens" => "gen_ai.usage.output_tokens",
        "upstream_model" => "gen_ai.request.model",
        "provider" => "gen_ai.provider.name",
        other => other,
    }
}

/// A field as text, unless it is absent.
fn text(line: &Value, field: &str) -> Option<String> {
    match line.get(field).or_else(|| line.get(standard(field)))? {
        Value::String(text) if text.is_empty() || text == "-" => None,
        Value::String(text) => Some(text.clone()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A field as a whole number, unless it is absent. A number that JSON readers take for a float
/// is none: it has lost digits.
fn number(line: &Value, field: &str, why: &'static str) -> Result<Option<u128>, &'static str> {
    let Some(text) = text(line, field) else {
        return Ok(None);
    };
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(why);
    }
    text.parse().map(Some).map_err(|_| why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(lines: &[&str]) -> Account {
        let mut account = Account::default();
        lines.iter().for_each(|line| account.add(line.as_bytes()));
        account
    }

    #[test]
    fn lines_and_what_they_add() {
        let sum = |unpriced, input, output, cost| Sum {
            requests: 1,
            unpriced,
            input,
            output,
            cost: PicoUsd(cost),
        };
        for (line, expected) in [
            (
                r#"{"model":"m","input_tokens":"10","output_tokens":"2","cost_picousd":"345","priced":"true"}"#,
                Some(sum(0, 10, 2, 345)),
            ),
            (
                r#"{"model":"m","input_tokens":10,"output_tokens":2,"cost_picousd":345,"priced":true}"#,
                Some(sum(0, 10, 2, 345)),
            ),
            (
                r#"{"gen_ai.request.model":"m","gen_ai.usage.input_tokens":10,"gen_ai.usage.output_tokens":2,"cost_picousd":"345","priced":"true"}"#,
                Some(sum(0, 10, 2, 345)),
            ),
            // More than a float or a u64 can hold.
            (
                r#"{"model":"m","cost_picousd":"36893488147419103233"}"#,
                Some(sum(0, 0, 0, 36_893_488_147_419_103_233)),
            ),
            (
                r#"{"model":"m","input_tokens":"10","output_tokens":"0","cost_picousd":"0","priced":"false"}"#,
                Some(sum(1, 10, 0, 0)),
            ),
            (
                r#"{"model":"m","input_tokens":"10"}"#,
                Some(sum(1, 10, 0, 0)),
            ),
            // Refused before it cost anything.
            (r#"{"model":"m","verdict":"denied"}"#, Some(sum(0, 0, 0, 0))),
            (
                r#"{"model":"-","input_tokens":null,"path":"/healthz"}"#,
                None,
            ),
            (r#"{"path":"/healthz"}"#, None),
        ] {
            let account = account(&[line]);
            let expected_sum = expected.unwrap_or_default();
            assert_eq!((account.total, account.broken), (expected_sum, 0), "{line}");
            assert_eq!(account.others, u64::from(expected.is_none()), "{line}");
        }
    }

    #[test]
    fn broken_lines_are_counted_and_add_nothing() {
        for (line, why) in [
            ("{", "it is no JSON"),
            ("[]", "it is no JSON object"),
            ("7", "it is no JSON object"),
            ("start of Envoy", "it is no JSON"),
            (
                r#"{"cost_picousd":"-1"}"#,
                "`cost_picousd` is no whole number",
            ),
            (
                r#"{"cost_picousd":"1.5"}"#,
                "`cost_picousd` is no whole number",
            ),
            (
                r#"{"cost_picousd":1e3}"#,
                "`cost_picousd` is no whole number",
            ),
            (
                r#"{"cost_picousd":36893488147419103233}"#,
                "`cost_picousd` is no whole number",
            ),
            (
                r#"{"input_tokens":"many"}"#,
                "`input_tokens` is no whole number",
            ),
            (
                r#"{"output_tokens":"99999999999999999999"}"#,
                "a number of tokens is absurd",
            ),
        ] {
            let account = account(&["", line]);
            assert_eq!(account.first_broken, Some((2, why)), "{line}");
            assert_eq!(
                (account.broken, account.total),
                (1, Sum::default()),
                "{line}"
            );
        }
    }

    #[test]
    fn where_a_request_is_counted() {
        let account = account(&[
            r#"{"identity":"a","upstream_model":"m1","model":"m","provider":"p","cost_picousd":"1"}"#,
            r#"{"identity":"b","upstream_model":"-","model":"m","provider":null,"cost_picousd":"10"}"#,
            r#"{"identity":"a","model":"m","cost_picousd":"100"}"#,
        ]);
        let costs = |sums: &BTreeMap<String, Sum>| -> Vec<(String, u128)> {
            let costs = sums.iter().map(|(name, sum)| (name.clone(), sum.cost.0));
            costs.collect()
        };
        let named = |pairs: &[(&str, u128)]| -> Vec<(String, u128)> {
            pairs.iter().map(|&(n, c)| (n.to_owned(), c)).collect()
        };
        assert_eq!(costs(&account.by_identity), named(&[("a", 101), ("b", 10)]));
        assert_eq!(costs(&account.by_model), named(&[("m", 110), ("m1", 1)]));
        assert_eq!(
            costs(&account.by_provider),
            named(&[(NOBODY, 110), ("p", 1)])
        );
        assert_eq!(account.total.cost, PicoUsd(111));
    }
}
