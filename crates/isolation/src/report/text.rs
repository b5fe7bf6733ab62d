use std::fmt::Write as _;

use super::{Report, replaced};
use crate::{Item, Outcome, Verdict};

/// The report for a terminal.
pub fn terminal(report: &Report) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    for item in Item::ALL {
        let (outcomes, attested) = report.of(item);
        let _ = writeln!(text, "{:8} {}", report.verdict(item), item.wording());
        for outcome in outcomes {
            text.push_str(&line(outcome));
        }
        for attestation in attested {
            let _ = writeln!(text, "  {}", attestation.line());
        }
    }
    text
}

/// One probe's line, and what it found.
pub fn line(outcome: &Outcome) -> String {
    let about = &outcome.about;
    let mut text = format!(
        "  {:5} {:7} {}{} ({} examined, {} ms)\n",
        outcome.verdict.word(),
        about.id,
        about.title,
        replaced(outcome).map(|by| format!(": {by}")).unwrap_or_default(),
        outcome.subjects.len(),
        outcome.took.as_millis()
    );
    if let Verdict::Red(findings) = &outcome.verdict {
        for finding in findings {
            let _ = writeln!(text, "        {}: {}", finding.subject, finding.fault);
        }
        let _ = writeln!(text, "        mend: {}", about.mend);
    }
    text
}
