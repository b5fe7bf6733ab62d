//! Within a unit of work no other is begun: a savepoint would keep an inner organisation.
use restartix_tenancy::Tenant;
use restartix_workflows::{Access, Work};

async fn nested(work: &mut dyn Work, tenant: &Tenant) {
    let _ = work.begin(tenant, Access::Change).await;
}

fn main() {
    let _ = nested;
}
