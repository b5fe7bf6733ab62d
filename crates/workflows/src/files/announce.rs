//! A file is announced, and its bytes come.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Poll;

use futures_util::{StreamExt as _, stream};
use restartix_kernel::{AppointmentId, FileId, PersonId};
use restartix_storage::{
    ContentType, File, FileKind, FileName, LONGEST_UPLOAD, ObjectError, Parts, Refusal, Sha256,
    SignedRequest, Status, Verdict,
};
use restartix_telemetry::Act;
use restartix_tenancy::{Actor, Role, Tenant, Version};

use super::{Filing, find, is_uploader};
use crate::{Failure, Work};

/// A file that somebody is about to upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileDraft {
    /// What it is.
    pub kind: FileKind,
    /// What they call it.
    pub name: FileName,
    /// Its type.
    pub content_type: ContentType,
    /// Its length, in bytes.
    pub size: u64,
    /// Its hash.
    pub sha256: Sha256,
    /// About whom; patients announce files about themselves.
    pub patient: Option<PersonId>,
    /// Of which appointment.
    pub appointment: Option<AppointmentId>,
}

impl FileDraft {
    /// Whether a file of the kind can be like this.
    fn check(&self) -> Result<(), Failure> {
        let invalid = |pointer, code| Err(Failure::Invalid { pointer, code });
        if !self.kind.types().contains(&self.content_type) {
            return invalid("/content_type", "not_of_this_kind");
        }
        if !self.content_type.extensions().contains(&self.name.extension().as_str()) {
            return invalid("/file_name", "type_mismatch");
        }
        if self.size == 0 || self.size > self.kind.largest() {
            return invalid("/size_bytes", "out_of_range");
        }
        Ok(())
    }
}

impl Filing {
    /// Announces a file: from now on its bytes, and no others, can be put where the answer says, or
    /// come through [`Filing::receive`].
    pub async fn announce(
        &self,
        tenant: &Tenant,
        act: &Act,
        draft: &FileDraft,
    ) -> Result<(File, SignedRequest), Failure> {
        let uploader = uploader(tenant, draft.kind)?;
        draft.check()?;
        let now = self.desk.moment();
        let file = File {
            id: FileId::fresh(&*self.desk.clock, &*self.desk.random),
            kind: draft.kind,
            name: draft.name.clone(),
            content_type: draft.content_type,
            size: draft.size,
            sha256: draft.sha256,
            patient: None,
            appointment: draft.appointment,
            uploader: Some(uploader),
            status: Status::Pending,
            refusal: None,
            object: None,
            upload: None,
            legal_hold: false,
            created_at: now,
            due_at: Some(now + File::PATIENCE),
            version: Version::FIRST,
        };
        // Before it is kept: an announcement that nobody can follow is of no use.
        let key = file.key(tenant);
        let upload = self.store()?.sign_put(&key, &file.announced(), LONGEST_UPLOAD).await?;
        self.desk
            .change(tenant, async |work| {
                let patient = about(work, tenant, draft).await?;
                let file = File { patient, ..file.clone() };
                work.files().add(&file).await?;
                self.trace_file(work, act, &file).await?;
                Ok((file, upload.clone()))
            })
            .await
    }

    /// Stores the bytes of an announced file as they come, in constant memory. Of bytes that are not
    /// those that were announced nothing is kept, and the file is rejected; a body that broke off may
    /// be sent again. What the bytes are is judged when the upload is said to be complete, as after any
    /// other.
    pub async fn receive(
        &self,
        tenant: &Tenant,
        act: &Act,
        id: FileId,
        parts: Parts,
    ) -> Result<File, Failure> {
        let file = self.pending(tenant, id).await?;
        let (parts, seen) = watched(parts);
        let key = file.key(tenant);
        let refusal = match self.store()?.put(&key, &file.announced(), parts).await {
            Ok(_) => None,
            // The store hashes what comes: nobody has to do so on the way.
            Err(ObjectError::OtherBytes(_)) => Some(Refusal::ChecksumMismatch),
            // How the store says so depends on who notices first, the one who sends or the one who takes.
            Err(_) if seen.is_of_another_length(file.size) => Some(Refusal::SizeMismatch),
            Err(error) => return Err(error.into()),
        };
        if let Some(refusal) = refusal {
            self.judge(tenant, act, file, Verdict::Refused(refusal)).await?;
            return Err(Failure::Content(refusal));
        }
        self.desk.change(tenant, async |work| self.trace_file(work, act, &file).await).await?;
        Ok(file)
    }

    /// A file of the caller's whose bytes are awaited.
    pub(super) async fn pending(&self, tenant: &Tenant, id: FileId) -> Result<File, Failure> {
        let file = self.own(tenant, id).await?;
        if file.status == Status::Pending { Ok(file) } else { Err(Failure::FileNotPending) }
    }

    /// A file that the caller announced.
    pub(super) async fn own(&self, tenant: &Tenant, id: FileId) -> Result<File, Failure> {
        let look = async |work: &mut dyn Work| find(work, tenant, id).await;
        let file = self.desk.glance(tenant, look).await?;
        if is_uploader(tenant, &file) { Ok(file) } else { Err(Failure::Forbidden) }
    }
}

/// Who announces a file of this kind.
fn uploader(tenant: &Tenant, kind: FileKind) -> Result<PersonId, Failure> {
    let refused = Failure::Invalid { pointer: "/kind", code: "not_yours_to_make" };
    match (tenant.actor(), kind) {
        (Actor::Client { .. } | Actor::System, _) | (_, FileKind::Recording) => Err(refused),
        (Actor::User { role: Role::Patient | Role::Admin, .. }, FileKind::Prescription) => {
            Err(refused)
        }
        (Actor::User { person, .. }, _) => Ok(person),
    }
}

/// About whom the file is, as far as the caller reaches.
async fn about(
    work: &mut dyn Work,
    tenant: &Tenant,
    draft: &FileDraft,
) -> Result<Option<PersonId>, Failure> {
    let mut patient = match tenant.actor() {
        Actor::User { person, role: Role::Patient, .. } => {
            if draft.patient.is_some_and(|other| other != person) {
                return Err(Failure::NotFound);
            }
            Some(person)
        }
        Actor::User { .. } | Actor::Client { .. } | Actor::System => draft.patient,
    };
    if let Some(id) = draft.appointment {
        let found = work.appointments().find(tenant.reach(), id).await?;
        let appointment = found.ok_or(Failure::NotFound)?;
        if patient.is_some_and(|patient| patient != appointment.patient) {
            let (pointer, code) = ("/appointment_id", "of_another_patient");
            return Err(Failure::Invalid { pointer, code });
        }
        patient = Some(appointment.patient);
    }
    match (draft.kind, patient) {
        // A signature is its writer's alone, whatever it is put under.
        (FileKind::Signature, _) => Ok(None),
        (FileKind::Prescription, None) => {
            Err(Failure::Invalid { pointer: "/patient_id", code: "required" })
        }
        (_, None) => Ok(None),
        (_, Some(patient)) => {
            let found = work.people().find(tenant.reach(), patient).await?;
            if found.is_none() || !work.people().has_role(patient, Role::Patient).await? {
                return Err(Failure::NotFound);
            }
            Ok(Some(patient))
        }
    }
}

/// What is seen of a body while it passes.
#[derive(Default)]
struct Watch {
    passed: AtomicU64,
    /// By itself.
    ended: AtomicBool,
    broke_off: AtomicBool,
}

impl Watch {
    /// Whether it ended by itself before `size`, or went on beyond it: half of a body is no other body.
    fn is_of_another_length(&self, size: u64) -> bool {
        let passed = self.passed.load(Ordering::Relaxed);
        let short = passed < size && self.ended.load(Ordering::Relaxed);
        !self.broke_off.load(Ordering::Relaxed) && (short || passed > size)
    }
}

fn watched(parts: Parts) -> (Parts, Arc<Watch>) {
    let watch = Arc::new(Watch::default());
    let (seen, over) = (watch.clone(), watch.clone());
    let end = stream::poll_fn(move |_| {
        over.ended.store(true, Ordering::Relaxed);
        Poll::Ready(None)
    });
    let parts = parts.chain(end).inspect(move |part| match part {
        Ok(part) => {
            let length = u64::try_from(part.len()).unwrap_or(u64::MAX);
            seen.passed.fetch_add(length, Ordering::Relaxed);
        }
        Err(_) => seen.broke_off.store(true, Ordering::Relaxed),
    });
    (Box::pin(parts), watch)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether four bytes were announced and others came, when `taken` parts of them were taken.
    fn is_another(parts: Vec<Result<&'static [u8], &'static str>>, taken: usize) -> bool {
        let parts =
            parts.into_iter().map(|part| part.map(Into::into).map_err(std::io::Error::other));
        let (mut parts, seen) = watched(Box::pin(stream::iter(parts)));
        for _ in 0..taken {
            let _ = futures_executor::block_on(parts.next());
        }
        seen.is_of_another_length(4)
    }

    #[test]
    fn a_body_is_another_when_it_ends_early_or_goes_on_and_not_when_nobody_took_it() {
        assert!(is_another(vec![Ok(b"abc")], 2), "it ended");
        assert!(is_another(vec![Ok(b"abc"), Ok(b"de")], 2), "it went on");
        assert!(!is_another(vec![Ok(b"abcd")], 2), "as announced");
        assert!(!is_another(vec![Ok(b"abc")], 1), "nobody knows yet how it goes on");
        assert!(!is_another(vec![Ok(b"abc")], 0), "the store took none of it");
        assert!(!is_another(vec![Ok(b"abc"), Err("gone")], 3), "it broke off");
    }
}
