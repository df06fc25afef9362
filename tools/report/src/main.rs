//! Prints what was spent, from a JSON access log: `weir-report [path]`, or standard input.

mod account;
mod table;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::process::ExitCode;

use account::Account;

fn main() -> ExitCode {
    let result = match std::env::args_os().nth(1) {
        None => report(&mut io::stdin().lock()),
        Some(path) => File::open(&path)
            .map(BufReader::new)
            .and_then(|mut file| report(&mut file))
            .map_err(|e| io::Error::new(e.kind(), format!("{}: {e}", path.display()))),
    };
    match result {
        // `weir-report | head` is no failure.
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => {
            let _ = writeln!(io::stderr(), "weir-report: {e}");
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}

fn report(log: &mut impl BufRead) -> io::Result<()> {
    let mut account = Account::default();
    let mut line = Vec::new();
    while log.read_until(b'\n', &mut line)? > 0 {
        account.add(&line);
        line.clear();
    }
    write!(io::stdout(), "{account}")
}
