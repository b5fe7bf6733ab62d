//! Why there was no answer: closed words, without an address.

use std::error::Error;
use std::io;

use crate::guard::{BadUrl, Forbidden};
use crate::meter::Overspent;

/// Why an exchange came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The URL may not be sent to.
    BadUrl(BadUrl),
    /// A header may not be sent.
    BadHeader,
    /// The name leads to a forbidden address.
    Forbidden(Forbidden),
    /// The name does not resolve.
    Dns,
    /// No address accepted a connection.
    Connect,
    /// TLS was not agreed upon, or the certificate is not the host's.
    Tls,
    /// The deadline passed.
    TimedOut,
    /// The connection ended before the answer did.
    Reset,
    /// More was answered than is read.
    TooLarge,
    /// What was answered is not HTTP/1.1, or has more headers than an answer has.
    Malformed,
}

impl Failure {
    /// The word for it, as it is stored and shown.
    pub const fn code(self) -> &'static str {
        match self {
            Self::BadUrl(_) => "bad_url",
            Self::BadHeader => "bad_header",
            Self::Forbidden(_) => "blocked_address",
            Self::Dns => "dns_failed",
            Self::Connect => "connect_failed",
            Self::Tls => "tls_failed",
            Self::TimedOut => "timed_out",
            Self::Reset => "connection_reset",
            Self::TooLarge => "response_too_large",
            Self::Malformed => "response_malformed",
        }
    }

    /// Whether another attempt may fare better: what the organisation wrote is not, until it is
    /// written anew; all else may pass.
    pub const fn may_pass(self) -> bool {
        !matches!(self, Self::BadUrl(_) | Self::BadHeader | Self::Forbidden(_))
    }

    /// What befell an exchange over an open connection.
    pub(crate) fn of_exchange(error: &hyper::Error) -> Self {
        if has_cause::<Overspent>(error) {
            Self::TooLarge
        } else if has_cause::<rustls::Error>(error) {
            // TLS 1.3 tells what is wrong with the handshake only after it.
            Self::Tls
        } else if error.is_parse() {
            Self::Malformed
        } else {
            Self::Reset
        }
    }

    /// What befell a TLS handshake.
    pub(crate) fn of_handshake(error: &io::Error) -> Self {
        if has_cause::<rustls::Error>(error) { Self::Tls } else { Self::Reset }
    }
}

/// Whether `E` is among the causes of `error`.
fn has_cause<E: Error + 'static>(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(cause) = next {
        // An I/O error keeps what it was made of in its inside, not among its sources.
        let inside = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if cause.is::<E>() || inside.is_some_and(<dyn Error + Send + Sync>::is::<E>) {
            return true;
        }
        next = cause.source();
    }
    false
}
