use std::path::Path;

use serde_json::{Value, json};

use crate::support::Stand;

fn fixture(name: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/daily");
    serde_json::from_slice(&std::fs::read(folder.join(name)).unwrap()).unwrap()
}

#[test]
fn every_fixture_says_how_certain_it_is() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/daily");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let label = fixture(&name)["provenance"].clone();
        assert!([json!("doc"), json!("seen"), json!("assumed")].contains(&label), "{name}");
        seen += 1;
    }
    assert!(seen > 10);
}

/// What differs from one answer to the next, blanked.
fn steady(mut body: Value) -> Value {
    for key in ["id", "url", "created_at", "token"] {
        if let Some(value) = body.get_mut(key) {
            *value = Value::Null;
        }
    }
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stand_in_answers_as_the_fixtures_do() {
    let stand = Stand::new().await;
    for name in [
        "room-create.json",
        "room-create-duplicate.json",
        "room-create-unknown-key.json",
        "meeting-token-create.json",
        "room-delete.json",
    ] {
        let fixture = fixture(name);
        let request = &fixture["request"];
        let path = request["path"].as_str().unwrap().strip_prefix("/v1").unwrap();
        let method = request["method"].as_str().unwrap();
        let (status, body) = stand.api(method, path, request["body"].clone()).await;
        let expected = steady(fixture["answer"]["body"].clone());
        assert_eq!(
            (json!(status), steady(body)),
            (fixture["answer"]["status"].clone(), expected),
            "{name}"
        );
    }
}
