//! Recordings (<https://docs.daily.co/reference/rest-api/recordings>).

use async_trait::async_trait;
use restartix_tenancy::Tenant;
use restartix_video::{Footage, FootageId, ProviderError, RecordingProvider, Reel, RoomName};
use serde::Deserialize;
use serde_json::json;
use ureq::http::Method;

use crate::client::{Call, Class};
use crate::provider::room_path;
use crate::{CallError, Daily};

const LIST: &str = "list recordings";

/// A page of `GET /recordings`.
#[derive(Deserialize)]
struct Listed {
    data: Vec<Shown>,
}

/// A recording as Daily shows it.
#[derive(Deserialize)]
struct Shown {
    id: String,
    status: Option<String>,
    /// Seconds.
    duration: Option<f64>,
}

/// The answer of `GET /recordings/{id}/access-link`.
#[derive(Deserialize)]
struct Access {
    /// A signed URL: used byte for byte, and not kept.
    download_link: String,
}

impl Shown {
    fn read(self) -> Result<Footage, CallError> {
        let id = FootageId::new(&self.id).map_err(|_| CallError::Foreign { operation: LIST })?;
        let finished = self.status.as_deref() == Some("finished");
        Ok(Footage { id, finished, seconds: seconds(self.duration.unwrap_or_default()) })
    }
}

/// Whole seconds of a number that Daily gives with fractions or without; nothing below zero.
pub(crate) fn seconds(number: f64) -> u32 {
    let length = std::time::Duration::try_from_secs_f64(number).unwrap_or_default();
    u32::try_from(length.as_secs()).unwrap_or(u32::MAX)
}

fn path(footage: &FootageId) -> String {
    format!("/recordings/{}", footage.as_str())
}

#[async_trait]
impl RecordingProvider for Daily {
    async fn start_recording(&self, _: &Tenant, room: &RoomName) -> Result<(), ProviderError> {
        let path = format!("{}/recordings/start", room_path(room));
        let call = Call::post("start recording", path, &json!({}))?.within(Class::RecordingStart);
        let answer = self.client.send(&call).await?;
        Ok(call.accept(&answer)?)
    }

    async fn stop_recording(&self, _: &Tenant, room: &RoomName) -> Result<(), ProviderError> {
        let path = format!("{}/recordings/stop", room_path(room));
        let call = Call::post("stop recording", path, &json!({}))?;
        let answer = self.client.send(&call).await?;
        // A 400 says that nothing is recorded there.
        if answer.status == 400 { Ok(()) } else { Ok(call.accept_or_missing(&answer)?) }
    }

    async fn footage(&self, _: &Tenant, room: &RoomName) -> Result<Vec<Footage>, ProviderError> {
        let path = format!("/recordings?room_name={}&limit=100", room.as_str());
        let call = Call::new(LIST, Method::GET, path).within(Class::RecordingList);
        let answer = self.client.send(&call).await?;
        let listed: Listed = call.read(&answer)?;
        Ok(listed.data.into_iter().map(Shown::read).collect::<Result<_, _>>()?)
    }

    async fn fetch(&self, _: &Tenant, footage: &FootageId) -> Result<Option<Reel>, ProviderError> {
        let path = format!("{}/access-link", path(footage));
        let call = Call::new("link to recording", Method::GET, path);
        let answer = self.client.send(&call).await?;
        if answer.status == 404 {
            return Ok(None);
        }
        let access: Access = call.read(&answer)?;
        Ok(self.client.download(&access.download_link).await?)
    }

    async fn delete_footage(&self, _: &Tenant, footage: &FootageId) -> Result<(), ProviderError> {
        let call = Call::new("delete recording", Method::DELETE, path(footage));
        let answer = self.client.send(&call).await?;
        Ok(call.accept_or_missing(&answer)?)
    }
}
