use crate::support::{BUCKET, Stand, checksum};

#[tokio::test(flavor = "multi_thread")]
async fn versions_are_kept_marked_and_taken_away() {
    let stand = Stand::new().await;
    let put = async |body| {
        let answer = stand.ask("PUT", "/files/1/a", &[("content-type", "text/plain")], body).await;
        answer.header("x-amz-version-id").to_owned()
    };
    let (first, second) = (put("first").await, put("second").await);
    assert_eq!(stand.ask("GET", "/files/1/a", &[], "").await.body, "second");
    let old = stand.ask("GET", &format!("/files/1/a?versionId={first}"), &[], "").await;
    assert_eq!((old.body.as_str(), old.header("content-type")), ("first", "text/plain"));

    let gone = stand.ask("DELETE", "/files/1/a", &[], "").await;
    assert_eq!((gone.status, gone.header("x-amz-delete-marker")), (204, "true"));
    let marker = gone.header("x-amz-version-id").to_owned();
    let absent = stand.ask("GET", "/files/1/a", &[], "").await;
    assert_eq!((absent.told(), absent.header("x-amz-delete-marker")), ((404, "NoSuchKey"), "true"));
    let named = stand.ask("GET", &format!("/files/1/a?versionId={marker}"), &[], "").await;
    assert_eq!(named.told(), (405, "MethodNotAllowed"));
    let unknown = stand.ask("GET", "/files/1/a?versionId=nothing", &[], "").await;
    assert_eq!(unknown.told(), (404, "NoSuchVersion"));

    let list = stand.ask("GET", "/files?prefix=1%2F&versions", &[], "").await;
    assert_eq!(list.body.matches("<Version>").count(), 2);
    assert_eq!(list.body.matches("<DeleteMarker>").count(), 1);
    stand.ask("DELETE", &format!("/files/1/a?versionId={marker}"), &[], "").await;
    assert_eq!(stand.ask("GET", "/files/1/a", &[], "").await.body, "second");
    let ids = [first, second];
    let objects =
        ids.map(|id| format!("<Object><Key>1/a</Key><VersionId>{id}</VersionId></Object>"));
    let delete = format!("<Delete>{}<Quiet>true</Quiet></Delete>", objects.concat());
    let answer = stand.ask("POST", "/files?delete", &[], &delete).await;
    assert!(answer.status == 200 && !answer.body.contains("<Deleted>"), "{answer:?}");
    assert_eq!((stand.keys().len(), stand.s3.blobs()), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_goes_on_where_its_page_ended() {
    let stand = Stand::new().await;
    for key in ["1/a", "1/a", "1/b", "1/b", "1/b", "1/c", "2/a"] {
        stand.ask("PUT", &format!("/files/{key}"), &[], key).await;
    }
    let (mut seen, mut markers) = (Vec::new(), String::new());
    loop {
        let target = format!("/files?{markers}max-keys=2&prefix=1%2F&versions");
        let page = stand.ask("GET", &target, &[], "").await;
        seen.extend(page.body.split("<Key>").skip(1).map(|rest| rest[..3].to_owned()));
        if page.field("IsTruncated") == "false" {
            break;
        }
        let (key, version) = (page.field("NextKeyMarker"), page.field("NextVersionIdMarker"));
        markers = format!("key-marker={}&version-id-marker={version}&", key.replace('/', "%2F"));
    }
    assert_eq!(seen, ["1/a", "1/a", "1/b", "1/b", "1/b", "1/c"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_bytes_are_stored_once() {
    let stand = Stand::new().await;
    for key in ["1/a", "1/b", "2/a"] {
        stand.ask("PUT", &format!("/files/{key}"), &[], "the same").await;
    }
    assert_eq!((stand.keys().len(), stand.s3.blobs()), (3, 1));
    let [object, ..] = &stand.s3.objects(BUCKET)[..] else { panic!("three were put") };
    assert_eq!(stand.s3.bytes(BUCKET, &object.key, &object.version).unwrap(), b"the same");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_of_an_object_is_what_was_put() {
    let stand = Stand::new().await;
    let sum = checksum("0123456789");
    let headers = [
        ("cache-control", "no-store"),
        ("content-disposition", "attachment"),
        ("content-type", "application/pdf"),
        ("x-amz-checksum-sha256", sum.as_str()),
        ("x-amz-meta-note", "n"),
    ];
    stand.ask("PUT", "/files/1/a", &headers, "0123456789").await;
    let asks = [("x-amz-checksum-mode", "ENABLED")];
    let head = stand.ask("HEAD", "/files/1/a", &asks, "").await;
    for (name, value) in headers {
        assert_eq!(head.header(name), value, "{name}");
    }
    assert_eq!((head.header("content-length"), head.body.as_str()), ("10", ""));
    assert_eq!(head.header("x-amz-server-side-encryption"), "AES256", "nobody asked for it");
    let part = stand.ask("GET", "/files/1/a", &[("range", "bytes=2-4")], "").await;
    let range = part.header("content-range");
    assert_eq!((part.status, part.body.as_str(), range), (206, "234", "bytes 2-4/10"));
    let over = "/files/1/a?response-content-disposition=inline&response-content-type=text%2Fplain";
    let over = stand.ask("GET", over, &[], "").await;
    assert_eq!(over.header("content-disposition"), "inline");
    assert_eq!(over.header("content-type"), "text/plain");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_versions_what_is_put_replaces_and_what_is_deleted_is_gone() {
    let stand = Stand::new().await;
    stand.ask("PUT", "/files/1/old", &[], "old").await;
    stand.set("versioning", "VersioningConfiguration", "<Status>Suspended</Status>").await;
    stand.ask("PUT", "/files/1/a", &[], "first").await;
    let put = stand.ask("PUT", "/files/1/a", &[], "second").await;
    assert_eq!(put.header("x-amz-version-id"), "null");
    assert_eq!(stand.keys(), ["1/a", "1/old"]);
    stand.ask("DELETE", "/files/1/a", &[], "").await;
    assert_eq!(stand.ask("GET", "/files/1/a", &[], "").await.status, 404);
    assert_eq!(stand.s3.blobs(), 1);
}
