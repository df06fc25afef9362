//! `weirctl report [FILE]`: what was spent, from a JSON access log or standard input.

mod account;
mod table;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;

use account::Account;

/// Prints the report over `path`, or over standard input.
///
/// # Errors
/// What cannot be read or written; the path is named.
pub fn run(path: Option<&Path>) -> io::Result<()> {
    match path {
        None => report(&mut io::stdin().lock()),
        Some(path) => File::open(path)
            .map(BufReader::new)
            .and_then(|mut file| report(&mut file))
            .map_err(|e| io::Error::new(e.kind(), format!("{}: {e}", path.display()))),
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
