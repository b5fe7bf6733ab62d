//! No text leaves in an event.
use restartix_webhooks::PiiFree;

fn tell(value: &impl PiiFree) -> serde_json::Value {
    value.value()
}

fn main() {
    let _ = tell(&String::from("Ana Pop"));
}
