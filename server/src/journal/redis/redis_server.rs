//! A real `redis-server` for tests: its own folder, a port of loopback, and what can befall it.
//! `HAWKER_REDIS_SERVER` names another binary than the one on the path, to try another version.
//! Shared with the integration tests; knows nothing of the journal.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

/// Far beyond what a start takes on the busiest machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// Nothing acknowledged is lost, nothing is evicted.
pub(crate) const SAFE: [&str; 6] =
    ["--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction"];

#[derive(Debug)]
pub(crate) struct RedisServer {
    pub(crate) folder: TempDir,
    port: u16,
    settings: Vec<String>,
    child: Option<Child>,
}

impl RedisServer {
    pub(crate) async fn start(settings: &[&str]) -> Self {
        let settings = settings.iter().map(|&setting| setting.to_owned()).collect();
        let folder = tempfile::tempdir().unwrap();
        let mut server = Self { folder, port: free_port(), settings, child: None };
        server.launch().await;
        server
    }

    pub(crate) fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.address())
    }

    /// Starts it on what its folder has, and returns once it answers.
    pub(crate) async fn launch(&mut self) {
        let binary = std::env::var_os("HAWKER_REDIS_SERVER");
        let mut command = Command::new(binary.unwrap_or_else(|| "redis-server".into()));
        command.args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--save", ""]);
        command.args(["--dir", self.folder.path().to_str().unwrap()]).args(&self.settings);
        command.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
        let child = command.spawn().expect("redis-server is missing: scripts/test installs it");
        self.child = Some(child);
        let answers = async { while !self.is_ready().await {} };
        tokio::time::timeout(PATIENCE, answers).await.expect("redis-server does not answer");
    }

    async fn is_ready(&self) -> bool {
        let answer = async {
            let mut stream = TcpStream::connect(self.address()).await?;
            stream.write_all(b"PING\r\n").await?;
            let mut answer = [0; 5];
            stream.read_exact(&mut answer).await.map(|_| answer == *b"+PONG" || answer == *b"-NOAU")
        };
        let is_ready = answer.await.unwrap_or(false);
        if !is_ready {
            tokio::task::yield_now().await;
        }
        is_ready
    }

    /// SIGKILL; what is in its folder stays.
    pub(crate) async fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().await.unwrap();
    }

    /// SIGSTOP: connections stay open, and nothing answers.
    pub(crate) fn pause(&self) {
        self.signal(Signal::STOP);
    }

    pub(crate) fn resume(&self) {
        self.signal(Signal::CONT);
    }

    /// Takes its data away, for a start with nothing.
    pub(crate) fn forget(&self) {
        for entry in std::fs::read_dir(self.folder.path()).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => std::fs::remove_dir_all(path).unwrap(),
                false => std::fs::remove_file(path).unwrap(),
            }
        }
    }

    /// A command, its words separated by spaces, and the first line of the answer.
    pub(crate) async fn ask(&self, command: &str) -> String {
        let mut stream = TcpStream::connect(self.address()).await.unwrap();
        ask_over(&mut stream, command).await
    }

    /// The same as a user of the access list.
    pub(crate) async fn ask_as(&self, user: &str, password: &str, command: &str) -> String {
        let mut stream = TcpStream::connect(self.address()).await.unwrap();
        assert_eq!(ask_over(&mut stream, &format!("AUTH {user} {password}")).await, "+OK");
        ask_over(&mut stream, command).await
    }

    fn signal(&self, signal: Signal) {
        let process = self.child.as_ref().and_then(Child::id).unwrap();
        let process = Pid::from_raw(i32::try_from(process).unwrap()).unwrap();
        kill_process(process, signal).unwrap();
    }
}

async fn ask_over(stream: &mut TcpStream, command: &str) -> String {
    stream.write_all(format!("{command}\r\n").as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\n") {
        answer.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(answer).unwrap().trim_end().to_owned()
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}
