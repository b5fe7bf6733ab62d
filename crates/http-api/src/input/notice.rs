use actix_web::web::Bytes;
use restartix_video::Notice;

use super::{Input, Parts};
use crate::{Problem, Sketch};

const TIMESTAMP: &str = "X-Webhook-Timestamp";
const SIGNATURE: &str = "X-Webhook-Signature";

/// What the video provider posts: its bytes as they came, and by which it shows that they are its.
#[derive(Debug)]
pub(crate) struct SignedNotice {
    timestamp: Option<String>,
    signature: Option<String>,
    body: Bytes,
}

impl SignedNotice {
    /// The notice as the service hears it.
    pub(crate) fn as_notice(&self) -> Notice<'_> {
        Notice {
            timestamp: self.timestamp.as_deref(),
            signature: self.signature.as_deref(),
            body: &self.body,
        }
    }
}

impl Input for SignedNotice {
    const READS_BODY: bool = true;

    fn parse(request: &Parts<'_>) -> Result<Self, Problem> {
        let header = |name: &str| {
            let value = request.request.headers().get(name)?;
            value.to_str().ok().map(str::to_owned)
        };
        let (timestamp, signature) = (header(TIMESTAMP), header(SIGNATURE));
        Ok(Self { timestamp, signature, body: request.body.clone() })
    }

    fn describe(sketch: &mut Sketch) {
        sketch.header(TIMESTAMP, "When it was sent: Unix time in seconds or milliseconds.");
        sketch.header(SIGNATURE, "Base64 of HMAC-SHA256 over the timestamp, a dot and the body.");
        sketch.takes_any();
    }
}
