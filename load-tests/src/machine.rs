//! The machine a run happens on: descriptors, cores, processor time. Owns the checks made before
//! a socket is opened.

use std::fs;

use anyhow::{Result, bail};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::Serialize;

/// Descriptors that are not sockets of buyers.
const SPARE_FILES: u64 = 64;
/// Ports of one source address that a kernel gives out: 28,000, less what lingers.
pub(crate) const SOCKETS_PER_SOURCE: usize = 25_000;

/// Raises the limit on open files to the hard one and says so if that is too little.
pub(crate) fn allow_sockets(count: usize) -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    let wanted = count as u64 + SPARE_FILES;
    let current = limit.current.unwrap_or(u64::MAX);
    let maximum = limit.maximum.unwrap_or(u64::MAX);
    if maximum < wanted {
        bail!(
            "{count} sockets need {wanted} open files and this shell allows {maximum}: raise it \
             with `ulimit -Hn {wanted}` as root, or in /etc/security/limits.conf"
        );
    }
    if current < maximum {
        setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })?;
    }
    Ok(())
}

/// What figures are worth nothing without.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Machine {
    pub(crate) cores: usize,
    pub(crate) processor: String,
    pub(crate) kernel: String,
}

impl Machine {
    pub(crate) fn this() -> Self {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpuinfo.lines().find(|line| line.starts_with("model name"));
        let processor = model.and_then(|line| line.split(": ").nth(1)).unwrap_or("unknown");
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Self { cores: cores(), processor: processor.to_owned(), kernel: kernel.trim().to_owned() }
    }
}

pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Processor seconds a process has used so far, in user and system mode together.
pub(crate) fn cpu_s(process: u32) -> Option<f64> {
    /// USER_HZ, fixed at 100 on every Linux we know.
    const TICKS_PER_S: f64 = 100.0;
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name in parentheses may hold spaces; the fields after it are numbered from 3.
    let mut fields = stat.rsplit(')').next()?.split_ascii_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / TICKS_PER_S)
}

/// Resident memory of a process in bytes.
pub(crate) fn resident_bytes(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kilobytes: u64 = line.split_ascii_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_of_this_machine_has_used_time_and_memory() {
        let me = std::process::id();
        assert!(cpu_s(me).is_some());
        assert!(resident_bytes(me).unwrap() > 100_000);
        assert_eq!(cpu_s(u32::MAX), None);
    }

    #[test]
    fn more_sockets_than_the_system_allows_are_refused_with_advice() {
        let said = allow_sockets(usize::MAX / 2).err();
        let unlimited = getrlimit(Resource::Nofile).maximum.is_none();
        assert!(unlimited || said.is_some_and(|error| error.to_string().contains("ulimit")));
    }
}
