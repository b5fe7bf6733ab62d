//! What every request goes through, whatever it asks for.

use std::time::Duration;

use crate::support::{bench, bench_with};
use actix_web::http::{Method, StatusCode};
use actix_web::test::TestRequest;
use chrono::TimeDelta;
use restartix_http_api::{
    AuditClass, Config, Declared, Member, PathId, Problem, Reply, Roles, Route, Verb, View,
};
use restartix_kernel::AppointmentId;
use restartix_telemetry::ResourceKind;
use restartix_tenancy::{OrgId, RateClass, Role, Subject};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
struct Record {
    diagnosis: &'static str,
}

impl View for Record {}

fn route(operation: &'static str, path: &'static str, audit: AuditClass) -> Declared {
    let (method, summary, rate) = (Verb::Get, "For tests.", RateClass::Read);
    Declared { operation, method, path, summary, audit, rate }
}

/// Routes that answer without a store: a record, a defect, and one that never answers.
fn extra() -> Vec<Route> {
    let read = AuditClass::Read(ResourceKind::Appointment);
    vec![
        Route::member(
            route("test.record", "/v1/test/{id}", read),
            Roles::STAFF,
            async |_: Member<'_>, _: PathId<AppointmentId>| -> Result<Reply<Record>, Problem> {
                Ok(Reply(Record { diagnosis: "a-diagnosis" }))
            },
        ),
        Route::member(
            route("test.panic", "/v1/test-panic", read),
            Roles::EVERYBODY,
            async |_: Member<'_>, (): ()| -> Result<Reply<Record>, Problem> { panic!("a defect") },
        ),
        Route::member(
            route("test.stuck", "/v1/test-stuck", read),
            Roles::EVERYBODY,
            async |member: Member<'_>, (): ()| -> Result<Reply<Record>, Problem> {
                let long = member.api.clock.now() + TimeDelta::days(1);
                member.api.clock.sleep_until(long).await;
                Ok(Reply(Record { diagnosis: "late" }))
            },
        ),
    ]
}

#[actix_web::test]
async fn what_was_read_is_in_the_audit_before_the_answer_leaves() {
    let bench = bench(extra());
    let answer = bench.send_as("specialist-1", TestRequest::get().uri("/v1/test/102")).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.json(), json!({"diagnosis": "a-diagnosis"}));
    assert_eq!(bench.lines(), ["1 test.record appointment 102 success -"]);
    let (_, _, event) = bench.audit.lines().remove(0);
    assert_eq!(event.act.request.unwrap().to_string(), answer.header("x-request-id"));
}

#[actix_web::test]
async fn nothing_is_shown_that_cannot_be_recorded() {
    let bench = bench(extra());
    bench.audit.set_broken(true);
    let answer = bench.send_as("admin-1", TestRequest::get().uri("/v1/test/102")).await;
    answer.is_problem(503, "audit_unavailable");
    assert!(!String::from_utf8(answer.body).unwrap().contains("a-diagnosis"));
}

#[actix_web::test]
async fn without_a_token_that_proves_somebody_every_route_is_closed_in_the_same_way() {
    let bench = bench(extra());
    // What a vendor posts is proven by its signature, who asks for a token by a secret.
    let proven = |path: &str| path.starts_with("/v1/integrations/") || path == "/v1/oauth/token";
    let closed = |path: &str| path.starts_with("/v1/") && !proven(path);
    let routes = bench.table.routes().iter().map(Route::declared);
    for declared in routes.filter(|declared| closed(declared.path)) {
        let uri = declared.path.replace("{id}", "102");
        let method: Method = format!("{:?}", declared.method).to_uppercase().parse().unwrap();
        let request = || TestRequest::default().method(method.clone()).uri(&uri);
        for answer in [
            bench.send(request()).await,
            bench.send_as("a-stranger", request()).await,
            bench.send(request().insert_header(("authorization", "Basic YTpi"))).await,
        ] {
            answer.is_problem(401, "unauthenticated");
            assert_eq!(answer.header("www-authenticate"), "Bearer", "{}", declared.operation);
        }
    }
    assert_eq!(bench.lines(), [""; 0], "a stranger has no organisation to be recorded in");
}

#[actix_web::test]
async fn a_role_that_a_route_does_not_name_is_refused_and_recorded() {
    let bench = bench(extra());
    let answer = bench.send_as("patient-1", TestRequest::get().uri("/v1/test/102")).await;
    answer.is_problem(403, "forbidden");
    let answer = bench.send_as("patient-1", TestRequest::get().uri("/v1/memberships")).await;
    answer.is_problem(403, "forbidden");
    assert_eq!(
        bench.lines(),
        [
            "1 test.record appointment 102 refused forbidden",
            "1 memberships.list membership - refused forbidden"
        ]
    );
}

#[actix_web::test]
async fn suspension_and_removal_act_at_once() {
    let bench = bench(extra());
    let subject = Subject::new("leaver").unwrap();
    let user = restartix_kernel::UserId::fresh(&*bench.api.random);
    let person = restartix_kernel::PersonId::fresh(&*bench.api.random);
    let two = OrgId::new(2).unwrap();
    bench.directory.add_member(&subject, user, two, person, Role::Admin);
    let ask = || TestRequest::get().uri("/v1/test/102");
    assert_eq!(bench.send_as("leaver", ask()).await.status, StatusCode::OK);
    bench.directory.remove_member(user, two);
    bench.send_as("leaver", ask()).await.is_problem(403, "no_organization");
    bench.directory.suspend(two);
    bench.send_as("admin-2", ask()).await.is_problem(403, "organization_suspended");
}

#[actix_web::test]
async fn who_asks_too_much_is_told_when_to_come_back() {
    let bench = bench(extra());
    bench.limits.close();
    let answer = bench.send_as("admin-1", TestRequest::get().uri("/v1/test/102")).await;
    answer.is_problem(429, "rate_limited");
    assert_eq!(answer.header("retry-after"), "2");
    assert_eq!(bench.lines(), ["1 test.record appointment 102 refused rate_limited"]);
}

#[actix_web::test]
async fn a_panic_is_a_500_with_a_trace_and_not_a_lost_connection() {
    let bench = bench(extra());
    let answer = bench.send_as("admin-1", TestRequest::get().uri("/v1/test-panic")).await;
    answer.is_problem(500, "internal");
    assert!(!String::from_utf8(answer.body).unwrap().contains("a defect"));
    assert_eq!(bench.lines(), ["1 test.panic appointment - failed internal"]);
}

#[actix_web::test]
async fn a_request_that_takes_too_long_is_given_up() {
    let mut config = Config::new("https://api.clinic.example");
    config.request_timeout = Duration::from_secs(5);
    let bench = bench_with(extra(), config);
    let clock = bench.clock.clone();
    let (answer, ()) = futures_util::join!(
        bench.send_as("admin-1", TestRequest::get().uri("/v1/test-stuck")),
        async move { clock.advance(TimeDelta::seconds(6)) },
    );
    answer.is_problem(503, "timeout");
    assert_eq!(bench.lines(), ["1 test.stuck appointment - failed timeout"]);
}

#[actix_web::test]
async fn causes_stay_inside() {
    let bench = bench(Vec::new());
    let answer = bench.send_as("patient-1", TestRequest::get().uri("/v1/appointments/7")).await;
    answer.is_problem(503, "unavailable");
    assert!(!String::from_utf8(answer.body).unwrap().contains("secret-cause"));
    assert_eq!(bench.lines(), ["1 appointments.get appointment 7 failed unavailable"]);
}

/// The store is away: what cannot be recorded is not chosen.
#[actix_web::test]
async fn the_organisation_is_switched_by_members_alone_and_not_without_its_line() {
    let bench = bench(Vec::new());
    let to = |id: i64| {
        let put = TestRequest::put().uri("/v1/me/current-organization");
        put.set_json(json!({"organization_id": id}))
    };
    let me = async |token| bench.send_as(token, TestRequest::get().uri("/v1/me")).await.json();
    let before = me("both").await;
    assert_eq!((&before["organization_id"], &before["role"]), (&json!(1), &json!("patient")));
    bench.send_as("both/tab-1", to(2)).await.is_problem(503, "unavailable");
    assert_eq!(me("both/tab-1").await["organization_id"], 1);
    for foreign in [3, 0, -1, i64::MAX] {
        bench.send_as("admin-2", to(foreign)).await.is_problem(404, "not_found");
    }
    let lines = bench.lines();
    assert_eq!(lines[0], "1 me.switch_organization organization - failed unavailable");
    assert_eq!(lines[1], "2 me.switch_organization organization - refused not_found");
    assert_eq!(lines.len(), 5);
}

#[actix_web::test]
async fn browsers_are_told_what_they_may_do() {
    let mut config = Config::new("https://api.clinic.example/");
    config.cors_origins = vec!["https://app.clinic.example".to_owned()];
    let bench = bench_with(extra(), config);
    let ask = |origin: &'static str| {
        TestRequest::get().uri("/v1/test/1").insert_header(("origin", origin))
    };
    let known = bench.send_as("admin-1", ask("https://app.clinic.example")).await;
    assert_eq!(known.header("access-control-allow-origin"), "https://app.clinic.example");
    assert_eq!(known.header("cache-control"), "no-store");
    assert_eq!(known.header("x-content-type-options"), "nosniff");
    assert_eq!(
        known.header("content-security-policy"),
        "default-src 'none'; frame-ancestors 'none'"
    );
    assert!(known.header("strict-transport-security").starts_with("max-age="));
    let other = bench.send_as("admin-1", ask("https://evil.example")).await;
    assert_eq!(other.header("access-control-allow-origin"), "");
    assert_eq!(other.header("vary"), "Origin");

    let preflight = TestRequest::default().method(Method::OPTIONS).uri("/v1/people");
    let answer =
        bench.send(preflight.insert_header(("origin", "https://app.clinic.example"))).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert_eq!(answer.header("access-control-allow-methods"), "GET, HEAD, POST");
}
