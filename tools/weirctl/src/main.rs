//! `weirctl`: see `weirctl help`.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use weirctl::check::Source;
use weirctl::filter::Filter;
use weirctl::finding::{Finding, Severity};

const HELP: &str = "\
usage: weirctl check [--filter NAME] [--format text|json] [--strict] FILE...
       weirctl report [FILE]
       weirctl version

check    what is wrong with configurations: a filter's own (say whose with --filter), Envoy's with
         our filters in them, manifests of Istio and Envoy Gateway
         exit code 0: no error (with --strict: no warning either), 1: some, 2: could not be read
report   spend by identity, model and provider, from a JSON access log or standard input
version  the version and the commit it was built from
";

/// Exit codes: what was asked for is so; it is not; it could not be found out.
const FAILED: u8 = 2;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    match run(&arguments) {
        Ok(code) => code,
        // `weirctl report | head` is no failure.
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(e) => {
            let _ = writeln!(io::stderr(), "weirctl: {e}");
            ExitCode::from(FAILED)
        }
    }
}

fn run(arguments: &[OsString]) -> io::Result<ExitCode> {
    let Some((command, rest)) = arguments.split_first() else {
        return Err(io::Error::other(format!("no command\n{HELP}")));
    };
    match (command.to_str().unwrap_or_default(), rest) {
        ("report", []) => weirctl::report::run(None)?,
        ("report", [path]) => weirctl::report::run(Some(Path::new(path)))?,
        ("version" | "--version", []) => {
            let commit = option_env!("WEIR_COMMIT").unwrap_or("unknown commit");
            writeln!(
                io::stdout(),
                "weirctl {} ({commit})",
                env!("CARGO_PKG_VERSION")
            )?;
        }
        ("check", rest) => return check(rest),
        ("help" | "--help" | "-h", _) => write!(io::stdout(), "{HELP}")?,
        _ => return Err(io::Error::other(format!("no such command\n{HELP}"))),
    }
    Ok(ExitCode::SUCCESS)
}

/// What `weirctl check` is asked.
#[derive(Default)]
struct Check {
    files: Vec<Source>,
    filter: Option<Filter>,
    json: bool,
    strict: bool,
}

impl Check {
    fn of(arguments: &[OsString]) -> io::Result<Self> {
        let mut check = Self::default();
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let mut value = |what: &str| {
                let value = arguments.next().and_then(|value| value.to_str());
                value.ok_or_else(|| io::Error::other(format!("{what} is missing")))
            };
            match argument.to_str() {
                Some("--filter") => {
                    let name = value("the name behind `--filter`")?;
                    let filter = Filter::named(name).ok_or_else(|| {
                        let names = Filter::ALL.map(Filter::name).join(", ");
                        io::Error::other(format!("`{name}` is no filter; there are {names}"))
                    })?;
                    check.filter = Some(filter);
                }
                Some("--format") => {
                    check.json = match value("the format behind `--format`")? {
                        "json" => true,
                        "text" => false,
                        other => {
                            let message = format!("`{other}` is neither `text` nor `json`");
                            return Err(io::Error::other(message));
                        }
                    }
                }
                Some("--strict") => check.strict = true,
                Some(option) if option.starts_with("--") => {
                    let message = format!("`check` has no option `{option}`\n{HELP}");
                    return Err(io::Error::other(message));
                }
                _ => check.files.push(Source::read(Path::new(argument))?),
            }
        }
        if check.files.is_empty() {
            return Err(io::Error::other(format!("no file to check\n{HELP}")));
        }
        Ok(check)
    }
}

fn check(arguments: &[OsString]) -> io::Result<ExitCode> {
    let asked = Check::of(arguments)?;
    let findings = weirctl::check::check(&asked.files, asked.filter);
    let mut out = io::stdout().lock();
    if asked.json {
        let list: Vec<_> = findings.iter().map(Finding::json).collect();
        writeln!(out, "{:#}", serde_json::Value::from(list))?;
    } else {
        for finding in &findings {
            writeln!(out, "{finding}")?;
        }
    }
    let worst = findings.iter().map(|finding| finding.severity).min();
    Ok(match worst {
        Some(Severity::Error) => ExitCode::FAILURE,
        Some(Severity::Warning) if asked.strict => ExitCode::FAILURE,
        _ => ExitCode::SUCCESS,
    })
}
