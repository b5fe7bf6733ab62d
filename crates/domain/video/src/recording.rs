use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use restartix_kernel::{AppointmentId, FileId, PersonId, RecordingId, StoreError, words};
use restartix_tenancy::{Change, Version};

words! {
    /// Where a recording stands: `requested -> recording -> ready -> imported`; `failed` and `deleted`
    /// are ends.
    RecordingState {
        /// Somebody asked for it.
        Requested = "requested",
        /// The provider records.
        Recording = "recording",
        /// The provider has it.
        Ready = "ready",
        /// It is a file of the organisation's.
        Imported = "imported",
        /// There is none, or it could not be had.
        Failed = "failed",
        /// It is gone, or goes.
        Deleted = "deleted",
    }
}

/// The provider's own name of a recording: 1 to 64 characters of `[A-Za-z0-9_-]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FootageId(String);

/// The text cannot be the name of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a recording's name is 1 to 64 characters of A-Z, a-z, 0-9, _ and -")]
pub struct FootageIdError;

impl FootageId {
    /// The name `text`, as a provider gave it or a repository kept it.
    pub fn new(text: &str) -> Result<Self, FootageIdError> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        if !(1..=64).contains(&text.len()) || !text.bytes().all(plain) {
            return Err(FootageIdError);
        }
        Ok(Self(text.to_owned()))
    }

    /// The name as the provider knows it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why nothing is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordingRefused {
    /// Appointments of this type are not recorded.
    #[error("appointments of this type are not recorded")]
    NotOffered,
    /// The patient has not consented.
    #[error("the patient has not consented to a recording")]
    NoConsent,
    /// One is being made already.
    #[error("a recording is being made already")]
    Running,
}

/// What is recorded of one visit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    /// Its id.
    pub id: RecordingId,
    /// Of which appointment.
    pub appointment: AppointmentId,
    /// Where it stands.
    pub state: RecordingState,
    /// What the provider calls it, once it is known.
    pub footage: Option<FootageId>,
    /// As which file it is kept, from the moment that it is ready: the same at each try.
    pub file: Option<FileId>,
    /// How long it lasts, in seconds, once it is known.
    pub seconds: Option<u32>,
    /// Who asked for it; `None` for one that was begun in the room itself.
    pub requested_by: Option<PersonId>,
    /// When.
    pub requested_at: DateTime<Utc>,
    /// When somebody has to look after it.
    pub due_at: Option<DateTime<Utc>>,
    /// Changes so far.
    pub version: Version,
}

impl Recording {
    /// How long after its room has closed a recording may take to be ready.
    pub const PATIENCE: TimeDelta = TimeDelta::hours(6);

    /// A recording that `person` asks for at `now`; without one, one that was begun in the room.
    pub const fn requested(
        id: RecordingId,
        appointment: AppointmentId,
        person: Option<PersonId>,
        now: DateTime<Utc>,
    ) -> Self {
        Self {
            id,
            appointment,
            state: RecordingState::Requested,
            footage: None,
            file: None,
            seconds: None,
            requested_by: person,
            requested_at: now,
            due_at: Some(now),
            version: Version::FIRST,
        }
    }

    /// Whether the provider records, or is about to.
    pub const fn is_running(&self) -> bool {
        matches!(self.state, RecordingState::Requested | RecordingState::Recording)
    }

    /// The provider records; somebody looks at `due_at` whether it says what became of that.
    #[must_use]
    pub fn begun(self, due_at: DateTime<Utc>) -> Self {
        self.moved(RecordingState::Recording, Some(due_at))
    }

    /// The provider has it: it will be `file`.
    #[must_use]
    pub fn ready(self, footage: FootageId, seconds: u32, file: FileId, now: DateTime<Utc>) -> Self {
        let (footage, seconds, file) = (Some(footage), Some(seconds), Some(file));
        Self { footage, seconds, file, ..self.moved(RecordingState::Ready, Some(now)) }
    }

    /// It is kept. The provider's copy is still to go.
    #[must_use]
    pub fn imported(self, now: DateTime<Utc>) -> Self {
        self.moved(RecordingState::Imported, Some(now))
    }

    /// There will be none.
    #[must_use]
    pub fn failed(self) -> Self {
        self.moved(RecordingState::Failed, None)
    }

    /// Nobody is to see it. The provider's copy, if there is one, is still to go.
    #[must_use]
    pub fn deleted(self, now: DateTime<Utc>) -> Self {
        self.moved(RecordingState::Deleted, Some(now))
    }

    /// As [`Recording::deleted`], now that it is known what the provider calls it.
    #[must_use]
    pub fn unwanted(self, footage: FootageId, now: DateTime<Utc>) -> Self {
        Self { footage: Some(footage), ..self.deleted(now) }
    }

    /// Nobody has to look after it any more, or not before `due_at`.
    #[must_use]
    pub fn left(self, due_at: Option<DateTime<Utc>>) -> Self {
        let state = self.state;
        self.moved(state, due_at)
    }

    fn moved(self, state: RecordingState, due_at: Option<DateTime<Utc>>) -> Self {
        let version = self.version.next();
        Self { state, due_at, version, ..self }
    }
}

/// Which of an appointment's recordings a provider's footage is.
///
/// Providers name footage and room, and not who asked for it. One that was called off before it was
/// known comes first among those that wait: what was called off must not come back as another.
pub fn recording_of<'a>(known: &'a [Recording], footage: &FootageId) -> Option<&'a Recording> {
    let named = known.iter().find(|one| one.footage.as_ref() == Some(footage));
    let nameless = || known.iter().filter(|one| one.footage.is_none());
    named
        .or_else(|| nameless().find(|one| one.state == RecordingState::Deleted))
        .or_else(|| nameless().find(|one| one.is_running()))
}

/// The recordings of one organisation, within one unit of work.
#[async_trait]
pub trait Recordings: Send {
    /// Those of an appointment, by id: a hundred at most.
    async fn of(&mut self, appointment: AppointmentId) -> Result<Vec<Recording>, StoreError>;

    /// One.
    async fn find(&mut self, id: RecordingId) -> Result<Option<Recording>, StoreError>;

    /// Adds one.
    async fn add(&mut self, recording: &Recording) -> Result<(), StoreError>;

    /// Keeps one as it is now, when the version kept is the one before.
    async fn update(&mut self, recording: &Recording) -> Result<Change, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn recording(number: u128) -> Recording {
        let id = RecordingId::from_uuid(Uuid::from_u128(number));
        Recording::requested(id, AppointmentId::new(102).unwrap(), None, DateTime::UNIX_EPOCH)
    }

    #[test]
    fn footage_goes_to_the_recording_that_waits_and_never_to_two() {
        let now = DateTime::UNIX_EPOCH;
        let footage = |name| FootageId::new(name).unwrap();
        let file = FileId::from_uuid(Uuid::nil());
        let first = recording(1).begun(now).ready(footage("a"), 60, file, now);
        let (second, third) = (recording(2).deleted(now), recording(3));
        let known = [first.clone(), second.clone(), third.clone()];
        assert_eq!(recording_of(&known, &footage("a")), Some(&first), "told again");
        assert_eq!(recording_of(&known, &footage("b")), Some(&second), "called off before");
        let second = second.unwanted(footage("b"), now);
        let known = [first, second.clone(), third.clone()];
        assert_eq!(recording_of(&known, &footage("c")), Some(&third));
        assert_eq!(recording_of(&[second], &footage("c")), None);
    }

    #[test]
    fn each_move_is_a_version_and_an_end_is_looked_after_once_more() {
        let now = DateTime::UNIX_EPOCH;
        let file = FileId::from_uuid(Uuid::nil());
        let footage = FootageId::new("a").unwrap();
        let kept = recording(1).begun(now).ready(footage, 60, file, now).imported(now);
        assert_eq!((kept.version.get(), kept.due_at), (4, Some(now)));
        let done = kept.left(None);
        assert_eq!((done.state, done.due_at), (RecordingState::Imported, None));
        assert!(recording(2).is_running() && !recording(2).failed().is_running());
    }

    #[test]
    fn footage_is_named_plainly() {
        for bad in ["", "a/b", "a b", "é", &"x".repeat(65)] {
            assert_eq!(FootageId::new(bad), Err(FootageIdError), "{bad}");
        }
    }
}
