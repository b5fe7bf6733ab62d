//! Clinics that webhooks go out from: proven administrators, an endpoint each, changes that tell.

use std::fmt::Write as _;
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, Result};
use chrono_tz::Tz;
use restartix_kernel::{
    Clock, EventId, ExposeSecret, MembershipId, PersonId, SystemClock, SystemRandom, UserId,
    WebhookEndpointId,
};
use restartix_sealing::{KeyRing, Sealer};
use restartix_tenancy::memory::{MemoryDirectory, PlainTokens};
use restartix_tenancy::{
    Authenticator, OrgId, Person, Personal, Principal, Role, Subject, Tenant, Version,
};
use restartix_webhooks::{Event, Publication, Purpose, SecretSealer, SigningSecret};
use restartix_workflows::{Access, UnitOfWork};

use crate::{TestDatabase, audit_line, sql};

/// Organisations 1, 2, ... with an endpoint each that hears of new members.
pub struct HookedClinics {
    clinics: Vec<Principal>,
    /// What signs for all of them.
    pub secret: SigningSecret,
}

impl HookedClinics {
    /// So many, each with the endpoint that `url` answers for its number, enabled.
    pub async fn furnish(
        database: &TestDatabase,
        count: usize,
        url: impl Fn(usize) -> String,
    ) -> Result<Self> {
        let secret = SigningSecret::fresh(&SystemRandom);
        let directory = Arc::new(MemoryDirectory::default());
        let authenticator = Authenticator::new(Arc::new(PlainTokens), directory.clone());
        let keys = Arc::new(KeyRing::parse(&keys().into())?);
        let sealer = Sealer::new(Some(keys), Arc::new(SystemRandom));
        let (mut clinics, mut statements) = (Vec::new(), String::new());
        for number in 1..=count {
            let subject = Subject::new(&format!("admin-{number}"))?;
            let organisation = OrgId::new(i64::try_from(number)?)?;
            let (user, person) = (UserId::fresh(&SystemRandom), PersonId::fresh(&SystemRandom));
            directory.add_member(&subject, user, organisation, person, Role::Admin);
            let clinic = authenticator.authenticate(&subject.as_str().into()).await?;
            let id = WebhookEndpointId::fresh(&SystemClock, &SystemRandom);
            let bytes = secret.expose_bytes();
            let sealed = sealer.seal(clinic.tenant()?, Purpose::Signing, id, 1, bytes)?;
            let mut hex = String::new();
            sealed.bytes.iter().try_for_each(|byte| write!(hex, "{byte:02x}"))?;
            write!(
                statements,
                "INSERT INTO organizations (id, name, timezone) VALUES ({number}, 'Clinic', 'UTC');
                 INSERT INTO webhook_endpoints (org_id, id, url, filters, admits, state)
                   VALUES ({number}, '{id}', '{}', '{{member.*}}', '{{member.added}}', 'enabled');
                 INSERT INTO webhook_secrets (org_id, endpoint_id, version, sealed)
                   VALUES ({number}, '{id}', 1, '\\x{hex}');",
                url(number)
            )?;
            clinics.push(clinic);
        }
        sql(database, &statements).await?;
        Ok(Self { clinics, secret })
    }

    /// How many.
    pub const fn count(&self) -> usize {
        self.clinics.len()
    }

    /// The proof of one of them, round and round.
    pub fn tenant(&self, number: usize) -> Result<&Tenant> {
        let at = number.checked_rem(self.clinics.len()).unwrap_or_default();
        Ok(self.clinics.get(at).context("a clinic")?.tenant()?)
    }
}

/// One change in a transaction of its own: a person, the audit's line, and so many events; their ids.
/// The first event is told of the person's own id.
pub async fn change_that_tells(
    units: &dyn UnitOfWork,
    tenant: &Tenant,
    events: usize,
) -> Result<Vec<EventId>> {
    let (clock, random) = (&SystemClock, &SystemRandom);
    let mut work = units.begin(tenant, Access::Change).await?;
    let person = Person {
        id: PersonId::fresh(random),
        display_name: Personal::new("Somebody")?,
        email: None,
        timezone: Tz::UTC,
        version: Version::FIRST,
    };
    work.people().add(&person).await?;
    let line = audit_line(EventId::fresh(clock, random), clock.now());
    work.audit().record(line).await?;
    let told = (0..events).map(|nth| {
        let own = (nth == 0).then(|| person.id.as_uuid());
        let membership = own.map(MembershipId::from_uuid);
        Publication {
            id: EventId::fresh(clock, random),
            occurred_at: clock.now(),
            event: Event::MemberAdded {
                id: membership.unwrap_or_else(|| MembershipId::fresh(clock, random)),
                version: Version::FIRST,
            },
            only_for: None,
        }
    });
    let told: Vec<_> = told.collect();
    if !told.is_empty() {
        work.webhook_events().publish(&told).await?;
    }
    work.commit().await?;
    Ok(told.iter().map(|publication| publication.id).collect())
}

/// What seals the clinics' secrets, as the configuration takes it.
fn keys() -> String {
    format!("test:{}=", "A".repeat(43))
}

/// Tells `command`, a `core-api worker`, where everything is, and that receivers on loopback may be
/// sent to.
pub fn configure_worker(command: &mut Command, database: &TestDatabase) {
    let url = |role| database.url(role).expose_secret().to_owned();
    command
        .env_clear()
        .env("CORE_PROFILE", "development")
        .env("CORE_DATABASE__APP_URL", url("core_app"))
        .env("CORE_DATABASE__WORKER_URL", url("core_worker"))
        .env("CORE_REDIS__URL", "redis://127.0.0.1:9")
        .env("CORE_IDENTITY__HS256_SECRET", "development-secret-of-the-tests-0123456789")
        .env("CORE_DAILY__BASE_URL", "http://127.0.0.1:9/v1")
        .env("CORE_DAILY__API_KEY", "development-key")
        .env("CORE_DAILY__DOMAIN_ID", "30f866c3-9123-452a-8723-ff58322d09c5")
        .env("CORE_WEBHOOKS__SECRET_KEYS", keys())
        .env("CORE_WEBHOOKS__ALLOW_LOOPBACK", "true")
        .env("CORE_LOG__LEVEL", "error");
}
