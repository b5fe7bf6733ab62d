//! The homes of outside crates: who may know of SQL, HTTP, vendors and runtimes.

use super::Kind;
use super::rooms::Room;

/// The only source of outside crates.
pub(super) const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// A family of outside crates and the rooms that it lives in.
struct Home {
    /// Exact names, or beginnings that end in `*`.
    names: &'static [&'static str],
    lives: fn(Room) -> bool,
    rule: &'static str,
}

const HOMES: [Home; 8] = [
    Home {
        names: &[
            "diesel",
            "diesel*",
            "tokio-postgres*",
            "postgres*",
            "pq-sys",
            "sqlx*",
            "rusqlite",
        ],
        lives: |room| matches!(room, Room::Adapter("postgres" | "legacy")),
        rule: "diesel and PostgreSQL live in adapters/postgres and adapters/legacy",
    },
    Home {
        names: &["actix*", "axum*", "warp", "rocket*"],
        lives: |room| matches!(room, Room::HttpApi | Room::Web | Room::CoreApi | Room::Sandbox),
        rule: "actix lives in http-api, web, bins and sandbox",
    },
    Home {
        names: &["rusoto*"],
        lives: |room| room == Room::Adapter("s3"),
        rule: "rusoto lives in adapters/s3",
    },
    Home {
        names: &["aws-*"],
        lives: |room| room == Room::Adapter("s3-aws-sdk"),
        rule: "the AWS SDK lives in adapters/s3-aws-sdk",
    },
    Home {
        names: &["ureq"],
        lives: |room| {
            // xtask and the stand-ins speak to programs that they test; neither is part of the product.
            let product = matches!(room, Room::Adapter("daily" | "telemetry-service" | "identity"));
            product || matches!(room, Room::Xtask | Room::Sandbox)
        },
        rule: "ureq lives in adapters/daily, adapters/telemetry-service, adapters/identity and sandbox",
    },
    Home {
        // Below rusoto lies hyper, so its adapter may have to speak of it.
        names: &["hyper", "hyper-*", "reqwest", "hickory-*"],
        lives: |room| matches!(room, Room::Adapter("webhook-sender" | "s3")),
        rule: "hyper lives in adapters/webhook-sender and, below rusoto, in adapters/s3",
    },
    Home {
        names: &["s3s", "s3s-*"],
        lives: |room| room == Room::Sandbox,
        rule: "s3s, a server's side of S3, lives in sandbox",
    },
    Home {
        names: &["redis", "fred", "deadpool-redis"],
        lives: |room| room == Room::Adapter("redis"),
        rule: "redis lives in adapters/redis",
    },
];

/// What has no place inside, however it gets there: runtimes, servers, clients.
const BANNED_INSIDE: [&str; 14] = [
    "tokio",
    "tokio-*",
    "async-std",
    "smol",
    "actix*",
    "axum*",
    "hyper*",
    "reqwest",
    "ureq*",
    "diesel*",
    "sqlx*",
    "rusoto*",
    "aws-*",
    "redis",
];

/// The rule that a dependency on the outside crate `name` breaks.
pub(super) fn refusal(room: Room, name: &str, kind: Kind, optional: bool) -> Option<String> {
    // Tests may use what they like: it does not ship.
    if kind == Kind::Dev || matches!(room, Room::Proof("isolation" | "testkit" | "bench")) {
        return None;
    }
    if room.is_pure() {
        if !is_banned_inside(name) {
            return None;
        }
        // The kernel owns the ports of time and randomness and, behind a feature, the system's own.
        if room == Room::Kernel && optional && name == "tokio" {
            return None;
        }
        return Some("inner rooms know no SQL, HTTP, vendor or runtime".to_owned());
    }
    let home = HOMES.iter().find(|home| matches(home.names, name))?;
    (!(home.lives)(room)).then(|| home.rule.to_owned())
}

/// Whether the crate has no place in the inner rooms.
pub(super) fn is_banned_inside(name: &str) -> bool {
    matches(&BANNED_INSIDE, name)
}

fn matches(patterns: &[&str], name: &str) -> bool {
    patterns.iter().any(|pattern| match pattern.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => name == *pattern,
    })
}
