//! A document is signed.

use restartix_kernel::{FileId, SignatureId};
use restartix_storage::{File, FileKind, Signature};
use restartix_telemetry::Act;
use restartix_tenancy::{Actor, Tenant};

use super::hand_out::available;
use super::{Filing, find, is_uploader};
use crate::{Failure, Happening, Work};

/// A signature, and whether it still stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The signature.
    pub signature: Signature,
    /// Whether the document is still the one that was signed, byte for byte.
    pub valid: bool,
}

impl Filing {
    /// Binds the picture of the caller's signature to the bytes of a document within their reach.
    pub async fn sign(
        &self,
        tenant: &Tenant,
        act: &Act,
        document: FileId,
        picture: FileId,
    ) -> Result<Signed, Failure> {
        let Actor::User { person: signer, role, .. } = tenant.actor() else {
            return Err(Failure::NotAParticipant);
        };
        self.desk
            .change(tenant, async |work| {
                let document = find(work, tenant, document).await?;
                let picture = own(work, tenant, picture).await?;
                available(&document)?;
                if !matches!(document.kind, FileKind::Document | FileKind::Prescription) {
                    return Err(Failure::NotSignable);
                }
                if picture.kind != FileKind::Signature {
                    let (pointer, code) = ("/signature_file_id", "not_a_signature");
                    return Err(Failure::Invalid { pointer, code });
                }
                available(&picture)?;
                let signature = Signature {
                    id: SignatureId::fresh(&*self.desk.clock, &*self.desk.random),
                    document: document.id,
                    document_sha256: document.sha256,
                    picture: picture.id,
                    signer,
                    role,
                    signed_at: self.desk.moment(),
                };
                work.files().sign(&signature).await?;
                let version = document.version;
                let told = Happening::DocumentSigned { file: document.id, version };
                self.desk.announce(work, told).await?;
                self.trace_file(work, act, &document).await?;
                Ok(Signed { signature, valid: true })
            })
            .await
    }

    /// The signatures of a document within the caller's reach, each verified against the bytes that
    /// the store has now.
    pub async fn signatures(
        &self,
        tenant: &Tenant,
        document: FileId,
    ) -> Result<(File, Vec<Signed>), Failure> {
        let (document, signatures) = self
            .desk
            .read(tenant, async |work| {
                let document = find(work, tenant, document).await?;
                let signatures = work.files().signatures(document.id).await?;
                Ok((document, signatures))
            })
            .await?;
        // Without a signature there is nothing to verify, and nothing is read.
        let whole = !signatures.is_empty() && self.is_whole(tenant, &document).await?;
        let signed = signatures.into_iter().map(|signature| {
            let valid = whole && signature.document_sha256 == document.sha256;
            Signed { signature, valid }
        });
        let signed = signed.collect();
        Ok((document, signed))
    }
}

/// A file of the caller's own.
async fn own(work: &mut dyn Work, tenant: &Tenant, id: FileId) -> Result<File, Failure> {
    let found = work.files().find(tenant.reach(), id).await?;
    found.filter(|file| is_uploader(tenant, file)).ok_or(Failure::NotFound)
}
