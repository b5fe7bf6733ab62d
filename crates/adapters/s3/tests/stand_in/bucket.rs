use restartix_s3::{CallError, Config};

use crate::support::{BUCKET, KMS_KEY, Stand, config, rules, s3};

#[tokio::test]
async fn what_is_applied_is_found_to_hold() {
    let stand = Stand::empty().await;
    let bucket = stand.bucket();
    bucket.apply().await.unwrap();
    bucket.apply().await.unwrap();
    assert_eq!(bucket.check().await.unwrap(), []);
    assert_eq!(stand.stand_in.objects(BUCKET), [], "the probes are gone");
    // No page may come.
    let closed = stand.s3.bucket(&[]);
    assert_eq!(rules(&closed.check().await.unwrap()), ["cors"]);
    closed.apply().await.unwrap();
    assert_eq!(closed.check().await.unwrap(), []);
}

#[tokio::test]
async fn a_bucket_with_a_key_of_its_own_holds_too() {
    let stand = Stand::empty().await;
    let kms_key_id = Some(KMS_KEY.to_owned());
    let kms = s3(&Config { kms_key_id, ..config(&stand.stand_in) }).bucket(&[]);
    kms.apply().await.unwrap();
    assert_eq!(kms.check().await.unwrap(), []);
}

#[tokio::test]
async fn a_bucket_that_nobody_told_anything_is_found_wanting() {
    let stand = Stand::empty().await;
    let unknown = stand.bucket().check().await.unwrap();
    assert!(!unknown.is_empty());
    // Somebody made it and left it as AWS makes them.
    stand.s3.bucket(&[]).apply().await.unwrap();
    stand.stand_in.switch(|switches| switches.ignore_policy = true);
    let findings = rules(&stand.check().await).join(" ");
    assert_eq!(findings, "cors put-without-encryption anonymous-get");
    assert_eq!(stand.stand_in.objects(BUCKET), [], "what was let in is taken away");
}

#[tokio::test]
async fn an_outage_is_not_judged() {
    let stand = Stand::ready().await;
    stand.stand_in.stop().await.unwrap();
    assert!(matches!(stand.bucket().check().await, Err(CallError::Transport(_))));
    stand.stand_in.restart().await.unwrap();
    assert_eq!(stand.check().await, []);
}
