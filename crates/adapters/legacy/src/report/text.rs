use std::fmt::Write as _;

use super::Report;

/// A table for a terminal: columns as wide as what is in them.
fn table(out: &mut String, head: &[&str], rows: &[Vec<String>]) {
    let widths: Vec<usize> = head
        .iter()
        .enumerate()
        .map(|(at, title)| {
            let cells = rows.iter().filter_map(|row| row.get(at));
            cells.map(|cell| cell.chars().count()).chain([title.len()]).max().unwrap_or_default()
        })
        .collect();
    let mut line = |cells: &[String]| {
        let padded: Vec<_> =
            cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        // Writing to a text cannot fail.
        let _ = writeln!(out, "  {}", padded.join("  ").trim_end());
    };
    line(&head.iter().map(|title| (*title).to_owned()).collect::<Vec<_>>());
    for row in rows {
        line(row);
    }
}

pub(super) fn terminal(report: &Report) -> String {
    let mut out = String::new();
    let verdict = if report.safe { "SAFE to cut over" } else { "NOT SAFE to cut over" };
    let _ = writeln!(out, "{}: {verdict} ({:.1} s)", report.phase, report.seconds);
    if let Some(seconds) = report.frozen_seconds {
        let _ = writeln!(out, "the sources were frozen for {seconds:.1} s until the flip");
    }
    let _ = writeln!(out);
    let rows: Vec<_> = report
        .entities
        .iter()
        .map(|one| {
            let number = |count: i64| count.to_string();
            vec![
                format!("{}.{}", one.source, one.entity),
                number(one.read),
                number(one.loaded),
                number(one.quarantined),
                number(one.left_out),
            ]
        })
        .collect();
    table(&mut out, &["rows", "read", "loaded", "quarantined", "left out"], &rows);
    for (verdict, title) in [
        ("quarantined", "Quarantined: not loaded"),
        ("flagged", "Flagged: loaded, and worth a look"),
        ("left_out", "Left out by a rule"),
    ] {
        let found = report.findings.iter().filter(|one| one.verdict == verdict);
        let rows: Vec<_> = found
            .map(|one| {
                let more = if one.count > 5 { ", ..." } else { "" };
                let examples = format!("{}{more}", one.examples.join(", "));
                vec![
                    format!("{}.{}", one.source, one.entity),
                    one.reason.clone(),
                    one.count.to_string(),
                    examples,
                ]
            })
            .collect();
        if !rows.is_empty() {
            let _ = writeln!(out, "\n{title}");
            table(&mut out, &["rows", "reason", "count", "which"], &rows);
        }
    }
    if !report.compared.is_empty() {
        let rows: u64 = report.compared.iter().map(|one| one.rows).sum();
        let tables = report.compared.len();
        let differ = report.compared.iter().filter(|one| !one.same).count();
        let _ = writeln!(
            out,
            "\nCompared: {rows} rows in {tables} tables of clinics; {differ} tables differ"
        );
    }
    if let Some(sampled) = &report.sampled {
        let _ = writeln!(
            out,
            "Compared field by field: {} rows from the sources, {} from the platform; {} differ",
            sampled.from_sources,
            sampled.from_platform,
            sampled.faults.len()
        );
        for fault in &sampled.faults {
            let _ = writeln!(out, "  {fault}");
        }
    }
    if !report.isolation.is_empty() {
        let broken: Vec<_> = report.isolation.iter().filter(|one| !one.holds).collect();
        let _ = writeln!(
            out,
            "Isolation: {} looked at, {} broken",
            report.isolation.len(),
            broken.len()
        );
        for one in broken {
            let _ = writeln!(out, "  {}", one.looked_at);
        }
    }
    if !report.differences.is_empty() {
        let rows: Vec<_> = report
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
        let _ = writeln!(out, "\nDifferences (some of each kind)");
        table(&mut out, &["clinic", "table", "side", "row"], &rows);
    }
    if !report.since_flip.is_empty() {
        let rows: Vec<_> = report
            .since_flip
            .iter()
            .map(|one| {
                vec![one.organisation.to_string(), one.operation.clone(), one.count.to_string()]
            })
            .collect();
        let _ =
            writeln!(out, "\nDone in the platform since the flip; the sources know nothing of it");
        table(&mut out, &["clinic", "operation", "count"], &rows);
    }
    if !report.obstacles.is_empty() {
        let _ = writeln!(out, "\nWhat stands against it");
        for obstacle in &report.obstacles {
            let _ = writeln!(out, "  {obstacle}");
        }
    }
    out
}
