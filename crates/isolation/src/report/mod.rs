//! What is told: by checklist item, a line per probe, findings with what mends them.

mod html;
mod json;
mod junit;
mod text;

pub use html::html;
pub use json::json;
pub use junit::junit;
pub use text::{line, terminal};

use crate::{Attestation, Item, Outcome, Verdict};

/// Everything that was examined.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// By probe.
    pub outcomes: Vec<Outcome>,
    /// What people looked at themselves, and what nobody has looked at yet.
    pub attested: Vec<Attestation>,
    /// Of what, when, with what.
    pub circumstances: Circumstances,
}

/// Of what a report tells.
#[derive(Clone, Debug, Default)]
pub struct Circumstances {
    /// The deployment, in the words of whoever configured it.
    pub target: String,
    /// When it began, RFC 3339 in UTC.
    pub at: String,
    /// The commit of the programs.
    pub commit: String,
    /// What the database says of itself.
    pub database: String,
    /// How long all of it took, in milliseconds.
    pub took_ms: u128,
}

impl Report {
    /// Whether every probe is GREEN.
    pub fn is_green(&self) -> bool {
        self.outcomes.iter().all(|outcome| outcome.verdict.is_green())
    }

    /// Items of the checklist of which nothing is proven, and nothing attested that still counts.
    pub fn open(&self) -> impl Iterator<Item = Item> {
        Item::ALL.into_iter().filter(|item| self.verdict(*item) == "OPEN")
    }

    /// What belongs to an item.
    fn of(&self, item: Item) -> (Vec<&Outcome>, Vec<&Attestation>) {
        (
            self.outcomes.iter().filter(|outcome| outcome.about.item == item).collect(),
            self.attested.iter().filter(|attestation| attestation.about.item == item).collect(),
        )
    }

    /// What an item comes to. One that nothing was looked at for is OPEN, never GREEN.
    fn verdict(&self, item: Item) -> &'static str {
        let (outcomes, attested) = self.of(item);
        if outcomes.iter().any(|outcome| !outcome.verdict.is_green()) {
            return "RED";
        }
        if attested.iter().any(|attestation| attestation.seen.is_none())
            || outcomes.is_empty() && attested.is_empty()
        {
            return "OPEN";
        }
        if outcomes.iter().any(|outcome| matches!(outcome.verdict, Verdict::Replaced(_))) {
            return "REPLACED";
        }
        if attested.is_empty() { "GREEN" } else { "ATTESTED" }
    }
}

/// What took the place of what a probe looks for, in a few words.
fn replaced(outcome: &Outcome) -> Option<String> {
    match outcome.verdict {
        Verdict::Replaced(by) => Some(format!("replaced by {by}")),
        Verdict::Green | Verdict::Red(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{About, Finding};

    fn report() -> Report {
        let about = About {
            id: "DB-03",
            item: Item::Scheduling,
            title: "rows < are & walled",
            mend: "Add a policy",
        };
        let finding = Finding { subject: "people".into(), fault: "has <no> wall".into() };
        let outcome = |verdict| Outcome {
            about,
            verdict,
            subjects: vec!["people".into()],
            took: Duration::from_millis(3),
        };
        Report {
            outcomes: vec![outcome(Verdict::Green), outcome(Verdict::Red(vec![finding]))],
            attested: crate::attest::open(),
            circumstances: Circumstances { commit: "abc".into(), ..Circumstances::default() },
        }
    }

    #[test]
    fn an_item_that_nobody_looked_at_is_open_and_a_finding_red() {
        let report = report();
        assert_eq!(report.verdict(Item::Scheduling), "RED");
        assert_eq!(report.verdict(Item::Reachability), "OPEN");
        assert_eq!(report.verdict(Item::KeyPrefix), "OPEN");
    }

    #[test]
    fn every_format_names_the_finding_and_what_mends_it() {
        let report = report();
        for told in [terminal(&report), json(&report), junit(&report), html(&report)] {
            for word in ["DB-03", "people", "Add a policy", Item::Reachability.wording()] {
                assert!(told.contains(word), "{word} is missing in {told}");
            }
        }
    }

    #[test]
    fn what_was_replaced_is_said_so_in_every_format_and_never_a_plain_pass() {
        let about = About { item: Item::RoomNames, ..report().outcomes[0].about };
        let outcome = Outcome {
            about,
            verdict: Verdict::Replaced("stored mapping"),
            subjects: vec!["a room".into()],
            took: Duration::from_millis(3),
        };
        let report = Report { outcomes: vec![outcome], ..Report::default() };
        assert!(report.is_green(), "it stands in nobody's way");
        assert_eq!(report.verdict(Item::RoomNames), "REPLACED");
        assert!(report.open().all(|item| item != Item::RoomNames));
        for told in [terminal(&report), json(&report), junit(&report), html(&report)] {
            assert!(told.contains("replaced by stored mapping"), "{told}");
        }
        assert!(!terminal(&report).contains("GREEN"), "{}", terminal(&report));
        assert!(html(&report).contains("0 of 1 GREEN"), "{}", html(&report));
        let told: serde_json::Value = serde_json::from_str(&json(&report)).unwrap();
        assert_eq!(told["probes"][0]["verdict"], "REPLACED");
    }

    #[test]
    fn markup_in_a_finding_stays_text() {
        for told in [junit(&report()), html(&report())] {
            assert!(told.contains("&lt;no&gt;") && !told.contains("<no>"), "{told}");
        }
    }

    #[test]
    fn json_can_be_read_again() {
        let told: serde_json::Value = serde_json::from_str(&json(&report())).unwrap();
        assert_eq!(told["probes"][1]["verdict"], "RED");
        assert_eq!(told["checklist"].as_array().unwrap().len(), Item::ALL.len());
    }
}
