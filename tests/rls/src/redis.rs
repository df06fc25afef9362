//! As much of Redis's protocol as adding to counters takes.
//!
//! A connection serves one call at a time and is put back when the call is over. One whose call
//! failed, or was given up half way, is closed: nobody could say whose answers come next.

use std::io;
use std::sync::Mutex;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpStream, UnixStream};

use crate::address::Address;

/// Takes from a counter what it can give: none goes below nothing, and none is made by it.
const TAKE_BACK: &str = "local count = redis.call('GET', KEYS[1]) \
    if not count then return 0 end \
    local left = string.format('%d', math.max(0, count - ARGV[1])) \
    redis.call('SET', KEYS[1], left) \
    return tonumber(left)";

/// Something to be added to a counter.
#[derive(Debug)]
pub(crate) struct Addition {
    pub(crate) key: String,
    /// Less than nothing is taken back.
    pub(crate) hits: i64,
    /// Seconds after which the counter is forgotten.
    pub(crate) expires_in: u64,
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

type Connection = BufReader<Box<dyn Stream>>;

/// A Redis server.
pub(crate) struct Redis {
    address: Address,
    idle: Mutex<Vec<Connection>>,
}

impl Redis {
    pub(crate) fn new(address: Address) -> Self {
        Self {
            address,
            idle: Mutex::default(),
        }
    }

    /// Adds to all counters in one round trip, and returns where they stand.
    pub(crate) async fn add(&self, additions: &[Addition]) -> io::Result<Vec<i64>> {
        if additions.is_empty() {
            return Ok(Vec::new());
        }
        let mut commands = Vec::new();
        for Addition {
            key,
            hits,
            expires_in,
        } in additions
        {
            match hits {
                ..0 => {
                    let hits = hits.unsigned_abs().to_string();
                    command(&mut commands, &["EVAL", TAKE_BACK, "1", key, &hits]);
                }
                _ => command(&mut commands, &["INCRBY", key, &hits.to_string()]),
            }
            command(&mut commands, &["EXPIRE", key, &expires_in.to_string()]);
        }
        let mut connection = match self.take() {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        connection.write_all(&commands).await?;
        let mut counts = Vec::with_capacity(additions.len());
        for _ in additions {
            counts.push(integer(&mut connection).await?);
            integer(&mut connection).await?;
        }
        self.put_back(connection);
        Ok(counts)
    }

    async fn connect(&self) -> io::Result<Connection> {
        let stream: Box<dyn Stream> = match &self.address {
            Address::Unix(path) => Box::new(UnixStream::connect(path).await?),
            Address::Tcp(address) => Box::new(TcpStream::connect(address).await?),
        };
        Ok(BufReader::new(stream))
    }

    fn take(&self) -> Option<Connection> {
        self.idle.lock().ok()?.pop()
    }

    fn put_back(&self, connection: Connection) {
        if let Ok(mut idle) = self.idle.lock() {
            idle.push(connection);
        }
    }
}

fn command(out: &mut Vec<u8>, words: &[&str]) {
    out.extend_from_slice(format!("*{}\r\n", words.len()).as_bytes());
    for word in words {
        out.extend_from_slice(format!("${}\r\n{word}\r\n", word.len()).as_bytes());
    }
}

/// Reads one answer, which has to be a number.
async fn integer(connection: &mut Connection) -> io::Result<i64> {
    let mut line = String::new();
    // An answer that is a number or an error is short; a peer that is no Redis may say anything.
    (&mut *connection).take(512).read_line(&mut line).await?;
    let number = line.strip_prefix(':').and_then(|it| it.trim().parse().ok());
    number.ok_or_else(|| match line.trim() {
        "" => io::Error::new(io::ErrorKind::UnexpectedEof, "Redis has hung up"),
        answer => io::Error::other(format!("Redis says {answer}")),
    })
}
