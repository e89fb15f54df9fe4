//! The uploads of a running server: their folder opened, and swept for as long as it runs. Owns no
//! figure; knows no request.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use hawker_domain::time::SpanMs;

use super::options;
use crate::clock::Clock;
use crate::config::Config;
use crate::uploads::{Disk, Uploads};

/// A mark on an upload is looked at this often; a day's patience does not ask for more.
const SWEEP_EVERY: Duration = Duration::from_secs(600);

/// Opens the folder of the uploads, and removes for ever after what no message names.
pub(super) fn open(config: &Config, clock: &Clock) -> anyhow::Result<Arc<dyn Uploads>> {
    let folder = &config.uploads.folder;
    let disk = Disk::open(options::uploads(config)).with_context(|| {
        format!("cannot keep uploads in {}: set uploads.folder", folder.display())
    })?;
    let store: Arc<dyn Uploads> = Arc::new(disk);
    if config.uploads.unnamed_keep_ms > 0 {
        let age = SpanMs(config.uploads.unnamed_keep_ms);
        tokio::spawn(keep_swept(store.clone(), clock.clone(), age));
    }
    Ok(store)
}

async fn keep_swept(store: Arc<dyn Uploads>, clock: Clock, age: SpanMs) {
    let mut every = tokio::time::interval(SWEEP_EVERY);
    loop {
        every.tick().await;
        match store.sweep(clock.now(), age).await {
            Ok(erased) => {
                metrics::counter!("hawker_uploads_erased_total", "reason" => "unnamed")
                    .increment(erased as u64);
            }
            Err(error) => tracing::error!(%error, "unnamed uploads could not be removed"),
        }
    }
}
