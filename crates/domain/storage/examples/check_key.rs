//! Reads one relative key per line, in hexadecimal, and prints for each `ok` with the key that
//! organisation 1 would have, or `reject` with the rule that it breaks. An empty line is the empty
//! key; what is no hexadecimal is said to be so, and does not stop the rest.

use std::io::{self, BufRead, Write};

use restartix_kernel::SeededRandom;
use restartix_storage::org_scoped_key;
use restartix_tenancy::conformance::principal;
use restartix_tenancy::{Role, Tenant};

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let principal = principal(1, Role::Admin, &SeededRandom::new(1)).await;
    let tenant = principal.tenant().map_err(io::Error::other)?;
    let mut told = io::BufWriter::new(io::stdout().lock());
    for line in io::stdin().lock().split(b'\n') {
        writeln!(told, "{}", verdict(tenant, &line?))?;
    }
    told.flush()
}

fn verdict(tenant: &Tenant, line: &[u8]) -> String {
    let Some(relative) = bytes(line.trim_ascii()) else {
        return "error: not hexadecimal".to_owned();
    };
    match org_scoped_key(tenant, &relative) {
        Ok(key) => format!("ok {key}"),
        Err(error) => format!("reject {}", error.rule),
    }
}

fn bytes(hex: &[u8]) -> Option<Vec<u8>> {
    let digits = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let plain = hex.len().is_multiple_of(2) && hex.iter().all(u8::is_ascii_hexdigit);
    plain.then(|| hex.chunks(2).map(digits).collect()).flatten()
}
