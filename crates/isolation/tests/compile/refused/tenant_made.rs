//! Nobody makes a proof of organisation by hand.
use restartix_tenancy::{Actor, OrgId, Tenant};

fn main() {
    let organisation = OrgId::new(2).unwrap();
    let _ = Tenant::new(organisation, Actor::System);
}
