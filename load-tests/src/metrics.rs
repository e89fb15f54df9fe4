//! What a server's `/metrics` say. Owns reading them and their differences; knows a few of our
//! names and asks for nothing else.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

use crate::http::Client;

/// Sums over all labels, by name; a line with labels stands under its whole text too.
#[derive(Debug, Clone, Default)]
pub(crate) struct Metrics {
    values: BTreeMap<String, f64>,
}

impl Metrics {
    pub(crate) async fn read(client: &Client) -> Result<Self> {
        let body = client.get("/metrics").await?.success().context("reading /metrics")?;
        Ok(Self::parse(&String::from_utf8_lossy(&body)))
    }

    fn parse(text: &str) -> Self {
        let mut values: BTreeMap<String, f64> = BTreeMap::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let Some((key, value)) = line.rsplit_once(' ') else { continue };
            let Ok(value) = value.parse::<f64>() else { continue };
            if let Some((name, _)) = key.split_once('{') {
                *values.entry(name.to_owned()).or_default() += value;
            }
            *values.entry(key.to_owned()).or_default() += value;
        }
        Self { values }
    }

    /// How much a counter has grown.
    pub(crate) fn since(&self, before: &Self, name: &str) -> u64 {
        let value = |metrics: &Self| metrics.values.get(name).copied().unwrap_or(0.0);
        (value(self) - value(before)).max(0.0) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_is_summed_over_its_labels_and_told_by_each() {
        let before = Metrics::parse("# TYPE a counter\na{x=\"1\"} 2\na{x=\"2\"} 3\nb 4\n");
        let after = Metrics::parse("a{x=\"1\"} 2\na{x=\"2\"} 10\nb 4\n");
        assert_eq!(after.since(&before, "a"), 7);
        assert_eq!(after.since(&before, "a{x=\"2\"}"), 7);
        assert_eq!((after.since(&before, "b"), after.since(&before, "c")), (0, 0));
    }
}
