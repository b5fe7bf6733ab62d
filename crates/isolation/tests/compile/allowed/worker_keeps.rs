//! A worker acts where a claimed row says.
use restartix_tenancy::{ClaimError, ClaimSource, ClaimedRows, OrgId};

async fn round<S: ClaimSource<Row = u32>>(rows: &ClaimedRows<S>, key: &S::Key) -> Result<Vec<OrgId>, ClaimError> {
    let mut seen = Vec::new();
    for row in rows.claim(key).await? {
        seen.push(rows.run(row, async |tenant, _number| tenant.organisation()).await);
    }
    Ok(seen)
}

fn main() {
    let _ = |rows: &ClaimedRows<std::sync::Arc<dyn ClaimSource<Key = (), Row = u32>>>| drop(round(rows, &()));
}
