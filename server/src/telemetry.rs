//! What the server says about itself: tracing on standard output, metrics for a scraper. Owns how
//! they are set up and the process's own figures; never decides what is worth counting.

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

/// Histograms grow until somebody drains them; a scrape may be a minute away or never come.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// From 50 µs (a claim in memory) to the 10 s after which every request has timed out.
const SECONDS_BUCKETS: [f64; 17] = [
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
    1.0, 2.5, 5.0, 10.0,
];

/// From a small message to the largest outbox.
const BYTES_BUCKETS: [f64; 8] =
    [256.0, 1_024.0, 4_096.0, 16_384.0, 65_536.0, 262_144.0, 1_048_576.0, 16_777_216.0];

/// Counts per batch, tick or step.
const COUNT_BUCKETS: [f64; 10] =
    [1.0, 2.0, 4.0, 8.0, 16.0, 64.0, 256.0, 1_024.0, 4_096.0, 16_384.0];

#[derive(Debug, Clone)]
pub struct Options {
    pub json: bool,
    pub filter: String,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the log filter is not understood: {0}")]
    Filter(String),
    #[error("tracing was set up before: {0}")]
    Tracing(String),
    #[error("metrics were set up before: {0}")]
    Metrics(String),
}

/// Whether a filter text would be understood.
pub fn check_filter(filter: &str) -> Result<(), Error> {
    parse_filter(filter).map(drop)
}

fn parse_filter(filter: &str) -> Result<EnvFilter, Error> {
    EnvFilter::try_new(filter).map_err(|error| Error::Filter(error.to_string()))
}

/// Starts tracing for this process: once.
pub fn start_tracing(options: &Options) -> Result<(), Error> {
    let builder = tracing_subscriber::fmt()
        .with_env_filter(parse_filter(&options.filter)?)
        .with_ansi(std::io::stdout().is_terminal())
        .with_span_events(FmtSpan::NONE);
    let started = if options.json {
        builder.json().flatten_event(true).try_init()
    } else {
        builder.try_init()
    };
    started.map_err(|error| Error::Tracing(error.to_string()))
}

/// The process's metrics. Clones show the same figures.
#[derive(Clone)]
pub struct Metrics {
    handle: PrometheusHandle,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics")
    }
}

fn builder() -> Result<PrometheusBuilder, Error> {
    let suffixes: [(&str, &[f64]); 3] =
        [("_seconds", &SECONDS_BUCKETS), ("_bytes", &BYTES_BUCKETS), ("_count", &COUNT_BUCKETS)];
    let mut builder = PrometheusBuilder::new();
    for (suffix, buckets) in suffixes {
        builder = builder
            .set_buckets_for_metric(Matcher::Suffix(suffix.to_owned()), buckets)
            .map_err(|error| Error::Metrics(error.to_string()))?;
    }
    Ok(builder)
}

impl Metrics {
    /// Starts collecting for this process: once.
    pub fn start() -> Result<Self, Error> {
        let handle =
            builder()?.install_recorder().map_err(|error| Error::Metrics(error.to_string()))?;
        Ok(Self { handle })
    }

    /// Drains the histograms every five seconds, for ever.
    pub async fn keep_up(self) {
        let mut every = tokio::time::interval(UPKEEP_EVERY);
        loop {
            every.tick().await;
            self.handle.run_upkeep();
        }
    }

    /// Everything in Prometheus' text format, the process's figures as of now.
    pub fn render(&self) -> String {
        let mut out = self.handle.render();
        build_info(&mut out);
        if let Some(process) = Process::read() {
            process.render(&mut out);
        }
        out
    }
}

fn build_info(out: &mut String) {
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    let version = env!("CARGO_PKG_VERSION");
    let labels = format!("version=\"{version}\",profile=\"{profile}\"");
    line(out, "hawker_build_info", "gauge", &labels, 1.0);
}

fn line(out: &mut String, name: &str, kind: &str, labels: &str, value: f64) {
    let labels = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
    let _ = writeln!(out, "# TYPE {name} {kind}\n{name}{labels} {value}\n");
}

/// What the kernel says about this process.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Process {
    pub cpu_user_seconds: f64,
    pub cpu_system_seconds: f64,
    pub resident_bytes: u64,
    pub threads: u64,
    pub open_fds: u64,
}

impl Process {
    /// This process, as of now; nothing where there is no `/proc`.
    pub fn read() -> Option<Self> {
        let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
        let open_fds = std::fs::read_dir("/proc/self/fd").ok()?.count() as u64;
        let ticks_per_second = rustix::param::clock_ticks_per_second() as f64;
        Self::parse(&stat, ticks_per_second, rustix::param::page_size() as u64, open_fds)
    }

    /// The fields after the last `)`: a process may call itself anything, brackets included.
    fn parse(stat: &str, ticks_per_second: f64, page_bytes: u64, open_fds: u64) -> Option<Self> {
        let (_, rest) = stat.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
        Some(Self {
            cpu_user_seconds: number(11)? as f64 / ticks_per_second,
            cpu_system_seconds: number(12)? as f64 / ticks_per_second,
            threads: number(17)?,
            resident_bytes: number(21)? * page_bytes,
            open_fds,
        })
    }

    fn render(&self, out: &mut String) {
        let total = self.cpu_user_seconds + self.cpu_system_seconds;
        line(out, "process_cpu_seconds_total", "counter", "", total);
        line(out, "process_cpu_user_seconds_total", "counter", "", self.cpu_user_seconds);
        line(out, "process_cpu_system_seconds_total", "counter", "", self.cpu_system_seconds);
        line(out, "process_resident_memory_bytes", "gauge", "", self.resident_bytes as f64);
        line(out, "process_threads", "gauge", "", self.threads as f64);
        line(out, "process_open_fds", "gauge", "", self.open_fds as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(record: impl FnOnce()) -> String {
        let recorder = builder().unwrap().build_recorder();
        let metrics = Metrics { handle: recorder.handle() };
        metrics::with_local_recorder(&recorder, record);
        metrics.render()
    }

    #[test]
    fn durations_are_histograms_with_buckets_not_summaries() {
        let text = rendered(|| metrics::histogram!("hawker_commit_seconds").record(0.000_3));
        assert!(text.contains("# TYPE hawker_commit_seconds histogram"), "{text}");
        assert!(text.contains("hawker_commit_seconds_bucket{le=\"0.0005\"} 1"), "{text}");
        assert!(text.contains("hawker_commit_seconds_bucket{le=\"0.00025\"} 0"), "{text}");
    }

    #[test]
    fn a_scrape_carries_the_build_and_the_process() {
        let text = rendered(|| ());
        for name in [
            "hawker_build_info{version=\"",
            "# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total ",
            "process_resident_memory_bytes ",
            "process_open_fds ",
        ] {
            assert!(text.contains(name), "{name} is missing in {text}");
        }
    }

    #[test]
    fn the_kernels_line_is_read_behind_a_name_with_brackets() {
        let stat = "7 (ha) wk (er) S 1 7 7 0 -1 4194560 9 0 0 0 250 50 0 0 20 0 3 0 99 1000 12 18";
        let process = Process::parse(stat, 100.0, 4_096, 5).unwrap();
        assert_eq!(
            process,
            Process {
                cpu_user_seconds: 2.5,
                cpu_system_seconds: 0.5,
                resident_bytes: 12 * 4_096,
                threads: 3,
                open_fds: 5,
            }
        );
        assert_eq!(Process::parse("7 (x) S 1", 100.0, 4_096, 5), None);
    }

    #[test]
    fn a_filter_that_is_no_filter_is_refused() {
        assert!(check_filter("info,hawker_server::edge=debug").is_ok());
        assert!(check_filter("hawker=loud=er").is_err());
    }
}
