//! What tidy enforces, as data: who may import whom, which names stay where, which lists agree. A
//! new row is a commit of its own, with its reason. No code.

/// A module of `server/src` (its first path segment) and what else of ours it may name.
pub(crate) struct Row {
    pub(crate) module: &'static str,
    pub(crate) may: &'static [&'static str],
    pub(crate) because: &'static str,
}

/// `domain` and `protocol` stand for the crates. A row of `a::b` allows that part of `a` only.
pub(crate) const IMPORTS: &[Row] = &[
    Row { module: "lib", may: &[], because: "it only lists the modules" },
    Row {
        module: "main",
        may: &["app", "cli", "config", "telemetry"],
        because: "it reads the command line and hands over: one screen",
    },
    Row {
        module: "clock",
        may: &["domain::time"],
        because: "everyone leans on it, and what it shows is the domain's Millis",
    },
    Row { module: "config", may: &[], because: "app turns it into each module's Options" },
    Row { module: "telemetry", may: &[], because: "it is set up before anything else runs" },
    Row {
        module: "journal",
        may: &["domain", "clock"],
        because: "it keeps events and asks the time, and knows nobody who reads them",
    },
    Row {
        module: "uploads",
        may: &["domain::id", "domain::time"],
        because: "it keeps files by shop, owner and time, and knows nobody who sends or reads them",
    },
    Row { module: "bus", may: &["domain::id"], because: "it moves frames by topic" },
    Row {
        module: "cluster",
        may: &["domain::id"],
        because: "it finds nodes and carries bytes between them by shop, and reads none",
    },
    Row {
        module: "hub",
        may: &["bus"],
        because: "it moves bytes it did not make: without protocol it cannot encode per subscriber",
    },
    Row {
        module: "mirror",
        may: &["bus", "hub"],
        because: "it stands between the two and mends what the first lost before the second sees \
                  it; who owns a topic it is told through its own trait",
    },
    Row {
        module: "engine",
        may: &["domain", "journal", "clock"],
        because: "it hands what is committed to a CommitSink and knows no socket",
    },
    Row {
        module: "wire",
        may: &["domain", "protocol"],
        because: "the only translation between the two vocabularies",
    },
    Row {
        module: "delivery",
        may: &[
            "domain",
            "protocol",
            "wire",
            "hub::frame",
            "hub::Snapshot",
            "hub::Source",
            "bus",
            "engine::CommitSink",
            "journal::Committed",
            "journal::Lease",
            "clock",
        ],
        because: "it turns what the journal proves committed into frames and into the snapshots \
                  that the hub answers joins from, and never asks a shop; a desk's snapshot says \
                  what time it is",
    },
    Row {
        module: "awaiting",
        may: &["domain", "engine::CommitSink", "journal::Committed", "journal::Lease"],
        because: "it stands between the engine and delivery, and only tells the edge what it saw",
    },
    Row {
        module: "edge",
        may: &[
            "awaiting",
            "cluster",
            "engine",
            "hub",
            "wire",
            "protocol",
            "domain",
            "clock",
            "journal::Error",
            "uploads",
        ],
        because: "sockets and HTTP: it submits and answers; it reads through the engine only, and \
                  says what went wrong there; files go from sockets to their store and back",
    },
    Row {
        module: "cli",
        may: &["config", "clock", "domain", "edge", "telemetry"],
        because: "it judges settings and tokens with the checks that the server itself applies, \
                  and runs nothing",
    },
    Row {
        module: "app",
        may: &[
            "awaiting",
            "bus",
            "cli",
            "clock",
            "cluster",
            "config",
            "delivery",
            "domain",
            "edge",
            "engine",
            "hub",
            "journal",
            "mirror",
            "protocol",
            "telemetry",
            "uploads",
            "wire",
        ],
        because: "the composition root",
    },
];

/// Parts of a module that only the module itself and those named may import.
pub(crate) const RESERVED: &[(&str, &[&str], &str)] = &[
    ("uploads::disk::Disk", &["app"], "only the composition root names a storage"),
    ("uploads::Disk", &["app"], "only the composition root names a storage"),
    ("journal::redb", &["app"], "only the composition root names a storage"),
    ("journal::redis", &["app"], "only the composition root names a storage"),
    ("bus::redis", &["app"], "only the composition root names a bus"),
];

/// Libraries that stay where they are wrapped.
pub(crate) const LIBRARIES: &[(&str, &[&str], &str)] = &[
    ("redb", &["journal"], "the file format is the journal's secret"),
    ("redis", &["journal", "bus"], "Redis is behind Journal and Bus"),
    (
        "anyhow",
        &["main", "app", "cli"],
        "only who ends in a terminal may use it; elsewhere errors are typed: Rejection or Error",
    ),
];

/// Siblings that must not know of each other: they meet in the contract above them.
pub(crate) const SIBLINGS: &[(&str, &[&str])] = &[
    ("journal", &["memory", "redb", "redis"]),
    ("bus", &["local", "redis"]),
    ("wire", &["from_wire", "to_wire"]),
    ("edge::socket", &["agent", "buyer", "streamer"]),
];

/// Each crate's folder and the crates of ours its manifest may name.
pub(crate) const CRATES: &[(&str, &[&str])] = &[
    ("protocol", &[]),
    ("server/domain", &[]),
    ("server", &["hawker-domain", "hawker-protocol"]),
    ("load-tests", &["hawker-protocol"]),
];

/// Paths that would let time, chance or the outside world into the rules.
pub(crate) const NOT_IN_DOMAIN: &[&[&str]] = &[
    &["std", "env"],
    &["std", "fs"],
    &["std", "net"],
    &["std", "process"],
    &["std", "thread"],
    &["std", "time"],
    &["tokio"],
    &["rand"],
    &["uuid"],
];

/// An enum each of whose variants must be met in some file.
pub(crate) struct Listed {
    pub(crate) file: &'static str,
    pub(crate) name: &'static str,
    /// A file counts when its path contains one of these and, at its end, not `except`.
    pub(crate) seen_in: &'static [&'static str],
    pub(crate) except: &'static [&'static str],
    pub(crate) todo: &'static str,
}

pub(crate) const LISTED: &[Listed] = &[
    Listed {
        file: "server/domain/src/rejection.rs",
        name: "Rejection",
        seen_in: &["server/domain/tests/scenarios/"],
        except: &[],
        todo: "add a scenario in server/domain/tests/scenarios that is refused with it",
    },
    Listed {
        file: "server/domain/src/event.rs",
        name: "Event",
        seen_in: &["server/domain/tests/golden"],
        except: &[],
        todo: "add its bytes to server/domain/tests/golden",
    },
    Listed {
        file: "server/domain/src/event/desk.rs",
        name: "DeskEvent",
        seen_in: &["server/domain/tests/golden"],
        except: &[],
        todo: "add its bytes to server/domain/tests/golden",
    },
    Listed {
        file: "server/domain/src/event/promo.rs",
        name: "PromoEvent",
        seen_in: &["server/domain/tests/golden"],
        except: &[],
        todo: "add its bytes to server/domain/tests/golden",
    },
    Listed {
        file: "protocol/src/refusal/code.rs",
        name: "Code",
        seen_in: &["/tests/", "/tests.rs"],
        except: &["protocol/tests/", "server/tests/tidy"],
        todo: "meet it in a scenario or in server/tests/it",
    },
    Listed {
        file: "protocol/src/close.rs",
        name: "CloseCode",
        seen_in: &["/tests/", "/tests.rs"],
        except: &["protocol/tests/", "server/tests/tidy"],
        todo: "meet it in a connection or integration test",
    },
];
