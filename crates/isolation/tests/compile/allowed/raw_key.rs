//! An object is named by a key, which begins with the organisation that was proven.
use restartix_storage::{ObjectError, ObjectStore, org_scoped_key};
use restartix_tenancy::Tenant;

async fn read(store: &dyn ObjectStore, tenant: &Tenant) -> Result<bool, ObjectError> {
    let Ok(key) = org_scoped_key(tenant, b"documents/ours") else { return Ok(false) };
    Ok(store.head(&key, None).await?.is_some())
}

fn main() {
    let _ = |store, tenant| read(store, tenant);
}
