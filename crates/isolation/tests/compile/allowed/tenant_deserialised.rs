//! What comes in a request is an id, which proves nothing.
use restartix_kernel::PersonId;

fn main() {
    let _: Result<PersonId, _> = serde_json::from_str("\"0198c6f0-7e6b-7c3a-9f5e-1a2b3c4d5e6f\"");
}
