use serde_json::{Value, json};

use crate::support::{Stand, error};
use restartix_sandbox::daily::Switches;

#[tokio::test(flavor = "multi_thread")]
async fn the_twenty_first_request_of_a_second_is_refused() {
    let stand = Stand::with(Switches::default()).await;
    for _ in 0..20 {
        assert_eq!(stand.api("GET", "/", Value::Null).await.0, 200);
    }
    let refused = stand.api("GET", "/", Value::Null).await;
    assert_eq!(error(refused), (429, "rate-limit-error".to_owned()));
    assert_eq!(stand.daily.peak_per_second(), 21);
    stand.advance(1);
    assert_eq!(stand.api("GET", "/", Value::Null).await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn deletions_and_recordings_have_smaller_budgets_that_can_be_switched_off() {
    let stand = Stand::with(Switches::default()).await;
    let limited = async |method, path| {
        let mut statuses = Vec::new();
        for _ in 0..3 {
            statuses.push(stand.api(method, path, Value::Null).await.0);
        }
        statuses
    };
    assert_eq!(limited("DELETE", "/rooms/r").await, [404, 404, 429]);
    assert_eq!(limited("GET", "/recordings").await, [200, 200, 429]);
    assert_eq!(limited("POST", "/rooms/r/recordings/start").await, [404, 429, 429]);
    stand.control("POST", "/switches", json!({"rate_limits": false})).await;
    assert_eq!(limited("DELETE", "/rooms/r").await, [404, 404, 404]);
}
