//! A proof of organisation is lent by whoever looked it up.
use restartix_tenancy::{OrgId, Principal};

fn organisation(principal: &Principal) -> Option<OrgId> {
    principal.tenant().ok().map(|tenant| tenant.organisation())
}

fn main() {
    let _ = organisation;
}
