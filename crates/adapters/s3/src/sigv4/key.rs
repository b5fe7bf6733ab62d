use std::fmt;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, NaiveDate, Utc};
use hmac::{Hmac, KeyInit, Mac};
use restartix_kernel::ExposeSecret;
use sha2::Sha256;

use crate::Credentials;

/// The key that signs for one day, region and service: derived from the secret key, which it
/// spares from being used more often.
#[derive(Clone, Copy)]
pub(crate) struct SigningKey([u8; 32]);

impl SigningKey {
    /// Four HMACs, as AWS's "Create a signed request" says.
    pub(crate) fn derive(secret: &str, date: NaiveDate, region: &str, service: &str) -> Self {
        let start = format!("AWS4{secret}");
        let date = mac(start.as_bytes(), stamp(date).as_bytes());
        let region = mac(&date, region.as_bytes());
        let service = mac(&region, service.as_bytes());
        Self(mac(&service, b"aws4_request"))
    }

    /// The signature of a string to sign, in hexadecimal.
    pub(crate) fn sign(&self, string_to_sign: &str) -> String {
        hex::encode(mac(&self.0, string_to_sign.as_bytes()))
    }

    #[cfg(test)]
    pub(crate) fn bytes(&self) -> [u8; 32] {
        self.0
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(..)")
    }
}

fn mac(key: &[u8], message: &[u8]) -> [u8; 32] {
    // HMAC takes keys of every length: there is no error to meet.
    let Ok(mut mac) = <Hmac<Sha256> as KeyInit>::new_from_slice(key) else { return [0; 32] };
    mac.update(message);
    mac.finalize().into_bytes().into()
}

/// A day as scopes name it: `20130524`.
pub(crate) fn stamp(date: NaiveDate) -> String {
    date.format("%Y%m%d").to_string()
}

/// Where signatures hold, and the key of the day.
#[derive(Debug)]
pub(crate) struct Keyring {
    region: String,
    service: &'static str,
    today: Mutex<Option<Derived>>,
}

struct Derived {
    date: NaiveDate,
    credentials: Credentials,
    key: SigningKey,
}

impl fmt::Debug for Derived {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Derived").field("date", &self.date).finish_non_exhaustive()
    }
}

impl Keyring {
    pub(crate) fn new(region: &str, service: &'static str) -> Self {
        Self { region: region.to_owned(), service, today: Mutex::new(None) }
    }

    /// `20130524/us-east-1/s3/aws4_request`.
    pub(crate) fn scope(&self, now: DateTime<Utc>) -> String {
        format!("{}/{}/{}/aws4_request", stamp(now.date_naive()), self.region, self.service)
    }

    /// The key of `now`'s day: derived once a day, and when the credentials change.
    pub(crate) fn key(&self, credentials: &Credentials, now: DateTime<Utc>) -> SigningKey {
        let date = now.date_naive();
        let mut today = self.today.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(derived) = &*today
            && derived.date == date
            && derived.credentials.same_key(credentials)
        {
            return derived.key;
        }
        let secret = credentials.secret_access_key.expose_secret();
        let key = SigningKey::derive(secret, date, &self.region, self.service);
        *today = Some(Derived { date, credentials: credentials.clone(), key });
        key
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    #[test]
    fn a_key_is_derived_anew_by_day_and_by_credentials() {
        let ring = Keyring::new("eu-central-1", "s3");
        let one = Credentials::new("AKIDONE", "secret-one".into());
        let two = Credentials::new("AKIDONE", "secret-two".into());
        let now = DateTime::UNIX_EPOCH;
        let first = ring.key(&one, now).bytes();
        assert_eq!(ring.key(&one, now + TimeDelta::hours(23)).bytes(), first);
        assert_ne!(ring.key(&one, now + TimeDelta::hours(24)).bytes(), first, "another day");
        assert_ne!(ring.key(&two, now).bytes(), first, "another secret");
        assert_eq!(ring.key(&one, now).bytes(), first);
        assert!(!format!("{ring:?}").contains("secret-one"));
    }
}
