use std::borrow::Cow;
use std::collections::BTreeSet;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::web::Bytes;
use chrono::{DateTime, Utc};
use restartix_kernel::{Cursor, ExposeSecret, Page, PersonId};
use restartix_storage::{File, Parts};
use restartix_telemetry::AuditEntry;
use restartix_tenancy::Version;
use restartix_workflows::{Granted, Handed};
use serde::Serialize;
use utoipa::ToSchema;

use crate::input::InsightFormat;
use crate::wire::insight::{InsightTable, InsightView};
use crate::wire::{AuditEventView, CalendarFile, PageView, fhir};
use crate::{Kind, Problem, Sketch};

/// What a handler answers with: its status and schema are known before it is called.
pub trait Output {
    /// Whether something is made that was not there: a client that asks for it again under the same
    /// key gets the same answer, and no second one is made.
    const CREATES: bool = false;

    /// Adds the answer to the operation's documentation.
    fn describe(sketch: &mut Sketch);

    /// The answer's bytes and headers.
    fn render(self) -> Result<Rendered, Problem>;
}

/// What an answer holds.
pub(crate) enum Payload {
    /// All of it.
    Whole(Bytes),
    /// So many bytes, as they come; they may break off.
    Stream(u64, Parts),
}

impl Payload {
    /// All of it, where it is at hand.
    pub(crate) const fn whole(&self) -> Option<&Bytes> {
        match self {
            Self::Whole(bytes) => Some(bytes),
            Self::Stream(..) => None,
        }
    }
}

impl std::fmt::Debug for Payload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Whole(bytes) => f.debug_tuple("Whole").field(&bytes.len()).finish(),
            Self::Stream(size, _) => f.debug_tuple("Stream").field(size).finish(),
        }
    }
}

/// An answer that is ready to leave, once the audit knows of it.
#[derive(Debug)]
pub struct Rendered {
    pub(crate) status: StatusCode,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) body: Payload,
    /// What was seen, where the path does not say.
    pub(crate) resource: Option<String>,
    /// Whose records were seen, each once.
    pub(crate) patients: BTreeSet<PersonId>,
    /// What is shown in place of the body to whoever asks again.
    pub(crate) again: Option<Bytes>,
    /// Whether this is what somebody was answered before.
    pub(crate) repeats: bool,
}

impl Rendered {
    pub(crate) fn new(status: StatusCode, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Payload::Whole(body.into()),
            resource: None,
            patients: BTreeSet::new(),
            again: None,
            repeats: false,
        }
    }
}

/// A type that clients see.
pub trait View: Serialize + ToSchema {
    /// The secrets among its fields: they are shown once, and left out where the same answer is given
    /// again.
    const SHOWN_ONCE: &'static [&'static str] = &[];

    /// Its version, for the header `ETag`.
    fn version(&self) -> Option<Version> {
        None
    }

    /// Whose record it is, for the audit.
    fn patient(&self) -> Option<PersonId> {
        None
    }

    /// Whose records it shows, for the audit, where it shows several.
    fn patients(&self) -> BTreeSet<PersonId> {
        self.patient().into_iter().collect()
    }

    /// Its id, for the audit of a read whose path does not name it.
    fn resource(&self) -> Option<String> {
        None
    }
}

/// 200 and a view.
#[derive(Debug)]
pub struct Reply<T>(pub T);

/// 201 and a view of what was made.
#[derive(Debug)]
pub struct Created<T>(pub T);

/// 200 and a view, or 202 while what was asked for is still being done.
#[derive(Debug)]
pub struct Settling<T> {
    /// The view.
    pub view: T,
    /// Whether it is still being done.
    pub under_way: bool,
}

/// 202 and a view of what was taken.
#[derive(Debug)]
pub struct Accepted<T>(pub T);

/// 204.
#[derive(Clone, Copy, Debug)]
pub struct NoContent;

/// A file on its way to a client: where to get it, or its bytes.
#[derive(Debug)]
pub(crate) struct HandedOut {
    pub(crate) file: File,
    pub(crate) handed: Handed,
}

/// What bytes of somebody else may do in a browser: nothing, not even as a document of ours.
const FOREIGN_POLICY: &str = "sandbox; default-src 'none'; frame-ancestors 'none'";

/// Something that is not JSON: a page, a script, a text.
#[derive(Debug)]
pub struct Document {
    /// The status.
    pub status: StatusCode,
    /// The content type.
    pub content_type: Cow<'static, str>,
    /// Headers besides; they take the place of the API's own.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The bytes.
    pub body: Bytes,
    /// Whose records it shows, for the audit.
    pub patients: BTreeSet<PersonId>,
}

impl Document {
    /// 200 and `body`.
    pub fn new(content_type: impl Into<Cow<'static, str>>, body: impl Into<Bytes>) -> Self {
        Self {
            status: StatusCode::OK,
            content_type: content_type.into(),
            headers: Vec::new(),
            body: body.into(),
            patients: BTreeSet::new(),
        }
    }

    /// With a header; one whose value cannot stand in a header is left out.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }
}

/// In which words the audit is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AuditFormat {
    /// Ours.
    Json,
    /// HL7 FHIR R4.
    Fhir,
}

/// A page of the audit, in one of its formats.
#[derive(Debug)]
pub(crate) struct AuditPage {
    pub(crate) entries: Page<AuditEntry>,
    pub(crate) format: AuditFormat,
    /// Where what comes next is asked for, but for the cursor.
    pub(crate) again: String,
}

impl Output for AuditPage {
    fn describe(sketch: &mut Sketch) {
        Reply::<PageView<AuditEventView>>::describe(sketch);
    }

    fn render(self) -> Result<Rendered, Problem> {
        match self.format {
            AuditFormat::Json => Reply(PageView::<AuditEventView>::from(self.entries)).render(),
            AuditFormat::Fhir => {
                let next = self.entries.next_cursor.as_ref().map(Cursor::key);
                let bundle = fhir(&self.entries.items, &self.again, next).to_string();
                Document::new("application/fhir+json; charset=utf-8", bundle).render()
            }
        }
    }
}

/// An insight, in one of its formats.
#[derive(Debug)]
pub(crate) struct InsightAnswer {
    pub(crate) table: InsightTable,
    pub(crate) format: InsightFormat,
}

impl Output for InsightAnswer {
    fn describe(sketch: &mut Sketch) {
        Reply::<InsightView>::describe(sketch);
    }

    fn render(self) -> Result<Rendered, Problem> {
        match self.format {
            InsightFormat::Json => Reply(InsightView::from(&self.table)).render(),
            InsightFormat::Csv => {
                let file =
                    Document::new("text/csv; charset=utf-8; header=present", self.table.csv());
                let file =
                    file.with(header::CONTENT_DISPOSITION, "attachment; filename=\"insight.csv\"");
                Ok(Rendered { patients: self.table.patients, ..file.render()? })
            }
        }
    }
}

/// An `ETag` as `"v3"` (RFC 9110, section 8.8.3).
pub(crate) fn entity_tag(version: Version) -> String {
    format!("\"v{}\"", version.get())
}

fn json<T: View>(status: StatusCode, view: &T) -> Result<Rendered, Problem> {
    let body = serde_json::to_vec(view).map_err(|e| Problem::from(Kind::INTERNAL).because(e))?;
    let mut rendered = Rendered::new(status, body);
    rendered.headers.push((header::CONTENT_TYPE, HeaderValue::from_static("application/json")));
    let tag = view.version().map(entity_tag);
    if let Some(tag) = tag.and_then(|tag| HeaderValue::from_str(&tag).ok()) {
        rendered.headers.push((header::ETAG, tag));
    }
    rendered.patients = view.patients();
    rendered.resource = view.resource();
    rendered.again = without(view, T::SHOWN_ONCE)?;
    Ok(rendered)
}

/// The view without these fields; `None` where there are none.
fn without<T: View>(view: &T, fields: &[&str]) -> Result<Option<Bytes>, Problem> {
    if fields.is_empty() {
        return Ok(None);
    }
    let internal = |error| Problem::from(Kind::INTERNAL).because(error);
    let mut shown = serde_json::to_value(view).map_err(internal)?;
    if let Some(object) = shown.as_object_mut() {
        object.retain(|name, _| !fields.contains(&name.as_str()));
    }
    Ok(Some(serde_json::to_vec(&shown).map_err(internal)?.into()))
}

impl<T: View> Output for Reply<T> {
    fn describe(sketch: &mut Sketch) {
        sketch.answers::<T>(StatusCode::OK);
    }

    fn render(self) -> Result<Rendered, Problem> {
        json(StatusCode::OK, &self.0)
    }
}

impl<T: View> Output for Created<T> {
    const CREATES: bool = true;

    fn describe(sketch: &mut Sketch) {
        sketch.answers::<T>(StatusCode::CREATED);
    }

    fn render(self) -> Result<Rendered, Problem> {
        json(StatusCode::CREATED, &self.0)
    }
}

impl<T: View> Output for Settling<T> {
    fn describe(sketch: &mut Sketch) {
        sketch.answers::<T>(StatusCode::OK);
        sketch.answers::<T>(StatusCode::ACCEPTED);
    }

    fn render(self) -> Result<Rendered, Problem> {
        json(if self.under_way { StatusCode::ACCEPTED } else { StatusCode::OK }, &self.view)
    }
}

impl Output for HandedOut {
    fn describe(sketch: &mut Sketch) {
        sketch.answers_bare(StatusCode::OK);
        sketch.answers_bare(StatusCode::FOUND);
    }

    fn render(self) -> Result<Rendered, Problem> {
        let Self { file, handed } = self;
        let value = |text: &str| {
            HeaderValue::from_str(text).map_err(|e| Problem::from(Kind::INTERNAL).because(e))
        };
        let mut rendered = match handed {
            Handed::Link(signed) => {
                let mut rendered = Rendered::new(StatusCode::FOUND, Bytes::new());
                rendered.headers.push((header::LOCATION, value(signed.url.expose_secret())?));
                rendered
            }
            Handed::Bytes(parts) => {
                let mut rendered = Rendered::new(StatusCode::OK, Bytes::new());
                rendered.body = Payload::Stream(file.size, parts);
                let shown = file.presentation();
                rendered.headers.extend([
                    (header::CONTENT_TYPE, value(&shown.content_type)?),
                    (header::CONTENT_DISPOSITION, value(&shown.disposition)?),
                    (header::CONTENT_SECURITY_POLICY, value(FOREIGN_POLICY)?),
                ]);
                rendered
            }
        };
        rendered.patients.extend(file.patient);
        Ok(rendered)
    }
}

impl<T: View> Output for Accepted<T> {
    fn describe(sketch: &mut Sketch) {
        sketch.answers::<T>(StatusCode::ACCEPTED);
    }

    fn render(self) -> Result<Rendered, Problem> {
        json(StatusCode::ACCEPTED, &self.0)
    }
}

impl Output for NoContent {
    fn describe(sketch: &mut Sketch) {
        sketch.answers_bare(StatusCode::NO_CONTENT);
    }

    fn render(self) -> Result<Rendered, Problem> {
        Ok(Rendered::new(StatusCode::NO_CONTENT, Bytes::new()))
    }
}

impl Output for Document {
    fn describe(sketch: &mut Sketch) {
        sketch.answers_bare(StatusCode::OK);
    }

    fn render(self) -> Result<Rendered, Problem> {
        let mut rendered = Rendered::new(self.status, self.body);
        rendered.headers = self.headers;
        rendered.patients = self.patients;
        let kind = HeaderValue::from_str(&self.content_type);
        let kind = kind.map_err(|error| Problem::from(Kind::INTERNAL).because(error))?;
        rendered.headers.push((header::CONTENT_TYPE, kind));
        Ok(rendered)
    }
}

impl Output for CalendarFile {
    fn describe(sketch: &mut Sketch) {
        sketch.answers_bare(StatusCode::OK);
    }

    fn render(self) -> Result<Rendered, Problem> {
        let mut rendered = Rendered::new(StatusCode::OK, self.text());
        let kind = HeaderValue::from_static("text/calendar; charset=utf-8");
        rendered.headers.push((header::CONTENT_TYPE, kind));
        rendered.patients.insert(self.appointment.patient);
        Ok(rendered)
    }
}

/// What the token endpoint answers (RFC 6749, sections 5.1 and 5.2).
pub(crate) enum TokenAnswer {
    /// A token.
    Granted(serde_json::Value),
    /// One of OAuth's own words.
    Refused(&'static str),
}

impl TokenAnswer {
    /// The answer to what the service said; its other failures are the API's own.
    pub(crate) fn of(
        granted: Result<Granted, Problem>,
        now: DateTime<Utc>,
    ) -> Result<Self, Problem> {
        match granted {
            Ok(granted) => Ok(Self::Granted(serde_json::json!({
                "access_token": granted.token.expose_secret(),
                "token_type": "Bearer",
                "expires_in": (granted.expires_at - now).num_seconds().max(0),
                "scope": granted.scopes.names().join(" "),
            }))),
            // An unknown program and a wrong secret look the same.
            Err(problem) if [Kind::NOT_FOUND, Kind::FORBIDDEN].contains(&problem.kind()) => {
                Ok(Self::Refused("invalid_client"))
            }
            Err(problem) if problem.kind() == Kind::INVALID => Ok(Self::Refused("invalid_scope")),
            Err(problem) => Err(problem),
        }
    }
}

impl Output for TokenAnswer {
    fn describe(sketch: &mut Sketch) {
        sketch.answers_bare(StatusCode::OK);
    }

    fn render(self) -> Result<Rendered, Problem> {
        let (status, body) = match self {
            Self::Granted(body) => (StatusCode::OK, body),
            Self::Refused(error) => {
                let unknown = error == "invalid_client";
                let status =
                    if unknown { StatusCode::UNAUTHORIZED } else { StatusCode::BAD_REQUEST };
                (status, serde_json::json!({ "error": error }))
            }
        };
        let mut document = Document::new("application/json", body.to_string())
            .with(header::CACHE_CONTROL, "no-store")
            .with(header::PRAGMA, "no-cache");
        if status == StatusCode::UNAUTHORIZED {
            document = document.with(header::WWW_AUTHENTICATE, "Basic realm=\"oauth\"");
        }
        Document { status, ..document }.render()
    }
}
