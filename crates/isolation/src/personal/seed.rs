//! A canary in every column of personal data: a text that stands nowhere else.

use anyhow::Result;
use restartix_kernel::{RandomExt, SystemRandom};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::{Subject, Target};

#[derive(Deserialize)]
struct Column {
    table: String,
    column: String,
    /// The column that holds the organisation; none, if the table is bound to none.
    organization: Option<String>,
}

const COLUMNS: &str =
    "SELECT coalesce(json_agg(json_build_object('table', c.relname, 'column', a.attname,
    'organization', o.attname) ORDER BY c.relname, a.attname), '[]')::text
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_attribute o ON o.attrelid = c.oid AND NOT o.attisdropped
    AND o.attname = CASE c.relname WHEN 'organizations' THEN 'id' ELSE 'org_id' END
  WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
    AND col_description(c.oid, a.attnum) = 'pii'";

/// A word that no canary had before: those that got out once are not looked for again.
pub(super) struct Season(String);

impl Season {
    /// A new one.
    pub(super) fn fresh() -> Self {
        Self(hex::encode_upper(SystemRandom.bytes::<6>()))
    }

    /// How every canary of the season begins.
    pub(super) fn beginning(&self) -> String {
        format!("Canary{}", self.0)
    }

    /// What stands in this column of this organisation: letters and digits alone, so that it is itself
    /// in a URL and in JSON.
    fn canary(&self, table: &str, column: &str, organization: i64) -> String {
        let whole = format!("{table}.{column} in {organization}");
        let digits: String = hex::encode_upper(Sha256::digest(whole)).chars().take(16).collect();
        format!("{}{digits}", self.beginning())
    }
}

/// A column that was seeded, or was not, and with what.
pub(super) struct Seeded {
    pub(super) subject: Subject,
    pub(super) canary: String,
}

/// Seeds every column of class `pii` in these organisations: whatever rows there are get the canary.
pub(super) async fn seed(
    target: &Target,
    organizations: [i64; 2],
    season: &Season,
) -> Result<Vec<Seeded>> {
    let columns: Vec<Column> = target.document(COLUMNS).await?;
    // What the server must see is committed, apart from any fault that is planted.
    let owner = target.another().await?;
    owner.batch_execute("SET lock_timeout = '3s'").await?;
    // Each row's ends otherwise: nothing that was unique becomes the same.
    let mut all = Vec::new();
    for Column { table, column, organization } in columns {
        for number in organizations {
            let canary = season.canary(&table, &column, number);
            let fault = match &organization {
                None => Some("is in a table of no organisation: nobody can seed it".to_owned()),
                Some(of) => {
                    let update = format!(
                        "UPDATE public.\"{table}\" SET \"{column}\" = '{canary}' || replace(gen_random_uuid()::text, '-', '') WHERE \"{of}\" = {number}"
                    );
                    match owner.execute(update.as_str(), &[]).await {
                        Ok(0) => Some("has no row that could hold a canary".to_owned()),
                        Ok(_) => None,
                        Err(error) => Some(format!("takes no canary: {error:?}")),
                    }
                }
            };
            let name = format!("{table}.{column} of organisation {number}");
            all.push(Seeded { subject: Subject { name, fault }, canary });
        }
    }
    Ok(all)
}

/// How a canary may be spelt.
pub(super) struct Needles {
    /// In lower case: looked for in a text in lower case.
    any_case: Vec<String>,
    /// As they are.
    exact: Vec<String>,
}

impl Needles {
    pub(super) fn of(canary: &str) -> Self {
        use base64::Engine as _;
        use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
        let escaped: String = canary.bytes().map(|byte| format!("%{byte:02x}")).collect();
        // In base64 three beginnings are possible; what neighbours touch is left out.
        let mut exact = Vec::new();
        for skipped in 0..3 {
            let part = canary.get(skipped..).unwrap_or_default();
            let whole = part.get(..part.len() / 3 * 3).unwrap_or_default();
            exact.extend([STANDARD_NO_PAD.encode(whole), URL_SAFE_NO_PAD.encode(whole)]);
        }
        Self { any_case: vec![canary.to_lowercase(), hex::encode(canary), escaped], exact }
    }

    pub(super) fn are_in(&self, text: &str, lower: &str) -> bool {
        self.any_case.iter().any(|needle| lower.contains(needle.as_str()))
            || self.exact.iter().any(|needle| text.contains(needle.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;

    use super::*;

    #[test]
    fn a_canary_is_found_however_it_is_spelt_by_itself_and_by_its_beginning() {
        let season = Season::fresh();
        let canary = season.canary("people", "email", 7);
        for needles in [Needles::of(&canary), Needles::of(&season.beginning())] {
            let found = |text: String| needles.are_in(&text, &text.to_lowercase());
            assert!(found(format!("name={canary}&x")));
            assert!(found(canary.to_lowercase()));
            assert!(found(hex::encode(&canary)));
            assert!(found(hex::encode_upper(&canary)));
            for before in ["", "a", "ab", "abc"] {
                let text = format!("{before}{canary}, and more");
                assert!(found(base64::engine::general_purpose::STANDARD.encode(&text)), "{before}");
                assert!(found(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text)));
            }
            assert!(found(canary.bytes().map(|byte| format!("%{byte:02X}")).collect()));
            assert!(!found(Season::fresh().canary("people", "email", 7)), "another season's");
        }
        let other = season.canary("people", "email", 8);
        assert!(!Needles::of(&canary).are_in(&other, &other.to_lowercase()), "another column's");
    }
}
