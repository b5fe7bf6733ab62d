//! Some rows, field by field, both ways: drawn from a source and looked for in the platform, and drawn
//! in the platform and looked for in the source. By another road than the loading went: straight from
//! the legacy tables, past staging and judging.

use std::collections::HashMap;

use restartix_tenancy::Tenant;
use tokio_postgres::Client;

use crate::convert::Converter;
use crate::copytext;
use crate::database::{Target, bound};
use crate::entity::{ENTITIES, Entity};
use crate::error::During;
use crate::mapping::literal;
use crate::report::Sampled;
use crate::{Mapping, MigrationError, Source};

/// How many rows of each entity are drawn from its source, and here from each clinic.
const DRAWN: usize = 100;

/// What is compared of an entity: its fields, and where the platform has them.
struct Compared {
    entity: &'static str,
    fields: &'static [&'static str],
    here: &'static str,
}

const BOOKED: &str = "to_char(t.starts_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'), to_char(t.ends_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'),
    t.status, (SELECT p.legacy_id FROM legacy.ids p WHERE p.org_id = t.org_id AND p.entity = 'patients' AND p.new_id = t.patient_id::text)
    FROM public.appointments t";

const COMPARED: [Compared; 4] = [
    Compared {
        entity: "patients",
        fields: &["name", "email"],
        here: "t.display_name, t.email FROM public.people t",
    },
    Compared {
        entity: "specialists",
        fields: &["name", "email"],
        here: "t.display_name, t.email FROM public.people t",
    },
    Compared {
        entity: "appointments",
        fields: &["starts_at", "ends_at", "status", "patient"],
        here: BOOKED,
    },
    Compared {
        entity: "bookings",
        fields: &["starts_at", "ends_at", "status", "patient"],
        here: BOOKED,
    },
];

/// The drawn rows of an entity, by their ids: the fields that are compared.
type Drawn = HashMap<String, Vec<Option<String>>>;

/// Compares what is drawn.
pub(crate) async fn compare(
    target: &Target,
    sources: &[(Source, Client); 2],
    mapping: &Mapping,
) -> Result<Sampled, MigrationError> {
    let mut sampled = Sampled::default();
    for one in &COMPARED {
        let Some(entity) = ENTITIES.iter().find(|entity| entity.name == one.entity) else {
            continue;
        };
        let Some((_, client)) = sources.iter().find(|(source, _)| *source == entity.source) else {
            continue;
        };
        let ids = format!("{} ORDER BY random() LIMIT {DRAWN}", mapping.ids(entity)?);
        let ids = client.query(&ids, &[]).await.during("drawing rows")?;
        let ids: Vec<String> = ids.iter().map(|row| row.get(0)).collect();
        let drawn = read(client, mapping, entity, one.fields, &ids).await?;
        sampled.from_sources += drawn.len();
        let mut kept = Vec::new();
        let clinics = target.clinics().await?.each(async |tenant, _| {
            let here = here(target, tenant, one, &ids).await?;
            for (id, fields) in here {
                let there = drawn.get(&id).map(Vec::as_slice).unwrap_or_default();
                for (at, field) in one.fields.iter().enumerate() {
                    if there.get(at) != fields.get(at) {
                        sampled.faults.push(format!("{} {id}: {field}", one.entity));
                    }
                }
                kept.push(id);
            }
            Ok(())
        });
        clinics.await?;
        let absent: Vec<_> = ids.iter().filter(|id| !kept.contains(id)).cloned().collect();
        let told = "SELECT count(DISTINCT legacy_id) FROM legacy.quarantine WHERE source = $1 AND entity = $2
            AND verdict <> 'flagged' AND legacy_id = ANY ($3)";
        let told =
            target.owner.query_one(told, &[&entity.source.as_str(), &one.entity, &absent]).await;
        let told: i64 = told.during("looking for drawn rows")?.get(0);
        if usize::try_from(told).unwrap_or_default() != absent.len() {
            sampled.faults.push(format!("{}: a row is neither loaded nor told of", one.entity));
        }
        back(target, client, (mapping, entity), &mut sampled).await?;
    }
    Ok(sampled)
}

/// Draws rows here, and looks whether the source still has them.
async fn back(
    target: &Target,
    client: &Client,
    (mapping, entity): (&Mapping, &Entity),
    sampled: &mut Sampled,
) -> Result<(), MigrationError> {
    let mut ids: Vec<String> = Vec::new();
    let draw = format!(
        "SELECT i.legacy_id FROM legacy.ids i WHERE i.org_id = public.current_app_org_id() AND i.source = $1 AND i.entity = $2
           AND NOT EXISTS (SELECT FROM public.appointments t WHERE i.entity IN ('appointments', 'bookings') AND t.id::text = i.new_id AND t.status = 'cancelled')
           AND i.entity NOT IN ('patients', 'specialists')
         ORDER BY random() LIMIT {DRAWN}"
    );
    let clinics = target.clinics().await?.each(async |tenant, _| {
        bound(&target.loader, tenant, async |tx| {
            let rows = tx.query(&draw, &[&entity.source.as_str(), &entity.name]).await;
            ids.extend(rows.during("drawing rows")?.iter().map(|row| row.get::<_, String>(0)));
            Ok(())
        })
        .await
    });
    clinics.await?;
    let found = read(client, mapping, entity, &[], &ids).await?;
    sampled.from_platform += ids.len();
    let gone = ids.iter().filter(|id| !found.contains_key(*id));
    sampled.faults.extend(gone.map(|id| format!("{} {id}: not in the source", entity.name)));
    Ok(())
}

/// Rows of a source by their ids, converted as for staging.
async fn read(
    client: &Client,
    mapping: &Mapping,
    entity: &Entity,
    fields: &[&str],
    ids: &[String],
) -> Result<Drawn, MigrationError> {
    let names: Vec<_> = (0..entity.fields.len()).map(|at| format!("c{at}")).collect();
    let list: Vec<_> = ids.iter().map(|id| literal(id)).collect();
    if list.is_empty() {
        return Ok(Drawn::new());
    }
    let query = format!(
        "SELECT * FROM ({}) r ({}) WHERE r.c0 IN ({})",
        mapping.rows(entity, None)?,
        names.join(", "),
        list.join(", ")
    );
    let rows = client.query(&query, &[]).await.during("drawing rows")?;
    let mut converter = Converter::new(mapping, entity);
    let mut drawn = Drawn::new();
    for row in &rows {
        let mut line = Vec::new();
        for at in 0..entity.fields.len() {
            copytext::write(&mut line, row.get::<_, Option<&str>>(at), b'\t');
        }
        line.pop();
        let mut converted = Vec::new();
        converter.convert(&line, &mut converted);
        converted.pop();
        let columns: Vec<_> = copytext::columns(&converted)
            .map(|text| text.map(std::borrow::Cow::into_owned))
            .collect();
        let value = |field: &str| {
            let at = entity.fields.iter().position(|(name, _)| *name == field)?;
            let text = columns.get(at)?.as_deref()?;
            // An instant, to the second and without its offset, which is always zero.
            Some(if field.ends_with("_at") {
                text.chars().take(19).collect()
            } else {
                text.to_owned()
            })
        };
        if let Some(id) = value("id") {
            drawn.insert(id, fields.iter().map(|field| value(field)).collect());
        }
    }
    Ok(drawn)
}

/// Rows of a clinic by the legacy ids that they came from.
async fn here(
    target: &Target,
    tenant: &Tenant,
    one: &Compared,
    ids: &[String],
) -> Result<Vec<(String, Vec<Option<String>>)>, MigrationError> {
    let query = format!(
        "SELECT i.legacy_id, {} JOIN legacy.ids i ON i.new_id = t.id::text AND i.org_id = t.org_id
         WHERE t.org_id = public.current_app_org_id() AND i.entity = $1 AND i.legacy_id = ANY ($2)
           AND NOT EXISTS (SELECT FROM legacy.quarantine q WHERE q.entity = i.entity AND q.legacy_id = i.legacy_id AND q.verdict = 'quarantined')",
        one.here
    );
    bound(&target.loader, tenant, async |tx| {
        let rows = tx.query(&query, &[&one.entity, &ids]).await.during("looking for drawn rows")?;
        let fields = 1..=one.fields.len();
        Ok(rows
            .iter()
            .map(|row| (row.get(0), fields.clone().map(|at| row.get(at)).collect()))
            .collect())
    })
    .await
}
