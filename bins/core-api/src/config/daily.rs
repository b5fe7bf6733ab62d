use std::sync::Arc;

use restartix_daily::{Config, Daily, Notices};
use restartix_kernel::{SystemClock, SystemRandom};
use restartix_tenancy::Region;
use restartix_video::RoomNaming;

use super::http::is_https;
use super::reader::{Reader, parsed};

/// Who makes the video rooms.
pub(super) fn read(reader: &mut Reader<'_>) -> Option<Config> {
    let usual = || Config::new("a-key-to-check-the-rest".into());
    let base_url = reader.or("daily.base_url", usual().base_url, |text| Ok(text.to_owned()));
    let region = reader.optional("daily.region", |text| {
        Region::new(text).map_err(|_| "must be 1 to 32 characters of a-z, 0-9 and -")
    });
    let domain_id = reader.optional("daily.domain_id", parsed("must be a UUID"));
    let room_naming = reader.or("daily.room_naming", RoomNaming::default(), |text| {
        text.parse().map_err(|_| "must be deterministic or provider_assigned")
    });
    let api_key = reader.required_secret("daily.api_key");
    let notice_key = reader.secret("daily.notice_key");
    let noticing = Config { notice_key: notice_key.clone(), ..usual() };
    if let Err(error) = Notices::new(&noticing, Arc::new(SystemClock)) {
        reader.fault("daily.notice_key", format!("is refused: {error}"));
    }
    // One by one, because Daily's own check names the first fault only.
    check(reader, "daily.base_url", &Config { base_url: base_url.clone(), ..usual() });
    if reader.is_production() && !is_https(&base_url) {
        reader.fault("daily.base_url", "must be https in production");
    }
    let api_key = api_key?;
    check(reader, "daily.api_key", &Config { api_key: api_key.clone(), ..usual() });
    Some(Config { base_url, region, domain_id, room_naming, notice_key, ..Config::new(api_key) })
}

fn check(reader: &mut Reader<'_>, key: &str, config: &Config) {
    if let Err(error) = Daily::new(config, Arc::new(SystemClock), Arc::new(SystemRandom)) {
        reader.fault(key, format!("is refused: {error}"));
    }
}
