//! Whatever is sent, the answer is a refusal in the one form: never a 500.

use crate::support::bench;
use actix_web::test::TestRequest;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use restartix_http_api::Verb;
use serde_json::json;

const JSON: (&str, &str) = ("content-type", "application/json");

fn book(body: impl Into<Vec<u8>>) -> TestRequest {
    TestRequest::post().uri("/v1/appointments").insert_header(JSON).set_payload(body.into())
}

#[actix_web::test]
async fn a_body_that_is_refused_says_where_and_why() {
    let bench = bench(Vec::new());
    let id = "0198c6f0-7e6b-7c3a-9f5e-1a2b3c4d5e6f";
    let slot = |starts_at: &str| {
        json!({"appointment_type_id": id, "specialist_id": id, "starts_at": starts_at}).to_string()
    };
    let mut seen = Vec::new();
    for body in [
        "{}".to_owned(),
        json!({"hold_id": 5}).to_string(),
        json!({"hold_id": "not-an-id"}).to_string(),
        json!({"hold_id": null}).to_string(),
        json!({"hold_id": id, "org_id": 2}).to_string(),
        json!({"hold_id": id, "specialist_id": id}).to_string(),
        json!({"hold_id": id, "recording_consent": "yes"}).to_string(),
        json!({"hold_id": "a\0b"}).to_string(),
        slot("0000-01-01T00:00:00Z"),
        slot("99999-01-01T00:00:00Z"),
        slot("2026-01-05T09:00:00+02:00"),
        "[]".to_owned(),
        "null".to_owned(),
    ] {
        let answer = bench.send_as("patient-1", book(body.clone())).await;
        let problem = answer.json();
        answer.is_problem(422, problem["code"].as_str().unwrap());
        seen.push(format!("{body} -> {} {}", problem["code"], problem["errors"]));
    }
    insta::assert_snapshot!(seen.join("\n"));
}

#[actix_web::test]
async fn a_body_that_is_no_json_in_utf_8_is_a_400() {
    let bench = bench(Vec::new());
    for body in [&b""[..], b"{", b"\xff\xfe{}", b"{\"hold_id\":\"\xc3\x28\"}", b"\0", b"{}x"] {
        bench.send_as("patient-1", book(body)).await.is_problem(400, "malformed_json");
    }
    let deep = "[".repeat(100_000);
    bench.send_as("patient-1", book(deep)).await.is_problem(400, "malformed_json");
}

#[actix_web::test]
async fn a_body_of_another_type_or_of_ten_megabytes_is_refused() {
    let bench = bench(Vec::new());
    let form = TestRequest::post().uri("/v1/holds").set_payload("a=b");
    bench.send_as("patient-1", form).await.is_problem(415, "unsupported_media_type");
    let large = format!("{{\"hold_id\":\"{}\"}}", "x".repeat(10 * 1024 * 1024));
    bench.send_as("patient-1", book(large)).await.is_problem(413, "too_large");
}

#[actix_web::test]
async fn a_path_that_names_nothing_is_the_404_of_everything_that_is_not_there() {
    let bench = bench(Vec::new());
    for id in ["0", "-1", "007", "1e3", "9007199254740992", "%00", "%ff", "x'--", "1.pdf"] {
        let ask = TestRequest::get().uri(&format!("/v1/appointments/{id}")).to_request();
        let ask = TestRequest::get().uri(&ask.uri().to_string());
        bench.send_as("patient-1", ask).await.is_problem(404, "not_found");
    }
    let line = "1 appointments.get appointment - refused not_found";
    assert!(bench.lines().iter().all(|is| is == line), "what is no id is not recorded as one");
    bench.send(TestRequest::get().uri("/v1/nowhere")).await.is_problem(404, "not_found");
    let wrong = bench.send(TestRequest::delete().uri("/v1/people")).await;
    wrong.is_problem(405, "method_not_allowed");
    assert_eq!(wrong.header("allow"), "GET, HEAD, POST");
}

#[actix_web::test]
async fn a_query_that_is_refused_names_the_parameter() {
    let bench = bench(Vec::new());
    let id = "0198c6f0-7e6b-7c3a-9f5e-1a2b3c4d5e6f";
    let range = "from=2026-01-05T00:00:00Z&to=2026-01-12T00:00:00Z";
    for (query, parameter) in [
        ("appointments?limit=0".to_owned(), "limit"),
        ("appointments?limit=-1".to_owned(), "limit"),
        ("appointments?limit=201".to_owned(), "limit"),
        ("appointments?limit=1&limit=2".to_owned(), "limit"),
        ("appointments?cursor=a%00b".to_owned(), "cursor"),
        ("appointments?status=gone".to_owned(), "status"),
        ("appointments?from=0000-01-01T00:00:00Z".to_owned(), "from"),
        (format!("availability?{range}"), "appointment_type_id"),
        (format!("availability?appointment_type_id={id}&{range}&specialist_id=7"), "specialist_id"),
        (format!("availability?appointment_type_id={id}&{range}&mode=some"), "mode"),
        (format!("availability?appointment_type_id={id}&from=2026-01-05T00:00:00Z"), "to"),
        (
            format!(
                "availability?appointment_type_id={id}&from=2026-01-05T00:00:00Z&to=2027-01-05T00:00:00Z"
            ),
            "to",
        ),
    ] {
        let ask = TestRequest::get().uri(&format!("/v1/{query}"));
        let answer = bench.send_as("patient-1", ask).await;
        answer.is_problem(400, "invalid_parameter");
        assert_eq!(answer.json()["errors"][0]["pointer"], parameter, "{query}");
    }
    let known = TestRequest::get().uri("/v1/appointments?limit=200&organization_id=2&utm=x");
    bench.send_as("patient-1", known).await.is_problem(503, "unavailable");
}

#[actix_web::test]
async fn a_tag_that_no_version_has_matches_nothing() {
    let bench = bench(Vec::new());
    let edit = |tag: &'static str| {
        let patch = TestRequest::patch().uri("/v1/organization").insert_header(("if-match", tag));
        patch.set_json(json!({"lead_minutes": 5}))
    };
    for tag in ["\"v0\"", "v3", "W/\"v3\"", "\"v3", "\"x\"", "\"v99999999999\""] {
        bench.send_as("admin-1", edit(tag)).await.is_problem(412, "stale");
    }
    for tag in ["*", "\"v3\""] {
        bench.send_as("admin-1", edit(tag)).await.is_problem(503, "unavailable");
    }
}

/// Bodies that look like those of the API and are wrong in every way.
fn bodies() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        Just("hold_id".to_owned()),
        Just("starts_at".to_owned()),
        Just("name".to_owned()),
        Just("duration_minutes".to_owned()),
        Just("hours".to_owned()),
        Just("display_name".to_owned()),
        Just("alignment".to_owned()),
        Just("organization_id".to_owned()),
        ".{0,12}",
    ];
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        "\\PC{0,20}".prop_map(Into::into),
        Just("2026-01-05T09:00:00Z".into()),
        Just("0198c6f0-7e6b-7c3a-9f5e-1a2b3c4d5e6f".into()),
        Just("Europe/Bucharest".into()),
    ];
    let value = leaf.prop_recursive(3, 24, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            prop::collection::vec((word.clone(), inner), 0..6)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    });
    prop_oneof![
        4 => value.prop_map(|value| value.to_string().into_bytes()),
        1 => prop::collection::vec(any::<u8>(), 0..64),
    ]
}

#[actix_web::test]
async fn no_body_whatsoever_makes_a_500() {
    let bench = bench(Vec::new());
    let mut runner = TestRunner::deterministic();
    let writes = bench.table.routes().iter().map(restartix_http_api::Route::declared);
    let writes: Vec<_> =
        writes.filter(|it| it.method != Verb::Get && it.path.contains("/v1")).collect();
    for _ in 0..20 {
        for declared in &writes {
            let body = bodies().new_tree(&mut runner).unwrap().current();
            let uri = declared.path.replace("{id}", "0198c6f0-7e6b-7c3a-9f5e-1a2b3c4d5e6f");
            let request = TestRequest::default().uri(&uri).insert_header(JSON);
            let method = format!("{:?}", declared.method).to_uppercase().parse().unwrap();
            let request = request.method(method).set_payload(body.clone());
            let answer = bench.send_as("admin-1", request).await;
            let status = answer.status.as_u16();
            assert!(
                (400..500).contains(&status) || status == 503,
                "{} answered {status} to {:?}",
                declared.operation,
                String::from_utf8_lossy(&body)
            );
        }
    }
}
