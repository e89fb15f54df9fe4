//! The command line. Owns its words and what `config` and `token` do; `serve`, `journal` and
//! `draw` are only read here, whoever builds the server carries them out.

mod config;
pub mod edge_options;
mod token;

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use config::run as run_config;
pub use token::run as run_token;

/// A real-time server for live commerce.
#[derive(Debug, Parser)]
#[command(name = "hawker", version, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the server.
    Serve(Serve),
    /// Write, check or describe the settings.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Make or explain tokens.
    #[command(subcommand)]
    Token(TokenCommand),
    /// Look at, verify or copy the journal.
    #[command(subcommand)]
    Journal(JournalCommand),
    /// Check what a lucky draw has published.
    #[command(subcommand)]
    Draw(DrawCommand),
}

#[derive(Debug, Clone, Args)]
pub struct Serve {
    /// A shop to play with: loopback only, tokens that are valid for this process alone.
    #[arg(long)]
    pub demo: bool,
    /// Folder of the demo's journal and uploads.
    #[arg(long, value_name = "DIR", default_value = "data/demo", requires = "demo")]
    pub data: PathBuf,
    /// Take a Redis that may lose acknowledged writes: one that evicts, keeps no append-only file
    /// or has replicas.
    #[arg(long)]
    pub accept_unsafe_redis: bool,
    #[command(flatten)]
    pub settings: Settings,
}

#[derive(Debug, Clone, Args)]
pub struct Settings {
    /// The settings, a TOML file; without it the defaults. HAWKER_… variables win over both.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

#[derive(Debug, Clone, Subcommand)]
pub enum ConfigCommand {
    /// Write every setting with its description and default.
    Init {
        /// Where to; standard output if not given.
        file: Option<PathBuf>,
        /// Write over a file that exists.
        #[arg(long, requires = "file")]
        force: bool,
    },
    /// Say everything that is wrong with a file, in this environment.
    Check { file: PathBuf },
    /// Print every setting as Markdown.
    Doc,
}

#[derive(Debug, Clone, Subcommand)]
pub enum TokenCommand {
    /// Sign a token with the configured secret.
    Mint(Mint),
    /// Say what a token allows, or exactly why it counts for nothing.
    Check {
        /// The token, or - to read it from standard input.
        token: String,
        #[command(flatten)]
        settings: Settings,
    },
}

#[derive(Debug, Clone, Args)]
pub struct Mint {
    /// Whose token it is.
    #[arg(long)]
    pub user: String,
    /// The name other people see.
    #[arg(long)]
    pub name: Option<String>,
    /// What its owner may act as; may be repeated.
    #[arg(long = "role", required = true)]
    pub roles: Vec<Role>,
    /// A shop its owner serves; may be repeated. Buyers need none.
    #[arg(long = "shop", value_name = "SHOP")]
    pub shops: Vec<String>,
    /// How long it lasts: 90s, 15m, 1h, 30d.
    #[arg(long, default_value = "1h", value_parser = token::parse_ttl)]
    pub ttl: hawker_domain::time::SpanMs,
    /// What a revocation would name.
    #[arg(long)]
    pub sid: Option<String>,
    #[command(flatten)]
    pub settings: Settings,
}

/// The roles of the domain, as words of the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Role {
    Buyer,
    Streamer,
    Agent,
    Supervisor,
    Manager,
    Service,
}

#[derive(Debug, Clone, Subcommand)]
pub enum JournalCommand {
    /// Print what happened, one JSON object a line.
    Dump {
        /// Of this shop only.
        #[arg(long)]
        shop: Option<String>,
        /// From this version of the shop on.
        #[arg(long, default_value_t = 0, requires = "shop")]
        after: u64,
        #[command(flatten)]
        source: JournalSource,
    },
    /// Check every checksum and chain.
    Verify {
        #[command(flatten)]
        source: JournalSource,
    },
    /// Copy the journal's file, also while a server runs on it.
    Backup {
        /// The copy; it must not exist.
        #[arg(long)]
        to: PathBuf,
        #[command(flatten)]
        source: JournalSource,
    },
}

#[derive(Debug, Clone, Subcommand)]
pub enum DrawCommand {
    /// Compute its winners again from its seed and its entrants.
    Verify {
        /// The answer to GET /v1/shops/{shop}/draws/{draw}; - reads it from standard input.
        file: PathBuf,
    },
}

#[derive(Debug, Clone, Args)]
pub struct JournalSource {
    /// The journal's file, if not the configured one.
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    #[command(flatten)]
    pub settings: Settings,
}

/// Prints settings that are given but mean nothing. Not an error: another program's variables may
/// look like ours.
fn warn(err: &mut dyn Write, warnings: &[crate::config::Problem]) -> std::io::Result<()> {
    for warning in warnings {
        writeln!(err, "warning: {warning}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
