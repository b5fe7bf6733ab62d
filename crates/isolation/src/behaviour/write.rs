//! Writing into another organisation, and referring to what is there.

use anyhow::Result;

use super::ROLES;
use super::read::{as_role, joined};
use super::seed::{A, B, Row, Seeded, insert};
use super::tables::Table;
use crate::target::Refused;
use crate::{Subject, Target};

pub(super) async fn differential(target: &Target, seeded: &Seeded) -> Result<Vec<Subject>> {
    let mut subjects = Vec::new();
    for table in seeded.bound() {
        let Some(column) = table.organisation() else { continue };
        for role in ROLES {
            let mut faults = Vec::new();
            for (what, statement) in statements(target, seeded, table, column, role).await? {
                let tried = target
                    .attempt(&format!("{}{statement}", as_role(role, Some(&A.to_string()))))
                    .await?;
                faults.extend(went_through(&tried).map(|fault| format!("{what}: {fault}")));
            }
            subjects.push(Subject {
                name: format!("{} as {role}", table.name),
                fault: joined(&faults),
            });
        }
    }
    Ok(subjects)
}

/// What `role` has the right to try, on the row of B.
async fn statements(
    target: &Target,
    seeded: &Seeded,
    table: &Table,
    column: &str,
    role: &str,
) -> Result<Vec<(&'static str, String)>> {
    let rights: Rights = target
        .document(&format!(
            "SELECT json_build_object(
               'insert', ARRAY(SELECT attname FROM pg_attribute WHERE attrelid = r AND attnum > 0 AND NOT attisdropped
                 AND has_column_privilege('{role}', r, attname, 'INSERT')),
               'update', ARRAY(SELECT attname FROM pg_attribute WHERE attrelid = r AND attnum > 0 AND NOT attisdropped
                 AND has_column_privilege('{role}', r, attname, 'UPDATE')),
               'delete', has_table_privilege('{role}', r, 'DELETE'))::text
             FROM (SELECT 'public.\"{}\"'::regclass AS r) t",
            table.name
        ))
        .await?;
    let place = format!("public.\"{}\"", table.name);
    let mut all = Vec::new();
    let theirs: Row = seeded.row(&table.name, B)?.clone();
    let may: Row = theirs.into_iter().filter(|(name, _)| rights.insert.contains(name)).collect();
    if may.contains_key(column) {
        all.push(("insert", insert(&table.name, &may)));
    }
    if let Some(any) = rights.update.first() {
        all.push((
            "update",
            format!("UPDATE {place} SET \"{any}\" = \"{any}\" WHERE \"{column}\" = {B}"),
        ));
        // Without a filter nothing but the policies stands in the way.
        let back = format!(
            "WITH changed AS (UPDATE {place} SET \"{any}\" = \"{any}\" RETURNING \"{column}\") SELECT count(*), 'changed' FROM changed WHERE \"{column}\" = {B}"
        );
        all.push(("update all", back));
    }
    if rights.update.iter().any(|name| name == column) {
        all.push((
            "move",
            format!("UPDATE {place} SET \"{column}\" = {B} WHERE \"{column}\" = {A}"),
        ));
    }
    if rights.delete {
        all.push(("delete", format!("DELETE FROM {place} WHERE \"{column}\" = {B}")));
    }
    Ok(all)
}

#[derive(serde::Deserialize)]
struct Rights {
    insert: Vec<String>,
    update: Vec<String>,
    delete: bool,
}

/// A statement is stopped by the wall, or it touches nothing; whatever stops it later came too late.
fn went_through(tried: &Result<Vec<Vec<Option<String>>>, Refused>) -> Option<String> {
    match tried {
        Err(refused) if refused.is_wall() => None,
        Err(refused) => Some(format!("was stopped by {} alone: {}", refused.code, refused.message)),
        Ok(rows) => {
            let counted = |words: fn(&[Option<String>]) -> Option<String>| {
                rows.iter().rev().find_map(|row| words(row))
            };
            let changed = counted(|row| match row {
                [Some(count), Some(word)] if word == "changed" => Some(count.clone()),
                _ => None,
            });
            let affected = counted(|row| match row {
                [Some(word), Some(count)] if word == "affected" => Some(count.clone()),
                _ => None,
            });
            let count = changed.or(affected);
            (count.as_deref() != Some("0"))
                .then(|| format!("touched {} rows", count.unwrap_or_default()))
        }
    }
}

pub(super) async fn forged(target: &Target, seeded: &Seeded) -> Result<Vec<Subject>> {
    let mut subjects = Vec::new();
    for table in seeded.bound() {
        for key in &table.foreign {
            let bound = seeded.bound().any(|parent| parent.name == key.parent);
            if !bound || key.parent == "organizations" {
                continue;
            }
            let stolen = seeded.pointing(table, key, B)?;
            let mut row = seeded.row(&table.name, A)?.clone();
            // A row beside the one that is there, not the same again.
            for (column, value) in &mut row {
                let own = format!("'{}.{column}.{A}'", table.name);
                *value = value.replace(&own, &format!("'{}.{column}.{A}.forged'", table.name));
            }
            row.extend(stolen.iter().cloned());
            let sets: Vec<_> =
                stolen.iter().map(|(column, value)| format!("\"{column}\" = {value}")).collect();
            let organisation = table.organisation().unwrap_or("org_id");
            let tries = [
                insert(&table.name, &row),
                format!(
                    "UPDATE public.\"{}\" SET {} WHERE \"{organisation}\" = {A}",
                    table.name,
                    sets.join(", ")
                ),
            ];
            let mut fault = Some("nothing that was tried reached the foreign key".to_owned());
            for statement in tries {
                match target.attempt(&statement).await? {
                    Ok(_) => {
                        fault = Some("refers to a row of another organisation".to_owned());
                        break;
                    }
                    Err(refused)
                        if refused.constraint.as_ref() == Some(&key.name)
                            && refused.code == "23503" =>
                    {
                        fault = None;
                        break;
                    }
                    Err(refused) => {
                        fault = Some(format!(
                            "was stopped by {} alone: {}",
                            refused.code, refused.message
                        ));
                    }
                }
            }
            subjects.push(Subject { name: format!("{}.{}", table.name, key.name), fault });
        }
    }
    Ok(subjects)
}
