//! All four filters with limits that nobody reaches, and an audit of what they have counted.
//!
//! Four places tell what was used: the access log, the metrics, and what is left of each team's
//! quota of tokens and budget of money. [`Books::audit`] makes sure that they say the same to the
//! token and to the pico-dollar, which they only do when every exchange was settled, once.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;
use weir_prices::PicoUsd;

use crate::bootstrap::{Bootstrap, Wasm};
use crate::client::{Client, Request, Response};
use crate::rig::{Rig, cost, model_router, pii_redact, token_limit};

/// Tokens that each team has.
pub const QUOTA: u64 = 1_000_000_000;
/// Dollars that each team has.
pub const BUDGET_USD: u64 = 1_000_000;
/// What a token of a prompt costs, in pico-dollars. The last digits show when something is lost.
pub const INPUT_PICOUSD: u64 = 1_000_003;
/// What a token of an answer costs, in pico-dollars.
pub const OUTPUT_PICOUSD: u64 = 4_000_007;

/// How often, 20 ms apart, the books are looked at again while they do not agree: an exchange is
/// settled when Envoy logs it, which is after its answer.
const LOOKS: u32 = 250;
/// The path of the audits' own requests, which use nothing. No test may send others to it.
pub const FREE: &str = "/v1/messages/count_tokens";

/// The four filters in their order. Teams are told by `x-team`; `gpt-4o` is also `fast`, and the
/// caller reads in the answer the name it used; a request with `x-quota: none` is refused by
/// token-limit.
pub fn filters() -> [Wasm; 4] {
    let identity = json!([{"header": "x-team"}]);
    let per_mtok = |picousd: u64| PicoUsd(u128::from(picousd) * 1_000_000).to_string();
    [
        model_router(json!({
            "identity": identity,
            "models": {"gpt-4o": {"aliases": ["fast"]}},
            "restore_model": true,
        })),
        pii_redact(json!({})),
        token_limit(json!({"limits": [
            {"name": "all", "tokens": QUOTA, "window": "forever"},
            {"name": "none", "match": {"headers": {"x-quota": "none"}}, "tokens": 1, "window": "forever"},
        ]})),
        cost(json!({
            "cost_in_usage": true,
            "prices": [{"match": "gpt-4o", "input_usd_per_mtok": per_mtok(INPUT_PICOUSD),
                        "output_usd_per_mtok": per_mtok(OUTPUT_PICOUSD)}],
            "budgets": [{"name": "all", "usd": BUDGET_USD, "window": "forever", "warn_at": 0}],
        })),
    ]
}

/// Adds [`filters`] to a chain.
pub fn chain(bootstrap: Bootstrap) -> Bootstrap {
    filters().into_iter().fold(bootstrap, Bootstrap::wasm)
}

/// What one team, or all of them, have used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// Tokens of prompts.
    pub input: u64,
    /// Tokens of answers.
    pub output: u64,
    /// Pico-dollars.
    pub picousd: u128,
}

impl Used {
    /// What so many tokens of `gpt-4o` come to.
    pub fn of(input: u64, output: u64) -> Self {
        let [of_input, of_output] = [(input, INPUT_PICOUSD), (output, OUTPUT_PICOUSD)]
            .map(|(tokens, rate)| u128::from(tokens) * u128::from(rate));
        Self {
            input,
            output,
            picousd: of_input + of_output,
        }
    }

    fn add(&mut self, other: Self) {
        self.input += other.input;
        self.output += other.output;
        self.picousd += other.picousd;
    }
}

/// The books of an Envoy with [`filters`] in it.
#[derive(Debug)]
pub struct Books {
    client: Client,
    /// What stood in the access log when it was emptied.
    before: Mutex<Page>,
}

/// The sums of an access log.
#[derive(Clone, Debug, Default)]
struct Page {
    teams: BTreeMap<String, Used>,
    redacted: u64,
}

/// What the books said when they agreed.
#[derive(Clone, Debug, Default)]
pub struct Audit {
    /// What each team has used.
    pub teams: BTreeMap<String, Used>,
    /// The access log without the requests of the audit itself.
    pub log: Vec<Value>,
}

impl Audit {
    /// What this team has used.
    pub fn team(&self, team: &str) -> Used {
        self.teams.get(team).copied().unwrap_or_default()
    }

    /// What all have used.
    pub fn all(&self) -> Used {
        let mut all = Used::default();
        self.teams.values().for_each(|used| all.add(*used));
        all
    }
}

impl Books {
    /// The books of this rig. Audits go over a connection of their own.
    pub fn of(rig: &Rig) -> Self {
        Self {
            client: rig.h2(),
            before: Mutex::default(),
        }
    }

    /// As [`audit`](Self::audit) of the requests since the last such call; empties the access log
    /// and goes on from there.
    ///
    /// # Panics
    /// As `audit` does.
    pub async fn turn_the_page(&self, rig: &Rig, requests: usize) -> Audit {
        let audit = self.audit(rig, requests).await;
        let redacted = audit.log.iter().map(values).sum::<u64>();
        let mut before = self.before.lock().unwrap();
        before.teams.clone_from(&audit.teams);
        before.redacted += redacted;
        rig.envoy.forget_access_log();
        audit
    }

    /// Waits until so many requests are logged and settled, and makes sure that the access log,
    /// the metrics, the quotas and the budgets of all teams in the log agree. Nothing may be on
    /// its way.
    ///
    /// # Panics
    /// With both numbers, when they still do not agree after ten seconds.
    pub async fn audit(&self, rig: &Rig, requests: usize) -> Audit {
        let mut said = Err(String::new());
        for _ in 0..LOOKS {
            said = self.look(rig, requests).await;
            if said.is_ok() {
                break;
            }
            sleep(Duration::from_millis(20)).await;
        }
        said.unwrap_or_else(|difference| panic!("the books do not agree: {difference}"))
    }

    async fn look(&self, rig: &Rig, requests: usize) -> Result<Audit, String> {
        let mut log = rig.envoy.access_log(requests).await;
        log.retain(|line| line["path"] != FREE);
        same("lines of the log", log.len(), requests)?;
        let before = self.before.lock().unwrap().clone();
        let mut audit = Audit {
            log,
            teams: before.teams,
        };
        let mut redacted = before.redacted;
        for line in &audit.log {
            let used = Used {
                input: number(line, "input_tokens"),
                output: number(line, "output_tokens"),
                picousd: number(line, "cost_picousd").into(),
            };
            same(
                "total of a line",
                number(line, "total_tokens"),
                used.input + used.output,
            )?;
            if let Some(team) = line["identity"].as_str() {
                audit.teams.entry(team.to_owned()).or_default().add(used);
            } else {
                same("what nobody used", used, Used::default())?;
            }
            redacted += values(line);
        }

        for (team, used) in &audit.teams {
            let [tokens, picousd] = self.left(team).await?;
            let budget = u128::from(BUDGET_USD) * 1_000_000_000_000;
            let (log, quota) = (used.input + used.output, u128::from(QUOTA) - tokens);
            same(&format!("quota of {team}"), quota, u128::from(log))?;
            same(&format!("budget of {team}"), budget - picousd, used.picousd)?;
        }

        let all = audit.all();
        let metric = async |name: &str| -> u64 {
            let stats = rig.envoy.stats(&format!("^wasmcustom\\.{name}")).await;
            stats.values().sum()
        };
        let input = metric("weir_tokens_total.*;type=input;").await;
        let output = metric("weir_tokens_total.*;type=output;").await;
        same("metric of prompts", input, all.input)?;
        same("metric of answers", output, all.output)?;
        let cost = metric("weir_cost_picousd_total").await;
        same("metric of money", u128::from(cost), all.picousd)?;
        let redactions = metric("weir_redactions_total.*;direction=request").await;
        same("metric of redactions", redactions, redacted)?;
        same("host failures", metric("weir_host_failures_total").await, 0)?;
        same(
            "store failures",
            metric("weir_store_failures_total").await,
            0,
        )?;
        Ok(audit)
    }

    /// Tokens and pico-dollars that are left to a team, by a request that uses none.
    async fn left(&self, team: &str) -> Result<[u128; 2], String> {
        let free = Request::post(FREE)
            .header("x-team", team)
            .json(&json!({"model": "gpt-4o", "messages": []}));
        let answer = self.client.send(free).await;
        let header = |name: &str| {
            let told = answer.header(name);
            told.ok_or_else(|| format!("{team} is not told {name}: {answer:?}"))
        };
        let tokens = header("anthropic-ratelimit-tokens-remaining")?;
        let tokens = tokens.parse().map_err(|_| tokens.to_owned())?;
        // Of a budget that nobody has touched there is nothing to be told.
        let usd = header("x-ai-budget-remaining-usd").unwrap_or("1000000");
        let picousd: PicoUsd = usd.parse().map_err(|_| usd.to_owned())?;
        Ok([tokens, picousd.0])
    }
}

/// Values that were replaced in the request of a line.
fn values(line: &Value) -> u64 {
    let types = line["redacted"].as_str().unwrap_or_default().split(',');
    let counts = types.filter_map(|of_type| of_type.split_once('=')?.1.parse::<u64>().ok());
    counts.sum()
}

/// A number of a line; 0 when nobody left it, as of a request that never got so far.
fn number(line: &Value, name: &str) -> u64 {
    let text = line[name].as_str().unwrap_or("0");
    text.parse().unwrap_or_else(|_| panic!("{name} in {line}"))
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, got: T, expected: T) -> Result<(), String> {
    match got == expected {
        true => Ok(()),
        false => Err(format!("{what}: {got:?} instead of {expected:?}")),
    }
}

/// A chat of this team, to be answered with so many tokens.
pub fn chat(team: &str, tokens: u64, text: &str, stream: bool) -> Request {
    let mut body = json!({
        "model": "fast",
        "max_tokens": 100,
        "messages": [{"role": "user", "content": text}],
    });
    if stream {
        body["stream"] = json!(true);
        body["stream_options"] = json!({"include_usage": true});
    }
    Request::post("/v1/chat/completions")
        .header("x-team", team)
        .header("x-mock-ledger", team)
        .header("x-mock-tokens", tokens.to_string())
        .json(&body)
}

/// The text of an answer to a chat as far as it came, whole or streamed.
pub fn said(answer: &Response) -> String {
    if let Ok(whole) = serde_json::from_slice::<Value>(&answer.body) {
        let text = whole["choices"][0]["message"]["content"].as_str();
        return text.unwrap_or_default().to_owned();
    }
    let events = answer.sse();
    let texts = events.iter().filter_map(|(_, data)| {
        let event: Value = serde_json::from_str(data).ok()?;
        Some(event["choices"][0]["delta"]["content"].as_str()?.to_owned())
    });
    texts.collect()
}
