use chrono::{DateTime, Utc};
use restartix_kernel::EventId;
use restartix_telemetry::{Act, AuditEvent, Operation, Outcome, Resource, ResourceKind};

/// The line that a change of a test has to leave, where nobody looks at what it says.
pub fn audit_line(id: EventId, occurred_at: DateTime<Utc>) -> AuditEvent {
    AuditEvent {
        id,
        occurred_at,
        act: Act { operation: Operation::new("test"), request: None },
        resource: Resource::many(ResourceKind::Appointment),
        patient: None,
        outcome: Outcome::Success,
    }
}
