use std::net::SocketAddr;
use std::path::PathBuf;

use restartix_identity::{Expected, KeySource};
use restartix_kernel::Secret;
use restartix_telemetry::SealKey;

use super::database::{ca_file, endpoint, required_url};
use super::http::ADDRESS;
use super::reader::{Reader, parsed};
use super::{
    Database, Faults, Http, Insights, Log, Profile, Redis, Settings, StorageClient, Telemetry,
    Webhooks, audit, daily, identity, storage,
};

/// What `serve` and `worker` need.
#[derive(Clone, Debug)]
pub struct Server {
    /// How strict to be.
    pub profile: Profile,
    /// How it is reached.
    pub http: Http,
    /// Where workers that run apart tell what they count; perhaps nowhere.
    pub metrics: Option<SocketAddr>,
    /// PostgreSQL.
    pub database: Database,
    /// Redis.
    pub redis: Redis,
    /// Whose tokens are believed.
    pub identity: restartix_identity::Config,
    /// Daily.
    pub daily: restartix_daily::Config,
    /// Where files are kept; in development perhaps nowhere.
    pub storage: Option<restartix_s3::Config>,
    /// Which client speaks to S3.
    pub storage_client: StorageClient,
    /// Where clamd is; perhaps nowhere.
    pub clamd: Option<restartix_clamd::Address>,
    /// Webhooks.
    pub webhooks: Webhooks,
    /// The Telemetry service; perhaps none.
    pub telemetry: Option<Telemetry>,
    /// What signs how far the audit is sealed.
    pub signing: SealKey,
    /// What is told of what patients did.
    pub insights: Insights,
}

impl Server {
    /// The configuration, or everything that is wrong with it. Keys that the server does not need
    /// but that are there are looked at as well.
    pub fn read(settings: &Settings) -> Result<Self, Faults> {
        let mut reader = Reader::new(settings);
        Log::read(&mut reader);
        let http = Http::read(&mut reader);
        let metrics = reader.optional("metrics.bind", parsed(ADDRESS));
        let database = Database::read(&mut reader);
        let redis = Redis::read(&mut reader);
        let identity = identity::read(&mut reader);
        let daily = daily::read(&mut reader);
        let clamd = storage::clamd(&mut reader);
        let storage_client = storage::client(&mut reader);
        let storage = storage::read(&mut reader);
        let webhooks = Webhooks::read(&mut reader);
        let telemetry = Telemetry::read(&mut reader);
        let signing = audit::signing_key(&mut reader);
        let insights = Insights::read(&mut reader);
        for key in ["database.migrator_url", "database.bootstrap_url"] {
            if let Some(url) = reader.secret(key) {
                endpoint(&mut reader, key, &url);
            }
        }
        let profile = reader.profile;
        let whole = || {
            let (http, database, identity) = (http?, database?, identity?);
            let daily = daily?;
            Some(Self {
                profile,
                http,
                metrics,
                database,
                redis,
                identity,
                daily,
                storage,
                storage_client,
                clamd,
                webhooks,
                telemetry,
                signing: signing?,
                insights,
            })
        };
        reader.faults.or(whole())
    }
}

/// What `migrate` and `org` need.
#[derive(Clone, Debug)]
pub struct Migrator {
    /// PostgreSQL as `core_migrator`.
    pub url: Secret,
    /// The only authorities to trust, instead of Mozilla's.
    pub ca_file: Option<PathBuf>,
}

impl Migrator {
    /// The configuration, or everything that is wrong with it.
    pub fn read(settings: &Settings) -> Result<Self, Faults> {
        let mut reader = Reader::new(settings);
        let url = required_url(&mut reader, "database.migrator_url", "core_migrator");
        let ca_file = ca_file(&mut reader);
        reader.faults.or(url.map(|url| Self { url, ca_file }))
    }
}

/// What `migrate --bootstrap` needs.
#[derive(Clone, Debug)]
pub struct Bootstrap {
    /// PostgreSQL as a DBA.
    pub dba: Secret,
    /// As `core_app`.
    pub app: Secret,
    /// As `core_worker`.
    pub worker: Secret,
    /// As `core_migrator`.
    pub migrator: Secret,
    /// The only authorities to trust, instead of Mozilla's.
    pub ca_file: Option<PathBuf>,
}

impl Bootstrap {
    /// The configuration, or everything that is wrong with it. In development the DBA's URL may
    /// stand in `DATABASE_URL`.
    pub fn read(settings: &Settings) -> Result<Self, Faults> {
        let mut reader = Reader::new(settings);
        let dba = reader.secret("database.bootstrap_url").or_else(|| reader.database_url());
        match &dba {
            Some(url) => {
                endpoint(&mut reader, "database.bootstrap_url", url);
            }
            None => reader.fault("database.bootstrap_url", "is required"),
        }
        let app = required_url(&mut reader, "database.app_url", "core_app");
        let worker = required_url(&mut reader, "database.worker_url", "core_worker");
        let migrator = required_url(&mut reader, "database.migrator_url", "core_migrator");
        let ca_file = ca_file(&mut reader);
        let whole = || {
            let (app, worker) = (app?, worker?);
            Some(Self { dba: dba?, app, worker, migrator: migrator?, ca_file })
        };
        reader.faults.or(whole())
    }
}

/// What `member add` needs: to find the organisation as an operator, and to act in it as the
/// server does.
#[derive(Clone, Debug)]
pub struct Member {
    /// To find the organisation.
    pub migrator: Migrator,
    /// To act in it.
    pub database: Database,
}

impl Member {
    /// The configuration, or everything that is wrong with it.
    pub fn read(settings: &Settings) -> Result<Self, Faults> {
        let mut reader = Reader::new(settings);
        let url = required_url(&mut reader, "database.migrator_url", "core_migrator");
        let database = Database::read(&mut reader);
        let whole = || {
            let database = database?;
            let migrator = Migrator { url: url?, ca_file: database.ca_file.clone() };
            Some(Self { migrator, database })
        };
        reader.faults.or(whole())
    }
}

/// What `migrate-legacy` needs.
#[derive(Clone, Debug)]
pub struct Legacy {
    /// The platform's database.
    pub migrator: Migrator,
    /// The application's database and the scheduling service's, to read.
    pub sources: [Secret; 2],
    /// The same, to freeze and reopen them; read where the phase needs it, and only there.
    pub privileged: Option<[Secret; 2]>,
    /// Where files are kept; perhaps nowhere.
    pub s3: Option<restartix_s3::Config>,
}

impl Legacy {
    /// The configuration, or everything that is wrong with it.
    pub fn read(settings: &Settings, freezes: bool) -> Result<Self, Faults> {
        let mut reader = Reader::new(settings);
        let url = required_url(&mut reader, "database.migrator_url", "core_migrator");
        let ca_file = ca_file(&mut reader);
        let mut both = |keys: [&str; 2]| {
            let [strapi, intakes] = keys.map(|key| {
                let url = reader.required_secret(key)?;
                endpoint(&mut reader, key, &url).map(|_| url)
            });
            Some([strapi?, intakes?])
        };
        let sources = both(["legacy.strapi_url", "legacy.intakes_url"]);
        let privileged = freezes
            .then(|| both(["legacy.strapi_privileged_url", "legacy.intakes_privileged_url"]))
            .flatten();
        let s3 = storage::read(&mut reader);
        let whole = || {
            let migrator = Migrator { url: url?, ca_file };
            Some(Self { migrator, sources: sources?, privileged, s3 })
        };
        let whole = whole();
        reader.faults.or(whole)
    }
}

/// What `bucket` needs.
#[derive(Clone, Debug)]
pub struct Storage {
    /// Where files are kept.
    pub s3: restartix_s3::Config,
    /// The origins whose pages may put and get files.
    pub origins: Vec<String>,
}

impl Storage {
    /// The configuration, or everything that is wrong with it.
    pub fn read(settings: &Settings) -> Result<Self, Faults> {
        let mut reader = Reader::new(settings);
        let http = Http::read(&mut reader);
        let s3 = storage::read(&mut reader);
        if s3.is_none() && reader.faults.is_empty() {
            reader.fault("storage.bucket", "is required");
        }
        let whole = || Some(Self { s3: s3?, origins: http?.web_origins() });
        let whole = whole();
        reader.faults.or(whole)
    }
}

/// What `audit public-key` needs.
#[derive(Clone, Debug)]
pub struct Signing {
    /// What signs.
    pub key: SealKey,
}

impl Signing {
    /// The configuration, or everything that is wrong with it.
    pub fn read(settings: &Settings) -> Result<Self, Faults> {
        let mut reader = Reader::new(settings);
        let key = audit::signing_key(&mut reader);
        reader.faults.or(key.map(|key| Self { key }))
    }
}

/// What `telemetry requeue` needs.
#[derive(Clone, Debug)]
pub struct Requeue {
    /// Where it waits.
    pub database: Database,
}

impl Requeue {
    /// The configuration, or everything that is wrong with it.
    pub fn read(settings: &Settings) -> Result<Self, Faults> {
        let mut reader = Reader::new(settings);
        let database = Database::read(&mut reader);
        reader.faults.or(database.map(|database| Self { database }))
    }
}

/// What `telemetry rotate-key` needs: the file of the keys, and what is under way under which of them.
#[derive(Clone, Debug)]
pub struct Rotation {
    /// The file.
    pub file: PathBuf,
    /// Where batches wait.
    pub database: Database,
}

impl Rotation {
    /// The configuration, or everything that is wrong with it.
    pub fn read(settings: &Settings) -> Result<Self, Faults> {
        let mut reader = Reader::new(settings);
        let database = Database::read(&mut reader);
        let file = reader.secret_file("telemetry.pseudonym_keys");
        if file.is_none() {
            reader
                .fault("telemetry.pseudonym_keys_file", "is required: keys are changed in a file");
        }
        let whole = || Some(Self { file: file?, database: database? });
        let whole = whole();
        reader.faults.or(whole)
    }
}

/// What `token` needs: a secret to sign with, in development.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// What signs.
    pub secret: Secret,
    /// The `iss` and `aud` to claim.
    pub expected: Expected,
}

impl Tokens {
    /// The configuration, or everything that is wrong with it: the production profile is.
    pub fn read(settings: &Settings) -> Result<Self, Faults> {
        let mut reader = Reader::new(settings);
        if reader.is_production() {
            reader
                .fault("profile", "must be development: in production tokens come from elsewhere");
        }
        let whole = identity::read(&mut reader).and_then(|config| match config.keys {
            KeySource::Secret(secret) => Some(Self { secret, expected: config.expected }),
            KeySource::JwksFile(_) | KeySource::JwksUrl(_) => {
                reader.fault("identity.hs256_secret", "is required to sign a token");
                None
            }
        });
        reader.faults.or(whole)
    }
}

impl Log {
    /// How to log; the usual way where that is not well said, so that the faults can be told.
    pub fn of(settings: &Settings) -> Self {
        Self::read(&mut Reader::new(settings))
    }
}
