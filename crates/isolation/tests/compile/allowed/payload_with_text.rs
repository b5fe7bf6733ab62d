//! A number and a word of a closed set may leave.
use restartix_webhooks::{PiiFree, Reason};

fn tell(value: &impl PiiFree) -> serde_json::Value {
    value.value()
}

fn main() {
    let _ = tell(&Reason::PatientRequest);
    let _ = tell(&30_u32);
}
