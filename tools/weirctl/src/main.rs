//! `weirctl`: see `weirctl help`.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

const HELP: &str = "\
usage: weirctl report [FILE]
       weirctl version

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
        ("help" | "--help" | "-h", _) => write!(io::stdout(), "{HELP}")?,
        _ => return Err(io::Error::other(format!("no such command\n{HELP}"))),
    }
    Ok(ExitCode::SUCCESS)
}
