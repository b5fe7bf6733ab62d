//! Whole blocks, their edges, and every spelling of a forbidden place that we know.

mod addresses;
mod urls;
