//! A server of our own: a separate process with settings made for the run. Owns its folder, its
//! ports and its end; a server that somebody else runs is none of its business.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::time::{Duration, Instant, sleep, timeout};

use crate::http::Client;
use crate::limits::Settings;

const READY: Duration = Duration::from_secs(30);
/// Beyond the drain that the server promises by default.
const END: Duration = Duration::from_secs(60);

/// Where the program is and what the run gives it.
#[derive(Debug)]
pub(crate) struct Site {
    program: PathBuf,
    folder: PathBuf,
    pub(crate) listen: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) secret: String,
    settings: Settings,
    membership: Option<Membership>,
}

/// What nodes have in common.
#[derive(Debug, Clone)]
pub(crate) struct Membership {
    pub(crate) redis: String,
    pub(crate) secret: String,
    pub(crate) lease_ms: u64,
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) process: u32,
    child: Child,
}

impl Site {
    /// A fresh folder with settings and an empty journal, on ports that are free now.
    pub(crate) fn prepare(
        program: Option<&Path>,
        folder: Option<&Path>,
        settings: Settings,
    ) -> Result<Self> {
        let program = match program {
            Some(program) => program.to_owned(),
            None => beside_us()?,
        };
        let secret = random_hex()?;
        let folder = match folder {
            Some(folder) => folder.to_owned(),
            None => std::env::temp_dir().join(format!("hawker-load-{}", &secret[..12])),
        };
        let [listen, admin] = free_ports()?;
        let site = Self { program, folder, listen, admin, secret, settings, membership: None };
        site.write(None)?;
        Ok(site)
    }

    /// The same for a node among others, whose journal is in their Redis.
    pub(crate) fn prepare_node(
        program: Option<&Path>,
        folder: PathBuf,
        settings: Settings,
        membership: &Membership,
    ) -> Result<Self> {
        let [listen, admin, door] = free_ports()?;
        let site = Self {
            program: program.map_or_else(beside_us, |program| Ok(program.to_owned()))?,
            folder,
            listen,
            admin,
            secret: membership.secret.clone(),
            settings,
            membership: Some(membership.clone()),
        };
        site.write(Some(door))?;
        Ok(site)
    }

    fn write(&self, door: Option<SocketAddr>) -> Result<()> {
        let folder = &self.folder;
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        let config = self.config(door);
        std::fs::write(self.settings_file(), config).context("writing the settings")
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.folder.join("journal.redb")
    }

    pub(crate) fn settings_file(&self) -> PathBuf {
        self.folder.join("hawker.toml")
    }

    fn output(&self) -> PathBuf {
        self.folder.join("hawker.out")
    }

    /// `door` is where other nodes come in.
    fn config(&self, door: Option<SocketAddr>) -> String {
        let Self { listen, admin, secret, .. } = self;
        let (journal, lifted) = (self.journal_config(), &self.settings.config);
        let cluster = door.map(|door| format!("[cluster]\nlisten = \"{door}\"\n\n"));
        let cluster = cluster.unwrap_or_default();
        format!(
            "[server]\nlisten = \"{listen}\"\nadmin_listen = \"{admin}\"\n\n\
             [auth]\nsecret = \"{secret}\"\n\n{journal}\n\
             [log]\nfilter = \"warn\"\n\n{cluster}{lifted}"
        )
    }

    fn journal_config(&self) -> String {
        let Some(Membership { redis, lease_ms, .. }) = &self.membership else {
            return format!("[journal]\npath = \"{}\"\n", self.journal().display());
        };
        let folder = self.folder.join("node");
        let folder = folder.display();
        format!(
            "[journal]\nkind = \"redis\"\n\n[journal.redis]\nurl = \"{redis}\"\n\
             node_folder = \"{folder}\"\nlease_ms = {lease_ms}\n"
        )
    }

    /// Starts the server on the folder's journal and waits until it is ready.
    pub(crate) async fn start(&self) -> Result<Server> {
        let output = std::fs::OpenOptions::new().create(true).append(true).open(self.output())?;
        let child = Command::new(&self.program)
            .args(["serve", "--config"])
            .arg(self.settings_file())
            .envs(self.settings.environment())
            .env("HAWKER_UPLOADS_FOLDER", self.folder.join("uploads"))
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("starting {}", self.program.display()))?;
        let process = child.id().context("the server has no process id")?;
        let mut server = Server { process, child };
        match server.wait_until_ready(self.admin).await {
            Ok(()) => Ok(server),
            Err(error) => Err(error.context(self.last_words())),
        }
    }

    /// What the server said last, for the error of somebody who cannot look into the folder.
    pub(crate) fn last_words(&self) -> String {
        let said = std::fs::read_to_string(self.output()).unwrap_or_default();
        let from = said.len().saturating_sub(2_000);
        let tail = said.get(from..).unwrap_or(&said);
        format!("the server's output ends with:\n{tail}")
    }

    /// Runs another command of the server's program, such as `journal verify`.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Result<String> {
        let output = Command::new(&self.program).args(arguments).output().await?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            let problem = String::from_utf8_lossy(&output.stderr);
            bail!("hawker {}: {}{said}{problem}", arguments.join(" "), output.status);
        }
        Ok(said)
    }

    /// Removes the folder. After a failed run it stays, to be looked at.
    pub(crate) fn remove(&self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Server {
    async fn wait_until_ready(&mut self, admin: SocketAddr) -> Result<()> {
        let client = Client::new(admin, &admin.to_string());
        let deadline = Instant::now() + READY;
        loop {
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended before it was ready: {status}");
            }
            if client.get("/readyz").await.is_ok_and(|answer| answer.status == 200) {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("the server was not ready within {} s", READY.as_secs());
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// SIGTERM, and a clean end.
    pub(crate) async fn stop(self) -> Result<()> {
        self.signal(Signal::TERM)?;
        self.ended().await
    }

    /// The clean end of a server that was sent SIGTERM.
    pub(crate) async fn ended(mut self) -> Result<()> {
        let status = timeout(END, self.child.wait()).await;
        let status = status.context("the server did not end within 60 s of SIGTERM")??;
        if !status.success() {
            bail!("the server did not end cleanly after SIGTERM: {status}");
        }
        Ok(())
    }

    /// SIGKILL: not a word of goodbye, not a byte flushed.
    pub(crate) async fn kill(self) -> Result<()> {
        self.signal(Signal::KILL)?;
        self.gone().await
    }

    /// The end of a server that was killed.
    pub(crate) async fn gone(mut self) -> Result<()> {
        self.child.wait().await?;
        Ok(())
    }

    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        let process = i32::try_from(self.process).ok().and_then(Pid::from_raw);
        let process = process.context("the server has no process id")?;
        kill_process(process, signal).context("signalling the server")
    }
}

fn beside_us() -> Result<PathBuf> {
    let us = std::env::current_exe().context("finding our own program")?;
    let program = us.with_file_name("hawker");
    if program.is_file() {
        return Ok(program);
    }
    bail!(
        "there is no {}: build it with `cargo build --release -p hawker-server`, or name one with \
         --hawker, or a running server with --server",
        program.display()
    )
}

/// Ports that nobody listens on. All are held until all are known.
pub(crate) fn free_ports<const COUNT: usize>() -> Result<[SocketAddr; COUNT]> {
    let mut held = Vec::with_capacity(COUNT);
    let mut free = [SocketAddr::from((Ipv4Addr::LOCALHOST, 0)); COUNT];
    for port in &mut free {
        let listener = TcpListener::bind(*port).context("looking for a free port")?;
        *port = listener.local_addr()?;
        held.push(listener);
    }
    Ok(free)
}

/// 256 bits as text.
pub(crate) fn random_hex() -> Result<String> {
    use std::io::Read as _;
    let mut bytes = [0; 32];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_name_the_runs_own_places_and_then_the_lifted_limits() {
        let folder = std::env::temp_dir().join(format!("hawker-load-test-{}", std::process::id()));
        let site =
            Site::prepare(Some(Path::new("/bin/true")), Some(&folder), Settings::lifted()).unwrap();
        let config = std::fs::read_to_string(site.settings_file()).unwrap();
        site.remove();
        assert!(config.contains(&format!("listen = \"{}\"", site.listen)));
        assert!(config.contains("[limits.rates]"));
        assert_ne!(site.listen, site.admin);
        assert_eq!(site.secret.len(), 64);
    }

    #[tokio::test]
    async fn a_server_that_ends_at_once_is_an_error_that_quotes_it() {
        let folder = std::env::temp_dir().join(format!("hawker-load-end-{}", std::process::id()));
        let site = Site::prepare(Some(Path::new("/bin/false")), Some(&folder), Settings::lifted())
            .unwrap();
        let error = site.start().await.unwrap_err();
        site.remove();
        assert!(format!("{error:#}").contains("ended before it was ready"), "{error:#}");
    }
}
