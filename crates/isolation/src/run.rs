use std::time::Instant;

use crate::{Allowed, Finding, Outcome, Probe, Report, Subject, Target, Verdict};

/// Examines one probe.
pub async fn examine(
    probe: &dyn Probe,
    target: &Target,
    allowed: &[Allowed],
    today: &str,
) -> Outcome {
    let about = *probe.about();
    let started = Instant::now();
    let examined = probe.examine(target).await;
    let took = started.elapsed();
    let mine: Vec<_> = allowed.iter().filter(|entry| entry.probe == about.id).collect();
    let (subjects, mut findings) = match examined {
        Ok(subjects) if subjects.is_empty() => {
            (subjects, vec![finding("nothing", "the probe examined nothing")])
        }
        Ok(subjects) => {
            let findings = found(&subjects, &mine);
            (subjects, findings)
        }
        Err(error) => (Vec::new(), vec![finding("the probe itself", &format!("{error:#}"))]),
    };
    findings.extend(mine.iter().filter_map(|entry| stale(entry, &subjects, today)));
    let verdict = if findings.is_empty() {
        probe.replaced(&subjects).map_or(Verdict::Green, Verdict::Replaced)
    } else {
        Verdict::Red(findings)
    };
    let subjects = subjects.into_iter().map(|subject| subject.name).collect();
    Outcome { about, verdict, subjects, took }
}

/// Examines all, telling of each as it ends.
pub async fn run(
    probes: &[Box<dyn Probe>],
    target: &Target,
    allowed: &[Allowed],
    today: &str,
    mut told: impl FnMut(&Outcome),
) -> Report {
    let mut outcomes = Vec::new();
    for probe in probes {
        let outcome = examine(&**probe, target, allowed, today).await;
        told(&outcome);
        outcomes.push(outcome);
    }
    Report { outcomes, ..Report::default() }
}

fn found(subjects: &[Subject], allowed: &[&Allowed]) -> Vec<Finding> {
    subjects
        .iter()
        .filter(|subject| !allowed.iter().any(|entry| entry.subject == subject.name))
        .filter_map(|subject| Some(finding(&subject.name, subject.fault.as_deref()?)))
        .collect()
}

/// An exception that nobody needs any more, or that nobody looked at again in time.
fn stale(entry: &Allowed, subjects: &[Subject], today: &str) -> Option<Finding> {
    let needed =
        subjects.iter().any(|subject| subject.name == entry.subject && subject.fault.is_some());
    if !needed {
        return Some(finding(entry.subject, "is allowed although nothing is wrong with it"));
    }
    (entry.until < today)
        .then(|| finding(entry.subject, &format!("was allowed until {}", entry.until)))
}

fn finding(subject: &str, fault: &str) -> Finding {
    Finding { subject: subject.to_owned(), fault: fault.to_owned() }
}
