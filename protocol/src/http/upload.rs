//! Uploads over HTTP. Owns queries and answers only; a body is the file itself.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::described::component;
use crate::id::Id;
use crate::number::EpochMs;

/// Query of `POST /v1/uploads`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NewUpload {
    /// Whose chat the file is for.
    pub shop: Id,
}

/// `POST /v1/uploads`: a file that a message of its sender may name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Uploaded {
    pub upload: Id,
    pub media_type: String,
    pub size_bytes: u64,
    /// Its path on this server, the same for everybody and for as long as the file is there.
    pub url: String,
}

/// Query of `GET /v1/uploads/{shop}/{upload}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReadUpload {
    /// Instead of a token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
}

/// `GET /v1/uploads/{shop}/{upload}/ticket`: an address that needs no token until `expires_at`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UploadTicket {
    pub url: String,
    pub expires_at: EpochMs,
}

component!(NewUpload, Uploaded, ReadUpload, UploadTicket);
