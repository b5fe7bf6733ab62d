//! Names to addresses: the port [`Resolve`], and the system's resolvers behind it.

use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;
use hickory_resolver::config::LookupIpStrategy;
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::{ResolverBuilder, TokioResolver};

/// Where addresses of receivers come from. A port of this crate alone, so that a test can change
/// its mind between two look-ups.
#[async_trait]
pub trait Resolve: Send + Sync {
    /// Every address of `name`, of both families, in any order; empty when it has none.
    ///
    /// `name` is absolute, without a dot at its end: no search domain may be tried.
    ///
    /// # Errors
    /// Nobody could say.
    async fn resolve(&self, name: &str) -> Result<Vec<IpAddr>, Unresolved>;
}

/// A name that leads nowhere, or of which nothing was learnt.
#[derive(Debug, thiserror::Error)]
#[error("the name was not resolved")]
pub struct Unresolved(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// The resolvers that the operating system names.
///
/// Asked without a thread: the C library's `getaddrinfo` blocks one for as long as a hostile
/// name server likes, past every deadline, and there are few.
pub struct SystemDns(TokioResolver);

/// Answers are believed for at most so long, whatever they say of themselves.
const LONGEST_BELIEF: Duration = Duration::from_secs(60);

/// A name that does not resolve is asked for again after at most so long.
const LONGEST_DOUBT: Duration = Duration::from_secs(10);

/// Questions under way at once, per name server.
const QUESTIONS: usize = 4096;

impl SystemDns {
    /// Reads the system's configuration (`/etc/resolv.conf`, `/etc/hosts`) once. Call it within a
    /// tokio runtime.
    ///
    /// # Errors
    /// The configuration cannot be read.
    pub fn from_system() -> Result<Self, Unresolved> {
        Self::build(TokioResolver::builder_tokio().map_err(unresolved)?)
    }

    fn build(mut builder: ResolverBuilder<TokioRuntimeProvider>) -> Result<Self, Unresolved> {
        let options = builder.options_mut();
        // Every address is judged, so every address is asked for.
        options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
        options.positive_max_ttl = Some(LONGEST_BELIEF);
        options.negative_max_ttl = Some(LONGEST_DOUBT);
        options.max_active_requests = QUESTIONS;
        builder.build().map(Self).map_err(unresolved)
    }
}

#[async_trait]
impl Resolve for SystemDns {
    async fn resolve(&self, name: &str) -> Result<Vec<IpAddr>, Unresolved> {
        match self.0.lookup_ip(format!("{name}.")).await {
            Ok(answers) => Ok(answers.iter().collect()),
            Err(error) if error.is_no_records_found() => Ok(Vec::new()),
            Err(error) => Err(unresolved(error)),
        }
    }
}

fn unresolved(error: NetError) -> Unresolved {
    Unresolved(Box::new(error))
}

#[cfg(test)]
mod tests;
