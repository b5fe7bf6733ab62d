//! Rows by one statement.

/// Inserts any number of rows into a table by one statement, or by none; answers how many.
///
/// One row is a statement of its own, that the connection keeps: almost every change leaves one of a kind.
/// Several are prepared each time.
macro_rules! insert_rows {
    ($tx:ident, $table:expr, $rows:expr) => {{
        let insert = diesel::insert_into($table);
        let mut rows: Vec<_> = $rows.collect();
        match rows.len() {
            0 | 1 => match rows.pop() {
                Some(one) => insert.values(one).execute(&mut $tx).await,
                None => Ok(0),
            },
            _ => insert.values(rows).execute(&mut $tx).await,
        }
    }};
}

pub(crate) use insert_rows;
