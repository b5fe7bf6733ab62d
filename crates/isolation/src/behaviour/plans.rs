//! Plans: those that are kept serve whoever asks; those that are made use the organisation's index.

use anyhow::Result;

use super::ROLES;
use super::read::{as_role, joined};
use super::seed::{A, B, Seeded};
use crate::{Subject, Target};

/// From the sixth execution on PostgreSQL may keep a plan for good.
const EXECUTIONS: usize = 7;

pub(super) async fn cached(target: &Target, seeded: &Seeded) -> Result<Vec<Subject>> {
    let mut subjects = Vec::new();
    for table in seeded.bound() {
        let Some(column) = table.organisation() else { continue };
        for role in ROLES {
            let mut faults = Vec::new();
            for mode in ["auto", "force_generic_plan"] {
                let statements = format!(
                    "SET LOCAL plan_cache_mode = {mode}; {0}PREPARE probe AS SELECT count(*) FILTER (WHERE \"{column}\" = {B}), count(*) FILTER (WHERE \"{column}\" IS DISTINCT FROM {B}) FROM public.\"{1}\"; {2}{3}EXECUTE probe",
                    as_role(role, Some(&A.to_string())),
                    table.name,
                    "EXECUTE probe; ".repeat(EXECUTIONS),
                    as_role(role, Some(&B.to_string())),
                );
                let seen = target.attempt(&statements).await?;
                // A prepared statement outlives the transaction that made it.
                target.catalogue().batch_execute("DEALLOCATE ALL").await?;
                match seen {
                    Err(refused) if refused.is_wall() => {}
                    Err(refused) => faults.push(format!("{mode}: fails: {}", refused.message)),
                    Ok(rows) => {
                        let last = rows.iter().rev().find(|row| row.iter().all(is_number));
                        let right = last.is_some_and(|row| matches!(row.as_slice(), [Some(mine), Some(others)] if mine != "0" && others == "0"));
                        if !right {
                            faults.push(format!("{mode}: the second organisation saw {last:?}"));
                        }
                    }
                }
            }
            subjects.push(Subject {
                name: format!("{} as {role}", table.name),
                fault: joined(&faults),
            });
        }
    }
    Ok(subjects)
}

fn is_number(cell: &Option<String>) -> bool {
    cell.as_deref().is_some_and(|cell| cell.parse::<i64>().is_ok())
}

/// With sequential scans made dear, a plan shows one only where no index serves.
pub(super) async fn indexed(target: &Target, seeded: &Seeded) -> Result<Vec<Subject>> {
    let mut subjects = Vec::new();
    for table in seeded.bound() {
        let Some(column) = table.organisation() else { continue };
        for role in ROLES {
            let query = format!(
                "SET LOCAL enable_seqscan = off; {}EXPLAIN (COSTS OFF) SELECT \"{column}\" FROM public.\"{}\"",
                as_role(role, Some(&A.to_string())),
                table.name
            );
            let fault = match target.attempt(&query).await? {
                Err(refused) if refused.is_wall() => None,
                Err(refused) => Some(format!("fails: {}", refused.message)),
                Ok(rows) => {
                    let plan: Vec<_> = rows
                        .iter()
                        .filter(|row| row.len() == 1)
                        .flatten()
                        .flatten()
                        .cloned()
                        .collect();
                    let plan = plan.join(" ");
                    let condition = format!("Index Cond: ({column} = ");
                    (plan.contains("Seq Scan") || !plan.contains(&condition)).then_some(plan)
                }
            };
            subjects.push(Subject { name: format!("{} as {role}", table.name), fault });
        }
    }
    Ok(subjects)
}
