//! The way from the legacy systems: a Strapi application and the scheduling service "Intakes", each
//! with a PostgreSQL database of its own, into this platform's database and bucket.
//!
//! Reads both, judges every row, loads what is proven, keeps up with what changes, compares, and
//! moves the clinics over. Knows no rule of the business: local times become instants by the engine
//! of `restartix-scheduling`, names and keys are judged by their own types. What the legacy calls
//! things stands in `src/mapping.toml` and nowhere else.
//!
//! # What is never done
//! * A row whose clinic is not proven by every link that it has is not loaded. A migration must not
//!   become a leak.
//! * Nothing is guessed: where both sources describe one booking differently, or two bookings take
//!   one specialist's time, all of them are put aside and told.
//! * Nothing is dropped silently: what is not loaded stands in `legacy.quarantine` with its reason,
//!   and in the report (terminal, JSON, HTML).
//!
//! # How it works
//! `COPY` from the sources goes through the converter into unlogged staging tables of the schema
//! `legacy`, which belong to `core_owner` and are out of reach of whoever serves requests. Texts of
//! SQL judge them (`src/sql`). Then, clinic by clinic, `INSERT ... SELECT` in a transaction that is
//! bound to that one clinic, as `core_loader`: row-level security binds it as it binds a request. One
//! SELECT per table (`tables`) says what is to be there; loading, bringing up to date and comparing
//! are made of it. New ids are hashes of the legacy ids with a secret seed, so that a load that was
//! killed and started again gives the same ids; `legacy.ids` keeps which became which.
//!
//! # Phases
//! Each may be killed at any point and started again, and may be repeated.
//!
//! | phase | does |
//! |---|---|
//! | `plan` | reads everything and judges it; writes to the staging tables alone |
//! | `load` | loads everything; the clinics are suspended: nobody can act in them yet |
//! | `delta` | brings the platform to what the sources are now, by their `updated_at` and what is gone; `--whole` reads everything |
//! | `verify` | reads everything anew; numbers and checksums by clinic and table, rows that differ both ways, fields of drawn rows both ways, isolation |
//! | `cutover` | catches up, freezes the sources, catches up again, verifies, flips: the clinics are active. Where anything differs, it reopens the sources |
//! | `rollback` | suspends the clinics, reopens the sources, tells what was done in between |
//! | `forget` | empties the staging tables: the names in them go |
//!
//! The exit code is 0 where the cutover may go on as things are, 3 where something stands against it
//! (each obstacle is named), 1 where the phase did not come to its end.
//!
//! # The runbook
//! 1. **Roles.** On each source, a role that may `SELECT` from the mapping's tables and nothing else
//!    (`CORE_LEGACY__STRAPI_URL`, `CORE_LEGACY__INTAKES_URL`). The owner's URLs
//!    (`..._PRIVILEGED_URL`) are given to `cutover` and `rollback` alone.
//! 2. **The mapping.** Compare `mapping.toml` with the schemas; where a name differs, edit a copy and
//!    pass it with `--mapping FILE`.
//! 3. **Objects.** Copy the legacy bucket below a prefix of the files' bucket (`aws s3 sync`), and
//!    set `object_prefix` so that what is left of a file's URL is the object's key there. No clinic's
//!    folder can be named.
//! 4. **`core-api migrate --bootstrap`, `migrate`**: roles, the schema `legacy`, tables.
//! 5. **`plan`**, days before. Read the report. Mend in the legacy application what is quarantined;
//!    what is to stay behind is accepted by its reason (`--accept overlap`).
//! 6. **`load`**, while the clinics work. Killed or cut off: start it again.
//! 7. **`delta`**, as often as you like; the last ones show how long the freeze will be.
//! 8. **`verify`** until it says 0 differences but for what is written meanwhile.
//! 9. **`cutover`**, at a quiet hour. Announce it: for the seconds that it reports, the sources refuse
//!    every write (SQLSTATE 25006). Exit 0: the clinics are here; point the clients to the platform.
//!    Anything else: the sources are open again. Killed in the middle: the sources may be frozen;
//!    start `cutover` again, or `rollback`.
//! 10. **`rollback`**, within `rollback_hours` of the flip, if it has to be: its report lists what was
//!     done in the platform meanwhile, which the sources know nothing of.
//! 11. **`forget`**, when nobody will go back; then take the sources' URLs out of the configuration.
//!
//! Why these crates: `tokio-postgres` speaks COPY in both directions, which diesel does not; `toml`
//! reads the mapping; `maud` escapes whatever stands in the HTML report.

mod apply;
mod convert;
mod copytext;
mod database;
mod entity;
mod error;
mod files;
mod freeze;
mod mapping;
mod migration;
mod mojibake;
mod progress;
pub mod report;
mod resolve;
mod sample;
mod stage;
mod state;
mod tables;
mod verify;

pub use entity::Source;
pub use error::{MigrationError, Refused};
pub use files::Objects;
pub use mapping::{Mapping, MappingError};
pub use migration::{Migration, Settings};
pub use progress::{Progress, Step, Unwatched};
