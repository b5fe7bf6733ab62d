//! What S3 itself refuses, whatever the platform does.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use async_trait::async_trait;
use restartix_kernel::{Secret, SystemClock, SystemRandom};
use restartix_s3::{Bucket, Config, CredentialSource, Credentials, S3};
use rusoto_core::credential::StaticProvider;
use rusoto_core::{HttpClient, Region};
use rusoto_s3::{
    DeleteBucketPolicyRequest, DeletePublicAccessBlockRequest, PutBucketPolicyRequest, S3 as _,
    S3Client,
};
use serde_json::json;

use super::{Hidden, Storage};
use crate::{About, Item, Mutation, Probe, Subject, Target};

struct Rules {
    about: About,
    /// The rules that are looked at, as `core-api bucket check` names them.
    rules: &'static [&'static str],
    faults: Vec<Box<dyn Mutation>>,
}

fn storage(target: &Target) -> Result<Storage> {
    target.storage().context("the stack's bucket was not given")
}

fn bucket(storage: &Storage) -> Result<Bucket> {
    let Hidden(secret) = &storage.secret_access_key;
    let key = Credentials::new(&storage.access_key_id, Secret::from(secret.as_str()));
    let config = Config {
        endpoint: storage.endpoint.clone(),
        path_style: storage.path_style,
        kms_key_id: storage.kms_key_id.clone(),
        ..Config::new(&storage.region, &storage.bucket, CredentialSource::Fixed(key))
    };
    let s3 = S3::new(&config, Arc::new(SystemClock), Arc::new(SystemRandom))?;
    Ok(s3.bucket(&storage.origins))
}

#[async_trait]
impl Probe for Rules {
    fn about(&self) -> &About {
        &self.about
    }

    async fn examine(&self, target: &Target) -> Result<Vec<Subject>> {
        let findings = bucket(&storage(target)?)?.check().await?;
        let found = |rule: &&'static str| {
            let finding = findings.iter().find(|finding| finding.rule == *rule);
            Subject { name: (*rule).to_owned(), fault: finding.map(ToString::to_string) }
        };
        Ok(self.rules.iter().map(found).collect())
    }

    // Its probes put an object and take it away again.
    fn writes(&self) -> bool {
        true
    }

    fn needs_storage(&self) -> bool {
        true
    }

    fn mutations(&self) -> Vec<&dyn Mutation> {
        self.faults.iter().map(|fault| &**fault).collect()
    }
}

/// A rule of the bucket that somebody took away.
#[derive(Clone, Copy)]
enum Lost {
    PublicAccessBlock,
    Policy,
    /// All of the policy but plain http.
    MostOfPolicy,
}

struct Loss {
    name: &'static str,
    lost: Lost,
}

impl Loss {
    fn boxed(name: &'static str, lost: Lost) -> Box<dyn Mutation> {
        Box::new(Self { name, lost })
    }
}

/// Somebody with the owner's key and another tool.
fn owner(storage: &Storage) -> Result<S3Client> {
    let Hidden(secret) = &storage.secret_access_key;
    let endpoint = storage.endpoint.clone();
    let endpoint = endpoint.context("the rules of a bucket at AWS are not taken away")?;
    let name = storage.region.clone();
    let key = StaticProvider::new_minimal(storage.access_key_id.clone(), secret.clone());
    Ok(S3Client::new_with(HttpClient::new()?, key, Region::Custom { name, endpoint }))
}

#[async_trait]
impl Mutation for Loss {
    fn name(&self) -> &str {
        self.name
    }

    async fn plant(&self, target: &Target) -> Result<()> {
        let storage = storage(target)?;
        let (owner, bucket) = (owner(&storage)?, storage.bucket.clone());
        match self.lost {
            Lost::PublicAccessBlock => {
                let request = DeletePublicAccessBlockRequest {
                    bucket,
                    ..DeletePublicAccessBlockRequest::default()
                };
                owner.delete_public_access_block(request).await?;
            }
            Lost::Policy => {
                let request =
                    DeleteBucketPolicyRequest { bucket, ..DeleteBucketPolicyRequest::default() };
                owner.delete_bucket_policy(request).await?;
            }
            Lost::MostOfPolicy => {
                let arn = format!("arn:aws:s3:::{bucket}/*");
                let policy = json!({ "Version": "2012-10-17", "Statement": [{
                    "Sid": "DenyPlainHttp", "Effect": "Deny", "Principal": "*",
                    "Action": "s3:*", "Resource": [arn],
                    "Condition": { "Bool": { "aws:SecureTransport": "false" } },
                }]});
                let policy = policy.to_string();
                let request =
                    PutBucketPolicyRequest { bucket, policy, ..PutBucketPolicyRequest::default() };
                owner.put_bucket_policy(request).await?;
            }
        }
        Ok(())
    }

    async fn take_away(&self, target: &Target) -> Result<()> {
        let storage = storage(target)?;
        ensure!(storage.endpoint.is_some(), "the rules of a bucket at AWS are not set here");
        Ok(bucket(&storage)?.apply().await?)
    }
}

/// The probes.
pub(super) fn probes() -> Vec<Box<dyn Probe>> {
    vec![
        Box::new(Rules {
            about: About {
                id: "S3-04",
                item: Item::PublicAccess,
                title: "Block Public Access is on, all four parts, and a stranger's GET is a 403",
                mend: "core-api bucket apply; the rules stand in crates/adapters/s3/src/bucket",
            },
            rules: &["block-public-access", "object-ownership", "anonymous-get"],
            faults: vec![Loss::boxed("a bucket without its block", Lost::PublicAccessBlock)],
        }),
        Box::new(Rules {
            about: About {
                id: "S3-05",
                item: Item::Encryption,
                title: "the policy denies what is not encrypted, and such a PUT is a 403",
                mend: "core-api bucket apply; the policy stands in crates/adapters/s3/src/bucket/policy.rs",
            },
            rules: &[
                "policy",
                "default-encryption",
                "put-without-encryption",
                "put-with-encryption",
            ],
            faults: vec![
                Loss::boxed("a bucket without its policy", Lost::Policy),
                Loss::boxed("a policy that forgets encryption", Lost::MostOfPolicy),
            ],
        }),
    ]
}
