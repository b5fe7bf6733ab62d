//! A proof does not come in a request.
use restartix_tenancy::Tenant;

fn main() {
    let _: Tenant = serde_json::from_str("{}").unwrap();
}
