//! An upstream that breaks HTTP/1.1 in the ways hyper, and so the mock LLM, cannot.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{
    AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader,
};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::sleep;

/// What it does behind the head of a request, one step after the other; then it closes.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Reads the body of the request.
    Body,
    /// Writes these bytes.
    Write(Vec<u8>),
    /// Gives what was written time to be read on its own.
    Breathe,
    /// Says that nothing more comes, and reads on.
    HalfClose,
    /// Does nothing until the other side has had enough.
    Stall,
    /// Takes another request on the same connection, in place of closing it.
    Next,
}

/// Runs the steps that its script has for a request's `x-fault`. Dropping it ends its connections.
pub(crate) struct Faulty {
    socket: PathBuf,
    accepting: JoinHandle<()>,
    _dir: TempDir,
}

impl Faulty {
    /// `script` makes the steps of a request's `x-fault` and path.
    pub(crate) fn start(script: fn(&str, &str) -> Vec<Step>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("faulty.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let accepting = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(connection(stream, script));
            }
        });
        Self {
            socket,
            accepting,
            _dir: dir,
        }
    }

    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }
}

impl Drop for Faulty {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn connection(mut stream: UnixStream, script: fn(&str, &str) -> Vec<Step>) {
    let (reader, mut writer) = stream.split();
    let mut reader = BufReader::new(reader);
    while let Ok(Step::Next) = exchange(&mut reader, &mut writer, script).await {}
}

/// Plays the script of one request; the last step.
async fn exchange(
    reader: &mut (impl AsyncBufRead + Unpin),
    writer: &mut (impl AsyncWrite + Unpin),
    script: fn(&str, &str) -> Vec<Step>,
) -> io::Result<Step> {
    let head = head(reader).await?;
    let value = |name: &str| {
        head.iter().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    };
    let path = head[0].split(' ').nth(1).unwrap_or_default();
    let length = value("content-length").and_then(|length| length.parse::<usize>().ok());
    let steps = script(value("x-fault").unwrap_or_default(), path);
    for step in &steps {
        match step {
            Step::Body => match length {
                Some(length) => drop(reader.read_exact(&mut vec![0; length]).await?),
                None => chunks(reader).await?,
            },
            Step::Write(bytes) => writer.write_all(bytes).await?,
            Step::Breathe => sleep(Duration::from_millis(30)).await,
            Step::HalfClose => writer.shutdown().await?,
            Step::Stall => drop(reader.read_to_end(&mut Vec::new()).await?),
            Step::Next => {}
        }
    }
    Ok(steps.last().cloned().unwrap_or(Step::Stall))
}

/// The lines of a head, at least one.
async fn head(reader: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Vec<String>> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match line.trim_end() {
            "" if lines.is_empty() => return Err(io::ErrorKind::InvalidData.into()),
            "" => return Ok(lines),
            line => lines.push(line.to_owned()),
        }
    }
}

/// A chunked body, to its end.
async fn chunks(reader: &mut (impl AsyncBufRead + Unpin)) -> io::Result<()> {
    loop {
        let mut size = String::new();
        reader.read_line(&mut size).await?;
        let size = usize::from_str_radix(size.trim(), 16);
        let size = size.map_err(|_| io::ErrorKind::InvalidData)?;
        reader.read_exact(&mut vec![0; size + 2]).await?;
        if size == 0 {
            return Ok(());
        }
    }
}
