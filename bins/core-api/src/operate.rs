//! What an operator does from the command line. Each command answers in lines of JSON.

use std::sync::Arc;

use anyhow::{Context, bail};
use chrono::TimeDelta;
use restartix_daily::{Daily, Registered};
use restartix_identity::{DevelopmentToken, sign_development_token};
use restartix_kernel::{Clock, EventId, Secret, SystemClock, SystemRandom};
use restartix_postgres::migrate::{self, RoleUrls};
use restartix_postgres::{
    Database, NewOrganisation, Operator, PgDirectory, PgStalePatients, PgUnits,
};
use restartix_s3::{Bucket, Finding, S3};
use restartix_telemetry::{Act, AuditEvent, Operation, Outcome, Resource, ResourceKind};
use restartix_tenancy::{ClaimedRows, Directory, Enrolment, OrgId};
use restartix_workflows::{Clinic, Desk, NewPerson};
use serde_json::{Value, json};

use crate::cli::{MemberArgs, TokenArgs};
use crate::config::{Bootstrap, Member, Migrator, Server, Storage, Tokens};

/// Makes roles, extensions and functions.
pub(crate) async fn bootstrap(config: &Bootstrap) -> anyhow::Result<()> {
    let Bootstrap { dba, app, worker, migrator, ca_file } = config;
    let roles = RoleUrls { app, worker, migrator };
    Ok(migrate::bootstrap(dba, roles, ca_file.as_deref()).await?)
}

/// Applies what is missing, and tells each.
pub(crate) async fn migrate(config: &Migrator) -> anyhow::Result<Vec<Value>> {
    let applied = migrate::migrate(&config.url, config.ca_file.as_deref()).await?;
    Ok(applied.into_iter().map(|name| json!({"applied": name})).collect())
}

/// Makes the partitions to come, and drops those that are over.
pub(crate) async fn keep_partitions(config: &Migrator) -> anyhow::Result<()> {
    let (url, ca_file) = (&config.url, config.ca_file.as_deref());
    Ok(migrate::keep_partitions(url, ca_file, SystemClock.now()).await?)
}

/// Makes an organisation.
pub(crate) async fn create_organisation(
    config: &Migrator,
    new: &NewOrganisation,
) -> anyhow::Result<Value> {
    let operator = operator(config).await?;
    let id = operator.create(new, |id| line("operator.create_organization", id)).await?;
    Ok(json!({"id": id}))
}

/// Suspends an organisation.
pub(crate) async fn suspend_organisation(config: &Migrator, id: OrgId) -> anyhow::Result<()> {
    let line = line("operator.suspend_organization", id);
    Ok(operator(config).await?.suspend(id, line).await?)
}

/// Takes away what is computed of an organisation's patients: nothing happens by it, so it leaves no
/// line.
pub(crate) async fn rebuild_insights(config: &Server, id: OrgId) -> anyhow::Result<Value> {
    let database = Database::new(&config.database.worker())?;
    let patients = PgStalePatients::new(database).rebuild(id).await?;
    Ok(json!({"patients": patients}))
}

/// What the audit of an organisation says of an operator's act.
fn line(operation: &'static str, organisation: OrgId) -> AuditEvent {
    AuditEvent {
        id: EventId::fresh(&SystemClock, &SystemRandom),
        occurred_at: SystemClock.now(),
        act: Act { operation: Operation::new(operation), request: None },
        resource: Resource::one(ResourceKind::Organisation, organisation),
        patient: None,
        outcome: Outcome::Success,
    }
}

/// Adds a member: the operator proves the organisation, then it goes the way of every request, as
/// `core_app` and with an audit line.
pub(crate) async fn add_member(config: &Member, new: MemberArgs) -> anyhow::Result<Value> {
    let database = Database::new(&config.database.app())?;
    let units = Arc::new(PgUnits::new(database.clone()));
    let clinic = Clinic::new(Desk::new(units, Arc::new(SystemClock), Arc::new(SystemRandom)));
    let MemberArgs { organization, subject, role, name, email, timezone } = new;
    let person = NewPerson { display_name: name, email, timezone };
    let act = Act { operation: Operation::new("operator.add_member"), request: None };

    let organisations = ClaimedRows::new(operator(&config.migrator).await?);
    let mut found = organisations.claim(&organization).await?;
    let Some(row) = found.pop() else { bail!("there is no such organisation") };
    let member = organisations
        .run(row, async |tenant, ()| clinic.welcome(tenant, &act, person, &subject, role).await);
    let Enrolment { id, person, .. } = member.await?;
    let standing = PgDirectory::new(database).standing(&subject, None).await?;
    let standing = standing.context("the new member is unknown to the directory")?;
    Ok(json!({"user_id": standing.user, "person_id": person, "membership_id": id}))
}

async fn operator(config: &Migrator) -> anyhow::Result<Operator> {
    Ok(Operator::connect(&config.url, config.ca_file.as_deref()).await?)
}

/// Sets the bucket's rules.
pub(crate) async fn apply_bucket(config: &Storage) -> anyhow::Result<Value> {
    bucket(config)?.apply().await?;
    Ok(json!({"applied": config.s3.bucket}))
}

/// Tells each of the bucket's rules that does not hold.
pub(crate) async fn check_bucket(config: &Storage) -> anyhow::Result<Vec<Value>> {
    let findings = bucket(config)?.check().await?;
    let line = |Finding { rule, expected, found }| json!({"rule": rule, "expected": expected, "found": found});
    Ok(findings.into_iter().map(line).collect())
}

fn bucket(config: &Storage) -> anyhow::Result<Bucket> {
    let s3 = S3::new(&config.s3, Arc::new(SystemClock), Arc::new(SystemRandom));
    Ok(s3.context("storage")?.bucket(&config.origins))
}

/// Has Daily post its events to this server.
pub(crate) async fn register_notices(config: &Server) -> anyhow::Result<Value> {
    let url = format!("{}/v1/integrations/daily/events", config.http.public_url);
    let daily = Daily::new(&config.daily, Arc::new(SystemClock), Arc::new(SystemRandom));
    let registered = match daily.context("daily")?.register(&config.daily, &url).await? {
        Registered::Now => "now",
        Registered::Before => "before",
    };
    Ok(json!({"url": url, "registered": registered}))
}

/// Signs a bearer token.
pub(crate) fn sign_token(
    config: &Tokens,
    clock: &dyn Clock,
    args: &TokenArgs,
) -> anyhow::Result<Secret> {
    let TokenArgs { subject, session, ttl_minutes } = args;
    let expires_at = clock.now() + TimeDelta::minutes(i64::from(*ttl_minutes));
    let token = DevelopmentToken { subject, session: session.as_ref(), expires_at };
    Ok(sign_development_token(&config.secret, &config.expected, token)?)
}
