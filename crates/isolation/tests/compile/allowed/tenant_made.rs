//! A proof of organisation is lent by whoever looked it up.
use restartix_tenancy::{OrgId, Principal, Tenant};

fn organisation(principal: &Principal) -> Option<OrgId> {
    principal.tenant().ok().map(Tenant::organisation)
}

fn main() {
    let _ = organisation;
}
