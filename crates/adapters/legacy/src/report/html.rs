use maud::{DOCTYPE, Markup, html};

use super::Report;

const STYLE: &str = "body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem;color:#1b1f24}\
table{border-collapse:collapse;margin:.5rem 0 1.5rem;width:100%}th,td{border-bottom:1px solid #d8dee4;padding:.3rem .6rem;text-align:left;vertical-align:top}\
th{background:#f3f5f7}td.n{text-align:right;font-variant-numeric:tabular-nums}.good{color:#116329}.bad{color:#a40e26}";

fn table(title: &str, head: &[&str], rows: &[Vec<String>]) -> Markup {
    html! {
        @if !rows.is_empty() {
            h2 { (title) }
            table {
                tr { @for name in head { th scope="col" { (name) } } }
                @for row in rows { tr { @for cell in row { td { (cell) } } } }
            }
        }
    }
}

/// Everything that is told is escaped; nothing is loaded and nothing runs.
pub(super) fn page(report: &Report) -> String {
    let entities: Vec<_> = report
        .entities
        .iter()
        .map(|one| {
            vec![
                format!("{}.{}", one.source, one.entity),
                one.read.to_string(),
                one.loaded.to_string(),
                one.quarantined.to_string(),
                one.left_out.to_string(),
            ]
        })
        .collect();
    let findings = |verdict: &str| -> Vec<Vec<String>> {
        let found = report.findings.iter().filter(|one| one.verdict == verdict);
        found
            .map(|one| {
                vec![
                    format!("{}.{}", one.source, one.entity),
                    one.reason.clone(),
                    one.count.to_string(),
                    one.examples.join(", "),
                ]
            })
            .collect()
    };
    let compared: Vec<_> = report
        .compared
        .iter()
        .map(|one| {
            let same = if one.same { "same" } else { "DIFFERENT" };
            vec![
                one.organisation.to_string(),
                one.table.to_owned(),
                one.rows.to_string(),
                same.to_owned(),
            ]
        })
        .collect();
    let differences: Vec<_> = report
        .differences
        .iter()
        .map(|one| {
            vec![
                one.organisation.to_string(),
                one.table.to_owned(),
                one.side.to_owned(),
                one.row.clone(),
            ]
        })
        .collect();
    let isolation: Vec<_> = report
        .isolation
        .iter()
        .map(|one| {
            vec![one.looked_at.clone(), if one.holds { "holds" } else { "BROKEN" }.to_owned()]
        })
        .collect();
    let acts: Vec<_> = report
        .since_flip
        .iter()
        .map(|one| vec![one.organisation.to_string(), one.operation.clone(), one.count.to_string()])
        .collect();
    let which = &["rows", "reason", "count", "which"];
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                title { "Migration: " (report.phase) }
                style { (maud::PreEscaped(STYLE)) }
            }
            body {
                h1 { "Migration: " (report.phase) }
                @if report.safe { p.good { strong { "Safe to cut over" } } }
                @else { p.bad { strong { "Not safe to cut over" } } }
                @if !report.obstacles.is_empty() { ul { @for one in &report.obstacles { li { (one) } } } }
                @if let Some(seconds) = report.frozen_seconds {
                    p { "The sources were frozen for " (format!("{seconds:.1}")) " s until the flip." }
                }
                (table("Rows", &["rows", "read", "loaded", "quarantined", "left out"], &entities))
                (table("Quarantined: not loaded", which, &findings("quarantined")))
                (table("Flagged: loaded, and worth a look", which, &findings("flagged")))
                (table("Left out by a rule", which, &findings("left_out")))
                (table("Compared", &["clinic", "table", "rows", "count and checksum"], &compared))
                (table("Differences (some of each kind)", &["clinic", "table", "side", "row"], &differences))
                (table("Isolation", &["looked at", ""], &isolation))
                (table("Done in the platform since the flip", &["clinic", "operation", "count"], &acts))
            }
        }
    };
    page.into_string()
}
