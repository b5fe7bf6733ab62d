//! The transaction's own type is nobody's: with it came queries, and with those nested transactions.
use restartix_postgres::transaction::TenantTx;

fn main() {
    let _: Option<TenantTx> = None;
}
