//! What is there for others begins units of work, and nothing else.
use restartix_postgres::PgUnits;

fn main() {
    let _: Option<PgUnits> = None;
}
