//! The migration over real databases: two legacy ones with every planted fault, and the platform's.

// `cfg(test)` tells clippy that helpers beside the tests are tests too.
#[cfg(test)]
mod changes;
#[cfg(test)]
mod cutover;
#[cfg(test)]
mod loading;
#[cfg(test)]
mod plan;
#[cfg(test)]
mod support;
