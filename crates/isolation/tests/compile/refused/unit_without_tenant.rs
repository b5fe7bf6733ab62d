//! A unit of work is begun with a proof and not with a number.
use restartix_kernel::StoreError;
use restartix_tenancy::OrgId;
use restartix_workflows::{Access, UnitOfWork, Work};

async fn begin(units: &dyn UnitOfWork, organisation: OrgId) -> Result<Box<dyn Work>, StoreError> {
    units.begin(&organisation, Access::Read).await
}

fn main() {
    let _ = begin;
}
