//! What is told: by checklist item, a line per probe, findings with what mends them.

use std::fmt::Write as _;

use crate::{Item, Outcome, Verdict};

/// Everything that was examined.
#[derive(Clone, Debug)]
pub struct Report {
    /// By probe.
    pub outcomes: Vec<Outcome>,
}

impl Report {
    /// Whether every probe is GREEN.
    pub fn is_green(&self) -> bool {
        self.outcomes.iter().all(|outcome| outcome.verdict.is_green())
    }
}

/// The report for a terminal.
pub fn terminal(report: &Report) -> String {
    let mut text = String::new();
    for item in Item::ALL {
        let of_item: Vec<_> =
            report.outcomes.iter().filter(|outcome| outcome.about.item == item).collect();
        if of_item.is_empty() {
            continue;
        }
        // Writing to a string does not fail.
        let _ = writeln!(text, "{}", item.wording());
        for outcome in of_item {
            line(&mut text, outcome);
        }
    }
    text
}

fn line(text: &mut String, outcome: &Outcome) {
    let about = &outcome.about;
    let verdict = if outcome.verdict.is_green() { "GREEN" } else { "RED  " };
    let _ = writeln!(
        text,
        "  {verdict} {:6} {} ({} examined, {} ms)",
        about.id,
        about.title,
        outcome.subjects.len(),
        outcome.took.as_millis()
    );
    if let Verdict::Red(findings) = &outcome.verdict {
        for finding in findings {
            let _ = writeln!(text, "         {}: {}", finding.subject, finding.fault);
        }
        let _ = writeln!(text, "         mend: {}", about.mend);
    }
}
