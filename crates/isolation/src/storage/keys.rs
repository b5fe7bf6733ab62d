//! Every key begins with its organisation, whoever asks for whatever.

use anyhow::{Context, Result, ensure};
use async_trait::async_trait;
use restartix_kernel::SystemRandom;
use restartix_storage::org_scoped_key;
use restartix_tenancy::conformance::principal;
use restartix_tenancy::{Role, Tenant};
use serde::Deserialize;

use crate::careless::Careless;
use crate::{About, Item, Mutation, Probe, Subject, Target};

/// Keys that must be rejected and keys that must not, as they are published.
const CORPUS: &str = include_str!("../../../../fixtures/storage/hostile_keys.json");

#[derive(Deserialize)]
struct Corpus {
    hostile: Vec<Sample>,
    benign: Vec<Sample>,
}

#[derive(Deserialize)]
struct Sample {
    hex: String,
}

/// What makes a key of what somebody calls an object: an error, or the key.
type Maker = fn(&Tenant, &[u8]) -> Option<String>;

fn ours(tenant: &Tenant, relative: &[u8]) -> Option<String> {
    org_scoped_key(tenant, relative).ok().map(|key| key.to_string())
}

#[derive(Clone, Copy)]
enum Look {
    Prefix,
    Traversal,
}

struct Keys {
    about: About,
    look: Look,
    faults: Vec<Careless<Maker>>,
}

#[async_trait]
impl Probe for Keys {
    fn about(&self) -> &About {
        &self.about
    }

    async fn examine(&self, _: &Target) -> Result<Vec<Subject>> {
        let corpus: Corpus = serde_json::from_str(CORPUS).context("the corpus of keys")?;
        let random = SystemRandom;
        let (one, two) = (
            principal(1, Role::Specialist, &random).await,
            principal(12, Role::Specialist, &random).await,
        );
        let tenants = [one.tenant()?, two.tenant()?];
        let samples = match self.look {
            Look::Prefix => &corpus.benign,
            Look::Traversal => &corpus.hostile,
        };
        ensure!(samples.len() >= 10, "the corpus holds {} samples", samples.len());
        samples.iter().map(|sample| self.judge(sample, &tenants)).collect()
    }

    fn mutations(&self) -> Vec<&dyn Mutation> {
        self.faults.iter().map(|fault| -> &dyn Mutation { fault }).collect()
    }
}

impl Keys {
    fn judge(&self, sample: &Sample, tenants: &[&Tenant]) -> Result<Subject> {
        let bytes = hex::decode(&sample.hex).context("a sample in hexadecimal")?;
        let maker: Maker = Careless::planted_or(&self.faults, ours);
        let mut fault = None;
        for tenant in tenants {
            let prefix = format!("{}/", tenant.organisation());
            match (maker(tenant, &bytes), self.look) {
                (Some(key), Look::Prefix) if !key.starts_with(&prefix) => {
                    fault = Some(format!("becomes a key that does not begin with {prefix}"));
                }
                (None, Look::Prefix) => fault = Some("is rejected, and is harmless".to_owned()),
                (Some(_), Look::Traversal) => fault = Some("becomes a key".to_owned()),
                _ => {}
            }
        }
        Ok(Subject { name: format!("key {}", sample.hex.get(..48).unwrap_or(&sample.hex)), fault })
    }
}

fn text(relative: &[u8]) -> String {
    String::from_utf8_lossy(relative).into_owned()
}

fn without_prefix(_: &Tenant, relative: &[u8]) -> Option<String> {
    Some(text(relative))
}

fn anothers_prefix(_: &Tenant, relative: &[u8]) -> Option<String> {
    Some(format!("1/{}", text(relative)))
}

fn as_it_comes(tenant: &Tenant, relative: &[u8]) -> Option<String> {
    Some(format!("{}/{}", tenant.organisation(), text(relative)))
}

fn rewritten(tenant: &Tenant, relative: &[u8]) -> Option<String> {
    let clean = text(relative).replace("../", "");
    Some(format!("{}/{}", tenant.organisation(), clean.trim_matches('/')))
}

/// The probes.
pub(super) fn probes() -> Vec<Box<dyn Probe>> {
    let fault = |name, maker: Maker| Careless::new(name, maker);
    vec![
        Box::new(Keys {
            about: About {
                id: "S3-01",
                item: Item::KeyPrefix,
                title: "a key begins with its organisation's number, and a harmless name is one",
                mend: "OrgScopedKey alone makes keys (crates/domain/storage/src/key.rs)",
            },
            look: Look::Prefix,
            faults: vec![
                fault("a key without prefix", without_prefix),
                fault("everybody's key in the first organisation's folder", anothers_prefix),
            ],
        }),
        Box::new(Keys {
            about: About {
                id: "S3-03",
                item: Item::Traversal,
                title: "every hostile name of the published corpus is rejected, never rewritten",
                mend: "the rules R01 to R20 stand in crates/domain/storage/src/rules.rs",
            },
            look: Look::Traversal,
            faults: vec![
                fault("a prefix put before whatever comes", as_it_comes),
                fault("a way out that is taken out instead of refused", rewritten),
            ],
        }),
    ]
}
