use std::fmt::Write as _;

use super::{Report, html::escaped, replaced};
use crate::Verdict;

/// The report for continuous integration: a test case per probe.
pub fn junit(report: &Report) -> String {
    let failures = report.outcomes.iter().filter(|outcome| !outcome.verdict.is_green()).count();
    let tests = report.outcomes.len() + report.attested.len();
    let open = report.attested.len();
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"verify-isolation\" tests=\"{tests}\" failures=\"{failures}\" skipped=\"{open}\">\n"
    );
    // Writing to a string does not fail.
    for outcome in &report.outcomes {
        let _ = write!(
            text,
            "  <testcase classname=\"{}\" name=\"{} {}\" time=\"{:.3}\"",
            escaped(outcome.about.item.wording()),
            outcome.about.id,
            escaped(outcome.about.title),
            outcome.took.as_secs_f64()
        );
        match &outcome.verdict {
            Verdict::Green => text.push_str("/>\n"),
            Verdict::Replaced(_) => {
                let by = replaced(outcome).unwrap_or_default();
                let by = escaped(&by);
                let _ = writeln!(text, "><system-out>{by}</system-out></testcase>");
            }
            Verdict::Red(findings) => {
                let _ =
                    writeln!(text, ">\n    <failure message=\"{}\">", escaped(outcome.about.mend));
                for finding in findings {
                    let _ = writeln!(
                        text,
                        "{}: {}",
                        escaped(&finding.subject),
                        escaped(&finding.fault)
                    );
                }
                text.push_str("    </failure>\n  </testcase>\n");
            }
        }
    }
    for attestation in &report.attested {
        let _ = writeln!(
            text,
            "  <testcase classname=\"{}\" name=\"{}\"><skipped message=\"{}\"/></testcase>",
            escaped(attestation.about.item.wording()),
            attestation.about.id,
            escaped(&attestation.line())
        );
    }
    text.push_str("</testsuite>\n");
    text
}
