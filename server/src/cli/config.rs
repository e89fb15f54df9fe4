//! `hawker config`. Owns what it prints; never starts anything.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use super::{ConfigCommand, edge_options, warn};
use crate::config::{self, Problems};
use crate::telemetry;

pub fn run(command: &ConfigCommand, out: &mut dyn Write, err: &mut dyn Write) -> Result<()> {
    match command {
        ConfigCommand::Init { file: None, .. } => out.write_all(config::template().as_bytes())?,
        ConfigCommand::Init { file: Some(file), force } => init(file, *force, err)?,
        ConfigCommand::Check { file } => check(file, out, err)?,
        ConfigCommand::Doc => out.write_all(config::reference().as_bytes())?,
    }
    Ok(())
}

fn init(file: &Path, force: bool, err: &mut dyn Write) -> Result<()> {
    let mut options = OpenOptions::new();
    let options = options.write(true).create(force).create_new(!force).truncate(force);
    let mut target = options
        .open(file)
        .with_context(|| format!("cannot write {} (is it there already?)", file.display()))?;
    target.write_all(config::template().as_bytes())?;
    writeln!(err, "wrote {}", file.display())?;
    Ok(())
}

fn check(file: &Path, out: &mut dyn Write, err: &mut dyn Write) -> Result<()> {
    let mut problems = Vec::new();
    match config::load(Some(file)) {
        Err(Problems(found)) => problems.extend(found),
        Ok(loaded) => {
            warn(err, &loaded.warnings)?;
            problems.extend(edge_options::problems(&loaded.config));
            if let Err(error) = telemetry::check_filter(&loaded.config.log.filter) {
                problems.push(config::Problem::new("log.filter", error.to_string()));
            }
            if problems.is_empty() {
                report(file, &loaded.config, out)?;
            }
        }
    }
    match problems.len() {
        0 => Ok(()),
        count => {
            writeln!(err, "{}", Problems(problems))?;
            bail!("{}: {count} problem{}", file.display(), if count == 1 { "" } else { "s" });
        }
    }
}

fn report(file: &Path, config: &config::Config, out: &mut dyn Write) -> Result<()> {
    for difference in config::differences(config) {
        let config::Difference { key, default, value } = difference;
        writeln!(out, "{key} = {value} (default {default})")?;
    }
    if !config.auth.has_keys() {
        writeln!(out, "note: {}", edge_options::NO_KEYS)?;
    }
    writeln!(out, "{} is fine", file.display())?;
    Ok(())
}
