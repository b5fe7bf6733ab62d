//! The baseline: one handler, one SELECT, one pool; no tokens, no roles, no audit, no row-level
//! security, no metrics.

use actix_web::{App, HttpResponse, HttpServer, web};
use anyhow::Result;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::pooled_connection::deadpool::Pool;
use diesel_async::pooled_connection::{
    AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod,
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::json;

/// How the baseline is started.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The port of the loopback interface.
    #[arg(long)]
    port: u16,
    /// The database, as a role above row-level security.
    #[arg(long)]
    database: String,
    /// Connections.
    #[arg(long)]
    pool: usize,
}

diesel::table! {
    appointments (org_id, id) {
        org_id -> BigInt,
        id -> BigInt,
        appointment_type_id -> Uuid,
        specialist_id -> Uuid,
        patient_id -> Uuid,
        starts_at -> Timestamptz,
        ends_at -> Timestamptz,
        online -> Bool,
        recording_consent -> Bool,
        status -> Text,
        cancel_reason -> Nullable<Text>,
        version -> Integer,
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = appointments)]
struct Row {
    id: i64,
    appointment_type_id: uuid::Uuid,
    specialist_id: uuid::Uuid,
    patient_id: uuid::Uuid,
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    online: bool,
    recording_consent: bool,
    status: String,
    cancel_reason: Option<String>,
    version: i32,
}

async fn handler(pool: web::Data<Pool<AsyncPgConnection>>, id: web::Path<i64>) -> HttpResponse {
    let Ok(mut connection) = pool.get().await else {
        return HttpResponse::ServiceUnavailable().finish();
    };
    let row: QueryResult<Row> = appointments::table
        .find((1_i64, id.into_inner()))
        .select(Row::as_select())
        .get_result(&mut connection)
        .await;
    match row {
        Ok(row) => HttpResponse::Ok().json(json!({
            "id": row.id,
            "appointment_type_id": row.appointment_type_id,
            "specialist_id": row.specialist_id,
            "patient_id": row.patient_id,
            "starts_at": row.starts_at,
            "ends_at": row.ends_at,
            "online": row.online,
            "recording_consent": row.recording_consent,
            "status": row.status,
            "cancel_reason": row.cancel_reason,
            "version": row.version,
        })),
        Err(_) => HttpResponse::NotFound().finish(),
    }
}

/// Serves until it is killed.
pub(crate) fn serve(arguments: Arguments) -> Result<()> {
    let mut config = ManagerConfig::default();
    config.recycling_method = RecyclingMethod::Fast;
    let manager = AsyncDieselConnectionManager::new_with_config(arguments.database, config);
    let pool: Pool<AsyncPgConnection> = Pool::builder(manager).max_size(arguments.pool).build()?;
    actix_web::rt::System::new().block_on(async move {
        #[expect(
            clippy::disallowed_methods,
            reason = "the baseline has no route table: that is the point"
        )]
        let server = HttpServer::new(move || {
            App::new()
                .app_data(web::Data::new(pool.clone()))
                .route("/v1/appointments/{id}", web::get().to(handler))
        });
        server.workers(2).bind(("127.0.0.1", arguments.port))?.run().await
    })?;
    Ok(())
}
