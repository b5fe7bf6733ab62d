//! What Daily posts to us (<https://docs.daily.co/reference/rest-api/webhooks>).

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use restartix_kernel::{Clock, ExposeSecret, PersonId, Secret};
use restartix_video::{
    Footage, FootageId, Notice, NoticeId, NoticeReader, NoticeRefused, RoomFact, RoomName,
    RoomNews, Stay, StayId,
};
use serde::Deserialize;
use serde_json::Value;
use sha2::Sha256;
use uuid::Uuid;

use crate::recordings::seconds;
use crate::{Config, ConfigError};

/// How far Daily's clock and ours may be apart, and how long a notice may be on its way: what is
/// older may be a replay.
const TOLERANCE: TimeDelta = TimeDelta::minutes(5);
/// Above this, a timestamp is in milliseconds: Daily has sent both. In seconds it is the year 5138.
const FIRST_IN_MILLISECONDS: i64 = 100_000_000_000;
/// A stay longer than this is no visit: a defect of whoever counted it.
const LONGEST_STAY: f64 = 7.0 * 24.0 * 3600.0;

/// Reads Daily's notices: signed, recent, and about people of ours.
pub struct Notices {
    key: Vec<u8>,
    clock: Arc<dyn Clock>,
}

impl Notices {
    /// Believes what is signed with the key of `config`; without one, `None`. The key's bytes sign,
    /// not their base64.
    pub fn new(config: &Config, clock: Arc<dyn Clock>) -> Result<Option<Self>, ConfigError> {
        config.notice_key.as_ref().map(|key| Ok(Self { key: bytes(key)?, clock })).transpose()
    }

    /// Whether `notice` is Daily's, and of now: base64(HMAC-SHA256(key, timestamp "." body)) over
    /// the header and the bytes exactly as they came.
    fn prove(&self, notice: &Notice<'_>) -> Option<()> {
        let timestamp = notice.timestamp?;
        let signature = STANDARD.decode(notice.signature?).ok()?;
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).ok()?;
        mac.update(timestamp.as_bytes());
        mac.update(b".");
        mac.update(notice.body);
        // In constant time.
        mac.verify_slice(&signature).ok()?;
        let sent = instant(timestamp.parse().ok()?)?;
        ((self.clock.now() - sent).abs() <= TOLERANCE).then_some(())
    }
}

impl NoticeReader for Notices {
    fn read_notice(&self, notice: &Notice<'_>) -> Result<Option<RoomNews>, NoticeRefused> {
        if is_test(notice.body) {
            return Ok(None);
        }
        self.prove(notice).ok_or(NoticeRefused::Unproven)?;
        let envelope: Envelope =
            serde_json::from_slice(notice.body).map_err(|_| NoticeRefused::Unreadable)?;
        let told = match envelope.kind.as_str() {
            "participant.joined" => stay(envelope.payload, false)?,
            "participant.left" => stay(envelope.payload, true)?,
            "recording.ready-to-download" => footage(envelope.payload),
            "recording.error" => lost(envelope.payload),
            _ => return Ok(None),
        };
        let Some((room, fact)) = told else { return Ok(None) };
        let news = || {
            let (id, room) = (NoticeId::new(&envelope.id).ok()?, RoomName::new(&room).ok()?);
            Some(RoomNews { id, room, fact: fact? })
        };
        news().map(Some).ok_or(NoticeRefused::Unreadable)
    }
}

/// A room, and what happened there; `None` for what cannot be read.
type Told = (String, Option<RoomFact>);

/// `None`: of somebody who is not named by an id of ours, and so was let in by somebody else.
fn stay(payload: Value, ended: bool) -> Result<Option<Told>, NoticeRefused> {
    let payload: Participant =
        serde_json::from_value(payload).map_err(|_| NoticeRefused::Unreadable)?;
    let Ok(person) = payload.user_id.unwrap_or_default().parse::<PersonId>() else {
        return Ok(None);
    };
    let stay = || {
        let joined_at = moment(payload.joined_at)?;
        let left_at = if ended { Some(later(joined_at, payload.duration?)?) } else { None };
        Some(RoomFact::Stay(Stay { id: StayId(payload.session_id), person, joined_at, left_at }))
    };
    Ok(Some((payload.room.clone(), stay())))
}

fn footage(payload: Value) -> Option<Told> {
    let Ready { room_name, recording_id, duration } =
        serde_json::from_value(payload).unwrap_or_default();
    let footage = FootageId::new(&recording_id).ok().map(|id| {
        let seconds = seconds(duration.unwrap_or_default());
        RoomFact::Footage(Footage { id, finished: true, seconds })
    });
    Some((room_name, footage))
}

fn lost(payload: Value) -> Option<Told> {
    let Ready { room_name, .. } = serde_json::from_value(payload).unwrap_or_default();
    Some((room_name, Some(RoomFact::FootageLost)))
}

/// The bytes of the `hmac` with which a webhook was registered.
fn bytes(key: &Secret) -> Result<Vec<u8>, ConfigError> {
    let bytes = STANDARD.decode(key.expose_secret()).map_err(|_| ConfigError::NoticeKey)?;
    if bytes.len() < 16 {
        return Err(ConfigError::NoticeKey);
    }
    Ok(bytes)
}

/// What Daily posts while a webhook is being registered, and what needs no proof because it tells
/// nothing.
fn is_test(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Test {
        test: String,
    }
    serde_json::from_slice::<Test>(body).is_ok_and(|body| body.test == "test")
}

#[derive(Deserialize)]
struct Envelope {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    payload: Value,
}

/// Read leniently: Daily adds fields without notice.
#[derive(Deserialize)]
struct Participant {
    room: String,
    session_id: Uuid,
    user_id: Option<String>,
    /// Seconds of Unix time, with fractions or without.
    joined_at: f64,
    /// Seconds.
    duration: Option<f64>,
}

/// A recording that is ready, or failed; what is missing is empty, and then no name of anything.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Ready {
    room_name: String,
    recording_id: String,
    /// Seconds.
    duration: Option<f64>,
}

fn instant(number: i64) -> Option<DateTime<Utc>> {
    if number.abs() >= FIRST_IN_MILLISECONDS {
        DateTime::from_timestamp_millis(number)
    } else {
        DateTime::from_timestamp(number, 0)
    }
}

fn moment(seconds: f64) -> Option<DateTime<Utc>> {
    later(DateTime::UNIX_EPOCH, seconds.is_sign_positive().then_some(seconds)?)
}

fn later(start: DateTime<Utc>, seconds: f64) -> Option<DateTime<Utc>> {
    let bound = if start == DateTime::UNIX_EPOCH { f64::from(u32::MAX) } else { LONGEST_STAY };
    if !(0.0..=bound).contains(&seconds) {
        return None;
    }
    let lasted = std::time::Duration::try_from_secs_f64(seconds).ok()?;
    // Whole milliseconds: what follows a point is noise.
    let lasted = TimeDelta::try_milliseconds(i64::try_from(lasted.as_millis()).ok()?)?;
    start.checked_add_signed(lasted)
}

impl fmt::Debug for Notices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Notices(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use restartix_kernel::ManualClock;

    const KEY: &str = "cmVzdGFydGl4LWxvY2FsLWRhaWx5LXdlYmhvb2sta2V5";
    /// The vector of the specification; its payload names no session.
    const BODY: &str = r#"{"version":"1.0.0","type":"participant.joined","id":"ptcpt-join-0001","payload":{"room":"rtx-0001","user_id":"2d3f3a54-7c0e-4c1a-9a57-5d0f9b3f0001","joined_at":1767225600},"event_ts":1767225601}"#;
    const SIGNATURE: &str = "Z4qDpkILAz+amVdBO3tyigJV9PrCQ+VKjLYTfpNdUDA=";

    fn notices() -> Notices {
        let now = DateTime::from_timestamp(1_767_225_602, 0).unwrap();
        read_by(KEY, now).unwrap().unwrap()
    }

    fn read_by(key: &str, now: DateTime<Utc>) -> Result<Option<Notices>, ConfigError> {
        let config = Config::new("test-api-key".into());
        let config = Config { notice_key: Some(key.into()), ..config };
        Notices::new(&config, Arc::new(ManualClock::at(now)))
    }

    fn read(
        timestamp: &str,
        signature: &str,
        body: &str,
    ) -> Result<Option<RoomNews>, NoticeRefused> {
        let (timestamp, signature) = (Some(timestamp), Some(signature));
        notices().read_notice(&Notice { timestamp, signature, body: body.as_bytes() })
    }

    fn signed(timestamp: &str, body: &str) -> Result<Option<RoomNews>, NoticeRefused> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&STANDARD.decode(KEY).unwrap()).unwrap();
        mac.update(format!("{timestamp}.{body}").as_bytes());
        read(timestamp, &STANDARD.encode(mac.finalize().into_bytes()), body)
    }

    fn event(kind: &str, payload: &str) -> String {
        format!(r#"{{"version":"1.0.0","type":"{kind}","id":"e-1","payload":{payload},"new":1}}"#)
    }

    const PERSON: &str = "2d3f3a54-7c0e-4c1a-9a57-5d0f9b3f0001";

    fn payload(rest: &str) -> String {
        format!(
            r#"{{"room":"restartix-1-102","user_id":"{PERSON}","session_id":"0198c6f0-7e6b-4c3a-9f5e-1a2b3c4d5e6f"{rest}}}"#
        )
    }

    #[test]
    fn the_published_vector_is_believed_and_a_changed_byte_is_not() {
        // Believed, and then not read: it names no session.
        assert_eq!(read("1767225602", SIGNATURE, BODY), Err(NoticeRefused::Unreadable));
        for (timestamp, signature, body) in [
            ("1767225602", SIGNATURE, BODY.replace("rtx-0001", "rtx-0002")),
            ("1767225603", SIGNATURE, BODY.to_owned()),
            ("1767225602", "Z4qDpkILAz+amVdBO3tyigJV9PrCQ+VKjLYTfpNdUDB=", BODY.to_owned()),
            ("1767225602", "", BODY.to_owned()),
            ("1767225602", "!", BODY.to_owned()),
        ] {
            assert_eq!(read(timestamp, signature, &body), Err(NoticeRefused::Unproven));
        }
        let bare = Notice { timestamp: None, signature: None, body: BODY.as_bytes() };
        assert_eq!(notices().read_notice(&bare), Err(NoticeRefused::Unproven));
    }

    #[test]
    fn seconds_and_milliseconds_are_believed_for_five_minutes() {
        let body = event("participant.joined", &payload(r#","joined_at":1767225600"#));
        for good in ["1767225602", "1767225602123", "1767225302", "1767225902000"] {
            assert!(signed(good, &body).unwrap().is_some(), "{good}");
        }
        for bad in ["1767225301", "1767225903", "1767225301999", "0", "x", "99999999999999999"] {
            assert_eq!(signed(bad, &body), Err(NoticeRefused::Unproven), "{bad}");
        }
    }

    #[test]
    fn each_notice_tells_of_the_whole_stay() {
        let now = "1767225602";
        let body = event("participant.joined", &payload(r#","joined_at":1767225600.5"#));
        let news = signed(now, &body).unwrap().unwrap();
        assert_eq!((news.id.as_str(), news.room.as_str()), ("e-1", "restartix-1-102"));
        let RoomFact::Stay(stay) = news.fact else { panic!("{news:?}") };
        assert_eq!(stay.person.to_string(), PERSON);
        assert_eq!(stay.joined_at.timestamp_millis(), 1_767_225_600_500);
        assert_eq!(stay.left_at, None);
        let body = event("participant.left", &payload(r#","joined_at":1767225000,"duration":61"#));
        let RoomFact::Stay(stay) = signed(now, &body).unwrap().unwrap().fact else { panic!() };
        assert_eq!(stay.seconds(), Some(61));
    }

    #[test]
    fn of_recordings_it_is_told_when_they_are_ready_and_when_they_failed() {
        let told = |kind, payload| signed("1767225602", &event(kind, payload)).map(|n| n.unwrap());
        let ready = r#"{"type":"cloud","recording_id":"08fa0b24-9220-44c5-846c-3f116cf8e738","room_name":"restartix-1-102","duration":61.7,"s3_key":"x"}"#;
        let news = told("recording.ready-to-download", ready).unwrap();
        let RoomFact::Footage(footage) = news.fact else { panic!("{news:?}") };
        assert_eq!(footage.id.as_str(), "08fa0b24-9220-44c5-846c-3f116cf8e738");
        assert_eq!((footage.finished, footage.seconds), (true, 61));
        let lost =
            r#"{"room_name":"restartix-1-102","error_msg":"the recording could not be stored"}"#;
        assert_eq!(told("recording.error", lost).unwrap().fact, RoomFact::FootageLost);
        for (kind, bad) in [
            ("recording.ready-to-download", r#"{"room_name":"r","recording_id":"../x"}"#),
            ("recording.ready-to-download", r#"{"recording_id":"x"}"#),
            ("recording.error", "[]"),
            ("recording.error", "{}"),
        ] {
            assert_eq!(told(kind, bad), Err(NoticeRefused::Unreadable), "{kind} {bad}");
        }
    }

    #[test]
    fn what_tells_nothing_of_ours_is_no_news_and_what_cannot_be_read_is_refused() {
        let now = "1767225602";
        for kind in ["meeting.ended", "recording.started", "something.new"] {
            assert_eq!(signed(now, &event(kind, "{}")), Ok(None), "{kind}");
        }
        let guest = payload(r#","joined_at":1767225600"#).replace(PERSON, "somebody");
        assert_eq!(signed(now, &event("participant.joined", &guest)), Ok(None));
        let nobody =
            payload(r#","joined_at":1767225600"#).replace(&format!("\"{PERSON}\""), "null");
        assert_eq!(signed(now, &event("participant.joined", &nobody)), Ok(None));
        assert_eq!(read("", "", r#"{"test":"test"}"#), Ok(None), "while it is registered");
        for bad in [
            payload(""),
            payload(r#","joined_at":-1"#),
            payload(r#","joined_at":1e300"#),
            payload(r#","joined_at":1767225000,"duration":-5"#),
            payload(r#","joined_at":1767225000,"duration":1e9"#),
            payload(r#","joined_at":1767225000"#),
            "[]".to_owned(),
        ] {
            let body = event("participant.left", &bad);
            assert_eq!(signed(now, &body), Err(NoticeRefused::Unreadable), "{bad}");
        }
        assert_eq!(signed(now, "{"), Err(NoticeRefused::Unreadable));
    }

    #[test]
    fn a_key_is_base64_of_enough_bytes_and_is_never_shown() {
        for bad in ["", "not base64!", "c2hvcnQ="] {
            let refused = read_by(bad, DateTime::UNIX_EPOCH).map(|_| ());
            assert_eq!(refused, Err(ConfigError::NoticeKey), "{bad}");
        }
        let clock = Arc::new(ManualClock::at(DateTime::UNIX_EPOCH));
        assert!(Notices::new(&Config::new("test-api-key".into()), clock).unwrap().is_none());
        assert_eq!(format!("{:?}", notices()), "Notices(..)");
    }
}
