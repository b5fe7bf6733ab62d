//! What leaves the platform: names of rooms, answers to clients, payloads of webhooks.

use anyhow::{Context, Result, bail, ensure};
use async_trait::async_trait;
use serde::Deserialize;
use serde_json::Value;

use super::api_of;
use super::client::{Answer, Request, send};
use super::scene::{Api, ROLES, Scene, announcement};
use crate::catalogue::Statement;
use crate::mutant::Mutant;
use crate::settled::settled;
use crate::target::rows;
use crate::{About, Item, Mutation, Probe, Subject, Target};

#[derive(Clone, Copy)]
enum Look {
    Rooms,
    Answers,
    Payloads,
    Uploads,
}

struct Told {
    about: About,
    look: Look,
    faults: Vec<Box<dyn Mutation>>,
}

#[async_trait]
impl Probe for Told {
    fn about(&self) -> &About {
        &self.about
    }

    async fn examine(&self, target: &Target) -> Result<Vec<Subject>> {
        let api = api_of(target)?;
        if matches!(self.look, Look::Uploads) {
            return tokio::task::spawn_blocking(move || uploads(&api)).await?;
        }
        if matches!(self.look, Look::Payloads) && is_told(target).await? {
            return payloads(target).await;
        }
        let (appointment, rooms) = booked(target, &api).await?;
        let (known, asking) = (rooms.clone(), api.clone());
        let subjects = match self.look {
            Look::Answers => tokio::task::spawn_blocking(move || answers(&asking, &known)).await?,
            Look::Payloads => payloads(target).await,
            Look::Rooms | Look::Uploads => Ok(rooms.iter().map(named).collect()),
        };
        let undone = tokio::task::spawn_blocking(move || undo(&api, appointment)).await?;
        undone.and(subjects)
    }

    /// Names that the provider gives have no prefix: whose a room is, the database knows.
    fn replaced(&self, examined: &[Subject]) -> Option<&'static str> {
        let mapped = |subject: &Subject| subject.name.ends_with(MAPPED);
        examined.iter().any(mapped).then_some("stored mapping")
    }

    fn needs_api(&self) -> bool {
        true
    }

    fn writes(&self) -> bool {
        true
    }

    fn mutations(&self) -> Vec<&dyn Mutation> {
        self.faults.iter().map(|fault| &**fault).collect()
    }
}

/// A room as the database has it.
#[derive(Clone, Debug, Deserialize)]
struct Room {
    organization: i64,
    appointment: i64,
    name: String,
    /// Whether the provider chose its name.
    assigned: bool,
    /// Whether another organisation has a room of that name.
    shared: bool,
    /// Its appointment is still to come: one may ask for a token.
    live: bool,
}

const ROOMS: &str = "SELECT coalesce(json_agg(json_build_object('organization', r.org_id,
  'appointment', r.appointment_id, 'name', r.name, 'assigned', r.naming = 'provider_assigned',
  'shared', EXISTS (SELECT FROM video_rooms o WHERE o.name = r.name AND o.org_id <> r.org_id), 'live', a.status = 'confirmed') ORDER BY r.opens_at), '[]')::text
  FROM video_rooms r JOIN appointments a ON a.org_id = r.org_id AND a.id = r.appointment_id";

/// An appointment that was booked now, and every room, its own among them, when it has been told.
async fn booked(target: &Target, api: &Api) -> Result<(i64, Vec<Room>)> {
    let booking = api.clone();
    let booked = move || Scene::new(&booking, 0).one("appointments");
    let id = tokio::task::spawn_blocking(booked).await??.context("an appointment")?;
    let id: i64 = id.parse()?;
    // Behind all that was booked before it, at the rate that Daily allows.
    for _ in 0..300 {
        let found: Vec<Room> = target.document(ROOMS).await?;
        if found.iter().any(|room| room.appointment == id) {
            settled(target).await?;
            return Ok((id, found));
        }
        // The database is the clock: it is what is waited for.
        target.catalogue().batch_execute("SELECT pg_sleep(0.2)").await?;
    }
    bail!("no room was made for an appointment")
}

/// Whether there is an event to look at.
async fn is_told(target: &Target) -> Result<bool> {
    target.document("SELECT EXISTS (SELECT FROM public.webhook_events)::text").await
}

/// Calls the appointment off: its room goes with it.
fn undo(api: &Api, appointment: i64) -> Result<()> {
    let [clinic, _] = &api.clinics;
    let request = Request {
        method: "POST".into(),
        path: format!("/v1/appointments/{appointment}/cancel"),
        body: Some(serde_json::json!({ "reason_code": "other" })),
        ..Request::default()
    };
    let answer = send(&api.url, Some(clinic.token("admin")?), &request)?;
    ensure!(answer.status == 200, "POST {}: {}", request.path, answer.text);
    Ok(())
}

/// What a room is called whose name is the provider's.
const MAPPED: &str = " (named by the provider)";

/// A name that we chose begins with its organisation. One that the provider chose tells nothing, and is
/// one organisation's alone: by what is kept, and by nothing else, it leads to whose it is.
fn named(room: &Room) -> Subject {
    let begins = format!("restartix-{}-", room.organization);
    let fault = if room.shared {
        Some("another organisation has a room of that name".to_owned())
    } else if room.assigned {
        room.name.starts_with("restartix-").then(|| "was not named by the provider".to_owned())
    } else {
        (!room.name.starts_with(&begins)).then(|| format!("does not begin with {begins}"))
    };
    let by = if room.assigned { MAPPED } else { "" };
    Subject { name: format!("the room of appointment {}{by}", room.appointment), fault }
}

/// A client is answered a token, never the room's name: in no body and in no header of whatever tells of
/// the appointment. The answer of the join step and a token's own claims are the two exceptions.
fn answers(api: &Api, rooms: &[Room]) -> Result<Vec<Subject>> {
    let [clinic, _] = &api.clinics;
    let mut subjects = Vec::new();
    let of_clinic = |room: &&Room| room.live && room.organization == clinic.organization_id;
    for room in rooms.iter().filter(of_clinic).take(3) {
        let own = format!("/v1/appointments/{}", room.appointment);
        for (method, path, roles) in [
            ("POST", format!("{own}/video-token"), &["patient", "specialist"][..]),
            ("GET", own.clone(), &ROLES),
            ("GET", format!("{own}.ics"), &ROLES),
            ("GET", format!("{own}/recordings"), &ROLES),
            ("GET", "/v1/appointments?limit=100".to_owned(), &ROLES),
            ("GET", "/v1/audit-events?limit=100".to_owned(), &["admin"]),
            ("GET", "/v1/webhook-events?after_seq=0&limit=100".to_owned(), &["admin"]),
            ("GET", "/v1/webhook-deliveries?limit=100".to_owned(), &["admin"]),
        ] {
            for role in roles {
                let request =
                    Request { method: method.into(), path: path.clone(), ..Request::default() };
                let answer = send(&api.url, Some(clinic.token(role)?), &request)?;
                ensure!(answer.status == 200, "{method} {path} as {role}: {}", answer.text);
                let name = format!("{method} {path} as {role}");
                subjects.push(Subject { name, fault: names(&answer, room) });
                if let Some(link) = answer.body.get("join_url").and_then(Value::as_str) {
                    subjects.push(page(api, link, room)?);
                }
            }
        }
    }
    Ok(subjects)
}

/// The page behind a link, as a browser without a token sees it.
fn page(api: &Api, link: &str, room: &Room) -> Result<Subject> {
    let (_, code) = link.split_once("/join/").context("a link leads to a page of ours")?;
    let path = format!("/join/{code}");
    let request = Request { method: "GET".into(), path, ..Request::default() };
    let answer = send(&api.url, None, &request)?;
    ensure!(answer.status == 200, "the join page: {}", answer.status);
    let name = format!("the join page of appointment {}", room.appointment);
    Ok(Subject { name, fault: names(&answer, room) })
}

fn names(answer: &Answer, room: &Room) -> Option<String> {
    let header = answer.headers.iter().find(|(_, value)| value.contains(&room.name));
    if let Some((name, _)) = header {
        return Some(format!("the header {name} names the room"));
    }
    answer.text.contains(&room.name).then(|| "names the room".to_owned())
}

/// A file's bytes are put into the folder of its own organisation.
fn uploads(api: &Api) -> Result<Vec<Subject>> {
    let mut subjects = Vec::new();
    for clinic in &api.clinics {
        for role in ROLES {
            let request = Request {
                method: "POST".into(),
                path: "/v1/files".into(),
                body: Some(announcement()),
                ..Request::default()
            };
            let answer = send(&api.url, Some(clinic.token(role)?), &request)?;
            ensure!(answer.status == 201, "POST /v1/files as {role}: {}", answer.text);
            let url = answer.body.pointer("/upload/url").and_then(Value::as_str);
            let path = url.and_then(|url| url.split('?').next()).unwrap_or_default();
            let folder = format!("/{}/documents/", clinic.organization_id);
            let fault = (!path.contains(&folder)).then(|| format!("is not put below {folder}"));
            let name = format!("a file of a {role} of organisation {}", clinic.organization_id);
            subjects.push(Subject { name, fault });
        }
    }
    Ok(subjects)
}

#[derive(Deserialize)]
struct Column {
    table: String,
    column: String,
}

/// No event holds what stands in a column of personal data.
async fn payloads(target: &Target) -> Result<Vec<Subject>> {
    let columns: Vec<Column> = target
        .document(
            "SELECT coalesce(json_agg(json_build_object('table', c.relname, 'column', a.attname)), '[]')::text
             FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
             WHERE c.relnamespace = 'public'::regnamespace AND col_description(c.oid, a.attnum) = 'pii'",
        )
        .await?;
    let mut subjects = Vec::new();
    for Column { table, column } in columns {
        let query = format!(
            "WITH told AS (SELECT unnest(bodies) AS text FROM webhook_events UNION ALL SELECT unnest(data) FROM webhook_outbox)
             SELECT (SELECT count(*) FROM told), (SELECT count(*) FROM told e
               WHERE EXISTS (SELECT FROM public.\"{table}\" t WHERE length(t.\"{column}\"::text) > 2
                 AND position(lower(t.\"{column}\"::text) in lower(e.text)) > 0))"
        );
        let counted = rows(target.catalogue().simple_query(&query).await?);
        let Some([Some(all), Some(found)]) = counted.first().map(Vec::as_slice) else {
            bail!("no count of events")
        };
        ensure!(all != "0", "there is no event to look at");
        let fault = (found != "0").then(|| format!("{found} of {all} events hold one"));
        subjects.push(Subject { name: format!("{table}.{column}"), fault });
    }
    Ok(subjects)
}

/// The probes.
pub(super) fn probes() -> Vec<Box<dyn Probe>> {
    let probe = |id, item, title, mend, look, faults| -> Box<dyn Probe> {
        Box::new(Told { about: About { id, item, title, mend }, look, faults })
    };
    vec![
        probe(
            "VID-01",
            Item::RoomNames,
            "every room's name begins with restartix- and its organisation's number",
            "RoomName alone makes names (crates/domain/video/src/room.rs)",
            Look::Rooms,
            vec![Mutant::mended(
                "a room's name without its organisation",
                "video.room_without_organisation",
                "UPDATE public.video_rooms SET name = 'restartix-' || org_id || '-' || appointment_id
                 WHERE name = 'restartix-' || appointment_id",
            )],
        ),
        probe(
            "VID-02",
            Item::MeetingTokens,
            "clients are answered tokens and pages, never a room's name",
            "answer what crates/http-api/src/wire says of a token: nothing of the room",
            Look::Answers,
            vec![Mutant::boxed(
                "a handler that answers the room's name",
                "http-api.room_in_the_answer",
            )],
        ),
        probe(
            "S3-02",
            Item::KeyPrefix,
            "what a client is told to upload goes into its own organisation's folder",
            "sign what OrgScopedKey says, whole (crates/adapters/s3/src/presign.rs)",
            Look::Uploads,
            vec![Mutant::boxed("a client that signs keys without their prefix", "s3.key_without_prefix")],
        ),
        probe(
            "PAY-01",
            Item::Payloads,
            "no webhook event holds what stands in a column of personal data",
            "events are made of closed words (crates/domain/webhooks): take the text out",
            Look::Payloads,
            vec![Box::new(Statement {
                name: "a payload with a name",
                sql: "UPDATE public.webhook_events SET bodies = array_fill(json_build_object('patient',
                        (SELECT display_name FROM public.people ORDER BY length(display_name) DESC LIMIT 1))::text,
                        ARRAY[cardinality(bodies)])",
            })],
        ),
    ]
}

#[cfg(test)]
mod tests {
    use anyhow::Result;
    use restartix_kernel::ExposeSecret;
    use restartix_testkit::{TestDatabase, sql};

    use super::*;

    /// Rooms of two clinics, read as the probe reads them, and what it says of them.
    async fn told(
        rooms: &[(i64, i64, &str, &str)],
    ) -> Result<(Vec<Subject>, Option<&'static str>)> {
        let database = TestDatabase::create().await?;
        // What an appointment is besides is no matter here.
        let mut statements = "SET session_replication_role = replica;
            INSERT INTO organizations (id, name, timezone) VALUES (1, 'One', 'UTC'), (2, 'Two', 'UTC');"
            .to_owned();
        for (organisation, appointment, name, naming) in rooms {
            statements += &format!(
                "INSERT INTO appointments (org_id, id, session_id, appointment_type_id, specialist_id, patient_id,
                   starts_at, ends_at, online, recording_consent, status, version)
                 VALUES ({organisation}, {appointment}, gen_random_uuid(), gen_random_uuid(), gen_random_uuid(),
                   gen_random_uuid(), now(), now() + interval '1 hour', true, false, 'confirmed', 1);
                 INSERT INTO video_rooms (org_id, appointment_id, name, naming, recorded, url, opens_at, closes_at)
                 VALUES ({organisation}, {appointment}, '{name}', '{naming}', false, 'https://x.example/r', now(),
                   now() + interval '1 hour');"
            );
        }
        sql(&database, &statements).await?;
        let target = Target::connect(database.url("postgres").expose_secret()).await?;
        let found: Vec<Room> = target.document(ROOMS).await?;
        let subjects: Vec<_> = found.iter().map(named).collect();
        let replaced = probes()
            .iter()
            .find(|probe| probe.about().id == "VID-01")
            .context("VID-01")?
            .replaced(&subjects);
        Ok((subjects, replaced))
    }

    fn faults(subjects: &[Subject]) -> Vec<Option<&str>> {
        subjects.iter().map(|subject| subject.fault.as_deref()).collect()
    }

    #[tokio::test]
    async fn names_that_we_chose_begin_with_their_organisation() -> Result<()> {
        let ours = "deterministic";
        let (subjects, replaced) =
            told(&[(1, 102, "restartix-1-102", ours), (2, 103, "restartix-1-103", ours)]).await?;
        let wrong = Some("does not begin with restartix-2-");
        let mut found = faults(&subjects);
        found.sort_unstable();
        assert_eq!((found, replaced), (vec![None, wrong], None));
        Ok(())
    }

    #[tokio::test]
    async fn names_that_the_provider_chose_are_replaced_by_the_stored_mapping() -> Result<()> {
        let theirs = "provider_assigned";
        let (subjects, replaced) =
            told(&[(1, 102, "vpRSxUc8Vk", theirs), (2, 103, "b4Wqo0uY1M", theirs)]).await?;
        assert_eq!((faults(&subjects), replaced), (vec![None, None], Some("stored mapping")));
        let (subjects, _) =
            told(&[(1, 102, "vpRSxUc8Vk", theirs), (2, 103, "vpRSxUc8Vk", theirs)]).await?;
        let shared = Some("another organisation has a room of that name");
        assert_eq!(faults(&subjects), [shared, shared], "a mapping that leads to two clinics");
        let (subjects, _) = told(&[(1, 102, "restartix-1-102", theirs)]).await?;
        assert_eq!(faults(&subjects), [Some("was not named by the provider")]);
        Ok(())
    }
}
