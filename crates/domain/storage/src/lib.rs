//! Files: keys that cannot leave their organisation, and the store behind them.
//!
//! Everything of every organisation lies in one bucket. What keeps them apart is the key:
//! [`OrgScopedKey`] is the only name that an object can have, it always begins with `{org_id}/`, and
//! what could be read as a way out of there is rejected, never rewritten ([`KeyError`] names the
//! rule). The store itself is a port, [`ObjectStore`], which takes such keys and no strings. Knows
//! nothing of S3, HTTP or SQL.
//!
//! A [`File`] goes from `pending` through `scanning` to `available`, `infected` or `rejected`: one pass
//! over its bytes ([`Examination`], [`MalwareScanner`]) says which. Only what is available is handed out.
//!
//! `cargo run -p restartix-storage --example check_key` judges keys, one in hexadecimal per line.
//!
//! Why these crates: `icu_properties` and `icu_normalizer` are the Unicode consortium's own tables
//! and algorithms, which the workspace has anyhow (through `idna`).

mod body;
#[cfg(feature = "conformance")]
pub mod conformance;
mod examine;
mod file;
mod import;
mod key;
mod kind;
#[cfg(feature = "conformance")]
pub mod memory;
mod name;
mod object;
mod rules;
mod scan;
mod shape;
mod words;

pub use body::exactly;
pub use examine::Examination;
pub use file::{File, FileFilter, Files, Signature, Verdict};
pub use import::{ForeignKey, ObjectImport};
pub use key::{Folder, KeyError, OrgScopedKey, org_scoped_key};
pub use kind::{ContentType, FileKind};
pub use name::FileName;
pub use object::{
    Announced, Content, LONGEST_DOWNLOAD, LONGEST_UPLOAD, ObjectError, ObjectFacts, ObjectStore,
    ObjectVersion, Part, Parts, Presentation, Sha256, SignedRequest, UploadName,
};
pub use rules::Rule;
pub use scan::{EicarScanner, MalwareScanner, Scan, ScanUnavailable, Scanned};
pub use words::{Refusal, Status};
