use std::fmt;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, NaiveDate, Utc};
use hmac::{Hmac, KeyInit, Mac};
use restartix_kernel::ExposeSecret;
use sha2::Sha256;

use super::moment::{self, Moment};
use crate::Credentials;

/// The key that signs for one day, region and service: derived from the secret key, which it
/// spares from being used more often.
#[derive(Clone)]
pub(crate) struct SigningKey(Option<Hmac<Sha256>>);

impl SigningKey {
    /// Four HMACs, as AWS's "Create a signed request" says.
    pub(crate) fn derive(secret: &str, date: NaiveDate, region: &str, service: &str) -> Self {
        let start = format!("AWS4{secret}");
        let date = mac(start.as_bytes(), moment::day(date).as_bytes());
        let region = mac(&date, region.as_bytes());
        let service = mac(&region, service.as_bytes());
        Self(keyed(&mac(&service, b"aws4_request")))
    }

    /// The signature of a string to sign, in hexadecimal.
    pub(crate) fn sign(&self, string_to_sign: &str) -> String {
        hex::encode(finished(self.0.clone(), string_to_sign.as_bytes()))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(..)")
    }
}

fn mac(key: &[u8], message: &[u8]) -> [u8; 32] {
    finished(keyed(key), message)
}

/// HMAC takes keys of every length: there is no error to meet.
fn keyed(key: &[u8]) -> Option<Hmac<Sha256>> {
    <Hmac<Sha256> as KeyInit>::new_from_slice(key).ok()
}

fn finished(mac: Option<Hmac<Sha256>>, message: &[u8]) -> [u8; 32] {
    mac.map(|mac| mac.chain_update(message).finalize().into_bytes().into()).unwrap_or_default()
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
    pub(crate) fn scope(&self, moment: &Moment) -> String {
        [moment.day(), "/", &self.region, "/", self.service, "/aws4_request"].concat()
    }

    /// The key of `now`'s day: derived once a day, and when the credentials change.
    pub(crate) fn key(&self, credentials: &Credentials, now: DateTime<Utc>) -> SigningKey {
        let date = now.date_naive();
        let mut today = self.today.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(derived) = &*today
            && derived.date == date
            && derived.credentials.same_key(credentials)
        {
            return derived.key.clone();
        }
        let secret = credentials.secret_access_key.expose_secret();
        let key = SigningKey::derive(secret, date, &self.region, self.service);
        *today = Some(Derived { date, credentials: credentials.clone(), key: key.clone() });
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
        let signed = |credentials, now| ring.key(credentials, now).sign("a text");
        let first = signed(&one, now);
        assert_eq!(signed(&one, now + TimeDelta::hours(23)), first);
        assert_ne!(signed(&one, now + TimeDelta::hours(24)), first, "another day");
        assert_ne!(signed(&two, now), first, "another secret");
        assert_eq!(signed(&one, now), first);
        assert!(!format!("{ring:?}").contains("secret-one"));
    }
}
