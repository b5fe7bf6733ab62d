use std::error::Error;

use rusoto_core::RusotoError;
use rusoto_s3::{
    CORSConfiguration, GetBucketCorsRequest, GetBucketEncryptionRequest,
    GetBucketLifecycleConfigurationRequest, GetBucketOwnershipControlsRequest,
    GetBucketPolicyRequest, GetBucketVersioningRequest, GetPublicAccessBlockRequest, LifecycleRule,
    S3 as _, ServerSideEncryptionRule,
};

use super::{Bucket, Finding, policy, wanted};
use crate::CallError;
use crate::failure::{failed, is_absent};

/// What is, where it can be seen.
enum Seen<T> {
    Is(T),
    Absent,
    /// We may not look: what cannot be verified does not hold.
    Hidden(String),
}

impl Bucket {
    /// Every rule that does not hold: first what the bucket says of itself, then what it does when
    /// asked for what it must refuse.
    ///
    /// # Errors
    /// The bucket could not be asked; nothing is known.
    pub async fn check(&self) -> Result<Vec<Finding>, CallError> {
        let mut findings = Vec::new();
        self.check_public_access(&mut findings).await?;
        self.check_ownership(&mut findings).await?;
        self.check_versioning(&mut findings).await?;
        self.check_encryption(&mut findings).await?;
        self.check_lifecycle(&mut findings).await?;
        self.check_cors(&mut findings).await?;
        self.check_policy(&mut findings).await?;
        self.probe(&mut findings).await?;
        Ok(findings)
    }

    async fn check_public_access(&self, findings: &mut Vec<Finding>) -> Result<(), CallError> {
        let request =
            GetPublicAccessBlockRequest { bucket: self.name.clone(), ..Default::default() };
        let seen =
            seen("get public access block", self.client.get_public_access_block(request).await)?;
        let found = match seen {
            Seen::Is(answer) => {
                let found = answer.public_access_block_configuration;
                if found.as_ref() == Some(&wanted::public_access()) {
                    return Ok(());
                }
                "a block that is not whole".to_owned()
            }
            other => other.told(),
        };
        push(findings, "block-public-access", "all four parts", found);
        Ok(())
    }

    async fn check_ownership(&self, findings: &mut Vec<Finding>) -> Result<(), CallError> {
        let request =
            GetBucketOwnershipControlsRequest { bucket: self.name.clone(), ..Default::default() };
        let asked = self.client.get_bucket_ownership_controls(request).await;
        let found = match seen("get ownership controls", asked)? {
            Seen::Is(answer) => {
                let rules = answer.ownership_controls.unwrap_or_default().rules;
                let found: Vec<_> = rules.into_iter().map(|rule| rule.object_ownership).collect();
                found.join(", ")
            }
            other => other.told(),
        };
        expect(findings, "object-ownership", wanted::OWNERSHIP, found);
        Ok(())
    }

    async fn check_versioning(&self, findings: &mut Vec<Finding>) -> Result<(), CallError> {
        let request =
            GetBucketVersioningRequest { bucket: self.name.clone(), ..Default::default() };
        let asked = self.client.get_bucket_versioning(request).await;
        let found = match seen("get versioning", asked)? {
            Seen::Is(answer) => answer.status.unwrap_or_else(|| "nothing".to_owned()),
            other => other.told(),
        };
        expect(findings, "versioning", "Enabled", found);
        Ok(())
    }

    async fn check_encryption(&self, findings: &mut Vec<Finding>) -> Result<(), CallError> {
        let request =
            GetBucketEncryptionRequest { bucket: self.name.clone(), ..Default::default() };
        let asked = self.client.get_bucket_encryption(request).await;
        let found = match seen("get default encryption", asked)? {
            Seen::Is(answer) => {
                let configuration = answer.server_side_encryption_configuration;
                encryption(&configuration.map(|found| found.rules).unwrap_or_default())
            }
            other => other.told(),
        };
        let expected = encryption(&self.wanted_encryption().rules);
        expect(findings, "default-encryption", &expected, found);
        Ok(())
    }

    async fn check_lifecycle(&self, findings: &mut Vec<Finding>) -> Result<(), CallError> {
        let request = GetBucketLifecycleConfigurationRequest {
            bucket: self.name.clone(),
            ..Default::default()
        };
        let asked = self.client.get_bucket_lifecycle_configuration(request).await;
        let rules = match seen("get lifecycle", asked)? {
            Seen::Is(answer) => answer.rules.unwrap_or_default(),
            Seen::Absent => Vec::new(),
            other @ Seen::Hidden(_) => {
                push(findings, "lifecycle", "to be readable", other.told());
                return Ok(());
            }
        };
        if !rules.iter().any(wanted::aborts) {
            let expected = "unfinished uploads aborted after a day";
            push(findings, "lifecycle", expected, "no such rule".to_owned());
        }
        let deleting = |rule: &&LifecycleRule| wanted::deletes(rule);
        for rule in rules.iter().filter(deleting) {
            let id = rule.id.as_deref().unwrap_or("a rule without a name");
            let expected = "no rule that deletes files: retention is the service's";
            push(findings, "lifecycle", expected, id.to_owned());
        }
        Ok(())
    }

    async fn check_cors(&self, findings: &mut Vec<Finding>) -> Result<(), CallError> {
        let request = GetBucketCorsRequest { bucket: self.name.clone(), ..Default::default() };
        let asked = self.client.get_bucket_cors(request).await;
        let found = match seen("get CORS", asked)? {
            Seen::Is(answer) => {
                let cors_rules = answer.cors_rules.unwrap_or_default();
                Some(CORSConfiguration { cors_rules }).filter(|found| !found.cors_rules.is_empty())
            }
            Seen::Absent => None,
            other @ Seen::Hidden(_) => {
                push(findings, "cors", "to be readable", other.told());
                return Ok(());
            }
        };
        expect(findings, "cors", &cors(self.wanted_cors()), cors(found));
        Ok(())
    }

    async fn check_policy(&self, findings: &mut Vec<Finding>) -> Result<(), CallError> {
        let request = GetBucketPolicyRequest { bucket: self.name.clone(), ..Default::default() };
        let asked = self.client.get_bucket_policy(request).await;
        let wanted = self.wanted_policy();
        match seen("get policy", asked)? {
            Seen::Is(answer) => {
                let found = answer.policy.unwrap_or_default();
                for fault in policy::faults(&found, &wanted) {
                    push(findings, "policy", "every denial and nothing else", fault);
                }
            }
            other => push(findings, "policy", "every denial and nothing else", other.told()),
        }
        Ok(())
    }
}

impl<T> Seen<T> {
    fn told(self) -> String {
        match self {
            Self::Is(_) => "something else".to_owned(),
            Self::Absent => "nothing".to_owned(),
            Self::Hidden(why) => why,
        }
    }
}

/// What an answer shows; an error only where asking again may help.
fn seen<T, E: Error + Send + Sync + 'static>(
    operation: &'static str,
    asked: Result<T, RusotoError<E>>,
) -> Result<Seen<T>, CallError> {
    match asked {
        Ok(answer) => Ok(Seen::Is(answer)),
        Err(error) if is_absent(&error) => Ok(Seen::Absent),
        Err(error) => match failed(operation, error) {
            CallError::Status { status, code, .. } if status < 500 && status != 429 => {
                Ok(Seen::Hidden(format!("the refusal {status} {code}")))
            }
            error => Err(error),
        },
    }
}

pub(super) fn push(findings: &mut Vec<Finding>, rule: &'static str, expected: &str, found: String) {
    findings.push(Finding { rule, expected: expected.to_owned(), found });
}

fn expect(findings: &mut Vec<Finding>, rule: &'static str, expected: &str, found: String) {
    if found != expected {
        push(findings, rule, expected, found);
    }
}

fn encryption(rules: &[ServerSideEncryptionRule]) -> String {
    let defaults = rules.iter().filter_map(|rule| {
        let default = rule.apply_server_side_encryption_by_default.as_ref()?;
        let key = default.kms_master_key_id.as_deref().filter(|key| !key.is_empty());
        Some(key.map_or_else(
            || default.sse_algorithm.clone(),
            |key| format!("{} with {key}", default.sse_algorithm),
        ))
    });
    let defaults: Vec<_> = defaults.collect();
    if defaults.is_empty() { "nothing".to_owned() } else { defaults.join(", ") }
}

/// Who may do what from where: what of CORS matters to isolation.
fn cors(found: Option<CORSConfiguration>) -> String {
    let rules = found.map(|found| found.cors_rules).unwrap_or_default();
    let sorted = |mut texts: Vec<String>| {
        texts.sort();
        texts.join(" ")
    };
    let told = rules.into_iter().map(|rule| {
        let headers: Vec<_> = rule.allowed_headers.unwrap_or_default();
        let headers = headers.iter().map(|header| header.to_ascii_lowercase()).collect();
        format!(
            "{} from {} with {}",
            sorted(rule.allowed_methods),
            sorted(rule.allowed_origins),
            sorted(headers)
        )
    });
    let told: Vec<_> = told.collect();
    if told.is_empty() { "nothing".to_owned() } else { told.join(", ") }
}
