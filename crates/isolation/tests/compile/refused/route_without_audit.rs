//! No operation goes without saying what the audit keeps of it.
use restartix_http_api::{Declared, Verb};
use restartix_tenancy::RateClass;

fn main() {
    let _ = Declared {
        operation: "people.peek",
        method: Verb::Get,
        path: "/v1/people/peek",
        summary: "Looks at people.",
        rate: RateClass::Read,
    };
}
