use std::fmt;

use crate::{Footage, RoomName, Stay};

/// Something that a provider posts to us of its own accord, as it came.
#[derive(Clone, Copy)]
pub struct Notice<'a> {
    /// What it says of its time.
    pub timestamp: Option<&'a str>,
    /// By which it shows that it is the provider's.
    pub signature: Option<&'a str>,
    /// The bytes that were signed.
    pub body: &'a [u8],
}

/// The provider's own name of one notice, by which a repeat is recognised: 1 to 128 visible ASCII
/// characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NoticeId(String);

/// The text cannot be a notice's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a notice's id is 1 to 128 visible ASCII characters")]
pub struct NoticeIdError;

impl NoticeId {
    /// The name `text`.
    pub fn new(text: &str) -> Result<Self, NoticeIdError> {
        if !(1..=128).contains(&text.len()) || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(NoticeIdError);
        }
        Ok(Self(text.to_owned()))
    }

    /// The name as the provider spells it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a notice tells of a room.
///
/// Notices come at least once and in any order: the end of a stay may be told before its begin, so
/// each tells of the whole stay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomNews {
    /// By which a repeat is recognised.
    pub id: NoticeId,
    /// Of which room.
    pub room: RoomName,
    /// What.
    pub fact: RoomFact,
}

/// Something that happened in a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoomFact {
    /// Somebody stayed, from when, and until when if that is told.
    Stay(Stay),
    /// The provider has a recording.
    Footage(Footage),
    /// A recording failed: there will be none.
    FootageLost,
}

/// Why a notice is not listened to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoticeRefused {
    /// It does not show that it is the provider's, or is so old that it may be a replay.
    #[error("the notice is not signed by the provider, now")]
    Unproven,
    /// It is the provider's, and cannot be read.
    #[error("the notice cannot be read")]
    Unreadable,
}

/// Reads what the provider posts to us.
pub trait NoticeReader: Send + Sync {
    /// What `notice` tells; `None` for what we have no use for. Its proof is checked over the bytes
    /// as they came, in constant time, before anything is read from them.
    fn read_notice(&self, notice: &Notice<'_>) -> Result<Option<RoomNews>, NoticeRefused>;
}

impl fmt::Debug for Notice<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notice").field("bytes", &self.body.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_is_named_in_visible_characters() {
        assert_eq!(NoticeId::new("ptcpt-join-1").unwrap().as_str(), "ptcpt-join-1");
        for bad in ["", "a b", "a\n", "é", &"x".repeat(129)] {
            assert_eq!(NoticeId::new(bad), Err(NoticeIdError), "{bad}");
        }
    }
}
