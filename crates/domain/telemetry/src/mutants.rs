//! What becomes of a pseudonym in careless hands: for `verify-isolation --prove`.

use restartix_kernel::mutants::planted;
use sha2::{Digest, Sha256};

use crate::Subject;

/// How `subject` is told to the service, instead of by `hash`.
pub(crate) fn told(mut hash: String, subject: Subject) -> String {
    let (Subject::Staff(person) | Subject::Patient(person)) = subject;
    let id = person.to_string();
    if planted("telemetry.unhashed_actor") {
        return format!("{}{}", id.replace('-', ""), "0".repeat(32));
    }
    if planted("telemetry.hash_without_key") {
        return Sha256::digest(id).iter().map(|byte| format!("{byte:02x}")).collect();
    }
    if planted("telemetry.hash_cut_short") {
        hash.truncate(16);
    }
    hash
}
