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

/// Processor seconds, in both modes.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct CpuTime {
    pub(crate) user_s: f64,
    pub(crate) system_s: f64,
}

impl CpuTime {
    pub(crate) fn total_s(self) -> f64 {
        self.user_s + self.system_s
    }

    pub(crate) fn since(self, before: Self) -> Self {
        let system_s = self.system_s - before.system_s;
        Self { user_s: self.user_s - before.user_s, system_s }
    }
}

/// What the kernel says about a process, the fields from the third on.
fn stat_fields(process: u32) -> Option<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name in parentheses may hold spaces.
    let fields = stat.rsplit(')').next()?.split_ascii_whitespace();
    Some(fields.map(str::to_owned).collect())
}

/// Processor time a process has used so far. Its grain is 10 ms.
pub(crate) fn cpu_time(process: u32) -> Option<CpuTime> {
    /// USER_HZ, fixed at 100 on every Linux we know.
    const TICKS_PER_S: f64 = 100.0;
    let fields = stat_fields(process)?;
    let seconds = |at: usize| Some(fields.get(at)?.parse::<f64>().ok()? / TICKS_PER_S);
    Some(CpuTime { user_s: seconds(11)?, system_s: seconds(12)? })
}

/// Both modes together.
pub(crate) fn cpu_s(process: u32) -> Option<f64> {
    cpu_time(process).map(CpuTime::total_s)
}

/// A process and all that descend from it: a server may let workers of its own do the work.
pub(crate) fn family(process: u32) -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let parents: Vec<(u32, u32)> = numbers
        .filter_map(|number| Some((number, stat_fields(number)?.get(1)?.parse().ok()?)))
        .collect();
    let mut found = vec![process];
    let mut looked = 0;
    while let Some(parent) = found.get(looked).copied() {
        found.extend(parents.iter().filter(|(_, it)| *it == parent).map(|(number, _)| *number));
        looked += 1;
    }
    found
}

/// Resident memory of a process in bytes: exact where the kernel adds it up on demand, with pages
/// that several processes share divided among them, otherwise its running estimate.
pub(crate) fn resident_bytes(process: u32) -> Option<u64> {
    kilobytes(&format!("/proc/{process}/smaps_rollup"), "Pss:")
        .or_else(|| kilobytes(&format!("/proc/{process}/status"), "VmRSS:"))
        .map(|kilobytes| kilobytes * 1024)
}

fn kilobytes(path: &str, name: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// Memory of the kernel for all TCP sockets of the machine, in bytes, without their structures.
pub(crate) fn tcp_buffer_bytes() -> Option<u64> {
    let text = fs::read_to_string("/proc/net/sockstat").ok()?;
    let line = text.lines().find(|line| line.starts_with("TCP:"))?;
    let pages: u64 = line.rsplit_once("mem ")?.1.trim().parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

/// Memory of the kernel for its own structures, in bytes: sockets of every side are in it.
pub(crate) fn kernel_slab_bytes() -> Option<u64> {
    kilobytes("/proc/meminfo", "Slab:").map(|kilobytes| kilobytes * 1024)
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
        assert!(tcp_buffer_bytes().is_some() && kernel_slab_bytes().is_some());
    }

    #[test]
    fn a_family_is_a_process_and_whoever_it_started() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let found = family(std::process::id());
        let strangers = family(child.id());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(found.contains(&std::process::id()) && found.contains(&child.id()), "{found:?}");
        assert_eq!(strangers, [child.id()]);
    }

    #[test]
    fn more_sockets_than_the_system_allows_are_refused_with_advice() {
        let said = allow_sockets(usize::MAX / 2).err();
        let unlimited = getrlimit(Resource::Nofile).maximum.is_none();
        assert!(unlimited || said.is_some_and(|error| error.to_string().contains("ulimit")));
    }
}
