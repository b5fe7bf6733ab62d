//! An operation says what the audit keeps of it.
use restartix_http_api::{AuditClass, Declared, Verb};
use restartix_telemetry::ResourceKind;
use restartix_tenancy::RateClass;

fn main() {
    let _ = Declared {
        operation: "people.peek",
        method: Verb::Get,
        path: "/v1/people/peek",
        summary: "Looks at people.",
        audit: AuditClass::Read(ResourceKind::Person),
        rate: RateClass::Read,
    };
}
