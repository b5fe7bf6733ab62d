//! Pages in a real browser (`cargo xtask test` knows these tests by the name of this module).

mod join;
