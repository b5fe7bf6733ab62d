/// Who watches a phase: called as it goes, from one task.
pub trait Progress: Send + Sync {
    /// A step begins; `total` rows, where that is known.
    fn begin(&self, step: &str, total: Option<u64>);
    /// So many more rows.
    fn advance(&self, rows: u64);
    /// The step has ended.
    fn end(&self);
}

/// Nobody watches.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unwatched;

impl Progress for Unwatched {
    fn begin(&self, _: &str, _: Option<u64>) {}
    fn advance(&self, _: u64) {}
    fn end(&self) {}
}
