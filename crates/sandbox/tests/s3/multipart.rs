use chrono::TimeDelta;

use crate::support::{BUCKET, Stand, checksum};

const LEAST: usize = 5 << 20;

async fn begin(stand: &Stand) -> String {
    let headers = [("content-type", "video/mp4"), ("x-amz-checksum-algorithm", "SHA256")];
    let answer = stand.ask("POST", "/files/1/big?uploads", &headers, "").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.field("UploadId").to_owned()
}

/// Puts a part, and answers how it is named when the upload is completed.
async fn part(stand: &Stand, upload: &str, number: u32, body: &str) -> String {
    let target = format!("/files/1/big?partNumber={number}&uploadId={upload}");
    let sum = checksum(body);
    let answer = stand.ask("PUT", &target, &[("x-amz-checksum-sha256", &sum)], body).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let tag = answer.header("etag");
    format!("<ETag>{tag}</ETag><ChecksumSHA256>{sum}</ChecksumSHA256>")
}

fn list(parts: &[(u32, &str)]) -> String {
    let part = |(number, named): &(u32, &str)| {
        format!("<Part><PartNumber>{number}</PartNumber>{named}</Part>")
    };
    let parts: String = parts.iter().map(part).collect();
    format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>")
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_become_one_object_in_their_order() {
    let stand = Stand::new().await;
    let upload = begin(&stand).await;
    let large = "a".repeat(LEAST);
    let two = part(&stand, &upload, 2, "the end").await;
    let draft = part(&stand, &upload, 1, "a draft").await;
    let one = part(&stand, &upload, 1, &large).await;
    let complete = async |parts: &[(u32, &str)]| {
        let target = format!("/files/1/big?uploadId={upload}");
        stand.ask("POST", &target, &[], &list(parts)).await
    };
    assert_eq!(complete(&[(1, &draft), (2, &two)]).await.told(), (400, "InvalidPart"));
    assert_eq!(complete(&[(2, &two), (1, &one)]).await.told(), (400, "InvalidPartOrder"));
    assert_eq!(complete(&[]).await.status, 400);
    let (tag, _) = one.split_once("</ETag>").unwrap();
    let unnamed = format!("{tag}</ETag>");
    let told = complete(&[(1, &unnamed), (2, &two)]).await;
    assert_eq!(told.told(), (400, "InvalidRequest"), "a part without its checksum");
    let listed = stand.ask("GET", &format!("/files/1/big?uploadId={upload}"), &[], "").await;
    assert_eq!(listed.field("ChecksumSHA256"), checksum(&large));
    assert!(stand.keys().is_empty());
    assert_eq!(complete(&[(1, &one), (2, &two)]).await.status, 200);
    let whole = stand.ask("GET", "/files/1/big", &[], "").await;
    assert_eq!(whole.body, format!("{large}the end"));
    assert_eq!(whole.header("content-type"), "video/mp4");
    assert_eq!((stand.s3.uploads(BUCKET).len(), stand.s3.blobs()), (0, 1));
    assert_eq!(complete(&[(1, &one), (2, &two)]).await.told(), (404, "NoSuchUpload"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_is_small_or_not_as_said_is_refused() {
    let stand = Stand::new().await;
    let upload = begin(&stand).await;
    let target = format!("/files/1/big?partNumber=1&uploadId={upload}");
    let wrong = checksum("y");
    let answer = stand.ask("PUT", &target, &[("x-amz-checksum-sha256", &wrong)], "x").await;
    assert_eq!(answer.told(), (400, "BadDigest"));
    let answer = stand.ask("PUT", &target, &[], "x").await;
    assert_eq!(
        answer.told(),
        (400, "InvalidRequest"),
        "an upload with checksums takes no part without"
    );
    let (one, two) = (part(&stand, &upload, 1, "x").await, part(&stand, &upload, 2, "y").await);
    let target = format!("/files/1/big?uploadId={upload}");
    let answer = stand.ask("POST", &target, &[], &list(&[(1, &one), (2, &two)])).await;
    assert_eq!(answer.told(), (400, "EntityTooSmall"));
    let other = format!("/files/1/other?partNumber=1&uploadId={upload}");
    let other = stand.ask("PUT", &other, &[("x-amz-checksum-sha256", &checksum("x"))], "x").await;
    assert_eq!(other.told(), (404, "NoSuchUpload"), "an upload is of one key");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_completed_is_aborted_by_whoever_began_it_or_by_the_lifecycle() {
    let stand = Stand::new().await;
    let upload = begin(&stand).await;
    part(&stand, &upload, 1, "x").await;
    let answer = stand.ask("DELETE", &format!("/files/1/big?uploadId={upload}"), &[], "").await;
    assert_eq!((answer.status, stand.s3.blobs()), (204, 0));

    let rule = "<Rule><ID>a</ID><Filter><Prefix></Prefix></Filter><Status>Enabled</Status>\
                <AbortIncompleteMultipartUpload><DaysAfterInitiation>1</DaysAfterInitiation>\
                </AbortIncompleteMultipartUpload></Rule>";
    stand.set("lifecycle", "LifecycleConfiguration", rule).await;
    let upload = begin(&stand).await;
    part(&stand, &upload, 1, "x").await;
    stand.clock.advance(TimeDelta::hours(23));
    stand.send("GET", "/files", &[], b"").await;
    assert_eq!(stand.s3.uploads(BUCKET)[0].parts, 1);
    stand.clock.advance(TimeDelta::hours(1));
    stand.send("GET", "/files", &[], b"").await;
    assert_eq!((stand.s3.uploads(BUCKET).len(), stand.s3.blobs()), (0, 0));
}
