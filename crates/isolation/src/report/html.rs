use std::fmt::Write as _;

use super::{Report, replaced};
use crate::{Item, Verdict};

const STYLE: &str = "body{font:11pt/1.4 system-ui,sans-serif;max-width:60rem;margin:2rem auto;color:#111}
h1{font-size:1.6rem}h2{font-size:1.05rem;margin:1.6rem 0 .3rem;break-after:avoid}
table{border-collapse:collapse;width:100%}td,th{border:1px solid #bbb;padding:.25rem .5rem;text-align:left;vertical-align:top}
tr{break-inside:avoid}.GREEN{background:#dff2df}.RED{background:#f8d0d0;font-weight:bold}.OPEN,.ATTESTED,.REPLACED{background:#fdf1cf}
small{color:#444}@page{margin:18mm}@media print{body{margin:0;max-width:none}}";

/// The report for people who print it: one file that loads nothing.
pub fn html(report: &Report) -> String {
    let circumstances = &report.circumstances;
    let mut text = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Isolation of organisations</title>\n<style>{STYLE}</style></head><body>\n<h1>Isolation of organisations</h1>\n<table>"
    );
    // Writing to a string does not fail.
    for (name, value) in [
        ("target", circumstances.target.clone()),
        ("at", circumstances.at.clone()),
        ("took", format!("{} ms", circumstances.took_ms)),
        ("commit", circumstances.commit.clone()),
        ("database", circumstances.database.clone()),
        (
            "probes",
            format!(
                "{} of {} GREEN",
                report.outcomes.iter().filter(|outcome| outcome.verdict == Verdict::Green).count(),
                report.outcomes.len()
            ),
        ),
    ] {
        let _ = writeln!(text, "<tr><th>{name}</th><td>{}</td></tr>", escaped(&value));
    }
    text.push_str("</table>\n<h2>Checklist</h2>\n<table><tr><th>item</th><th>result</th></tr>\n");
    for item in Item::ALL {
        let verdict = report.verdict(item);
        let _ = writeln!(
            text,
            "<tr><td>{}</td><td class=\"{verdict}\">{verdict}</td></tr>",
            escaped(item.wording())
        );
    }
    text.push_str("</table>\n");
    for item in Item::ALL {
        evidence(&mut text, report, item);
    }
    text.push_str("</body></html>\n");
    text
}

fn evidence(text: &mut String, report: &Report, item: Item) {
    let (outcomes, attested) = report.of(item);
    if outcomes.is_empty() && attested.is_empty() {
        return;
    }
    let _ = writeln!(
        text,
        "<h2>{}</h2>\n<table><tr><th>probe</th><th>result</th><th>evidence</th></tr>",
        escaped(item.wording())
    );
    for outcome in outcomes {
        let verdict = outcome.verdict.word();
        let _ = write!(
            text,
            "<tr><td>{}<br><small>{} ms</small></td><td class=\"{verdict}\">{verdict}</td><td>{}",
            outcome.about.id,
            outcome.took.as_millis(),
            escaped(outcome.about.title)
        );
        if let Some(by) = replaced(outcome) {
            let _ = write!(text, "<br><b>{}</b>", escaped(&by));
        }
        if let Verdict::Red(findings) = &outcome.verdict {
            for finding in findings {
                let _ = write!(
                    text,
                    "<br><b>{}</b>: {}",
                    escaped(&finding.subject),
                    escaped(&finding.fault)
                );
            }
            let _ = write!(text, "<br>Mend: {}", escaped(outcome.about.mend));
        }
        let _ = writeln!(
            text,
            "<br><small>{} examined: {}</small></td></tr>",
            outcome.subjects.len(),
            escaped(&outcome.subjects.join(", "))
        );
    }
    for attestation in attested {
        let verdict = attestation.word();
        let _ = writeln!(
            text,
            "<tr><td>{}</td><td class=\"{verdict}\">{verdict}</td><td>{}</td></tr>",
            attestation.about.id,
            escaped(&attestation.line())
        );
    }
    text.push_str("</table>\n");
}

/// Text that stays text in HTML and XML.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}
