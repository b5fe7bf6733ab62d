use bytes::Bytes;
use hyper::Body;

use super::check::push;
use super::{Bucket, Finding};
use crate::CallError;
use crate::engine::Whole;
use crate::failure::refused;
use crate::http::Progress;
use crate::presign;
use crate::sigv4::{Payload, Unsigned};

/// Where probes are put: below a number that no organisation has.
const PROBE: &str = "0/probe";
const BODY: &[u8] = b"A probe of the bucket's rules. It may be deleted.";

impl Bucket {
    /// Asks for what must be refused: a PUT without encryption, and a GET by nobody of an object
    /// that is there.
    pub(super) async fn probe(&self, findings: &mut Vec<Finding>) -> Result<(), CallError> {
        let request = self.put(false);
        let status = self.put_and_remove(&request, "a PUT without encryption").await?;
        judge(findings, "put-without-encryption", status);

        let request = self.put(true);
        let put = self.ask(&request, "a PUT of a probe").await?;
        if !put.status.is_success() {
            let error = refused("a PUT of a probe", put.status.as_u16(), &put.body);
            push(findings, "put-with-encryption", "to be allowed", error.to_string());
            return Ok(());
        }
        let get = self.engine.request("GET", PROBE);
        let answered = self.engine.send(&get, Body::empty(), &Progress::default()).await;
        // Whatever came of it, the probe goes.
        let removed = self.remove(&put).await;
        judge(findings, "anonymous-get", answered?.status().as_u16());
        removed
    }

    fn put(&self, encrypted: bool) -> Unsigned {
        let mut request = self.engine.request("PUT", PROBE);
        let sha256 = match Payload::of(BODY) {
            Payload::Hash(hash) => hash,
            _ => [0; 32],
        };
        let size = u64::try_from(BODY.len()).unwrap_or_default();
        let body = presign::Body { content_type: "text/plain", size, sha256: &sha256 };
        body.bind(&mut request, encrypted.then_some(&self.encryption));
        request.payload = Payload::Hash(sha256);
        request
    }

    async fn ask(&self, request: &Unsigned, operation: &'static str) -> Result<Whole, CallError> {
        self.engine.whole(request, &Bytes::from_static(BODY), operation).await
    }

    async fn put_and_remove(
        &self,
        request: &Unsigned,
        operation: &'static str,
    ) -> Result<u16, CallError> {
        let put = self.ask(request, operation).await?;
        if put.status.is_success() {
            self.remove(&put).await?;
        }
        let status = put.status.as_u16();
        if crate::error::is_passing(status) {
            Err(refused(operation, status, &put.body))
        } else {
            Ok(status)
        }
    }

    /// Deletes the version that a PUT made.
    async fn remove(&self, put: &Whole) -> Result<(), CallError> {
        let mut request = self.engine.request("DELETE", PROBE);
        let version = put.headers.get("x-amz-version-id").and_then(|id| id.to_str().ok());
        if let Some(version) = version {
            request.add_query("versionId", version);
        }
        let deleted = self.engine.whole(&request, &Bytes::new(), "a DELETE of a probe").await?;
        if deleted.status.is_success() {
            return Ok(());
        }
        Err(refused("a DELETE of a probe", deleted.status.as_u16(), &deleted.body))
    }
}

fn judge(findings: &mut Vec<Finding>, rule: &'static str, status: u16) {
    if status != 403 {
        push(findings, rule, "the answer 403", format!("the answer {status}"));
    }
}
