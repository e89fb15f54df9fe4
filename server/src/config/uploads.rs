//! The settings of uploads: folder, sizes, patience, age. Owns the figures and their reasons;
//! enforces none of them.

use std::path::PathBuf;

use confique::Config as Confique;
use serde::Serialize;

#[derive(Debug, Clone, Confique, Serialize)]
pub struct Uploads {
    /// The folder of the files. It is made when it is missing, and belongs to one server, or with
    /// `cluster.listen` to all nodes: then it is on a disk that they share and that knows locks.
    #[config(default = "data/uploads")]
    pub folder: PathBuf,

    /// A picture: JPEG, PNG, GIF or WebP; more is answered 413.
    /// Unit: bytes. Range: 1024 to 10485760. What a phone's camera makes; no chat takes more.
    #[config(default = 10485760)]
    pub image_bytes_max: u64,

    /// A video: MP4, QuickTime or WebM; more is answered 413.
    /// Unit: bytes. Range: 1024 to 104857600. A minute of a phone's camera; no chat takes more.
    #[config(default = 104857600)]
    pub video_bytes_max: u64,

    /// What one user may send in a day (UTC), over all shops; more is answered `rate_limited`.
    /// Unit: bytes. Range: 1024 to 1099511627776. Ten of the longest videos.
    #[config(default = 1073741824)]
    pub day_bytes_max: u64,

    /// Free space of the disk below which no file is taken.
    /// Unit: bytes. Range: 0 to 1099511627776. Pictures must not take the journal's last room.
    #[config(default = 1073741824)]
    pub disk_free_bytes_min: u64,

    /// How long nothing may come of a file that is being sent.
    /// Unit: ms. Range: 100 to 120000. A phone that changes networks is back sooner.
    #[config(default = 10000)]
    pub stall_ms: u64,

    /// A file from its first to its last byte.
    /// Unit: ms. Range: 1000 to 3600000. The longest video over 1.4 Mbit/s.
    #[config(default = 600000)]
    pub whole_ms: u64,

    /// How long an address with a ticket, as `<img>` and `<video>` need one, may be read.
    /// Unit: ms. Range: 1000 to 600000. A page asks for another when it shows the file again.
    #[config(default = 300000)]
    pub ticket_ms: u64,

    /// After how long a file goes that no message names. 0: never.
    /// Unit: ms. Range: 0 to 31536000000. A day, for messages that were begun and put aside.
    #[config(default = 86400000)]
    pub unnamed_keep_ms: u64,
}
