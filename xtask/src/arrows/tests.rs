use serde_json::{Value, json};

use super::*;

/// A dependency of one crate of the workspace on another, as cargo tells it.
fn inside(folder: &str) -> Value {
    let name =
        Room::of_folder(folder).and_then(Room::package_name).unwrap_or("stranger".to_owned());
    json!({ "name": name, "kind": null, "features": [], "path": format!("/w/{folder}") })
}

/// A dependency on a crate of crates.io.
fn outside(name: &str) -> Value {
    json!({ "name": name, "kind": null, "optional": false, "features": [], "source": homes::CRATES_IO })
}

fn with(mut dependency: Value, field: &str, value: Value) -> Value {
    dependency[field] = value;
    dependency
}

fn dev(dependency: Value) -> Value {
    with(dependency, "kind", json!("dev"))
}

/// The rules that a workspace of one crate breaks.
fn rules(folder: &str, dependency: &Value) -> Vec<String> {
    let name =
        Room::of_folder(folder).and_then(Room::package_name).unwrap_or("stranger".to_owned());
    let metadata = json!({
        "workspace_root": "/w",
        "packages": [{
            "name": name,
            "manifest_path": format!("/w/{folder}/Cargo.toml"),
            "dependencies": [dependency],
        }],
    });
    violations(&metadata).unwrap().into_iter().map(|violation| violation.rule).collect()
}

fn allowed(folder: &str, dependency: &Value) {
    assert_eq!(rules(folder, dependency), Vec::<String>::new(), "from {folder}");
}

fn refused(folder: &str, dependency: &Value, because: &str) {
    let rules = rules(folder, dependency);
    assert!(rules.iter().any(|rule| rule.contains(because)), "from {folder}: {rules:?}");
}

#[test]
fn the_arrows_of_the_drawing_are_allowed() {
    let way = [
        "crates/domain/kernel",
        "crates/domain/tenancy",
        "crates/domain/video",
        "crates/workflows",
        "crates/adapters/daily",
        "bins/core-api",
    ];
    for (place, outer) in way.iter().enumerate() {
        for inner in &way[..place] {
            allowed(outer, &inside(inner));
        }
    }
    allowed("crates/http-api", &inside("crates/workflows"));
    allowed("crates/web", &inside("crates/http-api"));
    allowed("bins/core-api", &inside("crates/web"));
    allowed("crates/sandbox", &inside("crates/domain/kernel"));
    for folder in
        ["crates/domain/kernel", "crates/adapters/postgres", "crates/sandbox", "bins/core-api"]
    {
        allowed("crates/testkit", &inside(folder));
        allowed("bins/mutant-server", &inside(folder));
    }
}

#[test]
fn inner_rooms_never_know_outer_rooms() {
    let rule = "inner rooms never know outer rooms";
    refused("crates/domain/kernel", &inside("crates/domain/tenancy"), rule);
    refused("crates/domain/tenancy", &inside("crates/domain/video"), rule);
    refused("crates/domain/video", &inside("crates/workflows"), rule);
    refused("crates/domain/video", &inside("crates/adapters/daily"), rule);
    refused("crates/workflows", &inside("crates/adapters/postgres"), rule);
    refused("crates/adapters/daily", &inside("crates/http-api"), rule);
    refused("crates/http-api", &inside("crates/adapters/postgres"), rule);
    refused("crates/http-api", &inside("crates/web"), rule);
    refused("crates/web", &inside("crates/adapters/redis"), rule);
    refused("crates/web", &inside("bins/core-api"), rule);
}

#[test]
fn a_test_does_not_open_a_forbidden_door() {
    refused("crates/domain/video", &dev(inside("crates/adapters/daily")), "inner rooms");
    refused("crates/http-api", &dev(inside("crates/adapters/postgres")), "inner rooms");
}

#[test]
fn domains_do_not_know_each_other() {
    refused(
        "crates/domain/video",
        &inside("crates/domain/scheduling"),
        "domains do not know each other",
    );
}

#[test]
fn an_adapter_never_imports_another() {
    refused("crates/adapters/daily", &inside("crates/adapters/postgres"), "another adapter");
}

#[test]
fn the_sandbox_sees_the_kernel_only_and_serves_tests_only() {
    refused("crates/sandbox", &inside("crates/domain/video"), "sees the kernel only");
    refused("bins/core-api", &inside("crates/sandbox"), "stand-ins");
    allowed("crates/adapters/daily", &dev(inside("crates/sandbox")));
}

#[test]
fn the_product_meets_proofs_in_dev_dependencies_only() {
    for proof in ["crates/testkit", "crates/isolation", "crates/bench", "bins/mutant-server"] {
        refused("bins/core-api", &inside(proof), "depends on proofs");
        refused("crates/domain/video", &inside(proof), "depends on proofs");
        allowed("crates/http-api", &dev(inside(proof)));
    }
    refused(
        "bins/core-api",
        &with(inside("crates/testkit"), "kind", json!("build")),
        "depends on proofs",
    );
}

#[test]
fn xtask_stands_alone() {
    refused("xtask", &inside("crates/domain/kernel"), "no crate of the workspace");
    refused("xtask", &dev(inside("crates/testkit")), "no crate of the workspace");
    refused("crates/testkit", &inside("xtask"), "nothing depends on xtask");
}

#[test]
fn an_unknown_folder_is_red() {
    for folder in ["crates/helpers", "crates/domain/billing", "crates/adapters/smtp", "tools/x"] {
        refused(folder, &outside("serde"), "no room of the house");
        refused("bins/core-api", &inside(folder), "no room of the house");
    }
    let elsewhere =
        json!({ "name": "friend", "kind": null, "features": [], "path": "/elsewhere/friend" });
    refused("crates/http-api", &elsewhere, "no room of the house");
}

#[test]
fn a_package_is_called_after_its_folder() {
    let metadata = json!({
        "workspace_root": "/w",
        "packages": [{ "name": "video", "manifest_path": "/w/crates/domain/video/Cargo.toml", "dependencies": [] }],
    });
    let found = violations(&metadata).unwrap();
    assert_eq!(
        found.first().unwrap().to_string(),
        "video -> video: a crate in this folder is called `restartix-video`"
    );
}

#[test]
fn outside_crates_have_homes() {
    let homes = [
        ("diesel-async", "crates/adapters/postgres", "crates/http-api"),
        ("tokio-postgres", "crates/adapters/legacy", "bins/core-api"),
        ("actix-web", "crates/http-api", "crates/adapters/postgres"),
        ("actix-web", "crates/sandbox", "crates/adapters/daily"),
        ("actix-web", "bins/core-api", "xtask"),
        ("rusoto_s3", "crates/adapters/s3", "crates/adapters/s3-aws-sdk"),
        ("aws-sdk-s3", "crates/adapters/s3-aws-sdk", "crates/adapters/s3"),
        ("ureq", "crates/adapters/identity", "crates/http-api"),
        ("ureq", "crates/sandbox", "crates/web"),
        ("hyper", "crates/adapters/webhook-sender", "crates/adapters/daily"),
        ("hickory-resolver", "crates/adapters/webhook-sender", "bins/core-api"),
        ("redis", "crates/adapters/redis", "crates/web"),
    ];
    for (name, home, elsewhere) in homes {
        allowed(home, &outside(name));
        refused(elsewhere, &outside(name), "live");
        allowed(elsewhere, &dev(outside(name)));
        for proof in ["crates/testkit", "crates/isolation", "crates/bench"] {
            allowed(proof, &outside(name));
        }
    }
}

#[test]
fn inner_rooms_know_no_runtime_and_no_client() {
    for name in
        ["tokio", "tokio-util", "actix-web", "diesel", "rusoto_core", "ureq", "redis", "hyper"]
    {
        for room in ["crates/domain/kernel", "crates/domain/video", "crates/workflows"] {
            refused(room, &outside(name), "no SQL, HTTP, vendor or runtime");
            allowed(room, &dev(outside(name)));
        }
    }
    allowed("crates/domain/kernel", &with(outside("tokio"), "optional", json!(true)));
    refused("crates/domain/video", &with(outside("tokio"), "optional", json!(true)), "runtime");
}

#[test]
fn features_of_tests_do_not_ship() {
    let asks = |feature| with(inside("crates/domain/kernel"), "features", json!([feature]));
    refused("bins/core-api", &asks("conformance"), "`conformance`");
    refused("crates/adapters/postgres", &asks("mutants"), "`mutants`");
    refused("crates/domain/video", &asks("system"), "through ports");
    allowed("crates/domain/video", &dev(asks("conformance")));
    allowed("crates/testkit", &asks("conformance"));
    allowed("bins/core-api", &asks("system"));
}

#[test]
fn outside_crates_come_from_crates_io() {
    let forked = with(outside("serde"), "source", json!("git+https://example.org/serde"));
    refused("crates/http-api", &forked, "crates.io alone");
}

#[test]
fn a_banned_crate_deep_in_the_tree_is_found() {
    let tree = "restartix-video v0.1.0 (/w/crates/domain/video)\nserde v1.0.0\ntokio v1.0.0\ntokio v1.0.0 (*)\n";
    let found = in_tree("restartix-video", tree);
    assert_eq!(found.len(), 1);
    assert!(found.first().unwrap().to_string().starts_with("restartix-video -> tokio:"));
    assert_eq!(in_tree("restartix-video", "tokiometer v1.0.0\nredistribute v1.0.0"), Vec::new());
}
