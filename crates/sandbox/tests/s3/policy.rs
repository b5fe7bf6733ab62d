use serde_json::json;

use crate::support::{BUCKET, Stand, USUAL, Way};

const SSE: &str = "x-amz-server-side-encryption";

#[tokio::test(flavor = "multi_thread")]
async fn what_has_to_be_encrypted_is_so_whichever_way_it_comes() {
    let stand = Stand::new().await;
    stand.ask("PUT", "/files/1/source", &[], "before the policy").await;
    let refuse = [
        json!({"Action": "s3:PutObject", "Condition": {"Null": {format!("s3:{SSE}"): "true"}}}),
        json!({
            "Action": "s3:PutObject",
            "Condition": {"StringNotEquals": {format!("s3:{SSE}"): "AES256"}},
        }),
    ];
    assert_eq!(stand.put_policy(&refuse).await.status, 204);
    let copy = ("x-amz-copy-source", "files/1/source");
    for (method, target, extra) in [
        ("PUT", "/files/1/a", None),
        ("PUT", "/files/1/copy", Some(copy)),
        ("POST", "/files/1/big?uploads", None),
    ] {
        for (sse, status) in [(None, 403), (Some("aws:kms"), 403), (Some("AES256"), 200)] {
            let headers: Vec<_> = extra.into_iter().chain(sse.map(|sse| (SSE, sse))).collect();
            let answer = stand.ask(method, target, &headers, "").await;
            assert_eq!(answer.status, status, "{method} {target} {sse:?}: {}", answer.body);
        }
    }
    // A part is encrypted as its upload is, and does not say so again.
    let upload = stand.s3.uploads(BUCKET).pop().unwrap().id;
    let target = format!("/files/1/big?partNumber=1&uploadId={upload}");
    assert_eq!(stand.ask("PUT", &target, &[], "x").await.status, 200);
    assert_eq!(stand.ask("GET", "/files/1/source", &[], "").await.status, 200);
    assert_eq!(stand.ask("DELETE", "/files?policy", &[], "").await.status, 204);
    assert_eq!(stand.ask("PUT", "/files/1/a", &[], "").await.status, 200, "the policy is gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denial_holds_for_the_owner_and_for_each_object_of_a_list() {
    let stand = Stand::new().await;
    for key in ["1/a", "2/a"] {
        stand.ask("PUT", &format!("/files/{key}"), &[], "x").await;
    }
    let keep = json!({"Action": "s3:DeleteObject*", "Resource": "arn:aws:s3:::files/1/*"});
    stand.put_policy(&[keep]).await;
    assert_eq!(stand.ask("DELETE", "/files/1/a", &[], "").await.status, 403);
    let both = "<Delete><Object><Key>1/a</Key></Object><Object><Key>2/a</Key></Object></Delete>";
    let answer = stand.ask("POST", "/files?delete", &[], both).await;
    assert_eq!((answer.status, answer.field("Key")), (200, "2/a"));
    let (_, errors) = answer.body.split_once("<Error>").unwrap();
    assert!(errors.contains("AccessDenied") && errors.contains("1/a"), "{errors}");
    let hide = json!({"Action": "s3:GetObject", "Resource": "arn:aws:s3:::files/1/*"});
    stand.put_policy(&[hide]).await;
    let source = [("x-amz-copy-source", "files/1/a")];
    assert_eq!(stand.ask("PUT", "/files/2/b", &source, "").await.status, 403, "by a copy neither");
}

#[tokio::test(flavor = "multi_thread")]
async fn old_signatures_and_plain_http_are_refused_where_the_policy_says_so() {
    let stand = Stand::new().await;
    stand.ask("PUT", "/files/1/a", &[], "x").await;
    let old = json!({
        "Action": "s3:*", "Condition": {"NumericGreaterThan": {"s3:signatureAge": "60000"}},
    });
    stand.put_policy(&[old]).await;
    let ago =
        async |ago| stand.ask_so(Way { ago, ..USUAL }, "GET", "/files/1/a", &[], "").await.status;
    assert_eq!((ago(30).await, ago(120).await), (200, 403));
    let plain = json!({
        "Action": "s3:*", "Resource": ["arn:aws:s3:::files", "arn:aws:s3:::files/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    });
    stand.put_policy(&[plain]).await;
    assert_eq!(stand.ask("GET", "/files/1/a", &[], "").await.status, 403);
    assert_eq!(stand.ask("GET", "/files?policy", &[], "").await.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_in_by_a_policy_that_block_public_access_forbids() {
    let stand = Stand::new().await;
    stand.ask("PUT", "/files/1/a", &[], "x").await;
    let open = [json!({"Effect": "Allow", "Action": "s3:GetObject"})];
    let anonymous = async || stand.send("GET", "/files/1/a", &[], b"").await.status;
    assert_eq!(stand.put_policy(&open).await.told(), (403, "AccessDenied"));
    assert_eq!(anonymous().await, 403);
    stand.unblock().await;
    assert_eq!(stand.put_policy(&open).await.status, 204);
    assert_eq!(anonymous().await, 200, "the policy says so");
    assert_eq!(stand.send("DELETE", "/files/1/a", &[], b"").await.status, 403);
    let restrict = "<RestrictPublicBuckets>true</RestrictPublicBuckets>";
    stand.set("publicAccessBlock", "PublicAccessBlockConfiguration", restrict).await;
    assert_eq!(anonymous().await, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_cannot_be_evaluated_cannot_be_put() {
    let stand = Stand::new().await;
    for statement in [
        json!({"Action": "s3:GetObject", "Condition": {"IpAddress": {"aws:SourceIp": "::/0"}}}),
        json!({"Action": "s3:GetObject", "Resource": "arn:aws:s3:::other/*"}),
        json!({"NotAction": "s3:GetObject"}),
    ] {
        let answer = stand.put_policy(&[statement]).await;
        assert_eq!(answer.told(), (400, "MalformedPolicy"), "{}", answer.body);
    }
    let answer = stand.ask("GET", "/files?policy", &[], "").await;
    assert_eq!(answer.told(), (404, "NoSuchBucketPolicy"));
}

#[tokio::test(flavor = "multi_thread")]
async fn there_are_no_acls_and_objects_are_encrypted_as_the_bucket_does() {
    let stand = Stand::new().await;
    let acl = [("x-amz-acl", "public-read")];
    assert_eq!(stand.ask("PUT", "/files/1/a", &acl, "x").await.told(), (403, "AccessDenied"));
    stand.unblock().await;
    let refused = stand.ask("PUT", "/files/1/a", &acl, "x").await;
    assert_eq!(refused.told(), (400, "AccessControlListNotSupported"));
    let rule = "<Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>aws:kms</SSEAlgorithm>\
                <KMSMasterKeyID>arn:aws:kms:x:0:key/k</KMSMasterKeyID>\
                </ApplyServerSideEncryptionByDefault></Rule>";
    stand.set("encryption", "ServerSideEncryptionConfiguration", rule).await;
    let put = stand.ask("PUT", "/files/1/a", &[], "x").await;
    assert_eq!(put.header(SSE), "aws:kms");
    assert_eq!(put.header(&format!("{SSE}-aws-kms-key-id")), "arn:aws:kms:x:0:key/k");
    let both = [(SSE, "AES256"), ("x-amz-server-side-encryption-aws-kms-key-id", "k")];
    assert_eq!(stand.ask("PUT", "/files/1/a", &both, "x").await.told(), (400, "InvalidArgument"));
}
