//! Rules about all routes, and the document that describes them.

use std::collections::BTreeSet;

use crate::support::bench;
use actix_web::test::TestRequest;
use restartix_http_api::{AuditClass, Kind, Verb};
use serde_json::Value;

fn document() -> Value {
    serde_json::to_value(bench(Vec::new()).table.document()).unwrap()
}

#[test]
fn the_contract_is_the_one_that_was_published() {
    insta::assert_snapshot!(serde_json::to_string_pretty(&document()).unwrap());
}

#[test]
fn every_route_is_documented_with_its_roles_audit_and_limit() {
    let (bench, document) = (bench(Vec::new()), document());
    assert_eq!(document["openapi"], "3.1.0");
    let mut operations = BTreeSet::new();
    for declared in bench.table.routes().iter().map(restartix_http_api::Route::declared) {
        let method = format!("{:?}", declared.method).to_lowercase();
        let operation = &document["paths"][declared.path][&method];
        assert_eq!(operation["operationId"], declared.operation);
        for extension in ["x-roles", "x-audit", "x-rate-limit"] {
            assert!(!operation[extension].is_null(), "{} {extension}", declared.operation);
        }
        let of_organisation = operation["x-roles"].is_array();
        let guarded = of_organisation || operation["x-roles"] == "signed_in";
        assert_eq!(guarded, operation["security"].is_array(), "{}", declared.operation);
        let audited = !matches!(declared.audit, AuditClass::Exempt { .. });
        assert!(audited || !of_organisation, "{} leaves no trace", declared.operation);
        let changes = matches!(declared.audit, AuditClass::Change(_));
        assert!(
            !of_organisation || changes == (declared.method != Verb::Get),
            "{}",
            declared.operation
        );
        assert!(operations.insert(declared.operation), "{} is there twice", declared.operation);
    }
}

#[test]
fn no_request_names_an_organisation_but_the_switch() {
    let document = document();
    let mut named = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let empty = Vec::new();
            let parameters = operation["parameters"].as_array().unwrap_or(&empty);
            let names = parameters.iter().map(|parameter| parameter["name"].to_string());
            let mut words: Vec<_> = names.collect();
            let content =
                &operation["requestBody"]["content"]["application/json"]["schema"]["$ref"];
            if let Some(reference) = content.as_str() {
                let schema = reference.rsplit('/').next().unwrap();
                let properties = &document["components"]["schemas"][schema]["properties"];
                words.extend(properties.as_object().unwrap().keys().cloned());
            }
            if words.iter().any(|word| word.to_lowercase().contains("org")) {
                named.push(format!("{method} {path}"));
            }
        }
    }
    assert_eq!(named, ["put /v1/me/current-organization"]);
}

#[test]
fn everything_that_the_document_refers_to_is_in_it() {
    let document = document();
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(!document["components"]["schemas"][name].is_null(), "{name}");
    }
}

#[test]
fn a_code_means_one_thing() {
    let codes: BTreeSet<_> = Kind::ALL.iter().map(|kind| kind.code).collect();
    assert_eq!(codes.len(), Kind::ALL.len());
    let plain = |code: &str| code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    assert!(codes.into_iter().all(plain));
}

#[actix_web::test]
async fn the_page_that_shows_the_contract_loads_nothing_from_outside() {
    let bench = bench(Vec::new());
    let page = bench.send(TestRequest::get().uri("/docs/")).await;
    assert_eq!(page.status, 200);
    let html = String::from_utf8(page.body.clone()).unwrap();
    assert!(!html.contains("http://") && !html.contains("https://"), "{html}");
    assert!(page.header("content-security-policy").contains("connect-src 'self'"));
    let parts =
        html.split(['"', '\'']).filter(|part| part.ends_with(".js") || part.ends_with(".css"));
    let mut found = 0;
    for part in parts {
        let uri = format!("/docs/{}", part.trim_start_matches("./"));
        let answer = bench.send(TestRequest::get().uri(&uri)).await;
        assert_eq!(answer.status, 200, "{uri}");
        found += 1;
    }
    assert!(found >= 4, "{html}");
    assert_eq!(bench.send(TestRequest::get().uri("/docs")).await.header("location"), "/docs/");
    bench.send(TestRequest::get().uri("/docs/nothing.js")).await.is_problem(404, "not_found");
    assert_eq!(bench.send(TestRequest::get().uri("/openapi.json")).await.json(), document());
}

#[actix_web::test]
async fn operations_are_open_and_say_nothing_of_anybody() {
    let bench = bench(Vec::new());
    let alive = bench.send(TestRequest::get().uri("/healthz")).await;
    assert_eq!(alive.json()["status"], "ok");
    let ready = bench.send(TestRequest::get().uri("/readyz")).await;
    assert_eq!(ready.json()["status"], "ready");
    let counted = bench.send(TestRequest::get().uri("/metrics")).await;
    assert_eq!(counted.body, b"up 1\n");
}
