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
       weirctl explain --config FILE [--filter NAME] --request FILE [--answer FILE]
       weirctl report [FILE]
       weirctl version

check    what is wrong with configurations: a filter's own (say whose with --filter), Envoy's with
         our filters in them, manifests of Istio and Envoy Gateway
         exit code 0: no error (with --strict: no warning either), 1: some, 2: could not be read
explain  what the filters of a configuration would do with a request, and why; no Envoy is needed
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
        ("explain", rest) => explain(rest)?,
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
            match argument.to_str() {
                Some("--filter") => check.filter = Some(filter_named(arguments.next())?),
                Some("--format") => {
                    check.json = match arguments.next().and_then(|format| format.to_str()) {
                        Some("json") => true,
                        Some("text") => false,
                        other => {
                            let other = other.unwrap_or_default();
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

fn explain(arguments: &[OsString]) -> io::Result<()> {
    let (mut config, mut request, mut answer, mut filter) = (None, None, None, None);
    let mut arguments = arguments.iter();
    while let Some(option) = arguments.next() {
        let option = option.to_str().unwrap_or_default();
        let mut file = |place: &mut Option<Source>| -> io::Result<()> {
            let path = arguments.next();
            let path = path.ok_or_else(|| {
                io::Error::other(format!("the file behind `{option}` is missing"))
            })?;
            *place = Some(Source::read(Path::new(path))?);
            Ok(())
        };
        match option {
            "--config" => file(&mut config)?,
            "--request" => file(&mut request)?,
            "--answer" => file(&mut answer)?,
            "--filter" => filter = Some(filter_named(arguments.next())?),
            _ => {
                let message = format!("`explain` has no option `{option}`\n{HELP}");
                return Err(io::Error::other(message));
            }
        }
    }
    let (Some(config), Some(request)) = (config, request) else {
        let message = format!("`explain` needs `--config` and `--request`\n{HELP}");
        return Err(io::Error::other(message));
    };
    let shown = weirctl::explain::explain(&config, filter, &request, answer.as_ref())?;
    write!(io::stdout(), "{shown}")
}

fn filter_named(name: Option<&OsString>) -> io::Result<Filter> {
    let Some(name) = name.and_then(|name| name.to_str()) else {
        return Err(io::Error::other("the name behind `--filter` is missing"));
    };
    Filter::named(name).ok_or_else(|| {
        let names = Filter::ALL.map(Filter::name).join(", ");
        io::Error::other(format!("`{name}` is no filter; there are {names}"))
    })
}
