//! Webhooks: what whoever watches them is shown, and what the server does for them unasked.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use restartix_kernel::{Clock as _, SystemClock};
use restartix_sandbox::daily::Options;
use restartix_sandbox::receiver::{self, Receiver};
use restartix_testkit::sql;

use crate::client::wait_for;
use crate::support::Stack;
use crate::webhooks::listen;

const PATIENCE: Duration = Duration::from_secs(60);

/// What `/metrics` says: each name with its labels, and its value.
fn counted(stack: &Stack) -> Result<BTreeMap<String, f64>> {
    let answer = stack.anybody().get("/metrics")?;
    ensure!(answer.status == 200, "{answer:?}");
    let lines = answer.text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').context("a name and a value")?;
            Ok((name.to_owned(), value.parse().with_context(|| line.to_owned())?))
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_watches_sees_outcomes_breakers_and_lags_and_nobodys_name() -> Result<()> {
    let stack = Stack::start().await?;
    let receiver = Receiver::start(receiver::Options::default()).await?;
    let (one, two) = (stack.clinic("one")?, stack.clinic("two")?);
    let well = listen(&receiver, &one, "one", &["appointment.*"])?;
    let ill = listen(&receiver, &two, "two", &["appointment.*"])?;
    receiver.switch("two", |switches| switches.status = 500);
    one.book(&one.slots()?[0])?;
    let slots = two.slots()?;
    two.book(&slots[0])?;
    let of = |name: &str, counted: &BTreeMap<String, f64>| counted.get(name).copied();
    wait_for("a breaker that has opened", PATIENCE, || {
        let now = counted(&stack)?;
        let apart =
            ["open", "half_open"].map(|state| format!("webhook_endpoints{{state=\"{state}\"}}"));
        Ok((apart.iter().filter_map(|name| of(name, &now)).sum::<f64>() == 1.0).then_some(()))
    })?;
    // What happens now waits for the next probe to be answered.
    two.book(&slots[2])?;
    let now = wait_for("a clinic that lags", PATIENCE, || {
        let now = counted(&stack)?;
        let late = of("webhook_organizations_lagging{longer_than=\"1s\"}", &now) == Some(1.0);
        Ok(late.then_some(now))
    })?;
    for (name, at_least) in [
        ("webhook_oldest_due_age_seconds", 1.0),
        ("webhook_organization_lag_seconds_max", 1.0),
        ("webhook_due_deliveries", 1.0),
        ("webhook_attempts_total{outcome=\"2xx\"}", 3.0),
        ("webhook_attempts_total{outcome=\"5xx\"}", 2.0),
        ("webhook_attempt_duration_seconds_count{outcome=\"5xx\"}", 2.0),
        ("webhook_endpoints{state=\"closed\"}", 1.0),
    ] {
        ensure!(of(name, &now) >= Some(at_least), "{name} is {:?}", of(name, &now));
    }
    for state in ["open", "half_open", "slow_start", "paused", "disabled", "pending_verification"] {
        let name = format!("webhook_endpoints{{state=\"{state}\"}}");
        ensure!(now.contains_key(&name), "{name} is missing");
    }
    for longer_than in ["1s", "10s", "1m", "10m", "1h"] {
        let name = format!("webhook_organizations_lagging{{longer_than=\"{longer_than}\"}}");
        ensure!(now.contains_key(&name), "{name} is missing");
    }
    for name in ["webhook_unsequenced_events", "webhook_unsequenced_age_seconds"] {
        ensure!(now.contains_key(name), "{name} is missing");
    }
    // Anybody may look: how each clinic fares is told, and not which one it is.
    for name in now.keys().filter(|name| name.starts_with("webhook_")) {
        let labels = name.split_once('{').map(|(_, labels)| labels.trim_end_matches('}'));
        for label in labels.into_iter().flat_map(|labels| labels.split(',')) {
            let known = ["outcome=", "state=", "longer_than=", "le="];
            ensure!(known.iter().any(|known| label.starts_with(known)), "{name}");
        }
        ensure!(!name.contains(&well) && !name.contains(&ill), "{name}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_starts_makes_the_weeks_that_are_missing() -> Result<()> {
    let mut stack = Stack::prepare(Options::default(), &[]).await?;
    let weeks = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'webhook_events'::regclass";
    let before = stack.number(weeks).await?;
    let forget = "DO $$ BEGIN
        EXECUTE (SELECT format('DROP TABLE %I', max(relname)) FROM pg_class
                 WHERE relispartition AND relkind = 'r' AND relname ~ '^webhook_events_[0-9]{8}$');
      END $$";
    sql(&stack.database, forget).await?;
    assert_eq!(stack.number(weeks).await?, before - 1);
    stack.serve()?;
    let made = async {
        while stack.number(weeks).await? < before {
            SystemClock.sleep(Duration::from_millis(50)).await;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(PATIENCE, made).await.context("the week was not made")?
}
