use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use restartix_tenancy::{Session, Subject, VerifiedToken};
use serde::Deserialize;

/// How far the identity provider's clock may be from ours.
const LEEWAY: TimeDelta = TimeDelta::seconds(30);

/// The claims that we read; issuer and audience are checked beside the signature.
#[derive(Deserialize)]
pub(crate) struct Claims {
    sub: String,
    sid: Option<String>,
    exp: NumericDate,
    nbf: Option<NumericDate>,
}

/// Seconds since 1970, perhaps with a fraction (RFC 7519, section 2).
#[derive(Clone, Copy, Deserialize)]
#[serde(untagged)]
enum NumericDate {
    Whole(u64),
    Fraction(f64),
}

impl NumericDate {
    /// The instant, to the second below; `None` beyond what can be represented.
    fn instant(self) -> Option<DateTime<Utc>> {
        let seconds = match self {
            Self::Whole(seconds) => seconds,
            Self::Fraction(seconds) => Duration::try_from_secs_f64(seconds).ok()?.as_secs(),
        };
        DateTime::from_timestamp(i64::try_from(seconds).ok()?, 0)
    }
}

impl Claims {
    /// What the claims prove at `now`; `None` when they prove nothing.
    pub(crate) fn proof(&self, now: DateTime<Utc>) -> Option<VerifiedToken> {
        let expires_at = self.exp.instant()?.checked_add_signed(LEEWAY)?;
        let starts_at = match self.nbf {
            Some(nbf) => nbf.instant()?.checked_sub_signed(LEEWAY)?,
            None => now,
        };
        if now < starts_at || now >= expires_at {
            return None;
        }
        Some(VerifiedToken {
            subject: Subject::new(&self.sub).ok()?,
            session: self.sid.as_deref().map(Session::new).transpose().ok()?,
        })
    }
}
