//! The account as a whole: what stands, and who is there.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use restartix_kernel::PersonId;
use restartix_video::{
    ProviderError, RoomName, RoomNaming, StandingRoom, Stay, StayId, VideoAccount, Window,
};
use serde::Deserialize;
use ureq::http::Method;
use uuid::Uuid;

use crate::client::Call;
use crate::{CallError, Daily};

const LIST: &str = "list rooms";

/// Rooms a page, as many as Daily gives.
const PAGE: usize = 100;

/// Pages at most: what is beyond is looked at another time.
const PAGES: usize = 200;

/// A page of `GET /rooms`.
#[derive(Deserialize)]
struct Listed {
    data: Vec<Shown>,
}

/// A room as the list shows it.
#[derive(Deserialize)]
struct Shown {
    id: String,
    name: String,
    privacy: Option<String>,
    created_at: Option<DateTime<Utc>>,
    config: Option<Times>,
}

#[derive(Deserialize)]
struct Times {
    nbf: Option<i64>,
    exp: Option<i64>,
}

/// Somebody in `GET /presence`.
#[derive(Deserialize)]
struct Present {
    /// The session.
    id: Uuid,
    #[serde(rename = "userId")]
    user_id: Option<String>,
    #[serde(rename = "joinTime")]
    join_time: DateTime<Utc>,
}

impl Shown {
    /// The room; `None` for one whose name we could not have given or kept.
    fn read(self, naming: RoomNaming) -> Option<StandingRoom> {
        let name = RoomName::new(&self.name).ok()?;
        let window = self.config.and_then(|times| {
            let at = |seconds| DateTime::from_timestamp(seconds, 0);
            Some(Window { opens_at: at(times.nbf?)?, closes_at: at(times.exp?)? })
        });
        // Of a name that Daily gave, nobody can tell for whom.
        let ours = naming == RoomNaming::Deterministic && name.is_platforms();
        let private = self.privacy.as_deref() == Some("private");
        Some(StandingRoom { name, window, private, made_at: self.created_at, ours })
    }
}

#[async_trait]
impl VideoAccount for Daily {
    async fn standing(&self) -> Result<Vec<StandingRoom>, ProviderError> {
        let mut found = Vec::new();
        let mut after = None;
        for _ in 0..PAGES {
            let page = self.page(after.as_deref()).await?;
            let is_last = page.len() < PAGE;
            after = page.last().map(|room| room.id.clone());
            found.extend(page.into_iter().filter_map(|room| room.read(self.naming)));
            if is_last {
                break;
            }
        }
        Ok(found)
    }

    async fn present(&self) -> Result<Vec<(RoomName, Stay)>, ProviderError> {
        let call = Call::new("get presence", Method::GET, "/presence".to_owned());
        let answer = self.client.send(&call).await?;
        let rooms: BTreeMap<String, Vec<Present>> = call.read(&answer)?;
        let stays = rooms.into_iter().flat_map(|(room, present)| {
            let name = RoomName::new(&room).ok();
            present.into_iter().filter_map(move |one| {
                // Who is not named by an id of ours was let in by somebody else.
                let person = one.user_id?.parse::<PersonId>().ok()?;
                let (id, joined_at) = (StayId(one.id), one.join_time);
                Some((name.clone()?, Stay { id, person, joined_at, left_at: None }))
            })
        });
        Ok(stays.collect())
    }

    async fn abandon(&self, room: &RoomName) -> Result<(), ProviderError> {
        Ok(self.delete(room).await?)
    }
}

impl Daily {
    async fn page(&self, after: Option<&str>) -> Result<Vec<Shown>, CallError> {
        let mut path = format!("/rooms?limit={PAGE}");
        if let Some(id) = after {
            let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
            if !id.bytes().all(plain) {
                return Err(CallError::Foreign { operation: LIST });
            }
            path.push_str("&starting_after=");
            path.push_str(id);
        }
        let call = Call::new(LIST, Method::GET, path);
        let answer = self.client.send(&call).await?;
        call.read::<Listed>(&answer).map(|listed| listed.data)
    }
}
