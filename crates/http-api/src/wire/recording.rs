use restartix_video::{Recording, RecordingState};
use serde::Serialize;
use utoipa::ToSchema;

use super::{FileKey, Id, Instant, RecordingKey};
use crate::View;

/// What is recorded of a visit.
#[derive(Debug, Serialize, ToSchema)]
pub struct RecordingView {
    id: RecordingKey,
    /// `requested`, `recording`, `ready`, `imported`, `failed` or `deleted`.
    status: &'static str,
    requested_at: Instant,
    /// How long it lasts, once that is known.
    #[schema(required = true)]
    seconds: Option<u32>,
    /// The file that it became, once it is imported.
    #[schema(required = true)]
    file_id: Option<FileKey>,
}

impl View for RecordingView {
    fn resource(&self) -> Option<String> {
        Some(self.id.to_string())
    }
}

impl From<Recording> for RecordingView {
    fn from(recording: Recording) -> Self {
        let imported = recording.state == RecordingState::Imported;
        Self {
            id: Id(recording.id),
            status: recording.state.as_str(),
            requested_at: recording.requested_at.into(),
            seconds: recording.seconds,
            file_id: recording.file.filter(|_| imported).map(Id),
        }
    }
}

/// What was recorded of a visit.
#[derive(Debug, Serialize, ToSchema)]
pub struct RecordingListView {
    items: Vec<RecordingView>,
}

impl View for RecordingListView {}

impl From<Vec<Recording>> for RecordingListView {
    fn from(recordings: Vec<Recording>) -> Self {
        Self { items: recordings.into_iter().map(RecordingView::from).collect() }
    }
}
