//! The arrows of the house: inner rooms never know outer rooms. Deny by default.
//!
//! [`violations`] is a pure function of `cargo metadata --no-deps`: which crate of the workspace may see which
//! ([`rooms`]), and where outside crates have their homes ([`homes`]). [`check`] adds what only resolution
//! knows: that nothing banned from the inner rooms comes in through somebody else's dependencies.

use std::fmt;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::run::Session;
use crate::workspace::{list, packages, text};

mod homes;
mod rooms;
#[cfg(test)]
mod tests;

use rooms::Room;

/// One arrow that must not be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    /// The package that has the dependency.
    package: String,
    /// What it depends on; itself where the package as such breaks a rule.
    dependency: String,
    /// The rule.
    rule: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {}: {}", self.package, self.dependency, self.rule)
    }
}

/// How a dependency is declared. A build dependency counts as a normal one: it runs, too.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Normal,
    Dev,
}

/// Prints each violation; fails if there is one.
pub(crate) fn check(session: &Session) -> Result<()> {
    let metadata = session.workspace().metadata();
    let mut found = violations(metadata)?;
    for package in packages(metadata) {
        if room_of(metadata, package)?.is_some_and(Room::is_pure) {
            found.extend(resolved(session, text(package, "name").unwrap_or_default())?);
        }
    }
    for violation in &found {
        println!("    {violation}");
    }
    match found.len() {
        0 => Ok(()),
        count => bail!("{count} forbidden arrows"),
    }
}

/// Every arrow of this metadata document (`cargo metadata --no-deps`) that the house does not allow.
///
/// # Errors
/// The document is not of that form.
pub(crate) fn violations(metadata: &Value) -> Result<Vec<Violation>> {
    let mut found = Vec::new();
    for package in packages(metadata) {
        let name = text(package, "name").context("a package without a name")?;
        let mut complain = |dependency: &str, rule: String| {
            found.push(Violation {
                package: name.to_owned(),
                dependency: dependency.to_owned(),
                rule,
            });
        };
        let folder =
            folder(metadata, text(package, "manifest_path").context("a package without a path")?);
        let Some(room) = folder.as_deref().and_then(Room::of_folder) else {
            let place = folder.unwrap_or_default();
            complain(
                name,
                format!(
                    "`{place}` is no room of the house; give it its arrows in xtask/src/arrows/"
                ),
            );
            continue;
        };
        if let Some(expected) = room.package_name()
            && expected != name
        {
            complain(name, format!("a crate in this folder is called `{expected}`"));
        }
        for dependency in list(package, "dependencies") {
            judge(metadata, room, dependency, &mut complain)?;
        }
    }
    Ok(found)
}

/// One dependency against every rule.
fn judge(
    metadata: &Value,
    room: Room,
    dependency: &Value,
    complain: &mut impl FnMut(&str, String),
) -> Result<()> {
    let name = text(dependency, "name").context("a dependency without a name")?;
    let kind = if text(dependency, "kind") == Some("dev") { Kind::Dev } else { Kind::Normal };
    let Some(path) = text(dependency, "path") else {
        if let Some(rule) = homes::refusal(room, name, kind, is_optional(dependency)) {
            complain(name, rule);
        }
        if !text(dependency, "source").unwrap_or_default().starts_with(homes::CRATES_IO) {
            complain(name, "outside crates come from crates.io alone".to_owned());
        }
        return Ok(());
    };
    let target = folder(metadata, &format!("{path}/Cargo.toml"));
    match target.as_deref().and_then(Room::of_folder) {
        None => complain(name, format!("`{path}` is no room of the house")),
        Some(target) if room == target && kind == Kind::Dev => {}
        Some(target) => {
            if let Some(rule) = room.refusal(target, kind) {
                complain(name, rule);
            }
        }
    }
    for feature in list(dependency, "features").filter_map(Value::as_str) {
        if let Some(rule) = room.feature_refusal(feature, kind) {
            complain(name, rule);
        }
    }
    Ok(())
}

fn is_optional(dependency: &Value) -> bool {
    dependency.get("optional").and_then(Value::as_bool).unwrap_or_default()
}

fn room_of(metadata: &Value, package: &Value) -> Result<Option<Room>> {
    let path = text(package, "manifest_path").context("a package without a path")?;
    Ok(folder(metadata, path).as_deref().and_then(Room::of_folder))
}

/// The folder of a manifest, from the workspace's root; `None` outside of it.
fn folder(metadata: &Value, manifest: &str) -> Option<String> {
    let root = text(metadata, "workspace_root")?;
    let folder = Path::new(manifest).parent()?.strip_prefix(root).ok()?;
    folder.to_str().map(str::to_owned)
}

/// What the resolved normal dependencies of a pure crate hold that they must not, default features on.
fn resolved(session: &Session, package: &str) -> Result<Vec<Violation>> {
    let arguments =
        ["tree", "--package", package, "--edges", "normal", "--prefix", "none", "--format", "{p}"];
    let tree = session.output(&mut session.workspace().cargo(&arguments))?;
    Ok(in_tree(package, &tree))
}

/// The banned crates in the lines of `cargo tree`.
fn in_tree(package: &str, tree: &str) -> Vec<Violation> {
    let mut names: Vec<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    names.sort_unstable();
    names.dedup();
    let banned = names.into_iter().filter(|name| homes::is_banned_inside(name));
    banned
        .map(|name| Violation {
            package: package.to_owned(),
            dependency: name.to_owned(),
            rule:
                "the resolved tree of an inner room holds no runtime and no client of the outside"
                    .to_owned(),
        })
        .collect()
}
