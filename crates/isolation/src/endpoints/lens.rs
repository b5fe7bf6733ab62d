//! How two requests are told apart that must not be: by what is answered, by what the database is asked,
//! by how long it takes.

use anyhow::{Result, ensure};

use super::client::{Answer, Request, send};
use super::ranks::{FAR, deviation};
use super::scene::Api;
use super::statements::Statements;

/// What one looks through.
#[derive(Clone, Debug)]
pub(super) enum Lens {
    /// Status, headers, body.
    Answers,
    /// The statements that PostgreSQL was sent meanwhile, in their order.
    Statements(Statements),
    /// The time that an answer takes, so many times each.
    Times(usize),
}

/// Somebody else speaks to the database now and then: a difference that stays is one of ours.
const LOOKS: usize = 6;

impl Lens {
    /// The answer to `strange`, and what tells it apart from that to `unknown`.
    pub(super) fn both(
        &self,
        api: &Api,
        token: &str,
        [strange, unknown]: [&Request; 2],
    ) -> Result<(Answer, Option<String>)> {
        let ask = |request: &Request| send(&api.url, Some(token), request);
        match self {
            Self::Answers => {
                let [strange, unknown] = [ask(strange)?, ask(unknown)?];
                let fault = answers(&strange, &unknown);
                Ok((strange, fault))
            }
            Self::Statements(log) => {
                let (mut answer, mut fault) = (ask(strange)?, None);
                for _ in 0..LOOKS {
                    let (of_strange, of_unknown);
                    (answer, of_strange) = log.during(|| ask(strange))?;
                    (_, of_unknown) = log.during(|| ask(unknown))?;
                    fault = statements(&of_strange, &of_unknown);
                    if fault.is_none() {
                        break;
                    }
                }
                Ok((answer, fault))
            }
            Self::Times(samples) => {
                let answer = ask(strange)?;
                if answer.status == 403 {
                    // The role alone decided.
                    return Ok((answer, None));
                }
                // Chance comes this far once in a thousand times: twice in a row, hardly ever.
                let apart = || -> Result<Option<f64>> {
                    let ask = |request: &Request| -> Result<()> {
                        let status = ask(request)?.status;
                        // One that is turned away at the door says nothing of the rooms.
                        ensure!(status == answer.status, "{status} after {}", answer.status);
                        Ok(())
                    };
                    let deviation = times(*samples, ask, strange, unknown)?;
                    Ok(Some(deviation).filter(|deviation| deviation.abs() > FAR))
                };
                let again = if apart()?.is_some() { apart()? } else { None };
                let fault = again.map(|deviation| {
                    format!("the time tells them apart, twice in a row: {deviation:+.1} deviations")
                });
                Ok((answer, fault))
            }
        }
    }
}

fn answers(strange: &Answer, unknown: &Answer) -> Option<String> {
    (strange.shape() != unknown.shape()).then(|| {
        format!(
            "an id of another clinic is answered {} {}, one of nobody {} {}",
            strange.status, strange.text, unknown.status, unknown.text
        )
    })
}

fn statements(strange: &[String], unknown: &[String]) -> Option<String> {
    if strange.is_empty() {
        return Some("PostgreSQL's log shows no statement".to_owned());
    }
    let longest = strange.len().max(unknown.len());
    let (one, other) = (0..longest)
        .map(|at| (strange.get(at), unknown.get(at)))
        .find(|(one, other)| one != other)?;
    let shown =
        |statement: Option<&String>| statement.map_or("nothing more", String::as_str).to_owned();
    Some(format!(
        "for an id of another clinic the database is asked {:?}, for one of nobody {:?}",
        shown(one),
        shown(other)
    ))
}

/// How far the times of the two are from one another, in standard deviations, after `samples` of
/// each, turn by turn, who comes first changing each time.
fn times(
    samples: usize,
    ask: impl Fn(&Request) -> Result<()>,
    strange: &Request,
    unknown: &Request,
) -> Result<f64> {
    let timed = |request: &Request| -> Result<u128> {
        let started = std::time::Instant::now();
        ask(request)?;
        Ok(started.elapsed().as_nanos())
    };
    let (mut of_strange, mut of_unknown) = (Vec::new(), Vec::new());
    for turn in 0..samples {
        if turn % 2 == 0 {
            of_strange.push(timed(strange)?);
            of_unknown.push(timed(unknown)?);
        } else {
            of_unknown.push(timed(unknown)?);
            of_strange.push(timed(strange)?);
        }
    }
    Ok(deviation(&of_strange, &of_unknown))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_statement_that_differs_is_named() {
        let all = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let base = all(&["BEGIN", "SELECT 1", "COMMIT"]);
        assert_eq!(statements(&base, &base), None);
        let other = statements(&base, &all(&["BEGIN", "SELECT 2", "COMMIT"])).unwrap();
        assert!(other.contains("\"SELECT 1\"") && other.contains("\"SELECT 2\""), "{other}");
        let more = statements(&base, &all(&["BEGIN", "SELECT 1"])).unwrap();
        assert!(more.contains("\"COMMIT\"") && more.contains("nothing more"), "{more}");
        assert!(statements(&[], &[]).is_some(), "a log that shows nothing proves nothing");
    }
}
