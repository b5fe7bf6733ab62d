use restartix_sandbox::receiver::{Fault, Gap, Summary};
use serde_json::{Value, json};

use crate::support::{OTHER, SECRET, Stand};

#[tokio::test(flavor = "multi_thread")]
async fn what_came_before_the_secret_was_told_is_verified_when_it_is() {
    let stand = Stand::new().await;
    assert_eq!(stand.send("make", 1, &[SECRET]).await.unwrap().status, 200);
    assert_eq!(stand.send("make", 2, &[OTHER]).await.unwrap().status, 200);
    let verdicts = || -> Vec<_> {
        stand.receiver.deliveries("make").iter().map(|one| (one.verified, one.fault)).collect()
    };
    assert_eq!(verdicts(), [(None, None), (None, None)]);
    // Long after it came: what counts is when it came.
    stand.advance(3600);
    stand.tell("make", &[SECRET]);
    assert_eq!(verdicts(), [(Some(true), None), (Some(false), Some(Fault::Signature))]);
    assert_eq!(stand.send("make", 3, &[OTHER]).await.unwrap().status, 401);
    assert_eq!(stand.send("make", 3, &[]).await.unwrap().status, 401);
    assert_eq!(stand.send("make", 3, &[OTHER, SECRET]).await.unwrap().status, 200);
    stand.tell("make", &[OTHER, SECRET]);
    let summary = stand.receiver.summary("make");
    assert_eq!((summary.secrets, summary.verified, summary.invalid), (2, 4, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_endpoint_has_its_own_secret() {
    let stand = Stand::new().await;
    stand.tell("make", &[SECRET]);
    stand.tell("zapier", &[OTHER]);
    assert_eq!(stand.send("make", 1, &[SECRET]).await.unwrap().status, 200);
    assert_eq!(stand.send("zapier", 1, &[SECRET]).await.unwrap().status, 401);
    let refused = stand.control("PUT", "/endpoints/make/secrets", json!({"secrets": ["whsec_!"]}));
    assert_eq!(refused.await.0, 400);
    assert_eq!(stand.send("make", 2, &[SECRET]).await.unwrap().status, 200, "as it was");
}

#[tokio::test(flavor = "multi_thread")]
async fn gaps_repeats_and_losses_are_told_apart() {
    let stand = Stand::new().await;
    stand.tell("make", &[SECRET]);
    // What is for one endpoint alone, such as its verification, has no place in the sequence: 0.
    for seq in [0, 10, 11, 14] {
        stand.send("make", seq, &[SECRET]).await.unwrap();
    }
    // Refused once and sent again: no duplicate. Accepted and sent again: one.
    stand.receiver.switch("make", |s| s.faults.lose_answer_after_commit = 1);
    assert!(stand.send("make", 12, &[SECRET]).await.is_none());
    assert_eq!(stand.send("make", 12, &[SECRET]).await.unwrap().status, 200);
    assert_eq!(stand.send("make", 10, &[SECRET]).await.unwrap().status, 200);
    let expected = Summary {
        secrets: 1,
        deliveries: 7,
        accepted: 6,
        events: 5,
        duplicates: 1,
        verified: 7,
        gaps: vec![Gap { organization_id: 1, from: 13, to: 13 }],
        ..Summary::default()
    };
    assert_eq!(stand.receiver.summary("make"), expected);
    let attempts: Vec<_> = stand
        .receiver
        .deliveries("make")
        .iter()
        .map(|one| (one.seq.unwrap(), one.attempt, one.duplicate, one.status))
        .collect();
    assert_eq!(
        attempts[4..],
        [(12, 1, false, None), (12, 2, false, Some(200)), (10, 2, true, Some(200)),]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_are_listed_page_by_page_without_the_values_of_headers() {
    let stand = Stand::new().await;
    stand.tell("make", &[SECRET]);
    for seq in 1..=3 {
        stand.send("make", seq, &[SECRET]).await.unwrap();
    }
    stand.send("other", 9, &[]).await.unwrap();
    let list = async |path: &str| stand.control("GET", path, Value::Null).await.1;
    let page = list("/deliveries?endpoint=make&limit=2").await;
    assert_eq!(page["deliveries"].as_array().unwrap().len(), 2);
    let first = &page["deliveries"][0];
    assert_eq!(
        json!([
            first["id"],
            first["type"],
            first["seq"],
            first["organization_id"],
            first["verified"]
        ]),
        json!(["evt_1", "appointment.created", 1, 1, true])
    );
    assert_eq!(first["body"]["data"]["id"], 102);
    assert!(first["headers"].as_array().unwrap().contains(&json!("x-tenant-key")));
    assert!(!page.to_string().contains("a secret of the receiver's"));
    let rest = list(&format!("/deliveries?endpoint=make&after={}", page["next_after"])).await;
    assert_eq!((&rest["deliveries"][0]["seq"], &rest["next_after"]), (&json!(3), &Value::Null));
    assert_eq!(list("/deliveries?id=evt_9").await["deliveries"][0]["verified"], Value::Null);
    assert_eq!(list("/deliveries?type=nothing").await["deliveries"], json!([]));
    assert_eq!(list("/endpoints").await["endpoints"]["make"]["verified"], 3);
    let kept = stand.receiver.deliveries("make").remove(0);
    assert_eq!(kept.header_values["x-tenant-key"], "a secret of the receiver's");
    stand.control("DELETE", "/deliveries", Value::Null).await;
    assert_eq!(stand.receiver.summary("make"), Summary { secrets: 1, ..Summary::default() });
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_may_wait_for_deliveries() {
    let stand = Stand::new().await;
    let (summary, _) =
        tokio::join!(stand.receiver.until("make", |summary| summary.accepted == 2), async {
            stand.send("make", 1, &[]).await.unwrap();
            stand.send("make", 2, &[]).await.unwrap()
        });
    assert_eq!((summary.events, summary.unverified), (2, 2));
}
