//! URLs that carry a password, or a key before an ingest host.

use crate::{
    bytes::{Bytes, class},
    find::{keyed, secret},
    scan::Scan,
    table::Own,
};

/// How far a URL is looked at.
const LONGEST: usize = 2048;

/// Schemes whose URLs are connection strings.
const DATABASES: &[&str] = &[
    "postgres",
    "postgresql",
    "mysql",
    "mariadb",
    "mongodb",
    "mongodb+srv",
    "redis",
    "rediss",
    "amqp",
    "amqps",
    "mssql",
    "sqlserver",
    "oracle",
    "cockroachdb",
    "clickhouse",
    "cassandra",
    "couchbase",
    "couchdb",
    "neo4j",
    "bolt",
    "neo4j+s",
    "influxdb",
    "elasticsearch",
    "kafka",
    "nats",
    "mqtt",
    "mqtts",
    "ldap",
    "ldaps",
    "snowflake",
    "jdbc",
    "sqlalchemy",
    "vertica",
    "db2",
    "memcached",
];

/// Looks at what follows a `://`.
pub(crate) fn url(scan: &mut Scan<'_>, row: usize, own: Own, start: usize, end: usize) {
    let text = scan.text;
    let mut from = text.run_back(
        start,
        class::ALNUM | class::DASH | class::PLUS_SLASH | class::DOT,
        24,
    );
    while from < start && !text.is(from, class::LETTER) {
        from += 1;
    }
    let scheme = text.slice(from, start);
    let ends = |byte: u8| {
        byte.is_ascii_whitespace()
            || matches!(byte, b'"' | b'\'' | b'`' | b'<' | b'>' | b'\\' | b'|')
            || byte == 0
    };
    let rest = text.slice(end, end + LONGEST);
    let mut at_sign = None;
    let mut len = rest.len();
    for (at, &byte) in rest.iter().enumerate() {
        match byte {
            // The last `@` before the path: passwords may hold one.
            b'@' => at_sign = Some(at),
            b'/' | b'?' | b'#' if at_sign.is_some() || !password_goes_on(rest, at) => {
                len = at;
                break;
            }
            b':' if rest.get(at..at + 3) == Some(b"://") => return,
            _ if ends(byte) => {
                len = at;
                break;
            }
            _ => {}
        }
    }
    let Some(at_sign) = at_sign.filter(|_| !scheme.is_empty()) else {
        return;
    };
    let user = rest.get(..at_sign).unwrap_or_default();
    let host = rest.get(at_sign + 1..len).unwrap_or_default();
    let colon = user.iter().position(|&byte| byte == b':');
    let database = {
        let head = scheme
            .split(|&byte| byte == b'+')
            .next()
            .unwrap_or_default();
        let is = |name: &[u8]| {
            DATABASES
                .iter()
                .any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
        };
        is(scheme) || is(head)
    };
    let fits = match (own, colon) {
        (Own::SentryDsn, None) => {
            user.len() == 32
                && Bytes(user).run(0, class::HEX_SMALL, 32) == 32
                && host
                    .windows(6)
                    .any(|six| six == b"ingest" || six == b"sentry")
        }
        (Own::ConnectionString | Own::Url, Some(colon)) => {
            let password = user.get(colon + 1..).unwrap_or_default();
            database == (own == Own::ConnectionString)
                && !password.is_empty()
                && !keyed::placeholder(password)
        }
        // A token in the place of the user: `https://ghp_…@github.com`.
        (Own::Url, None) => {
            user.len() >= 20
                && secret::made(user)
                && !host
                    .windows(6)
                    .any(|six| six == b"ingest" || six == b"sentry")
        }
        _ => false,
    };
    if fits {
        let last = end
            + rest
                .iter()
                .skip(len)
                .position(|&byte| ends(byte))
                .map_or(rest.len(), |more| len + more);
        scan.found(row, from, trimmed(text, end + at_sign, last));
    }
}

/// Whether a `/` at this place stands in a password: an `@` follows before the word ends.
fn password_goes_on(rest: &[u8], at: usize) -> bool {
    let colon = rest.get(..at).is_some_and(|user| user.contains(&b':'));
    let near = rest.get(at..rest.len().min(at + 40)).unwrap_or_default();
    let word = near
        .iter()
        .position(|byte| byte.is_ascii_whitespace() || *byte == b'"')
        .unwrap_or(near.len());
    let digits = rest.get(..at).is_some_and(|user| {
        user.iter()
            .rev()
            .take_while(|&&byte| byte != b':')
            .all(u8::is_ascii_digit)
    });
    colon && !digits && near.get(..word).is_some_and(|word| word.contains(&b'@'))
}

/// Without the punctuation that belongs to the sentence.
pub(crate) fn trimmed(text: Bytes<'_>, start: usize, end: usize) -> usize {
    let closing = |byte: &&u8| {
        matches!(
            **byte,
            b'.' | b',' | b';' | b':' | b'!' | b'?' | b')' | b']' | b'}' | b'*'
        )
    };
    end - text
        .slice(start, end)
        .iter()
        .rev()
        .take_while(closing)
        .count()
}
