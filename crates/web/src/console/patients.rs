//! Patients one by one.

use std::collections::BTreeSet;

use maud::{Markup, html};
use restartix_http_api::{
    AuditClass, Declared, Document, GroupBy, InsightQuery, Member, PageQuery, PathId, Problem,
    Roles, Route, Verb, insights,
};
use restartix_kernel::PersonId;
use restartix_telemetry::ResourceKind;
use restartix_tenancy::{Person, RateClass, Reach};

use super::chart::{Chart, Series};
use super::frame::{Csrf, definition, figure, guarded, navigation, page, table};

pub(super) fn routes() -> Vec<Route> {
    let look = |operation, path, summary| Declared {
        operation,
        method: Verb::Get,
        path,
        summary,
        audit: AuditClass::Read(ResourceKind::Insight),
        rate: RateClass::Read,
    };
    let list = look("console.patients", "/console/patients", "Whose progress you may see.");
    let one = look("console.patient", "/console/patients/{id}", "A patient's progress as a page.");
    let own = look("console.progress", "/console/progress", "Your own progress as a page.");
    vec![
        Route::page(list, Roles::STAFF, patients),
        Route::page(one, Roles::EVERYBODY, patient),
        Route::page(own, Roles::PATIENTS, progress),
    ]
}

async fn patients(
    member: Member<'_>,
    (query, PageQuery(window), csrf): (InsightQuery, PageQuery, Csrf),
) -> Result<Document, Problem> {
    let path = "/console/patients";
    let mut shown = BTreeSet::new();
    let body = if let Reach::TreatedBy(_) = member.tenant.reach() {
        let query = InsightQuery { group_by: GroupBy::Patient, patient: None, ..query };
        let of = insights::adherence(member.api, member.tenant, &query).await?;
        shown.clone_from(&of.patients);
        html! { (table(&of, "Those whom you treat", true)) (definition(&of)) }
    } else {
        let people = member.api.clinic.people(member.tenant, &window).await?;
        html! {
            p { "Choose somebody. Each time leaves a line in the audit." }
            ul class="people" { @for person in &people.items { (link(person)) } }
            @if let Some(next) = &people.next_cursor {
                p { a href={ (path) "?cursor=" (next.key()) } { "More" } }
            }
        }
    };
    let navigation = navigation(member.tenant, path, &csrf);
    Ok(Document { patients: shown, ..guarded(page("Patients", &navigation, &body)) })
}

fn link(person: &Person) -> Markup {
    let path = format!("/console/patients/{}", person.id);
    html! { li { a href=(path) { (person.display_name.expose()) } } }
}

async fn patient(
    member: Member<'_>,
    (PathId(id), query, csrf): (PathId<PersonId>, InsightQuery, Csrf),
) -> Result<Document, Problem> {
    told(&member, &InsightQuery { patient: Some(id), ..query }, &csrf, "/console/patients").await
}

async fn progress(
    member: Member<'_>,
    (query, csrf): (InsightQuery, Csrf),
) -> Result<Document, Problem> {
    told(&member, &InsightQuery { patient: None, ..query }, &csrf, "/console/progress").await
}

async fn told(
    member: &Member<'_>,
    query: &InsightQuery,
    csrf: &Csrf,
    path: &str,
) -> Result<Document, Problem> {
    let (progress, weeks) = insights::progress(member.api, member.tenant, query).await?;
    let of = insights::progress_table(&progress, weeks);
    let outcomes = insights::own_outcomes(&progress, weeks);
    let programmes = insights::programmes(&progress, weeks);
    let kept = &progress.persistence;
    let share = vec![Series { column: "session_adherence", colour: 3 }];
    let body = html! {
        p class="who" { (progress.patient.display_name.expose()) }
        dl class="facts" {
            div { dt { "Longest gap" } dd { (kept.longest_gap_days) " days" } }
            div {
                dt { "Dropped out" }
                dd {
                    @if let Some(week) = kept.dropped_out { "in " (week) } @else { "no" }
                }
            }
        }
        (figure(&of, &Chart { title: "Session adherence, week by week", label: "week", series: share, of_one: true }))
        section {
            h2 { "Outcomes" }
            (table(&outcomes, "Scores against the first of the programme, month by month", false))
        }
        section { h2 { "Programmes" } (table(&programmes, "Each programme", false)) }
        (definition(&of))
    };
    let navigation = navigation(member.tenant, path, csrf);
    let document = guarded(page("Progress", &navigation, &body));
    Ok(Document { patients: [progress.patient.id].into(), ..document })
}
