//! A worker acts where a claimed row says, and cannot write the row itself.
use restartix_tenancy::{Actor, ClaimedRow, OrgId};

fn main() {
    let _ = ClaimedRow { organisation: OrgId::new(2).unwrap(), actor: Actor::System, row: () };
}
