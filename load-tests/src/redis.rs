//! The Redis that the nodes of a run share: one that was named, or a `redis-server` of our own.
//! Owns that process and its folder; asks it nothing but whether it is there.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{Duration, Instant, sleep, timeout};

use crate::server::{free_ports, random_hex};

const READY: Duration = Duration::from_secs(20);
/// What a journal asks of its Redis: nothing acknowledged is lost, nothing is evicted.
const SAFE: [&str; 6] =
    ["--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction"];

#[derive(Debug)]
pub(crate) struct Redis {
    pub(crate) url: String,
    own: Option<Own>,
}

#[derive(Debug)]
struct Own {
    child: Child,
    folder: PathBuf,
}

impl Redis {
    /// The Redis that was named, or one of our own in a temporary folder.
    pub(crate) async fn reach(named: Option<&str>) -> Result<Self> {
        if let Some(url) = named {
            return Ok(Self { url: url.to_owned(), own: None });
        }
        let [address] = free_ports()?;
        let folder = std::env::temp_dir().join(format!("hawker-redis-{}", &random_hex()?[..12]));
        std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        let output = std::fs::File::create(folder.join("redis.out"))?;
        let child = Command::new("redis-server")
            .args(["--port", &address.port().to_string(), "--bind", "127.0.0.1", "--save", ""])
            .arg("--dir")
            .arg(&folder)
            .args(SAFE)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .kill_on_drop(true)
            .spawn()
            .context("starting redis-server (name one that runs with --redis)")?;
        let own = Some(Own { child, folder });
        let mut redis = Self { url: format!("redis://{address}/0"), own };
        redis.wait_until_ready(address).await?;
        Ok(redis)
    }

    async fn wait_until_ready(&mut self, address: SocketAddr) -> Result<()> {
        let deadline = Instant::now() + READY;
        while !answers(address).await {
            if let Some(own) = &mut self.own
                && let Some(status) = own.child.try_wait()?
            {
                bail!("redis-server ended at once: {status}, see {}", own.folder.display());
            }
            if Instant::now() > deadline {
                bail!("redis-server was not ready within {} s", READY.as_secs());
            }
            sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Of our own; nothing is known of another's.
    pub(crate) fn process(&self) -> Option<u32> {
        self.own.as_ref()?.child.id()
    }

    /// Ends our own; its folder stays when the run failed.
    pub(crate) async fn end(self, passed: bool) -> Result<Option<PathBuf>> {
        let Some(Own { mut child, folder }) = self.own else { return Ok(None) };
        child.kill().await.context("ending redis-server")?;
        if passed {
            let _ = std::fs::remove_dir_all(&folder);
            return Ok(None);
        }
        Ok(Some(folder))
    }
}

async fn answers(address: SocketAddr) -> bool {
    let asked = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(b"PING\r\n").await?;
        let mut answer = [0; 5];
        stream.read_exact(&mut answer).await?;
        Ok::<_, std::io::Error>(&answer == b"+PONG")
    };
    matches!(timeout(Duration::from_secs(1), asked).await, Ok(Ok(true)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_redis_that_was_named_is_taken_as_it_is_and_outlives_the_run() {
        let redis = Redis::reach(Some("redis://127.0.0.1:1/0")).await.unwrap();
        assert_eq!((redis.url.as_str(), redis.process()), ("redis://127.0.0.1:1/0", None));
        assert!(redis.end(false).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_redis_of_our_own_answers_and_leaves_nothing_behind() {
        let redis = Redis::reach(None).await.unwrap();
        assert!(redis.process().is_some() && redis.url.starts_with("redis://127.0.0.1:"));
        let folder = redis.own.as_ref().unwrap().folder.clone();
        assert!(folder.is_dir());
        redis.end(true).await.unwrap();
        assert!(!folder.exists());
    }
}
