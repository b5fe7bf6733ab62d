//! When everything that the platform has to tell others has been told.

use anyhow::{Result, bail};

use crate::Target;
use crate::target::rows;

/// What still waits for a worker; what was tried in vain waits for its receiver, and what is of nobody's
/// organisation (a fault that was planted) for nobody.
const WAITING: &str = "SELECT
    (SELECT count(*) FROM public.telemetry_events t WHERE t.reason IS NULL
       AND EXISTS (SELECT FROM public.organizations o WHERE o.id = t.org_id))
  + (SELECT count(*) FROM public.webhook_outbox)
  + (SELECT count(*) FROM public.webhook_queue q JOIN public.webhook_endpoints e
       ON e.org_id = q.org_id AND e.id = q.endpoint_id
     WHERE q.attempts = 0 AND e.state = 'enabled')
  + (SELECT count(*) FROM public.webhook_in_flight f JOIN public.webhook_endpoints e
       ON e.org_id = f.org_id AND e.id = f.endpoint_id)";

/// Waits until nothing waits any more.
pub(crate) async fn settled(target: &Target) -> Result<()> {
    for _ in 0..300 {
        let waiting = rows(target.catalogue().simple_query(WAITING).await?);
        let waiting = waiting.into_iter().flatten().next().flatten();
        if waiting.as_deref() == Some("0") {
            return Ok(());
        }
        // The database is the clock: it is what is waited for.
        target.catalogue().batch_execute("SELECT pg_sleep(0.1)").await?;
    }
    bail!("the workers do not come to an end")
}
