//! Where calls are carried is each organisation's own choice.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::{PATIENCE, account};
use crate::booking::token;
use crate::support::{Clinic, Stack};

#[tokio::test(flavor = "multi_thread")]
async fn a_clinics_calls_are_carried_where_it_says_and_the_others_where_the_account_says()
-> Result<()> {
    let stack = Stack::with_settings(&[("CORE_DAILY__REGION", "us-west-2")]).await?;
    let (one, two) = (stack.clinic("one")?, stack.clinic("two")?);
    let own = "/v1/organization";
    assert_eq!(one.admin.get(own)?.expect(200)?["video_region"], Value::Null);
    let told = one.admin.patch(own, &json!({"video_region": "eu-central-1"}))?.expect(200)?;
    assert_eq!(told["video_region"], "eu-central-1");
    for bad in ["", "EU", "eu central", &"x".repeat(33)] {
        one.admin.patch(own, &json!({"video_region": bad}))?.refused(422, "invalid")?;
    }
    one.patient.patch(own, &json!({"video_region": "eu-central-1"}))?.refused(403, "forbidden")?;
    let carried = |clinic: &Clinic, slot: usize| -> Result<Value> {
        let id = clinic.book(clinic.slots()?.get(slot).context("a slot")?)?;
        token(&clinic.patient, id, PATIENCE)?;
        let name = format!("restartix-{}-{id}", clinic.organisation);
        let room = account(&stack).get(&format!("/rooms/{name}"))?.expect(200)?;
        Ok(room["config"]["geo"].clone())
    };
    assert_eq!(carried(&one, 0)?, "eu-central-1");
    assert_eq!(carried(&two, 0)?, "us-west-2");
    // What else changes leaves it; taken back, the account's is meant again.
    let told = one.admin.patch(own, &json!({"grace_minutes": 20}))?.expect(200)?;
    assert_eq!(told["video_region"], "eu-central-1");
    let told = one.admin.patch(own, &json!({"video_region": null}))?.expect(200)?;
    assert_eq!(told["video_region"], Value::Null);
    assert_eq!(carried(&one, 4)?, "us-west-2");
    Ok(())
}
