//! A proof does not outlive the request for which it was made.
use restartix_tenancy::Tenant;

fn keep(tenant: &Tenant) -> Tenant {
    Tenant::clone(tenant)
}

fn main() {
    let _ = keep;
}
