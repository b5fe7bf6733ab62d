/// Who watches a phase.
pub trait Progress: Send + Sync {
    /// A step begins, perhaps while another is under way; `total` rows, where that is known. It ends when
    /// what is answered is dropped.
    fn begin(&self, step: &str, total: Option<u64>) -> Box<dyn Step>;
}

/// A step that is under way.
pub trait Step: Send + Sync {
    /// So many more rows.
    fn advance(&self, rows: u64);
}

/// Nobody watches.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unwatched;

impl Progress for Unwatched {
    fn begin(&self, _: &str, _: Option<u64>) -> Box<dyn Step> {
        Box::new(Self)
    }
}

impl Step for Unwatched {
    fn advance(&self, _: u64) {}
}
