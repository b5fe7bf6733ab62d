//! PostgreSQL: every repository, the unit of work, migrations.
//!
//! Adds no rule of its own and knows no other adapter. One transaction acts in one organisation:
//! the pool is private, and the only thing that runs tenant queries is a `TenantTx`, which exists
//! inside a transaction that has set `app.current_org_id` for itself alone. Row-level security is
//! the second wall behind it.
//!
//! * [`Database`] connects; [`PgUnits`] begins units of work; [`PgInsights`] counts.
//! * [`PgDirectory`], [`PgClients`], [`PgJoinCodes`], [`PgRoomNames`], [`PgRoomDuties`], [`PgOpenCalls`], [`PgDueRecordings`],
//!   [`PgEventQueue`], [`PgDueFiles`], [`PgWebhookQueue`], [`PgTelemetryQueue`], [`PgTelemetryHours`], [`PgSealQueue`],
//!   [`PgExpiredAnswers`], [`PgDueReminders`], [`PgStalePatients`] and [`PgAuditLog`] cross organisations, each through the listed functions of `migrations/bootstrap` and nothing else.
//! * [`migrate`] and [`Operator`] act for those who run the platform, with roles of their own.
//!
//! Why these crates: `diesel-async` speaks the protocol through `tokio-postgres`, so that no libpq
//! is needed to build or run; `tokio-postgres-rustls` gives it TLS with the one provider (`ring`)
//! that the whole workspace uses; `webpki-roots` are Mozilla's roots, compiled in, so that a slim
//! container needs no certificate store.

mod answers;
mod audit;
mod call;
mod database;
mod endpoint;
mod error;
mod files;
mod gather;
mod insert;
mod insights;
pub mod migrate;
mod operator;
mod outbox;
mod preparing;
mod rehab;
mod scheduling;
mod schema;
mod seals;
mod telemetry;
mod tenancy;
mod tls;
mod transaction;
mod unit;
mod video;
mod webhooks;

pub use answers::PgExpiredAnswers;
pub use audit::PgAuditLog;
pub use database::{ConnectError, Database, DatabaseConfig};
pub use endpoint::Endpoint;
pub use files::PgDueFiles;
pub use insights::{PgInsights, PgStalePatients};
pub use operator::{NewOrganisation, Operator, OperatorError};
pub use outbox::PgEventQueue;
pub use scheduling::PgDueReminders;
pub use seals::PgSealQueue;
pub use telemetry::{PgTelemetryHours, PgTelemetryQueue};
pub use tenancy::{PgClients, PgDirectory};
pub use tls::connector as tls_connector;
pub use unit::PgUnits;
pub use video::{PgDueRecordings, PgJoinCodes, PgOpenCalls, PgRoomDuties, PgRoomNames};
pub use webhooks::{PgWebhookQueue, PgWebhookWake};
