//! What is known of files; their bytes are elsewhere.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use restartix_kernel::{
    AppointmentId, FileId, Page, PageRequest, PersonId, SignatureId, StoreError,
};
use restartix_storage::{
    File, FileFilter, FileName, Files, ObjectVersion, Refusal, Sha256, Signature, UploadName,
};
use restartix_tenancy::{Actor, Change, ClaimError, ClaimSource, Found, OrgId, Reach, Version};
use restartix_workflows::{DueFile, DueFiles};
use uuid::Uuid;

use crate::Database;
use crate::call::definer_call;
use crate::error::{store_error, unreadable};
use crate::schema::{care_relations, file_signatures, files};
use crate::unit::{PgWork, after, changed};

#[derive(Queryable, Selectable)]
#[diesel(table_name = files)]
struct FileRow {
    id: Uuid,
    kind: String,
    name: String,
    content_type: String,
    size: i64,
    sha256: Vec<u8>,
    patient_id: Option<Uuid>,
    appointment_id: Option<i64>,
    uploader_id: Option<Uuid>,
    status: String,
    refusal: Option<String>,
    object_version: Option<String>,
    upload: Option<String>,
    legal_hold: bool,
    created_at: DateTime<Utc>,
    due_at: Option<DateTime<Utc>>,
    version: i32,
}

fn sha256(bytes: &[u8], column: &'static str) -> Result<Sha256, StoreError> {
    bytes.try_into().map(Sha256::from_bytes).map_err(|_| unreadable(column))
}

impl TryFrom<FileRow> for File {
    type Error = StoreError;

    fn try_from(row: FileRow) -> Result<Self, StoreError> {
        let appointment = row.appointment_id.map(AppointmentId::new).transpose();
        let refusal = row.refusal.map(|text| text.parse()).transpose();
        let object = row.object_version.map(|name| {
            ObjectVersion::new(&name).ok_or_else(|| unreadable("files.object_version"))
        });
        let upload =
            row.upload.map(|name| UploadName::new(&name).ok_or_else(|| unreadable("files.upload")));
        Ok(Self {
            id: FileId::from_uuid(row.id),
            kind: row.kind.parse().map_err(|_| unreadable("files.kind"))?,
            name: FileName::new(&row.name).map_err(|_| unreadable("files.name"))?,
            content_type: row.content_type.parse().map_err(|_| unreadable("files.content_type"))?,
            size: u64::try_from(row.size).map_err(|_| unreadable("files.size"))?,
            sha256: sha256(&row.sha256, "files.sha256")?,
            patient: row.patient_id.map(PersonId::from_uuid),
            appointment: appointment.map_err(|_| unreadable("files.appointment_id"))?,
            uploader: row.uploader_id.map(PersonId::from_uuid),
            status: row.status.parse().map_err(|_| unreadable("files.status"))?,
            refusal: refusal.map_err(|_| unreadable("files.refusal"))?,
            object: object.transpose()?,
            upload: upload.transpose()?,
            legal_hold: row.legal_hold,
            created_at: row.created_at,
            due_at: row.due_at,
            version: Version::new(row.version).ok_or_else(|| unreadable("files.version"))?,
        })
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = file_signatures)]
struct SignatureRow {
    id: Uuid,
    document_id: Uuid,
    document_sha256: Vec<u8>,
    picture_id: Uuid,
    signer_id: Uuid,
    signer_role: String,
    signed_at: DateTime<Utc>,
}

impl TryFrom<SignatureRow> for Signature {
    type Error = StoreError;

    fn try_from(row: SignatureRow) -> Result<Self, StoreError> {
        let role = row.signer_role.parse();
        Ok(Self {
            id: SignatureId::from_uuid(row.id),
            document: FileId::from_uuid(row.document_id),
            document_sha256: sha256(&row.document_sha256, "file_signatures.document_sha256")?,
            picture: FileId::from_uuid(row.picture_id),
            signer: PersonId::from_uuid(row.signer_id),
            role: role.map_err(|_| unreadable("file_signatures.signer_role"))?,
            signed_at: row.signed_at,
        })
    }
}

/// The files within reach: about those who are, or announced by whoever reaches.
fn within(reach: Reach) -> files::BoxedQuery<'static, diesel::pg::Pg> {
    let all = files::table.into_boxed();
    match reach {
        Reach::Organisation => all,
        Reach::Own(person) => {
            let person = person.as_uuid();
            all.filter(files::patient_id.eq(person).or(files::uploader_id.eq(person)))
        }
        Reach::TreatedBy(specialist) => {
            let specialist = specialist.as_uuid();
            let treated = care_relations::table
                .filter(care_relations::specialist_id.eq(specialist))
                .filter(care_relations::patient_id.nullable().eq(files::patient_id))
                .filter(care_relations::valid_until.is_null());
            all.filter(files::uploader_id.eq(specialist).or(exists(treated).nullable()))
        }
    }
}

#[async_trait]
impl Files for PgWork {
    async fn add(&mut self, file: &File) -> Result<(), StoreError> {
        let size = i64::try_from(file.size).map_err(|_| unreadable("files.size"))?;
        diesel::insert_into(files::table)
            .values((
                (
                    files::org_id.eq(self.org_id()),
                    files::id.eq(file.id.as_uuid()),
                    files::kind.eq(file.kind.as_str()),
                    files::name.eq(file.name.expose()),
                    files::content_type.eq(file.content_type.as_str()),
                    files::size.eq(size),
                    files::sha256.eq(file.sha256.as_bytes().as_slice()),
                ),
                files::patient_id.eq(file.patient.map(PersonId::as_uuid)),
                files::appointment_id.eq(file.appointment.map(AppointmentId::get)),
                files::uploader_id.eq(file.uploader.map(PersonId::as_uuid)),
                files::status.eq(file.status.as_str()),
                files::refusal.eq(file.refusal.map(Refusal::as_str)),
                files::object_version.eq(file.object.as_ref().map(ObjectVersion::as_str)),
                files::upload.eq(file.upload.as_ref().map(UploadName::as_str)),
                files::legal_hold.eq(file.legal_hold),
                files::created_at.eq(file.created_at),
                files::due_at.eq(file.due_at),
                files::version.eq(file.version.get()),
            ))
            .execute(self.tx())
            .await
            .map_err(store_error)?;
        Ok(())
    }

    async fn find(&mut self, reach: Reach, id: FileId) -> Result<Option<File>, StoreError> {
        let row: Option<FileRow> = within(reach)
            .filter(files::id.eq(id.as_uuid()))
            .select(FileRow::as_select())
            .get_result(self.tx())
            .await
            .optional()
            .map_err(store_error)?;
        row.map(File::try_from).transpose()
    }

    async fn list(
        &mut self,
        reach: Reach,
        filter: &FileFilter,
        page: &PageRequest,
    ) -> Result<Page<File>, StoreError> {
        let mut query = within(reach).filter(files::status.ne("deleted"));
        if let Some(kind) = filter.kind {
            query = query.filter(files::kind.eq(kind.as_str()));
        }
        if let Some(patient) = filter.patient {
            query = query.filter(files::patient_id.eq(patient.as_uuid()));
        }
        if let Some(id) = after::<Uuid>(page)? {
            query = query.filter(files::id.gt(id));
        }
        let rows: Vec<FileRow> = query
            .order(files::id)
            .limit(page.limit.one_more())
            .select(FileRow::as_select())
            .load(self.tx())
            .await
            .map_err(store_error)?;
        let found: Result<Vec<File>, _> = rows.into_iter().map(File::try_from).collect();
        Ok(Page::of_one_more(found?, page.limit, |file| file.id.to_string()))
    }

    async fn update(&mut self, file: &File) -> Result<Change, StoreError> {
        let key = (self.org_id(), file.id.as_uuid());
        let rows = diesel::update(files::table.find(key))
            .filter(files::version.eq(file.version.get() - 1))
            .set((
                files::status.eq(file.status.as_str()),
                files::refusal.eq(file.refusal.map(Refusal::as_str)),
                files::object_version.eq(file.object.as_ref().map(ObjectVersion::as_str)),
                files::upload.eq(file.upload.as_ref().map(UploadName::as_str)),
                files::due_at.eq(file.due_at),
                files::version.eq(file.version.get()),
            ))
            .execute(self.tx())
            .await
            .map_err(store_error)?;
        self.file_changed(rows, file.id).await
    }

    async fn hold(&mut self, file: &File) -> Result<Change, StoreError> {
        let key = (self.org_id(), file.id.as_uuid());
        let rows = diesel::update(files::table.find(key))
            .filter(files::version.eq(file.version.get() - 1))
            .set((files::legal_hold.eq(file.legal_hold), files::version.eq(file.version.get())))
            .execute(self.tx())
            .await
            .map_err(store_error)?;
        self.file_changed(rows, file.id).await
    }

    async fn sign(&mut self, signature: &Signature) -> Result<(), StoreError> {
        diesel::insert_into(file_signatures::table)
            .values((
                file_signatures::org_id.eq(self.org_id()),
                file_signatures::id.eq(signature.id.as_uuid()),
                file_signatures::document_id.eq(signature.document.as_uuid()),
                file_signatures::document_sha256
                    .eq(signature.document_sha256.as_bytes().as_slice()),
                file_signatures::picture_id.eq(signature.picture.as_uuid()),
                file_signatures::signer_id.eq(signature.signer.as_uuid()),
                file_signatures::signer_role.eq(signature.role.as_str()),
                file_signatures::signed_at.eq(signature.signed_at),
            ))
            .execute(self.tx())
            .await
            .map_err(store_error)?;
        Ok(())
    }

    async fn signatures(&mut self, document: FileId) -> Result<Vec<Signature>, StoreError> {
        let rows: Vec<SignatureRow> = file_signatures::table
            .filter(file_signatures::document_id.eq(document.as_uuid()))
            .order(file_signatures::id)
            .limit(MOST_SIGNATURES)
            .select(SignatureRow::as_select())
            .load(self.tx())
            .await
            .map_err(store_error)?;
        rows.into_iter().map(Signature::try_from).collect()
    }
}

/// The most signatures of one document that are listed.
const MOST_SIGNATURES: i64 = 200;

impl PgWork {
    async fn file_changed(&mut self, rows: usize, id: FileId) -> Result<Change, StoreError> {
        let key = (self.org_id(), id.as_uuid());
        let there = rows > 0
            || diesel::select(exists(files::table.find(key)))
                .get_result(self.tx())
                .await
                .map_err(store_error)?;
        Ok(changed(rows, there))
    }
}

definer_call! {
    /// A batch of files that are due.
    ClaimFiles<'a> {
        limit: &'a i32 => Integer,
        now: DateTime<Utc> => Timestamptz,
        until: DateTime<Utc> => Timestamptz,
    } = "claim_files" -> (BigInt, SqlUuid, Integer)
}

/// The files in PostgreSQL that somebody has to look after.
#[derive(Clone)]
pub struct PgDueFiles {
    database: Database,
}

impl PgDueFiles {
    /// The files kept in `database`, as the role that runs workers.
    pub const fn new(database: Database) -> Self {
        Self { database }
    }
}

#[async_trait]
impl ClaimSource for PgDueFiles {
    type Key = DueFiles;
    type Row = DueFile;

    async fn claim(&self, key: &DueFiles) -> Result<Vec<Found<DueFile>>, ClaimError> {
        let failed = |error: StoreError| ClaimError(Box::new(error));
        let mut connection = self.database.connection().await.map_err(failed)?;
        let limit = i32::from(key.limit);
        let call = ClaimFiles { limit: &limit, now: key.now, until: key.now + key.lease };
        let rows: Vec<(i64, Uuid, i32)> =
            call.load(&mut connection).await.map_err(|error| failed(store_error(error)))?;
        rows.into_iter()
            .map(|(organisation, id, version)| {
                let row = DueFile {
                    id: FileId::from_uuid(id),
                    version: Version::new(version).ok_or_else(|| unreadable("files.version"))?,
                };
                Ok(Found {
                    organisation: OrgId::new(organisation)
                        .map_err(|_| unreadable("files.org_id"))?,
                    actor: Actor::System,
                    row,
                })
            })
            .collect::<Result<_, _>>()
            .map_err(failed)
    }
}
