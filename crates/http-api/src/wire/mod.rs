//! What clients send and see. Nothing of the domains serialises for clients: these types do.

mod api_client;
mod appointment;
mod appointment_type;
mod audit;
mod availability;
mod calendar_file;
mod exceptions;
mod file;
mod hold;
pub mod insight;
mod me;
mod membership;
mod organization;
mod page;
mod person;
mod program;
mod recording;
mod rehab;
pub(crate) mod schema;
mod specialist;
mod values;
mod webhook;
mod webhook_endpoint;

pub use api_client::{ApiClientBody, ApiClientListView, ApiClientView, ShownApiClientView};
pub use appointment::{
    AppointmentView, AttendedView, BookBody, CancelBody, ConsentBody, PassView, RescheduleBody,
};
pub use appointment_type::{AlignmentBody, AlignmentMode, TypeBody, TypePatchBody, TypeView};
pub use audit::AuditEventView;
pub(crate) use audit::{asked_for, fhir};
pub use availability::{SlotView, SlotsView};
pub use calendar_file::CalendarFile;
pub use exceptions::{
    BlockBody, ClosureBody, ClosureView, OverrideBody, OverrideView, TimeOffBody, TimeOffView,
};
pub use file::{
    FileBody, FilePatchBody, FileView, PartBody, PartListView, PartView, PartsBody, SignBody,
    SignatureListView, SignatureView, UploadRequestView, UploadView,
};
pub use hold::{HoldBody, HoldView};
pub use me::{MeView, MembershipOfMe, SwitchBody};
pub use membership::{MemberBody, MemberPatchBody, MemberView};
pub use organization::{OrganizationPatchBody, OrganizationView, PoliciesBody};
pub use page::PageView;
pub use person::{PersonBody, PersonPatchBody, PersonView};
pub use program::{ExerciseBody, ExerciseView, ProgramBody, ProgramPatchBody, ProgramView};
pub use recording::{RecordingListView, RecordingView};
pub use rehab::{
    InstrumentWord, ReceiptView, RehabEventBody, RehabEventType, RejectedView, ReportBody,
    SourceWord,
};
pub use specialist::{HoursBlock, HoursBody, SpecialistView, WeekdayWord};
pub use values::{
    ApiClientKey, ClosureKey, Date, EventKey, ExerciseKey, FileKey, HoldKey, Id, Instant,
    MemberKey, PersonKey, ProgramKey, RecordingKey, TimeOffKey, TypeKey, UserKey,
    WebhookDeliveryKey, WebhookEndpointKey, WebhookJobKey, Zone,
};
pub(crate) use values::{invalid, present};
pub use webhook::{
    AttemptListView, AttemptView, DeliveryView, EventTypeListView, EventTypeView, FeedView,
    JobView, ReplayBody,
};
pub use webhook_endpoint::{
    EndpointBody, EndpointListView, EndpointPatchBody, EndpointView, RotateBody, ShownEndpointView,
};
