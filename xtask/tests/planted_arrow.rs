//! A forbidden arrow, planted in a workspace of its own, turns `cargo xtask check` red.
#![cfg(test)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn write(root: &Path, file: &str, text: &str) {
    let file = root.join(file);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, text).unwrap();
}

fn krate(root: &Path, folder: &str, dependencies: &str) {
    let name = folder.rsplit('/').next().unwrap();
    let manifest = format!(
        "[package]\nname = \"restartix-{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[dependencies]\n{dependencies}"
    );
    write(root, &format!("{folder}/Cargo.toml"), &manifest);
    write(root, &format!("{folder}/src/lib.rs"), "//! A room.\n");
}

/// Runs `xtask check` on a house of two rooms; `arrow` is a dependency of the domain.
fn check(arrow: &str) -> Output {
    let root = tempfile::tempdir().unwrap();
    let members = r#"["crates/domain/video", "crates/adapters/daily"]"#;
    write(
        root.path(),
        "Cargo.toml",
        &format!("[workspace]\nresolver = \"3\"\nmembers = {members}\n"),
    );
    krate(root.path(), "crates/domain/video", arrow);
    krate(root.path(), "crates/adapters/daily", "");
    Command::new(env!("CARGO_BIN_EXE_xtask"))
        .arg("check")
        .current_dir(root.path())
        .env("CARGO_TARGET_DIR", root.path().join("target"))
        .env("CARGO_NET_OFFLINE", "true")
        .env_remove("CLIPPY_CONF_DIR")
        .output()
        .unwrap()
}

#[test]
fn a_house_without_it_is_green() {
    let output = check("");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_domain_that_names_an_adapter_is_red() {
    let output = check("restartix-daily = { path = \"../../adapters/daily\" }\n");
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("restartix-video -> restartix-daily: inner rooms never know outer rooms"),
        "{said}"
    );
    assert!(said.contains("FAILED: 1 forbidden arrows"), "{said}");
}
