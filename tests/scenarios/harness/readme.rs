//! Runs the commands of a README and compares what they print with what it says.
//!
//! Only ```` ```console ```` blocks are run; what cannot be, stands in a block of another kind. A
//! line that begins with `$ ` is a command, which goes on behind a `\` or a `|`; the lines up to the
//! next command are what it prints. A block is one bash, in the checkout, whose `curl` reaches the
//! scenario's sockets at `localhost:<port>`.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::LazyLock;
use std::time::Duration;

use regex::Regex;
use tokio::process::Command;
use tokio::time::timeout;

use super::{Running, root};

/// How long a block may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Ends what one command has printed: nothing prints this by itself.
const MARK: char = '\x1e';

/// What differs from run to run, and what it is replaced by on both sides of a comparison.
static VARYING: LazyLock<Vec<(Regex, &'static str)>> = LazyLock::new(|| {
    [
        (r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z", "<time>"),
        (r"[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT", "<time>"),
        (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "<id>"),
        // The mock LLM's ids are serial numbers.
        (r"(chatcmpl-|cmpl-|msg_|resp_|req_)[0-9a-f]{24}", "${1}<id>"),
        (r"(?i)(x-envoy-upstream-service-time: )[0-9]+", "$1<duration>"),
        (r#"((duration|ttft)_ms":"?)[0-9]+"#, "$1<duration>"),
        // A limit's time until it is full again, or until something fits.
        (r"(?i)((x-ratelimit|anthropic-ratelimit)-[a-z-]*reset[a-z-]*: |retry-after(-ms)?: )[^\r\n]+", "$1<duration>"),
        (r"((try again|begins anew) in )[0-9a-z.]+[a-z]", "$1<duration>"),
    ]
    .map(|(pattern, name)| (Regex::new(pattern).unwrap(), name))
    .into()
});

/// A README whose blocks are run in their order.
pub(crate) struct Readme {
    path: PathBuf,
    lines: Vec<String>,
    /// Where to look for the next block.
    next: usize,
    updating: bool,
}

/// A command, and where in the README its output stands.
struct Step {
    command: String,
    from: usize,
    to: usize,
}

impl Readme {
    pub(super) fn open(path: &Path) -> Self {
        let text = std::fs::read_to_string(path);
        let text = text.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self {
            path: path.to_owned(),
            lines: text.lines().map(str::to_owned).collect(),
            next: 0,
            updating: std::env::var_os("WEIR_UPDATE_READMES").is_some(),
        }
    }

    /// Runs the next block; whether there was one.
    pub(crate) async fn block(&mut self, running: &Running) -> bool {
        let Some(steps) = self.find_block() else {
            return false;
        };
        let commands: Vec<_> = steps.iter().map(|step| step.command.as_str()).collect();
        let printed = run(&running.ports(), &commands).await;
        let mut moved: isize = 0;
        for (step, printed) in steps.iter().zip(printed) {
            let (from, to) = (
                step.from.checked_add_signed(moved).unwrap(),
                step.to.checked_add_signed(moved).unwrap(),
            );
            let expected = self.lines[from..to].join("\n");
            if normal(&expected) == normal(&printed) {
                continue;
            }
            assert!(
                self.updating,
                "{}:{from}:\n$ {}\n--- expected\n{expected}\n--- printed\n{printed}\n---",
                self.path.display(),
                step.command
            );
            let lines: Vec<_> = printed.lines().map(str::to_owned).collect();
            let change =
                isize::try_from(lines.len()).unwrap() - isize::try_from(to - from).unwrap();
            self.lines.splice(from..to, lines);
            moved += change;
        }
        self.next = self.next.checked_add_signed(moved).unwrap();
        true
    }

    /// Runs all blocks that are left. A README without any is a mistake.
    pub(crate) async fn finish(mut self, running: &Running) {
        while self.block(running).await {}
        assert!(self.next > 0, "{} has no commands", self.path.display());
        if self.updating {
            std::fs::write(&self.path, self.lines.join("\n") + "\n").unwrap();
        }
    }

    /// The commands of the next block; moves behind it.
    fn find_block(&mut self) -> Option<Vec<Step>> {
        let rest = self.lines.iter().enumerate().skip(self.next);
        let start = rest.clone().find(|(_, line)| *line == "```console")?.0 + 1;
        let end = rest
            .skip(start - self.next)
            .find(|(_, line)| *line == "```");
        let end = end.expect("a block's end").0;
        self.next = end + 1;
        let mut steps: Vec<Step> = Vec::new();
        let mut at = start;
        while at < end {
            let Some(command) = self.lines[at].strip_prefix("$ ") else {
                steps.last_mut().expect("a command before its output").to = at + 1;
                at += 1;
                continue;
            };
            let mut command = command.to_owned();
            while command.ends_with(['\\', '|']) {
                at += 1;
                command.push('\n');
                command.push_str(&self.lines[at]);
            }
            at += 1;
            steps.push(Step {
                command,
                from: at,
                to: at,
            });
        }
        Some(steps)
    }
}

/// What each command prints, on standard output and standard error.
pub(super) async fn run(ports: &[(u16, PathBuf)], commands: &[&str]) -> Vec<String> {
    let mut script = prelude(ports);
    for command in commands {
        script.push_str(&format!("{command}\nprintf '%b' '\\x1e'\n"));
    }
    let bash = Command::new("bash")
        .args(["-c", &script])
        .current_dir(root())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = match timeout(PATIENCE, bash).await {
        Ok(output) => output.expect("bash can be run"),
        Err(_) => panic!("not done within {PATIENCE:?}: {commands:#?}"),
    };
    let text = String::from_utf8_lossy(&output.stdout).replace('\r', "");
    let printed: Vec<_> = text.split_terminator(MARK).collect();
    assert_eq!(printed.len(), commands.len(), "{commands:#?}: {text}");
    let whole_lines = |it: &&str| it.trim_end_matches('\n').to_owned();
    printed.iter().map(whole_lines).collect()
}

/// A `curl` that finds the sockets in place of ports.
fn prelude(ports: &[(u16, PathBuf)]) -> String {
    let mut cases = String::new();
    for (port, socket) in ports {
        cases.push_str(&format!(
            "localhost:{port}|localhost:{port}/*|*://localhost:{port}|*://localhost:{port}/*) \
             socket='{}' ;;\n",
            socket.display()
        ));
    }
    format!(
        "exec 2>&1\n\
         curl() {{\n\
         local socket= argument\n\
         for argument in \"$@\"; do case $argument in\n{cases}esac; done\n\
         [ -n \"$socket\" ] || {{ echo \"no such port here: $*\"; return 7; }}\n\
         command curl --max-time 30 --unix-socket \"$socket\" \"$@\"\n\
         }}\n"
    )
}

/// A text without what differs from run to run.
fn normal(text: &str) -> String {
    let mut text = text.to_owned();
    for (varying, name) in VARYING.iter() {
        text = varying.replace_all(&text, *name).into_owned();
    }
    text
}

#[test]
fn what_varies_is_told_from_what_does_not() {
    let table = [
        (
            r#"{"id":"chatcmpl-000000000000000000000001","created":1760000000}"#,
            r#"{"id":"chatcmpl-<id>","created":1760000000}"#,
        ),
        ("date: Sat, 21 Nov 2026 18:30:48 GMT", "date: <time>"),
        (
            "x-ratelimit-reset-tokens: 10ms\nx-ratelimit-remaining-tokens: 5",
            "x-ratelimit-reset-tokens: <duration>\nx-ratelimit-remaining-tokens: 5",
        ),
        (
            "Please try again in 1m2.5s.",
            "Please try again in <duration>.",
        ),
        (
            r#""duration_ms":"12","status":200"#,
            r#""duration_ms":"<duration>","status":200"#,
        ),
    ];
    for (text, expected) in table {
        assert_eq!(normal(text), expected);
    }
}
