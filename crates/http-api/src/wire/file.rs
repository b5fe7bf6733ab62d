use std::collections::BTreeMap;

use restartix_kernel::{AppointmentId, ExposeSecret, PersonId};
use restartix_storage::{File, FileName, Part, Sha256, SignedRequest};
use restartix_tenancy::Version;
use restartix_workflows::{Failure, FileDraft, Signed};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{FileKey, Id, Instant, PersonKey, invalid};
use crate::View;

/// A file.
#[derive(Debug, Serialize, ToSchema)]
pub struct FileView {
    id: FileKey,
    /// `document`, `prescription`, `image`, `signature` or `recording`.
    kind: &'static str,
    /// What its owner calls it.
    file_name: String,
    content_type: &'static str,
    size_bytes: u64,
    /// 64 hexadecimal digits.
    sha256: String,
    patient_id: Option<PersonKey>,
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 9_007_199_254_740_991_i64)]
    appointment_id: Option<AppointmentId>,
    uploader_id: Option<PersonKey>,
    /// `pending`, `scanning`, `available`, `infected` or `rejected`.
    status: &'static str,
    /// Why it was rejected: `checksum_mismatch`, `size_mismatch`, `type_mismatch`, `truncated` or
    /// `not_encrypted`; of an infected one `malware_found`; `null` unless it was refused.
    code: Option<&'static str>,
    legal_hold: bool,
    created_at: Instant,
    version: i32,
}

impl View for FileView {
    fn version(&self) -> Option<Version> {
        Version::new(self.version)
    }

    fn patient(&self) -> Option<PersonId> {
        self.patient_id.map(|Id(patient)| patient)
    }
}

impl From<File> for FileView {
    fn from(file: File) -> Self {
        let code = file.code();
        Self {
            id: Id(file.id),
            kind: file.kind.as_str(),
            file_name: file.name.expose().to_owned(),
            content_type: file.content_type.as_str(),
            size_bytes: file.size,
            sha256: file.sha256.to_string(),
            patient_id: file.patient.map(Id),
            appointment_id: file.appointment,
            uploader_id: file.uploader.map(Id),
            status: file.status.as_str(),
            code,
            legal_hold: file.legal_hold,
            created_at: file.created_at.into(),
            version: file.version.get(),
        }
    }
}

/// A file that was announced, and how its bytes get to where they belong.
#[derive(Serialize, ToSchema)]
pub struct UploadView {
    #[serde(flatten)]
    file: FileView,
    upload: UploadRequestView,
}

/// The request by which the bytes are put: exactly so, before it expires.
#[derive(Serialize, ToSchema)]
pub struct UploadRequestView {
    /// `PUT`.
    method: &'static str,
    /// Whoever holds it may put these bytes, and no others.
    url: String,
    /// Each must be sent as it stands here. Browsers add `content-length` themselves.
    headers: BTreeMap<String, String>,
    expires_at: Instant,
}

impl View for UploadView {
    // Who holds its URL may put the bytes.
    const SHOWN_ONCE: &'static [&'static str] = &["upload"];

    fn version(&self) -> Option<Version> {
        self.file.version()
    }
}

impl From<(File, SignedRequest)> for UploadView {
    fn from((file, upload): (File, SignedRequest)) -> Self {
        Self { file: file.into(), upload: upload.into() }
    }
}

impl From<SignedRequest> for UploadRequestView {
    fn from(upload: SignedRequest) -> Self {
        Self {
            method: upload.method,
            url: upload.url.expose_secret().to_owned(),
            headers: upload.headers.into_iter().collect(),
            expires_at: upload.expires_at.into(),
        }
    }
}

/// In which parts a file is about to be uploaded.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PartsBody {
    /// In their order, 1 to 1000 of them; together the file.
    parts: Vec<PartBody>,
}

/// One part of a file.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PartBody {
    /// 5 MiB to 5 GiB; the last one at least 1 byte.
    size_bytes: u64,
    /// 64 hexadecimal digits.
    sha256: String,
}

impl TryFrom<PartsBody> for Vec<(u64, Sha256)> {
    type Error = Failure;

    fn try_from(body: PartsBody) -> Result<Self, Failure> {
        let parts = body.parts.into_iter().map(|part| {
            let sha256 =
                Sha256::from_hex(&part.sha256).ok_or(invalid("/parts", "invalid_sha256"))?;
            Ok((part.size_bytes, sha256))
        });
        parts.collect()
    }
}

/// Where the parts of a file are put.
#[derive(Serialize, ToSchema)]
pub struct PartListView {
    items: Vec<PartView>,
    next_cursor: Option<String>,
}

/// Where one part is put.
#[derive(Serialize, ToSchema)]
pub struct PartView {
    /// Its place, from 1.
    number: u16,
    #[serde(flatten)]
    upload: UploadRequestView,
}

impl View for PartListView {}

impl From<Vec<(Part, SignedRequest)>> for PartListView {
    fn from(signed: Vec<(Part, SignedRequest)>) -> Self {
        let items = signed
            .into_iter()
            .map(|(part, upload)| PartView { number: part.number, upload: upload.into() });
        Self { items: items.collect(), next_cursor: None }
    }
}

/// A file that is about to be uploaded.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FileBody {
    /// `document`, `prescription` (specialists), `image` or `signature`.
    kind: String,
    /// A name with the extension of its type; 1 to 1024 bytes. What would not be safe in the name of a
    /// file somewhere is taken out or replaced: the answer has the name that is kept.
    file_name: String,
    /// A type that the kind admits, as `application/pdf`.
    content_type: String,
    /// At least 1; how much at most, the kind says.
    size_bytes: u64,
    /// 64 hexadecimal digits.
    sha256: String,
    /// About whom; patients announce files about themselves.
    #[serde(default)]
    patient_id: Option<PersonKey>,
    /// Of which appointment.
    #[serde(default)]
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 9_007_199_254_740_991_i64)]
    appointment_id: Option<AppointmentId>,
}

impl TryFrom<FileBody> for FileDraft {
    type Error = Failure;

    fn try_from(body: FileBody) -> Result<Self, Failure> {
        Ok(Self {
            kind: body.kind.parse().map_err(|_| invalid("/kind", "unknown_word"))?,
            name: FileName::cleaned(&body.file_name)
                .map_err(|rule| invalid("/file_name", rule.as_str()))?,
            content_type: body
                .content_type
                .parse()
                .map_err(|_| invalid("/content_type", "unknown_word"))?,
            size: body.size_bytes,
            sha256: Sha256::from_hex(&body.sha256).ok_or(invalid("/sha256", "invalid"))?,
            patient: body.patient_id.map(|Id(patient)| patient),
            appointment: body.appointment_id,
        })
    }
}

/// What an administrator changes about a file.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FilePatchBody {
    /// Whether the file must be kept, whoever would delete it.
    pub(crate) legal_hold: bool,
}

/// With which picture a document is signed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignBody {
    /// An available file of the kind `signature`, which the caller uploaded.
    pub(crate) signature_file_id: FileKey,
}

/// A signature under a document.
#[derive(Debug, Serialize, ToSchema)]
pub struct SignatureView {
    id: String,
    /// The hash of what was signed.
    document_sha256: String,
    signature_file_id: FileKey,
    signer_id: PersonKey,
    /// What the signer was to the organisation: `patient`, `specialist` or `admin`.
    signer_role: &'static str,
    signed_at: Instant,
    /// Whether the document is still what was signed, byte for byte.
    valid: bool,
}

impl View for SignatureView {}

impl From<Signed> for SignatureView {
    fn from(Signed { signature, valid }: Signed) -> Self {
        Self {
            id: signature.id.to_string(),
            document_sha256: signature.document_sha256.to_string(),
            signature_file_id: Id(signature.picture),
            signer_id: Id(signature.signer),
            signer_role: signature.role.as_str(),
            signed_at: signature.signed_at.into(),
            valid,
        }
    }
}

/// The signatures under a document.
#[derive(Debug, Serialize, ToSchema)]
pub struct SignatureListView {
    items: Vec<SignatureView>,
    next_cursor: Option<String>,
    #[serde(skip)]
    patient: Option<PersonId>,
}

impl View for SignatureListView {
    fn patient(&self) -> Option<PersonId> {
        self.patient
    }
}

impl From<(File, Vec<Signed>)> for SignatureListView {
    fn from((document, signed): (File, Vec<Signed>)) -> Self {
        let items = signed.into_iter().map(Into::into).collect();
        Self { items, next_cursor: None, patient: document.patient }
    }
}
