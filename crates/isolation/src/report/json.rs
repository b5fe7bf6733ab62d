use serde_json::{Value, json as document};

use super::{Report, replaced};
use crate::{Item, Verdict};

/// The report for programs.
pub fn json(report: &Report) -> String {
    let circumstances = &report.circumstances;
    let checklist: Vec<Value> = Item::ALL
        .iter()
        .map(|item| document!({ "item": item.wording(), "verdict": report.verdict(*item) }))
        .collect();
    let probes: Vec<Value> = report
        .outcomes
        .iter()
        .map(|outcome| {
            let findings: Vec<Value> = match &outcome.verdict {
                Verdict::Green | Verdict::Replaced(_) => Vec::new(),
                Verdict::Red(findings) => findings
                    .iter()
                    .map(
                        |finding| document!({ "subject": finding.subject, "fault": finding.fault }),
                    )
                    .collect(),
            };
            document!({
                "id": outcome.about.id,
                "item": outcome.about.item.wording(),
                "title": outcome.about.title,
                "verdict": outcome.verdict.word(),
                "replaced": replaced(outcome),
                "findings": findings,
                "mend": outcome.about.mend,
                "subjects": outcome.subjects,
                "took_ms": u64::try_from(outcome.took.as_millis()).unwrap_or(u64::MAX),
            })
        })
        .collect();
    let attested: Vec<Value> = report
        .attested
        .iter()
        .map(|attestation| {
            document!({
                "id": attestation.about.id,
                "item": attestation.about.item.wording(),
                "title": attestation.about.title,
                "verdict": attestation.word(),
                "seen": attestation.seen,
            })
        })
        .collect();
    let told = document!({
        "target": circumstances.target,
        "at": circumstances.at,
        "commit": circumstances.commit,
        "database": circumstances.database,
        "took_ms": u64::try_from(circumstances.took_ms).unwrap_or(u64::MAX),
        "checklist": checklist,
        "probes": probes,
        "attested": attested,
    });
    format!("{told:#}\n")
}
