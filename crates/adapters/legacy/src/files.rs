//! Files: copied inside the store into their clinic's folder, and read on both sides.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::StreamExt as _;
use restartix_kernel::FileId;
use restartix_storage::{
    Announced, Content, ContentType, Examination, FileKind, ForeignKey, MalwareScanner,
    ObjectError, ObjectImport, ObjectStore, ObjectVersion, OrgScopedKey, Refusal, Scanned, Sha256,
};
use restartix_tenancy::{Actor, ClaimError, ClaimSource, ClaimedRows, Found, OrgId, Tenant};
use sha2::Digest as _;
use tokio_postgres::Client;

use crate::error::During;
use crate::{MigrationError, Progress};

/// That a row of `legacy.files f` is good and not copied yet.
const WAITS: &str = "f.fault IS NULL AND NOT EXISTS (SELECT FROM legacy.file_copies c WHERE c.legacy_id = f.legacy_id)";
/// How many files are copied at once.
const ABREAST: usize = 8;

/// Where files are, and who looks at them.
#[derive(Clone)]
pub struct Objects {
    /// Brings them in.
    pub import: Arc<dyn ObjectImport>,
    /// Keeps them.
    pub store: Arc<dyn ObjectStore>,
    /// Looks at each.
    pub scanner: Arc<dyn MalwareScanner>,
}

/// A file that can be loaded and is not copied yet.
struct Waiting {
    legacy_id: String,
    file: FileId,
    kind: FileKind,
    content_type: ContentType,
    object: String,
}

/// What came of a copy.
enum Copied {
    Whole { size: u64, sha256: Sha256, version: ObjectVersion },
    Fault(&'static str),
}

/// The files that wait: durable rows, each of the one clinic that its links prove.
struct Queue<'a>(&'a Client);

#[async_trait]
impl ClaimSource for Queue<'_> {
    type Key = usize;
    type Row = Waiting;

    async fn claim(&self, most: &usize) -> Result<Vec<Found<Waiting>>, ClaimError> {
        let query = format!(
            "SELECT f.org_id, f.legacy_id, f.id::text, f.kind, f.content_type, f.object FROM legacy.files f
             WHERE {WAITS} ORDER BY f.org_id, f.id LIMIT $1"
        );
        let most = i64::try_from(*most).unwrap_or(i64::MAX);
        let failed = |error| ClaimError(Box::new(error));
        let rows = self.0.query(&query, &[&most]).await.map_err(failed)?;
        let unreadable = || ClaimError("a file that cannot be read".into());
        let read = |row: &tokio_postgres::Row| {
            Some(Found {
                organisation: OrgId::new(row.get(0)).ok()?,
                actor: Actor::System,
                row: Waiting {
                    legacy_id: row.get(1),
                    file: row.get::<_, String>(2).parse().ok()?,
                    kind: row.get::<_, &str>(3).parse().ok()?,
                    content_type: row.get::<_, &str>(4).parse().ok()?,
                    object: row.get(5),
                },
            })
        };
        rows.iter().map(|row| read(row).ok_or_else(unreadable)).collect()
    }
}

/// Gives up the notes of what could not be copied: it may have been mended since.
pub(crate) async fn forgive(owner: &Client) -> Result<(), MigrationError> {
    let again = "DELETE FROM legacy.file_copies WHERE fault IS NOT NULL";
    owner.batch_execute(again).await.during("looking for files")
}

/// How many files wait.
pub(crate) async fn waiting(owner: &Client) -> Result<u64, MigrationError> {
    let count = format!("SELECT count(*) FROM legacy.files f WHERE {WAITS}");
    let count: i64 = owner.query_one(&count, &[]).await.during("counting files")?.get(0);
    Ok(u64::try_from(count).unwrap_or_default())
}

/// Copies every file that waits. What cannot be kept is noted with its reason, and not tried again
/// until the note is taken away; what the store cannot do now ends the phase.
pub(crate) async fn copy_all(
    owner: &Client,
    objects: &Objects,
    progress: &dyn Progress,
) -> Result<(), MigrationError> {
    let copying = progress.begin("copying files", Some(waiting(owner).await?));
    let queue = ClaimedRows::new(Queue(owner));
    loop {
        let claimed = queue.claim(&(ABREAST * 8)).await?;
        if claimed.is_empty() {
            return Ok(());
        }
        let copies = claimed.into_iter().map(|row| {
            queue.run(row, async |tenant, waiting: Waiting| {
                let copied = objects.bring(tenant, &waiting).await?;
                note(owner, tenant, &waiting, &copied).await
            })
        });
        let mut copies = futures_util::stream::iter(copies).buffer_unordered(ABREAST);
        while let Some(copied) = copies.next().await {
            copied?;
            copying.advance(1);
        }
    }
}

async fn note(
    owner: &Client,
    tenant: &Tenant,
    waiting: &Waiting,
    copied: &Copied,
) -> Result<(), MigrationError> {
    let (size, sha256, version, fault) = match copied {
        Copied::Whole { size, sha256, version } => (
            i64::try_from(*size).ok(),
            Some(sha256.as_bytes().to_vec()),
            Some(version.as_str()),
            None,
        ),
        Copied::Fault(fault) => (None, None, None, Some(*fault)),
    };
    let noted = "INSERT INTO legacy.file_copies (legacy_id, org_id, file_id, object, size, sha256, object_version, fault)
        VALUES ($1, $2, $3::text::uuid, $4, $5, $6, $7, $8)";
    let (organisation, file) = (tenant.organisation().get(), waiting.file.to_string());
    owner
        .execute(
            noted,
            &[
                &waiting.legacy_id,
                &organisation,
                &file,
                &waiting.object,
                &size,
                &sha256,
                &version,
                &fault,
            ],
        )
        .await
        .during("noting a copy")
        .map(drop)
}

impl Objects {
    /// Copies one file: the original is read, looked at and hashed; the store copies; the copy is
    /// read again, and must have the same hash.
    async fn bring(&self, tenant: &Tenant, waiting: &Waiting) -> Result<Copied, MigrationError> {
        let Waiting { kind, content_type, file, object, .. } = waiting;
        let Some(source) = ForeignKey::new(object) else {
            return Ok(Copied::Fault("foreign_object"));
        };
        let Some(original) = self.import.open(&source).await? else {
            return Ok(Copied::Fault("missing_object"));
        };
        let size = original.size;
        if size == 0 || size > kind.largest() {
            return Ok(Copied::Fault("too_large"));
        }
        let mut scan = self.scanner.begin().await?;
        let mut hash = sha2::Sha256::new();
        each(original, async |part| {
            hash.update(part);
            Ok(scan.feed(part).await?)
        })
        .await?;
        if scan.finish().await? == Scanned::Infected {
            return Ok(Copied::Fault("infected"));
        }
        let sha256 = Sha256::from_bytes(hash.finalize().into());

        let key = OrgScopedKey::of_file(tenant, kind.folder(), *file);
        let Some(version) = self.import.copy(&source, &key, content_type.as_str()).await? else {
            return Ok(Copied::Fault("missing_object"));
        };
        let Some(copy) = self.store.read(&key, &version).await? else {
            return Ok(Copied::Fault("checksum_mismatch"));
        };
        let announced = Announced { content_type: content_type.as_str().to_owned(), size, sha256 };
        let mut examination = Examination::new(*content_type, &announced);
        each(copy, async |part| {
            examination.feed(part);
            Ok(())
        })
        .await?;
        let fault = match examination.finish() {
            None => return Ok(Copied::Whole { size, sha256, version }),
            Some(Refusal::TypeMismatch) => "type_mismatch",
            Some(_) => "checksum_mismatch",
        };
        // Nothing refers to it: it must not lie in the clinic's folder.
        self.store.delete(&key).await?;
        Ok(Copied::Fault(fault))
    }
}

async fn each(
    content: Content,
    mut work: impl AsyncFnMut(&[u8]) -> Result<(), MigrationError>,
) -> Result<(), MigrationError> {
    let mut parts = content.parts;
    while let Some(part) = parts.next().await {
        let part = part.map_err(|error| ObjectError::Unavailable(Box::new(error)))?;
        work(&part).await?;
    }
    Ok(())
}
