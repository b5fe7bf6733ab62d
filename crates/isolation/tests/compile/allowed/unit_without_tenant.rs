//! A unit of work is begun with a proof.
use restartix_kernel::StoreError;
use restartix_tenancy::Tenant;
use restartix_workflows::{Access, UnitOfWork, Work};

async fn begin(units: &dyn UnitOfWork, tenant: &Tenant) -> Result<Box<dyn Work>, StoreError> {
    units.begin(tenant, Access::Read).await
}

fn main() {
    let _ = |units, tenant| begin(units, tenant);
}
