//! What the adapter does when S3 fails.

use restartix_s3::Health;
use restartix_storage::{ObjectError, ObjectStore as _};

use crate::support::{BUCKET, Stand, key};

const BODY: &[u8] = b"%PDF-1.7 of some length";

#[tokio::test]
async fn what_may_be_repeated_is_until_it_works() {
    let stand = Stand::ready().await;
    let key = key(1, "documents/a").await;
    let version = stand.put(&key, BODY).await.unwrap();
    stand.stand_in.switch(|switches| switches.faults.status_5xx = 3);
    assert_eq!(stand.s3.head(&key, None).await.unwrap().unwrap().version, version);
    stand.stand_in.switch(|switches| switches.faults.status_429 = 2);
    assert_eq!(stand.read(&key, &version).await.unwrap(), BODY);
    stand.stand_in.switch(|switches| switches.faults.timeout = 1);
    assert!(stand.s3.head(&key, None).await.unwrap().is_some());
    assert_eq!(stand.s3.health(), Health::Ok);
}

#[tokio::test]
async fn an_upload_is_sent_once_and_what_failed_is_passing() {
    let stand = Stand::ready().await;
    let key = key(1, "documents/a").await;
    stand.stand_in.switch(|switches| switches.faults.status_5xx = 1);
    let told = stand.put(&key, BODY).await;
    assert!(matches!(told, Err(ObjectError::Unavailable(_))), "{told:?}");
    assert_eq!(stand.stand_in.objects(BUCKET), []);
    assert!(matches!(stand.s3.health(), Health::Failing { .. }));
    stand.put(&key, BODY).await.unwrap();
    // Stored, and its answer lost: there is a version that nobody was told of.
    stand.stand_in.switch(|switches| switches.faults.lose_answer_after_commit = 1);
    let told = stand.put(&key, BODY).await;
    assert!(matches!(told, Err(ObjectError::Unavailable(_))), "{told:?}");
    assert_eq!(stand.stand_in.objects(BUCKET).len(), 2);
    assert!(stand.stand_in.journal().pop().unwrap().answer_lost);
    stand.s3.delete(&key).await.unwrap();
    assert_eq!(stand.stand_in.objects(BUCKET), []);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_never_taken_for_a_whole_one() {
    let stand = Stand::ready().await;
    let key = key(1, "documents/a").await;
    let version = stand.put(&key, BODY).await.unwrap();
    stand.stand_in.switch(|switches| switches.cut_bodies = 1);
    assert!(stand.read(&key, &version).await.is_err());
    assert_eq!(stand.read(&key, &version).await.unwrap(), BODY);
    // Longer than the adapter waits for a byte.
    stand.stand_in.switch(|switches| switches.faults.slow_body_ms = 5_000);
    assert!(stand.read(&key, &version).await.is_err());
    stand.stand_in.switch(|switches| switches.faults.slow_body_ms = 20);
    assert_eq!(stand.read(&key, &version).await.unwrap(), BODY);
}

#[tokio::test]
async fn a_header_above_ascii_does_no_harm() {
    let stand = Stand::ready().await;
    let key = key(1, "documents/a").await;
    stand.stand_in.switch(|switches| switches.strange_headers = 100);
    let version = stand.put(&key, BODY).await.unwrap();
    assert_eq!(stand.s3.head(&key, None).await.unwrap().unwrap().version, version);
    assert_eq!(stand.read(&key, &version).await.unwrap(), BODY);
    assert_eq!(stand.check().await, []);
    stand.s3.delete(&key).await.unwrap();
}

#[tokio::test]
async fn nobody_follows_a_redirect() {
    let stand = Stand::ready().await;
    let key = key(1, "documents/a").await;
    let version = stand.put(&key, BODY).await.unwrap();
    stand.stand_in.switch(|switches| switches.redirect = 1);
    let told = stand.s3.read(&key, &version).await;
    assert!(matches!(told, Err(ObjectError::Refused(_))), "{told:?}");
}

#[tokio::test]
async fn after_an_outage_everything_is_still_there() {
    let stand = Stand::ready().await;
    let key = key(1, "documents/a").await;
    let version = stand.put(&key, BODY).await.unwrap();
    stand.stand_in.stop().await.unwrap();
    let told = stand.s3.head(&key, None).await;
    assert!(matches!(told, Err(ObjectError::Unavailable(_))), "{told:?}");
    stand.stand_in.restart().await.unwrap();
    stand.stand_in.switch(|switches| switches.faults.outage = true);
    let told = stand.s3.head(&key, None).await;
    assert!(matches!(told, Err(ObjectError::Unavailable(_))), "{told:?}");
    stand.stand_in.switch(|switches| switches.faults.outage = false);
    assert_eq!(stand.read(&key, &version).await.unwrap(), BODY);
}
