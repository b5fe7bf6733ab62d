use std::str::FromStr;

use actix_web::web::Query as Pairs;
use restartix_kernel::{
    AppointmentId, AppointmentTypeId, Cursor, HoldId, Limit, PageRequest, PersonId,
};
use restartix_scheduling::engine::{self, EngineError, Window};
use restartix_scheduling::{AppointmentFilter, Status};
use restartix_storage::{FileFilter, FileKind};
use restartix_telemetry::{AuditFilter, Ending, ProgramFilter, ProgramStatus, ResourceKind};
use restartix_webhooks::{DeliveryFilter, DeliveryStatus, EventType};
use restartix_workflows::{AvailabilityQuery, Mode};

use super::{Input, Parts};
use crate::output::AuditFormat;
use crate::wire::{Instant, schema};
use crate::{Kind, Problem, Sketch};

/// The parameters of a query. Those that an operation does not know are ignored, as every proxy
/// and every tracker that adds one expects.
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    pub(super) fn of(request: &Parts<'_>) -> Result<Self, Problem> {
        Pairs::<Vec<(String, String)>>::from_query(request.request.query_string())
            .map(|pairs| Self(pairs.into_inner()))
            .map_err(|_| Kind::INVALID_PARAMETER.into())
    }

    fn all<T: FromStr>(&self, name: &'static str) -> Result<Vec<T>, Problem> {
        let named = self.0.iter().filter(|(is, _)| is == name);
        let parsed = named.map(|(_, text)| text.parse());
        parsed.collect::<Result<_, _>>().map_err(|_| Problem::parameter(name, "invalid"))
    }

    pub(super) fn one<T: FromStr>(&self, name: &'static str) -> Result<Option<T>, Problem> {
        let mut values = self.all(name)?;
        let last = values.pop();
        if values.is_empty() { Ok(last) } else { Err(Problem::parameter(name, "repeated")) }
    }

    fn required<T: FromStr>(&self, name: &'static str) -> Result<T, Problem> {
        self.one(name)?.ok_or_else(|| Problem::parameter(name, "required"))
    }
}

/// `?limit=&cursor=`.
#[derive(Debug)]
pub struct PageQuery(pub PageRequest);

impl Input for PageQuery {
    fn parse(request: &Parts<'_>) -> Result<Self, Problem> {
        let parameters = Parameters::of(request)?;
        let limit = match parameters.one::<u16>("limit")? {
            None => Limit::default(),
            Some(limit) => {
                Limit::new(limit).ok_or_else(|| Problem::parameter("limit", "out_of_range"))?
            }
        };
        let cursor = match parameters.one::<String>("cursor")? {
            None => None,
            Some(text) => {
                Some(Cursor::parse(&text).map_err(|_| Problem::parameter("cursor", "invalid"))?)
            }
        };
        Ok(Self(PageRequest { limit, cursor }))
    }

    fn describe(sketch: &mut Sketch) {
        sketch.query("limit", schema::integer(1, i64::from(Limit::MAX)));
        sketch.query("cursor", schema::text());
        #[cfg(feature = "mutants")]
        crate::mutants::parameters(sketch);
    }
}

/// `?from=&to=&status=` of the appointments.
#[derive(Debug)]
pub struct AppointmentsQuery(pub AppointmentFilter);

impl Input for AppointmentsQuery {
    fn parse(request: &Parts<'_>) -> Result<Self, Problem> {
        let parameters = Parameters::of(request)?;
        Ok(Self(AppointmentFilter {
            from: parameters.one::<Instant>("from")?.map(Into::into),
            to: parameters.one::<Instant>("to")?.map(Into::into),
            status: parameters.one("status")?,
        }))
    }

    fn describe(sketch: &mut Sketch) {
        sketch.query("from", schema::instant());
        sketch.query("to", schema::instant());
        sketch.query("status", schema::words(Status::ALL.iter().map(|status| status.as_str())));
    }
}

/// `?actor_id=&resource=&action=&from=&to=&format=` of the audit.
#[derive(Debug)]
pub(crate) struct AuditQuery {
    pub(crate) filter: AuditFilter,
    pub(crate) format: AuditFormat,
}

impl Input for AuditQuery {
    fn parse(request: &Parts<'_>) -> Result<Self, Problem> {
        let parameters = Parameters::of(request)?;
        let word = |name: &'static str| {
            let text = parameters.one::<String>(name)?;
            let fits = |text: &String| {
                (1..=80).contains(&text.len())
                    && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
            };
            match text {
                Some(text) if !fits(&text) => Err(Problem::parameter(name, "invalid")),
                text => Ok(text),
            }
        };
        // `appointment`, or `appointment/102`.
        let resource = parameters.one::<String>("resource")?;
        let (kind, id) = match resource.as_deref().map(|text| text.split_once('/')) {
            Some(Some((kind, id))) => (Some(kind.to_owned()), Some(id.to_owned())),
            _ => (resource, None),
        };
        let kind = kind.map(|name| {
            let known = ResourceKind::ALL.iter().find(|kind| kind.as_str() == name);
            known.copied().ok_or_else(|| Problem::parameter("resource", "unknown_word"))
        });
        if id
            .as_deref()
            .is_some_and(|id| id.parse::<HoldId>().is_err() && id.parse::<AppointmentId>().is_err())
        {
            return Err(Problem::parameter("resource", "invalid"));
        }
        let outcome = parameters.one::<String>("outcome")?.map(|word| {
            word.parse::<Ending>().map_err(|_| Problem::parameter("outcome", "unknown_word"))
        });
        let outcome = outcome.transpose()?;
        let filter = AuditFilter {
            actor: parameters.one("actor_id")?,
            resource_kind: kind.transpose()?,
            resource_id: id,
            operation: word("action")?,
            patient: parameters.one("patient_id")?,
            ending: outcome,
            from: parameters.one::<Instant>("from")?.map(Into::into),
            to: parameters.one::<Instant>("to")?.map(Into::into),
        };
        let format = match parameters.one::<String>("format")?.as_deref() {
            None | Some("json") => AuditFormat::Json,
            Some("fhir") => AuditFormat::Fhir,
            Some(_) => return Err(Problem::parameter("format", "unknown_word")),
        };
        Ok(Self { filter, format })
    }

    fn describe(sketch: &mut Sketch) {
        sketch.query("actor_id", schema::text());
        sketch.query("resource", schema::text());
        sketch.query("action", schema::text());
        sketch.query("patient_id", schema::text());
        sketch.query("outcome", schema::words(Ending::ALL.iter().map(|one| one.as_str())));
        sketch.query("from", schema::instant());
        sketch.query("to", schema::instant());
        sketch.query("format", schema::words(["json", "fhir"]));
    }
}

/// The most specialists that one availability is asked for by name.
const MOST_SPECIALISTS: usize = 50;

/// `?appointment_type_id=&specialist_id=&mode=&from=&to=` of the availability.
#[derive(Debug)]
pub struct Slots(pub AvailabilityQuery);

impl Input for Slots {
    fn parse(request: &Parts<'_>) -> Result<Self, Problem> {
        let parameters = Parameters::of(request)?;
        let appointment_type: AppointmentTypeId = parameters.required("appointment_type_id")?;
        let mut specialists: Vec<PersonId> = parameters.all("specialist_id")?;
        if specialists.len() > MOST_SPECIALISTS {
            return Err(Problem::parameter("specialist_id", "too_many"));
        }
        // Named twice is named once; the order is kept, because the first names the zone of `all`.
        let mut seen = Vec::new();
        specialists.retain(|id| {
            !seen.contains(id) && {
                seen.push(*id);
                true
            }
        });
        let mode = match parameters.one::<String>("mode")?.as_deref() {
            None | Some("any") => Mode::Any,
            Some("all") => Mode::All,
            Some(_) => return Err(Problem::parameter("mode", "unknown_word")),
        };
        let from = parameters.required::<Instant>("from")?.into();
        let to = parameters.required::<Instant>("to")?.into();
        let query = engine::Query::new(from, to).map_err(|error| match error {
            EngineError::QueryTooLong { .. } => Problem::parameter("to", "too_long"),
            _ => Problem::parameter("to", "before_from"),
        })?;
        let range = Window { starts_at: from, ends_at: to };
        Ok(Self(AvailabilityQuery { appointment_type, specialists, mode, query, range }))
    }

    fn describe(sketch: &mut Sketch) {
        sketch.query_required("appointment_type_id", schema::uuid());
        sketch.query("specialist_id", schema::list(schema::uuid()));
        sketch.query("mode", schema::words(["any", "all"]));
        sketch.query_required("from", schema::instant());
        sketch.query_required("to", schema::instant());
    }
}

/// `?kind=&patient_id=` of the files.
#[derive(Debug)]
pub(crate) struct FilesQuery(pub(crate) FileFilter);

impl Input for FilesQuery {
    fn parse(request: &Parts<'_>) -> Result<Self, Problem> {
        let parameters = Parameters::of(request)?;
        let (kind, patient) = (parameters.one("kind")?, parameters.one("patient_id")?);
        Ok(Self(FileFilter { kind, patient }))
    }

    fn describe(sketch: &mut Sketch) {
        sketch.query("kind", schema::words(FileKind::ALL.iter().map(|kind| kind.as_str())));
        sketch.query("patient_id", schema::uuid());
    }
}

/// `?patient_id=&status=&limit=&cursor=` of the programmes.
#[derive(Debug)]
pub struct ProgramsQuery(pub ProgramFilter, pub PageRequest);

impl Input for ProgramsQuery {
    fn parse(request: &Parts<'_>) -> Result<Self, Problem> {
        let parameters = Parameters::of(request)?;
        let (patient, status) = (parameters.one("patient_id")?, parameters.one("status")?);
        Ok(Self(ProgramFilter { patient, status }, PageQuery::parse(request)?.0))
    }

    fn describe(sketch: &mut Sketch) {
        sketch.query("patient_id", schema::uuid());
        sketch.query("status", schema::words(ProgramStatus::ALL.iter().map(|word| word.as_str())));
        PageQuery::describe(sketch);
    }
}

/// `?endpoint_id=&status=&event_type=&from=&to=&limit=&cursor=` of the webhook deliveries.
#[derive(Debug)]
pub struct DeliveriesQuery(pub DeliveryFilter, pub PageRequest);

impl Input for DeliveriesQuery {
    fn parse(request: &Parts<'_>) -> Result<Self, Problem> {
        let parameters = Parameters::of(request)?;
        let filter = DeliveryFilter {
            endpoint: parameters.one("endpoint_id")?,
            status: parameters.one("status")?,
            kind: parameters.one("event_type")?,
            since: parameters.one::<Instant>("from")?.map(Into::into),
            before: parameters.one::<Instant>("to")?.map(Into::into),
        };
        Ok(Self(filter, PageQuery::parse(request)?.0))
    }

    fn describe(sketch: &mut Sketch) {
        sketch.query("endpoint_id", schema::uuid());
        sketch.query("status", schema::words(DeliveryStatus::ALL.iter().map(|word| word.as_str())));
        sketch.query("event_type", schema::words(EventType::ALL.iter().map(|kind| kind.as_str())));
        sketch.query("from", schema::instant());
        sketch.query("to", schema::instant());
        PageQuery::describe(sketch);
    }
}

/// `?after_seq=&limit=` of the webhook events.
#[derive(Debug)]
pub struct FeedQuery {
    /// After this place; 0: from the start.
    pub after: i64,
    /// Events at most.
    pub limit: Limit,
}

impl Input for FeedQuery {
    fn parse(request: &Parts<'_>) -> Result<Self, Problem> {
        let after = Parameters::of(request)?.one::<i64>("after_seq")?.unwrap_or(0);
        if after < 0 {
            return Err(Problem::parameter("after_seq", "out_of_range"));
        }
        Ok(Self { after, limit: PageQuery::parse(request)?.0.limit })
    }

    fn describe(sketch: &mut Sketch) {
        sketch.query("after_seq", schema::integer(0, i64::MAX));
        sketch.query("limit", schema::integer(1, i64::from(Limit::MAX)));
    }
}
