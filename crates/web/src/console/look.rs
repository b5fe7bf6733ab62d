//! The aggregates: adherence, outcomes, activity, programmes.

use maud::{Markup, html};
use restartix_http_api::wire::insight::{Field, InsightTable};
use restartix_http_api::{
    AuditClass, Declared, Document, GroupBy, InsightQuery, Member, Problem, Roles, Route, Verb,
    insights,
};
use restartix_telemetry::ResourceKind;
use restartix_tenancy::{RateClass, Reach, Tenant};

use super::chart::{Chart, Series};
use super::frame::{Csrf, definition, figure, guarded, navigation, page, table};
use super::session::away;

pub(super) fn routes() -> Vec<Route> {
    let look = |operation, path, summary| Declared {
        operation,
        method: Verb::Get,
        path,
        summary,
        audit: AuditClass::Read(ResourceKind::Insight),
        rate: RateClass::Read,
    };
    let door = look("console.door", "/console", "The console's first page.");
    let adherent = look("console.adherence", "/console/adherence", "Adherence as a page.");
    let outcome = look("console.outcomes", "/console/outcomes", "Outcomes as a page.");
    let active = look("console.activity", "/console/activity", "Activity as a page.");
    let programmes = look("console.programs", "/console/programs", "Completion as a page.");
    vec![
        Route::page(door, Roles::EVERYBODY, first),
        Route::page(adherent, Roles::STAFF, adherence),
        Route::page(outcome, Roles::STAFF, outcomes),
        Route::page(active, Roles::STAFF, activity),
        Route::page(programmes, Roles::STAFF, programs),
    ]
}

async fn first(member: Member<'_>, (): ()) -> Result<Document, Problem> {
    Ok(away(match member.tenant.reach() {
        Reach::Own(_) => "/console/progress",
        Reach::TreatedBy(_) | Reach::Organisation => "/console/adherence",
    }))
}

/// The choice of period and group; the groups that the caller may choose.
fn choice(path: &str, of: &InsightTable, groups: &[(GroupBy, &str)]) -> Markup {
    let (from, to) = (of.weeks.first().monday(), of.weeks.last().sunday());
    html! {
        form method="get" action=(path) class="choice" {
            div { label for="from" { "From" } input id="from" name="from" type="date" value=(from); }
            div { label for="to" { "To" } input id="to" name="to" type="date" value=(to); }
            @if groups.len() > 1 {
                div {
                    label for="group_by" { "Group" }
                    select id="group_by" name="group_by" {
                        @for (group, name) in groups {
                            option value=(group.as_str()) selected[group.as_str() == of.group_by] { (name) }
                        }
                    }
                }
            }
            button type="submit" { "Show" }
        }
        p class="period" { "Whole weeks, " (from) " to " (to) ". A week is told of when it is over." }
    }
}

/// By whom an aggregate may be divided.
fn groups(tenant: &Tenant) -> &'static [(GroupBy, &'static str)] {
    match tenant.reach() {
        Reach::Organisation => {
            &[(GroupBy::Everybody, "All patients"), (GroupBy::Specialist, "By specialist")]
        }
        Reach::TreatedBy(_) | Reach::Own(_) => &[(GroupBy::Everybody, "All my patients")],
    }
}

fn shown(member: &Member<'_>, csrf: &Csrf, path: &str, title: &str, body: &Markup) -> Document {
    guarded(page(title, &navigation(member.tenant, path, csrf), body))
}

fn bands() -> Vec<Series> {
    vec![
        Series { column: "high", colour: 0 },
        Series { column: "middle", colour: 1 },
        Series { column: "low", colour: 2 },
    ]
}

async fn adherence(
    member: Member<'_>,
    (query, csrf): (InsightQuery, Csrf),
) -> Result<Document, Problem> {
    let path = "/console/adherence";
    let of = insights::adherence(member.api, member.tenant, &query).await?;
    let body = html! {
        (choice(path, &of, groups(member.tenant)))
        @if query.group_by == GroupBy::Everybody {
            (figure(&of, &Chart { title: "Patients by adherence, week by week", label: "week", series: bands(), of_one: false }))
            section {
                h2 { "Mean session adherence" }
                (super::chart::draw(&of, &Chart {
                    title: "Mean session adherence", label: "week",
                    series: vec![Series { column: "session_adherence", colour: 3 }], of_one: true,
                }))
                p { "The numbers stand in the table above." }
            }
        } @else {
            (table(&of, "Adherence by group, week by week", true))
        }
        (definition(&of))
    };
    Ok(Document { patients: of.patients, ..shown(&member, &csrf, path, "Adherence", &body) })
}

async fn outcomes(
    member: Member<'_>,
    (query, csrf): (InsightQuery, Csrf),
) -> Result<Document, Problem> {
    let path = "/console/outcomes";
    let of = insights::outcomes(member.api, member.tenant, &query).await?;
    let place = of.columns.iter().position(|column| column.name == "instrument");
    let instrument = |row: &Vec<Field>| place.and_then(|place| row.get(place)).map(Field::text);
    let mut instruments: Vec<String> = of.rows.iter().filter_map(instrument).collect();
    instruments.sort();
    instruments.dedup();
    let series = || {
        vec![
            Series { column: "improved", colour: 0 },
            Series { column: "unchanged", colour: 5 },
            Series { column: "worsened", colour: 2 },
        ]
    };
    let title = "Patients by change from their first score, month by month";
    let body = html! {
        (choice(path, &of, &[]))
        @if instruments.is_empty() { (table(&of, title, false)) }
        @for (name, spoken) in instruments.iter().map(|name| (name, name.replace('_', " "))) {
            section {
                h2 { (spoken) }
                (figure(
                    &InsightTable {
                        rows: of.rows.iter().filter(|row| instrument(row).as_ref() == Some(name)).cloned().collect(),
                        ..of.clone()
                    },
                    &Chart { title: &format!("{title}: {spoken}"), label: "month", series: series(), of_one: false },
                ))
            }
        }
        (definition(&of))
    };
    Ok(shown(&member, &csrf, path, "Outcomes", &body))
}

async fn activity(
    member: Member<'_>,
    (query, csrf): (InsightQuery, Csrf),
) -> Result<Document, Problem> {
    let path = "/console/activity";
    let of = insights::activity(member.api, member.tenant, &query).await?;
    let bar = |column, colour| vec![Series { column, colour }];
    let states = vec![
        Series { column: "completed", colour: 0 },
        Series { column: "confirmed", colour: 3 },
        Series { column: "in_progress", colour: 4 },
        Series { column: "cancelled", colour: 5 },
        Series { column: "no_show", colour: 2 },
    ];
    let body = html! {
        (choice(path, &of, &[]))
        (figure(&of, &Chart { title: "Appointments by where they stand, week by week", label: "week", series: states, of_one: false }))
        @for (heading, column, colour, of_one) in [
            ("No-show rate", "no_show_rate", 2, true),
            ("Minutes in video rooms", "video_minutes", 4, false),
            ("Exercises done", "exercises_completed", 3, false),
        ] {
            section {
                h2 { (heading) }
                (super::chart::draw(&of, &Chart { title: heading, label: "week", series: bar(column, colour), of_one }))
                p { "The numbers stand in the table above." }
            }
        }
        (definition(&of))
    };
    Ok(shown(&member, &csrf, path, "Activity", &body))
}

async fn programs(
    member: Member<'_>,
    (query, csrf): (InsightQuery, Csrf),
) -> Result<Document, Problem> {
    let path = "/console/programs";
    let everybody = InsightQuery { group_by: GroupBy::Everybody, patient: None, ..query };
    let of = insights::completion(member.api, member.tenant, &everybody).await?;
    let each = match member.tenant.reach() {
        Reach::TreatedBy(_) => {
            let query = InsightQuery { group_by: GroupBy::Patient, ..everybody };
            Some(insights::completion(member.api, member.tenant, &query).await?)
        }
        Reach::Organisation | Reach::Own(_) => None,
    };
    let body = html! {
        (figure(&of, &Chart { title: "Programmes by how far they were followed", label: "status", series: bands(), of_one: false }))
        @if let Some(each) = &each {
            section { h2 { "Each programme" } (table(each, "Each programme of those whom you treat", true)) }
        }
        (definition(&of))
    };
    let patients = each.map(|each| each.patients).unwrap_or_default();
    Ok(Document { patients, ..shown(&member, &csrf, path, "Programmes", &body) })
}
