use restartix_kernel::{Clock as _, SystemClock};
use restartix_s3::Config;
use restartix_sandbox::s3::{Encryption, Signed};
use restartix_storage::{ForeignKey, ObjectStore as _, conformance};

use crate::support::{BUCKET, Browser, KMS_KEY, Stand, config, key, member, parts, s3};

#[tokio::test]
async fn the_adapter_keeps_the_rules_of_the_port() {
    keeps_the_rules(&Stand::patient().await).await;
}

#[tokio::test]
async fn it_keeps_them_while_s3_stumbles_at_every_other_call_and_says_strange_things() {
    let stand = Stand::patient().await;
    stand.stand_in.switch(|switches| {
        switches.stumbles = true;
        switches.strange_headers = 100_000;
        switches.faults.slow_body_ms = 1;
    });
    keeps_the_rules(&stand).await;
    let stumbled =
        stand.stand_in.journal().iter().filter(|asked| asked.status == Some(503)).count();
    assert!(stumbled > 10, "it stumbled {stumbled} times");
}

async fn keeps_the_rules(stand: &Stand) {
    let (one, two) = (member(1).await, member(2).await);
    let tenants = [one.tenant().unwrap(), two.tenant().unwrap()];
    conformance::one_organisations_object_is_not_anothers(&stand.s3, tenants).await;
    conformance::versions_stay_until_all_are_deleted(&stand.s3, tenants[0]).await;
    conformance::only_the_announced_body_is_kept(&stand.s3, tenants[0]).await;
    conformance::what_is_signed_is_narrow(&stand.s3, tenants, SystemClock.now()).await;
    conformance::parts_become_one_object(&stand.s3, tenants[0], &Browser).await;
    assert_eq!(stand.stand_in.uploads(BUCKET), [], "no upload is left");
    assert_eq!(stand.stand_in.objects(BUCKET), [], "the suite leaves nothing behind");
    assert_eq!(stand.stand_in.blobs(), 0);
}

#[tokio::test]
async fn what_another_system_left_in_the_bucket_is_copied_inside_it() {
    const BYTES: &[u8] = b"%PDF-1.4 of the old system";
    let stand = Stand::ready().await;
    let one = member(1).await;
    let source = ForeignKey::new("strapi/R\u{103}spuns \u{1}a+b.pdf");
    assert!(source.is_none(), "a control character");
    let source = ForeignKey::new("strapi/R\u{103}spuns a+b.pdf").unwrap();
    assert!(stand.stand_in.leave(BUCKET, source.as_str(), BYTES));
    conformance::what_is_brought_in_is_whole(&stand.s3, one.tenant().unwrap(), (&source, BYTES))
        .await;
    let copies = stand.stand_in.journal();
    let copies = copies.iter().filter(|one| one.operation.as_deref() == Some("CopyObject"));
    assert_eq!(copies.count(), 3, "nothing was sent through us");
}

#[tokio::test]
async fn what_is_put_is_encrypted_checked_and_of_its_type() {
    let stand = Stand::ready().await;
    let version = stand.put(&key(1, "documents/a").await, b"%PDF-1.7").await.unwrap();
    let [object] = stand.stand_in.objects(BUCKET).try_into().unwrap();
    assert_eq!((object.key.as_str(), object.version.as_str()), ("1/documents/a", version.as_str()));
    let stored = object.content.unwrap();
    assert_eq!(stored.encryption.algorithm, "AES256");
    assert_eq!(stored.content_type.as_deref(), Some("application/pdf"));
    assert!(stored.checked, "S3 was told the hash, and compared");
    let asked = stand.stand_in.journal().pop().unwrap();
    assert_eq!((asked.operation.as_deref(), asked.status), (Some("PutObject"), Some(200)));
    assert_eq!((asked.signed, asked.key.as_str()), (Signed::Header, "1/documents/a"));
}

#[tokio::test]
async fn what_is_put_with_a_key_of_kms_is_encrypted_with_that_key_and_no_other() {
    let stand = Stand::empty().await;
    let with =
        |key: &str| s3(&Config { kms_key_id: Some(key.to_owned()), ..config(&stand.stand_in) });
    let ours = with(KMS_KEY);
    ours.bucket(&[]).apply().await.unwrap();
    let (key, terms) = (key(1, "documents/a").await, conformance::announced(b"%PDF"));
    ours.put(&key, &terms, parts(b"%PDF")).await.unwrap();
    assert!(ours.head(&key, None).await.unwrap().unwrap().encrypted);
    let stored = stand.stand_in.objects(BUCKET).pop().unwrap().content.unwrap();
    let expected =
        Encryption { algorithm: "aws:kms".to_owned(), kms_key_id: Some(KMS_KEY.to_owned()) };
    assert_eq!(stored.encryption, expected);

    let other = "arn:aws:kms:eu-central-1:000000000000:key/other";
    for stranger in [with(other), s3(&config(&stand.stand_in))] {
        let told = stranger.put(&key, &terms, parts(b"%PDF")).await;
        assert!(format!("{told:?}").contains("AccessDenied"), "{told:?}");
    }
    assert_eq!(stand.stand_in.objects(BUCKET).len(), 1);
}

#[tokio::test]
async fn more_versions_than_one_batch_are_all_deleted() {
    let stand = Stand::ready().await;
    let (doomed, kept) = (key(1, "documents/a").await, key(1, "documents/ab").await);
    stand.put(&kept, b"kept").await.unwrap();
    for _ in 0..1003 {
        stand.put(&doomed, b"doomed").await.unwrap();
    }
    stand.s3.delete(&doomed).await.unwrap();
    let left: Vec<_> = stand.stand_in.objects(BUCKET).into_iter().map(|one| one.key).collect();
    assert_eq!(left, ["1/documents/ab"]);
}
