//! The secret that this deployment's keys are derived from. Owns where it lies when tokens come by
//! public keys and no secret is configured.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::Context as _;

use crate::config::{Config, JournalKind};
use crate::edge::auth;

/// Only the server reads it.
const MODE: u32 = 0o600;

/// The secret of the tokens, if one is configured. Otherwise one of our own beside the journal, so
/// that what was signed or sealed before a restart stays good; with a journal in memory for as long
/// as the process lives. The demo's tokens die with it, its journal need not.
pub(super) fn of(auth: &auth::Options, config: &Config, demo: bool) -> anyhow::Result<Vec<u8>> {
    match (&auth.secret, config.journal.kind) {
        (Some(secret), _) if !demo => Ok(secret.clone()),
        (_, JournalKind::Redb) => beside(&config.journal.path),
        // Servers that share a Redis are given one secret: each would keep its own.
        (_, JournalKind::Redis) => beside(&config.journal.redis.node_folder.join("server")),
        (_, JournalKind::Memory) => Ok(auth::random_secret()?),
    }
}

fn beside(journal: &Path) -> anyhow::Result<Vec<u8>> {
    let path = journal.with_extension("secret");
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    match OpenOptions::new().write(true).create_new(true).mode(MODE).open(&path) {
        Ok(file) => made(file),
        Err(_) if path.exists() => {
            fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
        }
        Err(error) => Err(error).with_context(|| format!("cannot make {}", path.display())),
    }
}

fn made(mut file: File) -> anyhow::Result<Vec<u8>> {
    let secret = auth::random_secret()?;
    file.write_all(&secret)?;
    file.sync_all()?;
    Ok(secret)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_secret_beside_a_journal_stays_the_same_and_is_the_owner_s_alone() {
        let folder = tempfile::tempdir().unwrap();
        let journal = folder.path().join("data/hawker.redb");
        let first = beside(&journal).unwrap();
        assert!(first.len() >= 32);
        assert_eq!(beside(&journal).unwrap(), first, "after a restart");
        let path = folder.path().join("data/hawker.secret");
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, MODE);
    }
}
