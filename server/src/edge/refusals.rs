//! What the engine and its readers could not do, as the wire says it. Decides nothing; what the
//! business refuses is worded in `wire`.

use hawker_protocol::{Code, Refusal};

use crate::{engine, uploads};

/// What the engine could not do.
pub(super) fn of_engine(error: engine::Error) -> Refusal {
    let code = match error {
        engine::Error::Busy => Code::Busy,
        engine::Error::Timeout => Code::Timeout,
        engine::Error::Unavailable | engine::Error::Elsewhere => Code::Unavailable,
        engine::Error::Unknown => Code::UnknownOutcome,
        engine::Error::Retry => Code::Retry,
        engine::Error::IdempotencyConflict => Code::IdempotencyConflict,
        engine::Error::Stopping => Code::Draining,
    };
    Refusal::with_message(code, error.to_string())
}

/// What a reader of the journal ran into.
pub(super) fn of_journal(error: &crate::journal::Error) -> Refusal {
    tracing::warn!(%error, "the journal could not be read");
    Refusal::new(Code::Unavailable)
}

/// What the store of uploads could not say of a file.
pub(super) fn of_uploads(error: &uploads::Error) -> Refusal {
    tracing::warn!(%error, "an upload that a message names cannot be kept");
    Refusal::new(Code::Unavailable)
}
