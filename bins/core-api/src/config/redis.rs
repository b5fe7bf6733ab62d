use restartix_kernel::{ExposeSecret, Secret};

use super::reader::Reader;

/// How the server reaches Redis.
#[derive(Clone, Debug)]
pub struct Redis {
    /// `redis://` or `rediss://` (with TLS).
    pub url: Secret,
}

/// The usual place. Where nothing is, the server does without.
const DEFAULT: &str = "redis://127.0.0.1:6379";

impl Redis {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let url = reader.secret("redis.url").unwrap_or_else(|| DEFAULT.into());
        let (scheme, rest) = url.expose_secret().split_once("://").unwrap_or_default();
        if !matches!(scheme, "redis" | "rediss") || rest.is_empty() {
            reader.fault("redis.url", "must be redis:// or rediss:// with a host");
        } else if reader.is_production() && scheme == "redis" && !is_local(rest) {
            reader.fault("redis.url", "must be rediss:// in production");
        }
        Self { url }
    }
}

/// Whether what follows the scheme names this machine.
fn is_local(rest: &str) -> bool {
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    ["127.0.0.1", "localhost", "[::1]"].iter().any(|local| {
        host.strip_prefix(local).is_some_and(|port| port.is_empty() || port.starts_with(':'))
    })
}
