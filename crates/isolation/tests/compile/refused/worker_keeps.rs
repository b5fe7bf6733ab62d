//! A worker keeps no proof: it is lent for the one row in which it was found.
use restartix_tenancy::{ClaimedRow, Tenant};

fn keep(row: ClaimedRow<()>) -> Tenant {
    row.tenant
}

fn main() {
    let _ = keep;
}
