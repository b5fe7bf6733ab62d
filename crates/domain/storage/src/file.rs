use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use restartix_kernel::{
    AppointmentId, FileId, Page, PageRequest, PersonId, SignatureId, StoreError,
};
use restartix_tenancy::{Change, Reach, Role, Tenant, Version};

use crate::words::{Refusal, Status};
use crate::{
    Announced, ContentType, FileKind, FileName, ObjectVersion, OrgScopedKey, Part, Presentation,
    Sha256, UploadName,
};

/// A file, as its organisation keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its id.
    pub id: FileId,
    /// What it is.
    pub kind: FileKind,
    /// What its owner calls it.
    pub name: FileName,
    /// Its type.
    pub content_type: ContentType,
    /// Its length, in bytes.
    pub size: u64,
    /// Its hash.
    pub sha256: Sha256,
    /// About whom.
    pub patient: Option<PersonId>,
    /// Of which appointment.
    pub appointment: Option<AppointmentId>,
    /// Who announced it; `None` for the platform.
    pub uploader: Option<PersonId>,
    /// Where it stands.
    pub status: Status,
    /// Why it was not accepted.
    pub refusal: Option<Refusal>,
    /// The version of its object that was looked at, and no other.
    pub object: Option<ObjectVersion>,
    /// The upload in parts by which its bytes come, where they do not come at once.
    pub upload: Option<UploadName>,
    /// Whether it must be kept, whoever would delete it.
    pub legal_hold: bool,
    /// When it was announced.
    pub created_at: DateTime<Utc>,
    /// When somebody has to look after it.
    pub due_at: Option<DateTime<Utc>>,
    /// Changes so far.
    pub version: Version,
}

/// How an examination ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is what was announced.
    Good,
    /// It is not.
    Refused(Refusal),
    /// It bears malware.
    Infected,
}

impl File {
    /// How long after its announcement a file waits for its bytes.
    pub const PATIENCE: TimeDelta = TimeDelta::hours(1);
    /// How long after its announcement bytes can come at the latest, by a URL that was good until
    /// its last second.
    const UPLOAD_SECONDS: i64 = 20 * 60;

    /// The name of its object.
    pub fn key(&self, tenant: &Tenant) -> OrgScopedKey {
        OrgScopedKey::of_file(tenant, self.kind.folder(), self.id)
    }

    /// What was said of its bytes.
    pub fn announced(&self) -> Announced {
        let content_type = self.content_type.as_str().to_owned();
        Announced { content_type, size: self.size, sha256: self.sha256 }
    }

    /// The parts of these lengths and hashes, in their order, where the file can come in them: all but
    /// the last one large enough, and together as long as the file.
    pub fn in_parts(&self, parts: &[(u64, Sha256)]) -> Option<Vec<Part>> {
        let (_, before) = parts.split_last()?;
        let whole = parts.iter().try_fold(0_u64, |sum, (size, _)| sum.checked_add(*size));
        let fits = parts.len() <= Part::MOST
            && before.iter().all(|(size, _)| *size >= Part::LEAST)
            && parts.iter().all(|(size, _)| (1..=Part::LARGEST).contains(size))
            && whole == Some(self.size);
        let numbered = (1..).zip(parts);
        let numbered =
            numbered.map(|(number, (size, sha256))| Part { number, size: *size, sha256: *sha256 });
        fits.then(|| numbered.collect())
    }

    /// The file whose bytes come in parts, by this upload.
    #[must_use]
    pub fn coming(self, upload: UploadName) -> Self {
        let version = self.version.next();
        Self { upload: Some(upload), version, ..self }
    }

    /// How its download presents itself.
    pub fn presentation(&self) -> Presentation {
        let content_type = self.content_type.as_str().to_owned();
        Presentation { disposition: self.name.disposition(), content_type }
    }

    /// Why nobody gets its bytes, as a stable code; `None` unless they were refused.
    pub fn code(&self) -> Option<&'static str> {
        match self.status {
            Status::Infected => Some("malware_found"),
            _ => self.refusal.map(Refusal::as_str),
        }
    }

    /// The file with the version of its object that is looked at from now on; whoever looks has
    /// until `due_at`.
    #[must_use]
    pub fn scanning(self, object: ObjectVersion, due_at: DateTime<Utc>) -> Self {
        let version = self.version.next();
        let (status, object, due_at) = (Status::Scanning, Some(object), Some(due_at));
        Self { status, object, due_at, version, ..self }
    }

    /// The file after its examination. What is not to be kept is due at once: its bytes go.
    #[must_use]
    pub fn judged(self, verdict: Verdict, now: DateTime<Utc>) -> Self {
        let version = self.version.next();
        let kept = self.created_at + TimeDelta::days(self.kind.kept_days());
        let (status, refusal, due_at) = match verdict {
            Verdict::Good => (Status::Available, None, kept),
            Verdict::Refused(why) => (Status::Rejected, Some(why), now),
            Verdict::Infected => (Status::Infected, None, now),
        };
        Self { status, refusal, due_at: Some(due_at), version, ..self }
    }

    /// The file whose bytes are gone. While a URL to put them may still be good, they can come back:
    /// somebody looks once more after it has ended.
    #[must_use]
    pub fn swept(self, now: DateTime<Utc>) -> Self {
        let quiet = self.created_at + TimeDelta::seconds(Self::UPLOAD_SECONDS);
        let version = self.version.next();
        Self { due_at: (now < quiet).then_some(quiet), version, ..self }
    }

    /// The file under a legal hold, or under none any more.
    #[must_use]
    pub fn held(self, legal_hold: bool) -> Self {
        let version = self.version.next();
        Self { legal_hold, version, ..self }
    }

    /// The file as a tombstone, whose bytes are still to go.
    #[must_use]
    pub fn deleted(self, now: DateTime<Utc>) -> Self {
        let version = self.version.next();
        Self { status: Status::Deleted, due_at: Some(now), version, ..self }
    }
}

/// A picture of a signature, bound to the bytes of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// Its id.
    pub id: SignatureId,
    /// What was signed.
    pub document: FileId,
    /// The hash of what was signed.
    pub document_sha256: Sha256,
    /// The picture.
    pub picture: FileId,
    /// Who signed.
    pub signer: PersonId,
    /// What they were to the organisation.
    pub role: Role,
    /// When.
    pub signed_at: DateTime<Utc>,
}

/// Which files a list is to hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileFilter {
    /// Of this kind.
    pub kind: Option<FileKind>,
    /// About this patient.
    pub patient: Option<PersonId>,
}

/// The files of one organisation, within one unit of work.
///
/// Within reach of a patient is what is about them or was announced by them; of a specialist what is
/// about those they treat or was announced by them.
#[async_trait]
pub trait Files: Send {
    /// Adds one.
    async fn add(&mut self, file: &File) -> Result<(), StoreError>;

    /// One within `reach`, tombstones included.
    async fn find(&mut self, reach: Reach, id: FileId) -> Result<Option<File>, StoreError>;

    /// Those within `reach` that are not deleted, by id.
    async fn list(
        &mut self,
        reach: Reach,
        filter: &FileFilter,
        page: &PageRequest,
    ) -> Result<Page<File>, StoreError>;

    /// Keeps where `file` stands now (status, refusal, object, upload, when it is due), when the version
    /// kept is the one before.
    async fn update(&mut self, file: &File) -> Result<Change, StoreError>;

    /// Keeps whether `file` is under a legal hold, when the version kept is the one before.
    async fn hold(&mut self, file: &File) -> Result<Change, StoreError>;

    /// Keeps a signature.
    async fn sign(&mut self, signature: &Signature) -> Result<(), StoreError>;

    /// The signatures of a document, by id.
    async fn signatures(&mut self, document: FileId) -> Result<Vec<Signature>, StoreError>;
}
