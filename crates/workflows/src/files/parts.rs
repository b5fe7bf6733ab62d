//! A file comes in parts.

use futures_util::future::try_join_all;
use restartix_kernel::FileId;
use restartix_storage::{LONGEST_UPLOAD, Part, Sha256, SignedRequest};
use restartix_telemetry::Act;
use restartix_tenancy::Tenant;

use super::{Filing, made};
use crate::Failure;

impl Filing {
    /// Where the parts of an announced file, of these lengths and hashes, can be put: each exactly so.
    /// May be repeated, for URLs that are good for a while again; what has come stays. The parts become
    /// the file when its upload is said to be complete.
    pub async fn parts(
        &self,
        tenant: &Tenant,
        act: &Act,
        id: FileId,
        parts: &[(u64, Sha256)],
    ) -> Result<Vec<(Part, SignedRequest)>, Failure> {
        let file = self.pending(tenant, id).await?;
        let invalid = Failure::Invalid { pointer: "/parts", code: "not_the_file" };
        let parts = file.in_parts(parts).ok_or(invalid)?;
        let (store, key) = (self.store()?, file.key(tenant));
        let (upload, begun) = match file.upload.clone() {
            Some(upload) => (upload, None),
            None => {
                let upload = store.begin_parts(&key, file.content_type.as_str()).await?;
                (upload.clone(), Some(file.clone().coming(upload)))
            }
        };
        let signed = parts.iter().map(async |part| {
            let signed = store.sign_part(&key, &upload, part, LONGEST_UPLOAD).await?;
            Ok::<_, Failure>((*part, signed))
        });
        let signed = try_join_all(signed).await?;
        self.desk
            .change(tenant, async |work| {
                if let Some(begun) = &begun {
                    // Whoever is overtaken has begun an upload for nothing: it goes with the file, or
                    // by the bucket's own rule.
                    made(work.files().update(begun).await?)?;
                }
                self.trace_file(work, act, &file).await
            })
            .await?;
        Ok(signed)
    }
}
