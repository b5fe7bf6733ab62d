//! The program itself, against a real PostgreSQL: from an empty database to an answer and an end.

use crate::support::{Program, body, get};

#[tokio::test]
async fn an_empty_database_becomes_a_server_that_knows_its_member_and_ends_in_order() {
    let program = Program::with_empty_database().await;

    let unmigrated = program.serve().await;
    let answer = unmigrated.until_answer("/readyz", 503).await;
    assert_eq!(body(&answer)["dependencies"][0]["code"], "schema_too_old", "{answer}");
    unmigrated.end().await;

    assert_eq!(program.run(&["migrate", "--bootstrap"]), "");
    assert_eq!(program.run(&["migrate", "--bootstrap"]), "", "it may be repeated");
    let applied = program.run(&["migrate"]);
    assert!(applied.lines().count() >= 4 && applied.starts_with("{\"applied\":\""), "{applied}");
    assert_eq!(program.run(&["migrate"]), "", "nothing is left to apply");

    let clinic = ["org", "create", "--name", "Clinic One", "--timezone", "Europe/Bucharest"];
    let made: serde_json::Value = serde_json::from_str(&program.run(&clinic)).unwrap();
    let id = made["id"].to_string();
    let admin = ["member", "add", "--organization", &id, "--subject", "ana", "--role", "admin"];
    let name = ["--name", "Ana Pop", "--email", "ana@clinic.example"];
    let member: serde_json::Value =
        serde_json::from_str(&program.run(&[&admin[..], &name].concat())).unwrap();
    let again = program.refused(&[&admin[..], &name].concat());
    assert!(again.contains("already a member"), "{again}");
    let nowhere = ["member", "add", "--organization", "999", "--subject", "b", "--role", "patient"];
    let refused = program.refused(&[&nowhere[..], &name].concat());
    assert!(refused.contains("there is no such organisation"), "{refused}");

    let token = program.run(&["token", "--subject", "ana"]);
    let server = program.serve().await;
    let ready = server.until_answer("/readyz", 200).await;
    // Nothing listens where this server was told that Redis and Daily are.
    assert_eq!(body(&ready)["status"], "degraded", "{ready}");
    let me = get(server.address, "/v1/me", Some(token.trim())).await;
    let me = body(&me);
    assert_eq!(me["user_id"], member["user_id"]);
    assert_eq!(me["organization_id"], made["id"]);
    assert_eq!(me["role"], "admin");
    let counted = get(server.address, "/metrics", None).await;
    assert!(counted.contains("http_requests_total"), "{counted}");

    assert_eq!(program.run(&["org", "suspend", "--id", &id]), "");
    let suspended = get(server.address, "/v1/people", Some(token.trim())).await;
    assert!(suspended.starts_with("HTTP/1.1 403"), "{suspended}");

    let log = server.end().await;
    assert!(log.contains("listening") && log.contains("stopped"), "{log}");
    for personal in ["Ana", "clinic.example", token.trim(), crate::support::SECRET] {
        assert!(!log.contains(personal), "the log holds {personal:?}: {log}");
    }
}

#[tokio::test]
async fn workers_apart_tell_what_they_count_and_nothing_else() {
    let program = Program::with_database().await;
    let workers = program.work(256).await;
    let alive = workers.until_answer("/healthz", 200).await;
    assert_eq!(body(&alive)["status"], "ok", "{alive}");
    let counted = workers.until_text("/metrics", "webhook_oldest_due_age_seconds").await;
    assert!(counted.contains("text/plain; version=0.0.4"), "{counted}");
    let nothing = get(workers.address, "/v1/me", None).await;
    assert!(nothing.starts_with("HTTP/1.1 404"), "{nothing}");
    let log = workers.end().await;
    assert!(log.contains("working") && log.contains("stopped"), "{log}");
}

#[tokio::test]
async fn as_many_files_may_be_open_as_the_system_allows() {
    let workers = Program::with_database().await.work(256).await;
    let limit = workers.limit("Max open files");
    let [soft, hard] = [3, 4].map(|at| limit.split_whitespace().nth(at).unwrap_or_default());
    assert!(soft == hard && soft != "256", "{limit}");
    workers.end().await;
}

#[tokio::test]
async fn a_server_whose_configuration_is_wrong_does_not_start() {
    let program = Program::with("CORE_HTTP__WORKERS", "none");
    let told = program.refused(&["serve"]);
    assert!(told.contains("http.workers (CORE_HTTP__WORKERS) must be"), "{told}");
    assert_eq!(program.refused(&["check-config"]), told);
}

#[tokio::test]
async fn a_right_configuration_is_told_with_the_zones_that_it_knows() {
    let told = Program::with("CORE_HTTP__WORKERS", "1").run(&["check-config"]);
    let zones = format!("time zones: IANA {}", chrono_tz::IANA_TZDB_VERSION);
    assert!(told.contains("the configuration is right (profile development)"), "{told}");
    assert!(told.contains(&zones), "{told}");
}
