//! Where the workspace is and what it consists of.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// The workspace that encloses the current directory, as cargo describes it.
pub(crate) struct Workspace {
    root: PathBuf,
    target: PathBuf,
    metadata: Value,
}

impl Workspace {
    /// Asks `cargo metadata`. Without dependencies: needs no network and no lock file.
    pub(crate) fn find() -> Result<Self> {
        let output = cargo()
            .args(["metadata", "--no-deps", "--format-version", "1"])
            .output()
            .context("cannot run cargo metadata")?;
        if !output.status.success() {
            bail!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        let metadata: Value =
            serde_json::from_slice(&output.stdout).context("cargo metadata answered no JSON")?;
        let path = |field: &str| {
            metadata
                .get(field)
                .and_then(Value::as_str)
                .map(PathBuf::from)
                .with_context(|| format!("cargo metadata names no {field}"))
        };
        Ok(Self { root: path("workspace_root")?, target: path("target_directory")?, metadata })
    }

    /// The folder of the root `Cargo.toml`.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The build directory, under which private clusters and logs live too.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// The answer of `cargo metadata --no-deps`.
    pub(crate) fn metadata(&self) -> &Value {
        &self.metadata
    }

    /// Whether the package `name` has a target of this kind (`lib`, `bin`).
    pub(crate) fn has_target(&self, name: &str, kind: &str) -> bool {
        packages(&self.metadata)
            .filter(|package| text(package, "name") == Some(name))
            .flat_map(|package| list(package, "targets"))
            .flat_map(|target| list(target, "kind"))
            .any(|found| found.as_str() == Some(kind))
    }

    /// A command of cargo, run at the root.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = cargo();
        command.args(arguments).current_dir(&self.root);
        command
    }
}

fn cargo() -> Command {
    let mut command = Command::new(environment("CARGO").unwrap_or_else(|| "cargo".to_owned()));
    // What `cargo run` tells xtask about itself. Build scripts watch these names: handed on, they would make cargo
    // build ring, and whatever stands on it, anew after each `cargo build` by hand, and back again.
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if ABOUT_XTASK.iter().any(|beginning| name.starts_with(beginning)) {
            command.env_remove(&*name);
        }
    }
    command
}

/// Beginnings of the variables that cargo sets for the program it runs
/// (<https://doc.rust-lang.org/cargo/reference/environment-variables.html>).
const ABOUT_XTASK: [&str; 4] =
    ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CRATE_NAME", "CARGO_BIN_NAME"];

/// A variable of the environment that is set and not empty.
pub(crate) fn environment(name: &str) -> Option<String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "xtask's configuration is the environment; read here only"
    )]
    let value = std::env::var(name).ok();
    value.filter(|value| !value.is_empty())
}

/// The packages of a metadata document.
pub(crate) fn packages(metadata: &Value) -> impl Iterator<Item = &Value> {
    list(metadata, "packages")
}

/// The array `field` of an object; nothing if there is none.
pub(crate) fn list<'a>(
    object: &'a Value,
    field: &str,
) -> impl Iterator<Item = &'a Value> + use<'a> {
    object.get(field).and_then(Value::as_array).into_iter().flatten()
}

/// The string `field` of an object.
pub(crate) fn text<'a>(object: &'a Value, field: &str) -> Option<&'a str> {
    object.get(field).and_then(Value::as_str)
}
