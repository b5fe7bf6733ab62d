//! What is computed of patients: marked, claimed and taken away in the organisation that it is of.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

use super::seed::{A, B, Seeded};
use super::{Behaviour, Look};
use crate::catalogue::Statement;
use crate::target::Refused;
use crate::{About, Item, Probe, Subject, Target};

/// The probe.
pub(super) fn probe() -> Box<dyn Probe> {
    let about = About {
        id: "INS-03",
        item: Item::Ground,
        title: "what is computed of an organisation's patients is marked, claimed and taken away there alone",
        mend: "p_org in each statement of migrations/bootstrap/insights.sql; NEW.org_id in each trigger that marks",
    };
    let fault = |name, sql| Statement { name, sql };
    let faults = vec![
        fault(
            "a rebuild that takes everybody's away",
            "CREATE OR REPLACE FUNCTION definer.rebuild_insights(p_org bigint) RETURNS TABLE (patients bigint)
             LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
             BEGIN DELETE FROM public.insight_weeks; RETURN QUERY SELECT 1::bigint; END $$",
        ),
        fault(
            "a claim that hands a patient to another organisation's worker",
            "CREATE OR REPLACE FUNCTION definer.claim_insights(p_limit integer, p_now timestamptz, p_until timestamptz)
             RETURNS TABLE (org_id bigint, patient_id uuid)
             LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
             BEGIN RETURN QUERY SELECT lead(m.org_id, 1, m.org_id) OVER (ORDER BY m.org_id), m.patient_id
               FROM public.insight_marks m; END $$",
        ),
        fault(
            "an event that marks every clinic's patients",
            "CREATE OR REPLACE FUNCTION public.mark_rehab_events() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN INSERT INTO public.insight_marks (org_id, patient_id, since)
               SELECT p.org_id, p.id, '2026-01-01' FROM public.people p; RETURN NULL; END $$",
        ),
    ];
    Box::new(Behaviour { about, look: Look::Derived, faults })
}

/// The listed functions of what is computed.
const LISTED: &str = "SELECT coalesce(json_agg(p.proname ORDER BY p.proname), '[]')::text
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
  WHERE n.nspname = 'definer' AND p.proname LIKE '%insight%'";

pub(super) async fn apart(target: &Target, seeded: &Seeded) -> Result<Vec<Subject>> {
    let listed: Vec<String> = target.document(LISTED).await?;
    let mut subjects = Vec::new();
    for name in listed {
        let fault = match name.as_str() {
            "rebuild_insights" => {
                let call = format!("SELECT definer.rebuild_insights({B});");
                elsewhere(target, seeded, &call).await?
            }
            "claim_insights" => claimed(target).await?,
            _ => Some("nobody has said how it is called: behaviour/derived.rs".to_owned()),
        };
        subjects.push(Subject { name: format!("definer.{name}"), fault });
    }
    let again = format!(
        "INSERT INTO public.rehab_events SELECT (jsonb_populate_record(e,
           jsonb_build_object('id', gen_random_uuid()))).* FROM public.rehab_events e WHERE e.org_id = {B};"
    );
    let fault = elsewhere(target, seeded, &again).await?;
    subjects.push(Subject { name: "what is reported of a patient".to_owned(), fault });
    Ok(subjects)
}

/// What each organisation has in each table, in short.
type Seen = BTreeMap<(String, String), String>;

/// What `statements` change of A, which they have nothing to do with; or that nothing is B's of it.
async fn elsewhere(target: &Target, seeded: &Seeded, statements: &str) -> Result<Option<String>> {
    let (before, after) =
        (seen(target, seeded, "").await?, seen(target, seeded, statements).await?);
    let before = before.map_err(|refused| anyhow::anyhow!("{refused:?}"))?;
    let after = match after {
        Ok(after) => after,
        Err(refused) => return Ok(Some(refused.message)),
    };
    let of = |organisation: i64| {
        let changed = before.iter().filter(|(key, digest)| after.get(*key) != Some(*digest));
        let own = changed.filter(move |((whose, _), _)| *whose == organisation.to_string());
        own.map(|((_, table), _)| table.clone()).collect::<Vec<_>>()
    };
    Ok(match (of(A), of(B)) {
        (theirs, _) if !theirs.is_empty() => {
            Some(format!("changes another organisation's {}", theirs.join(", ")))
        }
        (_, own) if own.is_empty() => Some("changes nothing: nothing is proven".to_owned()),
        _ => None,
    })
}

/// What both have after `statements`, of which nothing stays.
async fn seen(
    target: &Target,
    seeded: &Seeded,
    statements: &str,
) -> Result<std::result::Result<Seen, Refused>> {
    let digests = seeded.bound().filter_map(|table| Some((&table.name, table.organisation()?)));
    let digests = digests.flat_map(|(name, column)| {
        [A, B].map(|of| {
            format!(
                "SELECT '{of}', '{name}', md5(coalesce(string_agg(t::text, ',' ORDER BY t::text), ''))
                 FROM public.\"{name}\" t WHERE t.\"{column}\" = {of}"
            )
        })
    });
    let digests = digests.collect::<Vec<_>>().join(" UNION ALL ");
    let answered = target.attempt(&format!("{statements} {digests}")).await?;
    Ok(answered.map(|rows| {
        let seen = rows.into_iter().filter_map(|row| match <[_; 3]>::try_from(row) {
            Ok([Some(whose), Some(table), Some(digest)]) => Some(((whose, table), digest)),
            _ => None,
        });
        seen.collect()
    }))
}

/// What is wrong with the pairs of organisation and patient that a worker gets.
async fn claimed(target: &Target) -> Result<Option<String>> {
    let rows = target
        .attempt(
            "UPDATE public.insight_marks SET due_at = '-infinity';
             SELECT c.org_id, c.patient_id,
               EXISTS (SELECT FROM public.people p WHERE p.org_id = c.org_id AND p.id = c.patient_id)
             FROM definer.claim_insights(1000, now(), now() + interval '1 minute') c",
        )
        .await?;
    let rows = match rows {
        Ok(rows) => rows,
        Err(refused) => return Ok(Some(refused.message)),
    };
    let pairs: Vec<_> = rows.iter().filter(|row| row.len() == 3).collect();
    let whose = |row: &[Option<String>]| row.first().cloned().flatten();
    for organisation in [A, B] {
        let any = pairs.iter().any(|row| whose(row) == Some(organisation.to_string()));
        if !any {
            return Ok(Some(format!("claims nothing of {organisation}: nothing is proven")));
        }
    }
    let wrong = pairs.iter().find(|row| row.last().cloned().flatten().as_deref() != Some("t"));
    wrong
        .map(|row| {
            let organisation = whose(row).context("an organisation")?;
            Ok(format!("hands a patient of another organisation to {organisation}"))
        })
        .transpose()
}
