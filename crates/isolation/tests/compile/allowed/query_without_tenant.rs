//! What a transaction lends is bound to the organisation that was proven.
use restartix_kernel::{PersonId, StoreError};
use restartix_tenancy::Tenant;
use restartix_workflows::{Access, UnitOfWork};

async fn one(units: &dyn UnitOfWork, tenant: &Tenant, id: PersonId) -> Result<bool, StoreError> {
    let mut work = units.begin(tenant, Access::Read).await?;
    Ok(work.people().find(tenant.reach(), id).await?.is_some())
}

fn main() {
    let _ = one;
}
