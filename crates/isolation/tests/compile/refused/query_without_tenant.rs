//! A connection exists within a transaction of one organisation only.
use restartix_postgres::Database;

async fn everybody(database: &Database) {
    let _ = database.connection().await;
}

fn main() {
    let _ = everybody;
}
