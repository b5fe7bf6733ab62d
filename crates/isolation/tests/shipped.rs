//! What ships has nothing that only proofs need; and every fault that is compiled in for them is planted.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// Features that exist for proofs alone.
const PROOFS: [&str; 2] = ["conformance", "mutants"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The crates of the house in the tree of `package` as a release builds it, each with its features.
fn tree(package: &str) -> Result<Vec<(String, BTreeSet<String>)>> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["tree", "--offline", "--package", package, "--edges", "normal,build"]);
    cargo.args(["--prefix", "none", "--format", "{p}|{f}"]).current_dir(root());
    let output = cargo.output().context("cargo tree")?;
    let told = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "cargo tree --package {package}: {told}");
    let text = String::from_utf8(output.stdout)?;
    let of_house = text.lines().filter_map(|line| {
        let (name, features) = line.split_once('|')?;
        let name = name.split(' ').next()?.strip_prefix("restartix-")?;
        let features = features.trim_end_matches(" (*)").split(',').map(str::to_owned);
        Some((name.to_owned(), features.collect()))
    });
    Ok(of_house.collect())
}

#[test]
fn the_servers_release_has_no_feature_of_proofs_and_the_mutant_server_has() -> Result<()> {
    let shipped = tree("restartix-core-api")?;
    ensure!(shipped.len() > 10, "only {shipped:?} were looked at");
    let system = shipped.iter().any(|(name, has)| name == "kernel" && has.contains("system"));
    ensure!(system, "features do not show: {shipped:?}");
    for (name, features) in &shipped {
        for proof in PROOFS {
            ensure!(!features.contains(proof), "the server ships {name} with `{proof}`");
        }
    }
    let mutants = tree("restartix-mutant-server")?;
    let has = mutants.iter().filter(|(_, features)| features.contains("mutants")).count();
    ensure!(has >= 5, "the mutant server has mutants in {has} crates");
    Ok(())
}

#[test]
fn nobody_builds_the_mutant_server_unasked() -> Result<()> {
    let manifest = fs::read_to_string(root().join("Cargo.toml"))?;
    let list = |name: &str| -> Result<BTreeSet<&str>> {
        let (_, list) = manifest.split_once(name).with_context(|| format!("no {name}"))?;
        let (list, _) = list.split_once(']').context("a list without an end")?;
        Ok(list.split('"').skip(1).step_by(2).collect())
    };
    let (mut members, default) = (list("\nmembers = [")?, list("\ndefault-members = [")?);
    ensure!(members.remove("bins/mutant-server"), "the mutant server is no member");
    ensure!(members == default, "members: {members:#?}\ndefault members: {default:#?}");
    Ok(())
}

/// Every text in these files that stands between `before` and the next quotation mark.
fn named(dir: &Path, before: &[&str], into: &mut BTreeSet<String>) -> Result<()> {
    for entry in fs::read_dir(dir).with_context(|| dir.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() && !path.ends_with("target") {
            named(&path, before, into)?;
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            let source = fs::read_to_string(&path)?;
            // Line breaks of the formatter's are no difference.
            let source = source.split_whitespace().collect::<Vec<_>>().join(" ");
            for before in before {
                let found = source.split(before).skip(1).filter_map(|rest| {
                    let (name, _) =
                        rest.trim_start_matches(' ').strip_prefix('"')?.split_once('"')?;
                    Some(name.to_owned())
                });
                into.extend(found);
            }
        }
    }
    Ok(())
}

/// One that no probe plants proves nothing; one that is nowhere compiled in cannot be found.
#[test]
fn every_mutant_of_the_product_is_planted_by_a_probe_and_the_other_way_round() -> Result<()> {
    let (mut compiled, mut planted) = (BTreeSet::new(), BTreeSet::new());
    for room in
        ["crates/domain", "crates/adapters", "crates/workflows", "crates/http-api", "bins/core-api"]
    {
        named(&root().join(room), &["planted("], &mut compiled)?;
    }
    // The kernel's own example.
    let mut texts = BTreeSet::new();
    named(&root().join("crates/isolation/src"), &[",", "("], &mut texts)?;
    let is_name = |text: &&String| {
        let of = text.split_once('.').map(|(of, _)| of);
        let known = compiled.iter().filter_map(|name| name.split_once('.'));
        of.is_some_and(|of| known.clone().any(|(crate_of, _)| crate_of == of))
            && text
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || b"-._0123456789".contains(&byte))
    };
    planted.extend(texts.iter().filter(is_name).cloned());
    ensure!(compiled.len() >= 10, "only {compiled:?}");
    ensure!(compiled == planted, "compiled in: {compiled:#?}\nplanted: {planted:#?}");
    Ok(())
}
