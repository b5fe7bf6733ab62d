//! Tells the crate when a migration changes: what is embedded is read at compile time, and test
//! templates are kept by what is in it.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::{fs, io};

const MIGRATIONS: &str = "../../../migrations/schema";

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-changed={MIGRATIONS}");
    let mut names: Vec<_> =
        fs::read_dir(MIGRATIONS)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    names.sort();
    let mut hasher = DefaultHasher::new();
    for directory in names {
        for file in ["up.sql", "down.sql"] {
            hash(&directory.join(file), &mut hasher)?;
        }
    }
    println!("cargo:rustc-env=RESTARTIX_MIGRATIONS_DIGEST={:016x}", hasher.finish());
    Ok(())
}

fn hash(file: &Path, hasher: &mut DefaultHasher) -> io::Result<()> {
    println!("cargo:rerun-if-changed={}", file.display());
    file.hash(hasher);
    fs::read(file)?.hash(hasher);
    Ok(())
}
