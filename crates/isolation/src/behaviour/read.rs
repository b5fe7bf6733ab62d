//! Reading as one organisation, the other, nobody, and with garbage.

use anyhow::Result;

use super::ROLES;
use super::seed::{A, B, Seeded};
use crate::target::Refused;
use crate::{Subject, Target};

/// `SET LOCAL` of the role and of the organisation, if any.
pub(super) fn as_role(role: &str, organisation: Option<&str>) -> String {
    let set = organisation.map(|value| format!("SET LOCAL app.current_org_id = '{value}'; "));
    format!("{}SET LOCAL ROLE {role}; ", set.unwrap_or_default())
}

/// How many rows of `mine` and of others a query saw.
fn counted(rows: &[Vec<Option<String>>]) -> Option<(i64, i64)> {
    let number = |cell: &Option<String>| cell.as_deref()?.parse().ok();
    rows.iter().rev().find_map(|row| match row.as_slice() {
        [mine, others] => Some((number(mine)?, number(others)?)),
        _ => None,
    })
}

pub(super) async fn differential(target: &Target, seeded: &Seeded) -> Result<Vec<Subject>> {
    let mut subjects = Vec::new();
    for table in seeded.bound() {
        for role in ROLES {
            let name = format!("{} as {role}", table.name);
            let Some(column) = table.organisation() else {
                subjects.push(Subject { name, fault: Some("has no org_id".to_owned()) });
                continue;
            };
            let mut faults = Vec::new();
            for (setting, mine) in [
                (Some(A.to_string()), Some(A)),
                (Some(B.to_string()), Some(B)),
                (None, None),
                (Some(String::new()), None),
                (Some("garbage".to_owned()), None),
                (Some("1 or true".to_owned()), None),
            ] {
                let query = format!(
                    "{}SELECT count(*) FILTER (WHERE \"{column}\" = {1}), count(*) FILTER (WHERE \"{column}\" IS DISTINCT FROM {1}) FROM public.\"{2}\"",
                    as_role(role, setting.as_deref()),
                    mine.unwrap_or(A),
                    table.name
                );
                let seen = target.attempt(&query).await?;
                let shown = setting.as_deref().unwrap_or("no setting");
                faults.extend(verdict(&seen, mine).map(|fault| format!("as {shown:?}: {fault}")));
            }
            subjects.push(Subject { name, fault: joined(&faults) });
        }
    }
    Ok(subjects)
}

fn verdict(seen: &Result<Vec<Vec<Option<String>>>, Refused>, mine: Option<i64>) -> Option<String> {
    match (seen, mine) {
        (Err(refused), Some(_)) if refused.is_wall() => None,
        (Err(refused), Some(_)) => Some(format!("fails: {}", refused.message)),
        // Garbage is no number; whatever is refused shows nothing.
        (Err(_), None) => None,
        (Ok(rows), mine) => match (counted(rows), mine) {
            (None, _) => Some("answered nothing".to_owned()),
            (Some((0, _)), Some(_)) => Some("does not see its own row".to_owned()),
            (Some((_, 0)), Some(_)) | (Some((0, 0)), None) => None,
            (Some((_, others)), Some(_)) => Some(format!("sees {others} rows of others")),
            (Some((own, others)), None) => Some(format!("sees {} rows", own + others)),
        },
    }
}

/// What was found, in one line.
pub(super) fn joined(faults: &[String]) -> Option<String> {
    (!faults.is_empty()).then(|| faults.join("; "))
}

/// A function that is cheap and talks: the planner would like to ask it first.
const LEAK: &str = "CREATE FUNCTION public.leak(bigint) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS $$
BEGIN
  PERFORM set_config('leak.seen', coalesce(current_setting('leak.seen', true), '') || ' ' || $1, true);
  RETURN true;
END $$; GRANT EXECUTE ON FUNCTION public.leak(bigint) TO core_app, core_worker; ";

pub(super) async fn leaky(target: &Target, seeded: &Seeded) -> Result<Vec<Subject>> {
    let mut subjects = Vec::new();
    for table in seeded.bound() {
        let Some(column) = table.organisation() else { continue };
        for role in ROLES {
            let query = format!(
                "{LEAK}SET LOCAL leak.seen = ''; {}SELECT count(*) FROM public.\"{}\" WHERE public.leak(\"{column}\"); SELECT current_setting('leak.seen')",
                as_role(role, Some(&A.to_string())),
                table.name
            );
            let fault = match target.attempt(&query).await? {
                Err(refused) if refused.is_wall() => None,
                Err(refused) => Some(format!("fails: {}", refused.message)),
                Ok(rows) => {
                    let seen = rows.iter().rev().find(|row| row.len() == 1);
                    let seen = seen.and_then(|row| row.first()).cloned().flatten();
                    let seen = seen.unwrap_or_default();
                    // A trigger may have written a second row of the same organisation.
                    let (own, mut shown) = (A.to_string(), seen.split_whitespace().peekable());
                    let own_alone = shown.peek().is_some() && shown.all(|one| one == own);
                    (!own_alone).then(|| format!("was shown{seen}"))
                }
            };
            subjects.push(Subject { name: format!("{} as {role}", table.name), fault });
        }
    }
    Ok(subjects)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saw(mine: &str, others: &str) -> Result<Vec<Vec<Option<String>>>, Refused> {
        Ok(vec![vec![Some(mine.to_owned()), Some(others.to_owned())]])
    }

    #[test]
    fn only_ones_own_rows_are_right() {
        assert_eq!(verdict(&saw("1", "0"), Some(A)), None);
        assert!(verdict(&saw("1", "1"), Some(A)).is_some());
        assert!(verdict(&saw("0", "0"), Some(A)).is_some());
        assert_eq!(verdict(&saw("0", "0"), None), None);
        assert!(verdict(&saw("1", "0"), None).is_some());
        assert!(verdict(&saw("0", "1"), None).is_some());
    }
}
