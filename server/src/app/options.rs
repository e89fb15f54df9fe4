//! From the settings to the options of the modules behind the edge. One screen of figures.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;

use crate::config::{self, Config};
use crate::edge::{http, socket};
use crate::{delivery, engine, hub, journal, uploads};

pub(super) fn engine(config: &Config) -> engine::Options {
    let settings = &config.engine;
    engine::Options {
        mailbox_commands_max: settings.mailbox_commands,
        batch_commands_max: settings.batch_commands_max,
        timers_max: settings.due_per_batch_max,
        idle: Duration::from_millis(settings.idle_unload_ms),
        panics_max: settings.panics_max as usize,
        ..engine::Options::default()
    }
}

pub(super) fn redis(settings: &config::Redis) -> anyhow::Result<journal::redis::Options> {
    let read = |path: &Path| {
        std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
    };
    let password = match (&settings.password, &settings.password_file) {
        (Some(password), _) => Some(password.bytes().to_vec()),
        (None, Some(file)) => Some(read(file)?.trim_ascii().to_vec()),
        (None, None) => None,
    };
    let password = password.map(String::from_utf8).transpose();
    Ok(journal::redis::Options {
        user: settings.user.clone(),
        password: password
            .context("the password of Redis is no text")?
            .map(journal::redis::Password),
        root_certificates: settings.ca_file.as_deref().map(read).transpose()?,
        connect_timeout: Duration::from_millis(settings.connect_ms),
        response_timeout: Duration::from_millis(settings.answer_ms),
        lease: Duration::from_millis(settings.lease_ms),
        accepts_unsafe: settings.accept_unsafe,
        archive_folder: settings.archive_folder.clone(),
        ..journal::redis::Options::new(settings.url.as_str(), &settings.node_folder)
    })
}

pub(super) fn hub(config: &Config) -> anyhow::Result<hub::Options> {
    let tick = |(viewers_min, tick_ms)| hub::LargerRoomTick { viewers_min, tick_ms };
    let larger_room_ticks = config.hub.larger_room_ticks()?.into_iter().map(tick).collect();
    let (sizes, timeouts) = (&config.limits.sizes, &config.limits.timeouts);
    Ok(hub::Options {
        tick_ms: config.hub.tick_ms,
        deflates: config.hub.compress,
        larger_room_ticks,
        ring_lines_max: config.hub.ring_messages,
        buyer: hub::Limits {
            message_bytes_max: sizes.message_bytes_max,
            outbox_bytes_max: sizes.outbox_bytes_max,
            ping_ms: timeouts.ping_ms,
        },
        staff: hub::Limits {
            message_bytes_max: sizes.agent_message_bytes_max,
            outbox_bytes_max: sizes.agent_outbox_bytes_max,
            ping_ms: timeouts.staff_ping_ms,
        },
        pong_timeout_ms: timeouts.pong_ms,
        write_timeout_ms: timeouts.slow_reader_ms,
        close_timeout_ms: timeouts.close_ms,
        send_buffer_bytes: sizes.send_buffer_bytes,
        user_timeout_ms: u64::from(timeouts.unacknowledged_ms),
        ..hub::Options::default()
    })
}

pub(super) fn delivery(config: &Config) -> delivery::Options {
    // A stock change must be seen within 200 ms: its own wait and a tick stay below that.
    let stock_ms = config.hub.tick_ms.clamp(50, 100);
    delivery::Options {
        stock: Duration::from_millis(stock_ms),
        comments_per_s: config.hub.comments_per_s,
        ..delivery::Options::default()
    }
}

pub(super) fn socket(config: &Config) -> socket::Options {
    let limits = &config.limits;
    socket::Options {
        hello_timeout: Duration::from_millis(limits.timeouts.hello_ms),
        expiry_grace: Duration::from_millis(limits.timeouts.refresh_grace_ms),
        connections_per_user_max: limits.connections.per_user_max,
        ..socket::Options::default()
    }
}

pub(super) fn uploads(config: &Config) -> uploads::Options {
    let uploads = &config.uploads;
    uploads::Options {
        folder: uploads.folder.clone(),
        disk_free_bytes_min: uploads.disk_free_bytes_min,
        is_shared: config.cluster.listen.is_some(),
    }
}

pub(super) fn depot(config: &Config) -> http::uploads::Options {
    let uploads = &config.uploads;
    http::uploads::Options {
        image_bytes_max: uploads.image_bytes_max,
        video_bytes_max: uploads.video_bytes_max,
        day_bytes_max: uploads.day_bytes_max,
        stall_ms: uploads.stall_ms,
        whole_ms: uploads.whole_ms,
        ticket_ms: uploads.ticket_ms,
    }
}

pub(super) fn http(config: &Config) -> http::Options {
    let limits = &config.limits;
    http::Options {
        body_bytes_max: limits.sizes.body_bytes_max,
        request_ms: limits.timeouts.request_ms,
    }
}
