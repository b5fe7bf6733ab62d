//! What happens across domains: a booking becomes a room, an audit line and an event.
//!
//! Knows the domains and no adapter: no SQL, HTTP, Redis, Daily.co or runtime. It owns the port
//! [`UnitOfWork`]: state, audit and event commit together or not at all, and a change without an
//! audit line cannot commit. No vendor is called inside a unit of work or on the path of a booking:
//! [`RoomKeeper`] carries the events onward, at least once, and every step of it may be repeated;
//! [`RoomSweeper`] and [`CallWatcher`] find what no event told.

mod attendance;
mod availability;
mod bookings;
mod calls;
mod clients;
mod clinic;
mod desk;
mod event;
mod exceptions;
mod failure;
mod files;
mod insights;
mod once;
mod recordings;
mod records;
mod rehab;
mod reminders;
mod rooms;
mod schedule;
mod telemetry;
mod transitions;
mod unit;
mod visits;
mod webhooks;
mod worker;

pub use attendance::Attended;
pub use availability::{AvailabilityQuery, Mode};
pub use bookings::{BookRequest, Bookings, HoldRequest, What};
pub use calls::{CallWatcher, Calls, OpenCall, OpenCalls};
pub use clients::{ClientDraft, Clients, Granted, KnownClient, ShownClient, TOKEN_LIFETIME};
pub use clinic::{Clinic, NewMember, NewPerson, OrganisationPatch, PersonPatch};
pub use desk::Desk;
pub use event::{
    DomainEvent, EventQueue, Happening, Lease, LeaseToken, QueuedEvent, Settled, Settlement, Side,
    Topic,
};
pub use failure::Failure;
pub use files::{DueFile, DueFiles, FileDraft, FileKeeper, Filing, Handed, Signed};
pub use insights::{Dashboards, InsightKeeper, Named, PatientSummary, Progress};
pub use once::{
    AnswerKey, AnswerSealer, AnswerSweeper, Claimed, Errand, ExpiredAnswers, KeptAnswers, Once,
    Print,
};
pub use recordings::{DueRecording, DueRecordings, Recorder, RecordingKeeper};
pub use records::{ExportPart, Records};
pub use rehab::{ProgramDraft, ProgramPatch, Receipt, Rehab};
pub use reminders::{DueReminders, ReminderKeeper};
pub use rooms::{KeptRoom, RoomDuties, RoomDuty, RoomKeeper, RoomSweeper, Standing};
pub use schedule::{Schedule, TypeDraft};
pub use telemetry::{AuditSealer, TelemetryForwarder, TelemetryReconciler};
pub use transitions::Seen;
pub use unit::{Access, Aftermath, Care, UnitOfWork, Work};
pub use visits::{Entrance, JoinKey, Pass, Visits, WaitingRoom};
pub use webhooks::{
    EndpointDraft, EndpointPatch, Grace, ReplayFrom, Shown, WebhookDispatcher, WebhookSequencer,
    WebhookUpkeep, Webhooks,
};
pub use worker::{Round, Worker};
