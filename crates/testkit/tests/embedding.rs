//! A team outside of this workspace embeds the domain crates, and runs.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};

#[test]
fn a_crate_outside_the_workspace_books_and_joins_with_a_directory_of_its_own() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let embedding = root.join("fixtures/embedding");
    // The versions that the workspace was tested with; cargo drops what the crate does not need.
    std::fs::copy(root.join("Cargo.lock"), embedding.join("Cargo.lock"))?;
    let output = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--manifest-path"])
        .arg(embedding.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(root.join("target/embedding"))
        .output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told = String::from_utf8(output.stdout)?;
    assert_eq!(told, "28 slots; booked 2026-03-02T08:00:00+00:00; room restartix-7-102\n");
    Ok(())
}
