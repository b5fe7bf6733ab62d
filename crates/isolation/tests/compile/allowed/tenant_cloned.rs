//! A proof is passed on by reference.
use restartix_tenancy::{OrgId, Tenant};

fn look(tenant: &Tenant) -> OrgId {
    tenant.organisation()
}

fn main() {
    let _ = |tenant: &Tenant| look(tenant);
}
