//! What every page of the console has around it.

use maud::{DOCTYPE, Markup, html};
use restartix_http_api::wire::insight::{Field, InsightTable};
use restartix_http_api::{Document, Input, Parts, Problem, Sketch, header};
use restartix_tenancy::{Reach, Tenant};

use super::chart::{self, Chart};

/// The cookie that says that a form is one of ours.
pub(super) const CSRF_COOKIE: &str = "console_csrf";

/// What a page's forms say of themselves, where the browser has it.
pub(super) struct Csrf(pub(super) Option<String>);

impl Input for Csrf {
    fn parse(request: &Parts<'_>) -> Result<Self, Problem> {
        let value = request.cookie(CSRF_COOKIE);
        Ok(Self(value.filter(|value| value.len() == 36)))
    }

    fn describe(_: &mut Sketch) {}
}

/// A page as a document that may load the console's style sheet and send its forms, and nothing else.
pub(super) fn guarded(page: Markup) -> Document {
    Document::new("text/html; charset=utf-8", page.into_string())
        .with(
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; \
             frame-ancestors 'none'",
        )
        .with(header::CACHE_CONTROL, "no-store")
}

/// The whole page.
pub(super) fn page(title: &str, navigation: &Markup, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="robots" content="noindex";
                title { (title) " · RestartiX" }
                link rel="stylesheet" href="/assets/console.css";
            }
            body {
                a class="skip" href="#content" { "Skip to the content" }
                (navigation)
                main id="content" {
                    h1 { (title) }
                    (body)
                }
            }
        }
    }
}

/// The pages that the caller may see, and the way out.
pub(super) fn navigation(tenant: &Tenant, here: &str, csrf: &Csrf) -> Markup {
    let pages: &[(&str, &str)] = match tenant.reach() {
        Reach::Own(_) => &[("/console/progress", "My progress")],
        Reach::TreatedBy(_) | Reach::Organisation => &[
            ("/console/adherence", "Adherence"),
            ("/console/outcomes", "Outcomes"),
            ("/console/activity", "Activity"),
            ("/console/programs", "Programmes"),
            ("/console/patients", "Patients"),
        ],
    };
    html! {
        header {
            nav aria-label="Console" {
                ul {
                    @for (path, name) in pages {
                        li { a href=(path) aria-current=[(*path == here).then_some("page")] { (name) } }
                    }
                }
            }
            @if let Csrf(Some(csrf)) = csrf {
                form method="post" action="/console/sign-out" {
                    input type="hidden" name="csrf" value=(csrf);
                    button type="submit" class="quiet" { "Sign out" }
                }
            }
        }
    }
}

/// The table of an insight.
pub(super) fn table(table: &InsightTable, caption: &str, links: bool) -> Markup {
    html! {
        div class="scroll" role="region" aria-label=(caption) tabindex="0" {
            table {
                caption { (caption) }
                thead {
                    tr { @for column in &table.columns { th scope="col" { (column.title) } } }
                }
                tbody {
                    @for row in &table.rows {
                        tr {
                            @for (column, field) in table.columns.iter().zip(row) {
                                (cell(column.name, field, links))
                            }
                        }
                    }
                }
            }
            @if table.rows.is_empty() { p { "There is nothing to tell for this period." } }
        }
    }
}

fn cell(column: &str, field: &Field, links: bool) -> Markup {
    html! {
        @match field {
            Field::Suppressed => { td class="suppressed" { "suppressed" } }
            Field::NotApplicable => {
                td { span aria-hidden="true" { "–" } span class="heard" { "not applicable" } }
            }
            Field::Text(id) if links && column == "patient_id" => {
                td class="id" { a href={ "/console/patients/" (id) } { (id) } }
            }
            Field::Text(text) if column.ends_with("_id") => { td class="id" { (text) } }
            Field::Text(text) => { td { (text) } }
            number => { td class="number" { (number.text()) } }
        }
    }
}

/// A chart and the table that says the same.
pub(super) fn figure(of: &InsightTable, chart: &Chart<'_>) -> Markup {
    html! {
        figure {
            figcaption { (chart.title) }
            (chart::draw(of, chart))
            (table(of, chart.title, true))
        }
    }
}

/// What the numbers mean.
pub(super) fn definition(table: &InsightTable) -> Markup {
    html! {
        p class="definition" {
            "Definition, version " (restartix_telemetry::insights::DEFINITION) ": " (table.definition)
            @if let Some(smallest) = table.smallest_cell {
                " Numbers about fewer than " (smallest) " patients are suppressed, and others with \
                  which they could be worked out."
            }
        }
    }
}
