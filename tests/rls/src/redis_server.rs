//! A Redis for the length of a test.

use std::env;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::UnixStream;
use tokio::time::sleep;

use crate::address::Address;
use crate::redis::{Addition, Redis};

const POLL: Duration = Duration::from_millis(10);
const PATIENCE_POLLS: u32 = 1000;

/// Runs the program in `$0` and kills it as soon as nobody holds the other end of its own standard
/// input, so that it dies with the test even when that is killed.
const LEASH: &str = r#""$0" "$@" </dev/null & cat >/dev/null; kill -9 $!; wait"#;

/// A `redis-server` program.
#[derive(Clone, Debug)]
pub struct RedisServer(PathBuf);

/// A running one, without a port and without persistence. It is killed when this is dropped.
#[derive(Debug)]
pub struct RedisProcess {
    server: RedisServer,
    child: Option<Child>,
    dir: TempDir,
}

impl RedisServer {
    /// `$REDIS_SERVER`, else what `make redis` has put into `.tools/redis`, else `redis-server` from
    /// the `PATH`.
    pub fn find() -> Option<Self> {
        let told = env::var_os("REDIS_SERVER").map(PathBuf::from);
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let in_workspace = workspace.join(".tools/redis/redis-server");
        let dirs = env::var_os("PATH").unwrap_or_default();
        let in_path = env::split_paths(&dirs).map(|dir| dir.join("redis-server"));
        let mut files = told.into_iter().chain([in_workspace]).chain(in_path);
        files.find(|file| file.is_file()).map(Self)
    }

    /// Starts it in a directory of its own.
    ///
    /// # Errors
    /// When it cannot be run, or does not listen within ten seconds.
    pub async fn start(&self) -> io::Result<RedisProcess> {
        let dir = tempfile::Builder::new()
            .prefix("redis-")
            .tempdir_in("/tmp")?;
        let mut process = RedisProcess {
            server: self.clone(),
            child: None,
            dir,
        };
        process.restart().await?;
        Ok(process)
    }
}

impl RedisProcess {
    /// Where it listens.
    pub fn address(&self) -> Address {
        Address::Unix(self.socket())
    }

    /// Kills it, and with it all it has counted.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            drop(child.stdin.take());
            let _ = child.wait();
        }
        let _ = std::fs::remove_file(self.socket());
    }

    /// Starts it again, empty, at the same address.
    ///
    /// # Errors
    /// As [`RedisServer::start`].
    pub async fn restart(&mut self) -> io::Result<()> {
        self.kill();
        let child = Command::new("sh")
            .args(["-c", LEASH])
            .arg(&self.server.0)
            .args(["--port", "0", "--save", "", "--appendonly", "no"])
            .arg("--unixsocket")
            .arg(self.socket())
            .current_dir(self.dir.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        self.child = Some(child);
        for _ in 0..PATIENCE_POLLS {
            if UnixStream::connect(self.socket()).await.is_ok() {
                return Ok(());
            }
            sleep(POLL).await;
        }
        let program = self.server.0.display();
        Err(io::Error::other(format!("{program} does not start")))
    }

    /// Adds to a counter, as another service on the same Redis would, and returns where it stands.
    ///
    /// # Errors
    /// When Redis is away.
    pub async fn add(&self, key: &str, hits: i64) -> io::Result<i64> {
        let redis = Redis::new(self.address());
        let addition = Addition {
            key: key.to_owned(),
            hits,
            expires_in: 86_400,
        };
        let counts = redis.add(&[addition]).await?;
        Ok(counts.first().copied().unwrap_or(0))
    }

    fn socket(&self) -> PathBuf {
        self.dir.path().join("redis.sock")
    }
}

impl Drop for RedisProcess {
    fn drop(&mut self) {
        self.kill();
    }
}
