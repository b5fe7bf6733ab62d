use chrono::{DateTime, SecondsFormat, Utc};
use restartix_kernel::{
    AppointmentId, FileId, MembershipId, ProgramId, SignatureId, WebhookEndpointId,
};
use restartix_tenancy::Version;
use serde_json::{Value, json};

pub(crate) mod sealed {
    pub trait Sealed {}
}

/// What may leave in an event: it says nothing of anybody.
///
/// ```
/// fn may_leave<T: restartix_webhooks::PiiFree>() {}
/// may_leave::<restartix_kernel::AppointmentId>();
/// may_leave::<u32>();
/// ```
///
/// A text may not:
/// ```compile_fail
/// fn may_leave<T: restartix_webhooks::PiiFree>() {}
/// may_leave::<String>();
/// ```
/// ```compile_fail
/// fn may_leave<T: restartix_webhooks::PiiFree>() {}
/// may_leave::<&'static str>();
/// ```
///
/// Nor somebody's own id, which other systems could tie to them:
/// ```compile_fail
/// fn may_leave<T: restartix_webhooks::PiiFree>() {}
/// may_leave::<restartix_kernel::PersonId>();
/// ```
///
/// And nobody else can say that it may:
/// ```compile_fail
/// struct Name(String);
/// impl restartix_webhooks::PiiFree for Name {
///     fn value(&self) -> serde_json::Value { self.0.clone().into() }
///     fn schema() -> serde_json::Value { serde_json::json!({}) }
/// }
/// ```
pub trait PiiFree: sealed::Sealed {
    /// As it stands in a body.
    fn value(&self) -> Value;
    /// Its JSON Schema.
    fn schema() -> Value;
}

macro_rules! pii_free {
    ($($type:ty: |$this:ident| $value:expr => $schema:expr;)+) => {
        $(impl sealed::Sealed for $type {}
        impl PiiFree for $type {
            fn value(&self) -> Value {
                let $this = self;
                Value::from($value)
            }
            fn schema() -> Value {
                $schema
            }
        })+
    };
}

fn uuid() -> Value {
    json!({"type": "string", "format": "uuid"})
}

pii_free! {
    AppointmentId: |id| id.get() => json!({"type": "integer", "minimum": 1, "maximum": AppointmentId::MAX});
    FileId: |id| id.to_string() => uuid();
    MembershipId: |id| id.to_string() => uuid();
    ProgramId: |id| id.to_string() => uuid();
    SignatureId: |id| id.to_string() => uuid();
    WebhookEndpointId: |id| id.to_string() => uuid();
    Version: |version| version.get() => json!({"type": "integer", "minimum": 1});
    u32: |number| *number => json!({"type": "integer", "minimum": 0, "maximum": u32::MAX});
    bool: |truth| *truth => json!({"type": "boolean"});
    DateTime<Utc>: |instant| instant.to_rfc3339_opts(SecondsFormat::Secs, true)
        => json!({"type": "string", "format": "date-time"});
}

/// Declares a closed set of words that may leave.
macro_rules! free_words {
    ($(#[$doc:meta])* $name:ident $rest:tt) => {
        restartix_kernel::words! { $(#[$doc])* $name $rest }
        impl $crate::pii_free::sealed::Sealed for $name {}
        impl $crate::PiiFree for $name {
            fn value(&self) -> serde_json::Value {
                self.as_str().into()
            }
            fn schema() -> serde_json::Value {
                let words: Vec<_> = Self::ALL.iter().map(|word| word.as_str()).collect();
                serde_json::json!({"type": "string", "enum": words})
            }
        }
    };
}

pub(crate) use free_words;
